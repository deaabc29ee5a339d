"""Whether the starting weights or the order of the images makes runs differ."""

from __future__ import annotations

import pandas as pd

from chollet_cnn.book import recipes
from chollet_cnn.evidence import statistics, tables
from chollet_cnn.evidence.records import Records
from chollet_cnn.evidence.statistics import Summary

TITLE = "Starting weights or order of the images"
RECIPES = ("cats-vs-dogs-second-edition", "mnist-second-edition")
VARIANTS = {"same-weights": {"weights_seed": 0}, "same-order": {"order_seed": 0}}
CAUSES = {
    "everything": "everything",
    "order": "the order; starting weights of seed 0",
    "weights": "the starting weights; order of seed 0",
}


def by_cause(records: Records) -> dict[str, dict[str, Summary]]:
    """Summarize runs that differ in everything, only in their order, or only in their weights.

    With the weights or the order of seed 0, the run of seed 0 is the recorded one, and counts.

    Returns:
        For each recipe with such runs the test accuracy by a key of :data:`CAUSES`.
    """
    held = records.variants[records.variants["variant"].isin(VARIANTS)]
    found = {}
    for recipe, variants in held.groupby("recipe"):
        own = records.runs[records.runs["recipe"] == recipe]
        zero = own.loc[own["seed"] == 0, "test_accuracy"]

        def with_zero(
            variant: str, rows: pd.DataFrame = variants, zero: pd.Series = zero
        ) -> Summary:
            return statistics.summarize(
                [*zero, *rows.loc[rows["variant"] == variant, "test_accuracy"]]
            )

        found[recipe] = {
            "everything": statistics.summarize(own["test_accuracy"]),
            "order": with_zero("same-weights"),
            "weights": with_zero("same-order"),
        }
    return found


def measure(records: Records) -> dict[str, object]:
    """Compare the spread of runs that differ in one cause alone."""
    rows = []
    for recipe, causes in by_cause(records).items():
        if min(sample.n for sample in causes.values()) < statistics.MIN_RUNS_OUTSIDE:
            continue  # two runs say next to nothing of a spread
        title = {"recipe": recipes.get(recipe).title}
        rows += [
            title
            | {"what differs": CAUSES[cause]}
            | tables.accuracy_cells(recipe, sample, places=3)
            for cause, sample in causes.items()
        ]
    return {"spread": pd.DataFrame(rows)} if rows else {}
