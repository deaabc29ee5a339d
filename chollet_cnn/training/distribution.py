"""Divide every batch among several devices, with Keras's ``DataParallel`` on JAX.

Each device holds all weights and computes its share of a batch; the gradients are averaged over
them, so that a step is that of one device up to rounding. With several processes each reads only
the share of its own devices. A batch that cannot be divided, as the last one of a pass often is,
is computed whole by every device.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import keras
import numpy as np

from chollet_cnn.errors import UserError, first_line, parameter
from chollet_cnn.training import loop
from chollet_cnn.training.machines import Group, ProcessLost

if keras.backend.backend() == "jax":
    import jax
    from jax.experimental import multihost_utils

SECONDS_TO_JOIN = 300
"""How long a process waits for the others to be started."""
SECONDS_WITHOUT_A_SIGN = 30
"""After so long a process is taken for dead."""
LOST = re.compile(r"Gloo|NCCL|UNAVAILABLE|DEADLINE_EXCEEDED|coordination service", re.IGNORECASE)
"""What JAX says when another process is gone."""


def join(group: Group, seed: int) -> None:
    """Find the other processes of a group, before Keras computes anything.

    It is what ``keras.distribution.initialize`` does, with a shorter time after which a process is
    taken for dead.

    Args:
        group: the processes.
        seed: for Keras's own random numbers, which must be the same in all of them.

    Raises:
        UserError: the backend cannot do it, or the others were not found.
    """
    _require_jax("processes")
    keras.utils.set_random_seed(seed)
    try:
        jax.distributed.initialize(
            group.coordinator,
            group.size,
            group.index,
            initialization_timeout=SECONDS_TO_JOIN,
            heartbeat_timeout_seconds=SECONDS_WITHOUT_A_SIGN,
        )
    except (RuntimeError, ValueError) as problem:
        raise UserError(
            f"process {group.index} did not find the other {group.size - 1} at "
            f"{group.coordinator} within {SECONDS_TO_JOIN} seconds; start all of them, and give "
            f"each the same {parameter('coordinator')}, an address of the first "
            f"({first_line(problem)})"
        ) from problem


@contextmanager
def losing_a_process() -> Iterator[None]:
    """Raise :class:`ProcessLost` where JAX says that another process is gone."""
    try:
        yield
    except (RuntimeError, ValueError) as problem:
        if not LOST.search(str(problem)):
            raise
        raise ProcessLost from problem


def from_first(content: bytes) -> bytes:
    """Return the bytes that the first process passes, in each process of the group.

    Where there is one process alone, it is the first.
    """
    if keras.backend.backend() != "jax" or jax.process_count() == 1:
        return content
    first = jax.process_index() == 0
    size = int(multihost_utils.broadcast_one_to_all(np.array(len(content), np.uint32)))
    sent = np.frombuffer(content, np.uint8) if first else np.zeros(size, np.uint8)
    return multihost_utils.broadcast_one_to_all(sent).astype(np.uint8).tobytes()


def divide(kind: str, wanted: int | str, batch_size: int) -> Shares | None:
    """Return the devices among which the batches of a run are divided, None for a single one.

    Args:
        kind: ``cpu`` or ``gpu``.
        wanted: how many devices of each process, or ``all``.
        batch_size: images in a training batch, of all devices together.

    Raises:
        UserError: the backend cannot do it, there are not so many devices, or the batch cannot be
            divided equally among them.
    """
    if wanted == 1 and not (keras.backend.backend() == "jax" and jax.process_count() > 1):
        return None
    _require_jax("devices")
    devices: dict[int, list[Any]] = {}
    for device in sorted(jax.devices(kind), key=lambda device: (device.process_index, device.id)):
        devices.setdefault(device.process_index, []).append(device)
    counts = {len(found) for found in devices.values()}
    if len(counts) > 1:
        raise UserError(
            f"the processes have {' and '.join(map(str, sorted(counts)))} devices; let each see "
            "the same number, on GPUs by the environment variable CUDA_VISIBLE_DEVICES"
        )
    there = counts.pop()
    count = there if wanted == "all" else wanted
    if count > there:
        virtual = "; XLA_FLAGS=--xla_force_host_platform_device_count=N divides a CPU into N"
        raise UserError(
            f"{parameter('devices')}={count} is more than the {there} that JAX sees "
            f"({kind.upper()}); pass fewer, or all{virtual if kind == 'cpu' else ''}"
        )
    chosen = [device for found in devices.values() for device in found[:count]]
    if len(chosen) == 1:
        return None
    if rest := batch_size % len(chosen):
        below, above = batch_size - rest, batch_size - rest + len(chosen)
        sizes = f"{below} or {above}" if below else str(above)
        raise UserError(
            f"{parameter('batch_size')}={batch_size} cannot be divided equally among "
            f"{len(chosen)} devices; pass {parameter('batch_size')}={sizes}, or another multiple "
            f"of {len(chosen)}, or other {parameter('devices')}"
        )
    return Shares(chosen)


def _require_jax(name: str) -> None:
    backend = keras.backend.backend()
    if backend != "jax":
        raise UserError(
            f"{parameter(name)} other than 1 needs Keras on JAX, and it runs on {backend} here; "
            "install JAX and set the environment variable KERAS_BACKEND=jax"
        )


class Shares:
    """The devices of a run, each with its share of every batch."""

    def __init__(self, devices: list[Any]) -> None:
        """Take the devices of all processes, in the order of the processes."""
        self.devices = devices
        names = [f"{device.platform}:{device.id}" for device in devices]
        self.data_parallel = keras.distribution.DataParallel(
            devices=names, auto_shard_dataset=False
        )
        mesh = jax.sharding.Mesh(np.array(devices), ("batch",))
        self.divided = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("batch"))
        self.whole = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec())

    @property
    def count(self) -> int:
        """How many devices there are."""
        return len(self.devices)

    def scope(self) -> AbstractContextManager:
        """Return a context in which Keras makes its variables on all of the devices."""
        return self.data_parallel.scope()

    def feed_from(self, images: np.ndarray, labels: np.ndarray) -> loop.Feed:
        """Return how an epoch's images reach the devices; see :func:`loop.feed_from`."""
        pixels, answers = _Divided(images, self), _Divided(labels.astype(np.int32), self)

        def pieces(batches: list[np.ndarray]) -> Iterator[tuple]:
            for piece in loop.cut(batches, lambda _: loop.STEPS_IN_ONE_RUN):
                yield pixels, answers, piece
                loop.forget_pages(images)

        return pieces


class _Divided:
    """An array of a data set; the rows of a batch taken from it are divided among the devices."""

    def __init__(self, array: np.ndarray, shares: Shares) -> None:
        self.array, self.shares = array, shares

    def __getitem__(self, batch: np.ndarray) -> Any:  # noqa: ANN401
        if len(batch) % self.shares.count:
            return self._place(self.shares.whole, batch)
        share = len(batch) // jax.process_count()
        own = jax.process_index() * share
        return self._place(self.shares.divided, batch[own : own + share])

    def _place(self, sharding: Any, rows: np.ndarray) -> Any:  # noqa: ANN401
        return jax.make_array_from_process_local_data(sharding, np.asarray(self.array[rows]))
