"""Learning curves: how loss and accuracy changed from epoch to epoch.

A history is a DataFrame with one row per epoch and the columns ``epoch``, ``accuracy``,
``val_accuracy``, ``loss`` and ``val_loss``, as a run's ``history.csv`` holds it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Protocol

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.optimize import isotonic_regression

from chollet_cnn.drawing import sheet, style
from chollet_cnn.drawing.numbers import format_number, format_percent


class HasHistory(Protocol):
    """A run, or what Keras's ``fit`` returns."""

    history: pd.DataFrame | Mapping[str, Sequence[float]]


History = pd.DataFrame | HasHistory
Histories = History | Sequence[History]
PAIRED = ("accuracy", "loss")
"""Columns that are drawn beside those of the monitored split."""
DOTS = 40
"""The largest number of epochs that are drawn as dots; more are drawn as a line only."""


def summarize_runs(histories: Sequence[pd.DataFrame], quantity: str = "accuracy") -> pd.DataFrame:
    """Return the median and the range of several runs' values at each epoch.

    Args:
        histories: one for each seed; at an epoch that only some of them reached, those count.
        quantity: a column of theirs.

    Returns:
        A row for each epoch: ``epoch``, ``low``, ``median`` and ``high``.

    Raises:
        ValueError: there is no history, or one has no such column.
    """
    if not len(histories):
        raise ValueError("there is no history; at least one is needed")
    for history in histories:
        _check_column(history, quantity)
    values = pd.concat(list(histories)).groupby("epoch")[quantity]
    return values.agg(low="min", median="median", high="max").reset_index()


def best_epoch(history: pd.DataFrame, quantity: str = "val_loss") -> pd.Series:
    """Return the epoch with the lowest loss or the highest accuracy, the first of equal ones.

    Raises:
        ValueError: the history has no such column, or no number in it.
    """
    _check_column(history, quantity)
    values = history[quantity]
    if values.isna().all():
        raise ValueError(f"there is no number in {quantity}")
    return history.loc[values.idxmax() if quantity.endswith("accuracy") else values.idxmin()]


def _check_column(history: pd.DataFrame, quantity: str) -> None:
    if quantity not in history:
        raise ValueError(f"there is no {quantity}; there are {', '.join(history.columns)}")


def plot_learning_curve(
    history: Histories,
    quantity: str = "accuracy",
    *,
    title: str = "",
    name: str | None = None,
    monitored: str | None = "",
    others: Mapping[str, Histories] | None = None,
    book: Sequence[float] | float | None = None,
    book_name: str = "the book",
    top: float | None = None,
    axes: Axes | None = None,
) -> Figure:
    """Draw one quantity by epoch, for training and for the monitored split.

    Each curve has its name and last value at its end, and the best epoch of the monitored split has
    a ring. Several histories are drawn as a band from the lowest to the highest, with the median.

    Args:
        history: a run, its history, or what Keras's ``fit`` returned; or a list of them, one for
            each seed.
        quantity: ``accuracy`` or ``loss``; any other column is drawn alone.
        title: of the axes.
        name: the label of the curve; by default the split that it was measured on.
        monitored: what the ``val_`` columns were measured on; by default what the history of a run
            says, otherwise "validation". None leaves them out.
        others: runs made in another way to compare with, by the name of that way; with them the
            monitored split is left out.
        book: the book's values: one for each epoch, or one level.
        book_name: the label of the book's curve.
        top: the upper end of the axis, where single values are far above the others.
        axes: where to draw; by default in a new figure.

    Returns:
        The figure.

    Raises:
        ValueError: a history has no such column, or there is no history.
        TypeError: it is something else.
    """
    if axes is None:
        axes = sheet.panels(4.0).subplots()
    histories = _listed(history)
    split = monitored or histories[0].attrs.get("monitored", "validation")
    if name is None:
        name = split if quantity.startswith("val_") else quantity
        name = "training" if quantity in PAIRED else name
    color = style.THIRD if quantity.startswith("val_") and not others else style.DATA
    ends = [_draw_runs(axes, histories, quantity, name, color)]
    for (other, runs), its_color in zip((others or {}).items(), cycle(style.OTHERS), strict=False):
        ends.append(_draw_runs(axes, _listed(runs), quantity, other, its_color))
    paired = quantity in PAIRED and f"val_{quantity}" in histories[0]
    if paired and monitored is not None and not others:
        ends.append(_draw_runs(axes, histories, f"val_{quantity}", split, style.THIRD))
        _ring_best_epoch(axes, histories, f"val_{quantity}")
    if np.ndim(book):
        values = list(book)
        epochs = list(range(1, len(values) + 1))
        axes.plot(epochs, values, "--", color=style.POINTED_AT, **_dots(epochs))
        ends.append((epochs, values[-1], book_name, style.POINTED_AT))
    elif book is not None:
        axes.axhline(book, color=style.POINTED_AT, linestyle="--", linewidth=1.2)
        ends.append((ends[0][0], book, book_name, style.POINTED_AT))
    axes.set_title(title, fontsize=sheet.BODY, loc="left")
    axes.set_xlabel("epoch")
    if len(histories) > 1:
        axes.set_title(
            f"line: median of {len(histories)} seeds, band: lowest to highest",
            fontsize=sheet.SMALL, color=style.GREY, loc="right", y=-0.28,
        )  # fmt: skip
    axes.set_ylabel(quantity)
    if quantity.endswith("accuracy"):
        axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.4g}%")
    axes.xaxis.get_major_locator().set_params(integer=True)
    if all(len(epochs) == 1 for epochs, *_ in ends):
        # With nothing to scale by, matplotlib would show parts of an epoch.
        axes.set_xlim(0, 2)
    style.plain_axes(axes)
    if top is not None:
        low = min(np.nanmin(line.get_ydata()) for line in axes.lines)
        axes.set_ylim(low - 0.05 * (top - low), top)
    _label_ends(axes, ends, quantity)
    return axes.figure


def plot_selected_epoch(history: pd.DataFrame, selected: int, title: str = "") -> Figure:
    """Draw one run's loss above its accuracy, with the epoch whose weights are tested dashed.

    Single epochs with a loss far above the others are cut off, which the note then says.

    Args:
        history: the run's history.
        selected: the epoch, counted from 1.
        title: of the figure.

    Returns:
        The figure.
    """
    highest, edge = history["val_loss"].max(), 1.5 * history["val_loss"].quantile(0.9)
    note = f"dashed: epoch {selected}, whose weights are tested"
    if highest > edge:
        note += f"; single losses reach {format_number(highest, 3)}, beyond the edge"
    figure = sheet.panels(5.2, title, note)
    above, below = figure.subplots(2, 1)
    plot_learning_curve(history, "loss", top=edge if highest > edge else None, axes=above)
    plot_learning_curve(history, "accuracy", axes=below)
    below.axvline(selected, color=style.POINTED_AT, linewidth=1.2, linestyle="--")
    return figure


def _listed(history: Histories) -> list[pd.DataFrame]:
    histories = history if isinstance(history, list | tuple) else [history]
    if not histories:
        raise ValueError("there is no history; at least one is needed")
    return [_as_table(one) for one in histories]


def _as_table(history: History) -> pd.DataFrame:
    """Return a history as a table, with the epochs counted from 1 if it does not count them."""
    table = getattr(history, "history", history)
    if isinstance(table, Mapping):
        if len({len(values) for values in table.values()}) > 1:
            raise ValueError("the columns of the history differ in length: validate every epoch")
        table = pd.DataFrame(table)
    if not isinstance(table, pd.DataFrame):
        kind = type(history).__name__
        raise TypeError(f"a history is a run, its history or what fit returns, not a {kind}")
    return table if "epoch" in table else table.assign(epoch=range(1, len(table) + 1))


End = tuple[Sequence[int], float, str, str]
"""A curve's epochs, last value, name and colour."""


def _draw_runs(
    axes: Axes, histories: list[pd.DataFrame], column: str, name: str, color: str
) -> End:
    """Draw a column of each history: a line for one, the median in a band for several."""
    runs = summarize_runs(histories, column)
    if len(histories) > 1:
        axes.fill_between(runs["epoch"], runs["low"], runs["high"], color=color, alpha=0.2, lw=0)
    axes.plot(runs["epoch"], runs["median"], "-", color=color, **_dots(runs["epoch"]))
    return list(runs["epoch"]), runs["median"].iloc[-1], name, color


def _dots(epochs: Sequence[int]) -> dict[str, object]:
    """Return the style of a curve: dots where epochs are few, a thin line where they are many."""
    return {"marker": "o", "markersize": 3.5} if len(epochs) <= DOTS else {"linewidth": 1}


def _ring_best_epoch(axes: Axes, histories: list[pd.DataFrame], column: str) -> None:
    runs = summarize_runs(histories, column).rename(columns={"median": column})
    if len(runs) == 1 or not np.isfinite(runs[column]).any():
        return  # there is only one, or training diverged from the first epoch on
    best = best_epoch(runs, column)
    at = (best["epoch"], best[column])
    axes.scatter(*at, s=80, facecolor="none", edgecolor=style.THIRD, linewidth=1.5, zorder=3)
    # Losses fall and accuracies rise: there is room for a label above the first, below the others.
    falls = column.endswith("loss")
    place, side = (1, "top") if falls else (0, "bottom")
    frame = axes.get_xaxis_transform()
    late = best["epoch"] > runs["epoch"].mean()
    words = f"{'lowest' if falls else 'highest'}: epoch {best['epoch']:.0f}"
    axes.annotate(
        words, at, (best["epoch"], place), "data", frame,
        ha="right" if late else "left", va=side, fontsize=sheet.SMALL, color=style.ink(style.THIRD),
        arrowprops={"arrowstyle": "-", "color": style.THIRD, "lw": 0.8, "shrinkB": 5,
                    "relpos": (1 if late else 0, 0.5)},
    )  # fmt: skip


def _label_ends(axes: Axes, ends: list[End], quantity: str) -> None:
    """Write each curve's name and last value at its end, moved apart where they would overlap.

    The label of a loss that diverged to NaN or infinity is at the top.
    """
    low, high = axes.get_ylim()
    inches = axes.get_position().height * axes.figure.get_figheight()
    line = (high - low) * 1.5 * sheet.SMALL / 72 / inches
    places = apart([np.clip(np.nan_to_num(v, nan=high), low, high) for _, v, *_ in ends], line)
    for (_, value, name, color), place in zip(ends, places, strict=True):
        axes.annotate(
            f"{name} {_written(value, quantity)}", (1, place), (4, 0),
            axes.get_yaxis_transform(), "offset points", va="center", fontsize=sheet.SMALL,
            color=style.ink(color), annotation_clip=False,
        )  # fmt: skip


def apart(values: Sequence[float], gap: float) -> list[float]:
    """Return places that are as near to the values as possible and at least a gap apart."""
    order = np.argsort(values, kind="stable")
    gaps = gap * np.arange(len(values))
    places = np.empty(len(values))
    # Less their gaps, the places in order must not fall: the least squares fit of such a row.
    places[order] = isotonic_regression(np.take(values, order) - gaps).x + gaps
    return places.tolist()


def _written(value: float, quantity: str) -> str:
    accuracy = quantity.endswith("accuracy")
    return format_percent(value, 1) if accuracy else format_number(value, 3) or "nan"
