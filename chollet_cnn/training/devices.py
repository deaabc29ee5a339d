"""Start Keras, and choose the accelerator and the settings that a run computes with."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from chollet_cnn.drawing.progress import spinner
from chollet_cnn.errors import UserError, parameter
from chollet_cnn.training import environment

BACKENDS = {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "PyTorch"}


@dataclass(frozen=True)
class Device:
    """Where a run computes: ``kind`` is ``cpu`` or ``gpu``, ``name`` is the product's name."""

    kind: str
    name: str

    def scope(self) -> AbstractContextManager:
        """Return a context in which Keras makes its variables and computes on this device."""
        keras = start_keras()
        # torch distinguishes "cpu:0" from "cpu", and weights moved there get no gradients.
        number = "" if keras.backend.backend() == "torch" else ":0"
        return keras.device(f"{self.kind}{number}")


def chosen_backend() -> str:
    """Return the name of the backend that Keras has, or will have once it is imported."""
    if keras := sys.modules.get("keras"):
        return keras.backend.backend()
    if named := os.environ.get("KERAS_BACKEND"):
        return named
    # As keras.src.backend.config finds it.
    above = os.path.expanduser("~")
    above = above if os.access(above, os.W_OK) else "/tmp"
    home = os.path.expanduser(os.environ.get("KERAS_HOME", os.path.join(above, ".keras")))
    try:
        return str(json.loads(Path(home, "keras.json").read_text("utf-8"))["backend"])
    except (OSError, ValueError, KeyError, TypeError):  # Keras says what is wrong with it
        return "tensorflow"


def start_keras() -> ModuleType:
    """Import Keras and its backend quietly and return Keras.

    TensorFlow writes notes for its developers to the terminal, past Python, before it can be told
    not to; so standard error is held back during the import, and shown only if the import fails.

    Raises:
        UserError: if Keras cannot start, or its backend cannot train.
    """
    keras = sys.modules.get("keras")
    if keras is None:
        with spinner(f"loading Keras and {chosen_backend()}"):
            keras = _import_quietly()
    backend = keras.backend.backend()
    if backend not in BACKENDS:
        raise UserError(
            f"Keras runs on {backend} here, which cannot train; choose another backend with "
            "KERAS_BACKEND=tensorflow, jax or torch"
        )
    return keras


def _import_quietly() -> ModuleType:
    # Now, since a notebook may load a network long before it trains one.
    environment.ask_for_deterministic_gpu(chosen_backend())
    # What Keras itself does with TensorFlow's arrays; nobody who trains can change it.
    warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)
    with tempfile.TemporaryFile() as held, _redirected(2, held.fileno()) as terminal:
        try:
            import keras
        except ModuleNotFoundError as problem:
            raise UserError(
                f"Keras cannot start, {problem.name} is not installed; pip install it, or choose "
                "another backend with KERAS_BACKEND=tensorflow, jax or torch"
            ) from problem
        # An unknown backend, or a keras.json with something else than Keras writes into it.
        except (ValueError, AssertionError, AttributeError, TypeError, OSError) as problem:
            raise UserError(
                f"Keras cannot start ({problem}); check KERAS_BACKEND and keras.json"
            ) from problem
        except Exception:
            held.seek(0)
            if terminal is not None:
                os.write(terminal, held.read())
            raise
    return keras


@contextmanager
def _redirected(descriptor: int, target: int) -> Iterator[int | None]:
    """Send what is written to a file descriptor elsewhere; yield a copy of the original."""
    try:
        original = os.dup(descriptor)
    except OSError:  # it is closed
        yield None
        return
    with suppress(AttributeError):
        sys.stderr.flush()
    os.dup2(target, descriptor)
    try:
        yield original
    finally:
        os.dup2(original, descriptor)
        os.close(original)


def choose(wanted: str = "auto") -> Device:
    """Return the device to use: a GPU if the backend sees one, unless the CPU is asked for.

    Args:
        wanted: ``auto``, ``cpu`` or ``gpu``.

    Raises:
        UserError: if a GPU is asked for and the backend sees none.
    """
    start_keras()
    from chollet_cnn.training import backend

    gpu = None if wanted == "cpu" else backend.first_gpu()
    if gpu:
        return Device("gpu", gpu)
    if wanted == "gpu":
        raise UserError(
            f"the {backend.BACKEND} backend sees no GPU on this machine; install "
            f"its GPU build and driver (see the README), or omit {parameter('device')} to train on "
            "the CPU"
        )
    return Device("cpu", "CPU")


@contextmanager
def precision(name: str) -> Iterator[None]:
    """Build and run layers in a precision, with Keras's own defaults for everything else.

    Weights stay float32. What ``keras.json`` says of floatx, epsilon and the image data format does
    not apply: a recipe decides those.

    Args:
        name: ``float32`` or ``bfloat16``.
    """
    config = start_keras().config
    policy, floatx = config.dtype_policy(), config.floatx()
    epsilon, image_data_format = config.epsilon(), config.image_data_format()
    config.set_floatx("float32")
    config.set_epsilon(1e-7)
    config.set_image_data_format("channels_last")
    config.set_dtype_policy("float32" if name == "float32" else f"mixed_{name}")
    try:
        yield
    finally:
        config.set_floatx(floatx)
        config.set_epsilon(epsilon)
        config.set_image_data_format(image_data_format)
        config.set_dtype_policy(policy)
