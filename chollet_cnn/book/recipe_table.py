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
    table = pd.DataFrame(recipes.RECIPES.values()).set_index("name").rename_axis("recipe")
    table["book"] = table.index.map(published.figure_in_words)
    return table[
        ["dataset", "parameters", "epochs", "batch_size", "optimizer", "learning_rate", "book"]
    ]
