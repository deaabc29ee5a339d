"""How far runs that differ only in their seed lie apart, and what that says of a published figure.

The rule, written down before the table of seeds was first made:

Several runs of one recipe give a mean and a standard deviation. From these two follows the
interval in which one more run is expected, 95 times in 100 (Student's t, so few runs make it wide).
It is stretched to the lowest and the highest run where one lies outside, since what one run has
given, one run can give. A published figure is as wide as its rounding: 71% stands for all from
70.5% to 71.5%.

- **above every run** or **below every run**: the figure, rounding included, misses that interval.
  Three runs are enough to say so, because the interval of three is wide already.
- **within what one run gives**: it does not miss it, and there are at least five runs. With fewer
  the interval is so wide that nearly every figure would lie in it.
- **not enough seeds**: fewer than three runs, or three or four whose interval the figure does not
  miss.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

COVERAGE = 0.95
FEWEST_TO_MISS = 3
FEWEST_TO_MEET = 5

WITHIN = "within what one run gives"
ABOVE = "above every run"
BELOW = "below every run"
TOO_FEW = "not enough seeds"
VERDICTS = (WITHIN, ABOVE, BELOW, TOO_FEW)


def rule() -> str:
    """Return the rule of this module's docstring as Markdown, to be shown beside its verdicts."""
    return (__doc__ or "").split("first made:\n\n", 1)[-1].strip()


@dataclass(frozen=True)
class Spread:
    """What a handful of runs says: their middle, their width, and where the next one may fall.

    All values have the unit of what was measured; they are NaN where there are too few runs.
    """

    n: int
    mean: float
    sd: float
    """Standard deviation, with n - 1 below the line; it takes two runs."""
    min: float
    max: float
    mean_low: float
    mean_high: float
    """The mean of endlessly many runs lies from ``mean_low`` to ``mean_high``, 95 times in 100."""
    run_low: float
    run_high: float
    """One new run falls from ``run_low`` to ``run_high``, 95 times in 100."""

    @property
    def possible(self) -> tuple[float, float]:
        """Where one run can fall: what is expected, stretched to what has been."""
        return min(self.run_low, self.min), max(self.run_high, self.max)


def of(values: Iterable[float]) -> Spread:
    """Return how runs lie apart, from one number of each.

    The intervals are those of Student's t with n - 1 degrees of freedom: mean +- t sd / sqrt(n) for
    the mean, mean +- t sd sqrt(1 + 1/n) for one new run. They take the runs to be normally spread.

    Source: NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.5.2; Hahn and Meeker, "Statistical
    Intervals", 1991, chapter 4.

    >>> runs = of([1, 2, 3, 4, 5])
    >>> round(runs.mean, 1), round(runs.sd, 3), round(runs.run_low, 2), round(runs.run_high, 2)
    (3.0, 1.581, -1.81, 7.81)
    """
    import numpy as np
    from scipy import stats

    runs = np.asarray(list(values), dtype=float)
    n, nothing = len(runs), math.nan
    if n == 0:
        return Spread(0, *[nothing] * 8)
    mean = float(runs.mean())
    if n == 1:
        return Spread(1, mean, nothing, mean, mean, *[nothing] * 4)
    sd = float(runs.std(ddof=1))
    t = float(stats.t.ppf((1 + COVERAGE) / 2, n - 1))
    of_mean, of_run = t * sd / math.sqrt(n), t * sd * math.sqrt(1 + 1 / n)
    return Spread(
        n, mean, sd, float(runs.min()), float(runs.max()),
        mean - of_mean, mean + of_mean, mean - of_run, mean + of_run,
    )  # fmt: skip


def sd_confidence_interval(runs: Spread) -> tuple[float, float]:
    """Return between which values the standard deviation of endlessly many runs lies.

    It does so 95 times in 100, if runs are normally distributed; NaN with fewer than two runs. The
    interval is wide: with ten runs the true value may be nearly twice as large.

    Source: NIST/SEMATECH e-Handbook of Statistical Methods, 7.2.3.1.

    >>> [round(limit, 2) for limit in sd_confidence_interval(of([1, 2, 3, 4, 5]))]
    [0.95, 4.54]
    """
    from scipy import stats

    if runs.n < 2:
        return math.nan, math.nan
    squares, tail = (runs.n - 1) * runs.sd**2, (1 - COVERAGE) / 2
    limits = (stats.chi2.ppf(share, runs.n - 1) for share in (1 - tail, tail))
    low, high = (math.sqrt(squares / limit) for limit in limits)
    return low, high


def paired(some: pd.DataFrame, others: pd.DataFrame, quantity: str = "test_accuracy") -> Spread:
    """Return how far runs lie from those that were made in another way with the same seed.

    With its seed a run shares its starting weights and the order of its pictures, and so part of
    its luck; the differences of such pairs tell more than the difference of two means.

    Args:
        some: a row a run, with ``seed`` and the quantity.
        others: the runs that are taken away from these; a seed that one side lacks is left out.
        quantity: a column of both.
    """
    return of((some.set_index("seed")[quantity] - others.set_index("seed")[quantity]).dropna())


def alike(rows: pd.DataFrame, columns: list[str], values: Iterable[object]) -> pd.DataFrame:
    """Return the rows with these values in these columns, such as the runs of one kind."""
    return rows[(rows[columns] == list(values)).all(axis=1)]


def by_cause(rows: pd.DataFrame, variants: pd.DataFrame) -> dict[tuple[str, str, str], dict]:
    """Return how far runs lie apart if all differs, only their order, or only their first weights.

    Args:
        rows: ``results/runs.csv``.
        variants: ``results/variants.csv``, among them the runs that had the weights or the order
            of seed 0. With these, seed 0 is the run that it always is, and counts.

    Returns:
        For each recipe, backend and kind of device with such runs the :class:`Spread` of the test
        accuracy by what differs from run to run: ``"everything"``, ``"order"``, ``"weights"``.
    """
    held = variants[variants["variant"].isin(["same-weights", "same-order"])]
    if held.empty:
        return {}
    kind, found = ["recipe", "backend", "device"], {}
    for key, runs in held.groupby(kind):
        own = alike(rows, kind, key)
        zero = own.loc[own["seed"] == 0, "test_accuracy"]
        found[key] = {
            "everything": of(own["test_accuracy"]),
            "order": of([*zero, *runs.loc[runs["variant"] == "same-weights", "test_accuracy"]]),
            "weights": of([*zero, *runs.loc[runs["variant"] == "same-order", "test_accuracy"]]),
        }
    return found


def share_below(value: float, runs: Spread) -> float:
    """Return the share of new runs, 0..1, that is expected to stay below a value.

    0.5 says that the value is the middle; NaN where fewer than two runs, or runs that are all the
    same, give no width to measure by.
    """
    from scipy import stats

    if runs.n < 2 or runs.sd == 0:
        return math.nan
    return float(
        stats.t.cdf((value - runs.mean) / (runs.sd * math.sqrt(1 + 1 / runs.n)), runs.n - 1)
    )


def verdict(value: float, half_step: float, runs: Spread) -> str:
    """Say in words where a published value lies among the runs, by the rule of this module.

    Args:
        value: the published figure.
        half_step: how far the true figure may lie from it by rounding alone; 0.005 for 71%.
        runs: what was measured, in the same unit.

    Returns:
        One of :data:`VERDICTS`.
    """
    if runs.n < FEWEST_TO_MISS:
        return TOO_FEW
    low, high = runs.possible
    if value - half_step > high:
        return ABOVE
    if value + half_step < low:
        return BELOW
    return WITHIN if runs.n >= FEWEST_TO_MEET else TOO_FEW


def expected_sd(accuracy: float, pictures: int) -> float:
    """Return how far runs lie apart for no other reason than that the test set is finite.

    A trained network wavers on some pictures: another seed, another answer. If a jury of such
    networks is calibrated (of the pictures that a share f of them calls a dog, a share f are dogs)
    and they waver on each picture independently, then with two classes the standard deviation of
    the accuracy is sqrt(error / (2 x pictures)).

    The same formula serves ten classes, where it is the most that these assumptions allow. Let q_k
    be the jury's share for class k: the error is the mean of 1 - sum q_k^2, the variance the mean
    of sum q_k^2 (1 - q_k), divided by the pictures. The second is never above half the first and
    reaches it where each doubtful picture lies between two classes, say a 4 that could be a 9; a
    picture that could as well be any of m classes adds 1/m of its error instead.

    Args:
        accuracy: 0..1, the mean of the runs.
        pictures: how many the accuracy was measured on.

    Source: Jordan, "On the Variance of Neural Network Training with respect to Test Sets and
    Distributions", arXiv 2304.01910; the bound for more classes is ours.

    >>> round(expected_sd(0.72, 1000), 4)
    0.0118
    """
    return math.sqrt((1 - accuracy) / (2 * pictures))
