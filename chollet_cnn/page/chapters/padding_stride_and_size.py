"""A window cannot stand on the border; padding lets it, a stride lets it jump."""

from typing import Any

import pandas as pd

from chollet_cnn.concepts import geometry
from chollet_cnn.concepts.figures import geometry as plots
from chollet_cnn.page.figure import Figure


def content() -> dict[str, Any]:
    """Return how many windows fit, for some windows, paddings and strides."""
    cases = plots.STRIDES_AND_PADDINGS
    table = pd.DataFrame(cases, columns=["stride", "padding"]).assign(size=7, kernel=3)
    table["places"] = [geometry.output_size(7, 3, s, p) for s, p in cases]
    try:
        geometry.output_size(10, 3, stride=2)
    except geometry.ImpossibleGeometry as problem:
        refusal = str(problem)
    return {
        "places": Figure("padding-and-stride", plots.plot_padding_and_stride(7, 3), table),
        "losses": [(k, geometry.output_size(16, k), k - 1) for k in (3, 5, 7)],
        "rounded": geometry.keras_output_size(10, 3, stride=2),
        "refusal": refusal,
    }
