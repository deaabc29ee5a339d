"""The published figures stand as the book has them, and are judged by the rule that is written."""

import math
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from chollet_cnn import answers, claims, experiments, printed, recorded, spread
from chollet_cnn.errors import UserError
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
        for claim in claims.CLAIMS
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
        for claim in claims.CLAIMS
        if claim.recipe == "cats-vs-dogs-first-edition" and claim.epoch == epoch
    }
    assert found == {
        "loss": loss, "accuracy": accuracy, "val_loss": val_loss, "val_accuracy": val_accuracy
    }  # fmt: skip


@pytest.mark.parametrize("name", [name for name in printed.CURVES if "cats" in name])
def test_a_printed_accuracy_is_that_of_a_whole_number_of_pictures(name):
    # A slip of a finger while copying a figure would hardly end on such a number.
    def is_of(share, *counts):
        return any(abs(round(share * n) / n - share) <= 0.00005 + 1e-9 for n in counts)

    seen = 3200 if name.endswith("augmented") else 2000
    # 1,000 pictures in batches of 32 end with a batch of 8; of 50 batches one or two are that one.
    validated = (50 * 32 - 24, 50 * 32 - 2 * 24) if name.endswith("augmented") else (1000,)
    curve = printed.CURVES[name]
    assert all(is_of(share, seen) for share in curve["accuracy"])
    assert all(is_of(share, *validated) for share in curve.get("val_accuracy", ()))


def test_the_curve_printed_for_augmented_cats_and_dogs_has_a_hundred_epochs():
    curve = printed.CURVES["cats-vs-dogs-first-edition-augmented"]
    assert {len(values) for values in curve.values()} == {100}
    assert [values[-1] for values in curve.values()] == [0.3280, 0.8491, 0.3776, 0.8439]
    assert printed.best_epoch(curve) == 99
    whole = [
        (claim.quantity, claim.value, claim.kind)
        for claim in claims.CLAIMS
        if claim.recipe.endswith("first-edition-augmented") and claim.epoch is None
    ]
    assert whole == [("val_accuracy", 0.82, "text"), ("best_epoch", 99, "printed output")]


def test_the_notebook_says_five_epochs_and_prints_the_lowest_loss_after_ten():
    epochs = {
        claim.kind: claim.value
        for claim in claims.CLAIMS
        if (claim.recipe, claim.quantity) == ("cats-vs-dogs-first-edition", "best_epoch")
    }
    assert epochs == {"text": 5, "printed output": 10}
    losses = printed.CURVES["cats-vs-dogs-first-edition"]["val_loss"]
    assert len(losses) == 30
    assert min(losses) == losses[9] == 0.5508
    assert any(
        "after epoch 10, at 0.5508; after epoch 5 it is 0.5726" in s.fact for s in claims.SLIPS
    )


def test_the_slip_in_the_notebook_is_claimed_beside_what_it_prints():
    digits = [c for c in claims.CLAIMS if c.recipe == "mnist-first-edition" and not c.epoch]
    assert [(c.value, c.kind) for c in digits] == [
        (0.9913, "printed output"),
        (0.993, "text"),
    ]
    assert any("99.3%" in slip.says and "99.13%" in slip.fact for slip in claims.SLIPS)
    assert any("three poolings" in slip.says for slip in claims.SLIPS)
    assert any("26x26" in slip.says and "28x28" in slip.fact for slip in claims.SLIPS)


# The statistics.


def test_one_to_five_have_the_intervals_that_one_works_out_by_hand():
    runs = spread.of([1, 2, 3, 4, 5])
    assert (runs.n, runs.mean, runs.min, runs.max) == (5, 3, 1, 5)
    assert runs.sd == pytest.approx(math.sqrt(2.5))
    t = 2.776  # 97.5% of Student's t with four degrees of freedom, from any printed table
    assert runs.mean_high - 3 == pytest.approx(t * math.sqrt(2.5 / 5), abs=1e-3)
    assert runs.run_high - 3 == pytest.approx(t * math.sqrt(2.5 * 6 / 5), abs=1e-3)
    assert (3 - runs.mean_low, 3 - runs.run_low) == pytest.approx(
        (runs.mean_high - 3, runs.run_high - 3)
    )


def test_the_interval_of_the_mean_is_that_of_nist_s_handbook():
    # NIST e-Handbook 1.3.5.2, data set ZARR13: n 195, mean 9.261460, sd 0.02278881,
    # the 95% interval of the mean from 9.258242 to 9.264679.
    shape = np.linspace(-1, 1, 195)
    values = 9.261460 + 0.02278881 * shape / shape.std(ddof=1)
    runs = spread.of(values)
    assert (runs.mean_low, runs.mean_high) == pytest.approx((9.258242, 9.264679), abs=1e-6)


def test_one_run_has_no_width_and_none_has_nothing():
    one, none = spread.of([0.7]), spread.of([])
    assert (one.mean, one.n) == (0.7, 1)
    assert math.isnan(one.sd)
    assert math.isnan(one.run_low)
    assert none.n == 0
    assert math.isnan(none.mean)


def test_half_of_new_runs_are_expected_below_the_mean_and_a_fortieth_below_the_interval():
    runs = spread.of([1, 2, 3, 4, 5])
    assert spread.share_below(3, runs) == pytest.approx(0.5)
    assert spread.share_below(runs.run_low, runs) == pytest.approx(0.025)


def test_of_new_runs_the_interval_holds_95_in_100():
    draws = np.random.default_rng(7).normal(0.7, 0.01, (4000, 6))
    held = [
        runs.run_low <= new <= runs.run_high for *seeds, new in draws for runs in [spread.of(seeds)]
    ]
    assert np.mean(held) == pytest.approx(0.95, abs=0.012)


def test_the_size_of_the_test_set_explains_jordan_s_square_root():
    # 20% wrong of 1,000 pictures of two classes: sqrt(0.2 / 2000) = 1 point.
    assert spread.expected_sd(0.8, 1000) == pytest.approx(0.01)


def test_a_calibrated_jury_of_two_classes_wavers_as_the_formula_says_and_of_ten_no_more():
    random = np.random.default_rng(1)

    def error_and_variance(shares):  # of one picture, in the mean over many
        return (1 - (shares**2).sum(1)).mean(), (shares**2 * (1 - shares)).sum(1).mean()

    first = random.random(5000)
    error, variance = error_and_variance(np.stack([first, 1 - first], axis=1))
    assert variance == pytest.approx(error / 2)
    for sharpness in (0.02, 0.2, 1, 10):
        error, variance = error_and_variance(random.dirichlet([sharpness] * 10, 5000))
        assert variance < error / 2


@pytest.mark.parametrize(
    ("recipe", "quantity", "count"),
    [
        ("mnist-first-edition", "test_accuracy", 10_000),
        ("cats-vs-dogs-first-edition", "val_accuracy", 1000),
        ("cats-vs-dogs-first-edition", "test_accuracy", 1000),
        ("cats-vs-dogs-second-edition", "test_accuracy", 2000),
        ("cats-vs-dogs-first-edition", "best_epoch", None),
    ],
)
def test_an_accuracy_was_measured_on_so_many_pictures(recipe, quantity, count):
    assert claims.pictures(recipe, quantity) == count


# The rule. Of 1, 2, 3, 4, 5 one more run is expected from -1.81 to 7.81.


@pytest.mark.parametrize(
    ("value", "runs", "words"),
    [
        (3, [], "not enough seeds"),
        (30, [3], "not enough seeds"),
        (30, [3, 4], "not enough seeds"),
        (30, [3, 4, 5], "above every run"),  # 4 +- 4.303 x 1.1547 reaches 8.97
        (8.9, [3, 4, 5], "not enough seeds"),
        (9.1, [3, 4, 5], "above every run"),
        (-1.1, [3, 4, 5], "below every run"),
        (4, [3, 4, 5, 6], "not enough seeds"),
        (3, [1, 2, 3, 4, 5], "within what one run gives"),
        (7.8, [1, 2, 3, 4, 5], "within what one run gives"),  # above all five, and yet expected
        (7.9, [1, 2, 3, 4, 5], "above every run"),
        (-1.9, [1, 2, 3, 4, 5], "below every run"),
        # One run far out: the interval ends at 6.6, but what a run has given, a run can give.
        (9.9, [0] * 19 + [10], "within what one run gives"),
        (10.1, [0] * 19 + [10], "above every run"),
        (3, [3, 3, 3, 3, 3], "within what one run gives"),
        (4, [3, 3, 3, 3, 3], "above every run"),
    ],
)
def test_the_rule_finds_one_of_four_words_for_every_case(value, runs, words):
    assert spread.verdict(value, 0, spread.of(runs)) == words


def test_a_figure_is_as_wide_as_its_rounding():
    runs = spread.of([1, 2, 3, 4, 5])
    assert spread.verdict(8, 0.1, runs) == "above every run"
    assert spread.verdict(8, 0.5, runs) == "within what one run gives"


def test_the_rule_that_is_shown_names_the_four_words_and_how_many_are_enough():
    rule = spread.rule()
    assert all(words in rule for words in spread.VERDICTS)
    assert "at least five runs" in rule
    assert "Three runs are enough" in rule
    assert "95 times" in rule
    assert (spread.FEWEST_TO_MISS, spread.FEWEST_TO_MEET, spread.COVERAGE) == (3, 5, 0.95)


# The comparison.


def runs_of(recipe, accuracies, **other):
    """Return rows of results/runs.csv with these test accuracies."""
    row = {"recipe": recipe, "backend": "tensorflow", "device": "cpu", "data_note": None}
    row |= {"val_accuracy": None, "best_epoch": None} | other
    return pd.DataFrame(
        [row | {"seed": seed, "test_accuracy": value} for seed, value in enumerate(accuracies)]
    )


def of(compared, recipe, kind="text"):
    return compared[(compared["recipe"] == recipe) & (compared["kind"] == kind)].to_dict("records")


def test_a_claim_is_laid_beside_the_runs_of_its_own_recipe():
    rows = pd.concat(
        [
            runs_of("cats-vs-dogs-second-edition", [0.70, 0.71, 0.72, 0.73, 0.74]),
            runs_of("mnist-second-edition", [0.985, 0.986, 0.987]),
        ]
    )
    (pets,) = of(claims.compare(rows), "cats-vs-dogs-second-edition")
    assert (pets["n"], pets["mean"]) == (5, pytest.approx(0.72))
    assert pets["difference"] == pytest.approx(0.025)  # 72% - 69.5%
    assert pets["test_set_sd"] == pytest.approx(math.sqrt(0.28 / 4000))
    assert pets["verdict"] == "within what one run gives"
    (digits,) = of(claims.compare(rows), "mnist-second-edition")
    assert (digits["n"], digits["verdict"]) == (3, "not enough seeds")


def test_there_is_a_line_for_every_claim_even_without_a_run():
    compared = claims.compare(runs_of("mnist-second-edition", []).reindex(columns=_COLUMNS))
    assert len(compared) == len(claims.CLAIMS) == 10 + 5 * 2 + 30 * 4 + 100 * 4
    assert set(compared["n"]) == {0}
    assert set(compared["verdict"]) == {"not enough seeds"}


_COLUMNS = [
    *("recipe", "seed", "backend", "device", "data_note"),
    *("test_accuracy", "val_accuracy", "best_epoch"),
]


def test_runs_of_another_backend_device_or_data_are_kept_apart():
    name = "cats-vs-dogs-second-edition"
    rows = pd.concat(
        [
            runs_of(name, [0.70, 0.72]),
            runs_of(name, [0.80], device="gpu"),
            runs_of(name, [0.60], backend="jax"),
            runs_of(name, [0.50], data_note="copies"),
        ]
    )
    found = of(claims.compare(rows), name)
    kinds = {(c["backend"], c["device"], c["data_note"]): c["mean"] for c in found}
    assert kinds == {
        ("tensorflow", "cpu", ""): pytest.approx(0.71),
        ("tensorflow", "gpu", ""): 0.80,
        ("jax", "cpu", ""): 0.60,
        ("tensorflow", "cpu", "copies"): 0.50,
    }


def test_a_printed_curve_is_laid_beside_the_same_epoch_of_every_run():
    rows = runs_of("mnist-first-edition", [0.991] * 5)
    curves = pd.DataFrame(
        [
            row | {"epoch": epoch, "accuracy": 0.9 + epoch / 100 + seed / 1000, "loss": 0.1,
                   "val_accuracy": 0.99, "val_loss": 0.1}
            for seed, row in enumerate(rows.to_dict("records"))
            for epoch in (1, 2)
        ]
    )  # fmt: skip
    compared = claims.compare(rows, curves)
    compared = compared[compared["recipe"] == "mnist-first-edition"]
    compared = compared.set_index(["quantity", "epoch"])
    assert compared.loc[("accuracy", 2), "mean"].item() == pytest.approx(0.922)
    assert compared.loc[("loss", 1), "verdict"] == "above every run"  # 0.1766 against 0.1
    assert compared.loc[("accuracy", 5), "n"].item() == 0


def test_a_sentence_says_what_the_book_gives_and_what_came_out():
    rows = runs_of("cats-vs-dogs-second-edition", [0.73, 0.735, 0.74, 0.745, 0.75])
    (claim,) = of(claims.compare(rows), "cats-vs-dogs-second-edition")
    assert claim["verdict"] == "below every run"
    assert answers.sentence(claim) == (
        "Cats vs dogs, second edition, test accuracy: the book 69.5% (text, 2nd ed., "
        "chapter 8); 5 seeds gave 74.00% on average, from 73.00% to 75.00%, so the mean lies 4.50 "
        "points above the book's figure. All runs so far lie above the book's figure. One more run "
        "is expected from 71.60% to 76.40%. The book's figure is probably not the average of all "
        "such runs, which lies from 73.02% to 74.98% (95%)."
    )


@pytest.mark.parametrize(
    ("accuracies", "said"),
    [
        ([0.80, 0.81], "None of them lies below 80%."),
        ([0.7995, 0.81], "1 of them lies below 80%."),
        ([0.7995, 0.75, 0.85], "2 of them lie below 80%. One more"),
        ([0.75, 0.76, 0.80, 0.84, 0.85], "2 of them lie below 80%, where 50% of new runs are"),
    ],
)
def test_what_readers_report_is_counted_among_our_runs(accuracies, said):
    recipe = "cats-vs-dogs-second-edition-augmented"
    (claim,) = of(claims.compare(runs_of(recipe, accuracies)), recipe)
    assert f"book's figure. {said}" in answers.sentence(claim)


def test_whose_spread_it_is_counts_seed_0_with_the_held_ones():
    rows = runs_of("mnist-second-edition", [0.98, 0.99, 1.0])
    variants = pd.concat(
        [
            runs_of("mnist-second-edition", [0.96, 0.97], variant="same-weights").assign(
                seed=[1, 2]
            ),
            runs_of("mnist-second-edition", [0.99, 1.0], variant="same-order").assign(seed=[1, 2]),
        ]
    )
    everything, order, weights = experiments.whose_spread(rows, variants).splitlines()[2:]
    assert (
        "| everything differs | 3 | 99.00% | 98.00% to 100.00% | 1.000 points | 0.521 to "
        in everything
    )
    seed_0 = "starting weights are seed 0's | 3 | 97.00% | 96.00% to 98.00% | 1.000"
    assert f"the order differs, the {seed_0}" in order
    seed_0 = "order is seed 0's | 3 | 99.00% | 98.00% to 100.00% | 1.000"
    assert f"the starting weights differ, the {seed_0}" in weights
    assert experiments.whose_spread(rows, variants.iloc[:0]) == "Not enough such runs yet."
    assert experiments.whose_spread(rows, variants.iloc[1:]) == "Not enough such runs yet."


def test_a_printed_curve_stands_beside_ours_with_the_test_figures_that_it_lacks():
    curves = pd.concat(
        pd.DataFrame(
            {"epoch": [1, 2], "accuracy": [first, 0.985], "loss": [0.17, 0.04],
             "val_accuracy": [0.98, 0.99], "val_loss": [0.06, 0.03]}
        ).assign(recipe="mnist-first-edition", seed=seed, backend="tensorflow", device="cpu",
                 data_note="")
        for seed, first in enumerate((0.94, 0.95, 0.96))
    )  # fmt: skip
    compared = claims.compare(runs_of("mnist-first-edition", [0.99] * 3), curves)
    by_epoch = compared[compared["epoch"].notna()]
    words, _, _, _, first, _ = answers.curve(by_epoch, curves).splitlines()
    assert words.startswith("MNIST, first edition, 3 seeds (tensorflow, cpu), means")
    assert first == (
        "| 1 | 94.40% | 95.00% (94.00% to 96.00%) | 0.1766 ↑ | 0.1700 (0.1700 to 0.1700) | 98.00% "
        "(98.00% to 98.00%) | 0.0600 (0.0600 to 0.0600) |"
    )


@pytest.mark.parametrize(
    ("recipe", "shown"),
    [
        ("cats-vs-dogs-first-edition", [1, 2, 3, 4, 5, 10, 15, 20, 25, 30]),
        ("cats-vs-dogs-first-edition-augmented", [1, 2, 3, 4, 5, 20, 40, 60, 80, 100]),
    ],
)
def test_a_long_curve_is_shown_in_steps_to_its_end_and_whole_where_asked(recipe, shown):
    count = shown[-1]
    kind = {"recipe": recipe, "backend": "tensorflow", "device": "cpu", "data_note": ""}
    curves = pd.DataFrame(
        {"epoch": range(1, count + 1), **{name: 0.5 for name in printed.QUANTITIES}}
    ).assign(seed=0, **kind)
    compared = claims.compare(runs_of(recipe, [0.7]), curves)
    by_epoch = compared[compared["epoch"].notna()]

    def epochs(text):
        return [int(line.split("|")[1]) for line in text.splitlines() if re.match(r"\| \d", line)]

    assert epochs(answers.curve(by_epoch, curves)) == shown
    assert epochs(answers.curve(by_epoch, curves, every=1)) == list(range(1, count + 1))
    assert "figures there are not enough seeds." in answers.curve(by_epoch, curves)


def test_how_far_the_book_was_after_the_steps_that_are_left():
    # 2,000 pictures in batches of 32 are 63 steps, and 100 epochs of them 6,300 of 10,000: as many
    # as the notebook's first 63 epochs. From epoch 59, 0.8099, to 67, 0.8325, are nine.
    words = experiments.cut_short()
    assert "Of 100 steps an epoch 63 are left, in 100 epochs 6,300 of 10,000." in words
    curve = printed.CURVES["cats-vs-dogs-first-edition-augmented"]["val_accuracy"]
    assert (curve[58], curve[66]) == (0.8099, 0.8325)
    assert f"after epoch 63: its validation accuracy is {sum(curve[58:67]) / 9:.2%} on" in words
    assert words.endswith("and 82.77% over the last 20.")


def test_what_sixteen_bits_do_stands_beside_what_the_seeds_do():
    rows = runs_of("mnist-second-edition", [0.98, 0.99, 1.0])
    variants = runs_of("mnist-second-edition", [0.97, 0.97, 0.99], variant="bfloat16")
    whole, half, _, words = experiments.sixteen_bits(rows, variants).splitlines()[2:]
    title = "MNIST, second edition (tensorflow, cpu)"
    assert whole == f"| {title} | 32 | 3 | 99.00% | 1.00 points | 98.00% to 100.00% |"
    assert half == f"| {title} | 16 | 3 | 97.67% | 1.15 points | 97.00% to 99.00% |"
    # The differences are -1, -2, -1: a mean of -4/3, a standard deviation of the root of 1/3; that
    # over the root of 3 is 1/3, times t of 2 degrees of freedom, 4.303, is 1.43.
    paired = (
        "-1.33 points of test accuracy on average, 97.67% and 99.00% over the 3 seeds that both "
        "have (seed by seed; 95%: -2.77 to +0.10)"
    )
    assert words == f"{title}: 16 bits minus 32 bits is {paired}."
    assert experiments.sixteen_bits(rows, variants.iloc[:0]) == "No such run yet."


def test_nothing_is_said_to_be_nan_where_one_run_alone_was_varied():
    rows = runs_of("mnist-second-edition", [0.98])
    variants = runs_of("mnist-second-edition", [0.97], variant="same-weights").assign(seed=1)
    assert "nan" not in experiments.whose_spread(rows, variants)
    half = runs_of("mnist-second-edition", [0.97], variant="bfloat16")
    assert "nan" not in experiments.sixteen_bits(rows, half)
    assert "nan" not in experiments.sixteen_bits(rows.iloc[:0], half)


def test_an_optimizer_of_the_book_s_time_stands_below_today_s():
    kind = {"recipe": "mnist-first-edition", "backend": "tensorflow", "device": "cpu"}
    rows = runs_of("mnist-first-edition", [0.98, 0.99, 1.0], val_accuracy=math.nan,
                   best_epoch=math.nan)  # fmt: skip
    then = runs_of("mnist-first-edition", [0.97, 0.97, 0.99], variant="rmsprop-2017",
                   val_accuracy=math.nan, best_epoch=math.nan)  # fmt: skip
    curves = pd.concat(
        pd.DataFrame({"epoch": [1, 2], "loss": loss, "accuracy": 0.98, "seed": seed, **kind})
        for seed, loss in enumerate(([0.16, 0.04], [0.17, 0.04], [0.18, 0.04]))
    )
    old_curves = curves.assign(loss=curves["loss"] - 0.01, variant="rmsprop-2017")
    records = recorded.Records(rows, then, pd.DataFrame(), curves, old_curves)
    heads, _, book, now, old, _, words = experiments.optimizers(records).splitlines()
    assert heads == (
        "| recipe | optimizer | seeds | test accuracy | training loss after epoch 1 | training "
        "loss after epoch 2 | training loss after epoch 5 |"  # no column that is empty
    )
    title = "MNIST, first edition (tensorflow, cpu)"
    assert book == f"| {title} | the book's output | 1 |  | 0.1766 | 0.0462 | 0.0187 |"
    assert now == (
        f"| {title} | rmsprop | 3 | 99.00% (98.00% to 100.00%) | 0.1700 (0.1600 to 0.1800) | "
        "0.0400 (0.0400 to 0.0400) |  |"
    )
    assert old == (
        f"| {title} | rmsprop-2017 | 3 | 97.67% (97.00% to 99.00%) | 0.1600 (0.1500 to 0.1700) | "
        "0.0300 (0.0300 to 0.0300) |  |"
    )
    # Runs with mean losses of 0.1, 0.105, 0.11: 0.005 x sqrt(4/3) x 4.303 is 0.0248 to either side.
    paired = (
        "-1.33 points of test accuracy on average, 97.67% and 99.00% over the 3 seeds that both "
        "have (seed by seed; 95%: -2.77 to +0.10)"
    )
    assert words == (
        f"- {title}: rmsprop-2017 minus rmsprop is {paired}. Averaged over its 5 epochs the book's "
        "training loss is 0.0596; one more run is expected from 0.0802 to 0.1298 with rmsprop, "
        "from 0.0702 to 0.1198 with rmsprop-2017."
    )
    records = recorded.Records(rows, then.iloc[:0], pd.DataFrame(), curves, old_curves)
    assert experiments.optimizers(records) == "No such run yet."


def test_the_augmented_first_edition_stands_beside_itself_as_its_keras_computed_it():
    recipe = "cats-vs-dogs-first-edition-augmented"
    kind = {"recipe": recipe, "backend": "tensorflow", "device": "cpu"}
    rows = runs_of(recipe, [0.77, 0.79], val_accuracy=0.78, best_epoch=90)
    then = runs_of(recipe, [0.82], variant="keras-2017", val_accuracy=0.83, best_epoch=98)
    other = runs_of("cats-vs-dogs-first-edition", [0.7], variant="rmsprop-2017")
    late = {"accuracy": 0.8, "val_accuracy": 0.78, "val_loss": 0.45}

    def history(seed, **columns):
        epochs = pd.DataFrame({"epoch": range(1, 101), "seed": seed, **kind, **late | columns})
        epochs.loc[epochs["epoch"] <= 80, "accuracy"] = 0.0  # not of the last twenty
        return epochs

    curves = pd.concat([history(0), history(1, accuracy=0.82)])
    old = history(0, accuracy=0.84, val_accuracy=0.83).assign(variant="keras-2017")
    records = recorded.Records(rows, pd.concat([then, other]), pd.DataFrame(), curves, old)
    told = experiments.augmentation(records).splitlines()
    assert not any("One more run" in line for line in told)  # two are too few to say
    title, _, heads, _, book, now, both, _, means = told
    assert title == "Cats vs dogs, first edition, augmented (tensorflow, cpu):"
    assert heads == (
        "| computed with | seeds | training accuracy over the last 20 epochs | validation "
        "accuracy over the last 20 epochs | validation loss over the last 20 epochs | epoch of the "
        "lowest validation loss | test accuracy |"
    )
    assert book.startswith("| the book's output | 1 | 84.53% | 82.77% | 0.3978 | 99 |  |")
    assert now == (
        "| today's Keras | 2 | 81.00% (80.00% to 82.00%) | 78.00% (78.00% to 78.00%) | 0.4500 "
        "(0.4500 to 0.4500) | 90 (90 to 90) | 78.00% (77.00% to 79.00%) |"
    )
    assert both == (
        "| the RMSprop and the augmentation of 2017 | 1 | 84.00% | 83.00% | 0.4500 | 98 | 82.00% |"
    )
    # Twenty epochs of 80 and of 82% after eighty of nothing are 16 and 16.4% on average.
    book_s = printed.CURVES[recipe]
    assert means == (
        f"Averaged over all 100 epochs: the book {sum(book_s['accuracy']) / 100:.2%} in training "
        f"and {sum(book_s['val_accuracy']) / 100:.2%} in validation; today's Keras 16.20% (16.00% "
        "to 16.40%) in training and 78.00% (78.00% to 78.00%) in validation; the RMSprop and the "
        "augmentation of 2017 16.80% in training and 83.00% in validation."
    )
    # Three runs of 78, 79 and 80%: one point x sqrt(4/3) x 4.303 is 4.97 to either side of 79%.
    third = [history(seed, val_accuracy=0.78 + seed / 100) for seed in range(3)]
    records = recorded.Records(
        rows, pd.concat([then, other]), pd.DataFrame(), pd.concat(third), old
    )
    assert (
        "One more run with today's Keras is expected to have a validation accuracy from 74.03% to "
        "83.97% over the last 20 epochs, where the book's output has 82.77%."
    ) in experiments.augmentation(records)
    records = recorded.Records(rows, other, pd.DataFrame(), curves, old.iloc[:0])
    assert experiments.augmentation(records) == "No such run yet."


def test_the_choice_of_the_epoch_is_told_only_where_the_recipe_makes_one():
    chosen = runs_of("cats-vs-dogs-second-edition", [0.70, 0.72]).assign(
        last_epoch_test_accuracy=[0.71, 0.70], judged_epoch=[8, 11], val_accuracy=[0.67, 0.69]
    )
    last = runs_of("mnist-first-edition", [0.99], last_epoch_test_accuracy=0.99, judged_epoch=5)
    curves = pd.DataFrame(
        {"epoch": range(1, 31), "val_accuracy": [0.5] * 20 + [0.74, 0.76] * 5,
         "val_loss": [0.9] * 7 + [0.6, 0.8, 0.8, 0.61] + [0.9] * 19,
         "recipe": "cats-vs-dogs-second-edition", "backend": "tensorflow", "device": "cpu",
         "seed": 1}
    )  # fmt: skip
    assert experiments.choice_of_epoch(pd.concat([chosen, last]), curves) == (
        "- Cats vs dogs, second edition (2 seeds, tensorflow, cpu): +0.50 points on average "
        "(-1.00 to +2.00), 71.00% (70.00% to 72.00%) where the last epoch has 70.50% (70.00% to "
        "71.00%). In 1 of 2 the last epoch did better. Epochs 8 to 11 of 30 had the lowest "
        "validation loss; validation accuracy was 68.00% there, 75.00% over the last 10 epochs. "
        "The closest call: with seed 1 epoch 8 was kept for a loss of 0.6000, epoch 11 had 0.6100; "
        "their validation accuracy is 50.00% and 50.00%."
    )
    assert experiments.choice_of_epoch(last, curves) == "No such run yet."
    # 70, 72 and 74%, and 71, 70 and 69%: differences of -1, 2 and 5 points. Their standard
    # deviation, 3, over the root of 3, times t of 2 degrees of freedom, 4.303, is 7.45.
    third = chosen.iloc[:1].assign(seed=2, test_accuracy=0.74, last_epoch_test_accuracy=0.69)
    assert (
        "Of endlessly many runs it lies from -5.45 to +9.45 points on average (95%). The standard "
        "deviation is 2.00 points, after the last epoch 1.00. In 1 of 3 the last epoch did better. "
    ) in experiments.choice_of_epoch(pd.concat([chosen, third]), curves)


def test_a_run_that_is_stopped_early_keeps_the_best_epoch_so_far():
    recipe = "cats-vs-dogs-second-edition-augmented"
    curves = pd.concat(
        pd.DataFrame(
            {"epoch": range(1, 101), "val_accuracy": [0.7] * 24 + [late] * 76,
             "val_loss": [0.6] * 24 + [0.5 - step] + [0.7] * 75, "recipe": recipe,
             "backend": "tensorflow", "device": "cpu", "seed": seed}
        )
        for seed, (late, step) in enumerate([(0.79, 0), (0.80, 0), (0.83, -0.2)])
    )  # fmt: skip
    lines = experiments.stopped_early(curves, recipe, 0.80).splitlines()
    assert lines[0] == "Cats vs dogs, second edition, augmented, 3 seeds (tensorflow, cpu):"
    assert lines[4] == "| 10 epochs | 1 | 70.00% (70.00% to 70.00%) | 3 of 3 |"
    # The last run's epoch 25 has a loss of 0.7, so that its first is still the best.
    assert lines[6] == "| 30 epochs | 1 to 25 | 76.33% (70.00% to 80.00%) | 2 of 3 |"
    assert experiments.stopped_early(curves.iloc[:0], recipe, 0.80) == "No such run yet."


def test_the_interval_of_a_standard_deviation_holds_it_95_times_in_100():
    random = np.random.default_rng(0)
    held = 0
    for _ in range(2000):
        low, high = spread.sd_interval(spread.of(random.normal(0, 3, 5)))
        held += low <= 3 <= high
    assert held / 2000 == pytest.approx(0.95, abs=0.015)


def test_a_lost_mark_is_named():
    records = recorded.read()
    with pytest.raises(UserError, match="lost its mark"):
        answers.renewed("# nothing", records, claims.compare(records.runs), claims.SLIPS)


def test_no_run_is_expected_to_be_best_after_its_last_epoch():
    rows = runs_of("cats-vs-dogs-first-edition", [0.7] * 5).assign(best_epoch=[10, 15, 20, 25, 30])
    compared = claims.compare(rows)
    own = compared[(compared["quantity"] == "best_epoch") & (compared["n"] > 0)]
    assert own[["run_low", "run_high"]].to_numpy().tolist() == [[1, 30], [1, 30]]
    assert set(own["verdict"]) == {spread.WITHIN}


def test_a_slip_of_the_text_is_told_apart_and_counts_neither_way():
    rows = runs_of("mnist-first-edition", [0.9910, 0.9911, 0.9912, 0.9913, 0.9914])
    compared = claims.compare(rows)
    told = answers.answer(compared, compared.iloc[:0])
    assert "**Came back: 1.**" in told
    assert "**Did not come back: none.**" in told
    counted, apart = told.split("**Slips of the text, not counted: 2.**")
    assert "99.3%" not in counted
    assert "99.3%" in apart


def test_printed_curves_are_counted_by_themselves_and_a_figure_beyond_all_runs_is_said_to_be():
    rows = runs_of("mnist-first-edition", [0.9908, 0.9909, 0.9910, 0.9911, 0.9912])
    kind = {"recipe": "mnist-first-edition", "backend": "tensorflow", "device": "cpu"}
    curves = pd.concat(
        pd.DataFrame({"epoch": [1], "accuracy": 0.94 + seed / 1000, "loss": 0.18, "seed": seed,
                      "val_accuracy": math.nan, "val_loss": math.nan, "data_note": "", **kind})
        for seed in range(5)
    )  # fmt: skip
    compared = claims.compare(rows, curves)
    whole, by_epoch = (compared[compared["epoch"].isna()], compared[compared["epoch"].notna()])
    counted, curve = answers.answer(whole, by_epoch).split(
        "**Printed curves, counted by themselves"
    )
    assert "Came back: 1." in counted
    assert "below the book's figure. All runs so far lie below the book's figure." in counted
    assert curve.startswith(" below: 1.**")
    assert "- MNIST, first edition, the printed curve (tensorflow, cpu): Of the " in curve
    within = runs_of("mnist-first-edition", [0.9911, 0.9912, 0.9913, 0.9914, 0.9915])
    of = claims.compare(within)
    told = answers.answer(of[of["kind"] == claims.PRINTED], of.iloc[:0])
    assert "All runs" not in told.split("**Slips")[0]
    assert "Printed curves" not in told


def test_in_short_there_is_a_line_for_each_accuracy_of_the_book():
    rows = runs_of("mnist-first-edition", [0.9910, 0.9911, 0.9912, 0.9913, 0.9914])
    compared = claims.compare(rows)
    lines = answers.in_short(compared[compared["epoch"].isna()]).splitlines()
    assert len(lines) == 2 + 6
    other = claims.compare(pd.concat([rows, rows.assign(device="gpu")]))
    named = answers.in_short(other[other["epoch"].isna()])
    assert "| MNIST, first edition (tensorflow, gpu) |" in named
    assert "| MNIST, first edition (tensorflow, cpu) |" in named
    assert lines[2].startswith(
        "| MNIST, first edition | 99.13% | 99.12% (99.10% to 99.14%) | 5 | within what one run "
    )
    assert lines[5].startswith("| Cats vs dogs, first edition, augmented | 82% (validation) |  | 0")
    readme = (recorded.RESULTS / "README.md").read_text()
    heads = {
        re.sub(r"[^\w -]", "", line[3:].lower()).replace(" ", "-")
        for line in readme.splitlines()
        if line.startswith("## ")
    }
    for words in answers.SEE.values():
        assert re.fullmatch(r"\[.+\]\(#(.+)\)", words)[1] in heads


def test_runs_further_apart_than_their_test_set_explains_are_told_from_others():
    # By the test set's size alone sqrt(0.01 / 20,000) = 0.07 points.
    far = runs_of("mnist-first-edition", [0.985, 0.990, 0.995, 0.985, 0.995])
    near = runs_of("mnist-second-edition", [0.9895, 0.9900, 0.9905, 0.9900, 0.9900])
    first, second = answers.luck(claims.compare(pd.concat([far, near]))).splitlines()
    assert first.startswith("- MNIST, first edition, test accuracy (5 runs): 0.50 points (0.30 to")
    assert first.endswith(
        "by the number of pictures 0.07: some runs are probably better than others."
    )
    assert second.endswith("0.07: none need be better than another.")


# The command.


def test_a_reader_that_has_read_enough_ends_the_command_without_a_traceback():
    done = subprocess.run(
        f"{sys.executable} -m chollet_cnn.claims | true", shell=True, capture_output=True, text=True
    )
    assert done.stderr == ""


def test_a_folder_without_runs_is_one_sentence_that_says_what_to_do(tmp_path):
    with pytest.raises(UserError, match="--results"):
        claims.main(["--results", str(tmp_path)])


def test_the_command_prints_every_claim_and_writes_the_table(tmp_path, capsys):
    rows = recorded.read_runs()
    rows.to_csv(tmp_path / "runs.csv", index=False)
    assert claims.main(["--results", str(tmp_path), "--write"]) == 0
    printed = capsys.readouterr().out
    whole = [claim for claim in claims.CLAIMS if claim.epoch is None]
    assert sum(line.startswith(("mnist-", "cats-")) for line in printed.splitlines()) == len(whole)
    assert (
        "MNIST, first edition, the printed curve: For all 10 printed figures there are" in printed
    )
    assert claims.main(["--results", str(tmp_path), "--epochs"]) == 0
    printed = capsys.readouterr().out
    assert sum(line.startswith(("mnist-", "cats-")) for line in printed.splitlines()) == len(
        claims.CLAIMS
    )
    assert len(pd.read_csv(tmp_path / "claims.csv")) >= len(claims.CLAIMS)
