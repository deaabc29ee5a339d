"""A network drawn volume by volume: how a picture gets small and deep on its way."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import cos, radians, sin
from typing import TYPE_CHECKING

from matplotlib.patches import Polygon, Rectangle

from chollet_cnn.drawing import sheet, style

if TYPE_CHECKING:
    import keras
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DRAWING = 3.7
"""Inches from the left that the volumes may take; the words stand to the right of them."""
TALLEST = 1.7
"""Inches: the side of the tallest face."""
DEEPEST = 2.3
"""Inches: the length of the deepest volume."""
LONGEST = DRAWING - sheet.EDGE
"""Inches: a longer vector is cut."""
SLOPE = radians(14)
ROW = 0.56
"""Inches: the least height of a row, so that its words have room."""
LINE = 0.2


@dataclass
class Volume:
    """What comes out of one layer, and which layers changed nothing about its shape."""

    name: str
    shape: tuple[int, ...]
    words: str
    window: tuple[int, int] | None = None
    """The window that the next layer lays on it."""
    unchanged: list[str] = field(default_factory=list)


def sliding_layers(model: keras.Model) -> list[tuple[str, int, int]]:
    """Name each layer of a model that slides a window, with the window's size and its step.

    Returns:
        ``(name, kernel_size, stride)`` of every convolution and pooling, in their order.
    """
    found = []
    for layer in model.layers:
        window = _window(layer)
        if window:
            found.append((layer.name, window[0], layer.strides[0]))
    return found


def _window(layer: keras.Layer) -> tuple[int, int] | None:
    for name in ("kernel_size", "pool_size"):
        window = getattr(layer, name, None)
        if window and len(window) == 2:
            return tuple(window)
    return None


def volumes(model: keras.Model) -> list[Volume]:
    """List what comes out of every layer that has parameters or changes the shape.

    Args:
        model: a Keras model in which one layer follows the other.

    Raises:
        ValueError: if something is neither a volume (rows, columns, channels) nor a vector.
    """
    found = [Volume("input", tuple(model.input_shape[1:]), "the picture")]
    for layer in model.layers:
        shape = tuple(layer.output.shape[1:])
        parameters = layer.count_params()
        if shape == found[-1].shape and not parameters:
            if type(layer).__name__ != "InputLayer":
                found[-1].unchanged.append(type(layer).__name__)
            continue
        if len(shape) not in (1, 3):
            raise ValueError(
                f"{layer.name} gives an array of shape {shape}; only volumes "
                "(rows, columns, channels) and vectors can be drawn"
            )
        window = _window(layer)
        found[-1].window = window
        words = type(layer).__name__
        if window:
            words += f" {window[0]} × {window[1]}"
        activation = getattr(getattr(layer, "activation", None), "__name__", "linear")
        if activation != "linear":
            words += f", {activation}"
        if parameters:
            words += f"\n{parameters:,} parameters"
        found.append(Volume(layer.name, shape, words))
    return found


def plot_network(model: keras.Model) -> Figure:
    """Draw every volume that a network makes of a picture, to scale, with its shape beside it.

    Faces are drawn to one scale and depths to another; both are written on the figure. A vector
    longer than the drawing is cut, with two strokes where it was. The small frame on a face is the
    window that the next layer lays on it.

    Args:
        model: a Keras model in which one layer follows the other.
    """
    drawn = volumes(model)
    boxes = [volume.shape for volume in drawn if len(volume.shape) == 3]
    pixel = TALLEST / max(shape[0] for shape in boxes)
    channel = min(
        DEEPEST / max(shape[2] for shape in boxes),
        *((DRAWING - 0.15 - shape[1] * pixel) / shape[2] / cos(SLOPE) for shape in boxes),
    )
    words = [_words(volume) for volume in drawn]
    heights = [
        max(ROW, _height(volume.shape, pixel, channel) + 0.16, (text.count("\n") + 2) * LINE + 0.12)
        for volume, text in zip(drawn, words, strict=True)
    ]
    first, last = drawn[0].shape, drawn[-1].shape
    top = 0.85
    cut = any(v.shape[0] * channel > LONGEST for v in drawn if len(v.shape) == 1)
    figure = sheet.sheet(
        top + sum(heights) + sheet.EDGE,
        f"{_by(first)} numbers become {_by(last)}: smaller and deeper, step by step",
        f"faces to one scale; in depth {_scale(pixel / channel)}"
        + "; // is cut short" * cut
        + "\nframed on a face: what the next layer's window covers",
    )
    width, height = figure.get_size_inches()
    axes = sheet.place(figure, 0, 0, width, height, "volumes")
    axes.set(xlim=(0, width), ylim=(height, 0))
    widest = max(shape[1] for shape in boxes) * pixel
    for volume, text, tall in zip(drawn, words, heights, strict=True):
        middle = top + tall / 2
        if len(volume.shape) == 3:
            _draw_box(axes, volume, middle, pixel, channel, widest)
        else:
            _draw_vector(axes, volume.shape[0] * channel, middle)
        lines = text.count("\n") + 2
        start = middle - lines * LINE / 2 + 0.15
        left = DRAWING + 0.2
        sheet.write(figure, left, start, _by(volume.shape), fontweight="bold")
        for index, line in enumerate(text.split("\n")):
            options = {"fontsize": sheet.SMALL, "color": style.GREY}
            sheet.write(figure, left, start + LINE * (index + 1), line, **options)
        top += tall
    return figure


def _by(shape: tuple[int, ...]) -> str:
    return " × ".join(f"{size:,}" for size in shape)


def _scale(channels: float) -> str:
    if channels < 1:
        return f"one channel is as long as {1 / channels:.1f} pixels"
    return f"{channels:.1f} channels are as long as one pixel"


def _words(volume: Volume) -> str:
    """Say what made a volume, and which layers leave its shape as it is, two to a line."""
    names = [f"then {name}" if i == 0 else name for i, name in enumerate(volume.unchanged)]
    lines = [", ".join(names[i : i + 2]) for i in range(0, len(names), 2)]
    return "\n".join([volume.words, *lines])


def _height(shape: tuple[int, ...], pixel: float, channel: float) -> float:
    if len(shape) == 1:
        return 0.1
    return shape[0] * pixel + shape[2] * channel * sin(SLOPE)


def _draw_box(
    axes: Axes, volume: Volume, middle: float, pixel: float, channel: float, widest: float
) -> None:
    """Draw a box with its face in front and its depth going off to the right."""
    rows, columns, channels = volume.shape
    tall, wide = rows * pixel, columns * pixel
    right, up = channels * channel * cos(SLOPE), channels * channel * sin(SLOPE)
    left = sheet.EDGE + min((widest - wide) / 2, DRAWING - sheet.EDGE - wide - right)
    top = middle - (tall + up) / 2 + up
    edge = {"edgecolor": "white", "lw": 0.6}
    side = [
        (left + wide, top),
        (left + wide + right, top - up),
        (left + wide + right, top - up + tall),
        (left + wide, top + tall),
    ]
    lid = [(left, top), (left + right, top - up), (left + wide + right, top - up), side[0]]
    axes.add_patch(Polygon(lid, facecolor="#9cc6e0", **edge))
    axes.add_patch(Polygon(side, facecolor="#4d9ccb", **edge))
    face = Rectangle((left, top), wide, tall, facecolor=style.DATA, **edge)
    face.set_label(volume.name)
    axes.add_patch(face)
    if volume.window:
        high, broad = (length * pixel for length in volume.window)
        at = (left + (wide - broad) / 2, top + (tall - high) / 2)
        axes.add_patch(
            Rectangle(at, broad, high, facecolor="white", edgecolor=style.POINTED_AT, lw=1.2)
        )


def _draw_vector(axes: Axes, length: float, middle: float) -> None:
    """Draw a vector as a bar; one that is too long is cut, with two strokes before its end."""
    left, drawn = sheet.EDGE, max(min(length, LONGEST), 0.02)
    axes.add_patch(Rectangle((left, middle - 0.06), drawn, 0.12, facecolor=style.DATA))
    if length > LONGEST:
        for shift in (0, 0.09):
            x = left + drawn - 0.45 + shift
            axes.plot([x - 0.04, x + 0.04], [middle + 0.11, middle - 0.11], color="white", lw=2.5)
