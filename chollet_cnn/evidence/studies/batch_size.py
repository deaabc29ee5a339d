"""What batches of 32 images do to the network whose text and program disagree about them."""

from __future__ import annotations

import pandas as pd

from chollet_cnn.book import recipes
from chollet_cnn.book.published import CLAIMS
from chollet_cnn.evidence import comparison, statistics, tables
from chollet_cnn.evidence.records import Records

TITLE = "Batches of 32 images, or of 64"
RECIPES = ("cats-vs-dogs-third-edition",)
VARIANTS = {"batch-32": {"batch_size": 32}}


def measure(records: Records) -> dict[str, object]:
    """Compare the published figures with runs in batches of either size."""
    claims = [claim for claim in CLAIMS if claim.recipe == RECIPES[0] and not claim.slip]
    sizes = {"": recipes.get(RECIPES[0]).batch_size} | {
        variant: change["batch_size"] for variant, change in VARIANTS.items()
    }
    rows, epochs = [], {}
    for variant, size in sizes.items():
        for found in comparison.compare(claims, records, variant):
            if not found.values:
                continue
            enough = found.sample.n >= statistics.MIN_RUNS_OUTSIDE
            interval = found.sample.prediction_interval
            rows.append(
                {
                    "images in a batch": str(size),
                    "figure": found.figure,
                    "the book": found.book,
                    "our mean (lowest to highest)": found.ours,
                    "seeds": str(found.sample.n),
                    "95% prediction interval for one new run": (
                        tables.between(interval, found.show) if enough else ""
                    ),
                    "the book's figure is": found.verdict,
                }
            )
            if found.claim.quantity == "best_epoch":
                epochs[variant] = found
    if {row["images in a batch"] for row in rows} != set(map(str, sizes.values())):
        return {}
    return {"figures": pd.DataFrame(rows), "epoch": epochs["batch-32"]}
