"""Train recorded runs again and compare: bit-identical, or at least the same accuracy.

Where versions, processor and threads are those of the record, a run ends with the same weights and
the same learning curve, bit for bit, or something has changed that should not have. Elsewhere the
last bits differ, and the accuracy is compared with the recorded seeds of that recipe: it may be as
far from their mean as any of them, or up to three standard deviations. With fewer than five seeds
the standard deviation that the test set's size alone gives is used instead
(:func:`chollet_cnn.evidence.statistics.expected_sd`).

From the shell ``python -m chollet_cnn.reproduce``, from Python :func:`reproduce`.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterable
from itertools import product
from pathlib import Path

import pandas as pd

from chollet_cnn import files
from chollet_cnn.book import recipes
from chollet_cnn.data import mnist
from chollet_cnn.data.sources import NotFound
from chollet_cnn.drawing.progress import spinner
from chollet_cnn.errors import UserError
from chollet_cnn.evidence import records, statistics, tables
from chollet_cnn.evidence.run_many import FoldersSplit, Job
from chollet_cnn.training import devices, environment
from chollet_cnn.training.plan import Diverged
from chollet_cnn.training.runs import Run
from chollet_cnn.training.trainer import train_network

SAME_BITS = "bit-identical"
OTHER_BITS = "unexpectedly different"
INSIDE = "inside the recorded range"
OUTSIDE = "outside the recorded range"
OTHER_SPLIT = "not comparable: split by folder"
NO_DATA = "skipped: data not found"
DIVERGED = "training diverged"
NOT_TRAINED = "not trained"
FAILURES = {
    NotFound: NO_DATA, FoldersSplit: OTHER_SPLIT, Diverged: DIVERGED, UserError: NOT_TRAINED
}  # fmt: skip
"""What is said of a run that could not be trained; the first kind of error that fits."""
DEVIATIONS = 3
# What of a record's environment decides the bits, and what to call it.
DECIDES = {
    "versions": "versions", "machine": "processor and threads", "backend": "backend",
    "device": "device", "data_sha256": "images", "processor_kind": "kind of processor",
    "numerics": "settings of the backend",
}  # fmt: skip
# The short runs of --quick: recipe, data set, epochs. Each is recorded with several seeds, so that
# another kind of machine has a range to compare with; only the first seed is trained again.
QUICK = (
    ("mnist-three-block", "digits", 5),
    ("mnist-first-edition", "digits", 5),
    ("mnist-third-edition", "digits", 3),
    ("mnist-three-block", "mnist", 1),
)
QUICK_SEEDS = range(5)


def reproduce(
    names: Iterable[str] = (),
    *,
    seed: int | None = None,
    every: bool = False,
    quick: bool = False,
    data_dir: str | Path | None = None,
    results: Path = records.RESULTS,
    say: Callable[[str], None] = lambda line: None,
    quiet: bool = True,
) -> pd.DataFrame:
    """Train recorded runs again and return how each compares with its record.

    Args:
        names: the recipes; of each, its first recorded seed.
        seed: another seed than the first.
        every: all recorded seeds; without ``names``, of all recipes.
        quick: the short runs of ``results/quick.csv`` instead of those of ``results/runs.csv``.
        data_dir: a folder to search for the data first.
        results: the folder of the records.
        say: is called with a line before each run.
        quiet: print no line for each epoch.

    Returns:
        One row per run: ``recipe``, ``data``, ``seed``, ``recorded`` and ``now`` (test accuracy,
        0..1), ``same_bits``, ``verdict``, ``holds``, and ``why``, the likely cause of a difference.

    Raises:
        UserError: if no such run is recorded.
    """
    names = [recipes.get(name).name for name in names]
    if not (names or every or quick):
        raise UserError("name a recipe, or use --all or --quick")
    path = results / (records.QUICK if quick else records.RUNS)
    table = records.read_table(results, path.name)
    rows = table if quick else _with_curves(table, results)
    chosen = _choose(rows, names, seed, every, path)
    lines = []
    for number, record in enumerate(chosen, 1):
        say(f"{number}/{len(chosen)} {record['recipe']} on {record['data']}, seed {record['seed']}")
        line = {key: record[key] for key in ("recipe", "data", "seed")}
        line["recorded"] = record["test_accuracy"]
        try:
            if quick and record["dataset"] == "mnist" and not mnist.find(data_dir):
                raise NotFound("MNIST was not found, and a short run is not worth a download")
            with tempfile.TemporaryDirectory() as folder, spinner("training"):
                run = _train(record, data_dir, folder, quiet)
                numerics = {"numerics": environment.changed_numerics(run.environment)}
                line |= compare(record, records.to_quick_row(run) | numerics, rows)
        except UserError as problem:  # the others are worth their hours
            verdict = next(said for kind, said in FAILURES.items() if isinstance(problem, kind))
            line |= {"now": None, "same_bits": False, "verdict": verdict}
            line["holds"] = quick and verdict == NO_DATA
            line["why"] = "" if verdict == DIVERGED else str(problem)  # that names a folder gone
        lines.append(line)
    return pd.DataFrame(lines)


def compare(record: dict, now: dict, rows: pd.DataFrame) -> dict[str, object]:
    """Compare a run that was trained again with its record.

    Args:
        record: a row of the records and its learning curve, as
            :func:`chollet_cnn.evidence.records.to_quick_row` makes it.
        now: the same of the run trained now, and in ``numerics`` what was changed of the backend's
            settings; runs are recorded with the defaults.
        rows: all records; those like ``record`` but for their seed give the range.
    """
    record, now = ({"numerics": environment.DEFAULTS} | row for row in (record, now))
    same_weights = now["weights_sha256"] == record["weights_sha256"]
    # Of a record whose curve is not kept the weights alone tell.
    same_curve = record["history"] in ("", now["history"])
    other = {
        what: name for what, name in DECIDES.items() if what in record and now[what] != record[what]
    }
    line = {"now": now["test_accuracy"], "same_bits": same_weights and same_curve}
    if line["same_bits"]:
        return line | {"verdict": SAME_BITS, "holds": True, "why": ""}
    if not other:
        differs = "the learning curve" if same_weights else "the weights"
        why = (
            f"{differs} differ from the record though its versions, processor and threads are the "
            "same here: the package's own code has changed since (git log), or something that is "
            "not recorded, such as another library or a processor that only shares the name"
        )
        return line | {"verdict": OTHER_BITS, "holds": False, "why": why}
    why = "; ".join(
        f"other {name}: {now[what]}, recorded {record[what]}" for what, name in other.items()
    )
    low, high = allowed(record, rows)
    inside = low <= now["test_accuracy"] <= high
    return line | {"verdict": INSIDE if inside else OUTSIDE, "holds": inside, "why": why}


def allowed(record: dict, rows: pd.DataFrame) -> tuple[float, float]:
    """Return between which test accuracies a run of a recipe counts as reproduced elsewhere."""
    like = ["recipe", "data_sha256", "epochs", "backend", "device"]
    alike = records.matching(rows, {key: record[key] for key in like})
    sample = statistics.summarize(alike["test_accuracy"])
    sd = sample.sd
    if sample.n < statistics.MIN_RUNS_INSIDE:
        sd = statistics.expected_sd(sample.mean, record["test_pictures"])
    margin = DEVIATIONS * sd
    return min(sample.min, sample.mean - margin), max(sample.max, sample.mean + margin)


def record_quick(
    data_dir: str | Path | None = None,
    results: Path = records.RESULTS,
    *,
    short_runs: Iterable[tuple[str, str, int]] = QUICK,
    seeds: Iterable[int] = QUICK_SEEDS,
    say: Callable[[str], None] = lambda line: None,
) -> Path:
    """Train short runs, each a recipe, a data set and epochs, and write ``results/quick.csv``."""
    path = results / records.QUICK
    files.check_writable(path)
    rows = []
    for (recipe, dataset, epochs), seed in product(short_runs, seeds):
        say(f"{recipe} on {dataset}, seed {seed}")
        short = {"recipe": recipe, "dataset": dataset, "epochs": epochs, "seed": seed}
        with tempfile.TemporaryDirectory() as folder, spinner("training"):
            row = records.to_quick_row(_train(short, data_dir, folder))
        rows.append(row | {"dataset": dataset})
    files.write(path, pd.DataFrame(rows).drop(columns=["seconds"]).to_csv(index=False))
    return path


def _with_curves(rows: pd.DataFrame, results: Path) -> pd.DataFrame:
    """Return recorded runs with the columns that only short runs have."""
    curves = records.read_curves(rows, results)
    keys = ["recipe", "seed", "backend", "device"]
    by_run = {run: records.curve_to_text(curve) for run, curve in curves.groupby(keys)}
    return rows.assign(
        history=[by_run.get(run, "") for run in rows[keys].itertuples(index=False, name=None)],
        test_pictures=[recipes.image_count(name, "test_accuracy") for name in rows["recipe"]],
        dataset=[recipes.get(name).dataset for name in rows["recipe"]],
    )


def _choose(
    rows: pd.DataFrame, names: list[str], seed: int | None, every: bool, path: Path
) -> list[dict]:
    """Return the records to train again; of several kinds of run the one nearest to here."""
    found = rows[rows["recipe"].isin(names)] if names else rows
    if seed is not None:
        found = found[found["seed"] == seed]
    missing = set(names) - set(found["recipe"])
    if missing or found.empty:
        what = " and ".join(sorted(missing)) or "those recipes"
        what += f" with seed {seed}" if seed is not None else ""
        raise UserError(f"no run of {what} is recorded; {path} has those that are")
    devices.start_keras()
    from chollet_cnn.training import backend

    backend.use_deterministic_gpu_operations()  # before a GPU is looked for
    device = devices.choose().kind
    places = {name: place for place, name in enumerate(recipes.RECIPES)}
    near = found.assign(
        place=found["recipe"].map(places),
        distance=2 * (found["backend"] != backend.BACKEND) + (found["device"] != device),
    ).sort_values(["place", "seed", "distance"], kind="stable")
    short_run = ["recipe", "dataset", "epochs"]
    near = near.drop_duplicates([*short_run, "seed"])
    return (near if every else near.drop_duplicates(short_run)).to_dict("records")


def _train(record: dict, data_dir: str | Path | None, folder: str, quiet: bool = True) -> Run:
    """Train what a record says, on its kind of device if there is one."""
    devices.start_keras()
    # TensorFlow warns of functions compiled again and again; here each run must compile its own.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    images = {"dataset": record["dataset"], "data_dir": data_dir}
    Job(record["recipe"], record["seed"], images).load_dataset()  # refuse before it is trained
    return train_network(
        record["recipe"],
        **images,
        epochs=int(record["epochs"]),
        seed=int(record["seed"]),
        out=folder,
        device="cpu" if record.get("device") == "cpu" else "auto",
        quiet=quiet,
    )


def to_text(compared: pd.DataFrame) -> str:
    """Return the comparison as text: one line per run, and what explains the differences."""
    table = compared[["recipe", "data", "seed", "recorded", "now", "verdict"]].assign(
        seed=compared["seed"].astype(str),
        recorded=compared["recorded"].map(tables.percent),
        now=compared["now"].map(tables.percent),
    )
    causes = dict.fromkeys(filter(None, compared["why"]))
    return "\n".join([tables.to_text(table), *(f"Likely cause: {why}." for why in causes)])
