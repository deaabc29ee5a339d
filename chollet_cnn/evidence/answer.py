"""The answer to "does the book's number come back?": every published figure once."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from chollet_cnn.book import recipes
from chollet_cnn.book.published import CLAIMS
from chollet_cnn.evidence import comparison, statistics, studies, tables
from chollet_cnn.evidence.comparison import Comparison, PrintedCurve
from chollet_cnn.evidence.records import Records


class Answer:
    """The published figures that count, each once, with p-values adjusted for their number."""

    def __init__(self, recorded: Records) -> None:
        """Compare them with the runs of the kind that most runs have."""
        main = recorded.of_most_runs()
        whole = [claim for claim in CLAIMS if claim.epoch is None and not claim.slip]
        self.figures: Sequence[Comparison] = comparison.compare(whole, main)
        self.curves: Sequence[PrintedCurve] = comparison.compare_curves(main)
        family = [*self.figures, *self.curves]
        adjusted = statistics.holm(item.p_value for item in family)
        self.family = list(zip(family, adjusted, strict=True))
        """Each figure and curve with its adjusted p-value, NaN where there are too few runs."""

    def adjusted_p(self, figure: Comparison) -> float:
        """Return the adjusted p-value of a figure; NaN if it is not in the family."""
        return next((p for item, p in self.family if item == figure), math.nan)

    def different(self, level: float = 0.05) -> list[Comparison | PrintedCurve]:
        """Return the figures and curves that differ at a level after the adjustment."""
        return [item for item, p in self.family if p < level]

    def curve(self, recipe: str) -> PrintedCurve:
        """Return the printed curve of a recipe."""
        return next(curve for curve in self.curves if curve.recipe == recipe)

    def with_verdict(self, *verdicts: str) -> list[Comparison]:
        """Return the figures of whole runs with one of these verdicts."""
        return [figure for figure in self.figures if figure.verdict in verdicts]

    def to_json(self) -> dict[str, object]:
        """Return the answer for programs; a share is 0..1, an unknown number null."""
        return {
            "question": "Is each published figure inside the 95% prediction interval of our runs?",
            "figures": [
                {
                    "recipe": figure.claim.recipe,
                    "quantity": figure.claim.quantity,
                    "source": f"{figure.claim.kind}, {figure.claim.source}",
                    "published": figure.claim.value,
                    "runs": figure.sample.n,
                    "mean": _finite(figure.sample.mean),
                    "prediction_interval": _finite_pair(figure.sample.prediction_interval),
                    "confidence_interval": _finite_pair(figure.sample.confidence_interval),
                    "verdict": figure.verdict,
                    "p_value": _finite(figure.p_value),
                    "p_value_holm": _finite(adjusted),
                    "detectable_difference": _finite(
                        statistics.detectable_difference(figure.sample)
                    ),
                }
                for figure, adjusted in self.family[: len(self.figures)]
            ],
            "printed_curves": [
                {
                    "recipe": curve.recipe,
                    "runs": curve.n,
                    "printed_numbers": len(curve.comparisons),
                    **{verdict: curve.count(verdict) for verdict in statistics.VERDICTS},
                    "p_value": _finite(curve.p_value),
                    "p_value_holm": _finite(adjusted),
                }
                for curve, adjusted in self.family[len(self.figures) :]
            ],
            "coverage": statistics.COVERAGE,
            "power": statistics.POWER,
        }


def in_short(answer: Answer) -> pd.DataFrame:
    """Return the first table of ``results/README.md``, a row each published figure and curve."""
    rows = []
    for item, adjusted in answer.family:
        curve = isinstance(item, PrintedCurve)
        recipe = recipes.get(item.recipe if curve else item.claim.recipe)
        links = (f"[{s.title}](#{s.anchor})" for s in studies.collect() if recipe.name in s.recipes)
        row = {"recipe": recipe.title}
        if curve:
            row |= {"figure": "printed curve", "the book": f"{len(item.comparisons)} numbers"}
            row |= {"our mean (lowest to highest)": "", "runs": str(item.n)}
        else:
            low, high = item.show(item.sample.min), item.show(item.sample.max)
            spread = f" ({low} to {high})" if item.sample.n > 1 else ""
            row |= {"figure": item.figure, "the book": item.book}
            row |= {"our mean (lowest to highest)": item.show(item.sample.mean) + spread}
            row |= {"runs": str(item.sample.n)}
        row |= {"the book's figure is": item.verdict, "p, adjusted": tables.p_value(adjusted)}
        rows.append((list(recipes.RECIPES).index(recipe.name), row | {"see": ", ".join(links)}))
    return pd.DataFrame([row for _, row in sorted(rows, key=lambda row: row[0])])


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _finite_pair(interval: statistics.Interval) -> list[float | None]:
    return [_finite(end) for end in interval]
