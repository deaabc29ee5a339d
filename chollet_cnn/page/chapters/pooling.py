"""Of four neighbours keep the largest, or the mean."""

from typing import Any

import numpy as np

from chollet_cnn.concepts import convolution, kernels, pooling
from chollet_cnn.concepts.figures import convolution as convolution_plots
from chollet_cnn.concepts.figures import pooling as plots
from chollet_cnn.concepts.figures.images import PADLOCK
from chollet_cnn.page.chapter import cells, number
from chollet_cnn.page.figure import Figure

BLOCK = 1, 2
"""The block that is worked out, by its cell in the pooled feature map."""


def content() -> dict[str, Any]:
    """Return the sharpened padlock pooled, and one block of it worked out."""
    response = convolution.cross_correlate2d(PADLOCK, kernels.SHARPEN)
    pooled, averaged = pooling.max_pool2d(response), pooling.average_pool2d(response)
    row, column = BLOCK
    four = response[2 * row : 2 * row + 2, 2 * column : 2 * column + 2].ravel()
    small = response[2:6, 4:8]
    small_means = pooling.average_pool2d(small).ravel()
    return {
        "pooled": Figure(
            "padlock-sharpened-and-pooled",
            convolution_plots.plot_sharpened_and_pooled(block=BLOCK),
            cells(pooled, "largest").assign(mean=averaged.ravel()),
            {"sharpened": response, "pooled": pooled},
        ),
        "both": Figure(
            "max-beside-average-pooling",
            plots.plot_max_beside_average(small),
            cells(pooling.max_pool2d(small), "largest").assign(mean=small_means),
        ),
        "block": BLOCK,
        "four": [number(value) for value in four],
        "total": int(four.sum()),
        "largest": int(pooled[BLOCK]),
        "mean": float(averaged[BLOCK]),
        "deep": pooling.max_pool2d(np.zeros((100, 100, 16))).shape,
    }
