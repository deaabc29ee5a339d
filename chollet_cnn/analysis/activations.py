"""Activations: the feature maps that the layers of a network make of an image."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
import pandas as pd
from keras import ops
from matplotlib.figure import Figure

from chollet_cnn.analysis import gradients
from chollet_cnn.analysis.model_graph import (
    Tensor,
    UnsupportedModelError,
    as_batch,
    channels_of,
    feature_layers,
    full_name,
    layer_outputs,
    layers_of,
    one_image,
)
from chollet_cnn.analysis.receptive_fields import CellGrid
from chollet_cnn.concepts.checks import as_array, whole_number
from chollet_cnn.drawing import mosaics, sheet, style
from chollet_cnn.drawing.numbers import format_count, format_number, format_percent


def compute_activations(
    model: keras.Model, images: np.ndarray, layers: Sequence[str] | None = None
) -> dict[str, np.ndarray]:
    """Return the outputs of layers for images.

    Args:
        model: the network.
        images: ``(n, height, width, channels)``, or one image without the n, in the range that the
            network takes.
        layers: names; by default every convolution, pooling and activation layer.

    Returns:
        The output of each layer by its name, in the order of ``layers`` or of the network; feature
        maps are ``(n, rows, columns, channels)``.

    Raises:
        ValueError: the images do not fit the network, or it has no such layer.
        UnsupportedModelError: the network is subclassed or not built, or has no feature maps.
    """
    images, names = as_batch(model, images), _names(model, layers)
    found = gradients.compiled(model, lambda x: layer_outputs(model, x, names))(images)
    return {name: found[name] for name in names}  # jax.jit sorts dictionaries by key


def channel_maxima(
    model: keras.Model,
    images: np.ndarray,
    layers: Sequence[str] | None = None,
    *,
    batch_size: int = 64,
) -> dict[str, np.ndarray]:
    """Return the largest value of each feature map for each image.

    Args:
        model: the network.
        images: ``(n, height, width, channels)``.
        layers: names; by default every convolution, pooling and activation layer.
        batch_size: how many images' feature maps are in memory at a time.

    Returns:
        By the name of each layer ``(n, channels)``.

    Raises:
        ValueError: as :func:`compute_activations`, or a layer has no feature maps.
    """
    names = _names(model, layers)
    for name in names:
        channels_of(model, name)

    def maxima(batch: Tensor) -> dict[str, Tensor]:
        maps = layer_outputs(model, batch, names)
        return {name: ops.max(output, axis=(1, 2)) for name, output in maps.items()}

    parts = gradients.run_in_batches(model, maxima, images, batch_size)
    return {name: np.concatenate([part[name] for part in parts]) for name in names}


def _names(model: keras.Model, layers: Sequence[str] | None) -> list[str]:
    if layers is None:
        layers = feature_layers(model)
        if not layers:
            raise UnsupportedModelError(
                "the network has no convolution, pooling or activation layer with feature maps; "
                f"its layers are {', '.join(layers_of(model))}"
            )
    layers = [layers] if isinstance(layers, str) else layers
    if not len(layers):
        raise ValueError("the list of layers is empty; name at least one")
    return [full_name(model, name) for name in layers]


def inactive_channels(
    model: keras.Model,
    image: np.ndarray,
    sample: np.ndarray,
    layers: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Count the inactive channels of each layer: those whose feature map is nowhere positive.

    Args:
        model: the network.
        image: ``(height, width, channels)``.
        sample: more images, ``(n, height, width, channels)``; a channel that is inactive for all of
            them is called dead.
        layers: names; by default every convolution, pooling and activation layer.

    Returns:
        A row for each layer, in the network's order: ``layer``, ``channels``,
        ``inactive_for_image`` and ``dead`` (channels), ``share_inactive_for_image`` and
        ``share_dead`` (0..1), ``sample`` (the number of images).

    Raises:
        ValueError: as :func:`channel_maxima`.
    """
    for_image = channel_maxima(model, one_image(model, image), layers)
    for_sample = channel_maxima(model, sample, layers)
    table = pd.DataFrame(
        {
            "layer": list(for_image),
            "channels": [maxima.shape[1] for maxima in for_image.values()],
            "inactive_for_image": [int((m[0] <= 0).sum()) for m in for_image.values()],
            "dead": [int((m.max(axis=0) <= 0).sum()) for m in for_sample.values()],
        }
    )
    for column in ("inactive_for_image", "dead"):
        table[f"share_{column}"] = table[column] / table["channels"]
    return table.assign(sample=len(next(iter(for_sample.values()))))


def top_activating_images(
    model: keras.Model,
    images: np.ndarray,
    layer: str,
    channels: Sequence[int] | None = None,
    *,
    count: int = 5,
) -> pd.DataFrame:
    """Find the images that activate each channel of a layer most.

    Args:
        model: the network.
        images: ``(n, height, width, channels)``.
        layer: its name.
        channels: which channels; by default all.
        count: images for each channel.

    Returns:
        A row for each channel and rank: ``channel``, ``rank`` (from 1), ``image`` (its index in
        ``images``), ``activation`` (the largest value of the feature map).

    Raises:
        ValueError: as :func:`channel_maxima`, or there is no such channel.
    """
    name = full_name(model, layer)
    chosen = channels_of(model, name, channels)
    count = whole_number(count, "count")
    maxima = channel_maxima(model, images, [name])[name]
    best = {c: np.argsort(-maxima[:, c], kind="stable")[:count] for c in chosen.tolist()}
    return pd.DataFrame(
        [
            {"channel": channel, "rank": rank, "image": index, "activation": maxima[index, channel]}
            for channel, indices in best.items()
            for rank, index in enumerate(indices.tolist(), start=1)
        ]
    )


def strongest_channel(maps: np.ndarray) -> int:
    """Return the channel with the highest value, of one image's ``(rows, columns, channels)``."""
    return int(maps.max(axis=(0, 1)).argmax())


def _of_one_image(maps: np.ndarray) -> np.ndarray:
    """Return feature maps as ``(rows, columns, channels)``; they may be a batch of one."""
    maps = as_array(maps, "array of feature maps")
    maps = maps[0] if maps.ndim == 4 and len(maps) == 1 else maps
    if maps.ndim != 3:
        raise ValueError(
            f"feature maps of one image have the shape (rows, columns, channels), not {maps.shape}"
        )
    return maps


def plot_activations(maps: np.ndarray, layer: str) -> Figure:
    """Draw all feature maps of a layer for one image, on one scale.

    Black is zero and below, white the 99.5% quantile of the positive values; brightness grows with
    the square root in between, as a single bright cell would otherwise leave everything else black.
    Inactive channels are marked in vermilion.

    Args:
        maps: ``(rows, columns, channels)``, or a batch of one.
        layer: its name, for the title.

    Returns:
        The figure.

    Raises:
        ValueError: there are feature maps of several images, or none, or they are not finite.
    """
    maps = _of_one_image(maps)
    height, width, channels = maps.shape
    inactive = maps.max(axis=(0, 1)) <= 0
    white = float(np.quantile(maps[maps > 0], 0.995)) if not inactive.all() else 1.0
    count = format_count(channels, "feature map")
    number = {0: "none", channels: "all"}.get(inactive.sum(), f"{inactive.sum()}")
    note = f"One scale: black 0 and below, mid-grey {white / 4:.2g}, white {white:.2g} and above."
    if inactive.any():
        note += " Vermilion: inactive, nothing above 0."
    return mosaics.plot_mosaic(
        np.moveaxis(maps, -1, 0),
        [str(channel) for channel in range(channels)],
        columns=8 if channels <= 32 else 16,
        title=f"{layer}: {count} of {width}×{height}, {number} of them inactive",
        note=note,
        limits=(0, white),
        square_root=True,
        highlighted=inactive,
    )


def plot_strongest_channel(
    image: np.ndarray,
    maps: np.ndarray,
    layer: str,
    grid: CellGrid,
    *,
    pixel_range: tuple[float, float] = (0, 255),
) -> Figure:
    """Draw a layer's strongest channel beside the image and over it.

    Args:
        image: ``(height, width, 1 or 3)``.
        maps: ``(rows, columns, channels)``, the layer's output for the image, or a batch of one.
        layer: its name, for the title.
        grid: where the cells of the feature maps are in the image, from
            :func:`~chollet_cnn.analysis.receptive_fields.cell_grid_of`.
        pixel_range: the numbers that stand for black and white in the image.

    Returns:
        The figure.

    Raises:
        ValueError: the pixels are of another range, or there are feature maps of several images.
    """
    image, maps = sheet.to_grey_levels(image, pixel_range), _of_one_image(maps)
    channel = strongest_channel(maps)
    chosen = maps[..., channel]
    heatmap = grid.resize_to_image(chosen, image.shape[:2])
    title = f"{layer}: no channel is above 0 anywhere"
    if chosen.max() > 0:
        title = f"{layer}: channel {channel} has the highest value, where the image is vermilion"
    figure = sheet.panels(2.5, title)
    first, second, third = figure.subplots(1, 3)
    sheet.draw_image(first, image, "the image")
    white = max(float(chosen.max()), 0) or 1.0  # the channel may be inactive
    label = f"channel {channel}: 0 black, {format_number(white, 3)} white"
    sheet.draw_image(second, chosen, label, high=white)
    sheet.draw_image(third, mosaics.overlay(image, heatmap), "channel over image")
    return figure


def plot_inactive_channels(table: pd.DataFrame) -> Figure:
    """Draw the shares of :func:`inactive_channels`: for the image, and over the whole sample.

    Args:
        table: from :func:`inactive_channels`.

    Returns:
        The figure.
    """
    rows, shares = np.arange(len(table)), table["share_inactive_for_image"]
    ends = [f"{format_percent(shares.iloc[i])} in {table['layer'].iloc[i]}" for i in (0, -1)]
    title = f"The share of inactive channels does not rise: {', '.join(ends)}"
    if len(table) == 1:
        title = f"Inactive channels: {ends[0]}"
    elif shares.iloc[-1] > shares.iloc[0]:
        title = f"More channels are inactive at the end: {', '.join(ends)}"
    figure = sheet.panels(0.8 + 0.4 * len(table), title)
    axes = figure.add_subplot()
    for column, name, shift, color in (
        ("inactive_for_image", "for this image", -0.18, style.DATA),
        ("dead", f"for all of {format_count(table['sample'].iloc[0], 'image')}", 0.18, style.THIRD),
    ):
        bars = axes.barh(rows + shift, table[f"share_{column}"], 0.3, color=color)
        labels = [
            f"{format_percent(number / channels)} ({number} of {channels})"
            for number, channels in zip(table[column], table["channels"], strict=True)
        ]
        labels[0] += f" inactive {name}"
        axes.bar_label(bars, labels, padding=3, fontsize=sheet.SMALL, color=style.ink(color))
    axes.set_yticks(rows, table["layer"], fontsize=sheet.BODY)
    axes.invert_yaxis()
    largest = max(shares.max(), table["share_dead"].max())
    axes.set_xlim(0, max(0.1, 1.3 * largest))  # room for the label of the longest bar
    axes.xaxis.set_major_formatter(lambda share, _: format_percent(share) if share <= 1 else "")
    axes.set_xlabel("share of the layer's channels", fontsize=sheet.BODY)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    return figure


def plot_top_activating_images(
    table: pd.DataFrame,
    images: np.ndarray,
    layer: str,
    *,
    pixel_range: tuple[float, float] = (0, 255),
) -> Figure:
    """Draw the images that activate each channel most, a row for each channel, strongest first.

    Args:
        table: from :func:`top_activating_images`.
        images: the images that it was computed from.
        layer: its name, for the title.
        pixel_range: the numbers that stand for black and white in the images.

    Returns:
        The figure.

    Raises:
        ValueError: the pixels are of another range.
    """
    shown = sheet.to_grey_levels(np.asarray(images)[table["image"]], pixel_range)
    shown[table["activation"] <= 0] = 255  # blank
    labels = [
        (f"{row.channel}: " if row.rank == 1 else "")
        + (format_number(row.activation, 3) if row.activation > 0 else "none")
        for row in table.itertuples()
    ]
    return mosaics.plot_mosaic(
        shown,
        labels,
        columns=int(table["rank"].max()),
        title=f"{layer}: the images that activate each channel most",
        note="A row for each channel: its number, then the largest value of each feature map.",
    )
