"""One epoch: forward, backward and update for every batch, in compiled loops of many steps.

What is computed is what ``model.fit`` computes: the mean loss of a batch, its gradient, one step of
the Keras optimizer. Python gathers the images of many batches (as uint8, from an array or a
memory-mapped file) and transfers them once, and a compiled loop takes the steps, so that no time is
lost between them. Each backend has its own loop below, over the same Keras layers, losses and
optimizers. This module imports Keras.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import losses, ops

from chollet_cnn.data import Split

if keras.backend.backend() == "tensorflow":
    import tensorflow as tf
elif keras.backend.backend() == "jax":
    import jax
    import jax.numpy as jnp
elif keras.backend.backend() == "torch":
    import torch

EVALUATION_BATCH = 100
# Steps in one compiled loop, at most, and bytes of images transferred for them. Enough that the
# transfer costs nothing, few enough that a progress bar moves and that memory does not grow with
# the data.
STEPS_IN_ONE_RUN = 128
BYTES_IN_ONE_RUN = 8 * 2**20
BYTES_HELD_ON_A_GPU = 2 * 2**30
STEPS_IN_ONE_PROGRAM = 1024
"""Pieces of up to this many steps share one compiled program, where the device holds the images."""

# Given an epoch's batches: images, labels, and which of them each batch holds, piece by piece.
Feed = Callable[[list[np.ndarray]], Iterator[tuple[Any, Any, np.ndarray]]]


class Score(NamedTuple):
    """Mean loss and accuracy over the samples of an epoch."""

    loss: float
    accuracy: float


@dataclass(frozen=True)
class Steps:
    """A network's compiled loops.

    Both take images ``(n, height, width, channels)`` uint8, labels ``(n,)`` int32 and which of them
    each batch holds, ``(steps, batch)`` int32; both return the mean loss of each batch and its
    number of correct predictions, two arrays ``(steps,)``. ``train`` changes the network's weights,
    ``evaluate`` does not.
    """

    train: Callable[..., tuple[np.ndarray, np.ndarray]]
    evaluate: Callable[..., tuple[np.ndarray, np.ndarray]]


def compile_steps(model: keras.Model, optimizer: keras.Optimizer) -> Steps:
    """Return the training and evaluation loops of a network, on the device of its weights."""
    optimizer.build(model.trainable_variables)
    build = {"tensorflow": _tensorflow_steps, "jax": _jax_steps, "torch": _torch_steps}
    return build[keras.backend.backend()](model, optimizer)


def run_epoch(
    steps: Callable[..., tuple[np.ndarray, np.ndarray]],
    feed: Feed,
    batches: list[np.ndarray],
    on_progress: Callable[[int], None] = lambda samples: None,
) -> Score:
    """Take one epoch's steps and return the mean loss and accuracy over its samples.

    Args:
        steps: ``Steps.train`` or ``Steps.evaluate``.
        feed: the images, from :func:`feed_from`.
        batches: the sample numbers of each batch, in order.
        on_progress: is called with the number of samples of each finished piece.
    """
    total_loss = total_right = samples = 0
    for pixels, labels, places in feed(batches):
        loss, right = steps(pixels, labels, places)
        # Sums in 64 bits: an epoch's mean must not depend on how it was cut into pieces.
        total_loss += places.shape[1] * loss.astype(np.float64).sum()
        total_right += int(right.sum())
        samples += places.size
        on_progress(places.size)
    return Score(float(total_loss / samples), float(total_right / samples))


def feed_from(images: np.ndarray, labels: np.ndarray, device: str = "cpu") -> Feed:
    """Return how an epoch's images reach the compiled loops.

    A GPU receives all of them once, if they fit, and afterwards only their numbers; otherwise they
    are transferred piece by piece, so that memory does not grow with their number.

    Args:
        images: ``(n, height, width, channels)`` uint8, in memory or memory-mapped.
        labels: ``(n,)`` whole numbers.
        device: ``cpu`` or ``gpu``.
    """
    labels = labels.astype(np.int32)
    if device == "gpu" and images.nbytes <= BYTES_HELD_ON_A_GPU:
        return _held(images, labels)
    return _handed_over(images, labels)


def evaluation(
    steps: Callable, split: Split, feed: Feed | None = None, devices: int = 1
) -> Callable[..., Score]:
    """Return a function that computes the loss and accuracy over a split, in order.

    Args:
        steps: ``Steps.evaluate``.
        split: the images.
        feed: how the images reach the loop; by default as :func:`feed_from` does it on a CPU.
        devices: among how many a batch is divided equally.
    """
    feed = feed or feed_from(split.images, split.labels)
    size = -(-EVALUATION_BATCH // devices) * devices
    batches = np.split(np.arange(len(split)), range(size, len(split), size))
    if keras.backend.backend() == "tensorflow":
        # TensorFlow keeps the memory that it has used and divides it among smaller arrays later.
        # Evaluation has the largest ones, so it takes its memory before training does.
        run_epoch(steps, feed, batches[:1])
    return lambda on_progress=lambda samples: None: run_epoch(steps, feed, batches, on_progress)


def _held(images: np.ndarray, labels: np.ndarray) -> Feed:
    pixels, answers = ops.convert_to_tensor(np.asarray(images)), ops.convert_to_tensor(labels)

    def pieces(batches: list[np.ndarray]) -> Iterator[tuple]:
        for piece in cut(batches, lambda _: len(batches)):
            yield pixels, answers, piece.astype(np.int32)

    return pieces


def _handed_over(images: np.ndarray, labels: np.ndarray) -> Feed:
    def pieces(batches: list[np.ndarray]) -> Iterator[tuple]:
        for piece in cut(batches, lambda size: _steps_to_transfer(size * images[0].nbytes)):
            chosen = piece.ravel()
            pixels = np.asarray(images[chosen])
            forget_pages(images)
            yield pixels, labels[chosen], np.arange(piece.size, dtype=np.int32).reshape(piece.shape)

    return pieces


def _steps_to_transfer(bytes_per_batch: int) -> int:
    fitting = max(1, min(STEPS_IN_ONE_RUN, BYTES_IN_ONE_RUN // bytes_per_batch))
    return 1 << (fitting.bit_length() - 1)  # a power of two: see _padded


def cut(batches: list[np.ndarray], most: Callable[[int], int]) -> Iterator[np.ndarray]:
    """Cut an epoch into pieces of batches of one size.

    Args:
        batches: the sample numbers of each batch.
        most: takes the size of a batch and returns how many of them a piece may hold.

    Yields:
        Sample numbers ``(steps, batch)``.
    """
    for size, alike in groupby(batches, key=len):
        run, length = np.stack(list(alike)), most(size)
        yield from (run[start : start + length] for start in range(0, len(run), length))


def forget_pages(images: np.ndarray) -> None:
    """Release a memory-mapped file's pages, which would count as this process's memory."""
    mapped = getattr(images, "_mmap", None)
    if mapped is not None and hasattr(mmap, "MADV_DONTNEED"):
        mapped.madvise(mmap.MADV_DONTNEED)


def _mean_loss(labels, scores):  # noqa: ANN001, ANN202
    """Return the mean crossentropy of a batch, for one sigmoid unit or a softmax over classes."""
    scores = ops.cast(scores, "float32")  # under mixed precision they come in 16 bits
    if scores.shape[-1] == 1:
        return ops.mean(losses.binary_crossentropy(ops.expand_dims(labels, -1), scores))
    return ops.mean(losses.sparse_categorical_crossentropy(labels, scores))


def _right_answers(labels, scores):  # noqa: ANN001, ANN202
    """Count a batch's correct predictions: the unit above 0.5, or the largest of several."""
    if scores.shape[-1] == 1:
        answers = ops.cast(scores[:, 0] > 0.5, "int32")
    else:
        answers = ops.cast(ops.argmax(scores, axis=-1), "int32")
    return ops.sum(ops.cast(ops.equal(answers, labels), "float32"))


def _tensorflow_steps(model: keras.Model, optimizer: keras.Optimizer) -> Steps:
    weights = model.trainable_variables
    shapes = (
        tf.TensorSpec([None, *model.input_shape[1:]], tf.uint8),
        tf.TensorSpec([None], tf.int32),
        tf.TensorSpec([None, None], tf.int32),
    )

    def train_step(pixels: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            scores = model(pixels, training=True)
            value = _mean_loss(labels, scores)
        optimizer.apply(tape.gradient(value, weights), weights)
        return value, _right_answers(labels, scores)

    def evaluate_step(pixels: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        scores = model(pixels, training=False)
        return _mean_loss(labels, scores), _right_answers(labels, scores)

    def loop(step: Callable) -> Callable:
        # XLA would compile the step; on a CPU its convolutions are slower than oneDNN's.
        @tf.function(input_signature=shapes, jit_compile=False)
        def run(pixels: tf.Tensor, labels: tf.Tensor, batches: tf.Tensor) -> tuple:
            count = tf.shape(batches)[0]
            values = tf.TensorArray(tf.float32, count)
            rights = tf.TensorArray(tf.float32, count)
            for number in tf.range(count):
                # TensorFlow would evaluate several batches at once, each with its activations.
                tf.autograph.experimental.set_loop_options(parallel_iterations=1)
                chosen = batches[number]
                value, right = step(tf.gather(pixels, chosen), tf.gather(labels, chosen))
                values = values.write(number, value)
                rights = rights.write(number, right)
            return values.stack(), rights.stack()

        return lambda *arrays: tuple(result.numpy() for result in run(*arrays))

    return Steps(loop(train_step), loop(evaluate_step))


def _jax_steps(model: keras.Model, optimizer: keras.Optimizer) -> Steps:
    def forward(weights: list, states: list, pixels: jax.Array, labels: jax.Array) -> tuple:
        scores, states = model.stateless_call(weights, states, pixels, training=True)
        return _mean_loss(labels, scores), (states, _right_answers(labels, scores))

    gradient = jax.value_and_grad(forward, has_aux=True)

    def train_step(state: tuple, pixels: jax.Array, labels: jax.Array) -> tuple:
        weights, states, moments = state
        (value, (states, right)), gradients = gradient(weights, states, pixels, labels)
        weights, moments = optimizer.stateless_apply(moments, gradients, weights)
        return (weights, states, moments), value, right

    def evaluate_step(state: tuple, pixels: jax.Array, labels: jax.Array) -> tuple:
        scores, _ = model.stateless_call(state[0], state[1], pixels, training=False)
        return state, _mean_loss(labels, scores), _right_answers(labels, scores)

    def many(step: Callable) -> Callable:
        @jax.jit
        def run(state: tuple, pixels: jax.Array, labels: jax.Array, batches: jax.Array, count: int):  # noqa: ANN202
            # The number of steps is not part of a shape: a shorter last piece compiles nothing new.
            def one(number: int, carried: tuple) -> tuple:
                state, values, rights = carried
                chosen = batches[number]
                state, value, right = step(state, pixels[chosen], labels[chosen])
                return state, values.at[number].set(value), rights.at[number].set(right)

            empty = jnp.zeros(batches.shape[0])
            return jax.lax.fori_loop(0, count, one, (state, empty, empty))

        def run_piece(state: tuple, pixels: np.ndarray, labels: np.ndarray, batches: np.ndarray):  # noqa: ANN202
            return run(state, *_padded(pixels, labels, batches), len(batches))

        return run_piece

    def one_by_one(step: Callable) -> Callable:
        step = jax.jit(step)

        def run_piece(state: tuple, pixels: np.ndarray, labels: np.ndarray, batches: np.ndarray):  # noqa: ANN202
            values, rights = [], []
            for chosen in batches:
                state, value, right = step(state, pixels[chosen], labels[chosen])
                values.append(value)
                rights.append(right)
            return state, jnp.stack(values), jnp.stack(rights)

        return run_piece

    devices = model.trainable_variables[0].value.devices()
    # Among several devices the images are divided batch by batch.
    fast = len(devices) == 1 and _jax_loops_are_fast(next(iter(devices)).platform)
    loop = many if fast else one_by_one

    def on_variables(run_piece: Callable, changes: bool) -> Callable:
        groups = (model.trainable_variables, model.non_trainable_variables, optimizer.variables)

        def run(pixels: np.ndarray, labels: np.ndarray, batches: np.ndarray) -> tuple:
            state = tuple([variable.value for variable in group] for group in groups)
            state, values, rights = run_piece(state, pixels, labels, batches)
            if changes:
                for group, arrays in zip(groups, state, strict=True):
                    for variable, array in zip(group, arrays, strict=True):
                        variable.assign(array)
            return np.asarray(values)[: len(batches)], np.asarray(rights)[: len(batches)]

        return run

    return Steps(
        on_variables(loop(train_step), changes=True),
        on_variables(loop(evaluate_step), changes=False),
    )


def _jax_loops_are_fast(platform: str) -> bool:
    """Return whether many steps go into one loop: on a CPU, XLA's convolutions are slow in it."""
    return platform != "cpu"


def _padded(pixels: Any, labels: Any, batches: np.ndarray) -> tuple:  # noqa: ANN401
    """Pad a short piece, so that pieces of many lengths have one shape and one compilation.

    Images that are handed over are padded to the next power of two of steps. Where the device holds
    the images, only the list of batches is padded, to :data:`STEPS_IN_ONE_PROGRAM`: that costs
    nothing, while compiling can take as long as twenty epochs.
    """
    steps, size = batches.shape
    handed_over = isinstance(pixels, np.ndarray)
    least = steps if handed_over else max(steps, STEPS_IN_ONE_PROGRAM)
    more = (1 << (least - 1).bit_length()) - steps
    if handed_over:
        pixels = np.pad(pixels, ((0, more * size),) + ((0, 0),) * (pixels.ndim - 1))
        labels = np.pad(labels, (0, more * size))
    return pixels, labels, np.pad(batches, ((0, more), (0, 0)))


def _torch_steps(model: keras.Model, optimizer: keras.Optimizer) -> Steps:
    weights = model.trainable_variables

    def train_step(pixels: torch.Tensor, labels: torch.Tensor) -> tuple:
        model.zero_grad()
        scores = model(pixels, training=True)
        value = _mean_loss(labels, scores)
        value.backward()
        with torch.no_grad():
            optimizer.apply([weight.value.grad for weight in weights], weights)
        return value.detach(), _right_answers(labels, scores.detach())

    def evaluate_step(pixels: torch.Tensor, labels: torch.Tensor) -> tuple:
        with torch.no_grad():
            scores = model(pixels, training=False)
            return _mean_loss(labels, scores), _right_answers(labels, scores)

    def loop(step: Callable) -> Callable:
        def run(pixels: np.ndarray, labels: np.ndarray, batches: np.ndarray) -> tuple:
            pixels, labels = ops.convert_to_tensor(pixels), ops.convert_to_tensor(labels)
            results = [step(pixels[chosen], labels[chosen]) for chosen in batches]
            return tuple(torch.stack(column).cpu().numpy() for column in zip(*results, strict=True))

        return run

    return Steps(loop(train_step), loop(evaluate_step))
