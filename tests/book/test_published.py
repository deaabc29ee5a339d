"""The published figures are what the book has, and agree with one another."""

import numpy as np
import pytest

from chollet_cnn.book import published
from chollet_cnn.book.recipes import RECIPES

CURVES = [name for name in published.CURVES if "val_loss" in published.CURVES[name]]
DIGITS, PETS = "mnist-first-edition", "cats-vs-dogs-first-edition"


def values(recipe, **fields):
    """Return the values of the claims about a recipe that have these fields."""
    claims = [claim for claim in published.CLAIMS if claim.recipe == recipe]
    return [c.value for c in claims if all(getattr(c, key) == fields[key] for key in fields)]


@pytest.mark.parametrize(
    ("recipe", "quantity", "value"),
    [
        (DIGITS, "test_accuracy", 0.9913),
        ("mnist-second-edition", "test_accuracy", 0.991),
        (PETS, "val_accuracy", 0.71),
        (f"{PETS}-augmented", "val_accuracy", 0.82),
        ("cats-vs-dogs-second-edition", "test_accuracy", 0.695),
        ("cats-vs-dogs-second-edition-augmented", "test_accuracy", 0.835),
        ("mnist-third-edition", "test_accuracy", 0.991),
        ("cats-vs-dogs-third-edition", "test_accuracy", 0.786),
        ("cats-vs-dogs-third-edition-augmented", "test_accuracy", 0.839),
    ],
)
def test_the_book_gives_this_figure(recipe, quantity, value):
    claim = published.published_figure(recipe)
    assert (claim.quantity, claim.value) == (quantity, value)


@pytest.mark.parametrize("recipe", ["mnist-three-block", "mnist-without-pooling"])
def test_no_figure_is_invented_where_the_book_gives_none(recipe):
    assert published.published_figure(recipe) is None


def test_each_printed_accuracy_of_the_augmented_run_is_a_share_of_1552_or_1576_images():
    printed = np.array(published.CURVES[f"{PETS}-augmented"]["val_accuracy"])
    shares = {n: np.abs(np.rint(printed * n) / n - printed) <= 5.001e-5 for n in (1552, 1576)}
    assert np.all(shares[1552] | shares[1576])
    assert 0 < shares[1552].sum() < 100
    assert 0 < shares[1576].sum() < 100
    assert "1,552 or 1,576 images" in RECIPES[f"{PETS}-augmented"].notes[1]


def test_every_claim_is_about_a_recipe_that_exists():
    assert {claim.recipe for claim in published.CLAIMS} <= set(RECIPES)


@pytest.mark.parametrize(
    ("recipe", "epoch", "printed"),
    [  # loss, accuracy, and validation loss and accuracy
        (DIGITS, 1, (0.1766, 0.9440)),
        (DIGITS, 5, (0.0187, 0.9943)),
        (PETS, 1, (0.6898, 0.5285, 0.6724, 0.5950)),
        (PETS, 10, (0.3988, 0.8185, 0.5508, 0.7180)),
        (PETS, 30, (0.0387, 0.9895, 1.0139, 0.7240)),
        (f"{PETS}-augmented", 100, (0.3280, 0.8491, 0.3776, 0.8439)),
    ],
)
def test_every_number_of_a_printed_curve_is_claimed(recipe, epoch, printed):
    assert values(recipe, epoch=epoch) == list(printed)
    curve = published.CURVES[recipe]
    assert {len(column) for column in curve.values()} == {RECIPES[recipe].epochs}


@pytest.mark.parametrize("name", CURVES)
def test_a_printed_accuracy_is_that_of_a_whole_number_of_images(name):
    # A mistake in copying a figure would hardly end on such a number.
    def is_of(share, *counts):
        return any(abs(round(share * n) / n - share) <= 0.00005 + 1e-9 for n in counts)

    seen = 3200 if name.endswith("augmented") else 2000
    # 1,000 images in batches of 32 end with a batch of 8; of 50 batches one or two are that one.
    validated = (50 * 32 - 24, 50 * 32 - 2 * 24) if name.endswith("augmented") else (1000,)
    curve = published.CURVES[name]
    assert all(is_of(share, seen) for share in curve["accuracy"])
    assert all(is_of(share, *validated) for share in curve.get("val_accuracy", ()))


def test_errata_are_claimed_beside_what_the_notebooks_print():
    assert values(DIGITS, epoch=None, slip=True) == [0.993]
    assert values(DIGITS, epoch=None, slip=False) == [0.9913]
    assert values(PETS, quantity="best_epoch", slip=True) == [5]
    assert values(PETS, quantity="best_epoch", slip=False) == [10]
    losses = published.CURVES[PETS]["val_loss"]
    assert min(losses) == losses[9] == 0.5508
    said = " ".join(f"{erratum.says} {erratum.fact}" for erratum in published.ERRATA)
    told = ("99.3%", "99.13%", "three pooling layers", "26x26", "28x28", "epoch 10, at 0.5508")
    for words in told:
        assert words in said


@pytest.mark.parametrize("name", CURVES)
def test_the_note_beside_an_accuracy_sums_up_its_curve(name):
    values = published.CURVES[name]["val_accuracy"]
    last = 20 if name.endswith("augmented") else 15
    assert published.published_figure(name).note == (
        f"after its last epoch the output says {values[-1]:.2%}, over the last {last} "
        f"{np.mean(values[-last:]):.2%} on average"
    )


@pytest.mark.parametrize("name", CURVES)
def test_the_printed_best_epoch_is_that_of_the_curve(name):
    found = [c.value for c in published.CLAIMS if c.recipe == name and c.quantity == "best_epoch"]
    losses = published.CURVES[name]["val_loss"]
    assert losses.index(min(losses)) + 1 in found
