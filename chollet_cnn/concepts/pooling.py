"""Pooling: keep one number of each small window. It has no parameters."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from chollet_cnn.concepts.checks import PerAxis, as_array
from chollet_cnn.concepts.convolution import windows


def max_pool2d(x: ArrayLike, window: PerAxis = 2, stride: PerAxis | None = None) -> np.ndarray:
    """Return the largest number of each window: how strong a response is, not exactly where.

    Rows and columns that are left over at the bottom and at the right are dropped, as in Keras.

    Args:
        x: ``(rows, columns)`` or ``(rows, columns, channels)``.
        window: a number for a square, or (rows, columns).
        stride: steps from window to window, a number or (down, right); by default the window.

    Returns:
        The smaller feature map or volume, with the same channels.

    Raises:
        ValueError: the window is larger than the feature map, a number is not at least 1, or the
            feature map is empty or has NaN.

    >>> max_pool2d([[1, 2, 5, 6],
    ...             [3, 4, 7, 8]])
    array([[4, 8]])
    """
    return _pooling_windows(x, window, stride).max(axis=(2, 3))


def average_pool2d(x: ArrayLike, window: PerAxis = 2, stride: PerAxis | None = None) -> np.ndarray:
    """Return the mean of each window; otherwise as :func:`max_pool2d`.

    >>> average_pool2d([[1, 2, 5, 6],
    ...                 [3, 4, 7, 8]])  # (1 + 2 + 3 + 4) / 4, (5 + 6 + 7 + 8) / 4
    array([[2.5, 6.5]])
    """
    return _pooling_windows(x, window, stride).mean(axis=(2, 3))


def _pooling_windows(x: ArrayLike, window: PerAxis, stride: PerAxis | None) -> np.ndarray:
    x = as_array(x, "feature map", (2, 3))
    return windows(x, window, window if stride is None else stride)
