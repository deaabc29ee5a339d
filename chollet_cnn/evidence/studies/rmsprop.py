"""What the change of RMSprop does: Keras moved epsilon inside the square root in 2022."""

from __future__ import annotations

from statistics import fmean

import pandas as pd
from matplotlib.figure import Figure

from chollet_cnn.book import recipes
from chollet_cnn.book.published import CURVES, published_figure
from chollet_cnn.drawing.numbers import QUANTITIES, format_mean_and_range
from chollet_cnn.evidence import comparison, figures, statistics, tables
from chollet_cnn.evidence.comparison import Comparison
from chollet_cnn.evidence.records import Records

TITLE = "The optimizer has changed"
RECIPES = (
    "cats-vs-dogs-first-edition",
    "mnist-first-edition",
    "cats-vs-dogs-first-edition-augmented",
    "cats-vs-dogs-second-edition",
    "cats-vs-dogs-second-edition-augmented",
)
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


def measure(records: Records) -> dict[str, object]:
    """Compare runs with legacy and with current RMSprop."""
    by_epoch, losses, differences, published = [], [], [], []
    for name in (name for name, recipe in recipes.RECIPES.items() if recipe.optimizer == "rmsprop"):
        baseline, title = records.of(name), {"recipe": recipes.get(name).title}
        legacy = {variant: records.of(name, variant) for variant in VARIANTS}
        legacy = {variant: way for variant, way in legacy.items() if len(way[0])}
        if not legacy:
            continue
        # The book's augmented curve has the legacy augmentation too; that study compares it.
        comparable = name in CURVES and "augmentation" not in recipes.get(name).network_options
        book = {"the book's output": comparison.printed_run(name)} if comparable else {}
        for optimizer, (runs, curves) in (book | {"rmsprop": baseline} | legacy).items():
            if runs.empty:
                continue
            way = title | {"optimizer": optimizer}
            by_epoch.append(way | _cells(runs, curves))
            sample = _mean_losses(curves)
            if comparable and sample.n >= statistics.MIN_RUNS_OUTSIDE:
                variant = optimizer if optimizer in legacy else ""
                curve = comparison.compare_curve(records, name, variant)
                cells = _loss_cells(fmean(CURVES[name]["loss"]), sample)
                moved = statistics.paired_differences(curves, baseline[1], "loss")
                if variant and moved.n >= statistics.MIN_RUNS_OUTSIDE:
                    cells["legacy minus current (95% confidence interval)"] = (
                        f"{tables.signed_loss(moved.mean)} "
                        f"({tables.between(moved.confidence_interval, tables.signed_loss)})"
                    )
                losses.append(way | cells | tables.printed_curve_cells(curve))
        for variant, (runs, _) in legacy.items():
            moved = statistics.paired_differences(runs, baseline[0])
            if moved.n >= statistics.MIN_RUNS_OUTSIDE:
                both = {"test accuracy, legacy": runs, "current": baseline[0]}
                means = tables.paired_means(both, "test_accuracy")
                differences.append(title | {"legacy": variant} | means | tables.paired_cells(moved))
                published += _published_beside(records, name, variant)
    if not by_epoch:
        return {}
    found = {"by_epoch": by_epoch, "mean_losses": losses, "differences": differences}
    book_loss = fmean(CURVES[RECIPES[0]]["loss"])
    current, legacy = (
        statistics.verdict(book_loss, 0, _mean_losses(records.of(RECIPES[0], variant)[1]))
        for variant in ("", "rmsprop-2017")
    )
    return {
        **{name: pd.DataFrame(rows) for name, rows in found.items() if rows},
        "published": published,
        "current": current,
        "legacy": legacy,
        "moved_loss": moved_loss(records),
    }


def _published_beside(
    records: Records, recipe: str, variant: str
) -> list[tuple[Comparison, Comparison]]:
    """Compare the test accuracy that the book gives with legacy and with current runs."""
    claim = published_figure(recipe)
    if not claim or claim.quantity != "test_accuracy":
        return []
    legacy, current = (comparison.compare([claim], records, way)[0] for way in (variant, ""))
    return [(legacy, current)]


def moved_loss(records: Records) -> statistics.Summary:
    """Summarize by how much legacy RMSprop moves the first edition's mean training loss."""
    legacy, current = (records.of(RECIPES[0], variant)[1] for variant in ("rmsprop-2017", ""))
    return statistics.paired_differences(legacy, current, "loss")


def figure(records: Records) -> Figure | None:
    """Draw the first edition's network on cats and dogs with either RMSprop."""
    recipe = recipes.get(RECIPES[0])
    curves = figures.legacy_and_current(records, recipe.name, "rmsprop-2017")
    if curves is None:
        return None
    return figures.plot_legacy_and_current(curves, CURVES[recipe.name], title=recipe.title)


def _mean_losses(curves: pd.DataFrame) -> statistics.Summary:
    """Summarize the training loss averaged over the epochs: one number per run."""
    return statistics.summarize(curves.groupby("seed")["loss"].mean())


def _cells(runs: pd.DataFrame, curves: pd.DataFrame) -> dict[str, str]:
    cells = {"seeds": str(len(runs))}
    cells |= {QUANTITIES[name]: format_mean_and_range(runs[name], name) for name in _WHOLE}
    for epoch in EPOCHS:
        losses = curves.loc[curves["epoch"] == epoch, "loss"]
        cells[f"training loss after epoch {epoch}"] = format_mean_and_range(losses, "loss")
    return cells


def _loss_cells(book: float, sample: statistics.Summary) -> dict[str, str]:
    return {
        "seeds": str(sample.n),
        "mean training loss of the book": tables.loss(book),
        "of our runs": tables.loss(sample.mean),
        "95% prediction interval for one new run": tables.between(
            sample.prediction_interval, tables.loss
        ),
        "the book's figure": statistics.verdict(book, 0, sample),
    }
