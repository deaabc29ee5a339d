"""An image is an array of numbers: one for each cell, or one for each cell and channel."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from chollet_cnn.concepts.checks import as_array, whole_number


def unroll(image: ArrayLike) -> np.ndarray:
    """Return all numbers of an image in one line, row after row, as a Flatten layer does.

    Args:
        image: ``(rows, columns)`` or ``(rows, columns, channels)``.

    Returns:
        ``(features,)``, with the channels of a cell side by side. Which cells were neighbours is no
        longer visible.

    Raises:
        ValueError: it has another shape, is empty, or has NaN.

    >>> unroll([[1, 2], [3, 4]])
    array([1, 2, 3, 4])
    """
    return as_array(image, "image", (2, 3)).ravel()


def split_channels(image: ArrayLike) -> tuple[np.ndarray, ...]:
    """Return the channels of a colour image as grey images.

    Args:
        image: ``(rows, columns, channels)``; of a photograph red, green and blue.

    Returns:
        An array ``(rows, columns)`` for each channel.

    Raises:
        ValueError: the image has no axis of channels, is empty, or has NaN.

    An image of one row, a red cell beside a white one:

    >>> red, green, blue = split_channels([[[255, 0, 0], [255, 255, 255]]])
    >>> green
    array([[  0, 255]])
    """
    image = as_array(image, "colour image", (3,))
    return tuple(image[:, :, channel] for channel in range(image.shape[2]))


def feature_count(shape: Sequence[int]) -> int:
    """Return how many numbers an image of this shape has.

    Raises:
        ValueError: there is no axis, or an axis is not a whole number of at least 1.

    >>> feature_count((16, 16)), feature_count((16, 16, 3))
    (256, 768)
    """
    if np.ndim(shape) != 1 or not len(shape):
        raise ValueError(
            "a shape has a whole number of at least 1 for each axis, such as (16, 16); this is "
            f"{shape!r}"
        )
    return math.prod(whole_number(size, "size of an axis") for size in shape)
