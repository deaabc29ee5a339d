"""Time training with this package against the alternatives, side by side.

python scripts/benchmark.py                     the second edition's MNIST network
python scripts/benchmark.py cats-vs-dogs-first-edition --repeats 3
python scripts/benchmark.py --memory 1000 25000 peak memory by the number of training images

The contenders train the same network on the same images for the same number of steps:

keras    model.fit as in the book: Keras's default compile options, from arrays (MNIST) or from
         image_dataset_from_directory (cats vs dogs, with validation)
no-xla   the same without XLA
tuned    model.fit with its best options: no XLA, 64 steps per execution, a cached tf.data pipeline
         that is not tuned while it runs
runner   this package (cats vs dogs: with validation, from the cache of decoded images)
bfloat16 this package with --precision bfloat16, which changes the arithmetic
torch    a plain PyTorch loop with the same layers and optimizer settings, if PyTorch is installed
forward  forward passes alone on one batch in memory
floor    forward and backward passes alone on one batch in memory

KERAS_BACKEND=jax or torch measures keras, runner and torch on those backends, on a GPU if the
backend finds one. Every measurement is a process of its own, and the contenders take turns, so that
a slowdown of the machine affects all of them. Each repeat is a row of results/benchmark.csv; the
earlier rows of its recipe on this backend and device are replaced, or kept with --add.
results/benchmark.md has medians, ranges and ratios; a ratio compares contenders of one repeat.
Backends and devices are never mixed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
from contenders import CONTENDERS, TENSORFLOW_ONLY, with_images

from chollet_cnn import data, files
from chollet_cnn.book import recipes
from chollet_cnn.data import archives, containers
from chollet_cnn.drawing.progress import spinner
from chollet_cnn.errors import UserError, integer, run_cli
from chollet_cnn.evidence import records, tables
from chollet_cnn.training import devices

HERE = Path(__file__).parent
RESULTS = HERE.parent / "results"
MEMORY_RECIPE = "cats-vs-dogs-first-edition"
KIND = ["backend", "device"]
FLOATS = (
    "epoch_seconds", "processor_seconds", "waiting_seconds", "first_epoch", "first_step",
    "first_step_after_import", "peak_mib", "matrix_product_gflops",
)  # fmt: skip
CLOCKS = {"epoch_seconds": "epoch seconds without waiting", "processor_seconds": "CPU seconds"}


def measure(
    contender: str, recipe: str, folders: Path, *options: object, **environment: str
) -> dict:
    """Run one contender in a process of its own and return what it measured.

    Seconds are the median of the epochs after the first.
    """
    done = subprocess.run(
        [sys.executable, HERE / "contenders.py", contender, recipe, *map(str, options)],
        capture_output=True,
        text=True,
        env=os.environ
        | {"BENCHMARK_STARTED": str(time.time()), "BENCHMARK_FOLDERS": str(folders)}
        | environment,
        cwd=HERE.parent,
        check=False,
    )
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"its process ended with {done.returncode}"]
        raise UserError(f"{contender} did not run: {said[-1].removeprefix('error: ')}")
    told = json.loads(done.stdout.strip().splitlines()[-1])
    told["first_epoch"] = told["epochs"][0]
    told["epoch_seconds"] = told.pop("epochs")
    for clock in ("epoch_seconds", "waiting_seconds", "processor_seconds"):
        others = np.array(told[clock][1:], float)  # None, where a contender has none, becomes NaN
        told[clock] = float(np.median(others)) if len(others) else np.nan
    return told


def write_images(place: Path, recipe: recipes.Recipe, data_dir: str | None) -> None:
    """Write the JPEG files of a recipe as the book does, ``train/cat/cat.0.jpg``.

    Where there are too few, the same ones come again under new numbers.
    """
    archive, images = archives.find(data_dir)
    with containers.reader(archive) as read:
        for kind in ("cat", "dog"):
            found = {image.number: image.file for image in images if image.kind == kind}
            for use, (first, last) in recipe.data_options["splits"].items():
                (place / use / kind).mkdir(parents=True)
                for number in range(first, last):
                    file = found.get(number) or list(found.values())[number % len(found)]
                    (place / use / kind / f"{kind}.{number}.jpg").write_bytes(read(file))


def measure_memory(counts: list[int], data_dir: str | None) -> pd.DataFrame:
    """Return the peak memory of decoding and one epoch, for each number of training images."""
    rows = []
    for count in counts:
        with tempfile.TemporaryDirectory() as scratch:
            images = Path(scratch, "images")
            write_images(images, with_images(recipes.get(MEMORY_RECIPE), count), data_dir)
            options = ("--epochs", 0, "--data-dir", images, "--train-images", count)
            cache = {"CHOLLET_CNN_CACHE": str(Path(scratch, "cache"))}
            result = measure("runner", MEMORY_RECIPE, images, *options, **cache)
        if np.isnan(result["peak_mib"]):
            raise UserError("this system does not tell a process's peak memory; use Linux or macOS")
        rows.append({"pictures": count, "peak_mib": round(result["peak_mib"])})
        print(f"{count:,} images: {rows[-1]['peak_mib']:,} MiB", flush=True)
    table = pd.DataFrame(rows)
    return table.assign(against_the_first=(table["peak_mib"] / table["peak_mib"].iloc[0]).round(3))


def multiply_accumulates(recipe: recipes.Recipe) -> int:
    """Return the number of multiplications in one image's forward pass."""
    devices.start_keras()
    from chollet_cnn.analysis.layer_table import list_layers
    from chollet_cnn.training import fitting

    return int(list_layers(fitting.build(recipe))["multiply_accumulates"].sum())


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the README's table: one row per recipe, the runner against each of the others."""
    lines = []
    for recipe, own in rows.groupby("recipe", sort=False):
        middle = own.groupby("contender")[["first_step_after_import", "peak_mib"]].median()
        if "runner" not in middle.index:
            continue
        runner, memory = own[own["contender"] == "runner"], middle["peak_mib"]
        lines.append({
            "recipe": recipe,
            "seconds per epoch": _seconds(runner["epoch_seconds"]),
            "cores busy": _range(_cores(runner), ".1f"),
            "against Keras's `fit`": _ratio(own, "runner", "keras"),
            "against tuned `fit`": _ratio(own, "runner", "tuned"),
            "the floor against `fit`": _ratio(own, "floor", "keras"),
            "against plain PyTorch": _ratio(own, "runner", "torch"),
            "the floor against PyTorch": _ratio(own, "floor", "torch"),
            "`bfloat16` against `float32`": _ratio(own, "bfloat16", "runner"),
            "first step after import": f"{middle['first_step_after_import']['runner']:.1f} s",
            "peak memory": _number(memory["runner"], "{:,.0f} MiB"),
            "memory against `fit`":
                _number(memory["runner"] / memory.get("keras", np.nan), "{:.2f}"),
        })  # fmt: skip
    return pd.DataFrame(lines)


def budget(rows: pd.DataFrame) -> pd.DataFrame:
    """Return where an epoch's seconds go: the passes, and what each way of training adds."""
    lines = []
    for recipe, own in rows.groupby("recipe", sort=False):
        seconds = own.pivot_table(index="repeat", columns="contender", values="epoch_seconds")
        if {"keras", "runner", "floor"} <= set(seconds):
            lines.append({
                "recipe": recipe,
                "passes alone": _range(seconds["floor"], ".1f"),
                "of which forward": _range(seconds.get("forward", pd.Series()), ".1f"),
                "`fit` adds": _range(seconds["keras"] - seconds["floor"], "+.1f"),
                "the runner adds": _range(seconds["runner"] - seconds["floor"], "+.1f"),
            })  # fmt: skip
    return pd.DataFrame(lines)


def lead(rows: pd.DataFrame) -> pd.DataFrame:
    """Return how much of the lead over ``fit`` comes from doing without XLA, by both clocks.

    Only repeats that have all four contenders count: the machine is not equally fast in all. The
    seconds that ``fit`` waits when an epoch has ended are left out: they hit it at random.
    """
    rows = rows.assign(epoch_seconds=rows["epoch_seconds"] - rows["waiting_seconds"].fillna(0))
    lines, needed = [], {"keras", "no-xla", "tuned", "runner"}
    contenders = rows.groupby(["recipe", "repeat"])["contender"]
    rows = rows[contenders.transform(lambda names: needed <= set(names)).astype(bool)]
    for recipe, own in rows.groupby("recipe", sort=False):
        for clock, words in CLOCKS.items():
            middle = own.groupby("contender")[clock].median()
            ahead = middle["keras"] - middle["runner"]
            saved = middle["keras"] - middle["no-xla"]
            share = f"{saved / ahead:.0%}" if min(saved, ahead) > 0 else "none"
            lines.append({
                "recipe": recipe,
                "repeats": str(own["repeat"].nunique()),
                "clock": words,
                "`fit`": f"{middle['keras']:.1f}",
                "without XLA": f"{middle['no-xla']:.1f}",
                "tuned": f"{middle['tuned']:.1f}",
                "runner": f"{middle['runner']:.1f}",
                "XLA's share of the lead": share if ahead > 0 else "",
                "runner against tuned": f"{middle['runner'] / middle['tuned']:.2f}",
            })  # fmt: skip
    return pd.DataFrame(lines)


def table(rows: pd.DataFrame, macs: dict[str, int]) -> pd.DataFrame:
    """Return medians and ranges, a row for each contender of each recipe."""
    lines = []
    for (recipe, contender), runs in rows.groupby(["recipe", "contender"], sort=False):
        of_recipe = rows[rows["recipe"] == recipe]
        rate = runs["pictures"].iloc[0] / runs["epoch_seconds"].median()
        # A step is a forward pass and a backward pass, which takes about twice the products.
        flops = 2 * (1 if contender == "forward" else 3) * macs[recipe] * rate / 1e9
        share = flops / of_recipe["matrix_product_gflops"].median()
        middle, waited = runs.median(numeric_only=True), runs["waiting_seconds"]
        lines.append({
            "recipe": recipe,
            "contender": contender,
            "seconds per epoch": _seconds(runs["epoch_seconds"]),
            "of which waiting": _range(waited, ".1f"),
            "against keras": _ratio(of_recipe, contender, "keras"),
            "against torch": _ratio(of_recipe, contender, "torch"),
            "images per second": f"{rate:,.0f}",
            "share of matrix rate": _number(share, "{:.0%}"),
            "cores busy": _range(_cores(runs), ".1f"),
            "first epoch": f"{middle['first_epoch']:.1f} s",
            "first step (after import)":
                f"{middle['first_step']:.1f} s ({middle['first_step_after_import']:.1f} s)",
            "peak memory": _number(middle["peak_mib"], "{:,.0f} MiB"),
        })  # fmt: skip
    return pd.DataFrame(lines)


def _cores(rows: pd.DataFrame) -> pd.Series:
    """Return how many cores each process kept busy."""
    return rows["processor_seconds"] / rows["epoch_seconds"]


def _ratio(rows: pd.DataFrame, contender: str, other: str) -> str:
    """Return the median ratio of two contenders' seconds, repeat by repeat, with its range."""
    seconds = rows.pivot_table(index="repeat", columns="contender", values="epoch_seconds")
    if not {contender, other} <= set(seconds) or contender == other:
        return ""
    return _range(seconds[contender] / seconds[other], ".2f")


def _number(value: float, words: str) -> str:
    """Return a number in its words, or nothing where it was not measured."""
    return "" if np.isnan(value) else words.format(value)


def _seconds(values: pd.Series) -> str:
    """Return seconds as :func:`_range` does, in tenths, or in hundredths below a second."""
    return _range(values, ".2f" if values.median() < 1 else ".1f")


def _range(values: pd.Series, places: str) -> str:
    """Return the median with the lowest and the highest value, a single value alone, or nothing."""
    values = values.dropna()
    if values.empty:
        return ""
    low, middle, high = (format(f(values), places) for f in (min, np.median, max))
    return f"{middle} ({low} to {high})" if len(values) > 1 else middle


def read(path: Path) -> pd.DataFrame:
    """Read a table of measurements, every bit as it was written."""
    return pd.read_csv(path, converters=records.every_bit(FLOATS))


def by_kind(measured: pd.DataFrame) -> list[pd.DataFrame]:
    """Return the rows of each backend and device, those with the most rows first."""
    kinds = [rows for _, rows in measured.groupby(KIND, sort=False)]
    return sorted(kinds, key=len, reverse=True)


def _kind_name(rows: pd.DataFrame) -> str:
    """Return the backend and the device that all rows were measured with, for a sentence."""
    backend, device = rows[KIND].iloc[0]
    place = "the CPU" if device == "CPU" else f"one GPU ({device})"
    return f"{devices.BACKENDS[backend]} on {place}"


def write(measured: pd.DataFrame, path: Path) -> None:
    """Write what was measured, in the order of the recipes, and the tables made from it."""
    place = {name: number for number, name in enumerate(recipes.RECIPES)}
    measured = measured.sort_values("recipe", key=lambda names: names.map(place), kind="stable")
    macs = {name: multiply_accumulates(recipes.get(name)) for name in measured["recipe"].unique()}
    here, *elsewhere = by_kind(measured)
    text = render(
        "benchmark.md",
        gpus=(measured["device"] != "CPU").any(),
        here=_kind_name(here),
        summary=summary(here),
        lead=lead(here),
        contenders=table(here, macs),
        budget=budget(here),
        elsewhere=[
            {"name": _kind_name(rows), "contenders": table(rows, macs)} for rows in elsewhere
        ],
    )
    files.write(path, measured.to_csv(index=False))
    files.write(path.with_suffix(".md"), text)
    print(text)


def render(template: str, **values: object) -> str:
    """Return a text of ``scripts/templates`` with tables and numbers in it."""
    return tables.templates(HERE / "templates").get_template(template).render(values)


def _available(contenders: list[str]) -> list[str]:
    """Return the contenders that can run here, and name the others on standard error."""
    skipped = {}
    if devices.chosen_backend() != "tensorflow":
        skipped = dict.fromkeys(TENSORFLOW_ONLY, "it is measured with TensorFlow only")
    if not find_spec("torch"):
        skipped["torch"] = "PyTorch is not installed (pip install torch)"
    for name in contenders:
        if name in skipped:
            print(f"{name} is skipped: {skipped[name]}", file=sys.stderr)
    return [name for name in contenders if name not in skipped]


def _that_can_train(recipe: recipes.Recipe, contenders: list[str]) -> list[str]:
    """Return the contenders that can train a recipe, and name the other on standard error."""
    if "torch" in contenders and recipe.network_options.get("augmentation"):
        print(f"torch is skipped for {recipe.name}: its loop has no augmentation", file=sys.stderr)
        return [name for name in contenders if name != "torch"]
    return contenders


def compare(
    recipe: recipes.Recipe, contenders: list[str], repeats: int, epochs: int, data_dir: str | None
) -> pd.DataFrame:
    """Measure each contender ``repeats`` times, in turns; a row is one process."""
    options = ["--epochs", epochs]
    options += ["--data-dir", Path(data_dir).expanduser().resolve()] if data_dir else []
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        if recipe.dataset != "mnist":
            # Decoded once beforehand, so that every repeat of the runner finds the images cached.
            data.load_dataset(recipe.dataset, data_dir, **recipe.data_options)
            write_images(Path(scratch), recipe, data_dir)
        for repeat in range(repeats):
            for contender in contenders:
                turn = f"{recipe.name}, {contender}, repeat {repeat + 1}"
                with spinner(turn):
                    told = measure(contender, recipe.name, Path(scratch), *options)
                row = {"recipe": recipe.name, "contender": contender, "repeat": repeat}
                first, last = recipe.data_options.get("splits", {}).get("train", (0, 30_000))
                row["pictures"] = 2 * (last - first)  # as many cats as dogs; 60,000 digits
                rows.append(row | told)
                print(f"{turn}: {told['epoch_seconds']:.1f} s per epoch", file=sys.stderr)
    return pd.DataFrame(rows)


def main(argv: list[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("recipes", nargs="*", default=["mnist-second-edition"], metavar="RECIPE")
    add("--contenders", nargs="+", choices=CONTENDERS, default=list(CONTENDERS))
    add("--repeats", type=integer, default=3, help="processes for each contender (default: 3)")
    add("--epochs", type=integer, default=2, help="epochs timed after a first one (default: 2)")
    add("--memory", type=integer, nargs="+", metavar="IMAGES", help="measure peak memory instead, "
        f"training {MEMORY_RECIPE} on so many images; writes memory.csv")  # fmt: skip
    add("--add", action="store_true", help="keep the earlier repeats of the recipes beside these")
    add("--data-dir", help="where to look for the data first")
    add("--out", type=Path, default=RESULTS, metavar="DIR", help="default: results")
    options = parser.parse_args(argv)
    chosen = [recipes.get(name) for name in options.recipes]  # before anything takes time
    for option in ("repeats", "epochs"):
        if (count := getattr(options, option)) < 1:
            raise UserError(f"--{option} must be a whole number of at least 1, not {count}")
    out = options.out / ("memory.csv" if options.memory else "benchmark.csv")
    files.check_writable(out)
    if options.memory:
        memory = measure_memory(options.memory, options.data_dir)
        files.write(out, memory.to_csv(index=False))
        return 0
    available = _available(options.contenders)
    lists = {recipe.name: _that_can_train(recipe, available) for recipe in chosen}
    if not all(lists.values()):
        raise UserError("none of the contenders can run here; name others with --contenders")
    if out.is_file() and (missing := {"recipe", "repeat", *KIND}.difference(read(out).columns)):
        raise UserError(
            f"{out} has no column {' or '.join(sorted(missing))}, as an earlier version wrote it; "
            "remove it, or name another folder with --out"
        )
    for recipe in chosen:
        contenders = lists[recipe.name]
        measured = compare(recipe, contenders, options.repeats, options.epochs, options.data_dir)
        if out.is_file():
            before = read(out)
            same = ["recipe", *KIND]
            replaced = (before[same] == measured[same].iloc[0]).all(axis=1)
            if options.add and replaced.any():
                measured["repeat"] += before.loc[replaced, "repeat"].max() + 1
            else:
                before = before[~replaced]
            measured = pd.concat([before, measured], ignore_index=True)
        write(measured, out)
    return 0


if __name__ == "__main__":
    run_cli(main)
