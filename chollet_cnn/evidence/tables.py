"""Tables of recorded runs as Markdown and for a terminal, and how their cells are written."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import jinja2
import pandas as pd

from chollet_cnn.book import recipes
from chollet_cnn.drawing import numbers
from chollet_cnn.evidence import statistics
from chollet_cnn.evidence.comparison import PrintedCurve
from chollet_cnn.evidence.statistics import Interval, Summary

percent = partial(numbers.format_quantity, quantity="accuracy")
"""Write a share of 1 as a percentage; nothing where it is unknown."""
points = partial(numbers.format_difference, quantity="accuracy")
"""Write a difference of two shares in percentage points; nothing where it is unknown."""
loss = partial(numbers.format_quantity, quantity="loss")
"""Write a loss; nothing where it is unknown."""


def to_markdown(table: pd.DataFrame, text_columns: int = 1) -> str:
    """Return a table of strings as Markdown.

    Args:
        table: columns that are empty throughout are left out.
        text_columns: how many columns on the left are aligned left; the others hold numbers.
    """
    if table.empty:
        return ""
    table = table.fillna("")
    table = table.loc[:, (table != "").any(axis=0)]
    align = ["left"] * text_columns + ["right"] * (len(table.columns) - text_columns)
    text = table.to_markdown(index=False, disable_numparse=True, colalign=align)
    # Without padding, a longer cell does not change every line of the table.
    return re.sub(r" +", " ", re.sub(r"-{3,}", "---", text))


def templates(*folders: Path) -> jinja2.Environment:
    """Return the texts of these folders, in which tables and intervals are written by filters."""
    found = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folders),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    written = {"percent": percent, "loss": loss, "signed": signed, "signed_loss": signed_loss}
    found.filters |= written | {
        "markdown": to_markdown,
        "interval": between,
        "counted": numbers.format_count,
    }
    found.globals |= written  # for the intervals of them
    return found


def to_text(table: pd.DataFrame) -> str:
    """Return a table of strings for a terminal."""
    return table.to_markdown(index=False, disable_numparse=True, tablefmt="simple")


def between(interval: Interval, show: Callable[[float], str] = "{:.2f}".format) -> str:
    """Write an interval; nothing where it is unknown."""
    low, high = interval
    return "" if math.isnan(low) else f"{show(low)} to {show(high)}"


def signed(share: float) -> str:
    """Write a difference of two shares in percentage points with its sign."""
    return f"{100 * share:+z.2f}"


def signed_loss(difference: float) -> str:
    """Write a difference of two losses with its sign.

    >>> signed_loss(-0.0653), signed_loss(-0.00001)
    ('-0.0653', '+0.0000')
    """
    return f"{difference:+z.4f}"


def p_value(value: float) -> str:
    """Write a p-value; nothing where it is unknown."""
    return "" if math.isnan(value) else "< 0.001" if value < 0.001 else f"{value:.3f}"


def lowest_to_highest(sample: Summary, show: Callable[[float], str] = percent) -> str:
    """Write the range of a sample; nothing with fewer than two runs."""
    return between((sample.min, sample.max), show) if sample.n > 1 else ""


def sample_cells(
    sample: Summary, quantity: str, expected_sd: float | None, places: int = 2
) -> dict[str, str]:
    """Return the cells of a table for what runs of a recipe gave.

    Args:
        sample: a summary of the runs.
        quantity: a key of :data:`chollet_cnn.drawing.numbers.QUANTITIES`.
        expected_sd: the standard deviation that the size of the test set explains, if known.
        places: decimal places of a standard deviation in percentage points.
    """
    show = partial(numbers.format_quantity, quantity=quantity)
    distance = partial(numbers.format_difference, quantity=quantity, places=places)
    return {
        "seeds": str(sample.n),
        "mean": show(sample.mean),
        "lowest to highest": lowest_to_highest(sample, show),
        "standard deviation": distance(sample.sd),
        "its 95% confidence interval": between(
            sample.sd_confidence_interval, lambda sd: distance(sd).removesuffix(" points")
        ),
        "expected from the number of images": distance(expected_sd),
    }


def accuracy_cells(recipe: str, sample: Summary, places: int = 2) -> dict[str, str]:
    """Return the cells of a table for the test accuracies of runs of a recipe."""
    images = recipes.image_count(recipe, "test_accuracy")
    expected = statistics.expected_sd(sample.mean, images)
    return sample_cells(sample, "test_accuracy", expected, places)


def paired_means(runs: Mapping[str, pd.DataFrame], quantity: str) -> dict[str, str]:
    """Return the mean accuracy of each kind of run, over the recipes and seeds that all have."""
    columns = {kind: rows.set_index(statistics.PAIR)[quantity] for kind, rows in runs.items()}
    values = pd.DataFrame(columns)
    return {kind: percent(mean) for kind, mean in values.dropna().mean().items()}


def paired_cells(difference: Summary) -> dict[str, str]:
    """Return the cells of a table for paired differences of shares.

    Args:
        difference: what :func:`chollet_cnn.evidence.statistics.paired_differences` gives.
    """
    confidence = between(difference.confidence_interval, signed)
    return {
        "pairs": str(difference.n),
        "difference": f"{signed(difference.mean)} points",
        "lowest to highest difference": between((difference.min, difference.max), signed),
        "95% confidence interval of the mean difference": confidence,
        "detectable difference": points(statistics.detectable_difference(difference, of_mean=True)),
    }


def printed_curve_cells(curve: PrintedCurve) -> dict[str, str]:
    """Return the cells of a table for a printed curve beside runs of one kind."""
    cells = {"the printed numbers": curve.verdict}
    if curve.n >= statistics.MIN_RUNS_INSIDE:
        counts = curve.counts_of_our_own()
        cells["our own runs, each against the rest"] = f"{min(counts)} to {max(counts)} inside"
    return cells | {"p of the curve, adjusted for its columns only": p_value(curve.p_value)}


def whole_range(values: pd.Series) -> str:
    """Write the lowest and the highest of whole numbers, such as epochs."""
    low, high = values.min(), values.max()
    return f"{low}" if low == high else f"{low} to {high}"
