"""The chapter on what a trained network makes of a picture: every map, and which stay dark."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
import pandas as pd

from chollet_cnn.analysis import activations, model_graph, receptive_fields
from chollet_cnn.page.chapter import Chapter, Picture, percent
from chollet_cnn.page.operations import cells
from chollet_cnn.page.trained_model import TrainedModel, file_name


def chapters(subjects: Sequence[TrainedModel]) -> Iterator[Callable[[], Chapter]]:
    """Yield what makes the chapter."""
    if subjects:
        yield partial(feature_maps, subjects)


def feature_maps(subjects: Sequence[TrainedModel]) -> Chapter:
    """Every channel of every layer for one picture, and how many of them stay dark."""
    return Chapter(
        slug="feature-maps-of-a-picture",
        title="Feature maps of a picture",
        short="Feature maps",
        question="What does each layer make of my picture?",
        content={"sections": [_maps(subject) for subject in subjects]},
    )


def _maps(subject: TrainedModel) -> dict[str, object]:
    maps = activations.activations(subject.model, subject.picture)
    own = subject.sample if subject.test is not None else subject.picture[None]
    dark = activations.inactive_channels(subject.model, subject.picture, own)
    learned = dark[dark["layer"].isin(subject.convolutions)]
    shares = dict(zip(learned["layer"], learned["share_inactive_for_image"], strict=True))
    last = learned.iloc[-1]
    first = next(iter(maps))
    return {
        "name": subject.name,
        "picture_words": subject.picture_words,
        "mosaics": [_mosaic(subject, name, one[0]) for name, one in maps.items()],
        "strongest": Picture(
            f"{subject.slug}-{file_name(first)}-strongest-channel",
            activations.plot_strongest_channel(
                subject.picture,
                maps[first][0],
                first,
                receptive_fields.cell_grid_of(subject.model, first),
            ),
            cells(maps[first][0, ..., activations.strongest_channel(maps[first][0])]),
            f"The picture, the strongest channel of {first}, and the channel laid over the picture "
            "in vermilion.",
            "The first layer's channel that answers loudest, laid over what it answers to.",
        ),
        "dark": _dark_bars(subject, dark) if subject.test is not None else None,
        "dark_words": dark_words(shares),
        "last": last["layer"],
        "few": int(last["inactive_for_image"]),
        "channels": int(last["channels"]),
        "share": float(last["share_inactive_for_image"]),
        "cell": _one_cell(subject, maps[first][0], first),
        "call": subject.program(
            "from chollet_cnn.analysis import activations",
            "maps = activations.activations(model, picture)",
            f"maps[{first!r}].shape   # {maps[first].shape}",
        ),
    }


def _mosaic(subject: TrainedModel, layer: str, maps: np.ndarray) -> Picture:
    height, width, channels = maps.shape
    peaks = maps.max(axis=(0, 1))
    dark = int((peaks <= 0).sum())
    return Picture(
        f"{subject.slug}-{file_name(layer)}-maps",
        activations.plot_activations(maps, layer),
        pd.DataFrame(
            {
                "channel": range(channels),
                "largest": peaks,
                "mean": maps.mean(axis=(0, 1)),
                "share_lit": (maps > 0).mean(axis=(0, 1)),
            }
        ),
        f"All {channels} channels of {layer} for {subject.picture_words}, {height} by {width} "
        f"each; {dark} are dark all over.",
        _what_to_look_at(subject, layer, height, width),
    )


def _dark_bars(subject: TrainedModel, dark: pd.DataFrame) -> Picture:
    first, last = (percent(dark["share_inactive_for_image"].iloc[place]) for place in (0, -1))
    return Picture(
        f"{subject.slug}-dark-channels",
        activations.plot_inactive_channels(dark),
        dark,
        f"Bars of the share of dark channels by layer, from {first} to {last}.",
        "Blue: dark for this picture. Green: dark for every test picture that was tried, so "
        "that nothing in them is what the channel looks for.",
    )


def _what_to_look_at(subject: TrainedModel, layer: str, height: int, width: int) -> str:
    """Say of a layer's maps what is worth a look, by where in the network they stand."""
    order = subject.convolutions
    if layer not in order:
        return (
            f"The same maps with only the largest of every four numbers: {height} × {width} left."
        )
    if layer == order[0]:
        return (
            "Look for the picture in them: which keep the edges of one direction, which the "
            "bright parts?"
        )
    if layer == order[-1]:
        return (
            f"{height} × {width} cells for each channel. Hardly a person can read them any more; "
            "the layers that follow can."
        )
    return f"{height} × {width} cells for each channel. Look for parts: pieces of line, corners."


def dark_words(shares: dict[str, float]) -> str:
    """Say whether the share of dark channels rises with depth, as it does or does not.

    Args:
        shares: of each convolution, in the network's order, the share that is dark, 0..1.

    >>> dark_words({"conv2d": 0.0, "conv2d_1": 0.25})
    'The deeper the layer, the more channels stay dark: 0% in conv2d, 25% in conv2d_1.'
    >>> dark_words({"conv2d": 0.25, "conv2d_1": 0.0})[:66]
    'In this run the dark share does not rise with depth: 25% in conv2d'
    """
    values = list(shares.values())
    listed = ", ".join(f"{percent(share)} in {layer}" for layer, share in shares.items())
    steps = np.diff(values)
    if len(values) > 1 and (steps > 0).all():
        return f"The deeper the layer, the more channels stay dark: {listed}."
    if len(values) > 1 and values[-1] > values[0]:
        return (
            f"More channels stay dark at the end than at the beginning, though not at every step: "
            f"{listed}."
        )
    return f"In this run the dark share does not rise with depth: {listed}."


def _one_cell(subject: TrainedModel, maps: np.ndarray, layer: str) -> dict[str, object]:
    """Work out the brightest cell of the strongest map of the first convolution."""
    channel = activations.strongest_channel(maps)
    row, column = np.unravel_index(maps[..., channel].argmax(), maps.shape[:2])
    kernel, bias = model_graph.layers_of(subject.model)[layer].get_weights()
    kernel, bias = kernel[..., channel], float(bias[channel])
    rows, columns, colours = kernel.shape
    window = subject.picture[row : row + rows, column : column + columns] / 255
    if colours == 1:
        pairs = zip(kernel.ravel(), window.ravel(), strict=True)
        terms = [f"{weight:.3f}·{pixel:.2f}" for weight, pixel in pairs if pixel]
    else:
        terms = [f"{part:.3f}" for part in (window * kernel).sum(axis=(0, 1))]
    return {
        "layer": layer,
        "channel": channel,
        "row": int(row),
        "column": int(column),
        "colours": colours,
        "count": kernel.size,
        "sum": " + ".join([*terms, f"{bias:.3f}"]).replace("+ -", "− ").replace("-", "−"),
        "value": f"{(window * kernel).sum() + bias:.3f}",
        "in_the_map": f"{maps[row, column, channel]:.3f}",
    }
