"""Which accelerator a run uses, and its name."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from chollet_cnn.errors import UserError

CHOICES = ("auto", "cpu", "gpu")
PRECISIONS = ("float32", "bfloat16")
BACKENDS = ("tensorflow", "jax", "torch")


@dataclass(frozen=True)
class Device:
    """Where a run computes: ``kind`` is ``cpu`` or ``gpu``, ``name`` is what its maker calls it."""

    kind: str
    name: str

    def scope(self) -> AbstractContextManager:
        """Return a context in which Keras makes its variables and computes on this device."""
        import keras

        # To torch "cpu:0" is another device than "cpu", and weights moved there get no gradients.
        number = "" if keras.backend.backend() == "torch" else ":0"
        return keras.device(f"{self.kind}{number}")


def check(device: str, precision: str) -> None:
    """Raise a :class:`UserError` where a device or a precision is none that can be chosen."""
    for option, value, choices in (
        ("--device", device, CHOICES),
        ("--precision", precision, PRECISIONS),
    ):
        if value not in choices:
            raise UserError(f"{option} is one of {', '.join(choices)}, not {value}")


def start_keras() -> None:
    """Import Keras and its backend, without the notes that TensorFlow writes for its developers.

    TensorFlow writes them past Python, straight to the terminal, before it can be told not to; so
    standard error is held back while it is imported, and shown only if the import fails.
    """
    if "keras" in sys.modules:
        return
    _import_keras()
    import keras

    backend = keras.backend.backend()
    if backend not in BACKENDS:
        raise UserError(
            f"Keras runs on {backend} here, which cannot train; choose another backend with "
            "KERAS_BACKEND=tensorflow, jax or torch"
        )


def _import_keras() -> None:
    with tempfile.TemporaryFile() as held:
        terminal = os.dup(2)
        sys.stderr.flush()
        os.dup2(held.fileno(), 2)
        try:
            import keras  # noqa: F401
        except ModuleNotFoundError as problem:
            raise UserError(
                f"Keras cannot start, {problem.name} is not installed; pip install it, or choose "
                "another backend with KERAS_BACKEND=tensorflow, jax or torch"
            ) from problem
        except ValueError as problem:  # what Keras raises for a backend that it does not know
            raise UserError(f"Keras cannot start: {problem}") from problem
        except BaseException:
            held.seek(0)
            os.write(terminal, held.read())
            raise
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)


def choose(wanted: str = "auto") -> Device:
    """Return the device to use: a GPU if the backend sees one, unless the CPU is asked for.

    Args:
        wanted: ``auto``, ``cpu`` or ``gpu``.

    Raises:
        UserError: if a GPU is asked for and the backend sees none.
    """
    gpu = None if wanted == "cpu" else _first_gpu()
    if gpu:
        return Device("gpu", gpu)
    if wanted == "gpu":
        import keras

        backend = keras.backend.backend()
        raise UserError(
            f"the {backend} backend sees no GPU on this machine; install its GPU build and driver "
            "(see the README), or leave --device away to train on the CPU"
        )
    return Device("cpu", "CPU")


@contextmanager
def precision(name: str) -> Iterator[None]:
    """Make Keras build layers that compute in a precision; their weights stay float32.

    Args:
        name: ``float32`` or ``bfloat16``.
    """
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32" if name == "float32" else f"mixed_{name}")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _first_gpu() -> str | None:
    """Return the name of the backend's first GPU, or None."""
    import keras

    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        gpus = tf.config.list_physical_devices("GPU")
        if not gpus:
            return None
        return tf.config.experimental.get_device_details(gpus[0]).get("device_name", "GPU")
    if backend == "jax":
        import jax

        gpus = [device for device in jax.devices() if device.platform in ("gpu", "cuda", "rocm")]
        return gpus[0].device_kind if gpus else None
    if backend == "torch":
        import torch

        return torch.cuda.get_device_name(0) if torch.cuda.is_available() else None
    return None
