"""Train many seeds and record every run: in processes of this machine, or on a Ray cluster."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path

import chollet_cnn
from chollet_cnn.book import recipes
from chollet_cnn.book.recipes import Recipe
from chollet_cnn.errors import UserError
from chollet_cnn.evidence import records, studies
from chollet_cnn.evidence.records import Outcome
from chollet_cnn.evidence.studies import copies
from chollet_cnn.training import environment
from chollet_cnn.training.trainer import train_network

CORES_PER_RUN = 2
"""As the recorded runs had; more would help these small networks little and change the bits."""
MOST_SEEDS = 10_000
_FORWARDED = ("CHOLLET_CNN_DATA", "CHOLLET_CNN_CACHE", "KERAS_BACKEND")


@dataclass(frozen=True)
class Job:
    """One run to train, and where it is recorded."""

    recipe: str | Recipe
    seed: int
    options: Mapping[str, object] = field(default_factory=dict)
    """More arguments of ``train``."""
    table: str = records.RUNS
    label: str | None = None
    """The variant, or ``originals`` or ``copies``."""

    @property
    def name(self) -> str:
        """The name of the recipe."""
        return self.recipe if isinstance(self.recipe, str) else self.recipe.name

    def train(self, out: str | Path, *, resume: bool = False) -> Outcome:
        """Train it below a folder and return what is recorded of it."""
        folder = Path(out, self.label) if self.label else Path(out)
        run = train_network(self.recipe, seed=self.seed, out=folder, resume=resume, **self.options)
        return records.outcome(run)

    def record(self, finished: Outcome, results: Path) -> None:
        """Record what came out of it."""
        records.record(
            finished, results, table=self.table, label=self.label, overrides=self.options
        )

    def failed(self, cause: object) -> UserError:
        """Return the error that says that it was not trained."""
        lines = str(getattr(cause, "cause", None) or cause).strip().splitlines() or [repr(cause)]
        return UserError(
            f"{self.name} with seed {self.seed} was not trained: {lines[-1]}; what was finished is "
            "recorded, and the same command continues"
        )


def parse_seeds(text: str) -> list[int]:
    """Return the seeds of a list such as ``0-9`` or ``1,4,7-8``."""
    if not re.fullmatch(r"\d{1,10}(-\d{1,10})?(,\d{1,10}(-\d{1,10})?)*", text, re.ASCII):
        raise UserError(f"--seeds is a list such as 0-9 or 1,4,7, not {text[:80]!r}")
    seeds: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        numbers = range(int(first), int(last or first) + 1)
        if not numbers:
            raise UserError(f"--seeds counts upwards, such as {last}-{first}, not {part}")
        if len(numbers) + len(seeds) > MOST_SEEDS:
            raise UserError(f"--seeds names more than {MOST_SEEDS:,} runs; ask for fewer at a time")
        seeds.update(numbers)
    return sorted(seeds)


def jobs_left(
    names: Iterable[str],
    seeds: Iterable[int],
    backend: str,
    *,
    device: str | None = None,
    variant: str | None = None,
    copies_in: Path | None = None,
    results: Path = records.RESULTS,
) -> list[Job]:
    """Return the runs that are not recorded yet, runs of one seed together.

    A run counts as recorded if its backend and device are those that would train it now.

    Args:
        names: the recipes.
        seeds: the seeds.
        backend: the backend that will train them.
        device: ``cpu`` or ``gpu``; None accepts either.
        variant: what is changed, see :func:`chollet_cnn.evidence.studies.variants`.
        copies_in: a folder with ``originals.zip`` and ``copies.zip``; each seed is then trained on
            both, see :mod:`chollet_cnn.evidence.studies.copies`.
        results: the folder with what is recorded.
    """
    overrides = studies.variants()[variant] if variant else {}
    jobs = []
    for seed in seeds:
        for name in names:
            common = {"dataset": recipes.get(name).dataset}
            if copies_in:
                recipe = copies.recipe_for(name, overrides)
                jobs += [
                    Job(recipe, seed, common | {"data_dir": place}, records.COPIES, kind)
                    for kind, place in copies.places(copies_in)
                ]
            elif variant:
                jobs.append(Job(name, seed, common | overrides, records.VARIANTS, variant))
            else:
                jobs.append(Job(name, seed, common))
    table = records.COPIES if copies_in else records.VARIANTS if variant else records.RUNS
    done = _recorded(results, table, backend, device)
    if table == records.VARIANTS and variant in ("same-weights", "same-order"):
        # With the weights, or the order, of seed 0 the run of seed 0 is the recorded one.
        whole = _recorded(results, records.RUNS, backend, device)
        done |= {(variant, name, seed) for _, name, seed in whole if seed == 0}
    return [job for job in jobs if (job.label, job.name, job.seed) not in done]


def _recorded(
    results: Path, table: str, backend: str, device: str | None
) -> set[tuple[str | None, str, int]]:
    """Return label, recipe and seed of the recorded runs of a table."""
    if not (results / table).is_file():
        return set()
    rows = records.read_table(results, table)
    rows = rows[rows["backend"] == backend]
    if device:
        rows = rows[rows["device"] == device]
    label = records.LABELS[table]
    labels = rows[label] if label else [None] * len(rows)
    return set(zip(labels, rows["recipe"], rows["seed"], strict=True))


def record_all(
    jobs: Iterable[Job],
    finished: Iterable[tuple[Job, Outcome]],
    results: Path = records.RESULTS,
    at_once: int | None = None,
) -> Iterator[str]:
    """Record runs as they finish; yield a line about each after it was recorded.

    Args:
        jobs: all that will be trained.
        finished: what :func:`train_here` or :func:`train_on_cluster` gives.
        results: the folder that they are recorded in.
        at_once: how many are trained at once, None if that is unknown.
    """
    left, seconds, began = list(jobs), {}, time.perf_counter()
    for number, (job, outcome) in enumerate(finished, 1):
        job.record(outcome, results)
        left.remove(job)
        seconds.setdefault(job.name, []).append(outcome.row["seconds"])
        rest = time_left(left, seconds, time.perf_counter() - began, at_once)
        what = " ".join(filter(None, (job.name, job.label)))
        yield f"{number}. {what} seed {job.seed}: {outcome.row['test_accuracy']:.2%}; {rest}"


def train_here(
    jobs: Iterable[Job], out: str | Path, processes: int
) -> Iterator[tuple[Job, Outcome]]:
    """Train every job in a process of its own; yield it when it is finished.

    A run that was interrupted continues from its last finished epoch. The processes end with this
    one, even if it is killed.
    """
    threads = min(CORES_PER_RUN, max(1, environment.cores() // processes))
    fewer = threads < environment.cores()
    others = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(
        processes,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_end_with_parent,
        max_tasks_per_child=1,
    )
    with _variables(environment.limit_threads(threads) if fewer else {}):
        waiting = {pool.submit(job.train, out, resume=True): job for job in jobs}
        try:
            for future in as_completed(waiting):
                job = waiting[future]
                try:
                    yield job, future.result()
                except (UserError, BrokenProcessPool) as problem:
                    raise job.failed(problem) from problem
        finally:
            # After a failure or Ctrl-C there are some left; a checkpoint is always whole.
            while not all([future.done() or future.cancel() for future in waiting]):
                for process in set(multiprocessing.active_children()) - others:
                    process.terminate()
                time.sleep(0.1)
            pool.shutdown()


def _end_with_parent() -> None:
    """End this process when the one that started it has ended, however it ended."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # without a traceback beside the parent's line

    def wait() -> None:
        multiprocessing.parent_process().join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


@contextlib.contextmanager
def _variables(values: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables that new processes inherit, and restore them."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def find_device() -> str:
    """Return the kind of device that a run would be trained on here: ``cpu`` or ``gpu``."""
    ask = "from chollet_cnn.training import devices as d; d.start_keras(); print(d.choose().kind)"
    # Asked in another process, since a backend that has looked for a GPU keeps its memory.
    told = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=False)
    if told.returncode:
        raise UserError(f"Keras did not start: {told.stderr.strip().splitlines()[-1]}")
    return told.stdout.split()[-1]


def time_left(
    left: list[Job], seconds: dict[str, list[float]], elapsed: float, at_once: int | None = None
) -> str:
    """Say how long the remaining runs will take, by the finished ones of each recipe.

    Args:
        left: the remaining jobs.
        seconds: how long the finished runs of each recipe took, from their first epoch on.
        elapsed: seconds since training began here.
        at_once: how many runs are trained at once; without it the times tell.
    """
    if not left:
        return "none left"
    at_once = min(at_once, len(left)) if at_once else sum(map(sum, seconds.values())) / elapsed
    known = [job.name for job in left if job.name in seconds]
    minutes = sum(sum(seconds[name]) / len(seconds[name]) for name in known) / at_once / 60
    unknown = len(left) - len(known)
    more = f", not counting {unknown} of a recipe not timed yet" if unknown else ""
    return f"{len(left)} left, about {minutes:.0f} min{more}"


def train_on_cluster(address: str, jobs: Iterable[Job]) -> Iterator[tuple[Job, Outcome]]:
    """Train every job on a Ray cluster; yield it when it is finished.

    Ray sends this package to its machines, distributes the runs over their cores and starts a run
    again whose machine was lost. Keras and a backend must be installed on every machine, and the
    data must be where CHOLLET_CNN_DATA says on each.

    Args:
        address: of the cluster, as ``ray.init`` takes it; ``local`` starts one on this machine.
        jobs: what to train.

    Raises:
        UserError: if Ray is not installed or not reached, or a run could not be trained.
    """
    try:
        import ray
    except ModuleNotFoundError as problem:
        raise UserError('--cluster needs Ray; install it: pip install -e ".[cluster]"') from problem

    variables = environment.limit_threads(CORES_PER_RUN)
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

    # A worker trains once and ends, so that no run meets what another left in its process.
    @ray.remote(num_cpus=CORES_PER_RUN, max_calls=1, max_retries=2)
    def train_one(job: Job) -> Outcome:
        with tempfile.TemporaryDirectory() as folder:
            return job.train(folder)

    try:
        running = {train_one.remote(job): job for job in jobs}
        while running:
            (finished,), _ = ray.wait(list(running))
            job = running.pop(finished)
            try:
                yield job, ray.get(finished)
            except ray.exceptions.RayError as problem:
                raise job.failed(problem) from problem
    finally:
        ray.shutdown()


def _knock(address: str) -> None:
    """Raise OSError if nothing listens at an address; Ray would try for minutes."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if colon and port.isdigit():
        socket.create_connection((host, int(port)), timeout=10).close()
