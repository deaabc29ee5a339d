"""In a dense layer every unit has a weight for every input, and that adds up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from chollet_cnn.concepts import geometry, neurons
from chollet_cnn.drawing import sheet, style
from chollet_cnn.page.figure import Figure

if TYPE_CHECKING:
    import matplotlib.figure


def content() -> dict[str, Any]:
    """Return where the parameters of a network are, with and without pooling."""
    convolutions = [
        (f"convolution {i + 1}", geometry.conv_parameters(3, before, after))
        for i, (before, after) in enumerate([(1, 32), (32, 64), (64, 128)])
    ]
    networks = {
        "with two poolings": [*convolutions, ("dense", geometry.dense_parameters(3 * 3 * 128, 10))],
        "without pooling": [*convolutions, ("dense", geometry.dense_parameters(22 * 22 * 128, 10))],
    }
    rows = [(name, *layer) for name, layers in networks.items() for layer in layers]
    result = neurons.dense([2, 3], [[1, 0, 1], [0, 1, 1]], [0, 0, 10])
    example = geometry.dense_parameters(512, 1024)
    return {
        "bars": Figure(
            "parameters-with-and-without-pooling",
            plot_where_parameters_are(networks),
            pd.DataFrame(rows, columns=["network", "layer", "parameters"]),
        ),
        "value": int(result[2]),
        "example": example,
        "totals": [sum(count for _, count in layers) for layers in networks.values()],
    }


def plot_where_parameters_are(
    networks: Mapping[str, Sequence[tuple[str, int]]],
) -> matplotlib.figure.Figure:
    """Draw how many parameters each layer of some networks has, as bars to one scale.

    Args:
        networks: the network's name, and of each layer its name and its parameters.
    """
    lines = sum(len(layers) + 1 for layers in networks.values())
    figure = sheet.sheet(
        0.8 + 0.3 * lines + 0.25 * len(networks),
        "Without pooling, the dense layer has nearly all the parameters",
        "bars to one scale: parameters of each layer",
    )
    largest = max(count for layers in networks.values() for _, count in layers)
    left, longest = 2.0, 3.3
    down = 0.85
    for name, layers in networks.items():
        total = sum(count for _, count in layers)
        sheet.write(figure, sheet.EDGE, down + 0.12, f"{name}: {total:,}", fontweight="bold")
        down += 0.3
        for layer, count in layers:
            sheet.write(figure, sheet.EDGE, down + 0.14, layer, color=style.GREY)
            width = max(longest * count / largest, 0.01)
            axes = sheet.place(figure, left, down, width, 0.2, f"{name} {layer}")
            axes.set_facecolor(style.POINTED_AT if count == largest else style.DATA)
            sheet.write(figure, left + width + 0.08, down + 0.15, f"{count:,}")
            down += 0.3
        down += 0.25
    return figure
