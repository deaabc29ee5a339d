"""What a run depends on in this process: the backend's GPU, its settings and its threads.

This module imports Keras; :func:`chollet_cnn.training.devices.start_keras` does so quietly before.
"""

from __future__ import annotations

import os
import platform

import keras

from chollet_cnn import __version__
from chollet_cnn.errors import UserError
from chollet_cnn.training import environment

BACKEND = keras.backend.backend()
if BACKEND == "tensorflow":
    import tensorflow as tf

    try:
        from tensorflow.python.util import _pywrap_util_port
    except ImportError:
        _pywrap_util_port = None
elif BACKEND == "jax":
    import jax
elif BACKEND == "torch":
    import torch

VIRTUAL_DEVICES = "--xla_force_host_platform_device_count="
"""Divides a processor into devices; even one of them alone then computes with other last bits."""


def first_gpu() -> str | None:
    """Return the name of the backend's first GPU, or None."""
    if BACKEND == "tensorflow":
        gpus = tf.config.list_physical_devices("GPU")
        if not gpus:
            return None
        return tf.config.experimental.get_device_details(gpus[0]).get("device_name", "GPU")
    if BACKEND == "jax":
        try:
            gpus = [d for d in jax.local_devices() if d.platform in ("gpu", "cuda", "rocm")]
        except (RuntimeError, AssertionError) as problem:
            raise UserError(
                f"JAX cannot start ({str(problem).strip() or 'no device'}); check JAX_PLATFORMS "
                "and the GPU's driver"
            ) from problem
        return gpus[0].device_kind if gpus else None
    return torch.cuda.get_device_name(0) if torch.cuda.is_available() else None


def use_deterministic_gpu_operations() -> None:
    """Ask a GPU, if there is one, for operations that give the same bits every time.

    Call it before the backend is asked anything.

    On a CPU there is nothing to ask for: with the same number of threads the operations of these
    networks give the same bits anyway (a test trains in two processes and compares), and
    TensorFlow's deterministic mode would only make them slower.
    """
    if BACKEND == "tensorflow":
        if tf.config.list_physical_devices("GPU"):
            tf.config.experimental.enable_op_determinism()
            tf.random.set_seed(0)  # the mode refuses random operations without a seed
        return
    environment.ask_for_deterministic_gpu(BACKEND)
    if BACKEND == "torch":
        torch.use_deterministic_algorithms(torch.cuda.is_available(), warn_only=True)


def describe() -> dict[str, object]:
    """Return what ``environment.json`` holds of this machine and its software."""
    return {
        "backend": BACKEND,
        "versions": {"chollet-cnn": __version__, "python": platform.python_version()}
        | environment.versions(),
        "platform": platform.platform(),
        "processor": environment.processor(),
        "processor_kind": environment.processor_kind(),
        "cores": environment.cores(),
        "threads": _threads(),
        "numerics": _numerics(),
    }


def _numerics() -> dict[str, object]:
    """Return the settings of the backend and of the processor that change the last bits."""
    numerics: dict[str, object] = {name: os.environ.get(name, "") for name in environment.VARIABLES}
    flags = os.environ.get("XLA_FLAGS", "").split()
    virtual = [flag for flag in flags if flag.startswith(VIRTUAL_DEVICES)]
    others = [flag for flag in flags if flag not in (environment.DETERMINISTIC_XLA, *virtual)]
    numerics["XLA_FLAGS"] = " ".join(others)
    numerics["virtual_devices"] = "".join(virtual[-1:]).removeprefix(VIRTUAL_DEVICES)
    numerics["vector_instructions"] = environment.vector_instructions()
    if BACKEND == "tensorflow":
        numerics["onednn"] = _onednn()
        numerics["tf32"] = tf.config.experimental.tensor_float_32_execution_enabled()
    elif BACKEND == "jax":
        numerics["matmul_precision"] = str(jax.config.jax_default_matmul_precision)
        # Both change what dropout and augmentation draw.
        numerics["x64"] = jax.config.jax_enable_x64
        numerics["threefry_partitionable"] = jax.config.jax_threefry_partitionable
    else:
        numerics["onednn"] = torch.backends.mkldnn.is_available()
        numerics["tf32"] = [
            torch.backends.cuda.matmul.allow_tf32,
            torch.backends.cudnn.allow_tf32,
        ]
    return numerics | {
        "floatx": keras.config.floatx(),
        "epsilon": keras.config.epsilon(),
        "image_data_format": keras.config.image_data_format(),
    }


def _onednn() -> bool:
    """Return whether TensorFlow computes with oneDNN, as ``TF_ENABLE_ONEDNN_OPTS`` decides."""
    if _pywrap_util_port is None:
        return os.environ.get("TF_ENABLE_ONEDNN_OPTS", "1") != "0"
    return bool(_pywrap_util_port.IsMklEnabled())


def _threads() -> int:
    """Return how many threads share one operation: with another number the last bits differ."""
    if BACKEND == "tensorflow":
        chosen = tf.config.threading.get_intra_op_parallelism_threads()
        return chosen or _threads_by_variable() or environment.cores()
    return torch.get_num_threads() if BACKEND == "torch" else environment.cores()


def _threads_by_variable() -> int:
    text = os.environ.get("TF_NUM_INTRAOP_THREADS", "") or "0"
    if not (text.isascii() and text.isdigit()):
        raise UserError(f"TF_NUM_INTRAOP_THREADS must be a whole number, got {text!r}; unset it")
    return int(text)
