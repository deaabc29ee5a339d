"""Inside a network: the outputs of its layers, and how its answer changes with them.

This is the one file that knows which backend runs. It works on any Sequential or functional Keras
model, on networks inside networks too, and leaves the model as it was. A layer's name is the one
that the model's summary prints; for a layer of a network inside the network it is
``inner-network/layer``, and the last part alone will do where it is unmistakable.

The graph of a functional model is walked with ``_run_through_graph``, Keras's own loop behind
``clone_model``; nothing else here is outside Keras's public interface.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from difflib import get_close_matches
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import keras

Tensor = Any
"""What the running backend computes with."""


def gradient(
    model: keras.Model, function: Callable[..., Tensor], *inputs: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return what a function gives and how fast it changes with each number of its first input.

    Args:
        model: the network that the function runs.
        function: takes tensors, one for each input, and returns a tensor ``(n,)``; built of
            :mod:`keras.ops`, :func:`layer_outputs` and :func:`class_scores`.
        inputs: arrays; the first one has n rows, and row i may change value i alone.

    Returns:
        The values ``(n,)`` and their gradient, of the first input's shape.
    """
    return differentiated(model, function)(*inputs)


def differentiated(
    model: keras.Model, function: Callable[..., Tensor]
) -> Callable[..., tuple[np.ndarray, np.ndarray]]:
    """Compile :func:`gradient` for many calls: the result takes the inputs alone."""
    backends = {
        "tensorflow": _tensorflow_gradient,
        "jax": _jax_gradient,
        "torch": _torch_gradient,
    }
    return _between_arrays(backends, model, function)


def compiled(model: keras.Model, function: Callable[..., Tensor]) -> Callable[..., Any]:
    """Compile a function that runs a network: it then takes arrays and returns arrays."""
    backends = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}
    return _between_arrays(backends, model, function)


def _between_arrays(
    backends: dict[str, Callable], model: keras.Model, function: Callable[..., Tensor]
) -> Callable[..., Any]:
    import keras

    run = backends[keras.backend.backend()](model, function)

    def on_arrays(*inputs: np.ndarray) -> Any:  # noqa: ANN401
        tensors = [keras.ops.convert_to_tensor(array) for array in inputs]
        return keras.tree.map_structure(_as_array, run(*tensors))

    return on_arrays


def _as_array(tensor: Tensor) -> np.ndarray:
    import keras

    array = keras.ops.convert_to_numpy(tensor)
    # NumPy would add up a map of bfloat16 in bfloat16, and a sum of 256 no longer grows by 1.
    return array.astype(np.float32) if array.dtype.name == "bfloat16" else array


def _tensorflow(model: keras.Model, function: Callable) -> Callable:
    import tensorflow as tf

    traced = tf.function(function, autograph=False)
    # Called by way of its trace: TensorFlow would warn of functions that are made again and again.
    return lambda *inputs: traced.get_concrete_function(*inputs)(*inputs)


def _tensorflow_gradient(model: keras.Model, function: Callable) -> Callable:
    import tensorflow as tf

    def both(first: Tensor, *others: Tensor) -> tuple[Tensor, Tensor]:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(first)
            values = function(first, *others)
        # A tape differentiates the sum of what it is given.
        return values, tape.gradient(values, first, unconnected_gradients="zero")

    return _tensorflow(model, both)


def _jax(model: keras.Model, function: Callable) -> Callable:
    import jax
    import keras

    variables = model.variables

    @jax.jit
    def with_weights(weights: list[Tensor], *inputs: Tensor) -> Tensor:
        # Weights come in as arguments; taken from outside they would be compiled in as constants.
        with keras.StatelessScope(state_mapping=list(zip(variables, weights, strict=True))):
            return function(*inputs)

    return lambda *inputs: with_weights([variable.value for variable in variables], *inputs)


def _jax_gradient(model: keras.Model, function: Callable) -> Callable:
    import jax

    def both(first: Tensor, *others: Tensor) -> tuple[Tensor, Tensor]:
        def total(first: Tensor) -> tuple[Tensor, Tensor]:
            values = function(first, *others)
            return values.sum(), values

        (_, values), slope = jax.value_and_grad(total, has_aux=True)(first)
        return values, slope

    return _jax(model, both)


def _torch(model: keras.Model, function: Callable) -> Callable:
    import torch

    return torch.no_grad()(function)


def _torch_gradient(model: keras.Model, function: Callable) -> Callable:
    import torch

    def both(first: Tensor, *others: Tensor) -> tuple[Tensor, Tensor]:
        first = first.detach().clone().requires_grad_()
        values = function(first, *others)
        (slope,) = torch.autograd.grad(values.sum(), first, allow_unused=True)
        return values.detach(), torch.zeros_like(first) if slope is None else slope

    return both


def layers_of(model: keras.Model, _path: str = "") -> dict[str, keras.Layer]:
    """Return every layer of a network by its name, those of networks inside it included."""
    import keras

    found = {}
    for layer in model.layers:
        if _is_network(layer):
            found |= layers_of(layer, f"{_path}{layer.name}/")
        elif not isinstance(layer, keras.layers.InputLayer):
            found[_path + layer.name] = layer
    return found


def full_name(model: keras.Model, name: str) -> str:
    """Return a layer's name with the networks that it lies in.

    Raises:
        ValueError: there is no such layer, or more than one.
    """
    names = list(layers_of(model))
    if name in names:
        return name
    fitting = [known for known in names if known.rsplit("/", 1)[-1] == name]
    if not fitting:
        raise ValueError(f"the network has no layer {name!r}; it has {_listed(names, name)}")
    if len(fitting) > 1:
        raise ValueError(f"{name!r} is the name of {len(fitting)} layers: {', '.join(fitting)}")
    return fitting[0]


def _listed(names: list[str], sought: str, most: int = 30) -> str:
    """Write out the names of a network's layers; of a very deep one those that come nearest."""
    if len(names) <= most:
        return ", ".join(names)
    near = get_close_matches(sought, names, n=5, cutoff=0.4) or names[:5]
    return f"{len(names)} layers, among them {', '.join(near)}"


def as_batch(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """Return pictures as the batch that a network takes; one picture becomes a batch of one.

    Raises:
        ValueError: the pictures do not have the shape that the network was built for.
    """
    wanted = tuple(model.inputs[0].shape[1:])
    images = np.asarray(images)
    if images.ndim == len(wanted):
        images = images[None]
    given = images.shape[1:]
    fits = len(given) == len(wanted) and all(
        w is None or w == g for w, g in zip(wanted, given, strict=True)
    )
    if not fits:
        raise ValueError(f"the network takes pictures of shape {wanted}, these have {given}")
    return images.astype(model.inputs[0].dtype)


def layer_outputs(
    model: keras.Model, inputs: Tensor, names: Sequence[str], *, activated: bool = True
) -> dict[str, Tensor]:
    """Return what layers give for a batch of pictures, computing no further than the last of them.

    Args:
        model: the network.
        inputs: ``(n, height, width, channels)``.
        names: full names; of a layer that is used more than once the first use counts.
        activated: False leaves away the activation (ReLU, for one) of these layers.
    """
    found = {}

    def visit(name: str, layer: keras.Layer, *args: Tensor, **options: object) -> Tensor:
        if len(found) == len(set(names)):
            return 0.0  # nothing reads it
        if name not in names:
            return _call(layer, *args, **options)
        with nullcontext(layer) if activated else _without_activation(layer) as asked:
            return found.setdefault(name, _call(asked, *args, **options))

    walk(model, inputs, visit)
    return found


def class_scores(
    model: keras.Model, inputs: Tensor, replaced: Mapping[str, Tensor] | None = None
) -> Tensor:
    """Return a network's scores before its last softmax or sigmoid, ``(n, units)``.

    A network that is sure of its answer has driven the softmax or sigmoid to its flat end, where
    hardly any gradient is left; the scores before it still change.

    Args:
        model: the network.
        inputs: ``(n, height, width, channels)``.
        replaced: outputs to go on with in place of what these layers give, by full name.
    """
    replaced = replaced or {}
    last = _last_layer(model)

    def visit(name: str, layer: keras.Layer, *args: Tensor, **options: object) -> Tensor:
        if name in replaced:
            return replaced[name]
        if layer is last and _is_bounded(layer):
            with _without_activation(layer) as unbounded:
                return _call(unbounded, *args, **options)
        return _call(layer, *args, **options)

    return walk(model, inputs, visit)


def walk(model: keras.Model, inputs: Tensor, visit: Callable, path: str = "") -> Tensor:
    """Run a network, letting ``visit(name, layer, *its inputs)`` stand in for each layer.

    What flows through the network is what ``visit`` returns, it need be no tensor.
    """
    import keras

    def step(layer: keras.Layer) -> Callable[..., Tensor]:
        if _is_network(layer):
            return lambda inner, *_, **__: walk(layer, inner, visit, f"{path}{layer.name}/")
        return partial(visit, path + layer.name, layer)

    if isinstance(model, keras.Sequential):
        for layer in model.layers:
            inputs = step(layer)(inputs)
        return inputs
    if not _is_network(model):
        raise ValueError(
            f"{model.name} is a {type(model).__name__}; only Sequential and functional models "
            "tell which layers they are made of"
        )
    return model._run_through_graph(inputs, step)


def _is_network(layer: keras.Layer) -> bool:
    import keras

    return isinstance(layer, keras.Sequential | keras.Function)


def _call(layer: keras.Layer, *args: Tensor, **options: object) -> Tensor:
    """Run a layer as it runs when the network is asked: no dropout, no augmentation."""
    if "training" in inspect.signature(layer.call).parameters:
        options["training"] = False
    return layer(*args, **options)


def _last_layer(model: keras.Model) -> keras.Layer:
    """Return the layer that gives the answer, before those that only hand it on."""
    import keras

    if len(model.outputs) != 1:
        raise ValueError(f"the network gives {len(model.outputs)} outputs; one is needed")
    layers = model.layers if isinstance(model, keras.Sequential) else model.operations
    last = next((layer for layer in reversed(layers) if not _is_idle(layer)), layers[-1])
    return _last_layer(last) if _is_network(last) else last


def _is_idle(layer: keras.Layer) -> bool:
    """Tell whether a layer leaves every number as it is, perhaps in another shape or precision."""
    from keras import activations, layers

    if isinstance(layer, layers.Activation):
        return layer.activation is activations.linear
    return isinstance(layer, layers.Identity | layers.Reshape | layers.Flatten | layers.Dropout)


def _is_bounded(layer: keras.Layer) -> bool:
    """Tell whether a layer ends with a softmax or sigmoid."""
    from keras import activations, layers

    activation = getattr(layer, "activation", None)
    return isinstance(layer, layers.Softmax) or activation in (
        activations.softmax,
        activations.sigmoid,
    )


@contextmanager
def _without_activation(layer: keras.Layer) -> Iterator[keras.Layer]:
    """Lend a layer without its activation; one that is nothing else is replaced by an idle one."""
    from keras import activations, layers

    if isinstance(layer, layers.Softmax | layers.ReLU):
        yield layers.Identity()
        return
    activation = getattr(layer, "activation", None)
    if activation is not None:
        layer.activation = activations.linear
    try:
        yield layer
    finally:
        if activation is not None:
            layer.activation = activation
