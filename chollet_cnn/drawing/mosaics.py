"""Mosaics: many small images in rows and columns; and a heatmap drawn over one image."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.colors import PowerNorm, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from chollet_cnn.drawing import sheet, style
from chollet_cnn.drawing.numbers import format_weight


def mosaic(
    images: np.ndarray,
    columns: int | None = None,
    *,
    margin: tuple[int, int] = (1, 1),
    fill: float = np.nan,
) -> np.ndarray:
    """Arrange images of one size in rows, from left to right and from top to bottom.

    Args:
        images: ``(n, height, width)`` or ``(n, height, width, 3)``.
        columns: images in a row; by default as many as make the mosaic about square.
        margin: pixels above and to the left of each image.
        fill: the value of everything outside the images. NaN, which is drawn as nothing, makes the
            result floating point.

    Returns:
        One image, ``(rows * (height + above), columns * (width + left)[, 3])``.

    Raises:
        ValueError: ``images`` is empty or has another number of axes.
    """
    images = np.asarray(images)
    if images.ndim not in (3, 4) or not images.size:
        raise ValueError(
            f"images have shape (n, height, width) or (n, height, width, 3), not {images.shape}"
        )
    count, height, width = images.shape[:3]
    above, left = margin
    columns = columns or math.ceil(math.sqrt(count))
    shape = (-(-count // columns) * (height + above), columns * (width + left), *images.shape[3:])
    kind = np.result_type(images, np.float32) if np.isnan(fill) else images.dtype
    whole = np.full(shape, fill, kind)
    for image, (top, start) in zip(
        images, corners(count, height, width, columns, margin=margin), strict=True
    ):
        whole[top : top + height, start : start + width] = image
    return whole


def corners(
    count: int, height: int, width: int, columns: int, *, margin: tuple[int, int]
) -> np.ndarray:
    """Return the row and column of each image's top left pixel in a mosaic, ``(count, 2)``."""
    row, column = np.divmod(np.arange(count), columns)
    return np.stack(
        [row * (height + margin[0]) + margin[0], column * (width + margin[1]) + margin[1]], axis=1
    )


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
    """Draw images in a mosaic with a label above each.

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
    times = -(-64 // images.shape[2])
    enlarged = images.repeat(times, axis=1).repeat(times, axis=2)
    count, height, width = enlarged.shape[:3]
    left = max(2, width // 16)
    pixels_per_inch = (width + left) * columns / sheet.WIDTH
    lines = labels[0].count("\n") + 1
    above = round(lines * sheet.SMALL * 1.35 / 72 * pixels_per_inch) + left // 2
    margin, fill = (above, left), 255 if enlarged.ndim == 4 else np.nan
    whole = mosaic(enlarged, columns, margin=margin, fill=fill)
    figure = sheet.panels(whole.shape[0] / pixels_per_inch, title, note)
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02)
    axes = figure.add_subplot()
    norm = PowerNorm(0.5 if square_root else 1, *limits, clip=True)
    axes.imshow(whole, cmap=style.MAP, norm=norm, interpolation="nearest")
    axes.set_axis_off()
    places = corners(count, height, width, columns, margin=margin)
    marks = [False] * count if highlighted is None else highlighted
    for (top, start), label, mark in zip(places, labels, marks, strict=True):
        color = style.ink(style.POINTED_AT) if mark else style.GREY
        axes.text(
            start, top - above * 0.12, label, color=color, fontsize=sheet.SMALL, va="bottom",
            linespacing=1.1, fontweight="bold" if mark else None, parse_math=False,
        )  # fmt: skip
        edge, line = (style.POINTED_AT, 1.2) if mark else (style.PALE, 0.5)
        corner = (start - 0.5, top - 0.5)  # an outline, so that a white image has an edge too
        axes.add_patch(Rectangle(corner, width, height, fill=False, color=edge, lw=line))
    if write_values:
        for image, (top, start) in zip(images, places, strict=True):
            for (row, column), value in np.ndenumerate(image):
                axes.text(
                    start + (column + 0.5) * times - 0.5, top + (row + 0.5) * times - 0.5,
                    format_weight(value), ha="center", va="center", fontsize=6,
                    color="black" if value > sum(limits) / 2 else "white",
                )  # fmt: skip
    return figure


def overlay(image: np.ndarray, heatmap: np.ndarray) -> np.ndarray:
    """Draw a heatmap over an image: the image pale and without colours, the heatmap in vermilion.

    Args:
        image: ``(height, width, 1 or 3)``, 0..255.
        heatmap: ``(height, width)``; negative values count as zero. The smallest value is drawn
            without colour, so the overlay shows where the heatmap is high, not how high it is.

    Returns:
        ``(height, width, 3)`` uint8.

    Raises:
        ValueError: heatmap and image differ in height or width.
    """
    grey = np.asarray(image, float).mean(axis=-1, keepdims=True) / 255
    if heatmap.shape != grey.shape[:2]:
        raise ValueError(
            f"the heatmap is {heatmap.shape} and the image {grey.shape[:2]}; resize the heatmap"
        )
    share = np.maximum(heatmap, 0)[..., None]
    share = share - share.min()
    share = 0.9 * share / share.max() if share.max() > 0 else share
    mixed = (1 - share) * (0.68 + 0.32 * grey) + share * np.array(to_rgb(style.POINTED_AT))
    return np.round(255 * mixed).astype(np.uint8)
