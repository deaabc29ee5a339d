"""A picture is an array of numbers: one for each cell, or one for each cell and colour channel."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from chollet_cnn.concepts.checks import as_array, whole_number


def unroll(image: ArrayLike) -> np.ndarray:
    """Write all the numbers of a picture into one long line, row after row.

    It is what a Flatten layer does before the first dense layer. Each cell keeps its number, but
    which cells were neighbours can no longer be seen.

    Args:
        image: ``(rows, columns)`` or ``(rows, columns, channels)``.

    Returns:
        ``(features,)``. A cell's channels stay together, and the cells keep the order of reading.

    Raises:
        ValueError: if it is no picture: another shape, empty, or with NaN in it.

    >>> unroll([[1, 2], [3, 4]])
    array([1, 2, 3, 4])
    """
    return as_array(image, "picture", (2, 3)).ravel()


def split_channels(image: ArrayLike) -> tuple[np.ndarray, ...]:
    """Take a colour picture apart into one grey picture for each channel.

    Args:
        image: ``(rows, columns, channels)``; red, green and blue in that order for a photograph.

    Returns:
        As many arrays ``(rows, columns)`` as there are channels.

    Raises:
        ValueError: if the picture has no axis of channels, is empty or has NaN in it.

    A picture of one row, a red cell beside a white one:

    >>> red, green, blue = split_channels([[[255, 0, 0], [255, 255, 255]]])
    >>> red
    array([[255, 255]])
    >>> green
    array([[  0, 255]])
    """
    image = as_array(image, "colour picture", (3,))
    return tuple(image[:, :, channel] for channel in range(image.shape[2]))


def feature_count(shape: Sequence[int]) -> int:
    """Count the numbers that a picture of this shape is made of.

    Args:
        shape: the size of each axis.

    Returns:
        Their product.

    Raises:
        ValueError: if there is no axis, or an axis is not a whole number of at least 1.

    >>> feature_count((16, 16))
    256
    >>> feature_count((16, 16, 3))
    768
    """
    if np.ndim(shape) != 1 or not len(shape):
        raise ValueError(
            "a shape has a whole number of at least 1 for each axis, such as (16, 16); this is "
            f"{shape!r}"
        )
    return math.prod(whole_number(size, "size of an axis") for size in shape)
