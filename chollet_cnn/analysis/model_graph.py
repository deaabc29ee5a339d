"""Walk the graph of a Keras model: its layers by name, their outputs, the chain that they form.

It works on Sequential and functional models, also on models inside models, and leaves the model as
it was. Layers have the names that ``model.summary()`` prints; a layer of a model inside the model
is ``inner-model/layer``, and its last part alone will do where it is unique. Functional models are
walked with ``_run_through_graph``, Keras's loop behind ``clone_model``; everything else is public.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from difflib import get_close_matches
from functools import partial
from typing import Any

import keras
import numpy as np
from keras import activations, layers

from chollet_cnn.concepts.checks import as_array, whole_number

Tensor = Any
"""A tensor of the running backend."""
POOLINGS = (layers.MaxPooling2D, layers.AveragePooling2D)
CONVOLUTIONS = (
    layers.Conv2D, layers.DepthwiseConv2D, layers.SeparableConv2D, layers.Conv2DTranspose,
)  # fmt: skip
FEATURE_LAYERS = (
    *CONVOLUTIONS,
    *(layers.Activation, layers.ReLU, layers.LeakyReLU, layers.ELU, layers.PReLU),
)
RELUS = ("ReLU", "Relu")
"""The layer and the node of :func:`keras.activations.relu`, and the node of ``keras.ops.relu``."""
ACTIVATIONS = {
    *(*RELUS, "Relu6", "LeakyRelu", "Elu", "Selu", "Celu", "Gelu", "Silu", "HardSilu", "Softplus"),
}
"""Nodes that are activation functions; a sigmoid is mostly a gate."""
JOINING = {
    *("Add", "Average", "Concatenate", "Maximum", "Minimum", "Multiply", "Subtract"),
    *("BatchNormalization", "GroupNormalization", "LayerNormalization"),
}
"""Layers, and nodes of :mod:`keras.ops`, that join or normalize feature maps."""
DIVERGED = (
    "the network gives NaN because its training diverged; train it again with a lower learning rate"
)
"""What the error of a network that gives NaN says."""
SKIPPED = 0.0
"""What stands for outputs that nothing reads."""


class UnsupportedModelError(ValueError):
    """The structure of a network is one that an analysis does not support."""


def walk(model: keras.Model, inputs: Tensor, visit: Callable, path: str = "") -> Tensor:
    """Run a network, with ``visit(name, operation, *inputs)`` in place of each of its operations.

    An operation is a layer or a node of :mod:`keras.ops`, such as ``x + y``. Whatever ``visit``
    returns flows on through the network; it need not be a tensor. A single value stands for every
    output of an operation that has several.

    Raises:
        UnsupportedModelError: the model is subclassed or not built.
    """
    check_supported(model)

    def step(operation: keras.Operation) -> Callable[..., Tensor]:
        if _is_network(operation):
            return lambda inner, *_, **__: walk(operation, inner, visit, f"{path}{operation.name}/")
        return partial(visited, operation)

    def visited(operation: keras.Operation, *args: Tensor, **options: object) -> Tensor:
        value = visit(path + operation.name, operation, *args, **options)
        count = len(keras.tree.flatten(operation.output))
        return [value] * count if count > len(keras.tree.flatten(value)) else value

    if isinstance(model, keras.Sequential):
        for layer in model.layers:
            inputs = step(layer)(inputs)
        return inputs
    output = model._run_through_graph(inputs, step)
    leaves = keras.tree.flatten(output)
    return leaves[0] if len(leaves) == 1 else output


def check_supported(model: keras.Model) -> None:
    """Check that a network is built, has one input, and that its layers can be listed.

    Raises:
        TypeError: it is not a Keras model.
        UnsupportedModelError: it is subclassed with a ``call`` of its own, not built, has several
            inputs, or operations with ``data_format="channels_first"``.
    """
    if not isinstance(model, keras.Model):
        raise TypeError(
            f"a network is a Keras model, not a {type(model).__name__}; that of a run is "
            "run.load_model()"
        )
    if not _is_network(model):
        raise UnsupportedModelError(
            f"the layers of {model.name}, a subclassed model ({type(model).__name__}), cannot be "
            "listed; build a Sequential or a functional model"
        )
    if not model.built or not getattr(model, "inputs", None):
        raise UnsupportedModelError(
            f"the model {model.name} is not built yet; add a keras.Input as its first layer"
        )
    if len(model.inputs) != 1:
        raise UnsupportedModelError(f"the network has {len(model.inputs)} inputs; one is needed")
    for operation in getattr(model, "operations", model.layers):
        if getattr(operation, "data_format", None) == "channels_first":
            raise UnsupportedModelError(
                f"the layer {operation.name} has data_format='channels_first'; build the network "
                "with channels_last"
            )


def _is_network(layer: keras.Operation) -> bool:
    # With a `call` of its own a subclass computes something else than its layers in their order.
    own = type(layer).call.__module__
    return isinstance(layer, keras.Sequential | keras.Function) and own.startswith("keras.")


def layers_of(model: keras.Model, _path: str = "") -> dict[str, keras.Operation]:
    """Return every layer and node of a network by its name, those of models inside it included.

    Nodes with several outputs, such as ``keras.ops.split``, are left out.
    """
    check_supported(model)
    found = {}
    for layer in getattr(model, "operations", model.layers):
        if _is_network(layer):
            found |= layers_of(layer, f"{_path}{layer.name}/")
        elif len(keras.tree.flatten(layer.output)) == 1 and not isinstance(
            layer, keras.layers.InputLayer
        ):
            found[_path + layer.name] = layer
    return found


def full_name(model: keras.Model, name: str) -> str:
    """Return a layer's name with the names of the models around it.

    Raises:
        ValueError: there is no such layer, or more than one.
    """
    names = list(layers_of(model))
    if name in names:
        return name
    fitting = [known for known in names if known.rsplit("/", 1)[-1] == name]
    if len(fitting) > 1:
        raise ValueError(f"{len(fitting)} layers have the name {name!r}: {', '.join(fitting)}")
    if not fitting:
        near = get_close_matches(str(name), names, n=5, cutoff=0.4) or names[:5]
        known = ", ".join(names) if len(names) <= 30 else f"{len(names)}, such as {', '.join(near)}"
        raise ValueError(f"the network has no layer {name!r}; its layers are {known}")
    return fitting[0]


def feature_layers(model: keras.Model) -> list[str]:
    """Return the names of convolution, pooling and activation layers that give feature maps."""
    return [
        name
        for name, at in layers_of(model).items()
        if (isinstance(at, (*POOLINGS, *FEATURE_LAYERS)) or type(at).__name__ in ACTIVATIONS)
        and len(at.output.shape) == 4
    ]


def last_feature_layer(model: keras.Model) -> str:
    """Return the name of the last layer with feature maps that is not a pooling layer.

    Feature maps of one cell tell nothing about the place; a network with convolutions after its
    global pooling has them. They are returned only if there are no others.

    Raises:
        UnsupportedModelError: the network has no feature maps.
    """
    known = layers_of(model)
    names = [
        name
        for name, at in known.items()
        if (isinstance(at, FEATURE_LAYERS) or type(at).__name__ in ACTIVATIONS | JOINING)
        and len(at.output.shape) == 4
    ]
    if not names:
        raise UnsupportedModelError(
            f"the network has no layer with feature maps; its layers are {', '.join(known)}"
        )
    return ([name for name in names if known[name].output.shape[1:3] != (1, 1)] or names)[-1]


def channels_of(
    model: keras.Model, name: str, channels: int | Sequence[int] | None = None
) -> np.ndarray:
    """Return the chosen channels of a layer with feature maps, by default all of them.

    Raises:
        ValueError: the layer has no feature maps or no such channel.
    """
    shape = layers_of(model)[name].output.shape
    if len(shape) != 4:
        raise ValueError(f"{name} has no feature maps; its output has the shape {shape[1:]}")
    chosen = range(shape[-1]) if channels is None else np.ravel(channels).tolist()
    if not chosen:
        raise ValueError("the list of channels is empty; choose at least one")
    for channel in chosen:
        if whole_number(channel, "channel", least=0) >= shape[-1]:
            raise ValueError(f"{name} has no channel {channel}; it has 0 to {shape[-1] - 1}")
    return np.array(chosen, np.int32)


def chain(model: keras.Model) -> list[tuple[str, keras.Operation, tuple[int | None, ...]]]:
    """Return the operations of a network that form one line, models inside it unrolled.

    Returns:
        The name of each operation, the operation, and the shape of its output, batch first.

    Raises:
        UnsupportedModelError: the network branches.
    """
    steps = []
    latest = _Link()
    shape = tuple(model.inputs[0].shape) if getattr(model, "inputs", None) else ()

    def visit(name: str, operation: keras.Operation, *args: object, **options: object) -> _Link:
        nonlocal latest, shape
        links = [leaf for leaf in keras.tree.flatten([args, options]) if isinstance(leaf, _Link)]
        if links != [latest] or len(keras.tree.flatten(operation.output)) > 1:
            raise UnsupportedModelError(
                f"the network branches at {name}; a network whose layers form one line is needed"
            )
        if isinstance(operation, keras.layers.InputLayer):
            return latest
        if isinstance(operation, keras.Layer):
            # A layer that is used more than once has no single output whose shape could be asked.
            inputs = keras.KerasTensor(shape, operation.compute_dtype)
            shape = operation.compute_output_spec(inputs).shape
        else:
            shape = operation.output.shape
        steps.append((name, operation, tuple(shape)))
        latest = _Link()
        return latest

    walk(model, latest, visit)
    return steps


class _Link:
    """Stands for the output of an operation of a chain."""


def as_batch(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """Return images as a batch that the network takes; one image becomes a batch of one.

    Raises:
        ValueError: there are no images, they are not finite numbers, or not of the shape that the
            network was built for.
        UnsupportedModelError: see :func:`check_supported`.
    """
    check_supported(model)
    wanted = tuple(model.inputs[0].shape[1:])
    images = as_array(images, "array of images")
    images = images[None] if images.ndim == len(wanted) else images
    given = images.shape[1:] if images.ndim == len(wanted) + 1 else images.shape
    if len(given) != len(wanted) or any(
        size not in (None, own) for size, own in zip(wanted, given, strict=True)
    ):
        raise ValueError(f"the network takes images of shape {wanted}, these have {given}")
    # A gradient needs floating point, also where the network takes whole numbers; a network in
    # half precision converts by itself.
    return images.astype(np.float64 if model.inputs[0].dtype == "float64" else np.float32)


def image_shape(model: keras.Model) -> tuple[int | None, ...]:
    """Return height, width and, if there are any, channels of the images that a network takes.

    Raises:
        UnsupportedModelError: it takes something else; see :func:`check_supported` too.
    """
    check_supported(model)
    shape = tuple(model.inputs[0].shape[1:])
    if len(shape) not in (2, 3):
        raise UnsupportedModelError(
            f"the network takes inputs of shape {shape}; images (height, width) or (height, width, "
            "channels) are needed"
        )
    return shape


def one_image(model: keras.Model, image: np.ndarray) -> np.ndarray:
    """Return one image as a batch of one; raise ValueError if it is a batch of several images."""
    batch = as_batch(model, image)
    if len(batch) != 1:
        raise ValueError(f"this is a batch of {len(batch)} images; pass one image at a time")
    return batch


def layer_outputs(
    model: keras.Model, inputs: Tensor, names: Sequence[str], *, activated: bool = True
) -> dict[str, Tensor]:
    """Return the outputs of layers for a batch of images, without running the layers after them.

    Args:
        model: the network.
        inputs: ``(n, height, width, channels)``.
        names: full names; of a layer that is used more than once the first use counts.
        activated: False leaves out the activation (such as ReLU) of these layers.
    """
    found = {}

    def visit(name: str, layer: keras.Operation, *args: Tensor, **options: object) -> Tensor:
        if len(found) == len(set(names)):
            return SKIPPED
        if name not in names or name in found:
            return call(layer, *args, **options)
        if not activated and type(layer).__name__ in RELUS:
            found[name] = args[0]
        else:
            with nullcontext() if activated else without_activation(layer):
                found[name] = call(layer, *args, **options)
        return found[name]

    walk(model, inputs, visit)
    return found


def call(operation: keras.Operation, *args: Tensor, **options: object) -> Tensor:
    """Run a layer as in prediction: no dropout, no augmentation."""
    if "training" in inspect.signature(operation.call).parameters:
        options["training"] = False
    return operation(*args, **options)


def has_activation(operation: keras.Operation) -> bool:
    """Return whether a layer ends with an activation function other than the identity."""
    if hasattr(operation, "recurrent_activation"):
        return False
    return getattr(operation, "activation", None) not in (None, activations.linear)


@contextmanager
def without_activation(layer: keras.Operation) -> Iterator[None]:
    """Replace a layer's activation function by the identity, for the time of a call."""
    activation = getattr(layer, "activation", None)
    if activation is None:
        yield
        return
    layer.activation = activations.linear
    try:
        yield
    finally:
        layer.activation = activation
