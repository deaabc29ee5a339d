"""In a dense layer every unit has a weight for every input, and that adds up."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.figure
import pandas as pd

from chollet_cnn.concepts import geometry, neurons
from chollet_cnn.drawing import sheet, style
from chollet_cnn.page.figure import Figure


def content() -> dict[str, Any]:
    """Return where the parameters of a network are, with and without pooling."""
    convolutions = [
        (f"convolution {i + 1}", geometry.conv_parameters(3, before, after))
        for i, (before, after) in enumerate([(1, 32), (32, 64), (64, 128)])
    ]
    networks = {
        "with two pooling layers": [
            *convolutions,
            ("dense", geometry.dense_parameters(3 * 3 * 128, 10)),
        ],
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
    figure = sheet.panels(
        3.6,
        "Without pooling, the dense layer has nearly all the parameters",
        "bars to one scale: parameters of each layer",
    )
    largest = max(count for layers in networks.values() for _, count in layers)
    panels = figure.subplots(len(networks), 1, sharex=True)
    for axes, (network, layers) in zip(panels, networks.items(), strict=True):
        names, counts = zip(*layers, strict=True)
        colors = [style.POINTED_AT if count == largest else style.DATA for count in counts]
        bars = axes.barh(names, counts, 0.65, color=colors)
        axes.bar_label(bars, [f"{count:,}" for count in counts], padding=4, fontsize=sheet.BODY)
        title = f"{network}: {sum(counts):,}"
        axes.set_title(title, loc="left", fontsize=sheet.BODY, fontweight="bold")
        axes.tick_params(length=0, labelbottom=False, labelsize=sheet.BODY)
        axes.spines[:].set_visible(False)
        axes.margins(x=0.15)
        axes.invert_yaxis()
    return figure
