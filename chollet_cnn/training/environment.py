"""What the bits of a run depend on beside its recipe and seed, compared; and this processor.

:mod:`chollet_cnn.training.backend` describes the process that trains.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = ("keras", "tensorflow", "jax", "jaxlib", "torch", "numpy", "pillow")
DETERMINISTIC_XLA = "--xla_gpu_deterministic_ops=true"
VARIABLES = (
    "XLA_FLAGS", "TF_XLA_FLAGS", "NVIDIA_TF32_OVERRIDE", "ONEDNN_MAX_CPU_ISA",
    "DNNL_MAX_CPU_ISA", "ONEDNN_DEFAULT_FPMATH_MODE", "DNNL_DEFAULT_FPMATH_MODE",
    "JAX_ENABLE_X64", "JAX_THREEFRY_PARTITIONABLE", "JAX_DEFAULT_MATMUL_PRECISION",
)  # fmt: skip
"""Environment variables that change how the backends compute."""
DEFAULTS = "the defaults"
VECTOR_FLAGS = ("avx", "amx", "fma", "sse4")
"""Beginnings of the processor's flags by which oneDNN chooses its kernels."""


def deciding_settings(environment: Mapping[str, object]) -> dict[str, object]:
    """Return everything in an ``environment.json`` that decides the bits of a run, by name.

    Two runs of one plan, whose settings are the same, end with the same weights bit for bit; where
    they differ, this names the settings to look at. A run from before a setting was recorded does
    not have it. The number of devices is not among them: it changes the last bits, and yet a run
    may be resumed with another.
    """
    versions, backend = environment.get("versions", {}), environment.get("backend")
    names = ["backend", "device", "processor", "processor_kind", "threads"]
    names += ["device_name"] if environment.get("device") == "gpu" else []
    packages = ["keras", backend, "numpy", *(["jaxlib"] if backend == "jax" else [])]
    found = {name: environment[name] for name in names if name in environment}
    found |= {f"version of {name}": versions[name] for name in packages if name in versions}
    found |= environment.get("numerics", {})
    return {name: value for name, value in found.items() if name != "virtual_devices"}


def same_images(then: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Tell by their fingerprints whether two runs have the same images in the same splits."""
    counts = now.get("pictures")
    return then["sha256"] == now["sha256"] and then.get("pictures", counts) == counts


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


def changed_numerics(environment: Mapping[str, object]) -> str:
    """Return how a user changed the backend's way of computing, from an ``environment.json``."""
    numerics = environment.get("numerics", {})
    changed = [f"{name}={numerics[name]}" for name in VARIABLES if numerics.get(name)]
    if numerics.get("onednn") is False:
        changed.append("oneDNN off")
    return ", ".join(changed) or DEFAULTS


def versions() -> dict[str, str]:
    """Return the versions of the packages on which the bits of a run depend, where installed."""
    found = {}
    for package in PACKAGES:
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def cores() -> int:
    """Return how many cores this process may use, which can be fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def ask_for_deterministic_gpu(backend: str) -> None:
    """Set what JAX and PyTorch read once, when they start, so that a GPU gives the same bits."""
    if backend == "jax":
        flags = os.environ.get("XLA_FLAGS", "").split()
        if DETERMINISTIC_XLA not in flags:
            os.environ["XLA_FLAGS"] = " ".join([*flags, DETERMINISTIC_XLA])
    elif backend == "torch":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")


def limit_threads(count: int) -> dict[str, str]:
    """Return the environment variables that give a process so many threads for an operation.

    TensorFlow and torch obey them; JAX takes every core that it may use.
    """
    return {"TF_NUM_INTRAOP_THREADS": str(count), "OMP_NUM_THREADS": str(count)}


def processor() -> str:
    """Return the processor's name; Linux keeps it where :mod:`platform` does not look."""
    return _cpuinfo().get("model name") or platform.processor() or platform.machine()


def processor_kind() -> str:
    """Return this processor's family, model and stepping as Linux gives them, else nothing.

    A virtual machine often names its processor by the brand alone, and one brand name covers
    several kinds whose instructions, and so whose last bits, differ.
    """
    facts = _cpuinfo()
    names = {"cpu family": "family", "model": "model", "stepping": "stepping"}
    return ", ".join(f"{names[name]} {facts[name]}" for name in names if name in facts)


def vector_instructions() -> str:
    """Return the processor's vector instructions as Linux names them, else nothing."""
    flags = _cpuinfo().get("flags", "").split()
    return " ".join(sorted(flag for flag in flags if flag.startswith(VECTOR_FLAGS)))


def _cpuinfo() -> dict[str, str]:
    """Return what Linux says of the first processor, by name; elsewhere nothing."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n\n", 1)[0].splitlines()
    except (OSError, ValueError):
        return {}
    return {name.strip(): value.strip() for name, _, value in (x.partition(":") for x in lines)}
