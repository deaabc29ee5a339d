"""Activations: what each layer of a network makes of a picture.

A layer of a convolutional network turns a picture into a stack of maps, one a channel. A map is
bright where the picture holds what its channel looks for, and dark where it does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from chollet_cnn.analysis import gradients
from chollet_cnn.drawing import mosaics, style

if TYPE_CHECKING:
    import keras
    import pandas as pd
    from matplotlib.figure import Figure

    from chollet_cnn.analysis.heatmaps import CellGrid


def feature_layers(model: keras.Model) -> list[str]:
    """Name the layers that give maps: convolutions, poolings, and activations that follow them."""
    from keras import layers

    kinds = (
        layers.Conv2D, layers.DepthwiseConv2D, layers.SeparableConv2D, layers.Conv2DTranspose,
        layers.MaxPooling2D, layers.AveragePooling2D,
        layers.Activation, layers.ReLU, layers.LeakyReLU, layers.ELU, layers.PReLU,
    )  # fmt: skip
    return [
        name
        for name, layer in gradients.layers_of(model).items()
        if isinstance(layer, kinds) and len(layer.output.shape) == 4
    ]


def activations(
    model: keras.Model, images: np.ndarray, layers: Sequence[str] | None = None
) -> dict[str, np.ndarray]:
    """Return what layers give for pictures.

    Args:
        model: the network.
        images: ``(n, height, width, channels)`` or one picture without the n, as the network
            takes them.
        layers: names; every convolution, pooling and activation layer if they are left out.

    Returns:
        The name of each layer and its output; of a layer with maps
        ``(n, rows, columns, channels)``.

    Raises:
        ValueError: the pictures do not fit the network, or it has no such layer.
    """
    images = gradients.as_batch(model, images)
    names = _names(model, layers)
    return gradients.compiled(model, lambda x: gradients.layer_outputs(model, x, names))(images)


def channel_peaks(
    model: keras.Model,
    images: np.ndarray,
    layers: Sequence[str] | None = None,
    *,
    batch_size: int = 64,
) -> dict[str, np.ndarray]:
    """Return how strongly each picture excites each channel: the largest value of its map.

    Only one batch of maps is in memory at a time, however many pictures there are.

    Returns:
        The name of each layer and an array ``(n, channels)``.
    """
    from keras import ops

    names = _names(model, layers)

    def peaks(batch: gradients.Tensor) -> dict[str, gradients.Tensor]:
        maps = gradients.layer_outputs(model, batch, names)
        return {name: ops.max(output, axis=(1, 2)) for name, output in maps.items()}

    run = gradients.compiled(model, peaks)
    parts = [
        run(gradients.as_batch(model, images[start : start + batch_size]))
        for start in range(0, len(images), batch_size)
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in names}


def _names(model: keras.Model, layers: Sequence[str] | None) -> list[str]:
    if layers is None:
        return feature_layers(model)
    return [gradients.full_name(model, name) for name in layers]


def inactive_channels(
    model: keras.Model,
    picture: np.ndarray,
    sample: np.ndarray,
    layers: Sequence[str] | None = None,
    *,
    batch_size: int = 64,
) -> pd.DataFrame:
    """Count the channels of each layer that stay dark: whose map is nowhere above zero.

    Args:
        model: the network.
        picture: ``(height, width, channels)``.
        sample: more pictures, ``(n, height, width, channels)``; a channel that stays dark for every
            one of them looks for nothing that they show.
        layers: names; every convolution, pooling and activation layer if they are left out.
        batch_size: how many pictures' maps are in memory at a time.

    Returns:
        A row a layer, in the network's order: ``layer``, ``channels``, ``dark_for_picture`` and
        ``never_lit`` (channels), ``share_dark_for_picture`` and ``share_never_lit`` (0..1),
        ``sample`` (how many pictures).
    """
    import pandas as pd

    for_picture = channel_peaks(model, gradients.as_batch(model, picture), layers)
    for_sample = channel_peaks(model, sample, layers, batch_size=batch_size)
    rows = []
    for name, peaks in for_picture.items():
        dark = int((peaks[0] <= 0).sum())
        never = int((for_sample[name].max(axis=0) <= 0).sum())
        channels = peaks.shape[1]
        shares = {
            "share_dark_for_picture": dark / channels,
            "share_never_lit": never / channels,
        }
        counts = {"channels": channels, "dark_for_picture": dark, "never_lit": never}
        rows.append({"layer": name} | counts | shares | {"sample": len(sample)})
    return pd.DataFrame(rows)


def top_activating_images(
    model: keras.Model,
    images: np.ndarray,
    layer: str,
    channels: Sequence[int] | None = None,
    *,
    count: int = 5,
    batch_size: int = 64,
) -> pd.DataFrame:
    """Find, for each channel of a layer, the pictures that excite it most.

    Args:
        model: the network.
        images: ``(n, height, width, channels)``.
        layer: its name.
        channels: which channels; all if they are left out.
        count: pictures for each channel.
        batch_size: how many pictures' maps are in memory at a time.

    Returns:
        A row for each channel and rank: ``channel``, ``rank`` (from 1), ``picture`` (its place in
        ``images``), ``activation`` (the largest value of the channel's map).
    """
    import pandas as pd

    (peaks,) = channel_peaks(model, images, [layer], batch_size=batch_size).values()
    rows = []
    for channel in _channels(channels, peaks.shape[1]):
        best = np.argsort(-peaks[:, channel], kind="stable")[:count]
        rows += [
            {"channel": channel, "rank": rank, "picture": int(i), "activation": peaks[i, channel]}
            for rank, i in enumerate(best, start=1)
        ]
    return pd.DataFrame(rows)


def _channels(chosen: Sequence[int] | None, there: int) -> list[int]:
    if chosen is None:
        return list(range(there))
    for channel in chosen:
        if not 0 <= channel < there:
            raise ValueError(f"there is no channel {channel}; the layer has 0 to {there - 1}")
    return list(chosen)


def strongest_channel(maps: np.ndarray) -> int:
    """Return the channel with the highest value, of one picture's ``(rows, columns, channels)``."""
    return int(maps.max(axis=(0, 1)).argmax())


def plot_activations(maps: np.ndarray, layer: str, *, columns: int | None = None) -> Figure:
    """Draw every channel of a layer for one picture, all on one scale.

    Black is zero and below. White is the value that one in two hundred of those above zero exceeds,
    and all above it, and brightness grows with the square root in between: a single bright dot
    would otherwise leave everything else black. A channel that stays dark is marked in vermilion.

    Args:
        maps: ``(rows, columns, channels)``.
        layer: its name, for the title.
        columns: maps in a row.
    """
    maps = np.asarray(maps)
    height, width, channels = maps.shape
    dark = maps.max(axis=(0, 1)) <= 0
    white = float(np.quantile(maps[maps > 0], 0.995)) if not dark.all() else 1.0
    title = f"{layer}: {channels} maps of {width}×{height}, {_dark_words(dark)}"
    note = f"One scale: black 0 and below, mid-grey {white / 4:.2g}, white {white:.2g} and above."
    if dark.any():
        note += " Vermilion: channels with nothing above 0."
    return mosaics.plot_mosaic(
        np.moveaxis(maps, -1, 0),
        [str(channel) for channel in range(channels)],
        columns=columns or (8 if channels <= 32 else 16),
        title=title,
        note=note,
        limits=(0, white),
        faint=True,
        pointed_at=dark,
    )


def _dark_words(dark: np.ndarray) -> str:
    if not dark.any():
        return "none of them dark"
    return "all of them dark" if dark.all() else f"{dark.sum()} of them dark"


def plot_strongest_channel(
    picture: np.ndarray, maps: np.ndarray, layer: str, place: CellGrid
) -> Figure:
    """Draw a layer's strongest channel beside the picture and laid over it.

    Args:
        picture: ``(height, width, 1 or 3)``, 0..255.
        maps: ``(rows, columns, channels)``, what the layer gives for the picture.
        layer: its name, for the title.
        place: where the maps' cells lie in the picture, from :func:`heatmaps.cell_grid_of`.
    """
    channel = strongest_channel(maps)
    chosen = maps[..., channel]
    heat = place.stretched(chosen, picture.shape[:2])
    figure = mosaics.new_sheet(
        2.5, f"{layer}: channel {channel} lights up most, where the picture is vermilion"
    )
    panels = [
        ("the picture", mosaics.as_drawn(np.asarray(picture)), (0, 255)),
        (f"channel {channel}: 0 black, {chosen.max():.3g} white", chosen, (0, chosen.max())),
        ("channel over picture", mosaics.overlay(picture, heat), (0, 255)),
    ]
    for axes, (name, drawn, (low, high)) in zip(figure.subplots(1, 3), panels, strict=True):
        axes.imshow(drawn, cmap=style.MAP, vmin=low, vmax=high, interpolation="nearest")
        axes.set_title(name, fontsize=mosaics.BODY, color=style.GREY, loc="left")
        axes.set_axis_off()
    return figure


def plot_inactive_channels(table: pd.DataFrame) -> Figure:
    """Draw the shares of :func:`inactive_channels`: for the picture, and over the whole sample."""
    rows, sample = np.arange(len(table)), table["sample"].iloc[0]
    title = _dark_title(table)
    figure = mosaics.new_sheet(0.5 + 0.34 * len(table), title)
    axes = figure.add_subplot()
    series = [
        ("share_dark_for_picture", "dark_for_picture", "this picture", -0.18, style.DATA),
        ("share_never_lit", "never_lit", f"every one of {sample:,} pictures", 0.18, style.THIRD),
    ]
    for share, number, whose, shift, color in series:
        bars = axes.barh(rows + shift, table[share], 0.3, color=color)
        words = [
            f"{of_all:.0%} ({few} of {channels})"
            for of_all, few, channels in zip(
                table[share], table[number], table["channels"], strict=True
            )
        ]
        words[0] += f" are dark for {whose}"
        axes.bar_label(bars, words, padding=3, fontsize=mosaics.SMALL, color=style.ink(color))
    axes.set_yticks(rows, table["layer"], fontsize=mosaics.BODY)
    axes.invert_yaxis()
    largest = table[["share_dark_for_picture", "share_never_lit"]].to_numpy().max()
    axes.set_xlim(0, max(0.1, 1.25 * largest))  # room for what is written at the longest bar
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}" if value <= 1 else "")
    axes.set_xlabel("share of the layer's channels", fontsize=mosaics.BODY)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    return figure


def _dark_title(table: pd.DataFrame) -> str:
    first, last = table.iloc[0], table.iloc[-1]
    before, after = first["share_dark_for_picture"], last["share_dark_for_picture"]
    how = "More channels stay" if after > before else "No more channels stay"
    shares = f"{before:.0%} in {first['layer']}, {after:.0%} in {last['layer']}"
    return f"{how} dark at the end: {shares}"


def plot_top_activating_images(table: pd.DataFrame, images: np.ndarray, layer: str) -> Figure:
    """Draw the pictures that excite each channel most, a row a channel, the strongest first.

    Args:
        table: what :func:`top_activating_images` returned.
        images: the pictures that it was asked about.
        layer: its name, for the title.
    """
    excited = table["activation"] > 0
    blank = np.full_like(images[0], 255)
    shown = np.stack(
        [
            mosaics.as_drawn(images[i] if lit else blank)
            for i, lit in zip(table["picture"], excited, strict=True)
        ]
    )
    labels = [
        (f"{row.channel}: " if row.rank == 1 else "") + (f"{row.activation:.3g}" if lit else "none")
        for row, lit in zip(table.itertuples(), excited, strict=True)
    ]
    return mosaics.plot_mosaic(
        shown,
        labels,
        columns=int(table["rank"].max()),
        title=f"{layer}: the pictures that excite each channel most",
        note="A row a channel: its number, then how strongly each picture excites it.",
    )
