"""Measure how the cost of an epoch grows with the images, and write results/scaling.md.

    python scripts/scaling.py                             two minutes on two cores
    python scripts/scaling.py --images 2000 60000

Each number of images is trained on in a process of its own, as scripts/benchmark.py does it; the
rows go to results/scaling.csv. How a study of many seeds grows with the nodes of a cluster is
computed from the epochs and starts in results/benchmark.csv.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import numpy as np
import pandas as pd
from benchmark import RESULTS, measure, render

from chollet_cnn import files
from chollet_cnn.book import recipes
from chollet_cnn.errors import UserError, integer, run_cli

RECIPE = "mnist-second-edition"
IMAGES = (2_000, 8_000, 32_000)
MOST_IMAGES = 60_000
STUDIES = (RECIPE, "cats-vs-dogs-first-edition", "cats-vs-dogs-second-edition")
NODES = (1, 2, 5, 10, 20)
SEEDS = 10


def measure_images(counts: list[int], data_dir: str | None) -> pd.DataFrame:
    """Return seconds and memory of an epoch by the number of training images, a row a process."""
    place = ["--data-dir", Path(data_dir).expanduser().resolve()] if data_dir else []
    rows = []
    for count in counts:
        told = measure("runner", RECIPE, Path(), "--epochs", 2, "--train-images", count, *place)
        rows.append({"recipe": RECIPE, "pictures": count} | told)
        print(f"{count:,} images: {told['epoch_seconds']:.2f} s an epoch", flush=True)
    kept = ["epoch_seconds", "processor_seconds", "first_step", "peak_mib"]
    return pd.DataFrame(rows)[["recipe", "pictures", *kept]]


def epoch_cost(rows: pd.DataFrame) -> tuple[float, float]:
    """Return the processor seconds of an epoch whatever its size, and those of each image.

    The line is fitted with each row weighted by its size, as the seconds scatter in proportion.
    """
    seconds = rows["processor_seconds"]
    slope, fixed = np.polyfit(rows["pictures"], seconds, 1, w=1 / seconds)
    return max(0.0, float(fixed)), float(slope)


def study_cost(speeds: pd.DataFrame) -> pd.DataFrame:
    """Return the minutes that a study takes on so many nodes, one run at a time on each.

    Every run takes its start and its epochs, and a node takes its share of the seeds one after the
    other, so that the last of ``ceil(seeds / nodes)`` rounds ends the study.
    """
    lines = []
    for recipe in STUDIES:
        own = speeds[(speeds["contender"] == "runner") & (speeds["recipe"] == recipe)]
        if own.empty:
            continue
        middle = own.median(numeric_only=True)
        seconds = middle["first_step"] + recipes.get(recipe).epochs * middle["epoch_seconds"]
        line = {"recipe": recipe, "a run": f"{seconds / 60:.1f} min"}
        line["of which start"] = f"{middle['first_step'] / seconds:.1%}"
        for nodes in NODES:
            minutes = math.ceil(SEEDS / nodes) * seconds / 60
            line[f"{nodes} node{'s' * (nodes > 1)}"] = f"{minutes:.1f} min"
        lines.append(line)
    return pd.DataFrame(lines)


def write(rows: pd.DataFrame, speeds: pd.DataFrame, folder: Path) -> None:
    """Write what was measured, and the text made from it."""
    fixed, each = epoch_cost(rows)
    own = speeds[speeds["contender"] == "runner"]
    text = render(
        "scaling.md",
        recipe=RECIPE,
        rows=rows.to_dict("records"),
        fixed=fixed,
        each=each,
        start=rows["first_step"].median(),
        busy=(own["processor_seconds"] / own["epoch_seconds"]).max(),
        seeds=SEEDS,
        studies=study_cost(speeds),
    )
    files.write(folder / "scaling.csv", rows.to_csv(index=False))
    files.write(folder / "scaling.md", text)
    print(text)


def main(argv: list[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--images", type=integer, nargs="+", default=list(IMAGES), metavar="N",
        help="numbers of training images")  # fmt: skip
    add("--data-dir", help="where to look for the data first")
    add("--out", type=Path, default=RESULTS, metavar="DIR", help="default: results")
    options = parser.parse_args(argv)
    counts = sorted(set(options.images))
    if len(counts) < 2 or not 64 <= counts[0] <= counts[-1] <= MOST_IMAGES:
        raise UserError(f"--images takes two or more numbers from 64 to {MOST_IMAGES:,}")
    speeds = pd.read_csv(RESULTS / "benchmark.csv")
    write(measure_images(counts, options.data_dir), speeds, options.out)
    return 0


if __name__ == "__main__":
    run_cli(main)
