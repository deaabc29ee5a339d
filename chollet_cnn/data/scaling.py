"""Scale an image to the size that a network takes, as the book's data loaders do.

The whole image is kept and its proportions are not: nothing is cropped, so a wide cat becomes a
narrow one, in training and in prediction alike.
"""

import numpy as np
from PIL import Image

from chollet_cnn.errors import UserError

WAYS = ("nearest", "bilinear")


def scale(image: np.ndarray, size: tuple[int, int], resize: str = "bilinear") -> np.ndarray:
    """Scale an image to a height and a width.

    Args:
        image: ``(height, width)`` or ``(height, width, 3)`` uint8.
        size: ``(height, width)`` wanted, in pixels.
        resize: ``"nearest"`` (first edition) or ``"bilinear"`` (second and third).

    Returns:
        The image at its new size, uint8, with the channels that it had.

    Raises:
        UserError: ``resize`` is neither of these.
    """
    if resize == "nearest":
        return nearest(image, size)
    if resize == "bilinear":
        return bilinear(image, size)
    raise UserError(f"unknown resize method {resize!r}; choose one of {', '.join(WAYS)}")


def nearest(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Scale by taking, for each new pixel, the old pixel under its centre.

    This is Pillow's ``NEAREST``, the default of the first edition's ``flow_from_directory``. It is
    left to Pillow, whose rounding decides where a centre falls between two pixels.
    """
    height, width = size
    return np.array(Image.fromarray(image).resize((width, height), Image.Resampling.NEAREST))


def bilinear(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Scale by averaging, for each new pixel, the four old pixels around its centre.

    These are the numbers of ``tf.image.resize``, which ``image_dataset_from_directory`` uses in the
    second and third edition: pixel centres at halves, and no smoothing before shrinking. The book
    keeps the fractions; here each is rounded to a whole grey level, at most half a level of 255
    away, so that images can be kept as bytes.
    """
    (top, bottom, down), (left, right, across) = (
        _neighbours(old, new) for old, new in zip(image.shape, size, strict=False)
    )
    extra = (1,) * (image.ndim - 2)  # one weight serves every channel of a pixel
    down = down.reshape(-1, 1, *extra)
    across = across.reshape(-1, *extra)
    rows = _mix(image[top].astype(np.float32), image[bottom].astype(np.float32), down)
    mixed = _mix(rows.take(left, axis=1), rows.take(right, axis=1), across)
    return np.rint(mixed).astype(np.uint8)


def _neighbours(old: int, new: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return, for each new position, the old ones before and after it, and the latter's weight."""
    places = (np.arange(new) + 0.5) * (old / new) - 0.5
    before = np.floor(places).astype(int)
    weight = (places - before).astype(np.float32)
    return before.clip(0), (before + 1).clip(max=old - 1), weight


def _mix(first: np.ndarray, second: np.ndarray, weight: np.ndarray) -> np.ndarray:
    return first + (second - first) * weight
