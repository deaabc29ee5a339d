"""What the change of RMSprop does: Keras moved epsilon inside the square root in 2022."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from statistics import fmean

import pandas as pd
from matplotlib.figure import Figure

from chollet_cnn.book import recipes
from chollet_cnn.book.published import CURVES, best_epoch
from chollet_cnn.drawing.numbers import QUANTITIES, format_mean_and_range, format_quantity
from chollet_cnn.evidence import figures, statistics, tables
from chollet_cnn.evidence.records import Records

TITLE = "The optimizer has changed"
RECIPES = ("cats-vs-dogs-first-edition", "cats-vs-dogs-second-edition", "mnist-first-edition")
VARIANTS = {
    "rmsprop-2017": {"optimizer": "rmsprop-2017"},
    "rmsprop-2021": {"optimizer": "rmsprop-2021"},
}
FIGURE = "optimizers"
CAPTION = (
    "Training loss and accuracy on cats and dogs by epoch: the printed curve is close to the runs "
    "with legacy RMSprop, and well apart from those with current RMSprop."
)
EPOCHS = (1, 2, 5, 10, 30, 100)
_WHOLE = ("test_accuracy", "val_accuracy", "best_epoch")
_HEADS = ["recipe", "optimizer", "seeds", *(QUANTITIES[name] for name in _WHOLE)]
_HEADS += [f"training loss after epoch {epoch}" for epoch in EPOCHS]


def measure(records: Records) -> dict[str, object]:
    """Compare runs with legacy and with current RMSprop."""
    ways = [(name, list(_ways(records, name))) for name in recipes.RECIPES]
    ways = [(name, found) for name, found in ways if len(found) > 1]
    if not ways:
        return {}
    by_epoch, losses, differences = [], [], []
    first = {way: _mean_losses(curves) for way, _, curves in _ways(records, RECIPES[0])}
    for name, found in ways:
        title = {"recipe": recipes.get(name).title}
        (_, baseline, _), *changed = found
        if name in CURVES:
            by_epoch.append(title | {"optimizer": "the book's output"} | _book_cells(CURVES[name]))
        for optimizer, runs, curves in found:
            by_epoch.append(title | {"optimizer": optimizer} | _cells(runs, curves))
            sample = _mean_losses(curves)
            if name in CURVES and sample.n >= statistics.MIN_RUNS_OUTSIDE:
                losses.append(title | {"optimizer": optimizer} | _loss_cells(name, sample))
        for variant, runs, _ in changed:
            moved = statistics.paired_differences(runs, baseline)
            if moved.n >= statistics.MIN_RUNS_OUTSIDE:
                differences.append(
                    title
                    | {"legacy": variant}
                    | _means(runs, baseline)
                    | tables.paired_cells(moved)
                )
    found = {"mean_losses": losses, "differences": differences}
    return {
        **{name: pd.DataFrame(rows).fillna("") for name, rows in found.items() if rows},
        "by_epoch": pd.DataFrame(by_epoch, columns=_HEADS).fillna(""),
        "book_loss": fmean(CURVES[RECIPES[0]]["loss"]),
        "current_loss": first["rmsprop"],
        "legacy_loss": first.get("rmsprop-2017", statistics.summarize([])),
    }


def figure(records: Records) -> Figure | None:
    """Draw the first edition's network on cats and dogs with either RMSprop."""
    recipe = recipes.get(RECIPES[0])
    curves = figures.legacy_and_current(records, recipe.name, "rmsprop-2017")
    if curves is None:
        return None
    return figures.plot_legacy_and_current(curves, CURVES[recipe.name], title=recipe.title)


def _ways(records: Records, recipe: str) -> Iterator[tuple[str, pd.DataFrame, pd.DataFrame]]:
    """Yield each optimizer that a recipe was trained with, its runs and their curves."""
    own = {"recipe": recipe}
    yield (
        "rmsprop",
        statistics.matching(records.runs, own),
        statistics.matching(records.curves, own),
    )
    for variant in VARIANTS:
        key = own | {"variant": variant}
        runs = statistics.matching(records.variants, key)
        if len(runs):
            yield variant, runs, statistics.matching(records.variant_curves, key)


def _mean_losses(curves: pd.DataFrame) -> statistics.Summary:
    """Summarize the training loss averaged over the epochs: one number a run."""
    return statistics.summarize(curves.groupby("seed")["loss"].mean())


def _cells(runs: pd.DataFrame, curves: pd.DataFrame) -> dict[str, str]:
    whole = {QUANTITIES[name]: format_mean_and_range(runs[name], name) for name in _WHOLE}
    losses = {epoch: curves.loc[curves["epoch"] == epoch, "loss"] for epoch in EPOCHS}
    return (
        {"seeds": str(len(runs))}
        | whole
        | _by_epoch({e: format_mean_and_range(losses[e], "loss") for e in losses})
    )


def _book_cells(curve: Mapping[str, Sequence[float]]) -> dict[str, str]:
    """Return a printed curve as cells; the notebooks print no test accuracy by epoch."""
    losses = dict(enumerate(curve["loss"], 1))
    cells = {"seeds": "1"}
    if "val_loss" in curve:
        cells[QUANTITIES["val_accuracy"]] = format_quantity(
            curve["val_accuracy"][-1], "val_accuracy"
        )
        cells[QUANTITIES["best_epoch"]] = str(best_epoch(curve))
    return cells | _by_epoch(
        {epoch: format_quantity(losses.get(epoch), "loss") for epoch in EPOCHS}
    )


def _by_epoch(losses: Mapping[int, str]) -> dict[str, str]:
    return {f"training loss after epoch {epoch}": loss for epoch, loss in losses.items()}


def _loss_cells(recipe: str, sample: statistics.Summary) -> dict[str, str]:
    show, book = partial(format_quantity, quantity="loss"), fmean(CURVES[recipe]["loss"])
    return {
        "seeds": str(sample.n),
        "mean training loss of the book": show(book),
        "of our runs": show(sample.mean),
        "95% prediction interval for one new run": tables.between(sample.prediction_interval, show),
        "the book's figure": statistics.verdict(book, 0, sample),
    }


def _means(runs: pd.DataFrame, baseline: pd.DataFrame) -> dict[str, str]:
    """Return the mean test accuracies over the seeds that both have."""
    both = set(runs["seed"]) & set(baseline["seed"])
    return {
        name: tables.percent(rows.loc[rows["seed"].isin(both), "test_accuracy"].mean())
        for name, rows in (("test accuracy, legacy", runs), ("current", baseline))
    }
