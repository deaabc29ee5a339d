"""Learning curves: how loss and accuracy changed from epoch to epoch.

A history is a DataFrame with a row an epoch and the columns ``epoch``, ``accuracy``,
``val_accuracy``, ``loss`` and ``val_loss``, as a run's ``history.csv`` holds it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from chollet_cnn.drawing import style

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    Histories = pd.DataFrame | Sequence[pd.DataFrame]

LABEL = 9
"""Points: what is written at a curve's end."""
DOTS = 40
"""The most epochs whose dots lie apart on a curve; a longer one is a line alone."""


def summarize_runs(histories: Sequence[pd.DataFrame], quantity: str = "accuracy") -> pd.DataFrame:
    """Return how far runs that differ in their seed lie apart, epoch by epoch.

    Args:
        histories: one for each seed; an epoch that only some of them reached counts those.
        quantity: a column of theirs.

    Returns:
        A row an epoch: ``epoch``, and of the runs' values the smallest ``low``, ``median`` and the
        largest ``high``.

    Raises:
        ValueError: there is no history.
    """
    import pandas as pd

    if not len(histories):
        raise ValueError("there is no history; at least one is needed")
    values = pd.concat(list(histories)).groupby("epoch")[quantity]
    return values.agg(low="min", median="median", high="max").reset_index()


def best_epoch(history: pd.DataFrame, quantity: str = "val_loss") -> pd.Series:
    """Return the epoch with the lowest loss or the highest accuracy, the first of several."""
    values = history[quantity]
    return history.loc[values.idxmin() if quantity.endswith("loss") else values.idxmax()]


def plot_learning_curve(
    history: Histories,
    quantity: str = "accuracy",
    *,
    title: str = "",
    name: str = "training",
    watched: str | None = "validation",
    others: Mapping[str, Histories] | None = None,
    book: Sequence[float] | float | None = None,
    book_name: str = "the book",
    top: float | None = None,
    axes: Axes | None = None,
) -> Figure:
    """Draw one quantity over the epochs, while training and on the pictures watched beside it.

    Each curve has its name and last value at its end, and the best epoch on the watched pictures is
    ringed. Several histories are drawn as a band from the lowest to the highest, with the median in
    it.

    Args:
        history: one run's history, or those of several seeds.
        quantity: ``accuracy`` or ``loss``; without ``watched`` any column.
        title: stands over the figure.
        name: stands at the curve's end.
        watched: what the ``val_`` columns were measured on; None leaves them out.
        others: runs made in another way, by the name of that way, to lay beside these.
        book: what the book gives: a value for each epoch, or one level.
        book_name: stands at the end of the book's curve.
        top: where to cut the picture off, if single values lie far above the others.
        axes: where to draw; a new figure is made if it is left out.

    Returns:
        The figure.
    """
    if axes is None:
        axes = style.new_figure(5.2, 3.4).subplots()
    histories = _listed(history)
    color = style.THIRD if quantity.startswith("val_") and not others else style.DATA
    ends = [_draw_runs(axes, histories, quantity, name, color)]
    for other, runs in (others or {}).items():
        ends.append(_draw_runs(axes, _listed(runs), quantity, other, style.THIRD))
    if watched:
        ends.append(_draw_runs(axes, histories, f"val_{quantity}", watched, style.THIRD))
        _ring_best_epoch(axes, histories, f"val_{quantity}")
    if isinstance(book, Sequence):
        epochs = list(range(1, len(book) + 1))
        axes.plot(epochs, list(book), "--", color=style.POINTED_AT, **_dots(epochs))
        ends.append((epochs, book[-1], book_name, style.POINTED_AT))
    elif book is not None:
        axes.axhline(book, color=style.POINTED_AT, linestyle="--", linewidth=1.2)
        ends.append((ends[0][0], book, book_name, style.POINTED_AT))
    axes.set_title(title, fontsize=11, loc="left")
    axes.set_xlabel("epoch")
    if len(histories) > 1:
        axes.set_title(
            f"line: median of {len(histories)} seeds, band: lowest to highest",
            fontsize=LABEL - 1, color=style.GREY, loc="right", y=-0.28,
        )  # fmt: skip
    axes.set_ylabel(quantity)
    if quantity.endswith("accuracy"):
        axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.4g}%")
    axes.xaxis.get_major_locator().set_params(integer=True)
    if len(ends[0][0]) == 1:  # with nothing to scale by, matplotlib would show parts of an epoch
        axes.set_xlim(0, 2)
    style.plain_axes(axes)
    if top is not None:
        low = min(np.nanmin(line.get_ydata()) for line in axes.lines)
        axes.set_ylim(low - 0.05 * (top - low), top)
    _label_ends(axes, ends, quantity)
    return axes.figure


def plot_learning_curves(
    history: Histories,
    *,
    title: str = "",
    watched: str | None = "validation",
    book: Sequence[float] | float | None = None,
) -> Figure:
    """Draw accuracy and loss side by side; the arguments are :func:`plot_learning_curve`'s.

    ``book`` is what the book gives of the accuracy.
    """
    figure = style.new_figure(7, 3.1)
    left, right = figure.subplots(1, 2)
    plot_learning_curve(history, "accuracy", watched=watched, book=book, axes=left)
    plot_learning_curve(history, "loss", watched=watched, axes=right)
    style.title_above(figure, title)
    return figure


def plot_selected_epoch(history: pd.DataFrame, tested: int, title: str = "") -> Figure:
    """Draw one run's loss above its accuracy, and in the latter the epoch whose weights are tested.

    Single epochs with a far higher loss than the others are cut off, and a line says so: what
    matters lies among the low ones.

    Args:
        history: the run's history.
        tested: the epoch, counted from 1.
        title: stands over the figure.
    """
    figure = style.new_figure(7, 5.4)
    figure.get_layout_engine().set(rect=(0, 0.035, 1, 0.965))
    above, below = figure.subplots(2, 1)
    highest, edge = history["val_loss"].max(), 1.5 * history["val_loss"].quantile(0.9)
    plot_learning_curve(history, "loss", top=edge if highest > edge else None, axes=above)
    plot_learning_curve(history, "accuracy", axes=below)
    below.axvline(tested, color=style.POINTED_AT, linewidth=1.2, linestyle="--")
    words = f"dashed: epoch {tested}, whose weights are tested"
    if highest > edge:
        words += f"; single losses reach {highest:.3g}, beyond the edge"
    style.note_below(figure, words)
    style.title_above(figure, title)
    return figure


def _listed(history: Histories) -> list[pd.DataFrame]:
    return list(history) if isinstance(history, Sequence) else [history]


End = tuple["Sequence[int]", float, str, str]
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
        return  # there is no other; or training diverged from the first epoch on, and none is best
    best = best_epoch(runs, column)
    at = (best["epoch"], best[column])
    axes.scatter(*at, s=80, facecolor="none", edgecolor=style.THIRD, linewidth=1.5, zorder=3)
    # Losses fall and accuracies rise: there is room for words above the ones, below the others.
    falls = column.endswith("loss")
    place, side = (1, "top") if falls else (0, "bottom")
    frame = axes.get_xaxis_transform()
    late = best["epoch"] > runs["epoch"].mean()
    words = f"{'lowest' if falls else 'highest'}: epoch {best['epoch']:.0f}"
    axes.annotate(
        words, at, (best["epoch"], place), "data", frame,
        ha="right" if late else "left", va=side, fontsize=LABEL - 1, color=style.ink(style.THIRD),
        arrowprops={"arrowstyle": "-", "color": style.THIRD, "lw": 0.8, "shrinkB": 5,
                    "relpos": (1 if late else 0, 0.5)},
    )  # fmt: skip


def _label_ends(axes: Axes, ends: list[End], quantity: str) -> None:
    """Write each curve's name and last value at its end, moved apart where they would touch.

    A loss that diverged to NaN or infinity has no end; its name stands at the top.
    """
    low, high = axes.get_ylim()
    inches = axes.get_position().height * axes.figure.get_figheight()
    line = (high - low) * 1.5 * LABEL / 72 / inches
    places = apart([np.clip(np.nan_to_num(v, nan=high), low, high) for _, v, *_ in ends], line)
    for (_, value, name, color), place in zip(ends, places, strict=True):
        axes.annotate(
            f"{name} {_written(value, quantity)}", (1, place), (4, 0),
            axes.get_yaxis_transform(), "offset points", va="center", fontsize=LABEL,
            color=style.ink(color), annotation_clip=False,
        )  # fmt: skip


def apart(values: Sequence[float], gap: float) -> list[float]:
    """Return places as near to the values as a gap between any two of them allows."""
    groups: list[list[int]] = []
    for index in sorted(range(len(values)), key=values.__getitem__):
        groups.append([index])
        while len(groups) > 1 and _start(groups[-1], values, gap) < (
            _start(groups[-2], values, gap) + gap * len(groups[-2])
        ):
            touching = groups.pop()
            groups[-1] += touching
    places = list(values)
    for group in groups:
        for number, index in enumerate(group):
            places[index] = _start(group, values, gap) + gap * number
    return places


def _start(group: list[int], values: Sequence[float], gap: float) -> float:
    """Return the lowest place of a group that is centred on the mean of its values."""
    return sum(values[index] for index in group) / len(group) - gap * (len(group) - 1) / 2


def _written(value: float, quantity: str) -> str:
    return f"{value:.1%}" if quantity.endswith("accuracy") else f"{value:.3g}"
