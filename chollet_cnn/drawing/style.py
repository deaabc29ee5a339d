"""Colours of every figure: distinct for colour-blind readers and in print.

The same thing has the same colour everywhere: data are blue, the book or whatever is highlighted is
vermilion, a third series is green, everything else is grey. The colours are from the palette of
Okabe and Ito, "Color Universal Design", 2008.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb

DATA = "#0072b2"
POINTED_AT = "#d55e00"
THIRD = "#009e73"
OTHERS = (THIRD, "#cc79a7", "#56b4e9", "#e69f00")
"""The third series and those after it."""
GREY = "#6b6f76"
PALE = "#d9dbdf"
INK = "#1b1e24"
BLACK, WHITE = "#000000", "#ffffff"
INKS = {
    POINTED_AT: "#b84f00", THIRD: "#007a5a", "#cc79a7": "#a0497a", "#56b4e9": "#1a6fa3",
    "#e69f00": "#8a5f00",
}  # fmt: skip
"""Text colours: a colour that is bright enough for a line is too bright for small letters."""
MAP = "gray"
"""The colour map of feature maps and of images with one channel."""


def ink(color: str) -> str:
    """Return the text colour that goes with a colour, with a contrast of at least 4.5 on white.

    Source: Web Content Accessibility Guidelines 2.1, section 1.4.3.
    """
    return INKS.get(color, color)


def contrasting(fill: str | Sequence[float]) -> str:
    """Return black or white, whichever has the higher contrast (WCAG 2.1, 1.4.3) on a colour."""
    channels = np.asarray(to_rgb(fill))
    linear = np.where(channels <= 0.03928, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    luminance = float(linear @ (0.2126, 0.7152, 0.0722))
    return BLACK if (luminance + 0.05) ** 2 > 0.05 * 1.05 else WHITE


def plain_axes(axes: Axes) -> Axes:
    """Remove the top and right spines and put a faint horizontal grid behind the data."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="0.92")
    axes.set_axisbelow(True)
    return axes
