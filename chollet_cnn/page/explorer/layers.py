"""Describe a network's layers to the page's JavaScript."""

from typing import Any

import keras
import numpy as np

from chollet_cnn.errors import UserError


def describe_layers(model: keras.Model) -> list[dict[str, Any]]:
    """Return what each layer does, in order, without its weights.

    Layers that only act during training (augmentation, dropout) are skipped.

    Raises:
        UserError: the network has a layer that the page cannot compute, or no convolution.
    """
    found = []
    for layer in model.layers:
        kind = type(layer).__name__
        if kind in ("InputLayer", "Dropout") or kind.startswith("Random"):
            continue
        found.append(
            {
                "name": layer.name,
                "inputShape": list(layer.input.shape[1:]),
                "shape": list(layer.output.shape[1:]),
                **_describe(layer, kind, layer is model.layers[-1]),
            }
        )
    if not any(layer["kind"] == "convolution" for layer in found):
        raise UserError("the explorer cannot compute a network without a convolution")
    return found


def _describe(layer: keras.Layer, kind: str, is_last: bool) -> dict[str, Any]:
    activation = layer.get_config().get("activation", "linear")
    known = ["relu", "linear"]
    if is_last and kind == "Dense":  # elsewhere the page's Grad-CAM and sums would be wrong
        known.append("softmax" if layer.units > 1 else "sigmoid")
    if activation not in known:
        raise _unknown(layer)
    match kind:
        case "Rescaling" if np.ndim(layer.scale) == np.ndim(layer.offset) == 0:
            return {"kind": "rescaling", "scale": layer.scale, "offset": layer.offset}
        case "Conv2D" if (
            layer.padding == "valid"
            and layer.strides == layer.dilation_rate == (1, 1)
            and layer.groups == 1
            and layer.use_bias
            and len(set(layer.kernel_size)) == 1
        ):
            size = layer.kernel_size[0]
            return {"kind": "convolution", "size": size, "activation": activation}
        case "MaxPooling2D" if (
            layer.padding == "valid"
            and tuple(layer.strides) == tuple(layer.pool_size)
            and len(set(layer.pool_size)) == 1
        ):
            return {"kind": "max pooling", "size": layer.pool_size[0]}
        case "GlobalAveragePooling2D" if not layer.keepdims:
            return {"kind": "average"}
        case "Flatten":
            return {"kind": "flatten"}
        case "Dense" if layer.use_bias and len(layer.input.shape) == 2:
            return {"kind": "dense", "activation": activation}
    raise _unknown(layer)


def _unknown(layer: keras.Layer) -> UserError:
    return UserError(
        f"the explorer cannot compute the layer {layer.name} ({type(layer).__name__}); it knows "
        "convolutions without padding, max pooling, global average pooling and dense layers, with "
        "ReLU inside the network and a softmax or one sigmoid at its end"
    )
