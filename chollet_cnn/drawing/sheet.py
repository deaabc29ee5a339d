"""Figures of one width with a title and a note, and grids of cells with numbers in them.

Every figure has its title at the top, which says what to see, and below it in grey a note, which
says how to read it. :func:`panels` leaves the layout to matplotlib; on a :func:`sheet` everything
is placed in inches from the top left corner, so that cells in different grids have one size.

Both return a :class:`NotebookFigure`, which a notebook displays as the last line of a cell.
"""

from __future__ import annotations

import io
import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps, rc_context
from matplotlib.axes import Axes
from matplotlib.backend_bases import RendererBase
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from PIL import Image, ImageShow

from chollet_cnn.drawing import style
from chollet_cnn.drawing.notebook import in_notebook
from chollet_cnn.drawing.numbers import format_number

WIDTH = 7.0
"""Inches: the width of every figure, so that type has one size on the whole page."""
EDGE = 0.1
"""Inches: the margin of every figure."""
TITLE, BODY, SMALL = 12.0, 10.0, 8.5
"""Points: titles; labels and numbers; notes."""
TITLE_CHARACTERS, NOTE_CHARACTERS = 74, 106
"""A longer line is wrapped."""
PIXELS_PER_INCH = 100
"""On the screen, in a notebook; the image itself has twice as many, for screens that show them."""


class NotebookFigure(Figure):
    """A matplotlib figure that a notebook displays without pyplot and ``%matplotlib inline``."""

    def show(self, warn: bool = True) -> None:
        """Display the figure below a notebook's cell, elsewhere in the system's image viewer.

        Args:
            warn: not used; matplotlib's own figures take it.

        Raises:
            RuntimeError: there is no image viewer.
        """
        if in_notebook():
            from IPython.display import display  # is there if this is a notebook

            display(self)
        elif not ImageShow.show(Image.open(io.BytesIO(self._repr_png_()[0]))):
            raise RuntimeError(
                "no program that shows images was found; write the figure to a file with "
                "figure.savefig('figure.png')"
            )

    def draw(self, renderer: RendererBase) -> None:
        """Draw the figure with its texts as they are.

        LaTeX is not used, whatever the reader's matplotlibrc asks for, and dollars, as in the name
        of a class, are not taken for mathematics; matplotlib's own powers of ten are.
        """
        for text in self.findobj(Text):
            text.set_usetex(False)
            text.set_parse_math(False)
        for axis in (axis for axes in self.axes for axis in (axes.xaxis, axes.yaxis)):
            for label in axis.get_ticklabels(which="both"):
                label.set_parse_math(axis.get_scale() != "linear")
        with rc_context({"text.usetex": False}):
            super().draw(renderer)

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        """Return the figure as PNG, and the size at which a notebook displays it."""
        file = io.BytesIO()
        self.savefig(file, format="png", dpi=2 * PIXELS_PER_INCH)
        width, height = (round(PIXELS_PER_INCH * inches) for inches in self.get_size_inches())
        return file.getvalue(), {"width": width, "height": height}


def sheet(height: float, title: str, note: str = "") -> NotebookFigure:
    """Return a figure of that many inches in height, to be filled with :func:`place`."""
    figure = NotebookFigure(figsize=(WIDTH, height), facecolor="white")
    _write_heading(figure, title, note)
    return figure


def panels(height: float, title: str = "", note: str = "") -> NotebookFigure:
    """Return a figure for subplots, with that many inches of height below its title and note."""
    top = _heading_height(title, note)
    figure = NotebookFigure(figsize=(WIDTH, height + top), layout="constrained", facecolor="white")
    _write_heading(figure, title, note)
    share = height / (height + top)
    figure.get_layout_engine().set(rect=(0, 0, 1, share), w_pad=0.06, h_pad=0.05)
    return figure


def _wrapped(title: str, note: str) -> tuple[list[str], list[str]]:
    return tuple(
        [part for line in text.split("\n") for part in textwrap.wrap(line, width)]
        for text, width in ((title, TITLE_CHARACTERS), (note, NOTE_CHARACTERS))
    )


def _heading_height(title: str, note: str) -> float:
    """Return the inches that the title and the note take."""
    titles, notes = _wrapped(title, note)
    return 0.17 * bool(titles or notes) + 0.225 * len(titles) + 0.16 * len(notes)


def _write_heading(figure: Figure, title: str, note: str) -> None:
    titles, notes = _wrapped(title, note)
    if titles:
        text = "\n".join(titles)
        write(figure, EDGE, 0.1, text, fontsize=TITLE, linespacing=1.25, va="top")
    if notes:
        top = 0.11 + 0.225 * len(titles)
        text = "\n".join(notes)
        write(figure, EDGE, top, text, fontsize=SMALL, color=style.GREY, va="top")


def write(figure: Figure, left: float, top: float, text: str, **options: object) -> Text:
    """Write a text that many inches from the figure's left and top edges."""
    width, height = figure.get_size_inches()
    options = {"fontsize": BODY, "color": style.INK, "va": "baseline"} | options
    return figure.text(left / width, 1 - top / height, text, **options)


def place(
    figure: Figure, left: float, top: float, width: float, height: float, label: str = ""
) -> Axes:
    """Add empty axes that many inches from the figure's left and top edges."""
    across, down = figure.get_size_inches()
    box = (left / across, 1 - (top + height) / down, width / across, height / down)
    axes = figure.add_axes(box, label=label)
    axes.set(xticks=[], yticks=[])
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
        axes: where to draw; the centre of cell ``[row, column]`` is at ``x=column, y=row``.
        values: ``(rows, columns)``; NaN leaves a cell empty.
        texts: what to write in place of the values.
        limits: the values drawn black and white; by default the smallest and the largest.
        fills: ``(rows, columns)`` colours in place of greys; a white cell is left unfilled.
        fontsize: points.
    """
    rows, columns = values.shape
    pixels = fills is None
    fills = greys(values, limits) if pixels else fills
    for row, column in np.ndindex(rows, columns):
        fill = fills[row][column]
        blank = np.isnan(values[row, column]) or (not pixels and to_hex(fill) == style.WHITE)
        cell = Rectangle(
            (column - 0.5, row - 0.5), 1, 1, facecolor=(1, 1, 1, 0) if blank else fill,
            edgecolor="0.8", lw=0.5, clip_on=False,
        )  # fmt: skip
        axes.add_patch(cell)
        text = format_number(values[row, column]) if texts is None else texts[row][column]
        axes.text(
            column, row, text, fontsize=fontsize,
            color=style.INK if blank else style.contrasting(fill),
            ha="center", va="center_baseline",
        )  # fmt: skip
    axes.set(xlim=(-0.5, columns - 0.5), ylim=(rows - 0.5, -0.5), aspect="equal")


def mark(
    axes: Axes,
    corner: tuple[float, float],
    shape: tuple[float, float],
    *,
    line: str | tuple = "-",
    width: float = 2.2,
) -> None:
    """Outline a block of cells: its top left cell ``(row, column)`` and its rows and columns."""
    (row, column), (rows, columns) = corner, shape
    outline = Rectangle(
        (column - 0.5, row - 0.5), columns, rows, fill=False, edgecolor=style.POINTED_AT,
        lw=width, linestyle=line, zorder=5, clip_on=False,
    )  # fmt: skip
    axes.add_patch(outline)


def as_colors(images: np.ndarray) -> np.ndarray:
    """Return colours from 0 to 255 as whole numbers; floats matplotlib would take for 0 to 1."""
    return np.clip(np.rint(images), 0, 255).astype(np.uint8)


def to_grey_levels(images: np.ndarray, pixel_range: tuple[float, float] = (0, 255)) -> np.ndarray:
    """Return images with black at 0 and white at 255, from numbers of another range.

    Args:
        images: of any shape.
        pixel_range: the numbers that stand for black and white.

    Raises:
        ValueError: the numbers are of another range, such as 0..1, or the range is none.
    """
    images = np.asarray(images)
    low, high = pixel_range
    if not low < high:
        raise ValueError(f"pixel_range is (black, white), the smaller first, not ({low}, {high})")
    darkest, brightest = (images.min(), images.max()) if images.size else pixel_range
    slack = 0.02 * (high - low)  # resizing and augmentation may go beyond black and white
    small = images.dtype.kind in "fb" and low == 0 and high > 1 and darkest < brightest <= 1
    if small or not low - slack <= darkest <= brightest <= high + slack:
        raise ValueError(
            f"the pixels are numbers from {darkest:.4g} to {brightest:.4g}, but black is {low:g} "
            f"and white {high:g}; pass pixel_range=(black, white), such as (0, 1)"
        )
    return (
        images if (low, high) == (0, 255) else 255 * ((images.astype(float) - low) / (high - low))
    )


def grey_limits(image: np.ndarray) -> tuple[int, int]:
    """Return the numbers of black and white in a grey image: 0 and 255, or 0 and 1."""
    return (0, 255) if image.max() > 1 else (0, 1)


def draw_pixels(axes: Axes, pixels: np.ndarray, **options: Any) -> None:  # noqa: ANN401
    """Draw an array with the first row at the top, in greys unless it has colours.

    Args:
        axes: where.
        pixels: ``(rows, columns)``, or with colours as a third axis.
        **options: more of :meth:`matplotlib.axes.Axes.imshow`, such as the limits of the greys.
    """
    axes.imshow(pixels, cmap=style.MAP, origin="upper", **options)


def draw_image(axes: Axes, image: np.ndarray, label: str = "", high: float = 255) -> None:
    """Draw an image with its label above it; one without colours in grey, 0 black, high white."""
    image = image[..., 0] if image.ndim == 3 and image.shape[-1] == 1 else image
    image = as_colors(image) if image.ndim == 3 else image
    draw_pixels(axes, image, vmin=0, vmax=high, interpolation="nearest")
    axes.set_title(label, fontsize=SMALL, color=style.GREY, loc="left")
    axes.set_axis_off()


def greys(values: np.ndarray, limits: tuple[float, float] | None = None) -> np.ndarray:
    """Return the colour of each cell, ``(rows, columns, 3)``; an empty cell (NaN) is white."""
    lowest, highest = limits or (np.nanmin(values), np.nanmax(values))
    spread = max(highest - lowest, 1e-12)
    colors = colormaps[style.MAP](np.clip((values - lowest) / spread, 0, 1))[..., :3]
    colors[np.isnan(values)] = 1
    return colors
