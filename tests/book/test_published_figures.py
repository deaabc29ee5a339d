"""The published figures are what the book has."""

import pytest

from chollet_cnn.book import published
from chollet_cnn.book.recipes import RECIPES


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
    claim = published.published_figure(recipe)
    assert (claim.quantity, claim.value) == (quantity, value)


@pytest.mark.parametrize("recipe", [name for name in RECIPES if "third" in name or "block" in name])
def test_no_figure_is_made_up_where_the_book_gives_none(recipe):
    assert published.published_figure(recipe) is None


def test_every_claim_is_about_a_recipe_that_exists():
    assert {claim.recipe for claim in published.CLAIMS} <= set(RECIPES)


@pytest.mark.parametrize(
    ("quantity", "printed"),
    [
        ("accuracy", {1: 0.9440, 2: 0.9855, 3: 0.9902, 4: 0.9926, 5: 0.9943}),
        ("loss", {1: 0.1766, 2: 0.0462, 3: 0.0322, 4: 0.0241, 5: 0.0187}),
    ],
)
def test_the_curve_that_the_notebook_prints_is_claimed_epoch_by_epoch(quantity, printed):
    found = {
        claim.epoch: claim.value
        for claim in published.CLAIMS
        if claim.recipe == "mnist-first-edition" and claim.quantity == quantity and claim.epoch
    }
    assert found == printed


@pytest.mark.parametrize(
    ("epoch", "loss", "accuracy", "val_loss", "val_accuracy"),
    [
        (1, 0.6898, 0.5285, 0.6724, 0.5950),
        (10, 0.3988, 0.8185, 0.5508, 0.7180),
        (30, 0.0387, 0.9895, 1.0139, 0.7240),
    ],
)
def test_the_curve_printed_for_cats_and_dogs_is_claimed_too(
    epoch, loss, accuracy, val_loss, val_accuracy
):
    found = {
        claim.quantity: claim.value
        for claim in published.CLAIMS
        if claim.recipe == "cats-vs-dogs-first-edition" and claim.epoch == epoch
    }
    assert found == {
        "loss": loss, "accuracy": accuracy, "val_loss": val_loss, "val_accuracy": val_accuracy
    }  # fmt: skip


@pytest.mark.parametrize("name", [name for name in published.CURVES if "cats" in name])
def test_a_printed_accuracy_is_that_of_a_whole_number_of_pictures(name):
    # A slip of a finger while copying a figure would hardly end on such a number.
    def is_of(share, *counts):
        return any(abs(round(share * n) / n - share) <= 0.00005 + 1e-9 for n in counts)

    seen = 3200 if name.endswith("augmented") else 2000
    # 1,000 pictures in batches of 32 end with a batch of 8; of 50 batches one or two are that one.
    validated = (50 * 32 - 24, 50 * 32 - 2 * 24) if name.endswith("augmented") else (1000,)
    curve = published.CURVES[name]
    assert all(is_of(share, seen) for share in curve["accuracy"])
    assert all(is_of(share, *validated) for share in curve.get("val_accuracy", ()))


def test_the_curve_printed_for_augmented_cats_and_dogs_has_a_hundred_epochs():
    curve = published.CURVES["cats-vs-dogs-first-edition-augmented"]
    assert {len(values) for values in curve.values()} == {100}
    assert [values[-1] for values in curve.values()] == [0.3280, 0.8491, 0.3776, 0.8439]
    assert published.best_epoch(curve) == 99
    whole = [
        (claim.quantity, claim.value, claim.kind)
        for claim in published.CLAIMS
        if claim.recipe.endswith("first-edition-augmented") and claim.epoch is None
    ]
    assert whole == [("val_accuracy", 0.82, "text"), ("best_epoch", 99, "printed output")]


def test_the_notebook_says_five_epochs_and_prints_the_lowest_loss_after_ten():
    epochs = {
        claim.kind: claim.value
        for claim in published.CLAIMS
        if (claim.recipe, claim.quantity) == ("cats-vs-dogs-first-edition", "best_epoch")
    }
    assert epochs == {"text": 5, "printed output": 10}
    losses = published.CURVES["cats-vs-dogs-first-edition"]["val_loss"]
    assert len(losses) == 30
    assert min(losses) == losses[9] == 0.5508
    assert any(
        "after epoch 10, at 0.5508; after epoch 5 it is 0.5726" in s.fact for s in published.ERRATA
    )


def test_the_slip_in_the_notebook_is_claimed_beside_what_it_prints():
    digits = [c for c in published.CLAIMS if c.recipe == "mnist-first-edition" and not c.epoch]
    assert [(c.value, c.kind) for c in digits] == [
        (0.9913, "printed output"),
        (0.993, "text"),
    ]
    assert any("99.3%" in slip.says and "99.13%" in slip.fact for slip in published.ERRATA)
    assert any("three poolings" in slip.says for slip in published.ERRATA)
    assert any("26x26" in slip.says and "28x28" in slip.fact for slip in published.ERRATA)
