"""Kernels made by hand: what each responds to, and what it ignores.

Each is written for cross-correlation, as in a Conv2D layer. The constants are read-only.

>>> from chollet_cnn.concepts.convolution import cross_correlate2d
>>> flat = np.full((3, 3), 100)
>>> int(cross_correlate2d(flat, EDGE)[0, 0]), int(cross_correlate2d(flat, SHARPEN)[0, 0])
(0, 100)
>>> bright_to_the_right = [[0, 0, 9],
...                        [0, 0, 9],
...                        [0, 0, 9]]
>>> int(cross_correlate2d(bright_to_the_right, SOBEL_VERTICAL)[0, 0])  # 9 + 2*9 + 9
36
>>> int(cross_correlate2d(bright_to_the_right, SOBEL_HORIZONTAL)[0, 0])  # -9 + 9
0
"""

from __future__ import annotations

from numbers import Real

import numpy as np
from numpy.typing import ArrayLike

from chollet_cnn.concepts.checks import whole_number


def _constant(cells: ArrayLike) -> np.ndarray:
    kernel = np.array(cells)
    kernel.setflags(write=False)
    return kernel


IDENTITY = _constant([[0, 0, 0], [0, 1, 0], [0, 0, 0]])
"""Returns each cell: nothing changes."""

SHARPEN = _constant([[0, -1, 0], [-1, 5, -1], [0, -1, 0]])
"""Adds to each cell its difference from its four neighbours; its sum is 1, so even areas stay.

It is :data:`IDENTITY` minus :data:`LAPLACE`.
"""

EDGE = _constant([[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]])
"""Responds to a cell that differs from its eight neighbours; its sum is 0, so even areas give 0."""

SOBEL_HORIZONTAL = _constant([[-1, -2, -1], [0, 0, 0], [1, 2, 1]])
"""Responds to horizontal edges, positive where it gets brighter downwards; ignores vertical ones.

Source: I. Sobel and G. Feldman, "A 3x3 isotropic gradient operator for image processing", 1968.
"""

SOBEL_VERTICAL = _constant([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
"""Responds to vertical edges, positive where it gets brighter to the right; also called Sobel-x."""

LAPLACE = _constant([[0, 1, 0], [1, -4, 1], [0, 1, 0]])
"""Responds to a cell that is darker (positive) or brighter (negative) than its four neighbours.

It is a second derivative and ignores even areas and even slopes.
"""


def mean_kernel(size: int) -> np.ndarray:
    """Return a kernel that replaces each cell by the mean of its neighbourhood: a plain blur.

    Args:
        size: rows and columns, at least 1.

    Returns:
        ``(size, size)``, every cell 1 / size**2.

    Raises:
        ValueError: the size is not a whole number of at least 1.

    >>> mean_kernel(2)
    array([[0.25, 0.25],
           [0.25, 0.25]])
    """
    size = whole_number(size, "size of the kernel")
    return np.full((size, size), 1 / size**2)


def gaussian_kernel(size: int, sigma: float) -> np.ndarray:
    """Return a kernel that blurs softly: near cells count more than far ones; its sum is 1.

    Args:
        size: rows and columns, at least 1; six sigma and one more cover almost everything.
        sigma: the standard deviation, in cells; larger blurs more.

    Returns:
        ``(size, size)``, proportional to exp(-distance**2 / (2 * sigma**2)).

    Raises:
        ValueError: the size is not a whole number of at least 1, or sigma is not above 0.

    With this sigma a step to the side halves a cell's weight, and a step across halves it twice:

    >>> from math import log, sqrt
    >>> kernel = gaussian_kernel(3, sigma=sqrt(1 / (2 * log(2))))
    >>> (kernel / kernel[1, 1]).round(6)
    array([[0.25, 0.5 , 0.25],
           [0.5 , 1.  , 0.5 ],
           [0.25, 0.5 , 0.25]])
    """
    size = whole_number(size, "size of the kernel")
    if not isinstance(sigma, Real) or not 0 < sigma < np.inf:
        raise ValueError(f"sigma is a distance in cells and must be above 0, not {sigma!r}")
    from_centre = np.arange(size) - (size - 1) / 2
    # Relative to the nearest cell, so that a tiny sigma gives that cell and not 0 / 0.
    squares = from_centre**2 - np.min(from_centre**2)
    with np.errstate(over="ignore"):
        bell = np.exp(-squares / sigma / sigma / 2)
    return np.outer(bell, bell) / bell.sum() ** 2


GALLERY: dict[str, np.ndarray] = {
    "identity": IDENTITY,
    "mean blur": _constant(mean_kernel(5)),
    "Gaussian blur": _constant(gaussian_kernel(5, sigma=1.0)),
    "sharpen": SHARPEN,
    "edge": EDGE,
    "Laplace": LAPLACE,
    "Sobel horizontal": SOBEL_HORIZONTAL,
    "Sobel vertical": SOBEL_VERTICAL,
}
"""Every kernel of this module by name: 3x3, the two blurs 5x5."""
