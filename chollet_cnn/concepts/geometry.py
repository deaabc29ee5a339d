"""Geometry: sizes of outputs, numbers of parameters, receptive fields.

In all formulas W is the input's size along one axis, K the window's, S the stride and P the
padding on each side.

Source: V. Dumoulin and F. Visin, "A guide to convolution arithmetic for deep learning", 2016.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from chollet_cnn.concepts.checks import PerAxis, per_axis, whole_number


class ImpossibleGeometry(ValueError):  # noqa: N818
    """Cells would be left over, or the window does not fit.

    Attributes:
        input_sizes: the nearest input sizes that work, below and above, with the rest as it is.
        paddings: the nearest paddings that work, of those narrower than the window; maybe none.
        strides: the nearest strides that work, of those that skip no cell; maybe none.
    """

    def __init__(self, input_size: int, kernel_size: int, stride: int, padding: int) -> None:
        """Find what would work instead of these four numbers, one changed at a time."""
        super().__init__(input_size, kernel_size, stride, padding)
        sizes = range(max(1, input_size - stride), max(input_size, kernel_size) + stride + 1)
        numbers = {"input_size": input_size, "stride": stride, "padding": padding}

        def nearest(name: str, candidates: range) -> tuple[int, ...]:
            """Return the largest working number below the one given, and the smallest above it."""
            working = [
                number
                for number in candidates
                if _is_whole(**numbers | {name: number}, kernel_size=kernel_size)
            ]
            below = [number for number in working if number < numbers[name]]
            return (*below[-1:], *[n for n in working if n > numbers[name]][:1])

        self.input_sizes = nearest("input_size", sizes)
        self.paddings = nearest("padding", range(kernel_size))
        self.strides = nearest("stride", range(1, kernel_size + 1))

    def __str__(self) -> str:
        """Name the numbers, what is wrong with them, and what would work instead."""
        size, kernel, stride, padding = self.args
        span = size - kernel + 2 * padding
        problem = f"(W - K + 2P) / S = {span}/{stride} is not whole"
        if span < 0:
            problem = f"the window is larger than the padded input of {size + 2 * padding}"
        suggested = {
            "an input size W of": self.input_sizes,
            "a padding P of": self.paddings,
            "a stride S of": self.strides,
        }
        works = [
            f"{name} {' or '.join(map(str, some))}" for name, some in suggested.items() if some
        ]
        return (
            f"input size W={size}, kernel size K={kernel}, stride S={stride}, padding P={padding}: "
            f"{problem}; what works, one change at a time: {', '.join(works)}"
        )


def _is_whole(input_size: int, kernel_size: int, stride: int, padding: int) -> bool:
    span = input_size - kernel_size + 2 * padding
    return span >= 0 and span % stride == 0


def output_size(input_size: int, kernel_size: int, stride: int = 1, padding: int = 0) -> int:
    """Return the number of places of the window along one axis: (W - K + 2P) / S + 1.

    Args:
        input_size: cells of the input, W.
        kernel_size: cells of the window, K.
        stride: cells from one place to the next, S.
        padding: cells added on each side, P.

    Raises:
        ImpossibleGeometry: the division leaves a remainder or the window does not fit; most
            libraries drop the cells that are left over without a message.
        ValueError: a number is not whole, the padding is below 0 or another number below 1.

    >>> output_size(16, 3), output_size(16, 3, padding=1)
    (14, 16)
    >>> try:
    ...     output_size(10, 3, stride=2)
    ... except ImpossibleGeometry as problem:
    ...     print(problem.input_sizes, problem.paddings, problem.strides)
    (9, 11) () (1,)
    """
    size, kernel = whole_number(input_size, "input size"), whole_number(kernel_size, "kernel size")
    stride, padding = whole_number(stride, "stride"), whole_number(padding, "padding", least=0)
    if not _is_whole(size, kernel, stride, padding):
        raise ImpossibleGeometry(size, kernel, stride, padding)
    return (size - kernel + 2 * padding) // stride + 1


def keras_output_size(
    input_size: int, kernel_size: int, stride: int = 1, padding: int | str = "valid"
) -> int:
    """Return the number of places of the window along one axis, as in Keras.

    With ``"valid"`` or a number it is rounded down, so cells may be left over at the end; with
    ``"same"`` it is W / S, rounded up. Arguments are those of :func:`output_size`.

    Raises:
        ValueError: the window is larger than the padded input, or as in :func:`output_size`.

    >>> keras_output_size(10, 3, stride=2)  # the last cell is in no window
    4
    >>> keras_output_size(10, 3, stride=2, padding="same")
    5
    """
    before, after = padding_amounts(input_size, kernel_size, stride, padding)
    padded = input_size + before + after
    if kernel_size > padded:
        raise ValueError(f"a window of {kernel_size} does not fit into a padded input of {padded}")
    return (padded - kernel_size) // stride + 1


def padding_amounts(
    input_size: int, kernel_size: int, stride: int = 1, padding: int | str = "same"
) -> tuple[int, int]:
    """Return the cells of padding before and after the input, along one axis.

    ``"same"`` adds as few as give ceil(W / S) windows; an odd one is added at the end, as in Keras.
    Arguments are those of :func:`keras_output_size`.

    Raises:
        ValueError: a number is not whole or too small, or the padding is another word.

    >>> padding_amounts(16, 3)
    (1, 1)
    >>> padding_amounts(16, 3, stride=2)  # 8 windows cover 17 cells
    (0, 1)
    """
    size, kernel = whole_number(input_size, "input size"), whole_number(kernel_size, "kernel size")
    stride = whole_number(stride, "stride")
    if padding == "valid":
        return 0, 0
    if padding == "same":
        places = math.ceil(size / stride)
        total = max(0, (places - 1) * stride + kernel - size)
        return total // 2, total - total // 2
    if isinstance(padding, str):
        raise ValueError(f'the padding must be "valid", "same" or a number, not {padding!r}')
    padding = whole_number(padding, "padding", least=0)
    return padding, padding


def conv_parameters(
    kernel_size: PerAxis, channels_in: int, channels_out: int, bias: bool = True
) -> int:
    """Return the parameters of a convolutional layer: (K * K * channels_in + 1) * channels_out.

    They do not depend on the size of the image: the same weights are used everywhere.

    Args:
        kernel_size: a number for a square kernel, or (rows, columns).
        channels_in: the depth of the input.
        channels_out: the number of kernels.
        bias: whether each kernel has a bias, the 1 in the formula.

    Raises:
        ValueError: a number is not whole or below 1.

    >>> conv_parameters(3, 1, 32)
    320
    """
    rows, columns = per_axis(kernel_size, "kernel size")
    channels_in = whole_number(channels_in, "number of channels in")
    channels_out = whole_number(channels_out, "number of channels out")
    return (rows * columns * channels_in + bool(bias)) * channels_out


def dense_parameters(inputs: int, units: int, bias: bool = True) -> int:
    """Return the parameters of a dense layer: units * (inputs + 1), the 1 for each unit's bias.

    Raises:
        ValueError: a number is not whole or below 1.

    >>> dense_parameters(512, 1024)
    525312
    """
    inputs, units = whole_number(inputs, "number of inputs"), whole_number(units, "number of units")
    return units * (inputs + bool(bias))


class ReceptiveField(NamedTuple):
    """The receptive field of one unit along one axis."""

    size: int
    """Pixels that can change the unit."""
    jump: int
    """Pixels from the field of one unit to that of the next."""


def receptive_field(layers: Iterable[tuple[int, int]]) -> list[ReceptiveField]:
    """Return the receptive field of one unit after each layer.

    A window of K units sees the field of one unit, and for each of the other K - 1 one jump more. A
    stride multiplies the jump for all layers after it; this is how pooling widens their fields.

    Args:
        layers: ``(kernel_size, stride)`` of each convolution or pooling, in order.

    Returns:
        Size and jump after each layer, in pixels, without regard to padding and borders.

    Raises:
        ValueError: a layer is not such a pair, or a number is not whole or below 1.

    Source: A. Araujo, W. Norris and J. Sim, "Computing receptive fields of convolutional neural
    networks", Distill, 2019.

    >>> [field.size for field in receptive_field([(3, 1), (3, 1), (3, 1)])]
    [3, 5, 7]
    >>> receptive_field([(3, 1), (2, 2), (3, 1)])[-1]  # 3, then 3 + 1, then 4 + 2 * 2
    ReceptiveField(size=8, jump=2)
    """
    try:
        layers = list(layers)
    except TypeError:
        raise ValueError(f"layers is a list of (kernel size, stride), not {layers!r}") from None
    size, jump, fields = 1, 1, []
    for layer in layers:
        if np.shape(layer) != (2,):
            raise ValueError(f"a layer is given as (kernel size, stride), not as {layer!r}")
        kernel_size, stride = layer
        size += (whole_number(kernel_size, "kernel size") - 1) * jump
        jump *= whole_number(stride, "stride")
        fields.append(ReceptiveField(size, jump))
    return fields
