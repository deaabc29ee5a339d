"""The book's recipes as a table."""

from __future__ import annotations

import pandas as pd

from chollet_cnn.book import published, recipes


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
            "book": published.figure_in_words(recipe.name),
        }
        for recipe in recipes.RECIPES.values()
    ]
    return pd.DataFrame(rows).set_index("recipe")
