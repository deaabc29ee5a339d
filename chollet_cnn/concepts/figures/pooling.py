"""Figures of pooling: the largest or the mean of each block; a digit that is shifted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from chollet_cnn.concepts.convolution import cross_correlate2d
from chollet_cnn.concepts.figures import photographs
from chollet_cnn.concepts.figures.images import PADLOCK
from chollet_cnn.concepts.kernels import EDGE, SHARPEN
from chollet_cnn.concepts.neurons import relu
from chollet_cnn.concepts.pooling import average_pool2d, max_pool2d
from chollet_cnn.drawing import sheet, style

POOLINGS = (0, 1, 2, 3)
"""How many times the responses are pooled, 2x2 each time, where a shifted digit is compared."""


def plot_max_beside_average(values: np.ndarray | None = None) -> Figure:
    """Draw a small feature map and the results of 2x2 max and average pooling.

    The first block of four numbers and what becomes of it are marked.

    Args:
        values: ``(height, width)``, both even and up to about 8; by default a part of the
            sharpened padlock.
    """
    if values is None:
        values = cross_correlate2d(PADLOCK, SHARPEN)[2:6, 4:8]
    values = np.asarray(values)
    results = (("the largest", max_pool2d(values)), ("the mean", average_pool2d(values)))
    rows, columns = values.shape
    cell = min(0.85, 3.4 / columns)
    gap = 0.8
    top = 0.9
    small_height = rows // 2 * cell
    height = max(rows * cell, 2 * small_height + 0.4)
    figure = sheet.sheet(
        top + height + 0.15,
        "Four numbers become one: the largest, or the mean",
        "each block of 2 × 2 gives one cell on the right",
    )
    limits = (values.min(), values.max())
    axes = sheet.place(figure, sheet.EDGE, top, columns * cell, rows * cell, "before")
    sheet.draw_grid(axes, values, limits=limits, fontsize=min(13, 20 * cell))
    for row in range(2, rows, 2):
        axes.axhline(row - 0.5, color=style.WHITE, lw=5)
    for column in range(2, columns, 2):
        axes.axvline(column - 0.5, color=style.WHITE, lw=5)
    sheet.mark(axes, (0, 0), (2, 2), width=3)
    left = sheet.EDGE + columns * cell + gap
    for index, (name, pooled) in enumerate(results):
        down = top + index * (height - small_height)
        sheet.write(figure, left, down - 0.08, name, fontweight="bold")
        axes = sheet.place(figure, left, down, columns // 2 * cell, small_height, name)
        sheet.draw_grid(axes, pooled, limits=limits, fontsize=min(13, 16 * cell))
        sheet.mark(axes, (0, 0), (1, 1), width=3)
    return figure


def shift_right(image: np.ndarray, pixels: int) -> np.ndarray:
    """Shift an image to the right; zeros come in from the left.

    >>> shift_right(np.array([[1, 2, 3]]), 1)
    array([[0, 1, 2]])
    """
    return np.pad(image, ((0, 0), (pixels, 0)))[:, : image.shape[1]]


def responses(image: np.ndarray, kernel: np.ndarray, poolings: int) -> np.ndarray:
    """Return ReLU of a kernel's responses ("same" size), max-pooled that many times by 2x2."""
    maps = relu(cross_correlate2d(image, kernel, padding="same"))
    for _ in range(poolings):
        maps = max_pool2d(maps)
    return maps


def moved_share(before: np.ndarray, after: np.ndarray) -> float:
    """Return how much of a feature map changed: the sum of all differences by that of both maps.

    0 means no change; at 1 every cell that was active has become inactive.
    """
    return float(np.abs(after - before).sum() / (before.sum() + after.sum()))


def plot_shifted_digit(
    digit: np.ndarray | None = None,
    kernel: np.ndarray | None = None,
    shifts: Sequence[int] = (0, 1, 2, 3, 4),
) -> Figure:
    """Draw a digit shifted by a few pixels, and measure how much the responses to it change.

    Args:
        digit: ``(height, width)``, light on dark with a dark margin, best a multiple of 8 pixels
            so that pooling leaves no pixels over; 32x32 from scikit-learn by default.
        kernel: a square kernel with an odd side; the edge kernel by default.
        shifts: pixels to the right.
    """
    digit = np.asarray(photographs.digit(32) if digit is None else digit, dtype=float)
    kernel = EDGE if kernel is None else np.asarray(kernel)
    figure = sheet.panels(
        6.3,
        "Pooled responses change less than responses that are not pooled",
        "changed: all differences between two maps added up, divided by the sum of both maps",
    )
    above, below = figure.subfigures(2, 1, height_ratios=(1.25, 1))
    panels = above.subplots(3, len(shifts), squeeze=False)
    for column, shift in enumerate(shifts):
        moved = shift_right(digit, shift)
        shown = (moved, responses(moved, kernel, 0), responses(moved, kernel, 2))
        for axes, values in zip(panels[:, column], shown, strict=True):
            sheet.draw_pixels(axes, values, vmin=0)
            axes.set(xticks=[], yticks=[])
        panels[0, column].set_title(
            f"by {shift} px" if shift else "not shifted", fontsize=sheet.BODY
        )
    for axes, name in zip(panels[:, 0], ("the digit", "responses", "pooled twice"), strict=True):
        axes.set_ylabel(name, fontsize=sheet.BODY)
    axes = style.plain_axes(below.subplots())
    colors = (style.DATA, style.GREY, style.THIRD, style.POINTED_AT)
    for times, color, line in zip(POOLINGS, colors, ("-", ":", "--", "-."), strict=True):
        still = responses(digit, kernel, times)
        moves = [
            moved_share(still, responses(shift_right(digit, shift), kernel, times))
            for shift in shifts
        ]
        name = ("no pooling", "pooled once", "pooled twice", "three times")[times]
        axes.plot(shifts, moves, line, marker="o", color=color, lw=2, label=name)
        axes.annotate(
            f"{name}, {moves[-1]:.0%}", (shifts[-1], moves[-1]), (8, 0), va="center",
            textcoords="offset points", fontsize=sheet.BODY, color=style.ink(color),
        )  # fmt: skip
    axes.set_xlabel("the digit is shifted by (pixels)", fontsize=sheet.BODY)
    axes.set_ylabel("responses that changed", fontsize=sheet.BODY)
    axes.yaxis.set_major_formatter(PercentFormatter(1, 0))
    axes.set_xticks(shifts)
    axes.set_ylim(0)
    return figure
