"""What was tried to find out why a figure comes back or stays away, in words and tables.

Each function returns the Markdown of one part of ``results/README.md``, most from what
``results/`` holds.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import TYPE_CHECKING

from chollet_cnn.book import published, recipes
from chollet_cnn.drawing.numbers import (
    QUANTITIES,
    format_mean_and_range,
    format_quantity,
    format_seeds,
)
from chollet_cnn.evidence import statistics as spread

if TYPE_CHECKING:
    import pandas as pd

    from chollet_cnn.evidence.records import Records

CAUSES = {
    "everything": "everything differs",
    "order": "the order differs, the starting weights are seed 0's",
    "weights": "the starting weights differ, the order is seed 0's",
}


def whose_spread(rows: pd.DataFrame, variants: pd.DataFrame) -> str:
    """Say how far runs lie apart if only their starting weights, or only their order, differ."""
    heads = (
        "recipe", "from run to run", "seeds", "mean", "lowest to highest", "standard deviation",
        "its 95% interval", "expected from the test set's size",
    )  # fmt: skip
    lines = [f"| {' | '.join(heads)} |", "|---|---|--:|--:|--:|--:|--:|--:|"]
    for (name, backend, device), causes in spread.by_cause(rows, variants).items():
        if min(runs.n for runs in causes.values()) < spread.FEWEST_TO_MISS:
            continue  # two runs say next to nothing of how far apart all lie
        title = recipes.get(name).title
        for cause, runs in causes.items():
            low, high = (100 * limit for limit in spread.sd_confidence_interval(runs))
            lines.append(
                f"| {title} ({backend}, {device}) | {CAUSES[cause]} | {runs.n} | "
                f"{runs.mean:.2%} | {runs.min:.2%} to {runs.max:.2%} | "
                f"{100 * runs.sd:.3f} points | {low:.3f} to {high:.3f} | "
                f"{100 * expected_sd(name, runs.mean):.3f} points |"
            )
    return "\n".join(lines) if len(lines) > 2 else "Not enough such runs yet."


def sixteen_bits(rows: pd.DataFrame, variants: pd.DataFrame) -> str:
    """Say what computing with 16 bits does to the test accuracy."""
    lines = [
        "| recipe | bits | seeds | mean | standard deviation | expected from the test set's size | "
        "lowest to highest |",
        "|---|---|--:|--:|--:|--:|--:|",
    ]
    words = []
    kind = ["recipe", "backend", "device"]
    for key, half in variants[variants["variant"] == "bfloat16"].groupby(kind):
        whole = spread.alike(rows, kind, key)
        title = f"{recipes.get(key[0]).title} ({key[1]}, {key[2]})"
        for bits, runs in (("32", whole), ("16", half)):
            of = spread.of(runs["test_accuracy"])
            if of.n == 0:
                continue
            sd = f"{100 * of.sd:.2f} points" if of.n > 1 else ""
            lines.append(
                f"| {title} | {bits} | {of.n} | {of.mean:.2%} | {sd} | "
                f"{100 * expected_sd(key[0], of.mean):.2f} points | "
                f"{of.min:.2%} to {of.max:.2%} |"
            )
        if spread.paired(half, whole).n > 1:
            words.append(f"{title}: 16 bits minus 32 bits is {_paired(half, whole)}.")
    return "\n".join([*lines, "", *words]).strip() if len(lines) > 2 else "No such run yet."


def expected_sd(recipe: str, test_accuracy: float) -> float:
    """Return how far a recipe's runs lie apart by the size of its test set alone, 0..1."""
    return spread.expected_sd(test_accuracy, recipes.image_count(recipe, "test_accuracy"))


OF_WHOLE_RUNS = ("test_accuracy", "val_accuracy", "best_epoch")
OLD_OPTIMIZERS = ("rmsprop-2017", "rmsprop-2021")
SHOWN_EPOCHS = (1, 2, 5, 10, 30, 100)


def optimizers(records: Records) -> str:
    """Say what it does to move the weights as the Keras of the book's time did."""
    heads = ["recipe", "optimizer", "seeds", *(QUANTITIES[name] for name in OF_WHOLE_RUNS)]
    heads += [f"training loss after epoch {epoch}" for epoch in SHOWN_EPOCHS]
    lines, words = [], []
    kind, order = ["recipe", "backend", "device"], list(recipes.RECIPES)
    old = records.variants[records.variants["variant"].isin(OLD_OPTIMIZERS)]
    for (*key, variant), then in sorted(
        old.groupby([*kind, "variant"]), key=lambda found: order.index(found[0][0])
    ):
        title = f"{recipes.get(key[0]).title} ({key[1]}, {key[2]})"
        now = spread.alike(records.runs, kind, key)
        curves = spread.alike(records.curves, kind, key)
        old_curves = spread.alike(records.variant_curves, [*kind, "variant"], [*key, variant])
        book = published.CURVES.get(key[0])
        rows = [("the book's output", 1, _of_the_book(book))] if book else []
        rows.append(("rmsprop", len(now), _of_runs(now, curves)))
        rows.append((variant, len(then), _of_runs(then, old_curves)))
        for optimizer, count, cells in rows:
            lines.append(dict(zip(heads, [title, optimizer, str(count), *cells], strict=True)))
        if spread.paired(then, now).n >= spread.FEWEST_TO_MISS:
            words.append(f"- {title}: {variant} minus rmsprop is {_paired(then, now)}.")
            kept = min(of["seed"].nunique() for of in (curves, old_curves))
            if book and kept >= spread.FEWEST_TO_MISS:
                words[-1] += (
                    f" Averaged over its {len(book['loss'])} epochs the book's training loss is "
                    f"{fmean(book['loss']):.4f}; one more run is expected from "
                    f"{_mean_loss(curves)} with rmsprop, from {_mean_loss(old_curves)} with "
                    f"{variant}."
                )
    return "\n".join([*_table(lines), "", *words]).strip() if lines else "No such run yet."


def _paired(some: pd.DataFrame, others: pd.DataFrame) -> str:
    """Say how far the test accuracy of runs lies from that of those with the same seeds."""
    moved = spread.paired(some, others)
    both = set(some["seed"]) & set(others["seed"])
    means = [
        f"{of.loc[of['seed'].isin(both), 'test_accuracy'].mean():.2%}" for of in (some, others)
    ]
    mean, low, high = (100 * share for share in (moved.mean, moved.mean_low, moved.mean_high))
    return (
        f"{mean:+z.2f} points of test accuracy on average, {means[0]} and {means[1]} over the "
        f"{moved.n} seeds that both have (seed by seed; 95%: {low:+z.2f} to {high:+z.2f})"
    )


def _mean_loss(curves: pd.DataFrame) -> str:
    """Say where the training loss of one more run is expected, averaged over its epochs.

    One number a run: the epochs of a curve hang together and are not so many tests.
    """
    runs = spread.of(curves.groupby("seed")["loss"].mean())
    return f"{runs.run_low:.4f} to {runs.run_high:.4f}"


def _table(lines: list[dict[str, str]]) -> list[str]:
    """Return a Markdown table of what the lines have by column, without columns that are empty."""
    heads = [head for head in lines[0] if any(line[head] for line in lines)]
    rule = ["---", "---", *["--:"] * (len(heads) - 2)]
    return [
        f"| {' | '.join(heads)} |",
        f"|{'|'.join(rule)}|",
        *(f"| {' | '.join(line[head] for head in heads)} |" for line in lines),
    ]


def _of_runs(runs: pd.DataFrame, curves: pd.DataFrame) -> list[str]:
    """Return what runs gave as the cells of a line: of whole runs, then the loss by epoch."""
    losses = (curves.loc[curves["epoch"] == epoch, "loss"] for epoch in SHOWN_EPOCHS)
    return [
        *(format_mean_and_range(runs[quantity], quantity) for quantity in OF_WHOLE_RUNS),
        *(format_mean_and_range(loss, "loss") for loss in losses),
    ]


def _of_the_book(curve: Mapping[str, Sequence[float]]) -> list[str]:
    """Return a printed curve as such cells; the notebooks print no test accuracy by epoch."""
    losses = dict(enumerate(curve["loss"], 1))
    cells = ["", "", ""]
    if "val_loss" in curve:
        last = format_quantity(curve["val_accuracy"][-1], "val_accuracy")
        cells = ["", last, str(published.best_epoch(curve))]
    return cells + [format_quantity(losses.get(epoch), "loss") for epoch in SHOWN_EPOCHS]


OLD_KERAS = {
    "rmsprop-2017": "the RMSprop of 2017, the rest today's",
    "augmentation-2017": "the augmentation of 2017, the rest today's",
    "keras-2017": "the RMSprop and the augmentation of 2017",
}
"""What of the first edition's Keras a variant computes with."""
OVER = 20
"""How many epochs at the end a long augmented run is averaged over."""
LATE_COLUMNS = ("accuracy", "val_accuracy", "val_loss")


def augmentation(records: Records) -> str:
    """Say what it does to train the first edition's augmented recipe as its own Keras did."""
    import pandas as pd

    recipe = recipes.get("cats-vs-dogs-first-edition-augmented")
    book, late = published.CURVES[recipe.name], f"over the last {OVER} epochs"
    heads = ["computed with", "seeds"]
    heads += [f"{QUANTITIES[column]} {late}" for column in LATE_COLUMNS]
    heads += [QUANTITIES["best_epoch"], QUANTITIES["test_accuracy"]]
    whole = [
        *(format_quantity(fmean(book[column][-OVER:]), column) for column in LATE_COLUMNS),
        str(published.best_epoch(book)),
        "",
    ]
    parts = []
    own = records.runs[records.runs["recipe"] == recipe.name]
    others = records.variants[records.variants["recipe"] == recipe.name]
    for (backend, device), now in own.groupby(["backend", "device"]):
        kind = {"recipe": recipe.name, "backend": backend, "device": device}
        curves = spread.alike(records.curves, list(kind), kind.values())
        ways = {"today's Keras": (now, curves)}
        for variant, words in OLD_KERAS.items():
            key = kind | {"variant": variant}
            then = spread.alike(others, list(key), key.values())
            if len(then):
                curves = spread.alike(records.variant_curves, list(key), key.values())
                ways[words] = then, curves
        if len(ways) == 1:
            continue
        lines = [["the book's output", "1", *whole]]
        lines += [[words, *_late(runs, curves)] for words, (runs, curves) in ways.items()]
        means = {"the book": pd.DataFrame(book).assign(seed=0)}
        means |= {words: curves for words, (_, curves) in ways.items()}
        averages = "; ".join(f"{words} {_over_all(curves)}" for words, curves in means.items())
        parts += [
            f"{recipe.title} ({backend}, {device}):",
            "",
            *_table([dict(zip(heads, line, strict=True)) for line in lines]),
            "",
            f"Averaged over all {recipe.epochs} epochs: {averages}.",
            "",
            *(_one_more(words, curves, book) for words, (_, curves) in ways.items()),
        ]
    return "\n".join(parts).strip() or "No such run yet."


def _late(runs: pd.DataFrame, curves: pd.DataFrame) -> list[str]:
    """Return what runs came to in their last epochs, as cells of a line of :func:`augmentation`."""
    late = _over_the_last(curves)
    return [
        str(len(runs)),
        *(format_mean_and_range(late[column], column) for column in LATE_COLUMNS),
        *(
            format_mean_and_range(runs[quantity], quantity)
            for quantity in ("best_epoch", "test_accuracy")
        ),
    ]


def _over_the_last(curves: pd.DataFrame) -> pd.DataFrame:
    """Return what each run came to in its last epochs on average, a row a run."""
    late = curves[curves["epoch"] > curves["epoch"].max() - OVER]
    return late.groupby("seed")[list(LATE_COLUMNS)].mean()


def _one_more(way: str, curves: pd.DataFrame, book: Mapping[str, Sequence[float]]) -> str:
    """Say where one more run would come to in its last epochs, which are calmer than the last."""
    runs = spread.of(_over_the_last(curves)["val_accuracy"])
    if runs.n < spread.FEWEST_TO_MISS:
        return ""
    return (
        f"One more run with {way} is expected to have a validation accuracy from "
        f"{runs.run_low:.2%} to {runs.run_high:.2%} over the last {OVER} epochs, where the book's "
        f"output has {fmean(book['val_accuracy'][-OVER:]):.2%}.\n"
    )


def _over_all(curves: pd.DataFrame) -> str:
    """Return the accuracies of runs, each averaged over all of its epochs."""
    means = curves.groupby("seed")[["accuracy", "val_accuracy"]].mean()
    training, validation = (format_mean_and_range(means[column], column) for column in means)
    return f"{training} in training and {validation} in validation"


def cut_short() -> str:
    """Say how many of the book's steps are left when an epoch ends with its pictures."""
    recipe = recipes.get("cats-vs-dogs-first-edition-augmented")
    validation = published.CURVES[recipe.name]["val_accuracy"]
    first, last = recipe.data_options["splits"]["train"]
    left = math.ceil(2 * (last - first) / recipe.batch_size)
    asked, steps = recipe.steps_per_epoch * recipe.epochs, left * recipe.epochs
    there = round(steps / recipe.steps_per_epoch)
    around = validation[there - 5 : there + 4]
    return (
        f"Of {recipe.steps_per_epoch} steps an epoch {left} are left, in {recipe.epochs} epochs "
        f"{steps:,} of {asked:,}. The book's run had made as many after epoch {there}: its "
        f"validation accuracy is {fmean(around):.2%} on average over the nine epochs "
        f"around it, and {fmean(validation[-OVER:]):.2%} over the last {OVER}."
    )


LATE = 10
"""How many epochs at the end of training show where it has come to; single ones jump too far."""


def choice_of_epoch(rows: pd.DataFrame, curves: pd.DataFrame) -> str:
    """Say how far testing the epoch of the lowest validation loss moves the test accuracy.

    Args:
        rows: ``results/runs.csv``.
        curves: what :func:`chollet_cnn.evidence.records.read_curves` gives.
    """
    lines = []
    kind = ["recipe", "backend", "device"]
    choosing = [
        name
        for name, recipe in recipes.RECIPES.items()
        if recipe.judged_by == recipes.LOWEST_VALIDATION_LOSS
    ]
    chosen = rows[rows["recipe"].isin(choosing) & rows["last_epoch_test_accuracy"].notna()]
    for name in choosing:
        for key, runs in chosen[chosen["recipe"] == name].groupby(kind):
            ours = spread.alike(curves, kind, key)
            lines.append(_choice(key, runs, ours[ours["seed"].isin(runs["seed"])]))
    for (backend, device), runs in chosen.groupby(["backend", "device"]):
        if runs["recipe"].nunique() > 1:
            moved = spread.of(_moved(runs))
            lines.append(
                f"- All of these ({backend}, {device}): {moved.mean:+.2f} points on average, of "
                f"endlessly many from {moved.mean_low:+.2f} to {moved.mean_high:+.2f} (95%). "
                f"{_how_often_the_last_did_better(runs)}"
            )
    return "\n".join(lines) or "No such run yet."


def _choice(key: Sequence[str], runs: pd.DataFrame, curves: pd.DataFrame) -> str:
    """Tell of the runs of one recipe on one kind of device, with their learning curves."""
    recipe, moved = recipes.get(key[0]), spread.of(_moved(runs))
    tested, last = runs["test_accuracy"], runs["last_epoch_test_accuracy"]
    width = f" on average ({moved.min:+.2f} to {moved.max:+.2f})" if moved.n > 1 else ""
    words = (
        f"- {recipe.title} ({format_seeds(moved.n)}, {key[1]}, {key[2]}): {moved.mean:+.2f} points"
        f"{width}, {format_mean_and_range(tested, 'test_accuracy')} where the last epoch has "
        f"{format_mean_and_range(last, 'test_accuracy')}. "
    )
    if moved.n >= spread.FEWEST_TO_MISS:
        words += (
            f"Of endlessly many runs it lies from {moved.mean_low:+.2f} to "
            f"{moved.mean_high:+.2f} points on average (95%). The standard deviation is "
            f"{100 * tested.std():.2f} points, after the last epoch "
            f"{100 * last.std():.2f}; by the number of pictures "
            f"{100 * expected_sd(recipe.name, tested.mean()):.2f} and "
            f"{100 * expected_sd(recipe.name, last.mean()):.2f}. "
        )
    if moved.n > 1:
        words += f"{_how_often_the_last_did_better(runs)} "
    words += (
        f"{_epochs(runs['judged_epoch'])} of {recipe.epochs} had the lowest validation "
        f"loss; validation accuracy was {runs['val_accuracy'].mean():.2%} there"
    )
    late = curves[curves["epoch"] > recipe.epochs - LATE]
    if len(late):
        words += f", {late['val_accuracy'].mean():.2%} over the last {LATE} epochs"
    return f"{words}.{_closest_call(curves)}"


def _moved(runs: pd.DataFrame) -> pd.Series:
    """Return how many points testing the chosen epoch gains each run over testing the last."""
    return 100 * (runs["test_accuracy"] - runs["last_epoch_test_accuracy"])


def _how_often_the_last_did_better(runs: pd.DataFrame) -> str:
    return f"In {(_moved(runs) < 0).sum()} of {len(runs)} the last epoch did better."


def _closest_call(curves: pd.DataFrame) -> str:
    """Tell of the run in which two epochs came closest to sharing the lowest validation loss."""
    calls = []
    for seed, curve in curves.groupby("seed"):
        if curve["val_loss"].count() > 1:  # a run that diverged has no loss to compare
            first, second = curve.nsmallest(2, "val_loss").to_dict("records")
            calls.append((second["val_loss"] - first["val_loss"], seed, first, second))
    if not calls:
        return ""
    _, seed, first, second = min(calls, key=lambda call: call[:2])
    return (
        f" The closest call: with seed {seed} epoch {first['epoch']:.0f} was kept for a loss of "
        f"{first['val_loss']:.4f}, epoch {second['epoch']:.0f} had {second['val_loss']:.4f}; their "
        f"validation accuracy is {first['val_accuracy']:.2%} and {second['val_accuracy']:.2%}."
    )


STOPS = (10, 20, 30, 50, 100)
"""After how many epochs a reader may have stopped; 30 is what the plain recipe is trained for."""


def stopped_early(curves: pd.DataFrame, recipe: str, limit: float) -> str:
    """Say what the runs of a recipe would have kept, had they been stopped after fewer epochs.

    No epoch knows how many follow, so a shorter run is the beginning of a longer one. The test
    pictures are looked at once, at the end; of the epochs before there is validation accuracy.

    Args:
        curves: what :func:`chollet_cnn.evidence.records.read_curves` gives.
        recipe: one that keeps the epoch of the lowest validation loss.
        limit: the accuracy, 0..1, to count the runs below of.
    """
    parts = []
    for (backend, device), runs in curves[curves["recipe"] == recipe].groupby(
        ["backend", "device"]
    ):
        count = runs["seed"].nunique()
        parts += [
            f"{recipes.get(recipe).title}, {format_seeds(count)} ({backend}, {device}):",
            "",
            "| stopped after | the epoch that is kept | its validation accuracy | below "
            f"{limit:.0%} |",
            "|--:|--:|--:|--:|",
        ]
        for stop in STOPS:
            begun = runs[(runs["epoch"] <= stop) & runs["val_loss"].notna()]
            kept = begun.sort_values(["val_loss", "epoch"]).groupby("seed").head(1)
            parts.append(
                f"| {stop} epochs | {_range(kept['epoch'])} | "
                f"{format_mean_and_range(kept['val_accuracy'], 'val_accuracy')} | "
                f"{(kept['val_accuracy'] < limit).sum()} of {len(kept)} |"
            )
        parts.append("")
    return "\n".join(parts).strip() or "No such run yet."


def copies(pairs: pd.DataFrame) -> str:
    """Say how far it moves the accuracy to train and test on copies of the pictures.

    Args:
        pairs: ``results/copies.csv``; of each seed a run on originals and one on copies.
    """
    if pairs.empty:
        return "No such run yet."
    lines = [
        "| accuracy | seeds | on originals | on copies | copies minus originals | the mean "
        "difference, 95% |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    originals, copied = (pairs[pairs["pictures"] == kind] for kind in ("originals", "copies"))
    for quantity in ("val_accuracy", "test_accuracy"):
        moved = spread.paired(copied, originals, quantity)
        low, high = 100 * moved.mean_low, 100 * moved.mean_high
        lines.append(
            f"| {QUANTITIES[quantity]} | {moved.n} | {originals[quantity].mean():.2%} | "
            f"{copied[quantity].mean():.2%} | {100 * moved.mean:+.2f} points "
            f"({100 * moved.min:+.2f} to {100 * moved.max:+.2f}) | "
            f"{f'{low:+.2f} to {high:+.2f}' if moved.n > 1 else ''} |"
        )
    return "\n".join(lines)


def _epochs(numbers: Iterable[int]) -> str:
    return f"Epoch{'s' * (min(numbers) < max(numbers))} {_range(numbers)}"


def _range(numbers: Iterable[int]) -> str:
    low, high = min(numbers), max(numbers)
    return f"{low}" if low == high else f"{low} to {high}"
