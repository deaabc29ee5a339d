"""What the bits of a run depend on beside its recipe and seed: versions, processor, threads."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from chollet_cnn import __version__


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


def describe() -> dict[str, object]:
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
