"""Diagram of a network: every volume to scale, from the image to the scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import cos, radians, sin

import keras
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Polygon, Rectangle

from chollet_cnn.analysis.model_graph import UnsupportedModelError, chain, has_activation
from chollet_cnn.analysis.receptive_fields import pair, windows_of
from chollet_cnn.drawing import sheet, style
from chollet_cnn.drawing.numbers import format_integer, format_shape

DRAWING = 3.7
"""Inches from the left for the volumes; the text is to the right of them."""
LARGEST = 1.7
"""Inches: the longest side of a face."""
DEEPEST = 2.3
"""Inches: the length of the deepest volume."""
LONGEST = DRAWING - sheet.EDGE
"""Inches: a longer vector is cut."""
SLOPE = radians(14)
ROW = 0.56
"""Inches: the least height of a row, so that its text has room."""
LINE = 0.2


@dataclass
class Volume:
    """The output of a layer, and which layers after it leave its shape as it is."""

    name: str
    shape: tuple[int, ...]
    text: str
    window: tuple[int, int] | None = None
    """The window that the next layer slides over it, rows and columns."""
    unchanged: list[str] = field(default_factory=list)


def volumes(model: keras.Model) -> list[Volume]:
    """List the input and the outputs of all layers that have parameters or change the shape.

    Args:
        model: a Keras model whose layers form one line.

    Raises:
        UnsupportedModelError: the network branches, or its input or an output is neither a volume
            (rows, columns, channels) nor a vector.
    """
    steps = chain(model)
    shape = tuple(model.inputs[0].shape[1:])
    _check_drawable("the input", shape)
    found = [Volume("input", shape, "the image")]
    for _, layer, output_shape in steps:
        before, shape = (None, *shape), output_shape[1:]
        parameters = layer.count_params() if getattr(layer, "weights", []) else 0
        kind = type(layer).__name__
        if shape == found[-1].shape and not parameters:
            found[-1].unchanged.append(kind)
            continue
        _check_drawable(f"the output of {layer.name}", shape)
        windows = windows_of(layer, before) if len(before) == 4 else None
        if windows and kind != "ZeroPadding2D":
            found[-1].window = tuple(window.size for window in windows)
            size = getattr(layer, "kernel_size", None) or layer.pool_size
            kind += " {} × {}".format(*pair(size))
        if has_activation(layer):
            kind += f", {getattr(layer.activation, '__name__', 'activation')}"
        if parameters:
            kind += f"\n{format_integer(parameters)} parameters"
        found.append(Volume(layer.name, shape, kind))
    return found


def _check_drawable(what: str, shape: tuple[int | None, ...]) -> None:
    if len(shape) not in (1, 3) or None in shape:
        raise UnsupportedModelError(
            f"{what} has the shape {shape}; only volumes (rows, columns, channels) and vectors of "
            "known size can be drawn"
        )


def gets_smaller_and_deeper(boxes: Sequence[tuple[int, ...]]) -> bool:
    """Return whether the last of these volumes has fewer rows and more channels than the first."""
    return boxes[-1][0] < boxes[0][0] and boxes[-1][2] > boxes[0][2]


def plot_network(model: keras.Model) -> Figure:
    """Draw the output of every layer to scale, with its shape beside it.

    Faces are drawn to one scale and depths to another; the note gives both. A vector that is longer
    than the drawing is cut, with two strokes at the cut. The small frame on a face is the window
    that the next layer slides over it.

    Args:
        model: a Keras model whose layers form one line.

    Returns:
        The figure.

    Raises:
        UnsupportedModelError: as :func:`volumes`, or the input is not an image.
    """
    drawn = volumes(model)
    boxes = [volume.shape for volume in drawn if len(volume.shape) == 3]
    if not boxes:
        raise UnsupportedModelError(f"the input of {model.name} is not an image")
    pixel = LARGEST / max(max(shape[:2]) for shape in boxes)
    channel = min(
        DEEPEST / max(shape[2] for shape in boxes),
        *((DRAWING - 0.15 - shape[1] * pixel) / shape[2] / cos(SLOPE) for shape in boxes),
    )
    texts = [_text(volume) for volume in drawn]
    heights = [
        max(ROW, _height(volume.shape, pixel, channel) + 0.16, (text.count("\n") + 2) * LINE + 0.12)
        for volume, text in zip(drawn, texts, strict=True)
    ]
    cut = any(len(v.shape) == 1 and v.shape[0] * channel > LONGEST for v in drawn)
    title = f"{format_shape(drawn[0].shape)} numbers become {format_shape(drawn[-1].shape)}"
    if gets_smaller_and_deeper(boxes):
        title += ": smaller and deeper, step by step"
    figure = sheet.sheet(
        (top := 0.85) + sum(heights) + sheet.EDGE,
        title,
        f"faces to one scale; in depth {_scale(pixel / channel)}{'; // is cut short' * cut}\n"
        "framed on a face: the window that the next layer slides over it",
    )
    width, height = figure.get_size_inches()
    axes = sheet.place(figure, 0, 0, width, height, "volumes")
    axes.set(xlim=(0, width), ylim=(height, 0))
    widest = max(shape[1] for shape in boxes) * pixel
    left = DRAWING + 0.2
    for volume, text, tall in zip(drawn, texts, heights, strict=True):
        middle = top + tall / 2
        if len(volume.shape) == 3:
            _draw_box(axes, volume, middle, pixel, channel, widest)
        else:
            _draw_vector(axes, volume.shape[0] * channel, middle)
        start = middle - (text.count("\n") + 2) * LINE / 2 + 0.15
        sheet.write(figure, left, start, format_shape(volume.shape), fontweight="bold")
        for index, line in enumerate(text.split("\n"), start=1):
            options = {"fontsize": sheet.SMALL, "color": style.GREY}
            sheet.write(figure, left, start + LINE * index, line, **options)
        top += tall
    return figure


def _scale(channels: float) -> str:
    if channels < 1:
        return f"one channel is as long as {1 / channels:.1f} pixels"
    return f"{channels:.1f} channels are as long as one pixel"


def _text(volume: Volume) -> str:
    """Return what made a volume, and the layers that leave its shape as it is, two to a line."""
    names = [f"then {name}" if i == 0 else name for i, name in enumerate(volume.unchanged)]
    lines = [", ".join(names[i : i + 2]) for i in range(0, len(names), 2)]
    return "\n".join([volume.text, *lines])


def _height(shape: tuple[int, ...], pixel: float, channel: float) -> float:
    return 0.1 if len(shape) == 1 else shape[0] * pixel + shape[2] * channel * sin(SLOPE)


def _draw_box(
    axes: Axes, volume: Volume, middle: float, pixel: float, channel: float, widest: float
) -> None:
    """Draw a box with its face in front and its depth to the right."""
    rows, columns, channels = volume.shape
    tall, wide = rows * pixel, columns * pixel
    right, up = channels * channel * cos(SLOPE), channels * channel * sin(SLOPE)
    left = sheet.EDGE + min((widest - wide) / 2, DRAWING - sheet.EDGE - wide - right)
    top = middle - (tall + up) / 2 + up
    edge = {"edgecolor": "white", "lw": 0.6}
    near, far = (left + wide, top), (left + wide + right, top - up)
    lid = [(left, top), (left + right, top - up), far, near]
    side = [near, far, (far[0], far[1] + tall), (near[0], top + tall)]
    axes.add_patch(Polygon(lid, facecolor="#9cc6e0", **edge))
    axes.add_patch(Polygon(side, facecolor="#4d9ccb", **edge))
    face = Rectangle((left, top), wide, tall, facecolor=style.DATA, label=volume.name, **edge)
    axes.add_patch(face)
    if volume.window:
        high, broad = (length * pixel for length in volume.window)
        at = (left + (wide - broad) / 2, top + (tall - high) / 2)
        frame = {"facecolor": "white", "edgecolor": style.POINTED_AT, "lw": 1.2}
        axes.add_patch(Rectangle(at, broad, high, **frame))


def _draw_vector(axes: Axes, length: float, middle: float) -> None:
    """Draw a vector as a bar; one that is too long is cut, with two strokes near its end."""
    left, drawn = sheet.EDGE, max(min(length, LONGEST), 0.02)
    axes.add_patch(Rectangle((left, middle - 0.06), drawn, 0.12, facecolor=style.DATA))
    for x in (left + drawn - 0.45, left + drawn - 0.36) if length > LONGEST else ():
        axes.plot([x - 0.04, x + 0.04], [middle + 0.11, middle - 0.11], color="white", lw=2.5)
