"""What computing with 16 bits does to the test accuracy."""

from __future__ import annotations

import pandas as pd

from chollet_cnn.book import recipes
from chollet_cnn.evidence import statistics, tables
from chollet_cnn.evidence.records import Records

TITLE = "Is 16-bit arithmetic good enough?"
RECIPES = ("mnist-second-edition",)
VARIANTS = {"bfloat16": {"precision": "bfloat16"}}


def measure(records: Records) -> dict[str, object]:
    """Compare runs with 16 and with 32 bits."""
    rows, differences, apart = [], [], []
    for recipe in recipes.RECIPES.values():
        (whole, _), (half, _) = records.of(recipe.name), records.of(recipe.name, "bfloat16")
        if half.empty:
            continue
        for bits, runs in (("32", whole), ("16", half)):
            if len(runs):
                sample = statistics.summarize(runs["test_accuracy"])
                cells = tables.accuracy_cells(recipe.name, sample)
                rows.append({"recipe": recipe.title, "bits": bits} | cells)
        moved = statistics.paired_differences(half, whole)
        if moved.n > 1:
            differences.append({"recipe": recipe.title} | tables.paired_cells(moved))
            low, high = moved.confidence_interval
            if not low <= 0 <= high:
                apart.append(recipe.title)
    found = {"accuracies": rows, "differences": differences}
    found = {name: pd.DataFrame(lines) for name, lines in found.items() if lines}
    tried = {row["recipe"] for row in rows} - {recipes.get(RECIPES[0]).title}
    return found | {"apart": apart, "alone": not tried} if found else {}
