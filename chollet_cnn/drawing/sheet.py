"""Squared paper: arrays drawn as grids with their numbers in the cells, placed in inches.

Figures made of grids measure from the top left corner of the sheet, so that cells in different
grids can have the same size and a number in a cell stays readable on a phone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.colors import Colormap, to_rgb
from matplotlib.patches import Rectangle

from chollet_cnn.drawing import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text

WIDTH = 6.4
"""Inches: every figure of the tutorial is that wide, so type has one size on the whole page."""
EDGE = 0.1
"""Inches: the margin of every figure."""
TITLE, BODY, SMALL = 12.5, 10.5, 9.0
"""Points: what to see; labels and numbers; remarks."""
MINUS = "\N{MINUS SIGN}"
INK = "#1b1e24"
BLACK, WHITE = "#000000", "#ffffff"


def sheet(height: float, title: str, note: str = "") -> Figure:
    """Return an empty sheet of that many inches with a title that says what to see."""
    figure = style.new_figure(WIDTH, height)
    figure.set_layout_engine("none")
    _head(figure, title, note)
    return figure


def headline(figure: Figure, title: str, note: str = "") -> None:
    """Write what to see over a figure that lays out its own panels, and keep them below it."""
    share = _head(figure, title, note) / figure.get_figheight()
    figure.get_layout_engine().set(rect=(0, 0, 1, 1 - share), h_pad=0.08, w_pad=0.08)


def _head(figure: Figure, title: str, note: str) -> float:
    """Write the title and the note; return how many inches they take."""
    write(figure, EDGE, 0.12, title, fontsize=TITLE, va="top", linespacing=1.25)
    below = 0.16 + 0.235 * (title.count("\n") + 1)
    if note:
        write(figure, EDGE, below, note, fontsize=SMALL, color=style.GREY, va="top")
        below += 0.16 * (note.count("\n") + 1)
    return below + 0.12


def write(figure: Figure, left: float, top: float, text: str, **options: object) -> Text:
    """Write a text that many inches from the sheet's left and top edges."""
    width, height = figure.get_size_inches()
    options = {"fontsize": BODY, "color": INK, "va": "baseline"} | options
    return figure.text(left / width, 1 - top / height, text, **options)


def place(
    figure: Figure, left: float, top: float, width: float, height: float, label: str = ""
) -> Axes:
    """Put empty axes that many inches from the sheet's left and top edges."""
    sheet_width, sheet_height = figure.get_size_inches()
    box = (
        left / sheet_width,
        1 - (top + height) / sheet_height,
        width / sheet_width,
        height / sheet_height,
    )
    axes = figure.add_axes(box, label=label)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    return axes


def draw_grid(
    axes: Axes,
    values: np.ndarray,
    texts: Sequence[Sequence[str]] | None = None,
    *,
    limits: tuple[float, float] | None = None,
    fills: np.ndarray | None = None,
    fontsize: float = BODY,
) -> None:
    """Draw an array as a grid of cells and write each value into its cell.

    Args:
        axes: where to draw; cell ``[row, column]`` has its middle at ``x=column, y=row``.
        values: ``(rows, columns)``; NaN leaves a cell empty.
        texts: what to write in place of the values.
        limits: the values that are black and white; by default the smallest and the largest.
        fills: ``(rows, columns)`` colours in place of greys.
        fontsize: points.
    """
    rows, columns = values.shape
    if texts is None:
        texts = [[number(value) for value in row] for row in values]
    if fills is None:
        fills = greys(values, limits)
    for row in range(rows):
        for column in range(columns):
            fill = fills[row][column]
            axes.add_patch(
                Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor=fill, edgecolor="0.8", lw=0.5)
            )
            axes.text(
                column,
                row,
                texts[row][column],
                fontsize=fontsize,
                color=contrasting(fill),
                ha="center",
                va="center_baseline",
            )
    frame(axes, rows, columns)


def frame(axes: Axes, rows: int, columns: int) -> None:
    """Set the axes' limits to a grid of cells, with room for the outermost lines."""
    axes.set(xlim=(-0.5, columns - 0.5), ylim=(rows - 0.5, -0.5))
    axes.set_aspect("equal")
    for artist in axes.patches:
        artist.set_clip_on(False)


def mark(
    axes: Axes,
    corner: tuple[float, float],
    shape: tuple[float, float],
    *,
    color: str = style.POINTED_AT,
    line: str = "-",
    width: float = 2.2,
) -> Rectangle:
    """Outline a block of cells: its top left cell ``(row, column)`` and its rows and columns."""
    (row, column), (rows, columns) = corner, shape
    outline = Rectangle(
        (column - 0.5, row - 0.5),
        columns,
        rows,
        fill=False,
        edgecolor=color,
        lw=width,
        linestyle=line,
        zorder=5,
        clip_on=False,
    )
    axes.add_patch(outline)
    return outline


def number(value: float) -> str:
    """Write a number as it stands in a cell: with a true minus, without needless digits.

    >>> number(-60.0), number(46.25), number(float("nan"))
    ('−60', '46.25', '')
    """
    if np.isnan(value):
        return ""
    return f"{value:.6g}".replace("-", MINUS)


def greys(
    values: np.ndarray, limits: tuple[float, float] | None = None, colormap: str = style.MAP
) -> np.ndarray:
    """Return the colour of each cell, ``(rows, columns, 3)``; an empty cell (NaN) is white."""
    from matplotlib import colormaps

    lowest, highest = limits or (np.nanmin(values), np.nanmax(values))
    spread = max(highest - lowest, 1e-12)
    shades: Colormap = colormaps[colormap]
    colors = shades(np.clip((values - lowest) / spread, 0, 1))[..., :3]
    colors[np.isnan(values)] = 1
    return colors


def contrasting(fill: str | Sequence[float]) -> str:
    """Return black or white, whichever is read more easily on this colour.

    The contrast is the one of the Web Content Accessibility Guidelines 2.1, section 1.4.3.
    """
    channels = np.asarray(to_rgb(fill))
    linear = np.where(channels <= 0.03928, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    luminance = float(linear @ (0.2126, 0.7152, 0.0722))
    return BLACK if (luminance + 0.05) ** 2 > 0.05 * 1.05 else WHITE
