"""Starting weights, the order of samples and the state of random layers, from a seed.

They are drawn from the raw 64-bit output of NumPy's PCG64, whose stream NumPy keeps fixed from
release to release, so they are bit-identical on every backend and every machine.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from chollet_cnn.data.sources import sha256_of_arrays
from chollet_cnn.errors import UserError

if TYPE_CHECKING:
    import keras

# Each purpose draws from a stream of its own, so that one more draw for one leaves the others
# alone.
_WEIGHTS, _ORDER, _LAYERS = 0, 1, 2
CONSTANTS = {"bias": 0.0, "beta": 0.0, "gamma": 1.0}
"""Starting values of weights that are not random, by their name in Keras."""


def _random_bits(seed: int, purpose: int, index: int, count: int) -> np.ndarray:
    """Return ``count`` random 64-bit words of the stream that belongs to (seed, purpose, index)."""
    stream = np.random.PCG64(np.random.SeedSequence([seed, purpose, index]))
    return stream.random_raw(count)


def glorot_uniform(shape: tuple[int, ...], seed: int, index: int = 0) -> np.ndarray:
    """Draw the starting weights of one kernel from a Glorot uniform distribution.

    Its limits are +-sqrt(6 / (fan_in + fan_out)), where fan_in is the number of values that one
    output is computed from and fan_out the number of outputs that one input contributes to.

    Args:
        shape: ``(inputs, units)`` of a dense layer or ``(height, width, channels_in,
            channels_out)`` of a convolution.
        seed: the run's seed.
        index: which kernel of the network this is, counted from 0.

    Returns:
        A float32 array of that shape.

    Source: Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural
    networks", 2010; it is Keras's default.
    """
    window = math.prod(shape[:-2])
    limit = math.sqrt(6 / (window * (shape[-2] + shape[-1])))
    # 24 bits fill a float32's mantissa, so unit is exact and below 1.
    unit = (_random_bits(seed, _WEIGHTS, index, math.prod(shape)) >> 40) / 2.0**24
    return ((2 * unit - 1) * limit).astype(np.float32).reshape(shape)


def set_starting_weights(model: keras.Model, seed: int) -> None:
    """Give a network the starting weights of a seed, as Keras initializes layers by default.

    Kernels are Glorot uniform, biases and offsets zero, the scales of a normalization one.

    Raises:
        UserError: if a weight is none of these.
    """
    kernels = 0
    for variable in model.trainable_variables:
        if variable.name.endswith("kernel"):
            variable.assign(glorot_uniform(tuple(variable.shape), seed, kernels))
            kernels += 1
        elif variable.name in CONSTANTS:
            variable.assign(np.full(variable.shape, CONSTANTS[variable.name], np.float32))
        else:
            raise UserError(
                f"the starting values of the weight {variable.path} are not known; use layers "
                f"whose weights are kernels or {', '.join(CONSTANTS)}"
            )


def seed_random_layers(model: keras.Model, seed: int) -> None:
    """Seed the dropout and augmentation layers, so that what they draw follows from the seed."""
    for index, variable in enumerate(random_states(model)):
        word = _random_bits(seed, _LAYERS, index, 1) >> 33  # 31 bits: fits any backend's dtype
        variable.assign(np.array([word[0], 0], dtype=str(variable.dtype)))


def random_states(model: keras.Model) -> list[keras.Variable]:
    """Return the states of the random generators inside a model's layers."""
    return [v for v in model.variables if v.name == "seed_generator_state"]


def batches(
    seed: int, epoch: int, samples: int, batch_size: int, steps: int | None = None
) -> list[np.ndarray]:
    """Return which samples each batch of an epoch holds.

    Every sample is seen once in a pass, in an order that follows from ``(seed, pass)`` alone; the
    last batch of a pass holds what is left over. Without ``steps`` an epoch is one pass. With them
    it is that many batches, and passes run on from one epoch into the next.

    Args:
        seed: the run's seed.
        epoch: counted from 0.
        samples: how many there are to choose from.
        batch_size: samples in a full batch.
        steps: batches in an epoch, if it is not one pass.

    Returns:
        Arrays of sample numbers, in the order of training.
    """
    per_pass = -(-samples // batch_size)
    first = epoch * (steps or per_pass)
    last = first + (steps or per_pass)
    chosen = []
    for number in range(first // per_pass, -(-last // per_pass)):
        # Sorting random keys gives a permutation that no change of NumPy's shuffle can alter.
        order = np.argsort(_random_bits(seed, _ORDER, number, samples), kind="stable")
        for step in range(per_pass):
            if first <= number * per_pass + step < last:
                chosen.append(order[step * batch_size : (step + 1) * batch_size])
    return chosen


def sha256_of_weights(model: keras.Model) -> str:
    """Return one hash of all the weights of a model, in order: equal only if every bit is."""
    return sha256_of_arrays(*model.get_weights())
