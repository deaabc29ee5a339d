"""Show that the memory of a training run does not grow with the number of pictures.

python scripts/measure_memory.py 1000 5000 25000

Repeats the cat and dog pictures that are there under new names until there are as many as asked
for, trains the first edition's network on them for one epoch, each count in a process of its own,
and writes the peak resident memory to results/memory.csv.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd

from chollet_cnn import files
from chollet_cnn.book import recipes
from chollet_cnn.errors import UserError, run_cli
from chollet_cnn.training import trainer

RECIPE = "cats-vs-dogs-first-edition"
VALIDATED = 100


def repeat_pictures(count: int, folder: Path, data_dir: str | None) -> None:
    """Write ``count`` pictures as cat.N.jpg and dog.N.jpg, the same ones again and again."""
    from chollet_cnn.data import archives

    archive, pictures = archives.find(data_dir)
    with archives.reader(archive) as read:
        for kind in ("cat", "dog"):
            files = [picture.file for picture in pictures if picture.kind == kind]
            for number in range(count // 2 + VALIDATED):
                contents = read(files[number % len(files)])
                (folder / f"{kind}.{number}.jpg").write_bytes(contents)


def train_and_tell(count: int, folder: Path) -> None:
    """Train one epoch on ``count`` pictures and print the peak resident memory in MiB."""
    half = count // 2
    recipe = recipes.RECIPES[RECIPE]
    splits = {
        "train": (0, half),
        "validation": (half, half + VALIDATED // 2),
        "test": (half + VALIDATED // 2, half + VALIDATED),
    }
    recipes.RECIPES[RECIPE] = dataclasses.replace(
        recipe, data_options=recipe.data_options | {"splits": splits}
    )
    trainer.train(RECIPE, data_dir=folder, epochs=1, out=folder / "runs")
    unit = 2**20 if sys.platform == "darwin" else 2**10  # macOS counts bytes, Linux KiB
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit)


def main(argv: list[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("counts", type=int, nargs="*", default=[1000, 5000], metavar="PICTURES")
    parser.add_argument("--data-dir", help="where the cats and dogs lie")
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).parents[1] / "results" / "memory.csv"
    )
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.inside:
        train_and_tell(options.counts[0], options.inside)
        return 0
    rows = []
    for count in options.counts:
        with tempfile.TemporaryDirectory() as scratch:
            repeat_pictures(count, Path(scratch), options.data_dir)
            done = subprocess.run(
                [sys.executable, __file__, str(count), "--inside", scratch],
                env=os.environ | {"CHOLLET_CNN_CACHE": str(Path(scratch, "decoded"))},
                capture_output=True,
                text=True,
                check=False,
            )
        if done.returncode:
            said = done.stderr.strip().splitlines() or [f"its process ended with {done.returncode}"]
            raise UserError(f"training did not run: {said[-1]}")
        peak = float(done.stdout.split()[-1])
        rows.append({"pictures": count, "peak_mib": round(peak)})
        print(f"{count:,} pictures: {peak:,.0f} MiB", flush=True)
    table = pd.DataFrame(rows)
    table["against_the_first"] = (table["peak_mib"] / table["peak_mib"].iloc[0]).round(3)
    files.write(options.out, table.to_csv(index=False))
    return 0


if __name__ == "__main__":
    run_cli(main)
