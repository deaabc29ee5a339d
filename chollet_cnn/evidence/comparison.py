"""Compare every figure that the book publishes with the recorded runs of its recipe."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
import pandas as pd

from chollet_cnn.book import recipes
from chollet_cnn.book.published import CLAIMS, CURVES, Claim, published_figure
from chollet_cnn.book.recipes import Recipe
from chollet_cnn.drawing import numbers
from chollet_cnn.evidence import statistics
from chollet_cnn.evidence.records import Records
from chollet_cnn.evidence.statistics import Summary


@dataclass(frozen=True)
class Comparison:
    """A published figure beside the runs of its recipe that are of one kind."""

    claim: Claim
    backend: str = ""
    device: str = ""
    data_note: str = ""
    values: Sequence[float] = ()
    """What each run gave."""

    @cached_property
    def sample(self) -> Summary:
        """Summary of the values; the intervals of an epoch end where the epochs do."""
        sample = statistics.summarize(self.values)
        if self.claim.quantity != "best_epoch":
            return sample
        last = recipes.get(self.claim.recipe).epochs  # Student's t does not know it
        ends = {
            name: tuple(min(max(end, 1), last) for end in getattr(sample, name))
            for name in ("confidence_interval", "prediction_interval")
        }
        return dataclasses.replace(sample, **ends)

    @property
    def title(self) -> str:
        """The title of the recipe."""
        return recipes.get(self.claim.recipe).title

    @property
    def figure(self) -> str:
        """What was published: the quantity, and the epoch where there is one."""
        after = "" if self.claim.epoch is None else f" after epoch {self.claim.epoch}"
        return numbers.QUANTITIES[self.claim.quantity] + after

    @property
    def name(self) -> str:
        """Recipe and figure, in words."""
        return f"{self.title} ({self.figure})"

    @property
    def book(self) -> str:
        """The published value with as many decimal places as the book gives."""
        return numbers.format_published(self.claim.quantity, self.claim.value, self.claim.step)

    @property
    def ours(self) -> str:
        """The mean of our runs, with the lowest and the highest."""
        values = pd.Series(self.values, dtype=float)
        return numbers.format_mean_and_range(values, self.claim.quantity)

    def show(self, value: float | None) -> str:
        """Format a value of the quantity."""
        return numbers.format_quantity(value, self.claim.quantity)

    @property
    def verdict(self) -> str:
        """One of :data:`chollet_cnn.evidence.statistics.VERDICTS`."""
        return statistics.verdict(self.claim.value, self.claim.step / 2, self.sample)

    @property
    def p_value(self) -> float:
        """The two-sided p-value of the published figure as one new run."""
        return statistics.p_value(self.claim.value, self.claim.step / 2, self.sample)

    @property
    def detectable_difference(self) -> float:
        """The true difference that 80 of 100 published figures would show in spite of rounding."""
        return statistics.detectable_difference(self.sample) + self.claim.step / 2

    @property
    def test_set_sd(self) -> float | None:
        """The standard deviation that the size of the test set alone explains."""
        images = recipes.image_count(self.claim.recipe, self.claim.quantity)
        return statistics.expected_sd(self.sample.mean, images) if images else None

    @property
    def exceeds_test_set_sd(self) -> bool | None:
        """Whether runs differ by more than that with 95% confidence; None with too few."""
        if self.test_set_sd is None or self.sample.n < statistics.MIN_RUNS_INSIDE:
            return None
        return bool(self.sample.sd_confidence_interval[0] > self.test_set_sd)

    def to_row(self) -> dict[str, object]:
        """Return the comparison as a row of ``results/claims.csv``; accuracies are 0..1."""
        claim, sample, limit = self.claim, self.sample, self.claim.stay_below

        def fields(of: object, *names: str) -> dict[str, object]:
            return {name: getattr(of, name) for name in names}

        return {
            "recipe": claim.recipe,
            "title": self.title,
            **fields(claim, "quantity", "epoch"),
            "published": claim.value,
            **fields(claim, "step", "kind", "source", "note", "slip", "stay_below"),
            **fields(self, "backend", "device", "data_note"),
            **fields(sample, "n", "mean", "sd", "min", "max"),
            **_ends("mean", sample.confidence_interval),
            **_ends("run", sample.prediction_interval),
            **_ends("sd", sample.sd_confidence_interval),
            "difference": sample.mean - claim.value,
            "below": statistics.share_below(claim.value, sample),
            "below_too": None if limit is None else sum(value < limit for value in self.values),
            "new_below_too": None if limit is None else statistics.share_below(limit, sample),
            "test_set_sd": self.test_set_sd,
            "further_apart": self.exceeds_test_set_sd,
            "verdict": self.verdict,
        }


def _ends(name: str, interval: statistics.Interval) -> dict[str, float]:
    return {f"{name}_low": interval[0], f"{name}_high": interval[1]}


def compare(published: Iterable[Claim], records: Records, variant: str = "") -> list[Comparison]:
    """Compare published figures with the recorded runs of their recipes.

    Args:
        published: such as :data:`chollet_cnn.book.published.CLAIMS`.
        records: what :func:`chollet_cnn.evidence.records.read` gives.
        variant: compare with runs of this variant of the recipes instead.

    Returns:
        One comparison per figure, and where there are several, for each backend, kind of device and
        note on the data, since runs of different kinds are never mixed. A figure without a run has
        ``sample.n`` 0.
    """
    # Hundreds of printed numbers are of one recipe.
    groups_of = cache(lambda recipe: _by_epoch_and_kind(*records.of(recipe, variant)))
    return [
        Comparison(claim, *kind, values)
        for claim in published
        for kind, values in _measured(claim, groups_of(claim.recipe)) or [(("", "", ""), [])]
    ]


def compare_whole(records: Records) -> list[Comparison]:
    """Compare the published figures that count: those of a whole run, without the errata."""
    return compare((claim for claim in CLAIMS if claim.epoch is None and not claim.slip), records)


def to_table(comparisons: Iterable[Comparison]) -> pd.DataFrame:
    """Return comparisons as ``results/claims.csv`` has them, a row each."""
    table = pd.DataFrame([comparison.to_row() for comparison in comparisons])
    return table.astype({"epoch": "Int64", "below_too": "Int64"})


Groups = dict[int | None, list[tuple[tuple[str, ...], pd.DataFrame]]]
"""Runs by their kind: after each epoch, and whole (None)."""


def _by_epoch_and_kind(runs: pd.DataFrame, curves: pd.DataFrame) -> Groups:
    kind = ["backend", "device", "data_note"]
    groups: Groups = {None: list(runs.groupby(kind))}
    for (epoch, *of), own in curves.groupby(["epoch", *kind]):
        groups.setdefault(epoch, []).append((tuple(of), own))
    return groups


def _measured(claim: Claim, groups: Groups) -> list[tuple[tuple[str, ...], list[float]]]:
    """Return what each kind of run gave for a figure, one number per run."""
    values = (
        (kind, own[claim.quantity].dropna().tolist()) for kind, own in groups.get(claim.epoch, [])
    )
    return [(kind, found) for kind, found in values if found]


@dataclass(frozen=True)
class PrintedCurve:
    """A printed learning curve beside the runs of its recipe; it counts as one figure."""

    recipe: str
    comparisons: Sequence[Comparison]
    """One for each printed number."""
    p_value: float
    """That of the column that differs most in its mean over the epochs, times the columns."""
    variant: str = ""
    """What was changed in the runs."""

    @property
    def title(self) -> str:
        """The title of the recipe."""
        return recipes.get(self.recipe).title

    @property
    def name(self) -> str:
        """Recipe and figure, in words."""
        return f"{self.title} (printed curve)"

    def count(self, verdict: str) -> int:
        """Return how many of the printed numbers have a verdict."""
        return sum(comparison.verdict == verdict for comparison in self.comparisons)

    @property
    def n(self) -> int:
        """How many runs it is compared with."""
        return min(comparison.sample.n for comparison in self.comparisons)

    def counts_of_our_own(self) -> list[int]:
        """Return for each of our runs how many of its numbers are inside the intervals of the rest.

        The numbers of one run are not independent, so the counts show how far they vary by chance.
        """
        counts = []
        for run in range(self.n):
            inside = 0
            for comparison in self.comparisons:
                others = list(comparison.values)
                value = others.pop(run)
                low, high = statistics.summarize(others).possible
                inside += low <= value <= high
            counts.append(inside)
        return counts

    @property
    def verdict(self) -> str:
        """How many of its numbers have which verdict, in short."""
        if self.count(statistics.TOO_FEW) == len(self.comparisons):
            return statistics.TOO_FEW
        words = {verdict: verdict.split()[0] for verdict in statistics.VERDICTS}
        words[statistics.TOO_FEW] = "not outside"  # too few runs to call them inside
        counts = ((self.count(verdict), word) for verdict, word in words.items())
        return ", ".join(f"{count} {word}" for count, word in counts if count)


def compare_curve(records: Records, recipe: str, variant: str = "") -> PrintedCurve:
    """Compare the printed learning curve of a recipe with recorded runs of one kind.

    Args:
        records: runs of one kind.
        recipe: one of :data:`chollet_cnn.book.published.CURVES`.
        variant: compare with runs of this variant of the recipe instead.
    """
    printed = CURVES[recipe]
    means = records.of(recipe, variant)[1].groupby("seed")[list(printed)].mean()
    p_values = [
        statistics.p_value(sum(values) / len(values), 0, statistics.summarize(means[column]))
        for column, values in printed.items()
    ]
    claims = [claim for claim in CLAIMS if claim.recipe == recipe and claim.epoch]
    p_value = float(np.clip(len(printed) * min(p_values), 0, 1))
    return PrintedCurve(recipe, compare(claims, records, variant), p_value, variant)


class Answer:
    """The published figures that count, each once, with p-values adjusted for their number."""

    def __init__(self, recorded: Records) -> None:
        """Compare them with the runs of the kind that most runs have."""
        main = recorded.of_most_runs()
        self.figures: Sequence[Comparison] = compare_whole(main)
        self.curves = [compare_curve(main, recipe) for recipe in CURVES]
        self.curves_of_variants = [
            compare_curve(main, recipe, variant)
            for recipe in CURVES
            for variant in sorted({*main.variants[main.variants["recipe"] == recipe]["variant"]})
        ]
        """What the runs give with something changed; these are not in the family."""
        family = [*self.figures, *self.curves]
        adjusted = statistics.holm(item.p_value for item in family)
        self.family = list(zip(family, adjusted, strict=True))
        """Each figure and curve with its adjusted p-value, NaN where there are too few runs."""
        self.tested = sum(not math.isnan(p) for p in adjusted)
        """How many have a p-value, which is the number that these are adjusted for."""

    def adjusted_p(self, figure: Comparison) -> float:
        """Return the adjusted p-value of a figure; NaN if it is not in the family."""
        return next((p for item, p in self.family if item == figure), math.nan)

    def curve(self, recipe: str, variant: str = "") -> PrintedCurve | None:
        """Return the printed curve of a recipe, compared with its runs or a recorded variant's."""
        every = (*self.curves, *self.curves_of_variants)
        asked = (recipe, variant)
        return next((curve for curve in every if (curve.recipe, curve.variant) == asked), None)


def accuracies(records: Records) -> pd.DataFrame:
    """Return the accuracy of every run, in the quantity that the book gives for its recipe.

    Args:
        records: runs of one backend and kind of device.

    Returns:
        One row per run in the order of the recipes: ``recipe``, ``title``, ``data``, ``seed``,
        ``quantity``, ``accuracy``, ``published`` (NaN where the book gives none), and the
        prediction interval ``run_low``, ``run_high`` (NaN with too few seeds).
        :func:`chollet_cnn.evidence.figures.plot_seeds` draws it.
    """
    parts = []
    for recipe, claim, quantity, own in by_recipe(records):
        sample = statistics.summarize(own[quantity])
        enough = sample.n >= statistics.MIN_RUNS_INSIDE
        interval = sample.prediction_interval if enough else statistics.UNKNOWN
        parts.append(
            own[["recipe", "data", "seed"]].assign(
                title=recipe.title,
                quantity=quantity,
                accuracy=own[quantity],
                published=claim.value if claim else math.nan,
                **_ends("run", interval),
            )
        )
    return pd.concat(parts, ignore_index=True)


def by_recipe(
    records: Records,
) -> Iterator[tuple[Recipe, Claim | None, str, pd.DataFrame]]:
    """Yield each recipe, its published figure, the quantity that this is of, and its runs."""
    for recipe in recipes.RECIPES.values():
        claim = published_figure(recipe.name)
        quantity = claim.quantity if claim else "test_accuracy"
        yield recipe, claim, quantity, records.of(recipe.name)[0].sort_values("seed")


def printed_run(recipe: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return a printed curve as :meth:`Records.of` returns runs: one run and its learning curve."""
    curve = pd.DataFrame(CURVES[recipe]).assign(recipe=recipe, seed=0)
    curve["epoch"] = curve.index + 1
    run = dict.fromkeys(("test_accuracy", "val_accuracy", "best_epoch"), math.nan)
    if "val_loss" in curve:
        run["val_accuracy"] = curve["val_accuracy"].iloc[-1]
        run["best_epoch"] = curve.loc[curve["val_loss"].idxmin(), "epoch"]
    return pd.DataFrame([run]).assign(recipe=recipe, seed=0), curve
