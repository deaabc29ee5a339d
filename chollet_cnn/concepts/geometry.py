"""Geometry: how large a result is, how many weights it takes, and how far one unit sees.

The sizes are computed in :mod:`~chollet_cnn.concepts.sizes` and can be had from here too.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from chollet_cnn.concepts.checks import PerAxis, per_axis, whole_number
from chollet_cnn.concepts.sizes import (
    ImpossibleGeometry,
    keras_output_size,
    output_size,
    padding_amounts,
)

if TYPE_CHECKING:
    pass

__all__ = [
    "ImpossibleGeometry",
    "ReceptiveField",
    "conv_parameters",
    "dense_parameters",
    "keras_output_size",
    "output_size",
    "padding_amounts",
    "receptive_field",
]


def conv_parameters(
    kernel_size: PerAxis, channels_in: int, channels_out: int, bias: bool = True
) -> int:
    """Count what a convolutional layer learns: (K * K * channels_in + 1) * channels_out.

    The picture's size is not in it: the same weights are used everywhere.

    Args:
        kernel_size: a number for a square kernel, or (rows, columns).
        channels_in: the depth of the volume that goes in.
        channels_out: how many kernels there are.
        bias: whether each kernel has a bias, the 1 in the formula.

    Returns:
        The number of parameters.

    Raises:
        ValueError: if a number is not whole or below 1.

    >>> conv_parameters(3, 1, 32)
    320
    """
    rows, columns = per_axis(kernel_size, "kernel size")
    channels_in = whole_number(channels_in, "number of channels in")
    channels_out = whole_number(channels_out, "number of channels out")
    return (rows * columns * channels_in + bool(bias)) * channels_out


def dense_parameters(inputs: int, units: int, bias: bool = True) -> int:
    """Count what a dense layer learns: units * (inputs + 1), the 1 for each unit's bias.

    Raises:
        ValueError: if a number is not whole or below 1.

    >>> dense_parameters(512, 1024)
    525312
    """
    inputs, units = whole_number(inputs, "number of inputs"), whole_number(units, "number of units")
    return units * (inputs + bool(bias))


class ReceptiveField(NamedTuple):
    """How much of the picture one unit sees along one axis."""

    size: int
    """Pixels that can change the unit."""

    jump: int
    """Pixels from what one unit sees to what the next one sees."""


def receptive_field(layers: Iterable[tuple[int, int]]) -> list[ReceptiveField]:
    """Follow how much of the picture one unit sees, layer by layer.

    A window of K units sees what one unit sees, and for each of the other K - 1 one jump more. A
    stride makes the jump larger for all layers that follow; that is how pooling extends their
    reach.

    Args:
        layers: ``(kernel_size, stride)`` of each convolution or pooling, the first one first.

    Returns:
        Size and jump after each layer, in pixels. Padding and the end of the picture are not
        thought of: near a border a part of the field lies outside.

    Raises:
        ValueError: if a layer is no such pair, or a number is not whole or below 1.

    Source: A. Araujo, W. Norris and J. Sim, "Computing receptive fields of convolutional neural
    networks", Distill, 2019.

    >>> [field.size for field in receptive_field([(3, 1), (3, 1), (3, 1)])]
    [3, 5, 7]
    >>> receptive_field([(3, 1), (2, 2), (3, 1)])[-1]  # 3, then 3 + 1, then 4 + 2 * 2
    ReceptiveField(size=8, jump=2)
    """
    size, jump, fields = 1, 1, []
    for layer in layers:
        if np.shape(layer) != (2,):
            raise ValueError(f"a layer is given as (kernel size, stride), not as {layer!r}")
        kernel_size, stride = layer
        size += (whole_number(kernel_size, "kernel size") - 1) * jump
        jump *= whole_number(stride, "stride")
        fields.append(ReceptiveField(size, jump))
    return fields
