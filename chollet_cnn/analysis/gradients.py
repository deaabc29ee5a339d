"""Run functions of a network on arrays, and differentiate them, on whichever backend runs.

Of the analyses only this file knows the backends. A function is built of :mod:`keras.ops` and of
what :mod:`~chollet_cnn.analysis.model_graph` and :mod:`~chollet_cnn.analysis.scores` offer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from chollet_cnn.analysis.model_graph import Tensor, as_batch, check_supported

if keras.backend.backend() == "tensorflow":
    import tensorflow as tf
elif keras.backend.backend() == "jax":
    import jax
elif keras.backend.backend() == "torch":
    import torch


def differentiated(
    model: keras.Model, function: Callable[..., Tensor]
) -> Callable[..., tuple[np.ndarray, np.ndarray]]:
    """Compile a function of a network together with its gradient.

    Args:
        model: the network that the function runs.
        function: takes a tensor for each input and returns a tensor ``(n,)``; the first input has n
            rows, and value i may depend on row i alone.

    Returns:
        A function that takes an array for each input, and returns the values ``(n,)`` and their
        gradient with respect to the first input, of that input's shape. It raises ValueError if the
        values depend on that input but the gradient is zero everywhere, as behind ``one_hot``.
    """
    backends = {"tensorflow": _tensorflow_gradient, "jax": _jax_gradient, "torch": _torch_gradient}
    both = _between_arrays(backends, model, function)

    def checked(*inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        values, slope = both(*inputs)
        if not slope.any():
            first, *others = inputs
            turned, _ = both(np.flip(first, tuple(range(1, first.ndim))), *others)
            if (turned != values).any():  # so a zero is not the truth, as for a dead network
                raise ValueError(
                    f"{model.name} depends on its input, but the gradient is zero everywhere, as "
                    "of a network that turns pixels into whole numbers with one_hot or Embedding, "
                    "or whose units are all inactive for this image; use compute_occlusion, or "
                    "compute_grad_cam of a layer after that"
                )
        return values, slope

    return checked


def compiled(model: keras.Model, function: Callable[..., Tensor]) -> Callable[..., Any]:
    """Compile a function that runs a network; the result takes and returns arrays."""
    backends = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}
    return _between_arrays(backends, model, function)


def run_in_batches(
    model: keras.Model,
    function: Callable[[Tensor], Tensor],
    images: np.ndarray | Sequence[np.ndarray],
    batch_size: int,
) -> list:
    """Run a function of a network on many images, so that one batch is in memory at a time.

    One image without an axis for the number is a batch of one.

    Raises:
        ValueError: there are no images, or they do not fit the network.
    """
    if not len(images):
        raise ValueError("there are no images; at least one is needed")
    check_supported(model)
    if np.ndim(images[0]) < len(model.inputs[0].shape) - 1:
        images = [images]  # one image
    run = compiled(model, function)
    starts = range(0, len(images), batch_size)
    return [run(as_batch(model, images[start : start + batch_size])) for start in starts]


def _between_arrays(
    backends: dict[str, Callable], model: keras.Model, function: Callable[..., Tensor]
) -> Callable[..., Any]:
    run = backends[keras.backend.backend()](model, function)

    def on_arrays(*inputs: np.ndarray) -> Any:  # noqa: ANN401
        return keras.tree.map_structure(to_numpy, run(*map(keras.ops.convert_to_tensor, inputs)))

    return on_arrays


def to_numpy(tensor: Tensor) -> np.ndarray:
    """Return a tensor as an array; one in half precision as float32."""
    array = keras.ops.convert_to_numpy(tensor)
    # NumPy adds up numbers of bfloat16 in bfloat16, where 256 + 1 is 256.
    return array.astype(np.float32) if array.dtype.name in ("bfloat16", "float16") else array


def _tensorflow(model: keras.Model, function: Callable) -> Callable:
    traced = tf.function(function, autograph=False)
    # Called through its trace: TensorFlow warns of functions that are traced again and again.
    return lambda *inputs: traced.get_concrete_function(*inputs)(*inputs)


def _tensorflow_gradient(model: keras.Model, function: Callable) -> Callable:
    def both(first: Tensor, *others: Tensor) -> tuple[Tensor, Tensor]:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(first)
            values = function(first, *others)
        # A tape differentiates the sum of its target.
        return values, tape.gradient(values, first, unconnected_gradients="zero")

    return _tensorflow(model, both)


def _jax(model: keras.Model, function: Callable) -> Callable:
    variables = model.variables

    @jax.jit
    def with_weights(weights: list[Tensor], *inputs: Tensor) -> Tensor:
        # Weights are arguments: taken from outside they would be compiled in as constants.
        with keras.StatelessScope(state_mapping=list(zip(variables, weights, strict=True))):
            return function(*inputs)

    return lambda *inputs: with_weights([variable.value for variable in variables], *inputs)


def _jax_gradient(model: keras.Model, function: Callable) -> Callable:
    def both(first: Tensor, *others: Tensor) -> tuple[Tensor, Tensor]:
        def total(first: Tensor) -> tuple[Tensor, Tensor]:
            values = function(first, *others)
            return values.sum(), values

        (_, values), slope = jax.value_and_grad(total, has_aux=True)(first)
        return values, slope

    return _jax(model, both)


def _torch(model: keras.Model, function: Callable) -> Callable:
    return torch.no_grad()(function)


def _torch_gradient(model: keras.Model, function: Callable) -> Callable:
    def both(first: Tensor, *others: Tensor) -> tuple[Tensor, Tensor]:
        first = first.detach().clone().requires_grad_()
        values = function(first, *others)
        slope = None
        if values.requires_grad:
            (slope,) = torch.autograd.grad(values.sum(), first, allow_unused=True)
        return values.detach(), torch.zeros_like(first) if slope is None else slope

    return both
