"""The tables of all recipes: those of ``results/README.md``, of the README and of a terminal."""

from __future__ import annotations

import math
from collections.abc import Iterable
from textwrap import fill, indent

import pandas as pd

from chollet_cnn.book import recipes
from chollet_cnn.book.published import CLAIMS
from chollet_cnn.drawing import numbers
from chollet_cnn.evidence import comparison, statistics, studies, tables
from chollet_cnn.evidence.comparison import Answer, Comparison, PrintedCurve
from chollet_cnn.evidence.records import KIND, Records, describe_data

ARROWS = {statistics.ABOVE: " ↑", statistics.BELOW: " ↓"}
ORDER = {name: place for place, name in enumerate(recipes.RECIPES)}

EXTENDED = {
    ("cats-vs-dogs-first-edition-augmented", ""): (
        3, "its figures had no verdict with so few; with four, 82% was above the interval",
    ),
    ("cats-vs-dogs-first-edition-augmented", "keras-2017"): (1, "one run shows little"),
    ("cats-vs-dogs-second-edition", ""): (
        5, "its test accuracies were the most scattered of all",
    ),
    ("cats-vs-dogs-third-edition-augmented", ""): (
        3, "the others in these tables had at least five",
    ),
}  # fmt: skip
"""Recipes, and their variants, that were given more runs after the first were seen: how many those
were, and why."""


def in_short(answer: Answer) -> pd.DataFrame:
    """Return the first table of ``results/README.md``, a row each published figure and curve."""
    rows = []
    for item, adjusted in answer.family:
        if isinstance(item, PrintedCurve):
            recipe, count, spread = item.recipe, item.n, ""
            figure, book = "printed curve", f"{len(item.comparisons)} numbers"
        else:
            recipe, count = item.claim.recipe, item.sample.n
            figure, book, spread = item.figure, item.book, item.ours
        links = (f"[{s.subject}](#{s.anchor})" for s in studies.collect() if recipe in s.recipes)
        row = {
            "recipe": item.title,
            "figure": figure,
            "the book": book,
            "our mean (lowest to highest)": spread,
            "runs": str(count),
            "the book's figure is": item.verdict,
            "p, adjusted": tables.p_value(adjusted),
            "see": ", ".join(links),
        }
        rows.append((ORDER[recipe], row))
    return pd.DataFrame([row for _, row in sorted(rows, key=lambda row: row[0])])


def pooled_processors(recorded: Records) -> list[tuple[str, str]]:
    """Return the recipes, and their variants, whose pooled runs are of different processors."""
    runs = pd.concat([recorded.runs.assign(variant=""), recorded.variants])
    kinds = runs.groupby(["recipe", "variant", *KIND], sort=False)["processor_kind"].nunique()
    pooled = {(recipe, variant) for recipe, variant, *_ in kinds[kinds > 1].index}
    return sorted(pooled, key=lambda pair: (ORDER[pair[0]], pair[1]))


def widths(answer: Answer, dataset: str) -> list[float]:
    """Return how far the prediction intervals of accuracies reach to either side, in order."""
    return sorted(
        (high - low) / 2
        for figure in answer.figures
        if recipes.get(figure.claim.recipe).dataset == dataset
        and figure.claim.quantity.endswith("accuracy")
        and figure.sample.n >= statistics.MIN_RUNS_INSIDE
        for low, high in [figure.sample.prediction_interval]
    )


def all_figures(recorded: Records, answer: Answer) -> pd.DataFrame:
    """Return the table of all published figures of whole runs, errata included."""
    whole = comparison.compare([claim for claim in CLAIMS if claim.epoch is None], recorded)
    return pd.DataFrame([_figure_cells(figure, answer.adjusted_p(figure)) for figure in whole])


def _figure_cells(figure: Comparison, adjusted: float) -> dict[str, str]:
    claim, sample = figure.claim, figure.sample
    cells = {
        "recipe": claim.recipe,
        "figure": figure.figure,
        "the book": f"{figure.book}, {claim.kind}{' (erratum)' if claim.slip else ''}",
        "trained on": ", ".join(filter(None, _recipe_and_kind(figure)[1:])),
        **tables.sample_cells(sample, claim.quantity, figure.test_set_sd),
    }
    of_enough = {
        "95% confidence interval of the mean": tables.between(
            sample.confidence_interval, figure.show
        ),
        "95% prediction interval for one new run": tables.between(
            sample.prediction_interval, figure.show
        ),
        "expected share of new runs below the book": _share(
            statistics.share_below(claim.value, sample)
        ),
        "detectable difference": numbers.format_difference(
            figure.detectable_difference, claim.quantity
        ),
    }
    if sample.n < statistics.MIN_RUNS_OUTSIDE:
        of_enough = dict.fromkeys(of_enough, "")
    return cells | of_enough | {"p, adjusted": tables.p_value(adjusted), "verdict": figure.verdict}


def _share(share: float) -> str:
    if math.isnan(share):
        return ""
    return "under 1%" if share < 0.01 else "over 99%" if share > 0.99 else f"{share:.0%}"


def curve_table(recorded: Records, curve: PrintedCurve) -> pd.DataFrame:
    """Return a printed curve beside ours: about ten epochs, with an arrow where it is outside."""
    last = max(item.claim.epoch for item in curve.comparisons)
    step = next(step for step in (1, 5, 10, 20) if last / step < 7)
    printed = {(item.claim.quantity, item.claim.epoch): item for item in curve.comparisons}
    monitored = "test" if recipes.get(curve.recipe).dataset == "mnist" else "validation"
    columns = {
        "accuracy": "training accuracy", "loss": "training loss",
        "val_accuracy": f"{monitored} accuracy", "val_loss": f"{monitored} loss",
    }  # fmt: skip
    rows = []
    for epoch, values in recorded.of(curve.recipe)[1].groupby("epoch"):
        if epoch > 5 and epoch % step:
            continue
        row = {"epoch": str(epoch)}
        for quantity, words in columns.items():
            if item := printed.get((quantity, epoch)):
                arrow = ARROWS.get(item.verdict, "")
                row[f"{words}, the book"] = item.show(item.claim.value) + arrow
            row[f"{words}, ours"] = numbers.format_mean_and_range(values[quantity], quantity)
        rows.append(row)
    return pd.DataFrame(rows)


def unpublished(recorded: Records) -> pd.DataFrame:
    """Return the test accuracies of the recipes for which no published figure is known."""
    rows = []
    for recipe, claim, quantity, own in comparison.by_recipe(recorded):
        if len(own) and not claim:
            sample = statistics.summarize(own[quantity])
            rows.append({"recipe": recipe.title} | tables.accuracy_cells(recipe.name, sample))
    return pd.DataFrame(rows)


def extended(recorded: Records) -> list[tuple[str, int, int, str]]:
    """Return the recipes with more runs than at first: title, runs now and at first, and why."""
    runs = pd.concat([recorded.runs.assign(variant=""), recorded.variants])
    count = runs.groupby(["recipe", "variant"]).size()
    return [
        (", ".join(filter(None, (recipes.get(name).title, variant))), count[name, variant], *more)
        for (name, variant), more in EXTENDED.items()
        if count.get((name, variant), 0) > more[0]
    ]


def machines(recorded: Records) -> pd.DataFrame:
    """Return which seeds of which recipe and variant were trained on which machines."""
    labelled = {"variant": recorded.variants, "pictures": recorded.copies}
    rows = [rows.assign(changed=rows[label]) for label, rows in labelled.items()]
    rows = pd.concat([recorded.runs.assign(changed=""), *rows])
    rows = rows.assign(place=rows["recipe"].map(ORDER).fillna(len(ORDER)))
    keys = ["place", "recipe", "changed", "machine", "processor_kind", "backend", "device"]
    return pd.DataFrame(
        [
            {
                "recipe": recipe,
                "what was changed": changed,
                "seeds": _list_seeds(runs["seed"]),
                "machine": machine,
                "processor": processor,
                "trained by": f"{backend}, {device}",
            }
            for (_, recipe, changed, machine, processor, backend, device), runs in rows.groupby(
                keys, dropna=False
            )
        ]
    )


def _list_seeds(seeds: Iterable[int]) -> str:
    """Return seeds as ``4``, ``0 to 9`` or ``0, 2, 5``."""
    found = sorted(set(seeds))
    if len(found) > 1 and found == list(range(found[0], found[-1] + 1)):
        return f"{found[0]} to {found[-1]}"
    return ", ".join(map(str, found))


def recipe_table(recorded: Records) -> str:
    """Return the README's table of runs, one line per recipe, in the order of the recipes.

    Args:
        recorded: runs of one backend and kind of device.
    """
    rows = []
    for recipe, claim, quantity, own in comparison.by_recipe(recorded):
        if own.empty:
            continue
        sample = statistics.summarize(own[quantity])
        split = "" if quantity == "test_accuracy" else " (validation)"
        compared = claim and Comparison(claim, values=list(own[quantity]))
        rows.append(
            {
                "recipe": recipe.name,
                "the book": compared.book + split if compared else "",
                "runs": str(sample.n),
                "mean": tables.percent(sample.mean) + split,
                "lowest to highest": tables.lowest_to_highest(sample),
                "the book's figure is": compared.verdict if compared else "",
                "fastest run": _duration(own["seconds"].min()),
            }
        )
    return tables.to_markdown(pd.DataFrame(rows))


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def terminal(recorded: Records, *, epochs: bool = False, wide: bool = False) -> str:
    """Return the comparison for a terminal, at most 100 characters wide unless ``wide``.

    Args:
        recorded: what a results folder holds.
        epochs: include the numbers of the printed curves.
        wide: one table with all columns.
    """
    answer = Answer(recorded)
    claims = [claim for claim in CLAIMS if epochs or claim.epoch is None]
    compared = comparison.compare(claims, recorded)
    curves = ["Printed curves:"]
    for curve in (*answer.curves, *answer.curves_of_variants):
        what = (curve.title, curve.variant, numbers.format_count(curve.n, "run"))
        runs = ", ".join(filter(None, what))
        curves.append(indent(fill(f"{runs}: {curve.verdict}", 96, subsequent_indent="  "), "  "))
    others = unpublished(recorded.of_most_runs())
    if len(others):
        shown = others[["recipe", "seeds", "mean", "lowest to highest", "standard deviation"]]
        curves += ["", "Test accuracy, without a figure in the book:", tables.to_text(shown)]
    if wide:
        rows = [_figure_cells(figure, answer.adjusted_p(figure)) for figure in compared]
        return "\n".join([tables.to_text(pd.DataFrame(rows)), "", *curves])
    parts, groups = [], {}
    for figure in compared:
        groups.setdefault(_recipe_and_kind(figure), []).append(figure)
    for (recipe, *kind), group in groups.items():
        where = ", ".join(filter(None, kind)) or "no runs"
        table = tables.to_text(pd.DataFrame(map(_short_cells, group)))
        parts += [f"{recipes.get(recipe).title}: {recipe}", f"({where})", table, ""]
    return "\n".join([*parts, *curves])


def _recipe_and_kind(figure: Comparison) -> tuple[str, ...]:
    note = describe_data(figure.data_note)
    return figure.claim.recipe, figure.backend, figure.device, note


def _short_cells(figure: Comparison) -> dict[str, str]:
    sample = figure.sample
    interval = tables.between(sample.prediction_interval, figure.show)
    return {
        "figure": figure.figure,
        "book": figure.book,
        "from": "erratum" if figure.claim.slip else figure.claim.kind.split()[0],
        "n": str(sample.n),
        "mean": figure.show(sample.mean),
        "95% prediction": interval if sample.n >= statistics.MIN_RUNS_OUTSIDE else "",
        "verdict": "too few" if figure.verdict == statistics.TOO_FEW else figure.verdict.split()[0],
    }
