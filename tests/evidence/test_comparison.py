"""Published figures are compared with the runs of their own recipe and kind."""

import dataclasses
import math

import numpy as np
import pandas as pd
import pytest
from rows import curve_of, records_of, runs_of

from chollet_cnn.book.published import CLAIMS
from chollet_cnn.evidence import comparison, statistics

SECOND = "cats-vs-dogs-second-edition"


def compared(recipe, *runs, quantity=None, curves=()):
    claims = [c for c in CLAIMS if c.recipe == recipe and quantity in (None, c.quantity)]
    return comparison.compare(claims, records_of(runs, curves=curves))


def test_a_figure_is_compared_with_the_runs_of_its_recipe():
    (found,) = compared(
        SECOND, runs_of(SECOND, [0.70, 0.71, 0.72, 0.73, 0.74]), runs_of("mnist-first-edition", [1])
    )
    row = found.to_row()
    assert (row["n"], row["mean"]) == (5, pytest.approx(0.72))
    assert row["difference"] == pytest.approx(0.025)  # 72% - 69.5%
    assert row["test_set_sd"] == pytest.approx(math.sqrt(0.28 / 4000))
    assert row["verdict"] == statistics.INSIDE


def test_without_runs_every_figure_has_a_row_without_a_verdict():
    found = comparison.compare(CLAIMS, records_of())
    assert [item.claim for item in found] == list(CLAIMS)
    assert {item.verdict for item in found} == {statistics.TOO_FEW}
    assert set(comparison.to_table(found)["n"]) == {0}


def test_the_figures_that_count_are_of_whole_runs_and_no_errata():
    counted = [item.claim for item in comparison.compare_whole(records_of())]
    digits = [claim.value for claim in counted if claim.recipe == "mnist-first-edition"]
    assert digits == [0.9913]  # what the notebook printed, not the chapter's 99.3%
    assert {claim.epoch for claim in counted} == {None}
    assert len(counted) == sum(claim.epoch is None and not claim.slip for claim in CLAIMS)


def test_a_printed_curve_is_a_run_that_ends_with_its_last_epoch():
    run, curve = comparison.printed_run("cats-vs-dogs-first-edition")
    assert (run["val_accuracy"].item(), run["best_epoch"].item()) == (0.7240, 10)
    assert list(curve["epoch"]) == list(range(1, 31))


def test_runs_of_another_backend_device_or_data_are_kept_apart():
    kinds = [{}, {"device": "gpu"}, {"backend": "jax"}, {"data_note": "copies"}]
    rows = [runs_of(SECOND, [0.7, 0.72 + place / 100], **kind) for place, kind in enumerate(kinds)]
    found = compared(SECOND, *rows)
    assert sorted(item.sample.max for item in found) == [0.72, 0.73, 0.74, 0.75]
    assert {item.sample.n for item in found} == {2}


def test_below_a_reported_limit_runs_are_counted():
    recipe = f"{SECOND}-augmented"
    (found,) = compared(recipe, runs_of(recipe, [0.75, 0.76, 0.80, 0.84, 0.85]))
    row = found.to_row()
    assert row["below_too"] == 2
    assert row["new_below_too"] == pytest.approx(0.5)


def test_a_printed_number_is_compared_with_the_same_epoch():
    recipe = "mnist-first-edition"
    curves = [
        curve_of(recipe, seed, epoch=[1, 2], loss=0.1, accuracy=[0.9, 0.92 + seed / 1000])
        for seed in range(5)
    ]
    found = {
        (item.claim.quantity, item.claim.epoch): item
        for item in compared(recipe, runs_of(recipe, [0.99] * 5), curves=curves)
    }
    assert found["accuracy", 2].sample.mean == pytest.approx(0.922)
    assert found["loss", 1].verdict == statistics.ABOVE  # 0.1766 against 0.1
    assert found["accuracy", 5].sample.n == 0
    assert found["accuracy", 2].figure == "training accuracy after epoch 2"


def test_the_interval_of_an_epoch_ends_where_the_epochs_do():
    recipe = "cats-vs-dogs-first-edition"
    runs = runs_of(recipe, [0.7] * 5).assign(best_epoch=[10, 15, 20, 25, 30])
    for item in compared(recipe, runs, quantity="best_epoch"):
        assert item.sample.prediction_interval == (1, 30)
        assert item.verdict == statistics.INSIDE


@pytest.mark.parametrize(
    ("recipe", "accuracies", "more"),
    [
        # By the test set's size alone sqrt(0.01 / 20,000) = 0.07 points.
        ("mnist-first-edition", [0.985, 0.990, 0.995, 0.985, 0.995], True),
        ("mnist-first-edition", [0.9895, 0.9900, 0.9905, 0.9900, 0.9900], False),
        ("mnist-first-edition", [0.985, 0.990, 0.995], None),
    ],
)
def test_runs_that_vary_more_than_the_test_set_explains(recipe, accuracies, more):
    found = compared(recipe, runs_of(recipe, accuracies))
    assert found[0].exceeds_test_set_sd is more


def test_a_printed_curve_has_the_p_value_of_its_most_different_column():
    recipe = "mnist-first-edition"
    printed = comparison.CURVES[recipe]
    runs = [
        curve_of(recipe, seed, epoch=range(1, 6), accuracy=list(printed["accuracy"]),
                 loss=[loss + 0.1 + seed / 1000 for loss in printed["loss"]])
        for seed in range(5)
    ]  # fmt: skip
    curve = comparison.compare_curve(records_of(curves=runs), recipe)
    means = statistics.summarize([sum(run["loss"]) / 5 for run in runs])
    alone = statistics.p_value(sum(printed["loss"]) / 5, 0, means)
    assert curve.p_value == pytest.approx(2 * alone)
    assert (curve.n, curve.verdict) == (5, "5 inside, 5 below")


def test_a_detectable_difference_is_found_80_times_in_100_in_spite_of_rounding():
    random = np.random.default_rng(1)
    ours = [0.97, 0.98, 0.99, 1.0, 1.01]
    claim = dataclasses.replace(CLAIMS[0], step=0.02)
    item = comparison.Comparison(claim, values=ours)
    shift, sd = item.detectable_difference, item.sample.sd
    outside = 0
    for _ in range(4000):
        published = round(random.normal(0.99 + shift, sd) / claim.step) * claim.step
        sample = statistics.summarize(random.normal(0.99, sd, 5))
        outside += statistics.verdict(published, claim.step / 2, sample) == statistics.ABOVE
    assert outside / 4000 == pytest.approx(0.8, abs=0.02)


def test_our_own_runs_are_counted_against_the_rest():
    recipe = "mnist-first-edition"
    columns = {"epoch": range(1, 6), "accuracy": 0.5}
    runs = [curve_of(recipe, seed, **columns, loss=loss) for seed, loss in enumerate((1, 2, 3, 90))]
    curve = comparison.compare_curve(records_of(curves=runs), recipe)
    # Beside 2, 3 and 90 a loss of 1 is no outlier; beside 1, 2 and 3 one of 90 is.
    assert curve.counts_of_our_own() == [10, 10, 10, 5]


def test_a_printed_curve_is_compared_with_a_variant_of_its_recipe():
    recipe, legacy = "mnist-first-edition", {"variant": "rmsprop-2017"}
    printed = {name: pd.Series(values) for name, values in comparison.CURVES[recipe].items()}
    near, far = (
        [
            curve_of(recipe, seed, epoch=range(1, 6), **{
                name: values + shift + seed / 1000 for name, values in printed.items()
            }).assign(**label)
            for seed in range(-2, 3)
        ]
        for shift, label in ((0, legacy), (0.5, {}))
    )  # fmt: skip
    records = records_of(curves=far, variant_curves=near)
    assert comparison.compare_curve(records, recipe).verdict == "10 below"
    assert comparison.compare_curve(records, recipe, "rmsprop-2017").verdict == "10 inside"


def test_accuracies_are_in_the_quantity_of_the_book_with_a_band_of_enough_seeds():
    first = runs_of("cats-vs-dogs-first-edition", [0.1] * 5, data="pets")
    first = first.assign(val_accuracy=[0.70, 0.71, 0.72, 0.73, 0.74])
    third = runs_of("cats-vs-dogs-third-edition", [0.7, 0.8], data="pets")
    found = comparison.accuracies(records_of([first, third]))
    assert list(found["accuracy"]) == [0.70, 0.71, 0.72, 0.73, 0.74, 0.7, 0.8]
    assert list(found["published"].dropna()) == [0.71] * 5 + [0.786] * 2
    assert found["run_low"].notna().sum() == 5
    # 2.776 standard deviations of 0.0158, once as wide for the mean of five and for a sixth run.
    assert found["run_low"].iloc[0] == pytest.approx(0.72 - 2.7764 * 0.015811 * 1.2**0.5, abs=1e-4)
    (row,) = [
        figure.to_row()
        for figure in comparison.compare(CLAIMS, records_of([first]))
        if figure.claim.quantity == "val_accuracy" and figure.claim.epoch is None and figure.values
    ]
    assert row["run_low"] == found["run_low"].iloc[0]
    assert row["mean_low"] == pytest.approx(0.72 - 2.7764 * 0.015811 / 5**0.5, abs=1e-4)
    three = comparison.accuracies(records_of([first.head(3)]))
    assert three["run_low"].isna().all()
    assert isinstance(found, pd.DataFrame)
