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
    rows, differences = [], []
    half = records.variants[records.variants["variant"] == "bfloat16"]
    for recipe, short in half.groupby("recipe"):
        whole = records.runs[records.runs["recipe"] == recipe]
        title = {"recipe": recipes.get(recipe).title}
        for bits, runs in (("32", whole), ("16", short)):
            sample = statistics.summarize(runs["test_accuracy"])
            if sample.n == 0:
                continue
            rows.append(title | {"bits": bits} | tables.accuracy_cells(recipe, sample))
        moved = statistics.paired_differences(short, whole)
        if moved.n > 1:
            differences.append(title | tables.paired_cells(moved))
    found = {"accuracies": rows, "differences": differences}
    return {name: pd.DataFrame(lines) for name, lines in found.items() if lines}
