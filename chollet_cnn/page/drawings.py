"""Figures that only the page has: a window with depth, and what weighs in a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from chollet_cnn.drawing import sheet, style
from chollet_cnn.drawing.numbers import format_number

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CHANNELS = ("red", "green", "blue")
TINTS = ((0.84, 0.37, 0.0), (0.0, 0.62, 0.45), (0.0, 0.45, 0.7))


def plot_window_with_depth(window: np.ndarray, kernel: np.ndarray) -> Figure:
    """Draw a window of three channels, a kernel of three sheets, and the one number they give.

    Args:
        window: ``(3, 3, 3)``, rows, columns, channels.
        kernel: ``(3, 3, 3)``, the same.
    """
    cell, gap, top = 0.5, 0.55, 1.15
    side = 3 * cell
    figure = sheet.sheet(
        top + 3 * (side + 0.35) + 0.35,
        "Three channels, three sheets of the kernel, one number",
        "each sheet is laid on its own channel; the 27 products are added up together",
    )
    sums = [float((window[..., i] * kernel[..., i]).sum()) for i in range(3)]
    heads = ("window of the picture", "sheet of the kernel", "sum")
    lefts = (sheet.EDGE + 0.65, sheet.EDGE + 0.65 + side + gap, 5.0)
    for left, head in zip(lefts, heads, strict=True):
        sheet.write(figure, left, top - 0.12, head, color=style.GREY)
    for index, (name, tint) in enumerate(zip(CHANNELS, TINTS, strict=True)):
        down = top + index * (side + 0.35)
        middle = down + side / 2
        sheet.write(figure, sheet.EDGE, middle, name, fontweight="bold", va="center")
        fills = 1 - 0.6 * window[..., index, None] / 255 * (1 - np.array(tint))
        for left, values, colors in (
            (lefts[0], window[..., index], fills),
            (lefts[1], kernel[..., index], np.ones((3, 3, 3))),
        ):
            axes = sheet.place(figure, left, down, side, side, f"{name} {left:.1f}")
            sheet.draw_grid(axes, values, fills=colors)
        for x, sign in ((lefts[1] - gap / 2, "×"), (lefts[1] + side + gap / 2, "=")):
            sheet.write(
                figure, x, middle, sign, fontsize=18, color=style.GREY, ha="center", va="center"
            )
        sheet.write(figure, lefts[2], middle, format_number(sums[index]), va="center", fontsize=13)
    total = f"all together: {format_number(sum(sums))}"
    options = {
        "color": style.ink(style.POINTED_AT),
        "fontweight": "bold",
        "fontsize": 13,
        "ha": "right",
    }
    sheet.write(figure, 6.2, top + 3 * (side + 0.35) + 0.12, total, **options)
    return figure


def plot_where_parameters_are(networks: Mapping[str, Sequence[tuple[str, int]]]) -> Figure:
    """Draw how many parameters each layer of some networks has, as bars to one scale.

    Args:
        networks: the network's name, and of each layer its name and its parameters.
    """
    lines = sum(len(layers) + 1 for layers in networks.values())
    figure = sheet.sheet(
        0.8 + 0.3 * lines + 0.25 * len(networks),
        "Where nothing is pooled, the dense layer has nearly all the parameters",
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
            pointed = count == largest
            axes.set_facecolor(style.POINTED_AT if pointed else style.DATA)
            sheet.write(figure, left + width + 0.08, down + 0.15, f"{count:,}")
            down += 0.3
        down += 0.25
    return figure
