"""Example images, all of them part of libraries that are installed anyway."""

from __future__ import annotations

import numpy as np
from matplotlib import cbook
from PIL import Image
from skimage import data
from skimage.color import rgb2gray
from skimage.transform import resize
from sklearn.datasets import load_digits


def cat(size: int | None = None) -> np.ndarray:
    """Return the cat of scikit-image, ``(size, size, 3)`` uint8, cropped to its face."""
    return scaled(data.chelsea()[:, 75:375], size)


def grace_hopper(size: int | None = None) -> np.ndarray:
    """Return the portrait of Grace Hopper of matplotlib, ``(size, size, 3)`` uint8."""
    with cbook.get_sample_data("grace_hopper.jpg") as file:
        portrait = np.asarray(Image.open(file).convert("RGB"))
    return scaled(portrait[20:480, 26:486], size)


def digit(size: int) -> np.ndarray:
    """Return a handwritten digit of scikit-learn, ``(size, size)`` uint8, light ink on dark.

    It is enlarged from 8x8 and has a margin of a seventh on every side, as the digits of MNIST.
    """
    margin = size // 7
    inside = size - 2 * margin
    ink = resize(load_digits().images[5] / 16, (inside, inside), order=3, clip=True)
    return np.rint(255 * np.pad(ink, margin)).astype(np.uint8)


def grey(image: np.ndarray) -> np.ndarray:
    """Return a colour image ``(height, width, 3)`` as grey ``(height, width)``, 0 to 255."""
    return 255 * rgb2gray(image)


def scaled(image: np.ndarray, size: int | None) -> np.ndarray:
    """Resize an image to ``size x size`` pixels; None leaves it as it is."""
    if size is None:
        return image
    return np.rint(255 * resize(image, (size, size), anti_aliasing=True)).astype(np.uint8)
