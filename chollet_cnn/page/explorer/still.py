"""Draw the network on one test image, for readers without a script and for print."""

import io
from base64 import b64encode
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from PIL import Image
from skimage.util import montage

from chollet_cnn.analysis import activations

COLUMNS = 32
GAP = 2
SIDE = 26
"""Pixels of a map, about: small maps are enlarged by a whole number."""
PAPER = 255
"""The grey level between the maps, which is transparent; theirs go up to 254."""


def draw(
    model: keras.Model,
    layers: Sequence[dict[str, Any]],
    image: np.ndarray,
    probabilities: np.ndarray,
) -> dict[str, Any]:
    """Return the pictures of the layers' feature maps, each on one scale, and the prediction.

    Args:
        model: the network.
        layers: what :func:`layers.describe_layers` says of it.
        image: ``(height, width, channels)`` uint8.
        probabilities: the network's, of each class for that image.

    Returns:
        ``image``, ``layers`` (``name``, ``words``, ``picture``, ``width``, ``height``, ``largest``)
        and ``probabilities``; pictures are addresses that hold a PNG.
    """
    maps = activations.compute_activations(model, image)
    if model.input_shape[-1] == 3:
        maps = {
            name: values[:, :: max(1, values.shape[1] // SIDE), :: max(1, values.shape[2] // SIDE)]
            for name, values in maps.items()
        }
    shown = []
    for layer in layers:
        if layer["name"] not in maps:
            continue
        values = maps[layer["name"]][0]
        channels = values.shape[-1]
        largest = float(values.max())
        sheet = _sheet(np.sqrt(np.clip(values / (largest or 1), 0, 1)))
        shown.append(
            {
                "name": layer["name"],
                "words": f"{channels} feature maps of {layer['shape'][1]}×{layer['shape'][0]}",
                "picture": _png(sheet, transparency=PAPER),
                "width": sheet.shape[1],
                "height": sheet.shape[0],
                "largest": largest,
            }
        )
    return {
        "image": _png(image.squeeze()),
        "layers": shown,
        "probabilities": probabilities.tolist(),
    }


def _sheet(maps: np.ndarray) -> np.ndarray:
    """Lay the channels of ``(rows, columns, channels)`` side by side, paper between them."""
    times = max(1, SIDE // maps.shape[0])
    levels = np.rint(254 * maps).astype(np.uint8).repeat(times, axis=0).repeat(times, axis=1)
    across = min(COLUMNS, maps.shape[-1])
    grid = (-(-maps.shape[-1] // across), across)
    sheet = montage(np.moveaxis(levels, -1, 0), fill=PAPER, grid_shape=grid, padding_width=GAP)
    return sheet[GAP:-GAP, GAP:-GAP]


def _png(image: np.ndarray, **options: int) -> str:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "png", optimize=True, **options)
    return "data:image/png;base64," + b64encode(buffer.getvalue()).decode()
