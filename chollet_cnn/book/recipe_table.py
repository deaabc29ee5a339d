"""The book's recipes as a table."""

from __future__ import annotations

import pandas as pd

from chollet_cnn.book import published, recipes
from chollet_cnn.drawing.numbers import format_published

_QUANTITIES = {"test_accuracy": "test", "val_accuracy": "validation"}


def list_recipes() -> pd.DataFrame:
    """Return the book's recipes, one row each, with the accuracy that the book publishes.

    Returns:
        A table indexed by ``recipe``, the name that training takes, with columns ``dataset``,
        ``parameters``, ``epochs``, ``batch_size``, ``optimizer``, ``learning_rate`` and ``book``,
        the published accuracy as text, empty where the book gives none.
    """
    rows = [
        {
            "recipe": recipe.name,
            "dataset": recipe.dataset,
            "parameters": recipe.parameters,
            "epochs": recipe.epochs,
            "batch_size": recipe.batch_size,
            "optimizer": recipe.optimizer,
            "learning_rate": recipe.learning_rate,
            "book": _published(recipe.name),
        }
        for recipe in recipes.RECIPES.values()
    ]
    return pd.DataFrame(rows).set_index("recipe")


def _published(recipe: str) -> str:
    """Return the book's accuracy of a recipe and the set it was measured on, or nothing."""
    claim = published.published_figure(recipe)
    if claim is None:
        return ""
    value = format_published(claim.quantity, claim.value, claim.step)
    return f"{value} {_QUANTITIES[claim.quantity]}"
