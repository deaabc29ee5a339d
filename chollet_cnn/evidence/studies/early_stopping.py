"""What the runs of a recipe would have kept, had they been stopped after fewer epochs."""

from __future__ import annotations

import pandas as pd

from chollet_cnn.book.published import published_figure
from chollet_cnn.drawing.numbers import format_mean_and_range
from chollet_cnn.evidence import statistics, tables
from chollet_cnn.evidence.records import Records

TITLE = "If you stay below the book's figure"
RECIPES = ("cats-vs-dogs-second-edition-augmented",)
STOPS = (10, 20, 30, 50, 100)
"""After how many epochs a reader may have stopped; 30 is what the plain recipe is trained for."""


def measure(records: Records) -> dict[str, object]:
    """Select the checkpoint of every run as if it had been stopped early.

    No epoch depends on how many follow, so a shorter run is the beginning of a longer one. The test
    images are used once, at the end; of the epochs before there is validation accuracy.
    """
    runs, curves = records.of(RECIPES[0])
    limit = published_figure(RECIPES[0]).stay_below
    if len(runs) < statistics.MIN_RUNS_OUTSIDE or curves.empty:
        return {}
    rows = []
    for stop in STOPS:
        begun = curves[(curves["epoch"] <= stop) & curves["val_loss"].notna()]
        kept = begun.sort_values(["val_loss", "epoch"]).groupby("seed").head(1)
        accuracy = kept["val_accuracy"]
        rows.append(
            {
                "stopped after": f"{stop} epochs",
                "selected epoch": tables.whole_range(kept["epoch"]),
                "its validation accuracy": format_mean_and_range(accuracy, "val_accuracy"),
                f"below {limit:.0%}": f"{(accuracy < limit).sum()} of {len(kept)}",
            }
        )
    tested = runs["test_accuracy"]
    return {
        "stopped": pd.DataFrame(rows),
        "limit": limit,
        "n": len(tested),
        "below": int((tested < limit).sum()),
        "share_below": statistics.share_below(limit, statistics.summarize(tested)),
    }
