"""Intervals, verdicts and corrections against worked examples and simulations."""

import math

import numpy as np
import pytest

from chollet_cnn.evidence import statistics
from chollet_cnn.evidence.statistics import summarize

ONE_TO_FIVE = summarize([1, 2, 3, 4, 5])


def test_intervals_of_one_to_five_by_hand():
    runs = ONE_TO_FIVE
    assert (runs.n, runs.mean, runs.min, runs.max) == (5, 3, 1, 5)
    assert runs.sd == pytest.approx(math.sqrt(2.5))
    t = 2.776  # 97.5% of Student's t with four degrees of freedom, from any printed table
    of_mean, of_run = t * math.sqrt(2.5 / 5), t * math.sqrt(2.5 * 6 / 5)
    assert runs.confidence_interval == pytest.approx((3 - of_mean, 3 + of_mean), abs=1e-3)
    assert runs.prediction_interval == pytest.approx((3 - of_run, 3 + of_run), abs=1e-3)


def test_confidence_interval_of_nist_handbook():
    # NIST e-Handbook 1.3.5.2, data set ZARR13: n 195, mean 9.261460, sd 0.02278881,
    # the 95% interval of the mean from 9.258242 to 9.264679.
    shape = np.linspace(-1, 1, 195)
    runs = summarize(9.261460 + 0.02278881 * shape / shape.std(ddof=1))
    assert runs.confidence_interval == pytest.approx((9.258242, 9.264679), abs=1e-6)


def test_one_run_has_no_spread_and_none_has_nothing():
    one, none = summarize([0.7]), summarize([])
    assert (one.mean, one.n) == (0.7, 1)
    assert math.isnan(one.sd)
    assert math.isnan(one.prediction_interval[0])
    assert none.n == 0
    assert math.isnan(none.mean)


def test_share_below_the_mean_is_a_half_and_below_the_interval_a_fortieth():
    low, _ = ONE_TO_FIVE.prediction_interval
    assert statistics.share_below(3, ONE_TO_FIVE) == pytest.approx(0.5)
    assert statistics.share_below(low, ONE_TO_FIVE) == pytest.approx(0.025)
    assert statistics.share_below(1.5, summarize([1, 2])) == pytest.approx(0.5)
    assert math.isnan(statistics.share_below(1, summarize([1])))


def test_the_prediction_interval_contains_95_of_100_new_runs():
    draws = np.random.default_rng(7).normal(0.7, 0.01, (4000, 6))
    inside = [
        low <= new <= high
        for *seeds, new in draws
        for low, high in [summarize(seeds).prediction_interval]
    ]
    assert np.mean(inside) == pytest.approx(0.95, abs=0.012)


def test_the_sd_confidence_interval_contains_the_true_sd_95_times_in_100():
    random = np.random.default_rng(0)
    intervals = (summarize(random.normal(0, 3, 5)).sd_confidence_interval for _ in range(2000))
    assert np.mean([low <= 3 <= high for low, high in intervals]) == pytest.approx(0.95, abs=0.015)


def test_p_value_is_5_percent_at_the_end_of_the_interval_and_allows_for_rounding():
    _, high = ONE_TO_FIVE.prediction_interval
    assert statistics.p_value(high, 0, ONE_TO_FIVE) == pytest.approx(0.05)
    assert statistics.p_value(high + 0.5, 0.5, ONE_TO_FIVE) == pytest.approx(0.05)
    assert statistics.p_value(3.1, 0.5, ONE_TO_FIVE) == 1
    assert math.isnan(statistics.p_value(9, 0, summarize([3, 3.1])))  # as the verdict, with two


def test_holm_by_hand():
    # Sorted 0.01, 0.02, 0.03, 0.5: times 4, 3, 2, 1 and never falling.
    adjusted = statistics.holm([0.03, 0.01, math.nan, 0.5, 0.02])
    assert adjusted == pytest.approx([0.06, 0.04, math.nan, 0.5, 0.06], nan_ok=True)


@pytest.mark.parametrize("n", [2, 3, 5, 10])
def test_a_detectable_difference_is_found_80_times_in_100(n):
    random, base = np.random.default_rng(n), summarize(np.arange(float(n)))
    for of_mean in (False, True):
        shift = statistics.detectable_difference(base, of_mean=of_mean)
        runs = random.normal(0, base.sd, (20000, n))
        new = random.normal(shift, base.sd, 20000)
        t = (base.prediction_interval[1] - base.mean) / (base.sd * math.sqrt(1 + 1 / n))
        sd = runs.std(axis=1, ddof=1)
        if of_mean:
            found = np.abs(runs.mean(axis=1) + shift) > t * sd / math.sqrt(n)
        else:
            found = np.abs(new - runs.mean(axis=1)) > t * sd * math.sqrt(1 + 1 / n)
        assert found.mean() == pytest.approx(0.8, abs=0.012)


def test_expected_sd_of_two_classes_is_jordans_formula_and_of_ten_an_upper_bound():
    # 20% wrong of 1,000 images of two classes: sqrt(0.2 / 2000) = 1 point.
    assert statistics.expected_sd(0.8, 1000) == pytest.approx(0.01)
    random = np.random.default_rng(1)

    def error_and_variance(shares):  # of one image, in the mean over many
        return (1 - (shares**2).sum(1)).mean(), (shares**2 * (1 - shares)).sum(1).mean()

    first = random.random(5000)
    error, variance = error_and_variance(np.stack([first, 1 - first], axis=1))
    assert variance == pytest.approx(error / 2)
    for sharpness in (0.02, 0.2, 1, 10):
        error, variance = error_and_variance(random.dirichlet([sharpness] * 10, 5000))
        assert variance < error / 2


# Of 1, 2, 3, 4, 5 the prediction interval is from -1.81 to 7.81.


@pytest.mark.parametrize(
    ("value", "runs", "verdict"),
    [
        (3, [], statistics.TOO_FEW),
        (30, [3, 4], statistics.TOO_FEW),
        (30, [3, 4, 5], statistics.ABOVE),  # 4 +- 4.303 x 1.1547 reaches 8.97
        (8.9, [3, 4, 5], statistics.TOO_FEW),
        (9.1, [3, 4, 5], statistics.ABOVE),
        (-1.1, [3, 4, 5], statistics.BELOW),
        (4, [3, 4, 5, 6], statistics.TOO_FEW),
        (7.8, [1, 2, 3, 4, 5], statistics.INSIDE),  # above all five, and yet inside
        (7.9, [1, 2, 3, 4, 5], statistics.ABOVE),
        (-1.9, [1, 2, 3, 4, 5], statistics.BELOW),
        # One run far out: the interval ends at 6.6, but what a run has given, a run can give.
        (9.9, [0] * 19 + [10], statistics.INSIDE),
        (10.1, [0] * 19 + [10], statistics.ABOVE),
        (3, [3, 3, 3, 3, 3], statistics.INSIDE),
        (4, [3, 3, 3, 3, 3], statistics.ABOVE),
    ],
)
def test_the_verdict(value, runs, verdict):
    assert statistics.verdict(value, 0, summarize(runs)) == verdict


def test_a_figure_is_as_wide_as_its_rounding():
    assert statistics.verdict(8, 0.1, ONE_TO_FIVE) == statistics.ABOVE
    assert statistics.verdict(8, 0.5, ONE_TO_FIVE) == statistics.INSIDE
    assert statistics.verdict(-2, 0.1, ONE_TO_FIVE) == statistics.BELOW
    assert statistics.verdict(-2, 0.5, ONE_TO_FIVE) == statistics.INSIDE
