"""Train a recipe with many seeds and record every run: what one run gives, only many can tell.

python scripts/run_seeds.py mnist-first-edition mnist-second-edition --seeds 0-9
python scripts/run_seeds.py mnist-second-edition --seeds 0-9 --variant same-weights

A seed that results/ has already is not trained again, so the command can be stopped at any time and
started again; a run that was cut off goes on from its last finished epoch. Every finished run is
recorded at once.

--variant changes something, to see what it does; such runs go to results/variants.csv. same-weights
gives every run the starting weights of seed 0, so that only the order of the pictures differs from
run to run (and what dropout and augmentation draw, where there are any); same-order does it the
other way round; bfloat16 computes with 16 bits; rmsprop-2017 and rmsprop-2021 move the weights as
the Keras of the first and of the second edition did; augmentation-2017 changes the training
pictures as that of the first did, and keras-2017 does both.

Several runs are trained at once where there are cores for it: each gets two, as the recorded runs
had, since more would help these small networks little and change the last bits. On a GPU it is one
run at a time. --cluster hands the runs to a Ray cluster instead (pip install -e ".[cluster]"), to
the one at the address given or to one started here; a run that is cut off there begins anew.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from threading import Event

from cluster import CORES_A_RUN, train_on
from update_results import RESULTS, record, write_table

from chollet_cnn.book import recipes
from chollet_cnn.errors import UserError, run_cli
from chollet_cnn.evidence import records as recorded
from chollet_cnn.training import environment, runs


def seeds_of(text: str) -> list[int]:
    """Return the seeds that ``0-9`` or ``1,4,7-8`` stands for."""
    if not re.fullmatch(r"\d+(-\d+)?(,\d+(-\d+)?)*", text):
        raise UserError(f"--seeds is a list such as 0-9 or 1,4,7, not {text!r}")
    seeds = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        if int(last or first) < int(first):
            raise UserError(f"--seeds counts upwards, such as {last}-{first}, not {part}")
        seeds += range(int(first), int(last or first) + 1)
    return sorted(set(seeds))


def jobs_left(
    names: list[str],
    seeds: list[int],
    backend: str,
    *,
    device: str | None = None,
    variant: str | None = None,
    results: Path | None = None,
) -> list[dict]:
    """Return what is still to be trained, as arguments of ``train``, runs of one seed together.

    A run counts as trained where its backend and its ``device``, ``cpu`` or ``gpu``, are those that
    would train it now; with no device named, any will do.
    """
    results = results or RESULTS
    whole = recorded.read_runs(results) if (results / "runs.csv").is_file() else None
    found = [whole] if whole is not None else []
    if variant:
        variants = recorded.read_variants(results)
        found = [variants[variants["variant"] == variant]]
        # Seed 0 with the weights, or the order, of seed 0 is seed 0 itself.
        if whole is not None and variant in ("same-weights", "same-order"):
            found.append(whole[whole["seed"] == 0])
    done = set()
    for rows in found:
        alike = rows["backend"] == backend
        if device:
            alike &= rows["device"] == device
        done |= set(rows.loc[alike, ["recipe", "seed"]].itertuples(index=False, name=None))
    return [
        {"recipe": name, "dataset": recipes.get(name).dataset, "seed": seed}
        | recorded.VARIANTS.get(variant, {})
        for seed in seeds
        for name in names
        if (name, seed) not in done
    ]


def train_here(jobs: list[dict], out: str, processes: int) -> Iterator[tuple[dict, dict]]:
    """Train every job in a process of its own, as a reader would; yield it when it is finished."""
    threads = min(CORES_A_RUN, max(1, environment.cores() // processes))
    fewer = threads < environment.cores()
    variables = os.environ | (environment.limit_threads(threads) if fewer else {})
    failed = Event()

    def one(job: dict) -> dict | None:
        if failed.is_set():  # what failed one run would mostly fail the next
            return None
        command = [sys.executable, "-m", "chollet_cnn.train", job["recipe"], "--out", out]
        for name, value in job.items():
            if name != "recipe":
                command += [f"--{name.replace('_', '-')}", str(value)]
        done = subprocess.run([*command, "--resume", "--quiet"], env=variables, check=False)
        if done.returncode:
            failed.set()
            raise UserError(
                f"{job['recipe']} with seed {job['seed']} was not trained, for the reason above; "
                "what was finished is recorded, and the same command goes on"
            )
        return recorded.outcome(runs.read(runs.directory(out, job["recipe"], job["seed"])))

    pool = ThreadPoolExecutor(processes)
    try:
        waiting = {pool.submit(one, job): job for job in jobs}
        for finished in as_completed(waiting):
            if outcome := finished.result():
                yield waiting[finished], outcome
    finally:
        pool.shutdown(cancel_futures=True)


def device_here() -> str:
    """Return what a run would be trained on here: ``cpu`` or ``gpu``."""
    ask = "from chollet_cnn.training import devices as d; d.start_keras(); print(d.choose().kind)"
    # Asked in another process, since a backend that has looked for a GPU keeps its memory.
    told = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=False)
    if told.returncode:
        raise UserError(f"Keras did not start: {told.stderr.strip().splitlines()[-1]}")
    return told.stdout.split()[-1]


def main(argv: list[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("recipes", nargs="+", metavar="RECIPE")
    add("--seeds", default="0-9", help="such as 0-9 or 1,4,7 (default: 0-9)")
    add("--variant", choices=recorded.VARIANTS, help="what is changed in every run (see above)")
    add("--out", default="runs", help="where run directories go (default: runs)")
    add("--results", type=Path, metavar="DIR",
        help="record in this folder instead of the checkout's results/, for runs on pictures of "
        "your own; python -m chollet_cnn.claims --results DIR compares them")  # fmt: skip
    add("--processes", type=int, metavar="N", help="runs at once (default: as many as help)")
    add("--cluster", nargs="?", const="local", metavar="ADDRESS",
        help="let Ray train them, at this address or started here")  # fmt: skip
    options = parser.parse_args(argv)
    names = [recipes.get(name).name for name in options.recipes]
    seeds = seeds_of(options.seeds)
    if options.processes is not None and options.processes < 1:
        raise UserError(f"--processes is a whole number of at least 1, not {options.processes}")
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    device = None if options.cluster else device_here()  # who knows what a cluster has
    left = jobs_left(
        names,
        seeds,
        backend,
        device=device,
        variant=options.variant,
        results=options.results,
    )
    print(f"{len(left)} of {len(names) * len(seeds)} runs are still to be trained", flush=True)
    if not left:
        return 0
    at_once = None
    if options.cluster:
        finished = train_on(options.cluster, list(left))
    else:
        out = f"{options.out}/{options.variant}" if options.variant else options.out
        # Two cores a run, or a GPU.
        help_here = 1 if device == "gpu" else max(1, environment.cores() // CORES_A_RUN)
        at_once = options.processes or help_here
        finished = train_here(list(left), out, at_once)
    began, seconds = time.perf_counter(), {}
    for number, (job, outcome) in enumerate(finished, 1):
        record(outcome, options.variant, options.results)
        if options.results is None:
            write_table()
        left.remove(job)
        seconds.setdefault(job["recipe"], []).append(outcome["row"]["seconds"])
        later = time_left(left, seconds, time.perf_counter() - began, at_once)
        accuracy = outcome["row"]["test_accuracy"]
        print(f"{number}. {job['recipe']} seed {job['seed']}: {accuracy:.2%}; {later}", flush=True)
    return 0


def time_left(
    left: list[dict], seconds: dict[str, list[float]], elapsed: float, at_once: int | None = None
) -> str:
    """Say how long the runs that are left will take, going by the finished ones of each recipe.

    Args:
        left: the jobs that are left.
        seconds: how long the finished runs of each recipe took, from their first epoch on.
        elapsed: seconds since this command began to train.
        at_once: how many runs are trained at once; None where that is to be told from the times.
            (They tell it only of runs that were begun anew: one that went on from an epoch took
            longer than this command did.)
    """
    if not left:
        return "none left"
    at_once = min(at_once, len(left)) if at_once else sum(map(sum, seconds.values())) / elapsed
    known = [job["recipe"] for job in left if job["recipe"] in seconds]
    minutes = sum(sum(seconds[name]) / len(seconds[name]) for name in known) / at_once / 60
    unknown = len(left) - len(known)
    more = f", not counting {unknown} of a recipe not timed yet" if unknown else ""
    return f"{len(left)} left, about {minutes:.0f} min{more}"


if __name__ == "__main__":
    run_cli(main)
