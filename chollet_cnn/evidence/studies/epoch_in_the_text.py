"""Which program the epoch in the third edition's text may be of: its own, or the second edition's.

The text says after which epoch the validation loss is lowest. It also speaks of batches of 32
images, as the second edition has them, where the program beside it sets 64.
"""

from __future__ import annotations

import dataclasses

import pandas as pd

from chollet_cnn.book import recipes
from chollet_cnn.book.published import CLAIMS
from chollet_cnn.evidence import comparison, statistics, tables
from chollet_cnn.evidence.comparison import Comparison
from chollet_cnn.evidence.records import Records

TITLE = "Whose epoch is in the third edition's text?"
RECIPES = ("cats-vs-dogs-third-edition", "cats-vs-dogs-second-edition")
VARIANTS = {"batch-32": {"batch_size": 32}}


def measure(records: Records) -> dict[str, object]:
    """Compare the epoch with runs of both editions, and of the third in batches of 32."""
    third, second = RECIPES
    (claim,) = (c for c in CLAIMS if c.recipe == third and c.quantity == "best_epoch")
    of_second = dataclasses.replace(claim, recipe=second)
    whole = comparison.compare([claim, of_second], records)
    found = {figure.claim.recipe: figure for figure in whole if figure.values}
    if found.keys() != {third, second}:
        return {}
    halved = comparison.compare([claim], records, "batch-32")[0]
    rows = [_cells(found[third], recipes.get(third).batch_size)]
    if halved.values:
        rows.append(_cells(halved, VARIANTS["batch-32"]["batch_size"]))
    rows.append(_cells(found[second], recipes.get(second).batch_size))
    return {
        "epochs": pd.DataFrame(rows),
        "third": found[third],
        "halved": halved,
        "second": found[second],
    }


def _cells(figure: Comparison, batch_size: int) -> dict[str, str]:
    interval = figure.sample.prediction_interval
    enough = figure.sample.n >= statistics.MIN_RUNS_OUTSIDE
    return {
        "trained": figure.title,
        "optimizer": recipes.get(figure.claim.recipe).optimizer,
        "images in a batch": str(batch_size),
        "seeds": str(figure.sample.n),
        figure.figure: figure.ours,
        "95% prediction interval for one new run": (
            tables.between(interval, figure.show) if enough else ""
        ),
        f"epoch {figure.book} is": figure.verdict,
    }
