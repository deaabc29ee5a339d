"""The same from the same seed: starting weights, order of samples, and what else decides the bits.

Weights and order are drawn here, from the raw 64-bit output of NumPy's PCG64, whose stream NumPy
keeps fixed from release to release. So they are bit-identical on every backend and on every
machine.
"""

from __future__ import annotations

import hashlib
import math
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from chollet_cnn import __version__

if TYPE_CHECKING:
    import keras

# Each purpose draws from a stream of its own, so that one more draw for one leaves the others
# alone.
_WEIGHTS, _ORDER, _LAYERS = 0, 1, 2


def _random_bits(seed: int, purpose: int, index: int, count: int) -> np.ndarray:
    """Return ``count`` random 64-bit words of the stream that belongs to (seed, purpose, index)."""
    stream = np.random.PCG64(np.random.SeedSequence([seed, purpose, index]))
    return stream.random_raw(count)


def glorot_uniform(shape: tuple[int, ...], seed: int, index: int = 0) -> np.ndarray:
    """Draw the starting weights of one kernel, evenly from a range that its size sets.

    The range is +-sqrt(6 / (fan_in + fan_out)), where a fan is the number of values that one output
    is made from, or that one input goes into.

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
    """Give a network the starting weights of a seed: kernels Glorot uniform, biases zero."""
    kernels = 0
    for variable in model.trainable_variables:
        if variable.name == "kernel":
            variable.assign(glorot_uniform(tuple(variable.shape), seed, kernels))
            kernels += 1
        else:
            variable.assign(np.zeros(variable.shape, np.float32))


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
    digest = hashlib.sha256()
    for weights in model.get_weights():
        digest.update(np.ascontiguousarray(weights).tobytes())
    return digest.hexdigest()


def use_deterministic_gpu_operations() -> None:
    """Ask a GPU, if there is one, for operations that give the same bits every time.

    Call it before the backend is asked anything.

    On a CPU there is nothing to ask for: with the same number of threads the operations of these
    networks give the same bits anyway (a test trains in two processes and compares), and
    TensorFlow's deterministic mode would only make them slower.
    """
    import keras

    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        if tf.config.list_physical_devices("GPU"):
            tf.config.experimental.enable_op_determinism()
            tf.random.set_seed(0)  # the mode refuses random operations without a seed
    elif backend == "jax":
        flags = os.environ.get("XLA_FLAGS", "").split()
        if "--xla_gpu_deterministic_ops=true" not in flags:
            os.environ["XLA_FLAGS"] = " ".join([*flags, "--xla_gpu_deterministic_ops=true"])
    elif backend == "torch":
        import torch

        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(torch.cuda.is_available(), warn_only=True)


def environment() -> dict[str, object]:
    """Return what the bits of a run depend on beside the recipe: versions, processor, threads."""
    import keras

    packages = ("keras", "tensorflow", "jax", "jaxlib", "torch", "numpy", "pillow")
    return {
        "backend": keras.backend.backend(),
        "versions": {"chollet-cnn": __version__, "python": platform.python_version()}
        | {name: found for name in packages if (found := _version(name))},
        "platform": platform.platform(),
        "processor": _processor(),
        "processor_kind": processor_kind(),
        "cores": cores(),
        "threads": _threads(),
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def cores() -> int:
    """Return how many cores this process may use, which can be fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _threads() -> int:
    """Return how many threads share one operation: with another number the last bits differ."""
    import keras

    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        chosen = tf.config.threading.get_intra_op_parallelism_threads()
        return chosen or int(os.environ.get("TF_NUM_INTRAOP_THREADS", 0)) or cores()
    if backend == "torch":
        import torch

        return torch.get_num_threads()
    return cores()


def limit_threads(count: int) -> dict[str, str]:
    """Return the environment variables that give a process so many threads for an operation.

    TensorFlow and torch heed them; JAX takes every core that it may use.
    """
    return {"TF_NUM_INTRAOP_THREADS": str(count), "OMP_NUM_THREADS": str(count)}


def processor_kind() -> str:
    """Return this processor's family, model and stepping as Linux gives them, else nothing.

    A virtual machine often names its processor by the brand alone, and one brand name covers
    several kinds whose instructions, and so whose last bits, differ.
    """
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n\n", 1)[0].splitlines()
    except OSError:
        return ""
    facts = {name.strip(): value.strip() for name, _, value in (x.partition(":") for x in lines)}
    names = {"cpu family": "family", "model": "model", "stepping": "stepping"}
    return ", ".join(f"{names[name]} {facts[name]}" for name in names if name in facts)


def _processor() -> str:
    """Return the processor's name; Linux keeps it where :mod:`platform` does not look."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            for line in lines:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
