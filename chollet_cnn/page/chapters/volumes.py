"""A kernel is as deep as what it is laid on; a layer has many kernels."""

from typing import Any

import matplotlib.figure
import numpy as np
import pandas as pd

from chollet_cnn.concepts import convolution, geometry, kernels
from chollet_cnn.concepts.figures import photographs
from chollet_cnn.drawing import numbers, sheet, style
from chollet_cnn.page.chapter import number
from chollet_cnn.page.figure import Figure
from chollet_cnn.page.worked import tidy

CHANNELS = ("red", "green", "blue")
TINTS = ((0.84, 0.37, 0.0), (0.0, 0.62, 0.45), (0.0, 0.45, 0.7))
KERNEL = np.stack(
    [2 * kernels.SOBEL_VERTICAL, kernels.SOBEL_VERTICAL, -kernels.SOBEL_VERTICAL], axis=-1
)
"""Differs by channel, as learned kernels do: it looks for an edge where red changes most."""


def content() -> dict[str, Any]:
    """Return one window of a colour image and the kernel on it, channel by channel."""
    cat = photographs.cat(150).astype(int)
    responses = convolution.convolve_volume(cat, KERNEL[..., None])[..., 0]
    row, column = np.unravel_index(responses.argmax(), responses.shape)
    window = convolution.windows(cat, 3)[row, column]
    sums = (window * KERNEL).sum(axis=(0, 1))
    rows, columns, channels = np.indices(window.shape)
    data = {
        "channel": np.array(CHANNELS)[channels.ravel()],
        "row": rows.ravel(),
        "column": columns.ravel(),
        "pixel": window.ravel(),
        "weight": KERNEL.ravel(),
    }
    return {
        "depth": Figure(
            "window-with-depth", plot_window_with_depth(window, KERNEL), pd.DataFrame(data)
        ),
        "row": int(row),
        "column": int(column),
        "sums": tidy(" + ".join(number(value) for value in sums)),
        "total": int(responses.max()),
        "parameters": geometry.conv_parameters(3, 3, 32),
        "second": geometry.conv_parameters(3, 32, 64),
    }


def plot_window_with_depth(window: np.ndarray, kernel: np.ndarray) -> matplotlib.figure.Figure:
    """Draw a window of three channels, a kernel of three channels, and the one number they give.

    Args:
        window: ``(3, 3, 3)``, rows, columns, channels.
        kernel: ``(3, 3, 3)``, the same.
    """
    cell, gap, top = 0.5, 0.55, 1.15
    side = 3 * cell
    figure = sheet.sheet(
        top + 3 * (side + 0.35) + 0.35,
        "Three channels of the image, three of the kernel, one number",
        "each kernel channel is laid on its own; the 27 products are added up together",
    )
    sums = (window * kernel).sum(axis=(0, 1))
    lefts = (sheet.EDGE + 0.65, sheet.EDGE + 0.65 + side + gap, 5.0)
    for left, head in zip(lefts, ("window of the image", "kernel", "sum"), strict=True):
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
        sign = {"fontsize": 18, "color": style.GREY, "ha": "center", "va": "center"}
        sheet.write(figure, lefts[1] - gap / 2, middle, "×", **sign)
        sheet.write(figure, lefts[1] + side + gap / 2, middle, "=", **sign)
        sheet.write(
            figure, lefts[2], middle, numbers.format_number(sums[index]), va="center", fontsize=13
        )
    total = f"all together: {numbers.format_number(sums.sum())}"
    options = {"color": style.ink(style.POINTED_AT), "fontweight": "bold", "ha": "right"}
    below = top + 3 * (side + 0.35) + 0.12
    sheet.write(figure, sheet.WIDTH - 0.2, below, total, fontsize=13, **options)
    return figure
