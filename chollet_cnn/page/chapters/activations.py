"""After the sum a bend: without it, several layers would be one layer."""

from typing import Any

import numpy as np
import pandas as pd

from chollet_cnn.concepts import neurons
from chollet_cnn.concepts.figures import neurons as plots
from chollet_cnn.page.figure import Figure

SUMS = -60, 110
"""The first two sums of the padlock's corner, in the chapter on convolution in two dimensions."""


def content() -> dict[str, Any]:
    """Return ReLU, sigmoid and tanh with their derivatives."""
    x = np.linspace(-4, 4, 401)
    curves = {
        name: getattr(neurons, name)(x)
        for kind in ("relu", "sigmoid", "tanh")
        for name in (kind, f"{kind}_derivative")
    }
    return {
        "curves": Figure(
            "activations-and-their-slopes",
            plots.plot_activations(),
            pd.DataFrame({"x": x, **curves}),
        ),
        "relu": [(value, int(neurons.relu(value))) for value in SUMS],
        "half": float(neurons.sigmoid(0)),
        "slope": float(neurons.sigmoid_derivative(0)),
    }
