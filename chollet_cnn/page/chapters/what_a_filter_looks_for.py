"""The first layer's kernels, and for deeper layers an image that activates a channel strongly."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from chollet_cnn.analysis import activations, filters
from chollet_cnn.page.figure import Figure
from chollet_cnn.page.trained_model import TrainedModel, sections
from chollet_cnn.page.worked import work_out
from chollet_cnn.training import seeding

MAXIMIZED = {0: 16, 1: 16}
"""Channels of each convolution that are maximized; 8 of the deeper ones, which take longer."""
NEAR_ZERO = 0.1
"""A kernel whose weights add up to less than this is counted as near zero."""
DRAWS = 200
"""Seeds whose starting weights say how many kernels come near zero without any training."""


def content(models: Sequence[TrainedModel]) -> dict[str, Any]:
    """Return what the filters of each network look for."""
    return {"near": NEAR_ZERO, "draws": DRAWS, "sections": sections(models, _filters)}


def _filters(model: TrainedModel) -> dict[str, Any]:
    kernels = filters.first_kernels(model.model)
    before = filters.first_kernels(model.untrained)
    names = model.convolutions
    total = kernels.sum(axis=(0, 1, 2))
    nearest = int(np.abs(total).argmin())
    weights = kernels[..., nearest].sum(axis=-1).ravel()
    parts = [part for weight in weights for part in (" + ", float(weight))][1:]
    largest = float(np.abs([before, kernels]).max())
    return {
        "before": _kernels(f"{model.slug}-first-kernels-before-training", before, largest),
        "kernels": _kernels(f"{model.slug}-first-kernels", kernels, largest),
        "size": kernels.shape[:2],
        "maximized": [_maximized(model, place, layer) for place, layer in enumerate(names)],
        "near_zero": near_zero(kernels),
        "near_zero_before": near_zero(before),
        "near_zero_by_chance": np.mean(
            [
                near_zero(seeding.glorot_uniform(kernels.shape, model.weights_seed + other))
                for other in range(1, DRAWS + 1)
            ]
        ),
        "count": kernels.shape[-1],
        "nearest": nearest,
        "colours": kernels.shape[2],
        "kernel_sum": work_out(parts, float(total[nearest]), "{:.3f}".format),
        "exciting": _exciting(model, names[-1]) if model.test is not None else None,
    }


def near_zero(kernels: np.ndarray) -> int:
    """Count the kernels ``(rows, columns, channels, kernels)`` whose weights add up to about 0."""
    return int((np.abs(kernels.sum(axis=(0, 1, 2))) < NEAR_ZERO).sum())


def _kernels(name: str, kernels: np.ndarray, largest: float) -> Figure:
    rows, columns, colours, count = (index.ravel() for index in np.indices(kernels.shape))
    data = {"kernel": count, "row": rows, "column": columns, "colour": colours}
    table = pd.DataFrame(data | {"weight": kernels.ravel()})
    return Figure(name, filters.plot_kernels(kernels, largest=largest), table, tiles=True)


def _maximized(model: TrainedModel, place: int, layer: str) -> dict[str, Any]:
    """Find what activates some channels strongly, on a canvas a little larger than they see."""
    channels = model.model.get_layer(layer).output.shape[-1] if "/" not in layer else None
    sees = model.receptive_field(layer)
    field = max(sees) if isinstance(sees, tuple) else sees
    height = model.image.shape[0]
    side = height if field is None else min(height, 2 * field + 10)
    limit = MAXIMIZED.get(place, 8)
    chosen = list(range(min(channels or limit, limit)))
    images = filters.maximize_activation(model.model, layer, chosen, size=side)
    mean = filters.mean_activation(model.model, layer, images, chosen)
    return {
        "figure": Figure(
            model.figure_name(layer, "exciting-inputs"),
            filters.plot_activation_maximization(images, layer, chosen),
            pd.DataFrame({"channel": chosen, "mean_activation": mean}),
            {"images": images},
            tiles=True,
        ),
        "layer": layer,
        "sees": field,
        "shown": len(chosen),
        "channels": channels,
    }


def _exciting(model: TrainedModel, layer: str) -> dict[str, Any]:
    sample = model.sample
    every = activations.top_activating_images(model.model, sample, layer, count=6)
    best = every[every["rank"] == 1]
    lit = best[best["activation"] > 0]  # a channel that no image activates has nothing to show
    chosen = (best if lit.empty else lit)["channel"].head(8)
    table = every[every["channel"].isin(chosen)]
    return {
        "figure": Figure(
            model.figure_name(layer, "most-exciting-pictures"),
            activations.plot_top_activating_images(table, sample, layer),
            table,
            {"images": sample[table["image"]]},
            tiles=True,
        ),
        "layer": layer,
        "channels": len(chosen),
    }
