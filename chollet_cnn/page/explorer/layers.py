"""Describe a network's layers to the page's JavaScript."""

from math import prod
from typing import Any

import keras

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
                **_describe(layer, kind),
            }
        )
    if not any(layer["kind"] == "convolution" for layer in found):
        raise UserError("the explorer cannot compute a network without a convolution")
    return found


def count_multiplications(layers: list[dict[str, Any]]) -> int:
    """Return how many products of a value and a weight one image takes."""
    count = 0
    for layer in layers:
        if layer["kind"] in ("convolution", "dense"):
            inputs = layer["inputShape"][-1] * layer.get("size", 1) ** 2
            count += inputs * prod(layer["shape"])
    return count


def _describe(layer: keras.Layer, kind: str) -> dict[str, Any]:
    activation = layer.get_config().get("activation", "linear")
    if activation not in ("relu", "softmax", "sigmoid", "linear"):
        raise _unknown(layer)
    match kind:
        case "Rescaling":
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
        case "Dense" if layer.use_bias:
            return {"kind": "dense", "activation": activation}
    raise _unknown(layer)


def _unknown(layer: keras.Layer) -> UserError:
    return UserError(
        f"the explorer cannot compute the layer {layer.name} ({type(layer).__name__}); it knows "
        "3x3 convolutions without padding, max pooling, global average pooling and dense layers"
    )
