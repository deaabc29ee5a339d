"""Recorded runs for the tests of whatever reads them."""

import pandas as pd

from chollet_cnn.evidence.records import CURVE, Records

KIND = {"backend": "tensorflow", "device": "cpu", "data_note": ""}


def runs_of(recipe, accuracies, **other):
    """Return rows of results/runs.csv with these test accuracies, seeds from 0."""
    row = {"recipe": recipe, "val_accuracy": None, "best_epoch": None} | KIND | other
    return pd.DataFrame(
        [row | {"seed": seed, "test_accuracy": value} for seed, value in enumerate(accuracies)]
    )


def curve_of(recipe, seed=0, **columns):
    """Return the learning curve of a run; columns are lists, one value per epoch, or a value."""
    rows = pd.DataFrame(dict.fromkeys(CURVE, 0.5) | columns)
    return rows.assign(recipe=recipe, seed=seed, **KIND)


def records_of(runs=(), variants=(), curves=(), variant_curves=(), copies=(), copy_curves=()):
    """Return recorded runs; each table is made of the frames in a list."""

    def table(frames, *columns):
        empty = pd.DataFrame(columns=["recipe", "seed", *KIND, *columns])
        return pd.concat(frames, ignore_index=True) if len(frames) else empty

    figures = ("test_accuracy", "val_accuracy", "best_epoch", "last_epoch_test_accuracy")
    return Records(
        runs=table(runs, *figures),
        variants=table(variants, "variant", *figures),
        copies=table(copies, "pictures"),
        curves=table(curves, *CURVE),
        variant_curves=table(variant_curves, "variant", *CURVE),
        copy_curves=table(copy_curves, "pictures", *CURVE),
    )
