"""Train many seeds on a Ray cluster: which of its nodes are used, and what outlives a lost one.

Ray distributes the runs and starts a run again whose node was lost. Before that every node is asked
what decides the bits of a run there: the versions, the kind of processor and the images. A node
that differs from the machine that asks is not used, or its runs are recorded apart.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
import tempfile
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import chollet_cnn
from chollet_cnn.drawing.numbers import format_count
from chollet_cnn.errors import UserError
from chollet_cnn.evidence.records import Outcome
from chollet_cnn.evidence.run_many import CORES_PER_RUN, Job, diverged_error, last_line
from chollet_cnn.training import checkpoints, devices, environment
from chollet_cnn.training.plan import Diverged

try:
    import fsspec
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy
except ModuleNotFoundError:  # the extra `cluster`
    ray = None

_FORWARDED = ("CHOLLET_CNN_DATA", "CHOLLET_CNN_CACHE", *environment.VARIABLES)
_SECONDS_BETWEEN_LOOKS = 10
"""How often the driver asks which nodes are left."""
_IMAGES = "images of"
"""How the names of the facts begin that are about the images of a recipe."""
_BROKEN = "it does not work"
"""Stands among the facts of a node that could not answer."""
_SENT_LAST = (checkpoints.FILE.name, "metrics.json")
"""The files that say how far a run is; what they count on must be in the storage before them."""


@dataclass(frozen=True)
class Node:
    """A machine of the cluster."""

    id: str
    name: str
    cores: int
    gpus: int
    facts: dict[str, str]
    """What decides the bits of a run there, see :func:`describe`."""

    def kind(self, job: Job, here: dict[str, str]) -> str:
        """Return a name for all nodes that give a job the same bits, empty if they are these here.

        The images of other jobs are left out: whichever are asked for together, a node keeps its
        name, under which the unfinished runs are looked for.
        """
        there, here = (_facts_for(job, facts) for facts in (self.facts, here))
        if there == here:
            return ""
        return hashlib.sha256(json.dumps(there, sort_keys=True).encode()).hexdigest()[:8]


def train_on_cluster(
    address: str,
    jobs: Iterable[Job],
    *,
    out: str | None = None,
    apart: bool = False,
) -> Iterator[tuple[Job, Outcome]]:
    """Train every job on a Ray cluster; yield it when it is finished.

    A line says of each node whether it is used, and of a lost one that it is lost.

    Ray sends this package to its nodes. Keras and a backend must be installed on each, and the data
    must be where CHOLLET_CNN_DATA says.

    Args:
        address: of the cluster, as ``ray.init`` takes it; ``local`` starts one on this machine.
        jobs: what to train.
        out: where run directories are kept: a folder that every node sees, or a URL of fsspec such
            as ``s3://bucket/runs``. A run whose node was lost, or that an earlier call left
            unfinished, continues from its last checkpoint there; without it such a run begins
            again.
        apart: whether nodes that differ from this machine are used as well; their jobs are yielded
            with the kind of their node in :attr:`Job.apart`.

    Raises:
        UserError: if Ray is not installed or not reached, no node can be used, or a run could not
            be trained.
    """
    if ray is None:
        raise UserError('--cluster needs Ray and fsspec; install them: pip install -e ".[cluster]"')
    jobs = list(jobs)
    if out is not None:
        out = _check_storage(out)
    samples = list({(job.name, job.label): job for job in jobs}.values())
    here = describe(samples)
    with _connected(address):
        nodes = _choose_nodes(_survey(samples), here, apart)
        yield from _train_all(jobs, nodes, here, out)


def describe(jobs: Iterable[Job]) -> dict[str, str]:
    """Return what decides the bits of these runs on this machine, by name.

    Raises:
        UserError: if the images of a job are not found here, or are damaged.
    """
    found = {"processor kind": environment.processor_kind()}
    others = tuple(devices.BACKENDS.keys() - {devices.chosen_backend()})  # jaxlib is JAX's
    versions = environment.versions().items()
    found |= {name: version for name, version in versions if not name.startswith(others)}
    for job in jobs:
        found[_images_of(job)] = job.load_dataset().fingerprint["sha256"]
    return found


def _images_of(job: Job) -> str:
    return " ".join(filter(None, (_IMAGES, job.name, job.label)))


def _facts_for(job: Job, facts: dict[str, str]) -> dict[str, str]:
    """Return the facts that decide the bits of one job."""
    own = _images_of(job)
    return {
        name: fact for name, fact in facts.items() if name == own or not name.startswith(_IMAGES)
    }


def differences(there: dict[str, str], here: dict[str, str]) -> str:
    """Say what of a node's facts differs from this machine's, or nothing."""
    return "; ".join(
        f"{name} {there.get(name, 'missing')[:60]} instead of {here.get(name, 'missing')[:60]}"
        for name in sorted(there.keys() | here.keys())
        if there.get(name) != here.get(name)
    )


@contextmanager
def _connected(address: str) -> Iterator[None]:
    """Connect to a cluster, or start one here, until the block ends."""
    variables = environment.limit_threads(CORES_PER_RUN)
    variables |= {"KERAS_BACKEND": devices.chosen_backend()}
    variables |= {name: os.environ[name] for name in _FORWARDED if name in os.environ}
    local = address == "local"
    try:
        _knock(address)
        ray.init(
            address=address,
            num_cpus=max(CORES_PER_RUN, os.cpu_count() or 1) if local else None,
            include_dashboard=False if local else None,
            log_to_driver=False,
            runtime_env={
                "py_modules": [str(Path(chollet_cnn.__file__).parent)],
                "env_vars": variables,
            },
        )
    except (OSError, ValueError, RuntimeError) as problem:
        raise UserError(
            f"no Ray cluster is reached at {address} ({problem}); `ray start --head` prints the "
            "address of the one that it starts, such as 10.0.0.5:6379"
        ) from problem
    try:
        yield
    finally:
        ray.shutdown()


def _knock(address: str) -> None:
    """Raise OSError if nothing listens at an address; Ray would try for minutes."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if colon and port.isdigit():
        socket.create_connection((host, int(port)), timeout=10).close()


def _survey(samples: list[Job]) -> list[Node]:
    """Ask every node what decides the bits of a run there."""
    ask = ray.remote(num_cpus=0, max_calls=1)(describe)
    asked = {}
    for node in _alive():
        there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        asked[ask.options(scheduling_strategy=there).remote(samples)] = node
    found = []
    for answer, node in asked.items():
        try:
            facts = ray.get(answer)
        except (UserError, ray.exceptions.RayError) as problem:  # no images there, no pandas, ...
            facts = {_BROKEN: last_line(problem)}
        name = f"{node['NodeManagerHostname']} ({node['NodeManagerAddress']}, {node['NodeID'][:6]})"
        counts = (int(node["Resources"].get(what, 0)) for what in ("CPU", "GPU"))
        found.append(Node(node["NodeID"], name, *counts, facts))
    return found


def _alive() -> list[dict[str, Any]]:
    return [node for node in ray.nodes() if node["Alive"]]


def _obstacle(node: Node, here: dict[str, str], apart: bool) -> str:
    """Return why no run can be trained on a node, if that is so."""
    if node.cores < CORES_PER_RUN:
        return f"it offers fewer than the {CORES_PER_RUN} cores of a run"
    if _BROKEN in node.facts:
        return f"{_BROKEN}: {node.facts[_BROKEN]}"
    return "" if apart else differences(node.facts, here)


def _choose_nodes(nodes: list[Node], here: dict[str, str], apart: bool) -> list[Node]:
    """Return the nodes that runs are trained on, and print which ones they are."""
    obstacles = {node.id: _obstacle(node, here, apart) for node in nodes}
    gpus = any(node.gpus for node in nodes if not obstacles[node.id])
    chosen = []
    for node in nodes:
        why = obstacles[node.id]
        if gpus and not node.gpus:
            why = why or "it has no GPU, and other nodes have"
        if why:
            print(f"{node.name} is not used: {why}")
            continue
        chosen.append(node)
        has = format_count(node.gpus, "GPU") if gpus else format_count(node.cores, "core")
        differing = differences(node.facts, here)
        note = f"; its runs are recorded apart: {differing}" if differing else ""
        print(f"{node.name} works, with {has}{note}")
    if not chosen:
        raise UserError(
            "no node of the cluster can be used; install on the nodes what is installed here and "
            "put the same data there, or record their runs apart with --apart"
        )
    return chosen


def _train_all(
    jobs: list[Job], nodes: list[Node], here: dict[str, str], out: str | None
) -> Iterator[tuple[Job, Outcome]]:
    ids = ",".join(node.id for node in nodes)
    train_one = ray.remote(
        num_cpus=CORES_PER_RUN,
        num_gpus=1 if nodes[0].gpus else 0,
        label_selector={"ray.io/node-id": f"in({ids})"},
        max_calls=1,  # a worker ends after a run, so that none meets what another left
        max_retries=3,
    )(_train)
    left = {node.id: node.name for node in nodes}
    running = {
        train_one.options(name=f"{job.name} seed {job.seed}").remote(
            job, out, {node.id: node.kind(job, here) for node in nodes}
        ): job
        for job in jobs
    }
    diverged = []
    while running:
        finished, _ = ray.wait(list(running), timeout=_SECONDS_BETWEEN_LOOKS)
        for answer in finished:
            job = running.pop(answer)
            try:
                kind, outcome = ray.get(answer)
            except ray.exceptions.RayError as problem:
                if not isinstance(getattr(problem, "cause", None), Diverged):
                    raise job.failed(problem) from problem
                diverged.append(job)
                continue
            yield replace(job, apart=kind), outcome
        for lost in left.keys() - {node["NodeID"] for node in _alive()}:
            print(f"{left.pop(lost)} is lost; its runs continue on other nodes")
        if running and not left:
            raise UserError(
                "no node of the cluster is left; what was finished is recorded, and the same "
                "command continues"
            )
    if diverged:
        raise diverged_error(diverged)


def _train(job: Job, out: str | None, kinds: dict[str, str]) -> tuple[str, Outcome]:
    """Train a job on the node that this is called on; return the node's kind as well."""
    kind = kinds[ray.get_runtime_context().get_node_id()]
    with tempfile.TemporaryDirectory() as folder:
        if out is None:
            return kind, job.train(folder)
        run = job.directory(folder)
        place = "/".join(filter(None, (out, kind, run.relative_to(folder).as_posix())))
        with kept(run, place):
            return kind, job.train(folder, resume=True)


def _check_storage(out: str) -> str:
    """Return the place of run directories as every node can open it."""
    try:
        store, place = fsspec.core.url_to_fs(out)
        store.makedirs(place, exist_ok=True)
        return store.unstrip_protocol(place)
    except (OSError, ValueError, ImportError) as problem:
        raise UserError(
            f"--out names {out}, which cannot be used ({problem}); give a folder that every node "
            "sees, or a URL that fsspec can open"
        ) from problem


@contextmanager
def kept(run: Path, url: str) -> Iterator[None]:
    """Fetch a run directory from storage, and keep it there while it changes.

    Every file is sent within a second or so after it was written; the checkpoint comes after the
    files of its epoch. What is in the storage can be continued from at any time.

    Args:
        run: the directory; need not exist.
        url: its place in the storage, a path or a URL of fsspec.
    """
    store, place = fsspec.core.url_to_fs(url)
    for file in store.find(place):
        if not file.endswith(".part"):
            local = run / file.removeprefix(place).lstrip("/")
            local.parent.mkdir(parents=True, exist_ok=True)
            store.get_file(file, str(local))
    sent = {path: path.stat().st_mtime_ns for path in run.rglob("*") if path.is_file()}

    def send() -> None:
        files = [path for path in run.rglob("[!.]*") if path.is_file() and path.suffix != ".part"]
        written = {path: path.stat().st_mtime_ns for path in files}
        last = {name: place for place, name in enumerate(_SENT_LAST, 1)}
        for path in sorted(files, key=lambda path: last.get(path.name, 0)):
            if sent.get(path) == written[path]:
                continue
            there = f"{place}/{path.relative_to(run).as_posix()}"
            store.makedirs(there.rpartition("/")[0], exist_ok=True)
            store.put_file(str(path), f"{there}.part")
            # One written meanwhile may be newer than the files before it, and waits for its turn.
            if path.stat().st_mtime_ns == written[path]:
                store.mv(f"{there}.part", there)  # it is there whole or not at all
                sent[path] = written[path]

    def send_until_done() -> None:
        while not done.wait(1):
            with suppress(OSError):  # a file that was just replaced, a storage that fails for once
                send()

    done = threading.Event()
    sender = threading.Thread(target=send_until_done, daemon=True)
    sender.start()
    try:
        yield
    finally:
        done.set()
        sender.join()
        send()
