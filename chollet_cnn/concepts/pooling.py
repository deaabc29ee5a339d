"""Pooling: of each small window keep one number, and so make the picture smaller.

Each channel is pooled by itself. There is nothing to learn in it, so it has no parameters.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from chollet_cnn.concepts.checks import PerAxis, as_array
from chollet_cnn.concepts.convolution import windows


def max_pool2d(x: ArrayLike, window: PerAxis = 2, stride: PerAxis | None = None) -> np.ndarray:
    """Keep the largest number of each window: how strongly something answered, not quite where.

    Rows and columns that are left over at the bottom and at the right are dropped, as in Keras: of
    5x5 cells a window of 2 sees 4x4.

    Args:
        x: ``(rows, columns)`` or ``(rows, columns, channels)``.
        window: a number for a square, or (rows, columns).
        stride: steps from window to window, a number or (down, right); as large as the window if
            not given, so that windows lie side by side.

    Returns:
        The smaller map or volume, with the same channels.

    Raises:
        ValueError: if the window is larger than the map, a number is not at least 1, or the map is
            empty or holds NaN.

    >>> max_pool2d([[1, 2, 5, 6],
    ...             [3, 4, 7, 8]])
    array([[4, 8]])
    >>> max_pool2d(np.zeros((100, 100, 16))).shape
    (50, 50, 16)
    """
    return _pooling_windows(x, window, stride).max(axis=(2, 3))


def average_pool2d(x: ArrayLike, window: PerAxis = 2, stride: PerAxis | None = None) -> np.ndarray:
    """Keep the mean of each window: how strongly something answered on the whole.

    Arguments, sizes and errors are those of :func:`max_pool2d`.

    >>> average_pool2d([[1, 2, 5, 6],
    ...                 [3, 4, 7, 8]])  # (1 + 2 + 3 + 4) / 4, (5 + 6 + 7 + 8) / 4
    array([[2.5, 6.5]])
    """
    return _pooling_windows(x, window, stride).mean(axis=(2, 3))


def _pooling_windows(x: ArrayLike, window: PerAxis, stride: PerAxis | None) -> np.ndarray:
    x = as_array(x, "feature map", (2, 3))
    return windows(x, window, window if stride is None else stride)
