"""The published figures stand as the book has them."""

import pytest

from chollet_cnn import claims
from chollet_cnn.recipes import RECIPES


@pytest.mark.parametrize(
    ("recipe", "quantity", "value"),
    [
        ("mnist-first-edition", "test_accuracy", 0.9913),
        ("mnist-second-edition", "test_accuracy", 0.991),
        ("cats-vs-dogs-first-edition", "val_accuracy", 0.71),
        ("cats-vs-dogs-first-edition-augmented", "val_accuracy", 0.82),
        ("cats-vs-dogs-second-edition", "test_accuracy", 0.695),
        ("cats-vs-dogs-second-edition-augmented", "test_accuracy", 0.835),
    ],
)
def test_the_book_gives_this_figure(recipe, quantity, value):
    claim = claims.published(recipe)
    assert (claim.quantity, claim.value) == (quantity, value)


@pytest.mark.parametrize("recipe", [name for name in RECIPES if "third" in name or "block" in name])
def test_no_figure_is_made_up_where_the_book_gives_none(recipe):
    assert claims.published(recipe) is None


def test_every_claim_is_about_a_recipe_that_exists():
    assert {claim.recipe for claim in claims.CLAIMS} <= set(RECIPES)
