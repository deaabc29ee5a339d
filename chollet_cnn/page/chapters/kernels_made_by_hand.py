"""The same operation with other numbers blurs, sharpens or finds edges."""

from typing import Any

import numpy as np
import pandas as pd

from chollet_cnn.concepts import kernels
from chollet_cnn.concepts.convolution import cross_correlate2d
from chollet_cnn.concepts.figures import kernels as plots
from chollet_cnn.drawing.numbers import format_sum_of_products
from chollet_cnn.page.chapter import cells
from chollet_cnn.page.figure import Figure


def content() -> dict[str, Any]:
    """Return what eight kernels make of two photographs, and of windows small enough to check."""
    weights = pd.concat(
        [cells(kernel, "weight").assign(kernel=name) for name, kernel in kernels.GALLERY.items()]
    )
    bright_right = np.array([[0, 0, 9]] * 3)
    flat = np.full((3, 3), 100)

    def response(image: np.ndarray, kernel: np.ndarray) -> int:
        return int(cross_correlate2d(image, kernel)[0, 0])

    return {
        "gallery": Figure(
            "kernel-gallery",
            plots.plot_kernel_gallery(),
            weights[["kernel", "row", "column", "weight"]],
        ),
        "rounded": int(np.rint(100 * kernels.GALLERY["Gaussian blur"]).sum()),
        "flat_edge": response(flat, kernels.EDGE),
        "flat_sharpen": response(flat, kernels.SHARPEN),
        "vertical": response(bright_right, kernels.SOBEL_VERTICAL),
        "horizontal": response(bright_right, kernels.SOBEL_HORIZONTAL),
        "doubled": response(bright_right, 2 * kernels.SOBEL_VERTICAL),
        "vertical_sum": format_sum_of_products(kernels.SOBEL_VERTICAL[:, 2], bright_right[:, 2]),
        "horizontal_sum": format_sum_of_products(
            kernels.SOBEL_HORIZONTAL[:, 2], bright_right[:, 2]
        ),
    }
