"""A convolution is a dense layer with most connections cut and the others shared."""

from typing import Any

import numpy as np
import pandas as pd

from chollet_cnn.concepts import convolution, geometry, neurons
from chollet_cnn.concepts.figures import neurons as plots
from chollet_cnn.drawing.numbers import format_sum_of_products
from chollet_cnn.page.figure import Figure


def content() -> dict[str, Any]:
    """Return the weight matrix of a convolution of a 4 by 4 image."""
    kernel, image = np.array([[1, 2], [3, 4]]), np.arange(16).reshape(4, 4)
    matrix = neurons.convolution_matrix(kernel, image.shape)
    product = matrix @ image.ravel()
    connected = np.flatnonzero(matrix[0])
    slid = convolution.cross_correlate2d(image, kernel).ravel()
    return {
        "matrix": Figure(
            "convolution-as-a-matrix",
            plots.plot_shared_weights(kernel),
            pd.DataFrame(matrix, columns=[f"input_{i}" for i in range(matrix.shape[1])]),
        ),
        "sum": format_sum_of_products(matrix[0, connected], image.ravel()[connected]),
        "value": int(product[0]),
        "agree": bool((product == slid).all()),
        "places": matrix.size,
        "used": int((matrix != 0).sum()),
        "different": kernel.size,
        "dense": geometry.dense_parameters(28 * 28, 26 * 26),
        "shared": geometry.conv_parameters(3, 1, 1),
    }
