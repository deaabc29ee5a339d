"""A kernel of nine numbers slides over the image; each window becomes one number."""

from typing import Any

import numpy as np
from matplotlib.colors import to_hex

from chollet_cnn.concepts import convolution, kernels
from chollet_cnn.concepts.figures import convolution as plots
from chollet_cnn.concepts.figures.convolution import LOPSIDED
from chollet_cnn.concepts.figures.images import PADLOCK
from chollet_cnn.drawing import sheet, style
from chollet_cnn.drawing.numbers import format_sum_of_products
from chollet_cnn.page.chapter import cells, number
from chollet_cnn.page.figure import Figure

WINDOW = 4, 4
"""The window that is worked out: its top left cell in the padlock, and its cell in the result."""


def content() -> dict[str, Any]:
    """Return the sharpened padlock, window by window, and what flipping the kernel changes."""
    result = convolution.cross_correlate2d(PADLOCK, kernels.SHARPEN)
    window = convolution.windows(PADLOCK, 3)[WINDOW]
    dot = np.zeros((5, 5))
    dot[2, 2] = 1
    both = cells(convolution.cross_correlate2d(dot, LOPSIDED), "cross_correlation").assign(
        convolution=convolution.convolve2d(dot, LOPSIDED).ravel()
    )
    corner = PADLOCK[4:9, 4:9]
    sums = cells(convolution.cross_correlate2d(corner, kernels.SHARPEN), "sum")
    return {
        "sliding": Figure("sharpening-kernel-sliding", plots.plot_sliding_kernel(), sums),
        "slider": _slider(PADLOCK, kernels.SHARPEN, result),
        "sum": format_sum_of_products(kernels.SHARPEN.ravel(), window.ravel()),
        "value": int(result[WINDOW]),
        "windows": result.size,
        "size": result.shape[0],
        "first": int(result[0, 0]),
        "middle": int(window[1, 1]),
        "neighbours": [int(window[at]) for at in ((0, 1), (1, 0), (1, 2), (2, 1))],
        "lopsided": Figure(
            "convolution-beside-cross-correlation",
            plots.plot_convolution_beside_correlation(LOPSIDED),
            both,
        ),
    }


def _slider(image: np.ndarray, kernel: np.ndarray, result: np.ndarray) -> dict[str, object]:
    """Return the two grids of a sliding window, each cell with its number and its colours."""
    return {
        "image": _grid(image, (0, 255)),
        "result": _grid(result, (result.min(), result.max())),
        "kernel": kernel.tolist(),
        "row": WINDOW[0],
        "column": WINDOW[1],
        "data": {"image": image.tolist(), "kernel": kernel.tolist(), "result": result.tolist()},
    }


def _grid(values: np.ndarray, limits: tuple[float, float]) -> list[list[dict[str, str]]]:
    fills = sheet.greys(values.astype(float), limits)
    return [
        [
            {"text": number(value), "fill": to_hex(fill), "ink": style.contrasting(fill)}
            for value, fill in zip(*line, strict=True)
        ]
        for line in zip(values, fills, strict=True)
    ]
