"""Each layer looks through the one before it, so each sees more of the image."""

from typing import Any

import pandas as pd

from chollet_cnn.concepts import geometry
from chollet_cnn.concepts.figures import geometry as plots
from chollet_cnn.page.figure import Figure


def content() -> dict[str, Any]:
    """Return the receptive field of each layer of the three-block network."""
    layers = plots.THREE_BLOCK
    table = pd.DataFrame(layers, columns=["layer", "window", "stride"])
    fields = geometry.receptive_field(list(zip(table["window"], table["stride"], strict=True)))
    table["sees"] = [field.size for field in fields]
    table["jump"] = [field.jump for field in fields]
    return {
        "fields": Figure(
            "receptive-fields-three-block", plots.plot_receptive_fields(layers), table
        ),
        "rows": table.to_dict("records"),
        "stacked": [field.size for field in geometry.receptive_field([(3, 1)] * 3)],
    }
