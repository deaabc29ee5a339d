"""Softmax divides one whole among the classes; sigmoids answer one by one."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from chollet_cnn.concepts import neurons
from chollet_cnn.concepts.figures import neurons as plots
from chollet_cnn.drawing.numbers import format_percent
from chollet_cnn.page.figure import Figure
from chollet_cnn.page.worked import work_out


def content() -> dict[str, Any]:
    """Return the softmax of four scores, beside their sigmoids."""
    scores = list(plots.SCORES.values())
    shares = neurons.softmax(scores)
    powers = np.exp(scores)
    data = {"class": list(plots.SCORES), "score": scores, "softmax": shares}
    return {
        "bars": Figure(
            "softmax-beside-sigmoids",
            plots.plot_softmax_beside_sigmoids(),
            pd.DataFrame(data | {"sigmoid": neurons.sigmoid(scores)}),
        ),
        "powers": [f"{power:.3f}" for power in powers],
        "sum": work_out([*_joined(powers, " + ")], powers.sum(), "{:.3f}".format),
        "share": work_out(
            [powers[0], "/", powers.sum()], shares[0], lambda share: format_percent(share, 1)
        ),
        "two": float(neurons.softmax([2.0, 1.0])[0]),
        "one": float(neurons.sigmoid(2.0 - 1.0)),
        "large": neurons.softmax([1000, 1000]).tolist(),
    }


def _joined(terms: Sequence[float], sign: str) -> list[str | float]:
    """Put a sign between terms."""
    return [part for term in terms for part in (sign, float(term))][1:]
