"""A digit moves by a few pixels; after pooling its responses move less."""

from typing import Any

import numpy as np
import pandas as pd

from chollet_cnn.concepts import kernels, pooling
from chollet_cnn.concepts.figures import photographs
from chollet_cnn.concepts.figures import pooling as plots
from chollet_cnn.page.figure import Figure


def content() -> dict[str, Any]:
    """Return how much the responses to a shifted digit change, with and without pooling."""
    digit = photographs.digit(32).astype(float)
    table = pd.DataFrame(
        [
            {"shift": shift, "poolings": times, "changed": _changed(digit, shift, times)}
            for times in plots.POOLINGS
            for shift in range(5)
        ]
    )
    far = table[table["shift"] == 4].set_index("poolings")["changed"]
    before, after = np.array([[5, 0, 0, 0]]), np.array([[0, 5, 0, 0]])
    pooled = [pooling.max_pool2d(line, (1, 2)) for line in (before, after)]
    return {
        "shifted": Figure(
            "shifted-digit-with-and-without-pooling", plots.plot_shifted_digit(digit), table
        ),
        "far_unpooled": float(far[0]),
        "far_pooled": float(far[3]),
        "before": before[0].tolist(),
        "after": after[0].tolist(),
        "pooled": pooled[0][0].tolist(),
        "unpooled_change": plots.moved_share(before, after),
        "pooled_change": plots.moved_share(*pooled),
    }


def _changed(digit: np.ndarray, shift: int, times: int) -> float:
    still, moved = (
        plots.responses(d, kernels.EDGE, times) for d in (digit, plots.shift_right(digit, shift))
    )
    return plots.moved_share(still, moved)
