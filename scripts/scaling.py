"""Measure how the cost of an epoch grows with the images, and write results/scaling.md.

    python scripts/scaling.py                             measures about as long as four short runs
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
from benchmark import RESULTS, measure, to_markdown

from chollet_cnn import files
from chollet_cnn.book import recipes
from chollet_cnn.errors import UserError, integer, run_cli

RECIPE = "mnist-second-edition"
IMAGES = (2_000, 10_000, 30_000, 60_000)
NODES = (1, 2, 5, 10, 20)
SEEDS = 10


def measure_images(counts: list[int], data_dir: str | None) -> pd.DataFrame:
    """Return seconds and memory of an epoch by the number of training images, a row a process."""
    place = ["--data-dir", Path(data_dir).expanduser().resolve()] if data_dir else []
    rows = []
    for count in counts:
        told = measure("runner", RECIPE, Path(), "--epochs", 2, "--train-images", count, *place)
        rows.append({
            "recipe": RECIPE,
            "pictures": count,
            "epoch_seconds": float(np.median(told["epochs"][1:])),
            "processor_seconds": float(np.median(told["processor_seconds"][1:])),
            "first_step": told["first_step"],
            "peak_mib": told["peak_mib"],
        })  # fmt: skip
        print(f"{count:,} images: {rows[-1]['epoch_seconds']:.2f} s an epoch", flush=True)
    return pd.DataFrame(rows)


def epoch_cost(rows: pd.DataFrame, column: str = "processor_seconds") -> tuple[float, float]:
    """Return the seconds that an epoch takes whatever its size, and those of each image.

    The line is fitted with each row weighted by its size, as the seconds scatter in proportion.
    """
    slope, fixed = np.polyfit(rows["pictures"], rows[column], 1, w=1 / rows[column])
    return max(0.0, float(fixed)), float(slope)


def study_cost(speeds: pd.DataFrame) -> pd.DataFrame:
    """Return the minutes that a study takes on so many nodes, one run at a time on each.

    Every run takes its start and its epochs, and a node takes its share of the seeds one after the
    other, so that the last of ``ceil(seeds / nodes)`` rounds ends the study.
    """
    lines = []
    for recipe, own in speeds[speeds["contender"] == "runner"].groupby("recipe", sort=False):
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
    largest = rows["pictures"].max()
    busy = rows["processor_seconds"] / rows["epoch_seconds"]
    table = pd.DataFrame({
        "images": rows["pictures"].map("{:,}".format),
        "seconds an epoch": rows["epoch_seconds"].map("{:.2f}".format),
        "processor seconds": rows["processor_seconds"].map("{:.2f}".format),
        "processor ms an image":
            (1000 * rows["processor_seconds"] / rows["pictures"]).map("{:.3f}".format),
        "cores busy": busy.map("{:.1f}".format),
        "peak memory": rows["peak_mib"].map("{:,.0f} MiB".format),
    })  # fmt: skip
    text = f"""# How the cost grows

Written by `python scripts/scaling.py` from what was measured on one machine with two cores.

## With the images

{to_markdown(table)}

{RECIPE}, the median of two epochs after the first. A line through the processor seconds gives
{fixed:.2f} s for an epoch of any size and {1e6 * each:.0f} µs for each image: at {largest:,} images
the fixed part is {fixed / (fixed + each * largest):.1%} of the epoch. The cost is that of the
images, and nothing is gained by longer epochs beyond {math.ceil(19 * fixed / each):,} images, where
the fixed part is 5%. Seconds depend on what else runs on the machine; processor seconds hardly do.
Images are mapped from a file piece by piece (cats vs dogs) or held as bytes (MNIST, 784 an image):
results/memory.csv has the peak memory up to 25,000 photographs.

## With the devices

Virtual devices share the cores of one processor, and one device keeps up to {busy.max():.1f} of the
two cores busy, so that they show that the results agree but do not speed anything up. Several GPUs
or several machines for one run were not measured.

## With the nodes

The minutes of a study of {SEEDS} seeds, computed: a run is its start and its epochs, as
results/benchmark.csv has them, and each node of two cores trains one run at a time.

{to_markdown(study_cost(speeds))}

The gain ends at as many nodes as there are seeds: a run is not divided. Before that it comes in
steps, since the last round counts whole even if few nodes have a run. Ray's own start and its
questions to the nodes, once a study, are not included.
"""
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
    if len(counts) < 2 or not 64 <= counts[0] <= counts[-1] <= IMAGES[-1]:
        raise UserError(f"--images takes two or more numbers from 64 to {IMAGES[-1]:,}")
    speeds = pd.read_csv(RESULTS / "benchmark.csv")
    write(measure_images(counts, options.data_dir), speeds, options.out)
    return 0


if __name__ == "__main__":
    run_cli(main)
