"""Train a recipe with many seeds and record every run: what one run gives, only many can tell.

python scripts/run_seeds.py mnist-first-edition mnist-second-edition --seeds 0-9

A seed that results/runs.csv has already is not trained again, so the command can be stopped at any
time and started again; a run that was cut off goes on from its last finished epoch. Every finished
run is recorded at once.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from pathlib import Path

from update_results import RESULTS, record, recorded, write_table

from chollet_cnn import recipes, runs
from chollet_cnn.errors import UserError, run_door


def seeds_of(text: str) -> list[int]:
    """Return the seeds that ``0-9`` or ``1,4,7-8`` stands for."""
    if not re.fullmatch(r"\d+(-\d+)?(,\d+(-\d+)?)*", text):
        raise UserError(f"--seeds is a list such as 0-9 or 1,4,7, not {text!r}")
    seeds = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        seeds += range(int(first), int(last or first) + 1)
    return seeds


def missing(names: list[str], seeds: list[int], backend: str) -> list[tuple[str, int]]:
    """Return the (recipe, seed) pairs that no run is recorded of, seeds of one number together."""
    done = set()
    if (RESULTS / "runs.csv").is_file():
        rows = recorded()
        of_backend = rows[rows["backend"] == backend]
        done = set(zip(of_backend["recipe"], of_backend["seed"], strict=True))
    return [(name, seed) for seed in seeds for name in names if (name, seed) not in done]


def main(argv: list[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("recipes", nargs="+", metavar="RECIPE")
    parser.add_argument("--seeds", default="0-9", help="such as 0-9 or 1,4,7 (default: 0-9)")
    parser.add_argument("--out", default="runs", help="where run directories go (default: runs)")
    options = parser.parse_args(argv)
    names = [recipes.get(name).name for name in options.recipes]
    seeds = seeds_of(options.seeds)
    left = missing(names, seeds, os.environ.get("KERAS_BACKEND", "tensorflow"))
    print(f"{len(left)} of {len(names) * len(seeds)} runs are still to be trained", flush=True)
    seconds: dict[str, list[float]] = {}
    for number, (name, seed) in enumerate(left, 1):
        began = time.perf_counter()
        # A process of its own for each run, as a reader would train it.
        command = [sys.executable, "-m", "chollet_cnn.train", name, "--dataset"]
        command += [recipes.get(name).dataset, "--seed", str(seed), "--out", options.out]
        subprocess.run([*command, "--resume", "--quiet"], check=True)
        path = runs.directory(options.out, name, seed)
        record(str(path))
        write_table()
        seconds.setdefault(name, []).append(time.perf_counter() - began)
        mean = {key: sum(values) / len(values) for key, values in seconds.items()}
        known = sum(mean.get(later, 0) for later, _ in left[number:])
        unknown = sum(later not in mean for later, _ in left[number:])
        more = f" and {unknown} runs of recipes not timed yet" if unknown else ""
        accuracy = runs.read(path).metrics["test_accuracy"]
        print(
            f"{number}/{len(left)} {name} seed {seed}: {accuracy:.2%}; "
            f"about {known / 60:.0f} min{more} left",
            flush=True,
        )
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    run_door(main)
