"""Figures of padding, stride and receptive fields."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from chollet_cnn.concepts.checks import as_array
from chollet_cnn.concepts.figures import photographs
from chollet_cnn.concepts.geometry import output_size, receptive_field
from chollet_cnn.drawing import sheet, style

THREE_BLOCK = (
    ("conv2d", 3, 1),
    ("max_pooling2d", 2, 2),
    ("conv2d_1", 3, 1),
    ("max_pooling2d_1", 2, 2),
    ("conv2d_2", 3, 1),
    ("max_pooling2d_2", 2, 2),
)
"""Name, window and stride of the layers of the three-block MNIST network."""
STRIDES_AND_PADDINGS = ((1, 0), (1, 1), (2, 0), (2, 1))
"""The stride and the padding of each panel."""


def plot_padding_and_stride(
    size: int = 7,
    kernel_size: int = 3,
    cases: Sequence[tuple[int, int]] = STRIDES_AND_PADDINGS,
) -> Figure:
    """Draw on a grid the centre of every window, and count the windows.

    Args:
        size: rows and columns of the image.
        kernel_size: rows and columns of the window.
        cases: ``(stride, padding)`` of each panel.

    Raises:
        ImpossibleGeometry: the windows of a case leave cells over.
    """
    widest = size + 2 * max(padding for _, padding in cases)
    gap = 0.35
    cell = (sheet.WIDTH - 2 * sheet.EDGE - gap) / (2 * widest)
    panel = widest * cell
    row_height = panel + 0.75
    rows = -(-len(cases) // 2)
    figure = sheet.sheet(
        0.7 + rows * row_height,
        "Padding keeps the border, a larger stride skips places",
        "numbered: the centre of each window; framed: the first two windows; hatched: zeros added",
    )
    for index, (stride, padding) in enumerate(cases):
        left = sheet.EDGE + (index % 2) * (panel + gap)
        top = 0.75 + (index // 2) * row_height
        places = output_size(size, kernel_size, stride, padding)
        head = f"stride {stride}, padding {padding}: {size} becomes {places}"
        sheet.write(figure, left, top + 0.15, head, fontweight="bold")
        formula = f"({size} − {kernel_size} + 2·{padding}) / {stride} + 1 = {places}"
        sheet.write(figure, left, top + 0.36, formula, color=style.GREY)
        inset = (widest - size - 2 * padding) / 2 * cell
        side = (size + 2 * padding) * cell
        axes = sheet.place(figure, left + inset, top + 0.47 + inset, side, side, head)
        _draw_places(axes, size, kernel_size, stride, padding, places, 27 * cell)
    return figure


def _draw_places(
    axes: Axes, size: int, kernel_size: int, stride: int, padding: int, places: int, fontsize: float
) -> None:
    """Draw the padded image, number the centres of the windows and frame the first two."""
    padded = size + 2 * padding
    first = (kernel_size - 1) // 2
    steps = [first + stride * place for place in range(places)]
    fills = np.ones((padded, padded, 3))
    fills[padding : padding + size, padding : padding + size] = 0.9
    texts = [[""] * padded for _ in range(padded)]
    for count, (row, column) in enumerate((r, c) for r in steps for c in steps):
        fills[row, column] = to_rgb(style.DATA)
        texts[row][column] = str(count + 1)
    sheet.draw_grid(axes, np.zeros((padded, padded)), texts, fills=fills, fontsize=fontsize)
    image = np.pad(np.ones((size, size), bool), padding)
    for cell in np.flatnonzero(~image):
        axes.patches[cell].set(hatch="////", edgecolor="0.7")
    sheet.mark(axes, (0, 0), (kernel_size, kernel_size), width=2.5)
    if places > 1:
        sheet.mark(axes, (0, stride), (kernel_size, kernel_size), line="--", width=1.8)


def plot_receptive_fields(
    layers: Sequence[tuple[str, int, int]] = THREE_BLOCK,
    image: np.ndarray | None = None,
    *,
    pixel_range: tuple[float, float] = (0, 255),
) -> Figure:
    """Draw the receptive field of one unit of each layer, and that of its neighbour.

    Args:
        layers: name, window and stride of each convolution and pooling; by default those of the
            three-block MNIST network.
        image: ``(height, width)`` or ``(height, width, 3)``, of the size that the network takes; a
            digit of 28x28 by default.
        pixel_range: the numbers that stand for black and white in the image.

    Raises:
        ValueError: the image has other dimensions, or its pixels are of another range.
    """
    image = as_array(photographs.digit(28) if image is None else image, "image", (2, 3))
    image = sheet.to_grey_levels(image, pixel_range)
    if not layers:
        raise ValueError("the list of layers is empty; name at least one")
    size = min(image.shape[:2])
    fields = receptive_field([(window, stride) for _, window, stride in layers])
    columns, gap = 3, 0.3
    side = (sheet.WIDTH - 2 * sheet.EDGE - 2 * gap) / columns
    height = side * image.shape[0] / image.shape[1]
    row_height = height + 0.75
    figure = sheet.sheet(
        0.7 + -(-len(layers) // columns) * row_height,
        f"One unit of the last layer sees {min(fields[-1].size, size)} of {size} pixels across",
        "solid frame: the receptive field of one unit; dashed: that of the next one",
    )
    for index, ((name, _, _), field) in enumerate(zip(layers, fields, strict=True)):
        left = sheet.EDGE + (index % columns) * (side + gap)
        top = 0.75 + (index // columns) * row_height
        text = f"{field.size} × {field.size}"
        sheet.write(figure, left, top + 0.14, name, fontsize=sheet.SMALL, color=style.GREY)
        options = {"fontweight": "bold", "color": style.ink(style.POINTED_AT)}
        sheet.write(figure, left, top + 0.36, text, **options)
        alone = field.size + field.jump > image.shape[1]
        jump = "the only one" if alone else f"next {field.jump} px on"
        options = {"ha": "right", "fontsize": sheet.SMALL, "color": style.GREY}
        sheet.write(figure, left + side, top + 0.36, jump, **options)
        axes = sheet.place(figure, left, top + 0.45, side, height, name)
        sheet.draw_image(axes, image)
        _draw_field(axes, image.shape[:2], field.size, field.jump)
    return figure


def _draw_field(axes: Axes, shape: tuple[int, ...], size: int, jump: int) -> None:
    """Frame the receptive fields of a unit near the centre and of its neighbour."""
    height, width = shape
    row, column = (max(0, (n - size) // 2 // jump) * jump for n in shape)
    veil = np.ones((height, width, 4))
    veil[..., 3] = 0.55
    veil[row : row + size, column : column + size, 3] = 0
    sheet.draw_pixels(axes, veil)
    axes.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
    if column + jump + size <= width:
        sheet.mark(axes, (row, column + jump), (size, size), line=(0, (2, 1.5)), width=1.4)
    sheet.mark(axes, (row, column), (size, size), width=2.4)
    axes.add_patch(
        Rectangle((-0.5, -0.5), width, height, fill=False, edgecolor=style.PALE, lw=0.8, zorder=1)
    )
