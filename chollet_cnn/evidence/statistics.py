"""Statistics of runs that differ only in their seed, and of a published figure beside them.

Several runs of one recipe are a sample of what the recipe gives. A published figure is one more
run, so it is compared with the prediction interval for one new run and not with the confidence
interval of the mean. The rule in full is in ``templates/results.md``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import optimize, stats

COVERAGE = 0.95
LEVEL = 0.05
"""Below this adjusted p-value a figure is said to differ."""
POWER = 0.8
MIN_RUNS_OUTSIDE = 3
"""With fewer runs no figure is said to be outside the prediction interval."""
MIN_RUNS_INSIDE = 5
"""With fewer runs no figure is said to be inside: the interval is too wide to mean much."""
PAIR = ["recipe", "seed"]
"""What both runs of a pair have in common."""

INSIDE = "inside the prediction interval"
ABOVE = "above the prediction interval"
BELOW = "below the prediction interval"
TOO_FEW = "not enough seeds"
VERDICTS = (INSIDE, ABOVE, BELOW, TOO_FEW)
OUTSIDE = (ABOVE, BELOW)

Interval = tuple[float, float]
UNKNOWN: Interval = (math.nan, math.nan)


@dataclass(frozen=True)
class Summary:
    """Summary of a sample of runs, in the unit of what was measured; NaN with too few runs."""

    n: int
    mean: float
    sd: float
    """Sample standard deviation, with n - 1 in the denominator."""
    min: float
    max: float
    confidence_interval: Interval = UNKNOWN
    """95% confidence interval of the mean."""
    prediction_interval: Interval = UNKNOWN
    """95% prediction interval for one new run."""

    @property
    def is_significant(self) -> bool:
        """Whether the mean differs significantly from 0, at the 5% level; not if that is unknown.

        >>> [summarize(runs).is_significant for runs in ([1, 2, 3], [-1, 0, 2], [0, 0], [1])]
        [False, False, False, False]
        >>> [summarize(runs).is_significant for runs in ([2, 3, 3], [-2, -3, -3])]
        [True, True]
        """
        low, high = self.confidence_interval
        return low > 0 or high < 0

    @property
    def possible(self) -> Interval:
        """The prediction interval, extended to the lowest and the highest run."""
        low, high = self.prediction_interval
        return min(low, self.min), max(high, self.max)

    @property
    def sd_confidence_interval(self) -> Interval:
        """95% confidence interval of the standard deviation, for normally distributed runs.

        Source: NIST/SEMATECH e-Handbook of Statistical Methods, 7.2.3.1.

        >>> low, high = summarize([1, 2, 3, 4, 5]).sd_confidence_interval
        >>> round(low, 2), round(high, 2)
        (0.95, 4.54)
        """
        if self.n < 2:
            return UNKNOWN
        squares, tail = (self.n - 1) * self.sd**2, (1 - COVERAGE) / 2
        quantiles = stats.chi2.ppf([1 - tail, tail], self.n - 1)
        low, high = np.sqrt(squares / quantiles)
        return float(low), float(high)


def summarize(values: Iterable[float]) -> Summary:
    """Summarize one number of each run.

    The intervals use Student's t with n - 1 degrees of freedom: mean +- t sd / sqrt(n) for the
    mean, mean +- t sd sqrt(1 + 1/n) for one new run. They assume normally distributed runs.

    Source: NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.5.2; Hahn and Meeker, "Statistical
    Intervals", 1991, chapter 4.

    >>> sample = summarize([1, 2, 3, 4, 5])
    >>> sample.mean, round(sample.sd, 3), round(sample.prediction_interval[0], 2)
    (3.0, 1.581, -1.81)
    """
    runs = np.asarray(list(values), dtype=float)
    n = len(runs)
    if n == 0:
        return Summary(0, *[math.nan] * 4)
    mean, low, high = float(runs.mean()), float(runs.min()), float(runs.max())
    if n == 1:
        return Summary(1, mean, math.nan, low, high)
    sd = float(runs.std(ddof=1))
    t = float(stats.t.ppf((1 + COVERAGE) / 2, n - 1))
    of_mean, of_run = t * sd / math.sqrt(n), t * sd * math.sqrt(1 + 1 / n)
    return Summary(
        n, mean, sd, low, high, (mean - of_mean, mean + of_mean), (mean - of_run, mean + of_run)
    )


def paired_differences(
    runs: pd.DataFrame, baseline: pd.DataFrame, quantity: str = "test_accuracy"
) -> Summary:
    """Summarize the differences between runs and the baseline runs of the same recipe and seed.

    Runs with one seed share their starting weights and the order of their images, so the
    differences of such pairs vary less than the difference of two means.

    Args:
        runs: with ``recipe``, ``seed`` and the quantity; one row per run, or one per epoch, whose
            means are then compared.
        baseline: the runs that are subtracted; runs that only one side has are skipped.
        quantity: a column of both.
    """
    ours, theirs = (table.groupby(PAIR)[quantity].mean() for table in (runs, baseline))
    return summarize((ours - theirs).dropna())


def share_below(value: float, sample: Summary) -> float:
    """Return the expected share of new runs, 0..1, below a value; NaN without a spread."""
    if sample.n < 2 or sample.sd == 0:
        return math.nan
    standard_error = sample.sd * math.sqrt(1 + 1 / sample.n)
    return float(stats.t.cdf((value - sample.mean) / standard_error, sample.n - 1))


def p_value(value: float, half_step: float, sample: Summary) -> float:
    """Return how likely a new run is at least as far from the mean as a published value.

    Args:
        value: the published value.
        half_step: half of its last decimal place, by which rounding may have moved it.
        sample: the recorded runs, in the same unit.

    Returns:
        The two-sided p-value of one new run; NaN without a spread, and with fewer than
        :data:`MIN_RUNS_OUTSIDE` runs, with which nothing is said to differ.
    """
    if sample.n < MIN_RUNS_OUTSIDE:
        return math.nan
    distance = max(abs(value - sample.mean) - half_step, 0.0)
    return 2 * share_below(sample.mean - distance, sample)


def holm(p_values: Iterable[float]) -> list[float]:
    """Return p-values adjusted for the number of comparisons by Holm's method; NaN stays NaN.

    Source: Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of
    Statistics 6, 1979.

    >>> [round(p, 3) for p in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    all_values = pd.Series(list(p_values), dtype=float)
    p = all_values.dropna().sort_values()
    adjusted = (p * np.arange(len(p), 0, -1)).cummax().clip(upper=1)
    return adjusted.reindex(all_values.index).tolist()


def detectable_difference(sample: Summary, *, of_mean: bool = False) -> float:
    """Return the smallest true difference that this many runs show with a power of 80%.

    Args:
        sample: the recorded runs; their standard deviation is taken as the true one.
        of_mean: the difference of the sample's mean from zero, as for paired differences. By
            default it is the difference of one new run, as for a published figure.

    Returns:
        The difference in the unit of the sample; NaN with fewer than two runs.
    """
    if sample.n < 2:
        return math.nan
    degrees = sample.n - 1
    critical = stats.t.ppf((1 + COVERAGE) / 2, degrees)
    # The other tail adds nothing to a power of 80%.
    noncentrality = optimize.brentq(
        lambda shift: stats.nct.sf(critical, degrees, shift) - POWER, 0, 2 * critical
    )
    standard_error = math.sqrt(1 / sample.n if of_mean else 1 + 1 / sample.n)
    return float(noncentrality * sample.sd * standard_error)


def verdict(value: float, half_step: float, sample: Summary) -> str:
    """Say whether a published value is inside the prediction interval of the recorded runs.

    Args:
        value: the published value.
        half_step: half of its last decimal place: 0.005 for 71%, which is from 70.5% to 71.5%.
        sample: the recorded runs, in the same unit.

    Returns:
        One of :data:`VERDICTS`.
    """
    if sample.n < MIN_RUNS_OUTSIDE:
        return TOO_FEW
    low, high = sample.possible
    if value - half_step > high:
        return ABOVE
    if value + half_step < low:
        return BELOW
    return INSIDE if sample.n >= MIN_RUNS_INSIDE else TOO_FEW


def expected_sd(accuracy: float, images: int) -> float:
    """Return the standard deviation of an accuracy that the finite test set alone explains.

    A trained network is undecided on some images: another seed, another prediction. If an ensemble
    of such networks is calibrated (of the images that a share f of them calls a dog, a share f are
    dogs) and they vary independently on each image, then with two classes the standard deviation of
    the accuracy is sqrt(error / (2 x images)).

    For ten classes the formula is an upper bound under the same assumptions. Let q_k be the
    ensemble's share for class k: the error is the mean of 1 - sum q_k^2, the variance the mean of
    sum q_k^2 (1 - q_k), divided by the number of images. The second is never more than half the
    first, and equals it where each doubtful image is between two classes.

    Args:
        accuracy: 0..1, the mean of the runs.
        images: how many images the accuracy was measured on.

    Source: Jordan, "On the Variance of Neural Network Training with respect to Test Sets and
    Distributions", arXiv 2304.01910; the bound for more classes is ours.

    >>> round(expected_sd(0.72, 1000), 4)
    0.0118
    """
    return math.sqrt((1 - accuracy) / (2 * images))
