"""Every channel of every layer for one image, and how many of them are inactive."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from chollet_cnn.analysis import activations, model_graph, receptive_fields
from chollet_cnn.page.chapter import cells
from chollet_cnn.page.figure import Figure
from chollet_cnn.page.trained_model import TrainedModel, sections
from chollet_cnn.page.worked import work_out

FAINT = 0.04
"""Share of a layer's white below which a channel looks black, though it is above zero."""


def content(models: Sequence[TrainedModel]) -> dict[str, Any]:
    """Return the feature maps of each network."""
    return {"sections": sections(models, _maps)}


def _maps(model: TrainedModel) -> dict[str, Any]:
    maps = activations.compute_activations(model.model, model.image)
    own = model.sample if model.test is not None else model.image[None]
    inactive = activations.inactive_channels(model.model, model.image, own)
    learned = inactive[inactive["layer"].isin(_convolutions(model))]
    shares = learned["share_inactive_for_image"].tolist()
    first = next(iter(maps))
    strongest = activations.strongest_channel(maps[first][0])
    return {
        "shown": model.shown,
        "mosaics": [_mosaic(model, name, one[0]) for name, one in maps.items()],
        "strongest": Figure(
            model.figure_name(first, "strongest-channel"),
            activations.plot_strongest_channel(
                model.image,
                maps[first][0],
                first,
                receptive_fields.cell_grid_of(model.model, first),
            ),
            cells(maps[first][0, ..., strongest]),
            {"image": model.image},
        ),
        "first": first,
        "first_shape": maps[first].shape,
        "inactive": _inactive(model, inactive) if model.test is not None else None,
        "first_share": inactive["share_inactive_for_image"].iloc[0],
        "last_share": inactive["share_inactive_for_image"].iloc[-1],
        "shares": list(zip(learned["layer"], shares, strict=True)),
        "rises_always": len(shares) > 1 and bool((np.diff(shares) > 0).all()),
        "rises": len(shares) > 1 and shares[-1] > shares[0],
        "last": learned.iloc[-1].to_dict() if len(learned) else None,
        "cell": _one_cell(model, maps),
    }


def _convolutions(model: TrainedModel) -> list[str]:
    """Return the names of convolutions of any kind, in order."""
    named = model_graph.layers_of(model.model).items()
    return [name for name, layer in named if isinstance(layer, model_graph.CONVOLUTIONS)]


def _mosaic(model: TrainedModel, layer: str, maps: np.ndarray) -> dict[str, Any]:
    height, width, channels = maps.shape
    peaks = maps.max(axis=(0, 1))
    lit = maps[maps > 0]
    white = float(np.quantile(lit, 0.995)) if lit.size else 1.0
    data = {"largest": peaks, "mean": maps.mean(axis=(0, 1)), "share_lit": (maps > 0).mean((0, 1))}
    order, at = _convolutions(model), model_graph.layers_of(model.model)[layer]
    pools = isinstance(at, model_graph.POOLINGS)
    return {
        "pools": pools,
        "drops": pools and height * at.pool_size[0] < at.input.shape[1],
        "figure": Figure(
            model.figure_name(layer, "maps"),
            activations.plot_activations(maps, layer),
            pd.DataFrame({"channel": range(channels), **data}),
            {"maps": maps},
            tiles=True,
        ),
        "layer": layer,
        "height": height,
        "width": width,
        "channels": channels,
        "inactive": int((peaks <= 0).sum()),
        "faint": int(((peaks > 0) & (peaks < FAINT * white)).sum()),
        "place": (
            "other" if layer not in order
            else "first" if layer == order[0]
            else "last" if layer == order[-1]
            else "middle"
        ),
    }  # fmt: skip


def _inactive(model: TrainedModel, table: pd.DataFrame) -> Figure:
    drawing = activations.plot_inactive_channels(table)
    return Figure(f"{model.slug}-dark-channels", drawing, table)


def _one_cell(model: TrainedModel, outputs: dict[str, np.ndarray]) -> dict[str, Any] | None:
    """Work out the brightest cell of the first convolution, where its input is the image."""
    layer = model.convolutions[0] if model.convolutions else ""
    convolution = model_graph.layers_of(model.model).get(layer)
    if layer not in outputs or convolution.strides != (1, 1) or convolution.padding != "valid":
        return None
    maps = outputs[layer][0]
    channel = activations.strongest_channel(maps)
    row, column = (int(at) for at in np.unravel_index(maps[..., channel].argmax(), maps.shape[:2]))
    kernel, *biases = (weights[..., channel] for weights in convolution.get_weights())
    rows, columns, colours = kernel.shape
    window = model.image[row : row + rows, column : column + columns].astype(float)
    if window.shape != kernel.shape:
        return None  # channels, or a border, were made before it
    bias = float(sum(biases))
    value = float((window / 255 * kernel).sum() + bias)
    if not np.isclose(value, maps[row, column, channel], atol=1e-3):
        return None  # something else than a Rescaling comes before it
    if colours == 1:
        pairs = zip(kernel.ravel(), window.ravel(), strict=True)
        parts = [
            part for weight, pixel in pairs if pixel for part in (" + ", weight, f"·{pixel:g}")
        ]
        parts = ["(", *parts[1:], ")/255 + "]
    else:
        sums = (window / 255 * kernel).sum(axis=(0, 1))
        parts = [part for total in sums for part in (float(total), " + ")]
    return {
        "layer": layer,
        "channel": channel,
        "row": row,
        "column": column,
        "colours": colours,
        "count": kernel.size,
        "sum": work_out([*parts, bias], value, "{:.3f}".format),
        "in_the_map": f"{maps[row, column, channel]:.3f}",
    }
