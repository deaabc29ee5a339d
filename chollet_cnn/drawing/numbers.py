"""How numbers are written: the formatters of the figures, the page and the tables."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

MINUS = "\N{MINUS SIGN}"
QUANTITIES = {
    "test_accuracy": "test accuracy",
    "val_accuracy": "validation accuracy",
    "accuracy": "training accuracy",
    "loss": "training loss",
    "val_loss": "validation loss",
    "best_epoch": "epoch of the lowest validation loss",
}
"""The quantities that runs are compared in, and their names."""


def is_missing(value: float | None) -> bool:
    """Return whether a value is None or NaN."""
    return value is None or value != value


def format_number(value: float, digits: int = 6) -> str:
    """Write a number with at most that many significant digits; NaN is an empty string.

    >>> format_number(-60.0), format_number(46.25), format_number(float("nan"))
    ('−60', '46.25', '')
    """
    return "" if is_missing(value) else f"{value:.{digits}g}".replace("-", MINUS)


def format_weight(value: float) -> str:
    """Write a number for a small cell: two decimal places, no zero before the point.

    >>> format_weight(-0.5), format_weight(1)
    ('−.50', '1.00')
    """
    text = f"{abs(value):.2f}".removeprefix("0")
    return f"{MINUS}{text}" if round(value, 2) < 0 else text


def format_integer(value: int) -> str:
    """Write a whole number in groups of three digits.

    >>> format_integer(-12345)
    '−12,345'
    """
    return f"{value:,.0f}".replace("-", MINUS)


def format_count(count: int, noun: str) -> str:
    """Write how many there are of something.

    >>> format_count(1, "run"), format_count(1234, "image")
    ('1 run', '1,234 images')
    """
    return f"{format_integer(count)} {noun}{'' if count == 1 else 's'}"


def format_percent(share: float, places: int = 0) -> str:
    """Write a share of 1 as a percentage.

    >>> format_percent(0.7129, 1)
    '71.3%'
    """
    return f"{share:.{places}%}".replace("-", MINUS)


def format_sum_of_products(weights: Sequence[float], values: Sequence[float]) -> str:
    """Write out the products of a window: each weight, a dot, and the cell under it.

    >>> format_sum_of_products([5, -1], [116, 255])
    '5·116 − 1·255'
    """
    terms = [
        f"{format_number(weight, 4)}·{format_number(value, 4)}"
        for weight, value in zip(weights, values, strict=True)
    ]
    return " + ".join(terms).replace(f"+ {MINUS}", f"{MINUS} ")


def format_shape(shape: Sequence[int]) -> str:
    """Write the shape of an array.

    >>> format_shape((26, 26, 32))
    '26 × 26 × 32'
    """
    return " × ".join(format_integer(size) for size in shape)


def format_quantity(value: float | None, quantity: str) -> str:
    """Write a measured value of a quantity; a missing value is an empty string.

    A bound of an interval may lie outside the possible values, such as an accuracy above 1; it is
    written as the nearest possible value.

    >>> [format_quantity(value, "test_accuracy") for value in (-0.1, 0.9913, 1.1)]
    ['0.00%', '99.13%', '100.00%']
    >>> format_quantity(-0.1, "loss")
    '0.0000'
    """
    if is_missing(value):
        return ""
    if "accuracy" in quantity:
        return f"{min(max(value, 0), 1):.2%}"
    return f"{max(value, 0):.4f}" if "loss" in quantity else f"{max(value, 1):.3g}"


def format_difference(value: float | None, quantity: str, places: int = 2) -> str:
    """Write the difference between two values; of accuracies in points, with so many places.

    >>> format_difference(0.0123, "test_accuracy")
    '1.23 points'
    """
    if is_missing(value):
        return ""
    if "accuracy" in quantity:
        return f"{100 * value:.{places}f} points"
    return f"{value:.4f}" if "loss" in quantity else f"{value:.3g}"


def format_mean_and_range(values: pd.Series, quantity: str) -> str:
    """Write the mean and, of several values, the lowest and the highest.

    >>> import pandas as pd
    >>> format_mean_and_range(pd.Series([0.5, 0.7]), "accuracy")
    '60.00% (50.00% to 70.00%)'
    """
    values = values.dropna()
    if values.empty:
        return ""
    low, mean, high = (
        format_quantity(value, quantity) for value in (values.min(), values.mean(), values.max())
    )
    return f"{mean} ({low} to {high})" if len(values) > 1 else mean


def format_published(quantity: str, value: float, step: float) -> str:
    """Write a figure of the book with as many places as the book gives.

    >>> format_published("val_accuracy", 0.71, 0.01), format_published("loss", 0.1766, 0.0001)
    ('71%', '0.1766')
    """
    places = round(-math.log10(step))
    return f"{value:.{places - 2}%}" if "accuracy" in quantity else f"{value:.{places}f}"
