"""Figures of an image as an array: the numbers in its cells, and its channels."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from chollet_cnn.concepts.checks import as_array, cell_in
from chollet_cnn.concepts.figures import photographs
from chollet_cnn.concepts.images import feature_count, split_channels
from chollet_cnn.drawing import sheet, style

PADLOCK = np.array(
    [
        [255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255],
        [255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255],
        [255, 255, 255, 255, 255, 255, 255, 116, 116, 109, 255, 255, 255, 255, 255, 255],
        [255, 255, 255, 255, 255, 255, 116, 146, 153, 109, 255, 255, 255, 255, 255, 255],
        [255, 255, 255, 255, 255, 116, 138, 255, 255, 255, 153, 109, 255, 255, 255, 255],
        [255, 255, 255, 255, 255, 116, 153, 255, 255, 255, 146, 116, 255, 255, 255, 255],
        [255, 255, 255, 255, 255, 116, 146, 174, 153, 146, 116, 95, 255, 255, 255, 255],
        [255, 255, 255, 255, 116, 167, 174, 198, 65, 153, 146, 138, 95, 255, 255, 255],
        [255, 255, 255, 255, 116, 153, 167, 65, 53, 65, 156, 153, 116, 255, 255, 255],
        [255, 255, 255, 255, 116, 153, 167, 174, 65, 198, 167, 167, 95, 255, 255, 255],
        [255, 255, 255, 255, 95, 153, 167, 167, 65, 174, 167, 153, 109, 255, 255, 255],
        [255, 255, 255, 255, 95, 146, 153, 167, 167, 167, 153, 138, 109, 255, 255, 255],
        [255, 255, 255, 255, 255, 116, 95, 109, 116, 109, 116, 116, 255, 255, 255, 255],
        [255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255],
        [255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255],
        [255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255],
    ]
)
"""A 16x16 grey image, 0 black and 255 white: the example that the tutorial computes by hand."""


def plot_pixel_values(image: np.ndarray | None = None) -> Figure:
    """Draw a grey image with the number of every pixel in its cell.

    Args:
        image: ``(height, width)``, 0 to 255 or 0 to 1, at most about 20 pixels wide; a padlock by
            default.
    """
    image = as_array(PADLOCK if image is None else image, "image", (2,))
    (height, width), limits = image.shape, sheet.grey_limits(image)
    cell = (sheet.WIDTH - 0.2) / width
    figure = sheet.sheet(
        0.8 + height * cell,
        f"{height} × {width} = {feature_count(image.shape)} numbers are the whole image",
        "{} is black, {} is white".format(*limits),
    )
    axes = sheet.place(figure, 0.1, 0.7, width * cell, height * cell, "image")
    sheet.draw_grid(axes, image, limits=limits, fontsize=min(11, 27 * cell))
    return figure


def plot_channels(
    image: np.ndarray | None = None,
    pixel: tuple[int, int] | None = None,
    *,
    pixel_range: tuple[float, float] = (0, 255),
) -> Figure:
    """Draw a colour image and its three channels, each as a grey image.

    Args:
        image: ``(height, width, 3)``; scikit-image's cat by default.
        pixel: the ``(row, column)`` whose three numbers are written beside it; by default one on
            the cat's nose, or the centre of your image.
        pixel_range: the numbers that stand for black and white in the image.

    Raises:
        ValueError: the image has other dimensions or no such pixel, or its numbers are of another
            range.
    """
    if image is None:
        image, pixel = photographs.cat(150), pixel or (119, 94)
    image = sheet.as_colors(sheet.to_grey_levels(as_array(image, "image", (3,)), pixel_range))
    if image.shape[2] != 3:
        raise ValueError(f"the image has {image.shape[2]} channels; red, green and blue are needed")
    height, width = image.shape[:2]
    row, column = cell_in(pixel or (height // 2, width // 2), (height, width), "pixel")
    figure = sheet.panels(
        sheet.WIDTH * height / width + 0.4,
        "A colour image is three grey images, one over the other",
        "a channel is bright where the image has much of its colour; 0 is none, 255 is all",
    )
    panels = figure.subplots(2, 2).flat
    names = ("red", "green", "blue")
    values = [f"{name} {image[row, column, i]}" for i, name in enumerate(names)]
    shown = [image, *split_channels(image)]
    for axes, channel, name in zip(panels, shown, ("the image", *names), strict=True):
        sheet.draw_pixels(axes, channel, vmin=0, vmax=255)
        axes.set_title(name, fontsize=sheet.BODY, loc="left", color=style.INK)
        axes.set_axis_off()
    side = -1 if column > width / 2 else 1
    for axes, text in zip(figure.axes, (f"row {row}, column {column}", *values), strict=True):
        sheet.mark(axes, (row - 4, column - 4), (9, 9), width=2)
        axes.annotate(
            text, (column + 5 * side, row), (8 * side, 0), textcoords="offset points",
            fontsize=sheet.BODY, fontweight="bold", color=style.ink(style.POINTED_AT),
            ha="left" if side > 0 else "right", va="center",
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 2},
        )  # fmt: skip
    return figure
