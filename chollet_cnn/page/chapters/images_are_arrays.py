"""An image is numbers in cells; a colour image has three for each cell."""

from typing import Any

from chollet_cnn.concepts import images
from chollet_cnn.concepts.figures import images as plots
from chollet_cnn.concepts.figures import photographs
from chollet_cnn.concepts.figures.images import PADLOCK
from chollet_cnn.page.chapter import cells
from chollet_cnn.page.figure import Figure

PIXEL = 4, 5
"""The pixel whose place in the unrolled image is worked out."""


def content() -> dict[str, Any]:
    """Return the numbers of a grey image and the channels of a colour image."""
    cat = photographs.cat(150)
    red, green, blue = images.split_channels(cat)
    row, column = PIXEL
    side = PADLOCK.shape[1]
    place = row * side + column
    value = images.unroll(PADLOCK)[place]
    colour = images.feature_count((*PADLOCK.shape, 3))
    return {
        "pixels": Figure("padlock-pixel-values", plots.plot_pixel_values(), cells(PADLOCK)),
        "channels": Figure(
            "cat-in-three-channels",
            plots.plot_channels(cat, (119, 94)),
            cells(red, "red").assign(green=green.ravel(), blue=blue.ravel()),
        ),
        "grey": images.feature_count(PADLOCK.shape),
        "colour": colour,
        "side": side,
        "row": row,
        "column": column,
        "place": place,
        "value": int(value),
    }
