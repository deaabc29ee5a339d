"""Checks of arguments, with errors that say what to pass instead."""

from __future__ import annotations

import operator
from collections.abc import Sequence

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


def as_array(values: ArrayLike, name: str, dimensions: Sequence[int] | None = None) -> np.ndarray:
    """Return an array of finite numbers, of the type that it has.

    Args:
        values: an array or nested lists.
        name: what to call it in an error, such as ``"image"``.
        dimensions: the allowed numbers of axes; by default any.

    Raises:
        ValueError: the rows differ in length, it has another number of axes or is empty, or it
            holds something else than finite real numbers.

    >>> as_array([[1, 2], [3, 4]], "image", (2, 3)).shape
    (2, 2)
    >>> as_array([1, 2, 3], "image", (2, 3))
    Traceback (most recent call last):
        ...
    ValueError: the image has shape (3,); it must be (rows, columns) or (rows, columns, channels)
    """
    try:
        array = np.asarray(values)
    except ValueError:
        raise ValueError(f"the rows of the {name} differ in length") from None
    if array.dtype.kind not in "buif":
        raise ValueError(f"the {name} must hold numbers, not {array.dtype}")
    if dimensions is not None and array.ndim not in dimensions:
        allowed = " or ".join(_AXES[n] for n in dimensions)
        raise ValueError(f"the {name} has shape {array.shape}; it must be {allowed}")
    if array.size == 0:
        raise ValueError(f"the {name} is empty: its shape is {array.shape}")
    wrong = int((~np.isfinite(array)).sum())
    if wrong:
        raise ValueError(
            f"the {name} of shape {array.shape} has NaN or infinity in {wrong} of its "
            f"{array.size} cells"
        )
    return array


def widened(array: np.ndarray) -> np.ndarray:
    """Return numbers in 64 bits, so that sums of bytes (0..255) do not overflow.

    >>> np.uint8([200]) + np.uint8([100])
    array([44], dtype=uint8)
    >>> widened(np.uint8([200])) + np.uint8([100])
    array([300])
    """
    return array.astype(np.result_type(array, np.int64), copy=False)


def whole_number(value: int, name: str, least: int = 1) -> int:
    """Return a size, stride or padding if it is a whole number and large enough.

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


def cell_in(place: tuple[int, int], shape: tuple[int, int], name: str) -> tuple[int, int]:
    """Return a ``(row, column)`` if a grid of that shape has it.

    >>> cell_in((3, 0), (3, 3), "window")
    Traceback (most recent call last):
        ...
    ValueError: there is no window at (3, 0); rows are 0 to 2 and columns 0 to 2
    """
    row, column = place
    rows, columns = shape
    if not (0 <= row < rows and 0 <= column < columns):
        raise ValueError(
            f"there is no {name} at ({row}, {column}); rows are 0 to {rows - 1} and columns 0 to "
            f"{columns - 1}"
        )
    return row, column


def per_axis(value: PerAxis | Padding, name: str) -> tuple[int | str, int | str]:
    """Return a value for each axis, (rows, columns). Paddings are checked where they are used.

    >>> per_axis(3, "window"), per_axis((3, 5), "window")
    ((3, 3), (3, 5))
    """
    pair = tuple(value) if np.ndim(value) else (value,)
    if len(pair) not in (1, 2):
        raise ValueError(f"the {name} is a number or (rows, columns), not {value!r}")
    if name != "padding":
        pair = tuple(whole_number(number, name) for number in pair)
    return pair * 2 if len(pair) == 1 else pair
