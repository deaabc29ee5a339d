"""How far runs lie apart, and the rule by which a figure is judged, against worked examples."""

import math

import numpy as np
import pytest

from chollet_cnn.evidence import statistics as spread


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


def test_the_interval_of_a_standard_deviation_holds_it_95_times_in_100():
    random = np.random.default_rng(0)
    held = 0
    for _ in range(2000):
        low, high = spread.sd_confidence_interval(spread.of(random.normal(0, 3, 5)))
        held += low <= 3 <= high
    assert held / 2000 == pytest.approx(0.95, abs=0.015)
