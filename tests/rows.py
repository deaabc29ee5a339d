"""Rows as results/runs.csv has them, for the tests of whatever reads it."""

import pandas as pd


def runs_of(recipe, accuracies, **other):
    """Return rows of results/runs.csv with these test accuracies."""
    row = {"recipe": recipe, "backend": "tensorflow", "device": "cpu", "data_note": None}
    row |= {"val_accuracy": None, "best_epoch": None} | other
    return pd.DataFrame(
        [row | {"seed": seed, "test_accuracy": value} for seed, value in enumerate(accuracies)]
    )


def of(compared, recipe, kind="text"):
    return compared[(compared["recipe"] == recipe) & (compared["kind"] == kind)].to_dict("records")
