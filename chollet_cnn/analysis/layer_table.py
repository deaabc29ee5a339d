"""List the layers of a network: output shape, parameters, receptive field, operations."""

from __future__ import annotations

import math

import keras
import numpy as np
import pandas as pd

from chollet_cnn.analysis.model_graph import UnsupportedModelError, chain
from chollet_cnn.analysis.receptive_fields import SeenPixels, Window, windows_of

WINDOWED = {*("Conv2D", "DepthwiseConv2D", "MaxPooling2D", "AveragePooling2D", "ZeroPadding2D")}
"""Operations with a window of their own."""
GATHERING = {"Flatten", "GlobalMaxPooling2D", "GlobalAveragePooling2D"}
"""Operations whose units see whatever all the units before them see."""
CELL_BY_CELL = {
    *("Rescaling", "Normalization", "BatchNormalization", "Dense", "Identity", "Activation"),
    *("ReLU", "LeakyReLU", "ELU", "PReLU", "Softmax", "Dropout", "SpatialDropout2D"),
    *("RandomFlip", "RandomRotation", "RandomTranslation", "RandomShear", "RandomZoom"),
    *("RandomAffine", "RandomBrightness", "RandomContrast", "GaussianNoise"),
    # nodes of keras.ops; two inputs would be a branch, so the other one is a constant
    *("Relu", "Sigmoid", "LogSoftmax", "Tanh", "Cast", "Add", "Subtract", "Multiply", "TrueDivide"),
}
"""Operations each of whose units sees what the unit at the same place before it sees."""
WITH_KERNEL = {"Conv2D", "DepthwiseConv2D", "Dense"}


def list_layers(model: keras.Model) -> pd.DataFrame:
    """List every layer of a network with its output shape, parameters, receptive field and cost.

    The layers must form one line, as in a Sequential model and in many functional ones; a model
    inside the model is listed layer by layer. The input must be an image of known size. Random
    layers are listed as in prediction, where they do nothing.

    Args:
        model: a Keras model, new or loaded, compiled or not.

    Returns:
        One row for each layer but the input, in order, with the columns

        - ``layer``: its name, ``inner-model/layer`` in a model inside the model
        - ``kind``: its class, such as ``"Conv2D"``
        - ``output_shape``: without the batch
        - ``parameters``: all its weights, trainable or not
        - ``receptive_field``: the largest number of pixels that a unit sees along each axis, not
          counting padding. After Flatten or global pooling it is everything that the units before
          saw together, which is less than the image if pooling drops rows
        - ``jump``: the distance in pixels between the receptive fields of two neighbours; 0 once
          there are no rows and columns
        - ``multiply_accumulates``: multiplications, each with its addition, for one image. Layers
          without a kernel count as 0

        Receptive field and jump are one number where rows and columns agree, and otherwise the
        pair (rows, columns).

    Raises:
        UnsupportedModelError: the network branches, its input is not an image of known size with
            channels last, or it has a layer whose receptive field is not known here.

    >>> import keras
    >>> model = keras.Sequential([
    ...     keras.Input((6, 6, 1)),
    ...     keras.layers.Conv2D(2, 3),
    ...     keras.layers.MaxPooling2D(2),
    ...     keras.layers.Flatten(),
    ...     keras.layers.Dense(3),
    ... ])
    >>> table = list_layers(model).set_index("kind").rename_axis(None)
    >>> columns = ["output_shape", "parameters", "receptive_field", "multiply_accumulates"]
    >>> print(table[columns].to_string())
                 output_shape  parameters  receptive_field  multiply_accumulates
    Conv2D          (4, 4, 2)          20                3                   288
    MaxPooling2D    (2, 2, 2)           0                4                     0
    Flatten              (8,)           0                6                     0
    Dense                (3,)          27                6                    24
    """
    steps = chain(model)
    shape = tuple(model.inputs[0].shape)
    if len(shape) != 4 or None in shape[1:]:
        raise UnsupportedModelError(
            f"the input must be (rows, columns, channels) of known size, not {shape[1:]}"
        )
    axes = [SeenPixels(np.arange(pixels), np.arange(pixels), jump=1) for pixels in shape[1:3]]
    rows = []
    for name, layer, output_shape in steps:
        kind = type(layer).__name__
        windows = _windows(layer, kind, shape, output_shape)
        shape = output_shape
        has_neighbours = len(shape) == 4
        axes = [
            seen.through(window, count)
            for seen, window, count in zip(
                axes, windows, shape[1:3] if has_neighbours else (1, 1), strict=True
            )
        ]
        places = math.prod(shape[1:-1])
        cost = places * math.prod(layer.kernel.shape) if kind in WITH_KERNEL else 0
        rows.append(
            {
                "layer": name,
                "kind": kind,
                "output_shape": shape[1:],
                "parameters": sum(math.prod(w.shape) for w in getattr(layer, "weights", [])),
                "receptive_field": _one_if_equal([seen.size for seen in axes]),
                "jump": _one_if_equal([seen.jump * has_neighbours for seen in axes]),
                "multiply_accumulates": cost,
            }
        )
    return pd.DataFrame(rows)


def _windows(
    layer: keras.Operation, kind: str, shape: tuple[int, ...], output_shape: tuple[int, ...]
) -> list[Window]:
    """Return the windows of any layer that is known here along rows and columns."""
    if kind in WINDOWED:
        return windows_of(layer, shape)
    if kind in GATHERING and len(shape) == 4:
        return [Window(cells, cells, 0) for cells in shape[1:3]]
    softmax_of_cells = "Softmax" in kind and layer.axis not in (-1, len(shape) - 1)
    same_cells = output_shape[1:-1] == shape[1:-1] and not softmax_of_cells
    if kind in GATHERING or (kind in CELL_BY_CELL and same_cells):
        return [Window(1, 1, 0)] * 2
    raise UnsupportedModelError(
        f"the receptive field of {layer.name}, a {kind} from {shape[1:]} to {output_shape[1:]}, is "
        f"not known; list_layers knows {', '.join(sorted(WINDOWED | GATHERING | CELL_BY_CELL))}"
    )


def _one_if_equal(pair: list[int]) -> int | tuple[int, int]:
    return pair[0] if pair[0] == pair[1] else (pair[0], pair[1])
