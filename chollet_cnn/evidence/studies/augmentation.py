"""What the changes of augmentation and RMSprop do to the first edition's augmented recipe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

import pandas as pd
from matplotlib.figure import Figure

from chollet_cnn.book import recipes
from chollet_cnn.book.published import CURVES, best_epoch
from chollet_cnn.drawing.numbers import QUANTITIES, format_mean_and_range, format_quantity
from chollet_cnn.evidence import figures, statistics, tables
from chollet_cnn.evidence.records import Records

TITLE = "The augmentation has changed"
RECIPES = ("cats-vs-dogs-first-edition-augmented",)
VARIANTS = {
    "augmentation-2017": {"augmentation": "2017"},
    "keras-2017": {"optimizer": "rmsprop-2017", "augmentation": "2017"},
}
FIGURE = "augmentation"
CAPTION = (
    "Training and validation accuracy on cats and dogs by epoch, with augmentation: the printed "
    "curve is close to legacy Keras, and well above the runs with current Keras."
)
CURRENT = "current Keras"
WAYS = {
    "rmsprop-2017": "legacy RMSprop, current augmentation",
    "augmentation-2017": "current RMSprop, legacy augmentation",
    "keras-2017": "legacy RMSprop and augmentation",
}
LAST = 20
"""How many epochs at the end a long augmented run is averaged over."""
_LATE = ("accuracy", "val_accuracy", "val_loss")
Ways = dict[str, tuple[pd.DataFrame, pd.DataFrame]]


def measure(records: Records) -> dict[str, object]:
    """Compare runs with current Keras and with what the first edition's Keras computed."""
    ways = _ways(records)
    if len(ways) == 1:
        return {}
    book = CURVES[RECIPES[0]]
    late = [{"computed with": "the book's output", "seeds": "1"} | _book_cells(book)]
    whole = [
        {"computed with": "the book's output"} | _means_over_all(pd.DataFrame(book).assign(seed=0))
    ]
    baseline = _over_the_last(ways[CURRENT][1])
    for way, (runs, curves) in ways.items():
        late.append({"computed with": way, "seeds": str(len(runs))} | _cells(runs, curves))
        values = _over_the_last(curves)
        cells = {"computed with": way} | _means_over_all(curves)
        sample = statistics.summarize(values["val_accuracy"])
        if sample.n >= statistics.MIN_RUNS_OUTSIDE:
            cells[f"95% prediction interval, last {LAST} epochs"] = tables.between(
                sample.prediction_interval, tables.percent
            )
        moved = statistics.paired_differences(
            values.reset_index(), baseline.reset_index(), "val_accuracy"
        )
        if way != CURRENT and moved.n > 1:
            cells |= tables.paired_cells(moved)
        whole.append(cells)
    means = {way: _over_the_last(curves)["val_accuracy"] for way, (_, curves) in ways.items()}
    return {
        "late": pd.DataFrame(late).fillna(""),
        "whole": pd.DataFrame(whole).fillna(""),
        "book_late": fmean(book["val_accuracy"][-LAST:]),
        "current_late": statistics.summarize(means[CURRENT]),
        "legacy_late": statistics.summarize(means.get(WAYS["keras-2017"], [])),
        "last": LAST,
    }


def figure(records: Records) -> Figure | None:
    """Draw the recipe with current Keras and with legacy RMSprop and augmentation."""
    recipe = recipes.get(RECIPES[0])
    curves = figures.legacy_and_current(records, recipe.name, "keras-2017")
    if curves is None:
        return None
    return figures.plot_legacy_and_current(
        curves, CURVES[recipe.name], ("accuracy", "val_accuracy"), "Keras", recipe.title
    )


def _ways(records: Records) -> Ways:
    """Return the runs and the curves by what they were computed with."""
    own = {"recipe": RECIPES[0]}
    ways = {
        CURRENT: tuple(statistics.matching(rows, own) for rows in (records.runs, records.curves))
    }
    for variant, words in WAYS.items():
        key = own | {"variant": variant}
        runs = statistics.matching(records.variants, key)
        if len(runs):
            ways[words] = runs, statistics.matching(records.variant_curves, key)
    return ways


def _over_the_last(curves: pd.DataFrame) -> pd.DataFrame:
    """Return the averages of each run over its last epochs, a row a run."""
    late = curves[curves["epoch"] > curves["epoch"].max() - LAST]
    return late.groupby("seed")[list(_LATE)].mean()


def _cells(runs: pd.DataFrame, curves: pd.DataFrame) -> dict[str, str]:
    late = _over_the_last(curves)
    cells = {_late_head(column): format_mean_and_range(late[column], column) for column in _LATE}
    whole = ("best_epoch", "test_accuracy")
    return cells | {
        QUANTITIES[column]: format_mean_and_range(runs[column], column) for column in whole
    }


def _book_cells(book: Mapping[str, Sequence[float]]) -> dict[str, str]:
    cells = {
        _late_head(column): format_quantity(fmean(book[column][-LAST:]), column) for column in _LATE
    }
    return cells | {QUANTITIES["best_epoch"]: str(best_epoch(book))}


def _late_head(column: str) -> str:
    return f"{QUANTITIES[column]} over the last {LAST} epochs"


def _means_over_all(curves: pd.DataFrame) -> dict[str, str]:
    """Return the accuracies of runs, each averaged over all of its epochs."""
    means = curves.groupby("seed")[["accuracy", "val_accuracy"]].mean()
    return {
        f"{QUANTITIES[name]} over all epochs": format_mean_and_range(means[name], name)
        for name in means
    }
