"""What the bits of a run depend on beside its recipe and seed: versions, processor, settings."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from chollet_cnn import __version__
from chollet_cnn.errors import UserError
from chollet_cnn.training.devices import start_keras

PACKAGES = ("keras", "tensorflow", "jax", "jaxlib", "torch", "numpy", "pillow")
VARIABLES = (
    "XLA_FLAGS", "TF_XLA_FLAGS", "NVIDIA_TF32_OVERRIDE", "ONEDNN_MAX_CPU_ISA",
    "DNNL_MAX_CPU_ISA", "ONEDNN_DEFAULT_FPMATH_MODE", "DNNL_DEFAULT_FPMATH_MODE",
)  # fmt: skip
"""Environment variables that change how the backends compute."""
DETERMINISTIC_XLA = "--xla_gpu_deterministic_ops=true"
VECTOR_FLAGS = ("avx", "amx", "fma", "sse4")
"""Beginnings of the processor's flags by which oneDNN chooses its kernels."""


def use_deterministic_gpu_operations() -> None:
    """Ask a GPU, if there is one, for operations that give the same bits every time.

    Call it before the backend is asked anything.

    On a CPU there is nothing to ask for: with the same number of threads the operations of these
    networks give the same bits anyway (a test trains in two processes and compares), and
    TensorFlow's deterministic mode would only make them slower.
    """
    backend = start_keras().backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        if tf.config.list_physical_devices("GPU"):
            tf.config.experimental.enable_op_determinism()
            tf.random.set_seed(0)  # the mode refuses random operations without a seed
    elif backend == "jax":
        flags = os.environ.get("XLA_FLAGS", "").split()
        if DETERMINISTIC_XLA not in flags:
            os.environ["XLA_FLAGS"] = " ".join([*flags, DETERMINISTIC_XLA])
    elif backend == "torch":
        import torch

        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(torch.cuda.is_available(), warn_only=True)


def describe() -> dict[str, object]:
    """Return what ``environment.json`` holds of this machine and its software."""
    backend = start_keras().backend.backend()
    return {
        "backend": backend,
        "versions": {"chollet-cnn": __version__, "python": platform.python_version()}
        | {name: found for name in PACKAGES if (found := _version(name))},
        "platform": platform.platform(),
        "processor": _processor(),
        "processor_kind": processor_kind(),
        "cores": cores(),
        "threads": _threads(backend),
        "numerics": _numerics(backend),
    }


def deciding_settings(environment: Mapping[str, object]) -> dict[str, object]:
    """Return everything in an ``environment.json`` that decides the bits of a run, by name.

    Two runs of one plan, whose settings are the same, end with the same weights bit for bit; where
    they differ, this names the settings to look at. A run from before a setting was recorded does
    not have it.
    """
    versions, backend = environment.get("versions", {}), environment.get("backend")
    found = {name: environment.get(name) for name in ("backend", "device")}
    if environment.get("device") == "gpu":
        found["device_name"] = environment.get("device_name")
    found |= {f"version of {name}": versions.get(name) for name in ("keras", backend, "numpy")}
    found |= {name: environment.get(name) for name in ("processor", "processor_kind", "threads")}
    return found | environment.get("numerics", {})


def differing_settings(
    then: Mapping[str, object], now: Mapping[str, object]
) -> dict[str, tuple[object, object]]:
    """Return the settings that decide the bits and differ, ``{name: (then, now)}``.

    Settings that one of the two did not record are not compared.

    Args:
        then: an ``environment.json``, such as that of a recorded run.
        now: another.
    """
    one, other = deciding_settings(then), deciding_settings(now)
    return {
        name: (one[name], other[name]) for name in one if name in other and one[name] != other[name]
    }


def _numerics(backend: str) -> dict[str, object]:
    """Return the settings of the backend and of the processor that change the last bits."""
    found = {name: value for name in VARIABLES if (value := os.environ.get(name))}
    if flags := found.get("XLA_FLAGS"):  # without what this package added
        found["XLA_FLAGS"] = " ".join(f for f in flags.split() if f != DETERMINISTIC_XLA)
    numerics: dict[str, object] = {name: found.get(name, "") for name in VARIABLES}
    numerics["vector_instructions"] = _vector_instructions()
    if backend == "tensorflow":
        import tensorflow as tf

        numerics["onednn"] = _onednn()
        numerics["tf32"] = tf.config.experimental.tensor_float_32_execution_enabled()
    elif backend == "jax":
        import jax

        numerics["matmul_precision"] = str(jax.config.jax_default_matmul_precision)
    elif backend == "torch":
        import torch

        numerics["onednn"] = torch.backends.mkldnn.is_available()
        numerics["tf32"] = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
        numerics["tf32"] = list(numerics["tf32"])
    keras = start_keras()
    return numerics | {
        "floatx": keras.config.floatx(),
        "epsilon": keras.config.epsilon(),
        "image_data_format": keras.config.image_data_format(),
    }


def _onednn() -> bool:
    """Return whether TensorFlow computes with oneDNN, as ``TF_ENABLE_ONEDNN_OPTS`` decides."""
    try:
        from tensorflow.python.util import _pywrap_util_port
    except ImportError:
        return os.environ.get("TF_ENABLE_ONEDNN_OPTS", "1") != "0"
    return bool(_pywrap_util_port.IsMklEnabled())


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


def _threads(backend: str) -> int:
    """Return how many threads share one operation: with another number the last bits differ."""
    if backend == "tensorflow":
        import tensorflow as tf

        chosen = tf.config.threading.get_intra_op_parallelism_threads()
        return chosen or _threads_by_variable() or cores()
    if backend == "torch":
        import torch

        return torch.get_num_threads()
    return cores()


def _threads_by_variable() -> int:
    text = os.environ.get("TF_NUM_INTRAOP_THREADS", "") or "0"
    if not (text.isascii() and text.isdigit()):
        raise UserError(f"TF_NUM_INTRAOP_THREADS must be a whole number, got {text!r}; unset it")
    return int(text)


def limit_threads(count: int) -> dict[str, str]:
    """Return the environment variables that give a process so many threads for an operation.

    TensorFlow and torch obey them; JAX takes every core that it may use.
    """
    return {"TF_NUM_INTRAOP_THREADS": str(count), "OMP_NUM_THREADS": str(count)}


def processor_kind() -> str:
    """Return this processor's family, model and stepping as Linux gives them, else nothing.

    A virtual machine often names its processor by the brand alone, and one brand name covers
    several kinds whose instructions, and so whose last bits, differ.
    """
    facts = _cpuinfo()
    names = {"cpu family": "family", "model": "model", "stepping": "stepping"}
    return ", ".join(f"{names[name]} {facts[name]}" for name in names if name in facts)


def _vector_instructions() -> str:
    flags = _cpuinfo().get("flags", "").split()
    return " ".join(sorted(flag for flag in flags if flag.startswith(VECTOR_FLAGS)))


def _processor() -> str:
    """Return the processor's name; Linux keeps it where :mod:`platform` does not look."""
    return _cpuinfo().get("model name") or platform.processor() or platform.machine()


def _cpuinfo() -> dict[str, str]:
    """Return what Linux says of the first processor, by name; elsewhere nothing."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n\n", 1)[0].splitlines()
    except (OSError, ValueError):
        return {}
    return {name.strip(): value.strip() for name, _, value in (x.partition(":") for x in lines)}
