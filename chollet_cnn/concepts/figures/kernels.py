"""A gallery of kernels and their responses to two photographs."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from chollet_cnn.concepts.convolution import cross_correlate2d
from chollet_cnn.concepts.figures import photographs
from chollet_cnn.concepts.kernels import GALLERY
from chollet_cnn.drawing import sheet, style
from chollet_cnn.drawing.numbers import format_number

SIZE = 120
"""Pixels: small enough that the effect of a kernel of five pixels is visible."""


def plot_kernel_gallery() -> Figure:
    """Draw the response of each kernel to two photographs, beside the kernel's numbers."""
    photos = {
        "Grace Hopper": photographs.grey(photographs.grace_hopper(SIZE)),
        "a cat": photographs.grey(photographs.cat(SIZE)),
    }
    gap, between, top = 0.06, 0.2, 0.6
    half = (sheet.WIDTH - 2 * sheet.EDGE - between) / 2  # two kernels side by side
    side = (half - gap * len(photos)) / (1 + len(photos))
    row_height = side + 0.55
    figure = sheet.sheet(
        top + -(-len(GALLERY) // 2) * row_height,
        "Kernels with a sum of 0 respond only to change; the others keep the image",
        "where the sum is 0, middle grey is 0, black is below and white above it",
    )
    for index, (name, kernel) in enumerate(GALLERY.items()):
        at = top + (index // 2) * row_height
        left = sheet.EDGE + (index % 2) * (half + between)
        _draw_kernel(figure, left, at, side, name, kernel)
        for place, (who, photo) in enumerate(photos.items(), start=1):
            x = left + place * (side + gap)
            axes = sheet.place(figure, x, at + 0.22, side, side, f"{name}, {who}")
            _draw_response(axes, photo, kernel)
    return figure


def _draw_kernel(
    figure: Figure, left: float, top: float, side: float, name: str, kernel: np.ndarray
) -> None:
    """Write a kernel's name and numbers, in hundredths where they are not whole."""
    sheet.write(figure, left, top + 0.14, name, fontweight="bold")
    whole = np.allclose(kernel, np.rint(kernel))
    numbers = np.rint(kernel if whole else 100 * kernel)
    axes = sheet.place(figure, left, top + 0.22, side, side, name)
    cells = [[format_number(value + 0.0) for value in row] for row in numbers]
    sheet.draw_grid(axes, kernel, cells, fills=np.ones((*kernel.shape, 3)))
    remark = f"sum {format_number(round(float(kernel.sum()), 3) + 0.0)}"
    if not whole:
        remark += ", in hundredths"
    options = {"fontsize": sheet.SMALL, "color": style.GREY}
    sheet.write(figure, left, top + side + 0.37, remark, **options)


def _draw_response(axes: Axes, photo: np.ndarray, kernel: np.ndarray) -> None:
    """Draw a response on the image's own scale, or around 0 if the kernel's sum is 0."""
    response = cross_correlate2d(photo, kernel)
    low, high = 0, 255
    if np.isclose(kernel.sum(), 0):
        # The strongest hundredth of the pixels is cut, so that the others are visible.
        high = float(np.quantile(np.abs(response), 0.99))
        low = -high
    sheet.draw_pixels(axes, response, vmin=low, vmax=high)
