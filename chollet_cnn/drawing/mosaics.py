"""Mosaics: many small pictures laid out in rows and columns, and a heat laid over one picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from chollet_cnn.drawing import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 7.0
"""Inches: as wide as the page's column."""
TITLE, BODY, SMALL = 11.5, 9.0, 8.0
"""Points: what to see; numbers and names; remarks."""


def mosaic(
    pictures: np.ndarray,
    columns: int | None = None,
    *,
    margin: int | tuple[int, int] = 1,
    fill: float = np.nan,
) -> np.ndarray:
    """Lay pictures of one size out in rows, from left to right and from top to bottom.

    Args:
        pictures: ``(n, height, width)`` or ``(n, height, width, 3)``.
        columns: pictures in a row; about a square if it is left out.
        margin: pixels above and to the left of each picture, or one number for each.
        fill: the value of the margins and of places without a picture. NaN, which is drawn as
            nothing, makes the result floating point.

    Returns:
        One picture, ``(rows * (height + above), columns * (width + left)[, 3])``.

    Raises:
        ValueError: there is no picture, or they are no pictures.
    """
    pictures = np.asarray(pictures)
    if pictures.ndim not in (3, 4) or not pictures.size:
        raise ValueError(
            f"pictures have shape (n, height, width) or (n, height, width, 3), not {pictures.shape}"
        )
    count, height, width = pictures.shape[:3]
    above, left = (margin, margin) if isinstance(margin, int) else margin
    columns = columns or columns_for(count)
    rows = -(-count // columns)
    kind = np.result_type(pictures, np.float32) if np.isnan(fill) else pictures.dtype
    shape = (rows * (height + above), columns * (width + left), *pictures.shape[3:])
    sheet = np.full(shape, fill, kind)
    for picture, (top, start) in zip(
        pictures, corners(count, height, width, columns, margin=(above, left)), strict=True
    ):
        sheet[top : top + height, start : start + width] = picture
    return sheet


def corners(
    count: int, height: int, width: int, columns: int, *, margin: tuple[int, int]
) -> np.ndarray:
    """Return the row and column of each picture's top left pixel in a mosaic, ``(count, 2)``."""
    row, column = np.divmod(np.arange(count), columns)
    return np.stack(
        [row * (height + margin[0]) + margin[0], column * (width + margin[1]) + margin[1]], axis=1
    )


def columns_for(count: int) -> int:
    """Return how many pictures stand in a row when a mosaic is about square."""
    return math.ceil(math.sqrt(count))


def enlarge(pictures: np.ndarray, at_least: int) -> np.ndarray:
    """Repeat the pixels of pictures ``(n, height, width, ...)`` until they are that many wide."""
    times = -(-at_least // pictures.shape[2])
    return pictures.repeat(times, axis=1).repeat(times, axis=2)


def plot_mosaic(
    pictures: np.ndarray,
    labels: Sequence[str],
    *,
    columns: int,
    title: str,
    note: str = "",
    limits: tuple[float, float] = (0, 255),
    pointed_at: Sequence[bool] | None = None,
    lines: int = 1,
    faint: bool = False,
    written: bool = False,
) -> Figure:
    """Draw pictures in a mosaic with a label over each.

    Args:
        pictures: ``(n, height, width)`` or ``(n, height, width, 3)``.
        labels: what to write over each picture.
        columns: pictures in a row.
        title: what to look at.
        note: how to read it; stands below.
        limits: the values drawn black and white, where pictures have no colours.
        pointed_at: which pictures are marked in vermilion.
        lines: the lines of a label, all labels alike.
        faint: whether brightness grows with the square root, so that small values show.
        written: whether to write each cell's value into it.
    """
    from matplotlib.colors import PowerNorm

    count = len(pictures)
    across = WIDTH / columns  # inches that one picture and its margin take
    tall = enlarge(np.asarray(pictures), 64)
    height, width = tall.shape[1:3]
    left = max(2, width // 16)
    pixels = (width + left) / across  # to the inch
    above = round(lines * SMALL * 1.35 / 72 * pixels) + left // 2
    sheet = mosaic(tall, columns, margin=(above, left), fill=255 if tall.ndim == 4 else np.nan)
    figure = new_sheet(sheet.shape[0] / pixels, title, note)
    axes = figure.add_subplot()
    scale = PowerNorm(0.5 if faint else 1, *limits, clip=True)
    axes.imshow(sheet, cmap=style.MAP, norm=scale, interpolation="nearest")
    axes.set_axis_off()
    places = corners(count, height, width, columns, margin=(above, left))
    marked = pointed_at if pointed_at is not None else [False] * count
    for (top, start), label, mark in zip(places, labels, marked, strict=True):
        color = style.POINTED_AT if mark else style.GREY
        axes.text(
            start, top - above * 0.12, label, color=style.ink(color), fontsize=SMALL, va="bottom",
            linespacing=1.1, fontweight="bold" if mark else None,
        )  # fmt: skip
        _outline(axes, top, start, height, width, pointed_at=mark)
    if written:
        _write_cells(axes, np.asarray(pictures), places, height // pictures.shape[1], limits)
    return figure


def _write_cells(
    axes: Axes,
    pictures: np.ndarray,
    places: np.ndarray,
    cell: int,
    limits: tuple[float, float],
) -> None:
    """Write every value into its cell, dark on light and light on dark."""
    middle = sum(limits) / 2
    for picture, (top, left) in zip(pictures, places, strict=True):
        for (row, column), value in np.ndenumerate(picture):
            axes.text(
                left + (column + 0.5) * cell - 0.5, top + (row + 0.5) * cell - 0.5,
                _short(value),
                ha="center", va="center", fontsize=SMALL - 2,
                color="black" if value > middle else "white",
            )  # fmt: skip


def _short(value: float) -> str:
    """Write a number with two decimals and no zero before the point."""
    text = f"{abs(value):.2f}".removeprefix("0")
    return f"\N{MINUS SIGN}{text}" if round(value, 2) < 0 else text


def _outline(axes: Axes, top: int, left: int, height: int, width: int, *, pointed_at: bool) -> None:
    """Frame a picture, so that a white one has an edge too."""
    from matplotlib.patches import Rectangle

    color, weight = (style.POINTED_AT, 1.2) if pointed_at else (style.PALE, 0.5)
    corner = (left - 0.5, top - 0.5)
    axes.add_patch(Rectangle(corner, width, height, fill=False, color=color, lw=weight))


def new_sheet(height: float, title: str, note: str = "") -> Figure:
    """Return a figure as wide as the page with room for something that many inches high.

    The title, which says what to see, stands above it; the note, which says how to read it, below.
    """
    head = 0.12 + TITLE * 1.35 / 72 * (title.count("\n") + 1)
    foot = 0.06 + SMALL * 1.4 / 72 * (note.count("\n") + 1) if note else 0.06
    whole = head + height + foot
    figure = style.new_figure(WIDTH, whole)
    figure.get_layout_engine().set(
        rect=(0, foot / whole, 1, height / whole), w_pad=0.03, h_pad=0.02
    )
    figure.text(
        0.006, 1 - 0.06 / whole, title, fontsize=TITLE, va="top",
        linespacing=1.25,
    )  # fmt: skip
    if note:
        figure.text(0.006, 0.05 / whole, note, fontsize=SMALL, color=style.GREY, va="bottom")
    return figure


def overlay(picture: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """Lay a heat over a picture: the picture pale and without colours, the heat in vermilion.

    Args:
        picture: ``(height, width, 1 or 3)``, 0..255.
        heat: ``(height, width)``; what lies below zero counts as zero, and the smallest value is
            left out of the colour, so that it shows where the heat is, not how much there is.

    Returns:
        ``(height, width, 3)`` uint8.

    Raises:
        ValueError: the heat has not the size of the picture.
    """
    from matplotlib.colors import to_rgb

    grey = np.asarray(picture, float).mean(axis=-1, keepdims=True) / 255
    if heat.shape != grey.shape[:2]:
        raise ValueError(f"the heat is {heat.shape} and the picture {grey.shape[:2]}; stretch it")
    share = np.maximum(heat, 0)[..., None]
    share = share - share.min()
    share = 0.9 * share / share.max() if share.max() > 0 else share
    pale = 0.68 + 0.32 * grey
    mixed = (1 - share) * pale + share * np.array(to_rgb(style.POINTED_AT))
    return np.round(255 * mixed).astype(np.uint8)


def as_drawn(picture: np.ndarray) -> np.ndarray:
    """Return a picture as matplotlib draws it: one channel becomes none."""
    return picture[..., 0] if picture.shape[-1] == 1 else picture
