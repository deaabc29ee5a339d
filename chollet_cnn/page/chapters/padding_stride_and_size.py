"""A window cannot stand on the border; padding lets it, a stride lets it jump."""

from __future__ import annotations

from typing import Any

import pandas as pd

from chollet_cnn.concepts import convolution, geometry, kernels
from chollet_cnn.concepts.figures import geometry as plots
from chollet_cnn.concepts.figures.images import PADLOCK
from chollet_cnn.page.chapter import Call
from chollet_cnn.page.figure import Figure

CASES = ((1, 0), (1, 1), (2, 0), (2, 1))
"""Stride and padding of each panel."""


def content() -> dict[str, Any]:
    """Return how many windows fit, for some windows, paddings and strides."""
    table = pd.DataFrame(CASES, columns=["stride", "padding"]).assign(size=7, kernel=3)
    table["places"] = [geometry.output_size(7, 3, s, p) for s, p in CASES]
    strided = convolution.cross_correlate2d(PADLOCK, kernels.SHARPEN, stride=(1, 2), padding="same")
    try:
        geometry.output_size(10, 3, stride=2)
    except geometry.ImpossibleGeometry as problem:
        refusal = str(problem)
    keras_size = geometry.keras_output_size
    return {
        "places": Figure("padding-and-stride", plots.plot_padding_and_stride(7, 3, CASES), table),
        "losses": [(k, geometry.output_size(16, k), k - 1) for k in (3, 5, 7)],
        "rounded": keras_size(10, 3, stride=2),
        "refusal": refusal,
        "call": Call(
            "from chollet_cnn.concepts import convolution, kernels\n"
            "from chollet_cnn.concepts.figures.images import PADLOCK\n"
            "from chollet_cnn.concepts.geometry import keras_output_size, output_size\n\n"
            f"output_size(16, 3)              # {geometry.output_size(16, 3)}\n"
            f"output_size(16, 3, padding=1)   # {geometry.output_size(16, 3, padding=1)}\n"
            f"keras_output_size(10, 3, stride=2)   # {keras_size(10, 3, stride=2)}, rounded down\n"
            'keras_output_size(10, 3, stride=2, padding="same")   '
            f"# {keras_size(10, 3, stride=2, padding='same')}\n\n"
            "sharper = convolution.cross_correlate2d(\n"
            '    PADLOCK, kernels.SHARPEN, stride=(1, 2), padding="same")\n'
            f"sharper.shape   # {strided.shape}"
        ),
    }
