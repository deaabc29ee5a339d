"""What every function here asks of its input, in words that say how to put it right."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike

PerAxis = int | Sequence[int]
"""A number for both axes, or (rows, columns)."""

Padding = int | str | Sequence[int]
"""Cells on each side, for both axes or as (rows, columns), or ``"valid"`` or ``"same"``."""

_AXES = {
    1: "(length,)",
    2: "(rows, columns)",
    3: "(rows, columns, channels)",
    4: "(rows, columns, channels in, channels out)",
}


def as_array(values: ArrayLike, name: str, dimensions: Sequence[int]) -> np.ndarray:
    """Check that something is an array of numbers to compute with, and return it.

    Args:
        values: an array or nested lists.
        name: what to call it if it is wrong, such as ``"picture"``.
        dimensions: how many axes it may have.

    Returns:
        The array, of the type it came in.

    Raises:
        ValueError: if the rows differ in length, it holds no real numbers, has another number of
            axes, is empty, or holds NaN or an infinity.

    >>> as_array([[1, 2], [3, 4]], "picture", (2, 3)).shape
    (2, 2)
    >>> as_array([1, 2, 3], "picture", (2, 3))
    Traceback (most recent call last):
        ...
    ValueError: a picture is (rows, columns) or (rows, columns, channels); this has shape (3,)
    """
    try:
        array = np.asarray(values)
    except ValueError:
        raise ValueError(f"the rows of the {name} are not all of the same length") from None
    if array.dtype.kind not in "buif":
        raise ValueError(f"the {name} must hold numbers, not {array.dtype}")
    if array.ndim not in dimensions:
        allowed = " or ".join(_AXES[n] for n in dimensions)
        raise ValueError(f"a {name} is {allowed}; this has shape {array.shape}")
    if array.size == 0:
        raise ValueError(f"the {name} is empty: its shape is {array.shape}")
    if not np.isfinite(array).all():
        wrong = int((~np.isfinite(array)).sum())
        raise ValueError(
            f"the {name} of shape {array.shape} holds NaN or infinity in {wrong} of its "
            f"{array.size} cells"
        )
    return array


def widened(array: np.ndarray) -> np.ndarray:
    """Give small numbers room to grow: whole numbers get 64 bits, and so do fractions.

    The cells of a picture are bytes, 0 to 255, and a byte that grows past 255 starts again at 0.

    >>> np.uint8([200]) + np.uint8([100])
    array([44], dtype=uint8)
    >>> widened(np.uint8([200])) + np.uint8([100])
    array([300])
    """
    return array.astype(np.result_type(array, np.int64), copy=False)


def whole_number(value: int, name: str, least: int = 1) -> int:
    """Check that a size, stride or padding is a whole number and large enough, and return it.

    >>> whole_number(0, "stride")
    Traceback (most recent call last):
        ...
    ValueError: the stride must be a whole number of at least 1, not 0
    """
    try:
        number = operator.index(value)
    except TypeError:
        number = least - 1
    if number < least or isinstance(value, bool):
        raise ValueError(f"the {name} must be a whole number of at least {least}, not {value!r}")
    return number


def per_axis(value: PerAxis | Padding, name: str) -> tuple[int | str, int | str]:
    """Give a number or a word to both axes, or take a pair apart into (rows, columns).

    Sizes and strides are checked here; paddings are checked where they are used.

    >>> per_axis(3, "window")
    (3, 3)
    >>> per_axis((3, 5), "window")
    (3, 5)
    """
    pair = tuple(value) if isinstance(value, Iterable) and not isinstance(value, str) else (value,)
    if len(pair) not in (1, 2):
        raise ValueError(f"the {name} is a number or (rows, columns), not {value!r}")
    if name != "padding":
        pair = tuple(whole_number(number, name) for number in pair)
    return pair * 2 if len(pair) == 1 else pair
