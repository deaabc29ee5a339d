"""A mean of neighbours slides along a noisy signal; the kernel is flipped."""

from typing import Any

import numpy as np
import pandas as pd

from chollet_cnn.concepts import convolution
from chollet_cnn.concepts.figures import convolution as plots
from chollet_cnn.page.figure import Figure

LINE = [10, 9, 10, 9, 10, 1, 10, 9, 10, 8]
AT = 6
"""The place in the result that is worked out."""


def content() -> dict[str, Any]:
    """Return a smoothed sine, and ten numbers smoothed by hand."""
    truth = np.sin(np.linspace(0, 4 * np.pi, 200))
    signal = truth + np.random.default_rng(0).normal(0, 0.3, 200)
    smooth = np.full(len(signal), np.nan)
    smooth[7:-7] = convolution.convolve1d(signal, np.full(15, 1 / 15), "valid")
    means = convolution.convolve1d(LINE, [1 / 3] * 3)
    data = pd.DataFrame({"measured": signal, "without_noise": truth, "smoothed": smooth})
    return {
        "smooth": Figure(
            "noisy-sine-smoothed",
            plots.plot_smoothed_signal(signal, truth, size=15),
            data.rename_axis("position").reset_index(),
        ),
        "line": LINE,
        "result": [f"{value:.2f}" for value in means[: len(LINE)]],
        "every": len(means),
        "at": AT,
        "taken": LINE[AT - 2 : AT + 1],
        "flipped": convolution.convolve1d([0, 1, 0], [7, 8, 9], "same").tolist(),
        "not_flipped": convolution.cross_correlate1d([0, 1, 0], [7, 8, 9], "same").tolist(),
    }
