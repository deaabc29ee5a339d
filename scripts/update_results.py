"""Record finished runs in results/, and bring every table and figure made from them up to date.

    python scripts/update_results.py runs/mnist-first-edition/seed-0 ...

Without a run it only writes the tables and the figures again, from what results/ holds. A run whose
recipe was changed, or that used the embedded digits, is refused: results/ holds the book's recipes.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from chollet_cnn import files
from chollet_cnn.analysis.learning_curves import plot_learning_curve, plot_selected_epoch
from chollet_cnn.book import published, recipes
from chollet_cnn.drawing import sheet
from chollet_cnn.errors import UserError, run_cli
from chollet_cnn.evidence import comparison, figures
from chollet_cnn.evidence import records as recorded
from chollet_cnn.evidence import statistics as spread
from chollet_cnn.training import runs

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "results"
TABLE = re.compile(r"(<!-- table -->\n).*?(\n<!-- end of table -->)", re.DOTALL)
SPEED = re.compile(r"(<!-- speed -->\n).*?(\n<!-- end of speed -->)", re.DOTALL)


def record(outcome: dict, variant: str | None = None, results: Path | None = None) -> None:
    """Add a finished run to results/; a repeated run takes its own place.

    Args:
        outcome: what :func:`chollet_cnn.evidence.records.outcome` gives.
        variant: what was changed, a key of :data:`chollet_cnn.evidence.records.VARIANTS`; the run
            then goes to variants.csv.
        results: another folder of results.

    Raises:
        UserError: if something else was changed, for results/ holds the book's recipes only; or if
            its pictures are not those of the recorded runs, which it would be mixed with.
    """
    with files.held(results or RESULTS):
        _record(outcome, variant, results or RESULTS)


def _record(outcome: dict, variant: str | None, results: Path) -> None:
    row, changed = outcome["row"], set(outcome["changed"])
    if changed - set(recorded.VARIANTS.get(variant, ())):
        raise UserError(
            f"the run of {row['recipe']} with seed {row['seed']} changed its recipe "
            f"({', '.join(sorted(changed))}); results/ records the book's recipes only"
        )
    same = ["recipe", "seed", "backend", "device"]
    if variant:
        row = {"variant": variant, **row}
        same = ["variant", *same]
    rows = pd.DataFrame([row])
    table = results / ("variants.csv" if variant else "runs.csv")
    tables = {"runs.csv": recorded.read_runs, "variants.csv": recorded.read_variants}
    found = {name: read(results) for name, read in tables.items() if (results / name).is_file()}
    for name, before in found.items():  # variants are laid beside the runs of their recipe
        there = before.loc[before["recipe"] == row["recipe"], "data_sha256"]
        if len(there) and row["data_sha256"] not in set(there):
            raise UserError(
                f"{results / name} has runs of {row['recipe']} on other pictures than this one's; "
                "record it in another folder with --results"
            )
    if table.name in found:
        rows = pd.concat([found[table.name], rows]).drop_duplicates(same, keep="last")
    # The curve first: a run that the table has is never trained again.
    files.write(results / "histories" / recorded.history_name(row), outcome["history"])
    files.write(table, rows.sort_values(same).to_csv(index=False))


def on_tensorflow_and_cpu() -> pd.DataFrame:
    """Return the recorded runs of the default kind; runs of different kinds are never mixed."""
    rows = recorded.read_runs(RESULTS)
    return rows[(rows["backend"] == "tensorflow") & (rows["device"] == "cpu")]


def write_table() -> None:
    """Write the README's table of runs, results/claims.csv and results/README.md."""
    with files.held(RESULTS):
        _write_table()


def _write_table() -> None:
    readme = ROOT / "README.md"
    table = comparison.markdown_table(on_tensorflow_and_cpu())
    speed = (RESULTS / "benchmark.md").read_text().split("\n\n")[0]
    text = TABLE.sub(lambda marks: marks[1] + table + marks[2], readme.read_text("utf-8"))
    files.write(readme, SPEED.sub(lambda marks: marks[1] + speed + marks[2], text))
    comparison.write(RESULTS)


def draw_figure() -> None:
    """Draw the README's figure: two learning curves beside what the book says of them."""
    figure = sheet.panels(3.7)
    left, right = figure.subplots(1, 2)
    plot_learning_curve(
        _curve("mnist-first-edition", 0),
        title="Handwritten digits, seed 0",
        monitored=None,
        book=published.CURVES["mnist-first-edition"]["accuracy"],
        book_name="the book's training",
        axes=left,
    )
    plot_learning_curve(
        _curve("cats-vs-dogs-first-edition", 0),
        title="Cats and dogs, seed 0: learned by heart",
        book=published.CURVES["cats-vs-dogs-first-edition"]["val_accuracy"],
        book_name="the book's validation",
        axes=right,
    )
    figure.savefig(RESULTS / "figures" / "learning-curves.png", dpi=160)


def draw_seeds() -> None:
    """Draw what only several seeds show: how far runs lie apart, beside the book's figures."""
    rows = on_tensorflow_and_cpu()
    if rows["recipe"].value_counts().max() < 2:
        return
    figure = figures.plot_seeds(comparison.accuracies(rows))
    figure.savefig(RESULTS / "figures" / "seeds.png", dpi=160)
    for recipe, book in published.CURVES.items():
        own = rows.loc[rows["recipe"] == recipe, "seed"]
        if len(own) > 1:
            histories = [_curve(recipe, seed) for seed in own]
            figure = figures.plot_printed_curves(histories, book, recipes.get(recipe).title)
            figure.savefig(RESULTS / "figures" / f"printed-curve-{recipe}.png", dpi=160)


def draw_then_and_now() -> None:
    """Draw how the first edition's networks learn by the Keras of today and by the book's own."""
    records, plain = recorded.read(RESULTS), "cats-vs-dogs-first-edition"
    for name, recipe, variant, quantities, what in (
        ("optimizers", plain, "rmsprop-2017", ("loss", "accuracy"), "RMSprop"),
        ("augmentation", f"{plain}-augmented", "keras-2017", ("accuracy", "val_accuracy"), "Keras"),
    ):
        figure = _then_and_now(records, recipe, variant, quantities, what)
        if figure:
            figure.savefig(RESULTS / "figures" / f"{name}.png", dpi=160)


def _then_and_now(
    records: recorded.Records, recipe: str, variant: str, quantities: tuple[str, ...], what: str
) -> Figure | None:
    kind = {"recipe": recipe, "backend": "tensorflow", "device": "cpu"}
    now = spread.alike(records.curves, list(kind), kind.values())
    kind["variant"] = variant
    then = spread.alike(records.variant_curves, list(kind), kind.values())
    if now.empty or then.empty:
        return None
    histories = ([curve for _, curve in of.groupby("seed")] for of in (now, then))
    book, title = published.CURVES[recipe], recipes.get(recipe).title
    return figures.plot_then_and_now(*histories, book, quantities, what, title)


def draw_tested_epoch() -> None:
    """Draw a run whose validation loss is lowest long before its accuracy is highest."""
    rows = on_tensorflow_and_cpu()
    curves = recorded.read_curves(rows, RESULTS)
    recipe = recipes.get("cats-vs-dogs-second-edition-augmented")
    found = recorded.loss_turned_first(rows, curves, recipe.name)
    if found:
        run, history = found
        title = f"{recipe.title}, seed {run['seed']}"
        figure = plot_selected_epoch(history, int(run["judged_epoch"]), title)
        figure.savefig(RESULTS / "figures" / "tested-epoch.png", dpi=160)


def _curve(recipe: str, seed: int) -> pd.DataFrame:
    row = {"recipe": recipe, "seed": seed, "backend": "tensorflow", "device": "cpu"}
    return pd.read_csv(RESULTS / "histories" / recorded.history_name(row))


def main(argv: list[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", nargs="*", metavar="RUN", help="a finished run's directory")
    parser.add_argument("--results", type=Path, metavar="DIR",
                        help="record in this folder, and write no table and no figure")  # fmt: skip
    options = parser.parse_args(argv)
    for path in options.runs:
        record(recorded.outcome(runs.read(path)), results=options.results)
    if options.results:
        return 0
    write_table()
    draw_figure()
    draw_seeds()
    draw_then_and_now()
    draw_tested_epoch()
    return 0


if __name__ == "__main__":
    run_cli(main)
