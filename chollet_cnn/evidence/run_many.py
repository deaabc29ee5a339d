"""Train many seeds in processes of this machine, and record every run; see also `cluster`."""

from __future__ import annotations

import multiprocessing
import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

from chollet_cnn import data
from chollet_cnn.book import recipes
from chollet_cnn.book.recipes import Recipe
from chollet_cnn.errors import UserError, end_with_parent
from chollet_cnn.evidence import records, studies
from chollet_cnn.evidence.records import Outcome
from chollet_cnn.evidence.studies import copies, weights_or_order
from chollet_cnn.training import devices, environment, runs
from chollet_cnn.training.plan import Diverged
from chollet_cnn.training.trainer import train_network

CORES_PER_RUN = 2
"""As the recorded runs had; more would help these small networks little and change the bits."""
MOST_SEEDS = 10_000
_SPAWN = multiprocessing.get_context("spawn")
APART = "apart"
"""The folder in results/ that has a folder for each other kind of machine."""


class FoldersSplit(UserError):  # noqa: N818
    """The folders of the images make another split than the book's."""


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
    apart: str = field(default="", compare=False)
    """The kind of machine, where its runs are recorded apart from those of others."""

    @property
    def name(self) -> str:
        """The name of the recipe."""
        return self.recipe if isinstance(self.recipe, str) else self.recipe.name

    def directory(self, out: str | Path) -> Path:
        """Return its run directory below a folder."""
        return runs.directory(self._folder(out), self.name, self.seed)

    def _folder(self, out: str | Path) -> Path:
        """Return where its run directory is put; a seed is trained with each backend apart."""
        backend = devices.chosen_backend()
        return Path(out, "" if backend == "tensorflow" else backend, self.label or "")

    def load_dataset(self) -> data.Dataset:
        """Load the images that it would be trained on here.

        Raises:
            FoldersSplit: folders split them, and runs are recorded with the recipe's split only.
            UserError: they are not found, or damaged.
        """
        recipe = recipes.get(self.recipe) if isinstance(self.recipe, str) else self.recipe
        name = self.options.get("dataset", recipe.dataset)
        found = data.load_dataset(name, self.options.get("data_dir"), **recipe.options_for(name))
        if found.fingerprint.get("split") == "folders":
            raise FoldersSplit(
                f"the folders of {found.fingerprint['source']} make the split, not the book's "
                "numbers; name a folder with the images of the recorded runs instead"
            )
        return found

    def train(self, out: str | Path, *, resume: bool = False) -> Outcome:
        """Train it below a folder and return what is recorded of it."""
        run = train_network(
            self.recipe, seed=self.seed, out=self._folder(out), resume=resume, **self.options
        )
        return records.outcome(run)

    def record(self, finished: Outcome, results: Path) -> None:
        """Record what came out of it."""
        if self.apart:
            results = results / APART / self.apart
        records.record(
            finished, results, table=self.table, label=self.label, overrides=self.options
        )

    def failed(self, cause: object) -> UserError:
        """Return the error that says that it was not trained."""
        return UserError(
            f"{self.name} with seed {self.seed} was not trained: {last_line(cause)}; what was "
            "finished is recorded, and once that is put right the same command continues"
        )


def diverged_error(jobs: list[Job]) -> UserError:
    """Return the error that says which runs diverged, after all others were trained."""
    named = ", ".join(f"{job.name} with seed {job.seed}" for job in jobs)
    return UserError(
        f"training diverged: {named}; all other runs are recorded; leave these seeds out"
    )


def last_line(problem: object) -> str:
    """Return the last line of an error, or of the one that Ray says caused it."""
    text = str(getattr(problem, "cause", None) or problem).strip()
    return text.splitlines()[-1] if text else repr(problem)


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
    apart: bool = False,
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
        apart: whether a run counts as well that another kind of machine trained.
    """
    overrides = studies.variants()[variant] if variant else {}
    table = records.COPIES if copies_in else records.VARIANTS if variant else records.RUNS
    jobs = []
    for seed, name in product(seeds, names):
        options = {"dataset": recipes.get(name).dataset}
        if copies_in:
            recipe = copies.recipe_for(name, overrides)
            jobs += [
                Job(recipe, seed, options | {"data_dir": place}, table, kind)
                for kind, place in copies.places(copies_in)
            ]
        else:
            jobs.append(Job(name, seed, options | overrides, table, variant))
    done = set()
    for folder in (results, *(results.glob(f"{APART}/*") if apart else ())):
        done |= _recorded(folder, table, backend, device)
    if variant in weights_or_order.VARIANTS:
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
    kind = {"backend": backend} | ({"device": device} if device else {})
    rows = records.matching(records.read_table(results, table), kind)
    label = records.LABELS[table]
    labels = rows[label] if label else [None] * len(rows)
    return set(zip(labels, rows["recipe"], rows["seed"], strict=True))


def check_images(jobs: Iterable[Job], results: Path) -> None:
    """Refuse images whose runs cannot be recorded, before anything is trained on them.

    Raises:
        UserError: the images of a job are not found here, folders split them, or runs on others
            are recorded in this folder.
    """
    for job in {(job.name, job.label): job for job in jobs}.values():
        images = job.load_dataset().fingerprint["sha256"]
        row = {"recipe": job.name, "pictures": job.label, "data_sha256": images}
        records.check_images(row, results, job.table)


def record_all(
    jobs: Iterable[Job],
    finished: Iterable[tuple[Job, Outcome]],
    results: Path = records.RESULTS,
    at_once: int | None = None,
) -> Iterator[str]:
    """Record runs as they finish; yield a line about each after it was recorded.

    Args:
        jobs: all that will be trained.
        finished: what :func:`train_here` or ``cluster.train_on_cluster`` gives.
        results: the folder that they are recorded in.
        at_once: how many are trained at once, None if that is unknown.
    """
    left, seconds, began = list(jobs), {}, time.perf_counter()
    for number, (job, outcome) in enumerate(finished, 1):
        job.record(outcome, results)
        left.remove(job)
        seconds.setdefault(job.name, []).append(outcome.row["seconds"])
        rest = time_left(left, seconds, time.perf_counter() - began, at_once)
        apart = f"({APART}/{job.apart})" if job.apart else ""
        what = " ".join(filter(None, (job.name, job.label, apart)))
        yield f"{number}. {what} seed {job.seed}: {outcome.row['test_accuracy']:.2%}; {rest}"


def train_here(
    jobs: Iterable[Job], out: str | Path, processes: int
) -> Iterator[tuple[Job, Outcome]]:
    """Train every job in a process of its own; yield it when it is finished.

    A run that was interrupted continues from its last finished epoch. The processes end with this
    one, even if it is killed.

    Raises:
        UserError: a run failed; of those that diverged, when the others are finished.
    """
    threads = min(CORES_PER_RUN, max(1, environment.cores() // processes))
    fewer = threads < environment.cores()
    others = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(
        processes,
        mp_context=_SPAWN,
        initializer=_begin_process,
        initargs=(environment.limit_threads(threads) if fewer else {},),
        max_tasks_per_child=1,
    )
    waiting = {pool.submit(job.train, out, resume=True): job for job in jobs}
    diverged = []
    try:
        for future in as_completed(waiting):
            job = waiting[future]
            try:
                yield job, future.result()
            except Diverged:  # the others can be trained all the same
                diverged.append(job)
            except (UserError, BrokenProcessPool) as problem:
                raise job.failed(problem) from problem
    finally:
        # After a failure or Ctrl-C there are some left; a checkpoint is always whole.
        while not all([future.done() or future.cancel() for future in waiting]):
            for process in set(multiprocessing.active_children()) - others:
                process.terminate()
            time.sleep(0.1)
        pool.shutdown()
    if diverged:
        raise diverged_error(diverged)


def _begin_process(variables: Mapping[str, str]) -> None:
    """Set the variables of this process, which ends when the one that started it has ended."""
    os.environ.update(variables)
    end_with_parent()


def find_device() -> str:
    """Return the kind of device that a run would be trained on here: ``cpu`` or ``gpu``."""
    # Asked in another process, since a backend that has looked for a GPU keeps its memory.
    with ProcessPoolExecutor(1, _SPAWN) as pool:
        return pool.submit(devices.choose).result().kind


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
