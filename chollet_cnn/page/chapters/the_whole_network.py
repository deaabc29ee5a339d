"""Every volume of a network, to scale, and what each layer costs and sees."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from chollet_cnn.analysis import network_diagram
from chollet_cnn.drawing.numbers import format_integer
from chollet_cnn.page.figure import Figure
from chollet_cnn.page.trained_model import TrainedModel, sections


def content(models: Sequence[TrainedModel]) -> dict[str, Any]:
    """Return the layers of each network."""
    return {"sections": sections(models, _layers)}


def _layers(model: TrainedModel) -> dict[str, Any]:
    table = model.layers
    learned = table[table["parameters"] > 0]
    heaviest = learned.loc[learned["parameters"].idxmax()]
    total = int(learned["parameters"].sum())
    volumes = [shape for shape in table["output_shape"] if len(shape) == 3]
    maps = table[table["output_shape"].str.len() == 3]
    convolutions = maps[maps["kind"].str.contains("Conv")]
    convolution = convolutions.iloc[-1] if len(convolutions) else None
    return {
        "drawing": _drawing(model, table),
        "first": volumes[0] if volumes else None,
        "last": volumes[-1] if volumes else None,
        "outputs": table.iloc[-1]["output_shape"][0],
        "rows": [
            (
                layer["layer"],
                " × ".join(map(format_integer, layer["output_shape"])),
                format_integer(layer["parameters"]),
                pixels(layer["receptive_field"]),
                format_integer(layer["multiply_accumulates"]),
            )
            for layer in table.to_dict("records")
        ],
        "parameters": " + ".join(map(format_integer, learned["parameters"])),
        "total": total,
        "heaviest": heaviest["layer"],
        "heaviest_share": heaviest["parameters"] / total,
        "work": int(table["multiply_accumulates"].sum()),
        "convolution": None if convolution is None else convolution["layer"],
        "convolution_sees": None if convolution is None else area(convolution["receptive_field"]),
        "sees": area(table.iloc[-1]["receptive_field"]),
        "size": area(model.image.shape[:2]),
        "shrinks": bool(volumes) and network_diagram.gets_smaller_and_deeper(volumes),
    }


def _drawing(model: TrainedModel, table: pd.DataFrame) -> Figure | None:
    """Draw a network volume by volume; one with arrays of another kind has no such drawing."""
    try:
        drawing = network_diagram.plot_network(model.model)
    except ValueError:
        return None
    return Figure(f"{model.slug}-volume-by-volume", drawing, table)


def area(size: int | tuple[int, int]) -> str:
    """Write a receptive field as rows and columns."""
    return pixels(size if isinstance(size, tuple) else (size, size))


def pixels(size: int | tuple[int, int]) -> str:
    """Write a receptive field: one number, or rows and columns where they differ."""
    return " × ".join(map(str, size)) if isinstance(size, tuple) else f"{size}"
