"""Sizes: at how many places a window can stand, and which sizes are impossible.

In all formulas W is the input's size along one axis, K the window's, S the stride and P the
padding on each side.

Source: V. Dumoulin and F. Visin, "A guide to convolution arithmetic for deep learning", 2016.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

from chollet_cnn.concepts.checks import whole_number


class ImpossibleGeometry(ValueError):  # noqa: N818
    """The windows do not come out whole: cells would be left over, or the window does not fit.

    Attributes:
        input_sizes: the nearest input sizes that work, below and above, with the rest as it is.
        paddings: the nearest paddings that work, of those narrower than the window; maybe none.
        strides: the nearest strides that work, of those that skip no cell; maybe none.
    """

    def __init__(self, input_size: int, kernel_size: int, stride: int, padding: int) -> None:
        """Look for what would work instead of these four numbers, one changed at a time."""
        super().__init__(input_size, kernel_size, stride, padding)
        sizes = range(max(1, input_size - stride), max(input_size, kernel_size) + stride + 1)
        self.input_sizes = _nearest(
            input_size, sizes, lambda w: _comes_out_whole(w, kernel_size, stride, padding)
        )
        self.paddings = _nearest(
            padding,
            range(kernel_size),
            lambda p: _comes_out_whole(input_size, kernel_size, stride, p),
        )
        self.strides = _nearest(
            stride,
            range(1, kernel_size + 1),
            lambda s: _comes_out_whole(input_size, kernel_size, s, padding),
        )

    def __str__(self) -> str:
        """Name the numbers, what went wrong with them, and what would work instead."""
        size, kernel, stride, padding = self.args
        span = size - kernel + 2 * padding
        if span < 0:
            problem = f"the window is larger than the padded input of {size + 2 * padding}"
        else:
            problem = f"(W - K + 2P) / S = {span}/{stride} is not whole"
        works = [
            f"{name} {' or '.join(map(str, values))}"
            for name, values in [
                ("an input size W of", self.input_sizes),
                ("a padding P of", self.paddings),
                ("a stride S of", self.strides),
            ]
            if values
        ]
        return (
            f"input size W={size}, kernel size K={kernel}, stride S={stride}, padding P={padding}: "
            f"{problem}; what works, one change at a time: {', '.join(works)}"
        )


def _comes_out_whole(input_size: int, kernel_size: int, stride: int, padding: int) -> bool:
    span = input_size - kernel_size + 2 * padding
    return span >= 0 and span % stride == 0


def _nearest(
    wanted: int, candidates: Iterable[int], works: Callable[[int], bool]
) -> tuple[int, ...]:
    """Return the largest candidate below what was wanted that works, and the smallest above."""
    working = [candidate for candidate in candidates if works(candidate)]
    below = [candidate for candidate in working if candidate < wanted]
    above = [candidate for candidate in working if candidate > wanted]
    return (*below[-1:], *above[:1])


def output_size(input_size: int, kernel_size: int, stride: int = 1, padding: int = 0) -> int:
    """Count the places where the window can stand along one axis: (W - K + 2P) / S + 1.

    Args:
        input_size: cells of the input, W.
        kernel_size: cells of the window, K.
        stride: cells from one place to the next, S.
        padding: cells added on each side, P.

    Returns:
        The size of the result along this axis.

    Raises:
        ImpossibleGeometry: if the division leaves a remainder or the window does not fit; most
            libraries drop the cells that are left over and say nothing.
        ValueError: if a number is not whole, the padding is below 0 or another number below 1.

    >>> output_size(16, 3)
    14
    >>> output_size(16, 3, padding=1)
    16
    >>> try:
    ...     output_size(10, 3, stride=2)
    ... except ImpossibleGeometry as problem:
    ...     print(problem.input_sizes, problem.paddings, problem.strides)
    (9, 11) () (1,)

    No padding helps there: it adds an even number of cells to a remainder that is odd.
    """
    size, kernel = whole_number(input_size, "input size"), whole_number(kernel_size, "kernel size")
    stride, padding = whole_number(stride, "stride"), whole_number(padding, "padding", least=0)
    if not _comes_out_whole(size, kernel, stride, padding):
        raise ImpossibleGeometry(size, kernel, stride, padding)
    return (size - kernel + 2 * padding) // stride + 1


def keras_output_size(
    input_size: int, kernel_size: int, stride: int = 1, padding: int | str = "valid"
) -> int:
    """Count the places where the window can stand along one axis, as Keras does.

    With ``"valid"`` or a number it rounds down, so cells can be left over at the end; with
    ``"same"`` the result has W / S cells, rounded up.

    Args:
        input_size: cells of the input, W.
        kernel_size: cells of the window, K.
        stride: cells from one place to the next, S.
        padding: ``"valid"``, ``"same"``, or cells added on each side.

    Returns:
        The size of the result along this axis.

    Raises:
        ValueError: if the window is larger than the padded input, or as in :func:`output_size`.

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
    """Say how many cells of padding go before the input and after it, along one axis.

    ``"same"`` adds as few as give ceil(W / S) windows; an odd one goes to the end, as in Keras.

    Args:
        input_size: cells of the input, W.
        kernel_size: cells of the window, K.
        stride: cells from one place to the next, S.
        padding: ``"valid"``, ``"same"``, or cells for each side.

    Returns:
        The cells before and the cells after.

    Raises:
        ValueError: if a number is not whole or too small, or the padding is another word.

    >>> padding_amounts(16, 3)
    (1, 1)
    >>> padding_amounts(16, 3, stride=2)  # 8 windows reach over 17 cells
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
