"""How far the book had come after the steps that current ``fit`` makes of its augmented recipe."""

from __future__ import annotations

import math
from statistics import fmean

from chollet_cnn.book import recipes
from chollet_cnn.book.published import CURVES
from chollet_cnn.evidence.records import Records

TITLE = "A hundred steps that end early"
RECIPES = ("cats-vs-dogs-first-edition-augmented",)
LAST = 20
AROUND = 4
"""The validation accuracy is averaged over so many epochs on either side."""


def measure(records: Records) -> dict[str, object]:
    """Read off the printed curve where it was after as many steps; no run is needed."""
    recipe = recipes.get(RECIPES[0])
    validation = CURVES[recipe.name]["val_accuracy"]
    first, last = recipe.data_options["splits"]["train"]
    left = math.ceil(2 * (last - first) / recipe.batch_size)
    reached = round(left * recipe.epochs / recipe.steps_per_epoch)
    around = validation[reached - AROUND - 1 : reached + AROUND]
    return {
        "asked": recipe.steps_per_epoch,
        "left": left,
        "epochs": recipe.epochs,
        "steps": left * recipe.epochs,
        "asked_steps": recipe.steps_per_epoch * recipe.epochs,
        "reached": reached,
        "around": len(around),
        "accuracy_there": fmean(around),
        "last": LAST,
        "accuracy_last": fmean(validation[-LAST:]),
    }
