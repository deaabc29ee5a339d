"""Mosaics: many small images in rows and columns; and a heatmap drawn over one image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.colors import PowerNorm, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from chollet_cnn.drawing import sheet, style
from chollet_cnn.drawing.numbers import format_weight


def plot_mosaic(
    images: np.ndarray,
    labels: Sequence[str],
    *,
    columns: int,
    title: str,
    note: str = "",
    limits: tuple[float, float] = (0, 255),
    highlighted: Sequence[bool] | None = None,
    square_root: bool = False,
    write_values: bool = False,
) -> Figure:
    """Draw images in rows, from left to right and from top to bottom, with a label above each.

    Args:
        images: ``(n, height, width)`` or ``(n, height, width, 1 or 3)``.
        labels: the label of each image, all with the same number of lines.
        columns: images in a row.
        title: what to see.
        note: how to read it.
        limits: the values drawn black and white, where images have no colours.
        highlighted: which images are marked in vermilion.
        square_root: whether brightness is the square root of the value, so that small values show.
        write_values: whether to write each cell's value into it.
    """
    images = np.asarray(images)
    images = images[..., 0] if images.shape[-1] == 1 and images.ndim == 4 else images
    images = sheet.as_colors(images) if images.ndim == 4 else images
    times = -(-64 // images.shape[2])
    enlarged = images.repeat(times, axis=1).repeat(times, axis=2)
    count, height, width = enlarged.shape[:3]
    left = max(2, width // 16)
    pixels_per_inch = (width + left) * columns / sheet.WIDTH
    lines = labels[0].count("\n") + 1
    above = round(lines * sheet.SMALL * 1.35 / 72 * pixels_per_inch) + left // 2
    size = (-(-count // columns) * (height + above), columns * (width + left))
    # What is outside the images is drawn as nothing, or white beside images in colour.
    whole = np.full(size, np.nan) if images.ndim == 3 else np.full((*size, 3), 255, np.uint8)
    figure = sheet.panels(size[0] / pixels_per_inch, title, note)
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02)
    axes = figure.add_subplot()
    marks = [False] * count if highlighted is None else highlighted
    for index, (image, label, mark) in enumerate(zip(images, labels, marks, strict=True)):
        top = index // columns * (height + above) + above
        start = index % columns * (width + left) + left
        whole[top : top + height, start : start + width] = enlarged[index]
        color = style.ink(style.POINTED_AT) if mark else style.GREY
        axes.text(
            start, top - above * 0.12, label, color=color, fontsize=sheet.SMALL, va="bottom",
            linespacing=1.1, fontweight="bold" if mark else None,
        )  # fmt: skip
        edge, line = (style.POINTED_AT, 1.2) if mark else (style.PALE, 0.5)
        corner = (start - 0.5, top - 0.5)  # an outline, so that a white image has an edge too
        axes.add_patch(Rectangle(corner, width, height, fill=False, edgecolor=edge, lw=line))
        for (row, column), value in np.ndenumerate(image) if write_values else ():
            axes.text(
                start + (column + 0.5) * times - 0.5, top + (row + 0.5) * times - 0.5,
                format_weight(value), ha="center", va="center", fontsize=6,
                color="black" if value > sum(limits) / 2 else "white",
            )  # fmt: skip
    norm = PowerNorm(0.5 if square_root else 1, *limits, clip=True)
    sheet.draw_pixels(axes, whole, norm=norm, interpolation="nearest")
    axes.set_axis_off()
    return figure


def overlay(image: np.ndarray, heatmap: np.ndarray) -> np.ndarray:
    """Draw a heatmap over an image: the image pale and without colours, the heatmap in vermilion.

    Args:
        image: ``(height, width)`` or ``(height, width, 1 or 3)``, 0..255.
        heatmap: ``(height, width)``. Zero and below are drawn without colour, the largest value in
            vermilion, so the overlay shows where the heatmap is high, not how high it is.

    Returns:
        ``(height, width, 3)`` uint8.

    Raises:
        ValueError: heatmap and image differ in height or width.
    """
    grey = np.atleast_3d(np.asarray(image, float)).mean(axis=-1, keepdims=True) / 255
    if heatmap.shape != grey.shape[:2]:
        raise ValueError(
            f"the heatmap is {heatmap.shape} and the image {grey.shape[:2]}; resize the heatmap"
        )
    share = np.maximum(heatmap, 0)[..., None]
    share = 0.9 * share / share.max() if share.max() > 0 else share
    mixed = (1 - share) * (0.68 + 0.32 * grey) + share * np.array(to_rgb(style.POINTED_AT))
    return np.round(255 * mixed).astype(np.uint8)
