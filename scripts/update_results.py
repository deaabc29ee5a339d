"""Record finished runs in results/, and bring the README's table and figure up to date.

    python scripts/update_results.py runs/mnist-first-edition/seed-0 ...

Without a run it only writes the table and the figure again, from what results/ holds. A run whose
recipe was changed, or that used the embedded digits, is refused: results/ holds the book's recipes.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import pandas as pd

from chollet_cnn import claims, runs, style
from chollet_cnn.analysis.learning_curves import plot_learning_curve
from chollet_cnn.errors import UserError, run_door

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "results"
TABLE = re.compile(r"(<!-- table -->\n).*?(\n<!-- end of table -->)", re.DOTALL)


def record(path: str) -> None:
    """Add a run to results/runs.csv and keep its learning curve; a repeated run replaces itself."""
    run = runs.read(path)
    if run.config["changed"]:
        raise UserError(f"{path} changed its recipe; results/ records the book's recipes only")
    row = claims.row(run)
    same = ["recipe", "seed", "backend", "device"]
    rows = pd.DataFrame([row])
    if (RESULTS / "runs.csv").is_file():
        rows = pd.concat([recorded(), rows]).drop_duplicates(same, keep="last")
    rows.sort_values(same).to_csv(RESULTS / "runs.csv", index=False)
    shutil.copyfile(run.path / "history.csv", RESULTS / "histories" / history_name(row))


def recorded() -> pd.DataFrame:
    """Return results/runs.csv."""
    return pd.read_csv(RESULTS / "runs.csv")


def history_name(row: dict[str, object]) -> str:
    """Return the file below results/histories that holds the learning curve of a recorded run."""
    return f"{row['recipe']}-seed-{row['seed']}-{row['backend']}-{row['device']}.csv"


def write_table() -> None:
    """Write the table of runs into the README, between its two marks."""
    readme = ROOT / "README.md"
    rows = recorded()
    table = claims.markdown_table(rows[rows["seed"] == 0])
    readme.write_text(TABLE.sub(lambda marks: marks[1] + table + marks[2], readme.read_text()))


def draw_figure() -> None:
    """Draw the README's figure: two learning curves beside what the book says of them."""
    figure = style.new_figure(10, 3.7)
    left, right = figure.subplots(1, 2)
    digits = pd.read_csv(RESULTS / "histories" / "mnist-first-edition-seed-0-tensorflow-cpu.csv")
    plot_learning_curve(
        digits,
        title="Handwritten digits: the book's printed curve comes back",
        watched=None,
        book=claims.PRINTED_ACCURACY,
        axes=left,
    )
    pets = pd.read_csv(
        RESULTS / "histories" / "cats-vs-dogs-first-edition-seed-0-tensorflow-cpu.csv"
    )
    plot_learning_curve(
        pets,
        title="Cats and dogs: it learns its 2,000 pictures by heart",
        book=claims.published("cats-vs-dogs-first-edition").value,
        axes=right,
    )
    figure.savefig(RESULTS / "figures" / "learning-curves.png", dpi=160)


def main(argv: list[str] | None = None) -> int:
    """Run the command."""
    for path in sys.argv[1:] if argv is None else argv:
        record(path)
    write_table()
    draw_figure()
    return 0


if __name__ == "__main__":
    run_door(main)
