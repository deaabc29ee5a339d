"""The quantities that runs are compared in, and how their values are written."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

QUANTITIES = {
    "test_accuracy": "test accuracy",
    "val_accuracy": "validation accuracy",
    "accuracy": "training accuracy",
    "loss": "training loss",
    "val_loss": "validation loss",
    "best_epoch": "epoch of the lowest validation loss",
}


def seeds(count: int) -> str:
    """Say how many runs there are, each with a seed of its own.

    >>> seeds(1), seeds(5)
    ('one run', '5 seeds')
    """
    return "one run" if count == 1 else f"{count} seeds"


def middle(values: pd.Series, quantity: str) -> str:
    """Write the mean and, of several values, the lowest to the highest; nothing where none is."""
    values, show = values.dropna(), shown(quantity)
    if values.empty:
        return ""
    width = f" ({show(values.min())} to {show(values.max())})" if len(values) > 1 else ""
    return show(values.mean()) + width


def shown(quantity: str) -> Callable[[float | None], str]:
    """Return how a measured value of a quantity is written; nothing where there is none.

    An interval of Student's t may reach beyond what there is, such as an epoch below the first; it
    is written as far as there is something.
    """
    if "accuracy" in quantity:
        return lambda value: "" if missing(value) else f"{min(value, 1):.2%}"
    if "loss" in quantity:
        return lambda value: "" if missing(value) else f"{max(value, 0):.4f}"
    return lambda value: "" if missing(value) else f"{max(value, 1):.3g}"


def points(quantity: str) -> Callable[[float | None], str]:
    """Return how a distance between two values is written: of shares in percentage points."""
    if "accuracy" in quantity:
        return lambda value: "" if missing(value) else f"{100 * value:.2f} points"
    pattern = "{:.4f}" if "loss" in quantity else "{:.3g}"
    return lambda value: "" if missing(value) else pattern.format(value)


def as_published(quantity: str, value: float, step: float) -> str:
    """Write a figure of the book with as many places as it gives.

    >>> as_published("val_accuracy", 0.71, 0.01), as_published("loss", 0.1766, 0.0001)
    ('71%', '0.1766')
    """
    places = round(-math.log10(step))
    return f"{value:.{places - 2}%}" if "accuracy" in quantity else f"{value:.{places}f}"


def missing(value: float | None) -> bool:
    """Return whether there is no value: None or NaN."""
    return value is None or value != value
