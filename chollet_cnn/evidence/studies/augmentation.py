"""What the changes of augmentation and RMSprop do to the first edition's augmented recipe."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from chollet_cnn.book import recipes
from chollet_cnn.book.published import CURVES, published_figure
from chollet_cnn.drawing.numbers import QUANTITIES, format_mean_and_range
from chollet_cnn.evidence import comparison, figures, statistics, tables
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
WAYS = {
    "": "current Keras",
    "rmsprop-2017": "legacy RMSprop, current augmentation",
    "augmentation-2017": "current RMSprop, legacy augmentation",
    "keras-2017": "legacy RMSprop and augmentation",
}
"""What each variant is computed with; the recipe itself has no name."""
ALONE = ("rmsprop-2017", "augmentation-2017")
"""The two changes, each by itself."""
LAST = 20
"""How many epochs at the end a long augmented run is averaged over."""
_LATE = ["accuracy", "val_accuracy", "val_loss"]


def measure(records: Records) -> dict[str, object]:
    """Compare runs with current Keras and with what the first edition's Keras computed."""
    ways = {variant: records.of(RECIPES[0], variant) for variant in WAYS}
    if not any(len(runs) for variant, (runs, _) in ways.items() if variant):
        return {}
    book = comparison.printed_run(RECIPES[0])
    late, whole, moved_by = [], [], {}
    for variant, (runs, curves) in ({"the book's output": book} | ways).items():
        if runs.empty:
            continue
        name = {"computed with": WAYS.get(variant, variant)}
        mean = _over_the_last(curves)
        late.append(name | {"seeds": str(len(runs))} | _late_cells(runs, mean))
        cells = name | _cells_over_all(curves)
        sample = statistics.summarize(mean["val_accuracy"])
        if sample.n >= statistics.MIN_RUNS_OUTSIDE:
            interval = tables.between(sample.prediction_interval, tables.percent)
            cells[f"95% prediction interval, last {LAST} epochs"] = interval
            curve = comparison.compare_curve(records, RECIPES[0], variant)
            cells |= tables.printed_curve_cells(curve)
        if variant and variant in WAYS:
            moved = _moved(curves, ways[""][1])
            cells |= tables.paired_cells(moved) if moved.n > 1 else {}
            if moved.n >= statistics.MIN_RUNS_OUTSIDE:
                moved_by[variant] = moved
        whole.append(cells)
    current, legacy = (
        statistics.summarize(_over_the_last(ways[name][1])["val_accuracy"])
        for name in ("", "keras-2017")
    )
    claim = published_figure(RECIPES[0])
    return {
        "late": pd.DataFrame(late),
        "whole": pd.DataFrame(whole),
        "book_late": _over_the_last(book[1])["val_accuracy"].item(),
        "current_late": current,
        "legacy_late": legacy,
        "claim_against_late": statistics.verdict(claim.value, claim.step / 2, current),
        "moved_by": moved_by,
        "added": _added(ways),
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


def _moved(curves: pd.DataFrame, baseline: pd.DataFrame) -> statistics.Summary:
    """Summarize by how much runs differ over the last epochs from others, seed by seed."""
    changed, others = _over_the_last(curves), _over_the_last(baseline)
    return statistics.paired_differences(changed, others, "val_accuracy")


def _added(
    ways: Mapping[str, tuple[pd.DataFrame, pd.DataFrame]],
) -> list[tuple[str, statistics.Summary]]:
    """Return what each of the two changes adds to the other one, where there are enough pairs."""
    both = ways["keras-2017"][1]
    added = [
        (variant, _moved(both, ways[other][1]))
        for variant, other in (ALONE, reversed(ALONE))
        if len(both) and len(ways[other][1])
    ]
    return [(variant, moved) for variant, moved in added if moved.n >= statistics.MIN_RUNS_OUTSIDE]


def _over_the_last(curves: pd.DataFrame) -> pd.DataFrame:
    """Return the averages of each run over its last epochs, one row per run."""
    late = curves[curves["epoch"] > curves["epoch"].max() - LAST]
    return late.groupby(statistics.PAIR)[_LATE].mean()


def _late_cells(runs: pd.DataFrame, late: pd.DataFrame) -> dict[str, str]:
    cells = {
        f"{QUANTITIES[column]} over the last {LAST} epochs": format_mean_and_range(
            late[column], column
        )
        for column in _LATE
    }
    return cells | {
        QUANTITIES[column]: format_mean_and_range(runs[column], column)
        for column in ("best_epoch", "test_accuracy")
    }


def _cells_over_all(curves: pd.DataFrame) -> dict[str, str]:
    """Return the accuracies of runs, each averaged over all of its epochs."""
    means = curves.groupby("seed")[_LATE[:2]].mean()
    return {
        f"{QUANTITIES[name]} over all epochs": format_mean_and_range(means[name], name)
        for name in means
    }
