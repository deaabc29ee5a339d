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
    for recipe in sorted(held["recipe"].unique()):
        own, _ = records.of(recipe)
        groups = {"everything": own}
        for cause, variant in (("order", "same-weights"), ("weights", "same-order")):
            groups[cause] = pd.concat([own[own["seed"] == 0], records.of(recipe, variant)[0]])
        found[recipe] = {
            cause: statistics.summarize(runs["test_accuracy"]) for cause, runs in groups.items()
        }
    return found


def measure(records: Records) -> dict[str, object]:
    """Compare the spread of runs that differ in one cause alone."""
    rows = []
    for recipe, causes in by_cause(records).items():
        if min(sample.n for sample in causes.values()) < statistics.MIN_RUNS_OUTSIDE:
            continue  # two runs say next to nothing of a spread
        for cause, sample in causes.items():
            what = {"recipe": recipes.get(recipe).title, "what differs": CAUSES[cause]}
            rows.append(what | tables.accuracy_cells(recipe, sample, places=3))
    return {"spread": pd.DataFrame(rows)} if rows else {}
