"""One look for every figure: colours that stay apart for colour-blind readers and in print.

The same thing has the same colour everywhere: data are blue, the book or the thing pointed at is
vermilion, a third series is green, everything else is grey. The three are from the palette of Okabe
and Ito, "Color Universal Design", 2008.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DATA = "#0072b2"
POINTED_AT = "#d55e00"
THIRD = "#009e73"
GREY = "#6b6f76"
PALE = "#d9dbdf"
INKS = {POINTED_AT: "#b84f00", THIRD: "#007a5a"}
"""For words: colours that are bright enough for a line are too bright for small letters."""
MAP = "gray"
"""The colour map of feature maps and pictures with one channel."""


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of that many inches, outside pyplot's global state."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained", facecolor="white")


def ink(color: str) -> str:
    """Return the colour of words about something of this colour, dark enough to read on white.

    The contrast is at least 4.5, as the Web Content Accessibility Guidelines 2.1 ask in 1.4.3.
    """
    return INKS.get(color, color)


def title_above(figure: Figure, words: str) -> None:
    """Write a figure's title at its left; without words there is no room kept for one."""
    if words:
        figure.suptitle(words, fontsize=11, x=0.01, ha="left")


def note_below(figure: Figure, words: str) -> None:
    """Write a small grey line at the foot of a figure; its layout is to leave room there."""
    figure.text(0.01, 0.012, words, fontsize=8.5, color=GREY, va="bottom")


def plain_axes(axes: Axes) -> Axes:
    """Leave of an axes what carries data: no top and right line, a faint grid behind."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="0.92")
    axes.set_axisbelow(True)
    return axes
