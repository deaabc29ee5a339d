"""Figures of shared weights, activation functions, and scores as probabilities."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from chollet_cnn.concepts import neurons
from chollet_cnn.drawing import sheet, style
from chollet_cnn.drawing.numbers import format_number

WEIGHT_COLORS = (style.DATA, style.POINTED_AT, style.THIRD, style.GREY)
SCORES = {"cat": 2.0, "dog": 1.0, "fox": 0.5, "car": -1.0}
"""Invented scores of four classes."""


def plot_shared_weights(
    kernel: np.ndarray | None = None, input_shape: int | tuple[int, int] | None = None
) -> Figure:
    """Draw the weight matrix of a convolution: one colour for each weight, blank where it is 0.

    Args:
        kernel: 1-D or 2-D; by default 2x2 with the numbers 1 to 4.
        input_shape: the length of the signal, or rows and columns of the image; by default 4x4,
            or 7 for a 1-D kernel.
    """
    kernel = np.array([[1, 2], [3, 4]]) if kernel is None else np.asarray(kernel)
    if input_shape is None:
        input_shape = 7 if kernel.ndim == 1 else (4, 4)
    matrix = neurons.convolution_matrix(kernel, input_shape)
    which = np.arange(1, kernel.size + 1).reshape(kernel.shape)
    owner = neurons.convolution_matrix(which, input_shape)
    kernel, which = np.atleast_2d(kernel), np.atleast_2d(which)
    (rows, columns), (high, wide) = matrix.shape, kernel.shape
    cell = min(0.45, (sheet.WIDTH - 2 * sheet.EDGE) / columns)
    top = 0.9
    below = top + high * cell + 0.45
    figure = sheet.sheet(
        below + rows * cell + sheet.EDGE,
        f"{matrix.size} places in the weight matrix, only {kernel.size} different weights",
        "one row for each output, one column for each input; a blank place is 0: no connection",
    )
    size = min(sheet.BODY, 30 * cell)
    sheet.write(figure, sheet.EDGE, top - 0.08, "the kernel", color=style.GREY)
    axes = sheet.place(figure, sheet.EDGE, top, wide * cell, high * cell, "kernel")
    sheet.draw_grid(axes, kernel, fills=_fills(which), fontsize=size)
    name = f"its matrix, {rows} × {columns}"
    sheet.write(figure, sheet.EDGE, below - 0.08, name, color=style.GREY)
    axes = sheet.place(figure, sheet.EDGE, below, columns * cell, rows * cell, "matrix")
    shown = np.where(owner > 0, matrix, np.nan)
    sheet.draw_grid(axes, shown, fills=_fills(owner), fontsize=size)
    return figure


def _fills(owner: np.ndarray) -> np.ndarray:
    """Return the colour of each weight; weights after the fourth take paler colours again."""
    fills = np.ones((*owner.shape, 3))
    for place in np.argwhere(owner):
        lap, index = divmod(owner[tuple(place)] - 1, len(WEIGHT_COLORS))
        color = np.array(to_rgb(WEIGHT_COLORS[index]))
        fills[tuple(place)] = 1 - (1 - color) * 0.55**lap
    return fills


def plot_activations() -> Figure:
    """Draw ReLU, sigmoid and tanh from -4 to 4, each with its slope."""
    x = np.linspace(-4, 4, 401)
    named = (
        ("ReLU", neurons.relu, neurons.relu_derivative, "its slope is 0 or 1"),
        ("sigmoid", neurons.sigmoid, neurons.sigmoid_derivative, "its slope is 1/4 at most"),
        ("tanh", neurons.tanh, neurons.tanh_derivative, "its slope is 1 at most, at 0"),
    )
    figure = sheet.panels(
        6.8,
        "Where a curve is flat, its slope is 0 and nothing is learned",
        "solid: the activation; dashed: its slope (the derivative)",
    )
    for axes, (name, function, slope, remark) in zip(figure.subplots(3), named, strict=True):
        style.plain_axes(axes)
        axes.plot(x, function(x), color=style.DATA, lw=2.2, label=name)
        dashed = np.where(x == 0, np.nan, slope(x)) if name == "ReLU" else slope(x)
        axes.plot(x, dashed, "--", color=style.POINTED_AT, lw=2.2, label=f"slope of {name}")
        axes.set_title(f"{name}: {remark}", fontsize=sheet.BODY, loc="left", color=style.INK)
        axes.tick_params(labelsize=sheet.SMALL)
        axes.set_xlim(x[0], x[-1])
        ends = ((function, name, style.DATA), (slope, "slope", style.POINTED_AT))
        for end, text, color in ends:
            axes.annotate(
                text, (x[-1], end(x)[-1]), (6, 0), textcoords="offset points", va="center",
                color=style.ink(color), fontsize=sheet.BODY, annotation_clip=False,
            )  # fmt: skip
    return figure


def plot_softmax_beside_sigmoids(
    scores: Sequence[float] = tuple(SCORES.values()),
    classes: Sequence[str] | None = None,
) -> Figure:
    """Draw the softmax and the sigmoids of the same scores.

    Args:
        scores: one number for each class.
        classes: the classes' names; without them cat, dog, fox and car, or numbers.
    """
    if classes is None:
        unnamed = [f"class {number}" for number in range(len(scores))]
        classes = list(SCORES) if len(scores) == len(SCORES) else unnamed
    if len(classes) != len(scores):
        raise ValueError(f"there are {len(classes)} classes for {len(scores)} scores")
    title = "Softmax divides 100% among the classes, a sigmoid treats each class alone"
    figure = sheet.panels(0.9 + 0.42 * len(scores), title)
    names = [
        f"{name}, score {format_number(score)}" for name, score in zip(classes, scores, strict=True)
    ]
    panels = (
        ("softmax", neurons.softmax(scores), style.DATA),
        ("a sigmoid each", neurons.sigmoid(scores), style.THIRD),
    )
    for axes, (name, shares, color) in zip(figure.subplots(1, 2, sharey=True), panels, strict=True):
        bars = axes.barh(names, shares, color=color, height=0.7)
        axes.bar_label(bars, [f"{share:.1%}" for share in shares], padding=4, fontsize=sheet.BODY)
        axes.set_title(
            f"{name}: sum {shares.sum():.0%}", fontsize=sheet.BODY, loc="left", fontweight="bold"
        )
        axes.set_xlim(0, 1.3)
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0, labelbottom=False, labelsize=sheet.BODY)
    figure.axes[0].invert_yaxis()
    return figure
