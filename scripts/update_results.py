"""Record finished runs in results/, and bring every table and figure made from them up to date.

    python scripts/update_results.py runs/mnist-first-edition/seed-0 ...

Without a run it only writes the tables and the figures again, from what results/ holds. A run whose
recipe was changed, or that used the embedded digits, is refused: results/ holds the book's recipes.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import pandas as pd

from chollet_cnn import claims, runs, style
from chollet_cnn import recorded as results_folder
from chollet_cnn.analysis import seeds
from chollet_cnn.analysis.learning_curves import plot_learning_curve
from chollet_cnn.errors import UserError, run_door

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "results"
TABLE = re.compile(r"(<!-- table -->\n).*?(\n<!-- end of table -->)", re.DOTALL)
SPEED = re.compile(r"(<!-- speed -->\n).*?(\n<!-- end of speed -->)", re.DOTALL)


def record(path: str) -> None:
    """Add a run to results/runs.csv and keep its learning curve; a repeated run replaces itself."""
    run = runs.read(path)
    if run.config["changed"]:
        raise UserError(f"{path} changed its recipe; results/ records the book's recipes only")
    row = results_folder.row(run)
    same = ["recipe", "seed", "backend", "device"]
    rows = pd.DataFrame([row])
    if (RESULTS / "runs.csv").is_file():
        rows = pd.concat([recorded(), rows]).drop_duplicates(same, keep="last")
    rows.sort_values(same).to_csv(RESULTS / "runs.csv", index=False)
    curve = RESULTS / "histories" / results_folder.history_name(row)
    shutil.copyfile(run.path / "history.csv", curve)


def recorded() -> pd.DataFrame:
    """Return results/runs.csv."""
    return results_folder.read_runs(RESULTS)


def write_table() -> None:
    """Write the README's table of runs, results/claims.csv and results/README.md."""
    readme = ROOT / "README.md"
    rows = recorded()
    table = claims.markdown_table(rows[rows["seed"] == 0])
    speed = (RESULTS / "benchmark.md").read_text().strip()
    text = TABLE.sub(lambda marks: marks[1] + table + marks[2], readme.read_text())
    readme.write_text(SPEED.sub(lambda marks: marks[1] + speed + marks[2], text))
    claims.write(RESULTS)


def draw_figure() -> None:
    """Draw the README's figure: two learning curves beside what the book says of them."""
    figure = style.new_figure(10, 3.7)
    left, right = figure.subplots(1, 2)
    plot_learning_curve(
        _curve("mnist-first-edition", 0),
        title="Handwritten digits: the book's printed curve comes back",
        watched=None,
        book=claims.PRINTED_ACCURACY,
        axes=left,
    )
    plot_learning_curve(
        _curve("cats-vs-dogs-first-edition", 0),
        title="Cats and dogs: it learns its 2,000 pictures by heart",
        book=claims.published("cats-vs-dogs-first-edition").value,
        axes=right,
    )
    figure.savefig(RESULTS / "figures" / "learning-curves.png", dpi=160)


def draw_seeds() -> None:
    """Draw what only several seeds show: how far runs lie apart, beside the book's figures."""
    rows = recorded()
    rows = rows[(rows["backend"] == "tensorflow") & (rows["device"] == "cpu")]
    if rows["recipe"].value_counts().max() < 2:
        return
    figure = seeds.plot_seeds(claims.accuracies(rows))
    figure.savefig(RESULTS / "figures" / "seeds.png", dpi=160)
    own = rows.loc[rows["recipe"] == "mnist-first-edition", "seed"]
    if len(own) > 1:
        histories = [_curve("mnist-first-edition", seed) for seed in own]
        figure = seeds.plot_printed_curves(histories, claims.PRINTED_ACCURACY, claims.PRINTED_LOSS)
        figure.savefig(RESULTS / "figures" / "printed-curve.png", dpi=160)


def _curve(recipe: str, seed: int) -> pd.DataFrame:
    row = {"recipe": recipe, "seed": seed, "backend": "tensorflow", "device": "cpu"}
    return pd.read_csv(RESULTS / "histories" / results_folder.history_name(row))


def main(argv: list[str] | None = None) -> int:
    """Run the command."""
    for path in sys.argv[1:] if argv is None else argv:
        record(path)
    write_table()
    draw_figure()
    draw_seeds()
    return 0


if __name__ == "__main__":
    run_door(main)
