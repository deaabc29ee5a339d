"""What it does to test the epoch with the lowest validation loss instead of the last one."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from chollet_cnn.analysis.learning_curves import plot_selected_epoch
from chollet_cnn.book import recipes
from chollet_cnn.book.recipes import Recipe
from chollet_cnn.drawing.numbers import format_mean_and_range
from chollet_cnn.evidence import statistics, tables
from chollet_cnn.evidence.records import Records

TITLE = "Checkpoint selection"
RECIPES = (
    "cats-vs-dogs-second-edition-augmented",
    "cats-vs-dogs-second-edition",
    "cats-vs-dogs-third-edition",
    "cats-vs-dogs-third-edition-augmented",
)
FIGURE = "tested-epoch"
CAPTION = (
    "Loss above accuracy by epoch: the validation loss is lowest early and then varies, the "
    "validation accuracy still rises after the selected epoch."
)
LATE = 10
"""How many epochs at the end show what training came to; single ones vary too much."""


def measure(records: Records) -> dict[str, object]:
    """Compare the test accuracy of the selected epoch with that of the last epoch."""
    accuracies, epochs, closest, together = [], [], [], []
    for recipe in recipes.RECIPES.values():
        runs, curves = records.of(recipe.name)
        runs = runs[runs["last_epoch_test_accuracy"].notna()]
        if recipe.judged_by != recipes.LOWEST_VALIDATION_LOSS or runs.empty:
            continue
        curves = curves[curves["seed"].isin(runs["seed"])]
        late = curves.loc[curves["epoch"] > recipe.epochs - LATE, "val_accuracy"]
        accuracies.append(_accuracy_cells(recipe, runs))
        epochs.append(
            {
                "recipe": recipe.title,
                "selected epochs": f"{tables.whole_range(runs['judged_epoch'])} of {recipe.epochs}",
                "validation accuracy there": tables.percent(runs["val_accuracy"].mean()),
                f"over the last {LATE} epochs": tables.percent(late.mean()),
            }
        )
        closest += _closest(recipe, curves)
        together.append(runs)
    if not together:
        return {}
    gain = _gain(pd.concat(together))
    if len(together) > 1:
        accuracies.append(_difference_cells("all of these", gain))
    found = {"accuracies": accuracies, "epochs": epochs, "closest": closest}
    return {name: pd.DataFrame(rows) for name, rows in found.items() if rows} | {
        "all": statistics.summarize(gain),
        "last_better": int((gain < 0).sum()),
    }


def example(records: Records) -> tuple[pd.Series, pd.DataFrame] | None:
    """Return a run whose selected epoch came early, with its curve; None where there is none.

    It is the run with the lowest seed whose validation loss was lowest before its validation
    accuracy was highest, and whose last weights did better on the test set.
    """
    runs, curves = records.of(RECIPES[0])
    for _, run in runs.sort_values("seed").iterrows():
        curve = curves[curves["seed"] == run["seed"]]
        if curve.empty or not run["last_epoch_test_accuracy"] > run["test_accuracy"]:
            continue
        if run["judged_epoch"] < curve.loc[curve["val_accuracy"].idxmax(), "epoch"]:
            return run, curve
    return None


def figure(records: Records) -> Figure | None:
    """Draw the run of :func:`example`."""
    found = example(records)
    if not found:
        return None
    run, history = found
    title = f"{recipes.get(RECIPES[0]).title}, seed {run['seed']}"
    return plot_selected_epoch(history, int(run["judged_epoch"]), title)


def _gain(runs: pd.DataFrame) -> pd.Series:
    """Return what testing the selected epoch gains over testing the last, 0..1."""
    return runs["test_accuracy"] - runs["last_epoch_test_accuracy"]


def _accuracy_cells(recipe: Recipe, runs: pd.DataFrame) -> dict[str, str]:
    cells = _difference_cells(recipe.title, _gain(runs))
    images = recipes.image_count(recipe.name, "test_accuracy")
    for name, column in (("selected", "test_accuracy"), ("last", "last_epoch_test_accuracy")):
        sample = statistics.summarize(runs[column])
        cells[f"{name} epoch"] = format_mean_and_range(runs[column], "test_accuracy")
        if sample.n >= statistics.MIN_RUNS_OUTSIDE:
            expected = statistics.expected_sd(sample.mean, images)
            cells[f"its standard deviation ({name})"] = tables.points(sample.sd)
            cells[f"expected from the number of images ({name})"] = tables.points(expected)
    return cells


def _difference_cells(title: str, gain: pd.Series) -> dict[str, str]:
    cells = {"recipe": title} | tables.paired_cells(statistics.summarize(gain))
    cells["seeds"] = cells.pop("pairs")
    return cells | {"last epoch better": f"{(gain < 0).sum()} of {len(gain)}"}


def _closest(recipe: Recipe, curves: pd.DataFrame) -> list[dict[str, str]]:
    """Return the run in which two epochs had the most similar lowest validation losses."""
    pairs = [
        curve.nsmallest(2, "val_loss")
        for _, curve in curves.groupby("seed")
        if curve["val_loss"].count() > 1  # a run that diverged has no loss to compare
    ]
    if not pairs:
        return []
    pair = min(pairs, key=lambda pair: pair["val_loss"].iloc[1] - pair["val_loss"].iloc[0])
    cells = {"recipe": recipe.title, "seed": f"{pair['seed'].iloc[0]}"}
    for name, (_, epoch) in zip(("selected", "next best"), pair.iterrows(), strict=True):
        cells[f"{name} epoch"] = f"{epoch['epoch']:.0f}"
        cells[f"its validation loss ({name})"] = f"{epoch['val_loss']:.4f}"
        cells[f"its validation accuracy ({name})"] = tables.percent(epoch["val_accuracy"])
    return [cells]
