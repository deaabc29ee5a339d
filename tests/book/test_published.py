"""What is written about the printed curves agrees with the curves."""

import numpy as np
import pytest

from chollet_cnn.book import published, recipes

CURVES = [name for name in published.CURVES if "val_loss" in published.CURVES[name]]


def test_a_printed_curve_has_a_row_for_every_epoch_of_its_recipe():
    assert published.CURVES
    for name, curve in published.CURVES.items():
        assert {len(values) for values in curve.values()} == {recipes.get(name).epochs}


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
    assert published.best_epoch(published.CURVES[name]) in found
