"""Time the runner against what a reader would use instead, side by side in one go.

python scripts/benchmark.py                     the second edition's MNIST network
python scripts/benchmark.py cats-vs-dogs-first-edition cats-vs-dogs-second-edition

The contenders see the same pictures in the same number of steps of the same network:

keras    the book's way: model.fit with Keras's default compile options, from arrays (MNIST) or from
         image_dataset_from_directory (cats and dogs: decoding and validation included)
runner   this package (cats and dogs: validation included; the decoded pictures are cached)
bfloat16 the same with --precision bfloat16, which is another computation
torch    a plain PyTorch loop with the same layers and optimizer settings, where torch is installed
floor    forward and backward passes alone, on one batch that stays in memory

KERAS_BACKEND=jax or torch measures those backends, on a GPU where the backend sees one.

Every measurement is a process of its own, and the contenders take turns, so that a machine that
slows down slows them all. Each repeat goes to results/benchmark.csv, in the place of what was there
of its recipe; medians, ranges and ratios to the screen and to results/benchmark.md, the first table
of which the README shows.
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

from chollet_cnn import data, files
from chollet_cnn.book import recipes
from chollet_cnn.errors import UserError, run_cli

HERE = Path(__file__).parent
CONTENDERS = ("keras", "runner", "bfloat16", "torch", "floor")


def measure(contender: str, recipe: str, epochs: int, data_dir: str | None, folders: Path) -> dict:
    """Run one contender in a process of its own and return what it measured."""
    command = [sys.executable, HERE / "contenders.py", contender, recipe, "--epochs", str(epochs)]
    if data_dir:
        command += ["--data-dir", str(Path(data_dir).expanduser().resolve())]
    environment = os.environ | {
        "BENCHMARK_STARTED": str(time.time()),
        "BENCHMARK_FOLDERS": str(folders),
    }
    done = subprocess.run(
        command, capture_output=True, text=True, env=environment, cwd=HERE.parent, check=False
    )
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"its process ended with {done.returncode}"]
        raise UserError(f"{contender} did not run: {said[-1]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def lay_out_folders(recipe: recipes.Recipe, data_dir: str | None, place: Path) -> None:
    """Lay the JPEG files out as the book does, ``train/cat/cat.0.jpg``, for Keras to read."""
    from chollet_cnn.data import archives

    archive, pictures = archives.find(data_dir)
    with archives.reader(archive) as read:
        for picture in pictures:
            for use, (first, last) in recipe.data_options["splits"].items():
                if first <= picture.number < last:
                    folder = place / use / picture.kind
                    folder.mkdir(parents=True, exist_ok=True)
                    (folder / f"{picture.kind}.{picture.number}.jpg").write_bytes(
                        read(picture.file)
                    )


def multiply_accumulates(recipe: recipes.Recipe) -> int:
    """Count the products that one picture's way forward through a network takes."""
    from chollet_cnn.analysis.layer_table import layer_table
    from chollet_cnn.training import trainer

    return int(layer_table(trainer.build(recipe))["multiply_accumulates"].sum())


def summary(rows: pd.DataFrame) -> str:
    """Return what the README shows: a line a recipe, the runner against each of the others."""
    heads = (
        "recipe", "seconds an epoch", "against Keras's `fit`", "the floor against `fit`",
        "against plain PyTorch", "the floor against PyTorch", "`bfloat16` against `float32`",
        "first step after import", "peak memory",
    )  # fmt: skip
    lines = [f"| {' | '.join(heads)} |", "|---|" + "--:|" * (len(heads) - 1)]
    for recipe, own in rows.groupby("recipe", sort=False):
        runner = own[own["contender"] == "runner"]
        if runner.empty:
            continue
        cells = (
            recipe,
            _range(runner["epoch_seconds"], ".1f"),
            _ratio(own, "runner", "keras"),
            _ratio(own, "floor", "keras"),
            _ratio(own, "runner", "torch"),
            _ratio(own, "floor", "torch"),
            _ratio(own, "bfloat16", "runner"),
            f"{runner['first_step_after_import'].median():.1f} s",
            f"{runner['peak_mib'].median():,.0f} MiB",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def budget(rows: pd.DataFrame) -> str:
    """Return what an epoch's seconds go to: the floor, and what each way of training adds to it."""
    lines = ["| recipe | passes alone | `fit` adds | the runner adds |", "|---|--:|--:|--:|"]
    for recipe, own in rows.groupby("recipe", sort=False):
        seconds = own.pivot_table(index="repeat", columns="contender", values="epoch_seconds")
        if {"keras", "runner", "floor"} <= set(seconds):
            added = (
                _range(seconds[name] - seconds["floor"], "+.1f") for name in ("keras", "runner")
            )
            lines.append(f"| {recipe} | {_range(seconds['floor'], '.1f')} | {' | '.join(added)} |")
    return "\n".join(lines)


def table(rows: pd.DataFrame, macs: dict[str, int]) -> str:
    """Return medians and ranges as a Markdown table, a line for each contender of each recipe."""
    lines = [
        "| recipe | contender | seconds an epoch | against keras | against torch | "
        "pictures a second | share of matrix rate | cores busy | first epoch | "
        "first step (after import) | peak memory |",
        "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for (recipe, contender), runs in rows.groupby(["recipe", "contender"], sort=False):
        of_recipe = rows[rows["recipe"] == recipe]
        rate = runs["pictures"].iloc[0] / runs["epoch_seconds"].median()
        # A step is a forward pass and a backward pass that takes about twice the products.
        flops = 2 * 3 * macs[recipe] * rate / 1e9
        share = flops / of_recipe["matrix_product_gflops"].median()
        lines.append(
            f"| {recipe} | {contender} | {_range(runs['epoch_seconds'], '.1f')} | "
            f"{_ratio(of_recipe, contender, 'keras')} | "
            f"{_ratio(of_recipe, contender, 'torch')} | {rate:,.0f} | "
            f"{'' if np.isnan(share) else f'{share:.0%}'} | {_cores_busy(runs)} | "
            f"{runs['first_epoch'].median():.1f} s | "
            f"{runs['first_step'].median():.1f} s "
            f"({runs['first_step_after_import'].median():.1f} s) | "
            f"{runs['peak_mib'].median():,.0f} MiB |"
        )
    return "\n".join(lines)


def _ratio(rows: pd.DataFrame, contender: str, other: str) -> str:
    """Return the median ratio of two contenders' seconds, repeat by repeat, with its range."""
    seconds = rows.pivot_table(index="repeat", columns="contender", values="epoch_seconds")
    if not {contender, other} <= set(seconds) or contender == other:
        return ""
    return _range(seconds[contender] / seconds[other], ".2f")


def _cores_busy(runs: pd.DataFrame) -> str:
    """Return how many cores computed at once, where that was measured."""
    cores = (runs["processor_seconds"] / runs["epoch_seconds"]).dropna()
    return "" if cores.empty else _range(cores, ".1f")


def _range(values: pd.Series, places: str) -> str:
    if values.empty:
        return ""
    low, middle, high = (format(f(values), places) for f in (min, np.median, max))
    return f"{middle} ({low} to {high})"


def write(measured: pd.DataFrame, path: Path) -> None:
    """Write what was measured, in the order of the recipes, and the tables that are made of it."""
    place = {name: number for number, name in enumerate(recipes.RECIPES)}
    measured = measured.sort_values("recipe", key=lambda names: names.map(place), kind="stable")
    macs = {name: multiply_accumulates(recipes.get(name)) for name in measured["recipe"].unique()}
    text = f"""{summary(measured)}

Seconds are those of an epoch after the first, medians over several processes, with the lowest and
the highest; ratios are taken repeat by repeat, below 1 is faster. *keras* is `model.fit` as the
book calls it, *runner* this package, *bfloat16* this package with 16 bits, *torch* a plain PyTorch
loop, *floor* forward and backward passes alone. *Share of matrix rate* is the arithmetic done,
against what a large matrix product reaches on the same machine; *cores busy* is processor seconds
by seconds.

Every contender:

{table(measured, macs)}

Where the seconds of an epoch go, before (Keras's `fit`) and after (the runner); what is negative is
noise:

{budget(measured)}
"""
    files.write(path, measured.to_csv(index=False))
    files.write(path.with_suffix(".md"), text)
    print(text)


def main(argv: list[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("recipes", nargs="*", default=["mnist-second-edition"], metavar="RECIPE")
    add("--contenders", nargs="+", choices=CONTENDERS, default=list(CONTENDERS))
    add("--repeats", type=int, default=3, help="processes for each contender (default: 3)")
    add("--epochs", type=int, default=2, help="epochs timed after a first one (default: 2)")
    add("--data-dir", help="where the data lie")
    add("--out", type=Path, default=HERE.parent / "results" / "benchmark.csv")
    options = parser.parse_args(argv)
    names = [recipes.get(name).name for name in options.recipes]  # before anything takes time
    for option in ("repeats", "epochs"):
        if (count := getattr(options, option)) < 1:
            raise UserError(f"--{option} is a whole number of at least 1, not {count}")
    contenders = list(options.contenders)
    if "floor" in contenders and os.environ.get("KERAS_BACKEND", "tensorflow") != "tensorflow":
        print("the floor is left out: it is measured with TensorFlow only", file=sys.stderr)
        contenders.remove("floor")
    if "torch" in contenders and not find_spec("torch"):
        print("torch is left out: it is not installed (pip install torch)", file=sys.stderr)
        contenders.remove("torch")
    for name in names:
        rows = []
        recipe = recipes.get(name)
        with tempfile.TemporaryDirectory() as scratch:
            if recipe.dataset != "mnist":
                # Decoded once beforehand, so that every repeat of the runner finds them cached.
                data.load(recipe.dataset, options.data_dir, **recipe.data_options)
                lay_out_folders(recipe, options.data_dir, Path(scratch))
            for repeat in range(options.repeats):
                for contender in contenders:
                    result = measure(
                        contender, name, options.epochs, options.data_dir, Path(scratch)
                    )
                    rows.append(
                        {
                            "recipe": name,
                            "contender": contender,
                            "repeat": repeat,
                            "pictures": 60_000 if recipe.dataset == "mnist" else 2_000,
                            "epoch_seconds": float(np.median(result["epochs"][1:])),
                            "processor_seconds": float(np.median(result["processor_seconds"][1:])),
                            "first_epoch": result["epochs"][0],
                            "first_step": result["first_step"],
                            "first_step_after_import": result["first_step_after_import"],
                            "peak_mib": result["peak_mib"],
                            "matrix_product_gflops": result["matrix_product_gflops"],
                        }
                    )
                    print(
                        f"{name}, {contender}, repeat {repeat + 1}: "
                        f"{rows[-1]['epoch_seconds']:.1f} s an epoch",
                        file=sys.stderr,
                    )
        measured = pd.DataFrame(rows)
        if options.out.is_file():
            before = pd.read_csv(options.out)
            measured = pd.concat([before[before["recipe"] != name], measured], ignore_index=True)
        write(measured, options.out)
    return 0


if __name__ == "__main__":
    run_cli(main)
