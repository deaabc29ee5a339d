"""List the layers of a network: output shape, parameters, receptive field, operations."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from chollet_cnn.concepts.sizes import padding_amounts

if TYPE_CHECKING:
    import keras


def layer_table(model: keras.Model) -> pd.DataFrame:
    """List every layer of a network: its result, what it learns, how far it sees, what it costs.

    The layers must follow each other in one line, as they do in a Sequential model and in many
    functional ones; a model inside the model is listed layer by layer. Its input must be a picture
    of known size. What random layers do in training, turning and shifting, is not counted.

    Args:
        model: a Keras model, fresh or loaded, compiled or not.

    Returns:
        One row for each layer but the input, in order, with the columns

        - ``layer``: its name
        - ``kind``: its class, such as ``"Conv2D"``
        - ``output_shape``: without the batch
        - ``parameters``: how many numbers it holds, learned or not
        - ``receptive_field``: the most pixels that one unit sees along each axis; zeros around the
          picture are not counted. After Flatten or global pooling it is all that the units before
          it saw together, which can be less than the picture: pooling drops rows that are left over
        - ``jump``: pixels between what one unit sees and what its neighbour sees; 0 once there are
          no neighbours
        - ``multiply_accumulates``: multiplications, each with its addition, for one picture. Every
          weight of a kernel is used once at every place; layers without a kernel count as 0

        Receptive field and jump are one number where rows and columns agree, and otherwise the
        pair (rows, columns).

    Raises:
        ValueError: if the model branches, its input is no picture of known size with channels
            last, or it has a kind of layer that is not known here.

    >>> import keras
    >>> model = keras.Sequential([
    ...     keras.Input((6, 6, 1)),
    ...     keras.layers.Conv2D(2, 3),
    ...     keras.layers.MaxPooling2D(2),
    ...     keras.layers.Flatten(),
    ...     keras.layers.Dense(3),
    ... ])
    >>> table = layer_table(model).set_index("kind").rename_axis(None)
    >>> columns = ["output_shape", "parameters", "receptive_field", "multiply_accumulates"]
    >>> print(table[columns].to_string())
                 output_shape  parameters  receptive_field  multiply_accumulates
    Conv2D          (4, 4, 2)          20                3                   288
    MaxPooling2D    (2, 2, 2)           0                4                     0
    Flatten              (8,)           0                6                     0
    Dense                (3,)          27                6                    24
    """
    import pandas as pd

    shape = _picture_shape(model)
    axes = [_Sight(np.arange(pixels), np.arange(pixels), jump=1) for pixels in shape[1:3]]
    rows = []
    for layer in _in_one_line(model):
        windows = _windows(layer, shape)
        shape = layer.compute_output_shape(shape)
        is_map = len(shape) == 4
        units = shape[1:3] if is_map else (1, 1)
        axes = [
            sight.through(*window, count)
            for sight, window, count in zip(axes, windows, units, strict=True)
        ]
        rows.append(
            {
                "layer": layer.name,
                "kind": type(layer).__name__,
                "output_shape": tuple(shape[1:]),
                "parameters": layer.count_params(),
                "receptive_field": _one_if_equal([sight.size for sight in axes]),
                "jump": _one_if_equal([sight.jump if is_map else 0 for sight in axes]),
                "multiply_accumulates": _multiply_accumulates(layer, shape),
            }
        )
    return pd.DataFrame(rows)


class _Sight(NamedTuple):
    """What the units of a layer see along one axis: of each the first pixel and the last."""

    first: np.ndarray
    last: np.ndarray
    jump: int

    @property
    def size(self) -> int:
        """The most pixels that one unit sees."""
        return int((self.last - self.first).max()) + 1

    def through(self, window: int, stride: int, padding: int, count: int) -> _Sight:
        """Let that many units look at these through a window; padding before them shows nothing."""
        start = stride * np.arange(count) - padding
        first = self.first.take(start, mode="clip")
        last = self.last.take(start + window - 1, mode="clip")
        return _Sight(first, last, self.jump * stride)


# How a layer's class says what it does to the receptive field: where the size of its window is
# kept; that it takes the whole map at once; or that each unit sees what the one before it saw.
_WINDOW_SIZE = {
    "Conv2D": "kernel_size",
    "DepthwiseConv2D": "kernel_size",
    "MaxPooling2D": "pool_size",
    "AveragePooling2D": "pool_size",
}


_WHOLE_MAP = {"Flatten", "GlobalMaxPooling2D", "GlobalAveragePooling2D"}


_CELL_BY_CELL = {
    *("Rescaling", "Normalization", "BatchNormalization", "Dense"),
    *("Activation", "ReLU", "LeakyReLU", "Softmax", "Dropout", "SpatialDropout2D", "GaussianNoise"),
    *("RandomFlip", "RandomRotation", "RandomTranslation", "RandomShear", "RandomZoom"),
    "RandomAffine",
    *("RandomBrightness", "RandomContrast"),
}


_HAVE_A_KERNEL = {"Conv2D", "DepthwiseConv2D", "Dense"}


def _windows(layer: keras.Layer, input_shape: tuple[int, ...]) -> list[tuple[int, int, int]]:
    """Return for rows and columns: the layer's window, its stride, the padding before the input."""
    kind = type(layer).__name__
    if getattr(layer, "data_format", "channels_last") != "channels_last":
        raise ValueError(
            f"the layer {layer.name} keeps channels first; layer_table wants them last"
        )
    if kind in _WINDOW_SIZE:
        sizes = getattr(layer, _WINDOW_SIZE[kind])
        holes = getattr(layer, "dilation_rate", (1, 1))
        wide = [hole * (size - 1) + 1 for hole, size in zip(holes, sizes, strict=True)]
        return [
            (window, stride, padding_amounts(cells, window, stride, layer.padding)[0])
            for cells, window, stride in zip(input_shape[1:3], wide, layer.strides, strict=True)
        ]
    if kind == "ZeroPadding2D":
        return [(1, 1, before) for before, _ in layer.padding]
    if kind in _WHOLE_MAP and len(input_shape) == 4:
        return [(cells, cells, 0) for cells in input_shape[1:3]]
    if kind in _WHOLE_MAP | _CELL_BY_CELL:
        return [(1, 1, 0)] * 2
    raise ValueError(f"layer_table does not know what a {kind} layer ({layer.name}) sees")


def _multiply_accumulates(layer: keras.Layer, output_shape: tuple[int, ...]) -> int:
    if type(layer).__name__ not in _HAVE_A_KERNEL:
        return 0
    places = math.prod(output_shape[1:-1])
    return places * math.prod(layer.kernel.shape)


def _in_one_line(model: keras.Model) -> Iterator[keras.Layer]:
    """Yield the layers in order, those of a model inside the model too."""
    read = set()
    for layer in model.layers:
        if hasattr(layer, "layers"):
            yield from _in_one_line(layer)
            continue
        if type(layer).__name__ == "InputLayer":
            continue
        if isinstance(layer.input, list) or id(layer.input) in read:
            raise ValueError(f"the model branches at {layer.name}; layer_table wants one line")
        read.add(id(layer.input))
        yield layer


def _picture_shape(model: keras.Model) -> tuple[int | None, ...]:
    """Return the shape of the model's input, batch first, if it is a picture of known size."""
    if not model.built:
        raise ValueError(f"the model {model.name} does not know its input yet; give it an Input")
    shape = model.input_shape
    if not isinstance(shape, tuple) or len(shape) != 4 or None in shape[1:]:
        raise ValueError(f"the model's input must be (rows, columns, channels), not {shape}")
    return shape


def _one_if_equal(pair: list[int]) -> int | tuple[int, int]:
    return pair[0] if pair[0] == pair[1] else (pair[0], pair[1])
