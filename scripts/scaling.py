"""Measure how the cost of an epoch grows with images and devices, and write results/scaling.md.

    python scripts/scaling.py                             two minutes on two cores
    python scripts/scaling.py --images 2000 60000
    KERAS_BACKEND=jax python scripts/scaling.py --devices     devices instead, 10 to 20 minutes

Each number of images is trained on in a process of its own, as scripts/benchmark.py does it; the
rows go to results/scaling.csv. Devices are measured on Linux with Keras on JAX: a process
with one core, two with a core each, and one with both; the rows go to results/devices.csv. How a
study of many seeds grows with the nodes of a cluster is computed from the epochs and starts in
results/benchmark.csv.
"""

from __future__ import annotations

import argparse
import math
import os
import socket
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from benchmark import RESULTS, by_kind, measure, read, render

from chollet_cnn import files
from chollet_cnn.book import recipes
from chollet_cnn.drawing.numbers import format_count
from chollet_cnn.errors import UserError, integer, run_cli
from chollet_cnn.training import runs
from chollet_cnn.training.devices import chosen_backend

RECIPE = "mnist-second-edition"
IMAGES = (2_000, 8_000, 32_000)
MOST_IMAGES = 60_000
STUDIES = (RECIPE, "cats-vs-dogs-first-edition", "cats-vs-dogs-second-edition")
NODES = (1, 2, 5, 10, 20)
SEEDS = 10
LAYOUTS = ((128, 1, 1), (128, 2, 1), (128, 1, 2), (1024, 1, 1), (1024, 2, 1), (1024, 1, 2))
"""Images per batch, processes, and cores of each, on two cores."""
NETWORK_BYTES_A_SECOND = 1e9 / 8
"""The rate of a network of one gigabit per second."""


def measure_images(counts: list[int], data_dir: str | None) -> pd.DataFrame:
    """Return seconds and memory of an epoch by the number of images, one row per process."""
    place = ["--data-dir", Path(data_dir).expanduser().resolve()] if data_dir else []
    rows = []
    for count in counts:
        told = measure("runner", RECIPE, Path(), "--epochs", 2, "--train-images", count, *place)
        rows.append({"recipe": RECIPE, "pictures": count} | told)
        print(f"{count:,} images: {told['epoch_seconds']:.2f} s per epoch", flush=True)
    kept = ["epoch_seconds", "processor_seconds", "first_step", "peak_mib"]
    return pd.DataFrame(rows)[["recipe", "pictures", *kept]]


def measure_devices(data_dir: str | None) -> pd.DataFrame:
    """Return the seconds of an epoch by batch size, processes and cores of each."""
    if chosen_backend() != "jax":
        raise UserError("only Keras on JAX divides a batch; set KERAS_BACKEND=jax for --devices")
    rows = []
    for layout in LAYOUTS:
        with tempfile.TemporaryDirectory() as out:
            _train_together(out, *layout, data_dir)
            seconds = runs.load_run(Path(out, RECIPE, "seed-0")).history["seconds"].iloc[-1]
        names = ("batch_size", "processes", "cores", "epoch_seconds")
        rows.append(dict(zip(names, (*layout, seconds), strict=True)))
        print(rows[-1], flush=True)
    return pd.DataFrame(rows)


def _train_together(
    out: str, batch_size: int, processes: int, cores: int, data_dir: str | None
) -> None:
    """Train an epoch after a first one in so many processes, each on cores of its own."""
    command = [sys.executable, "-m", "chollet_cnn.train", RECIPE, "--epochs", 2, "--quiet"]
    command += ["--batch-size", batch_size, "--out", out]
    command += ["--data-dir", data_dir] if data_dir else []
    if processes > 1:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{free.getsockname()[1]}"
        command += ["--coordinator", address, "--processes", processes]
    started = [
        subprocess.Popen(
            [str(word) for word in [*command, *(["--process-index", index] * (processes > 1))]],
            preexec_fn=partial(os.sched_setaffinity, 0, range(index * cores, (index + 1) * cores)),
        )
        for index in range(processes)
    ]
    if any([process.wait() for process in started]):
        raise UserError("a process that was to be measured did not train; see what it says above")


def sending(devices: pd.DataFrame, parameters: int) -> pd.DataFrame:
    """Return how many machines take as long to exchange the gradients of a step as to compute it.

    Each machine computes its share of a batch as fast as one core does, and sends and receives
    twice the gradients, as a ring of many machines does (Patarasuk and Yuan, 2009).
    """
    one = devices[devices["processes"] * devices["cores"] == 1]
    steps = -(-MOST_IMAGES // one["batch_size"])
    step = one["epoch_seconds"] / steps
    exchange = 2 * 4 * parameters / NETWORK_BYTES_A_SECOND
    return pd.DataFrame({
        "images per batch": one["batch_size"].map("{:,}".format),
        "one step on one core": step.map("{:.3f} s".format),
        "exchange": f"{exchange:.4f} s",
        "machines at which both are equal": (step / exchange).map("{:.0f}".format),
    })  # fmt: skip


def device_gain(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the speedup of each layout over one core, and its efficiency (speedup per core)."""
    total = rows["processes"] * rows["cores"]
    alone = rows[total == 1].set_index("batch_size")["epoch_seconds"]
    gain = rows["batch_size"].map(alone) / rows["epoch_seconds"]
    return pd.DataFrame({
        "images per batch": rows["batch_size"].map("{:,}".format),
        "processes": rows["processes"].map(str),
        "cores of each": rows["cores"].map(str),
        "seconds per epoch": rows["epoch_seconds"].map("{:.1f}".format),
        "speedup over one core": gain.map("{:.2f}".format),
        "efficiency": (gain / total).map("{:.0%}".format),
    })  # fmt: skip


def epoch_cost(rows: pd.DataFrame) -> tuple[float, float]:
    """Return the CPU seconds of an epoch whatever its size, and those of each image.

    The line is fitted with each row weighted by the inverse of its seconds, which scatter in
    proportion to them. The first number may come out below 0.
    """
    seconds = rows["processor_seconds"]
    slope, fixed = np.polyfit(rows["pictures"], seconds, 1, w=1 / seconds)
    return float(fixed), float(slope)


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
            line[format_count(nodes, "node")] = f"{minutes:.1f} min"
        lines.append(line)
    return pd.DataFrame(lines)


def write(rows: pd.DataFrame, devices: pd.DataFrame, folder: Path) -> None:
    """Write what was measured, and the text made from it and from results/benchmark.csv."""
    speeds = by_kind(read(RESULTS / "benchmark.csv"))[0]
    fixed, each = epoch_cost(rows)
    text = render(
        "scaling.md",
        recipe=RECIPE,
        rows=rows.to_dict("records"),
        fixed=fixed,
        each=each,
        start=rows["first_step"].median(),
        seeds=SEEDS,
        studies=study_cost(speeds),
        devices=device_gain(devices),
        sending=sending(devices, recipes.get(RECIPE).parameters),
    )
    files.write(folder / "scaling.csv", rows.to_csv(index=False))
    files.write(folder / "devices.csv", devices.to_csv(index=False))
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
    add("--devices", action="store_true", help="measure processes and devices instead")
    add("--data-dir", help="where to look for the data first")
    add("--out", type=Path, default=RESULTS, metavar="DIR", help="default: results")
    options = parser.parse_args(argv)
    counts = sorted(set(options.images))
    if len(counts) < 2 or not 64 <= counts[0] <= counts[-1] <= MOST_IMAGES:
        raise UserError(f"--images takes two or more numbers from 64 to {MOST_IMAGES:,}")
    files.check_writable(options.out / "scaling.csv")
    if options.devices:
        rows, devices = read(RESULTS / "scaling.csv"), measure_devices(options.data_dir)
    else:
        rows = measure_images(counts, options.data_dir)
        devices = read(RESULTS / "devices.csv")
    write(rows, devices, options.out)
    return 0


if __name__ == "__main__":
    run_cli(main)
