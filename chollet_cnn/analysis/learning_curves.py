"""Learning curves: how loss and accuracy changed from epoch to epoch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DATA, BOOK, OTHER = "#0072b2", "#d55e00", "#009e73"


def plot_learning_curve(
    history: pd.DataFrame,
    quantity: str = "accuracy",
    *,
    title: str = "",
    watched: str | None = "validation",
    book: Sequence[float] | float | None = None,
    axes: Axes | None = None,
) -> Figure:
    """Draw one quantity over the epochs, while training and on the pictures watched beside it.

    Args:
        history: a row an epoch, with the columns ``epoch``, ``accuracy``, ``val_accuracy``,
            ``loss``, ``val_loss``.
        quantity: ``accuracy`` or ``loss``.
        title: stands over the figure.
        watched: what the ``val_`` columns were measured on; None leaves them out.
        book: what the book gives: a value for each epoch, or one level.
        axes: where to draw; a new figure is made if it is left out.

    Returns:
        The figure.
    """
    if axes is None:
        from matplotlib.figure import Figure

        axes = Figure(figsize=(5.2, 3.4), layout="constrained").subplots()
    epochs = history["epoch"]
    curves = [("training", history[quantity], DATA, "-")]
    if watched:
        curves.append((watched, history[f"val_{quantity}"], OTHER, "-"))
    if isinstance(book, Sequence):
        curves.append(("the book", list(book), BOOK, "--"))
    for name, values, color, style in curves:
        axes.plot(epochs, values, style, color=color, marker="o", markersize=3.5, label=name)
    if isinstance(book, float):
        axes.axhline(
            book, color=BOOK, linestyle="--", label=f"the book, {_written(book, quantity)}"
        )
    axes.set_title(title, fontsize=11, loc="left")
    axes.set_xlabel("epoch")
    axes.set_ylabel(quantity)
    if quantity == "accuracy":
        axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.4g}%")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="0.9")
    axes.legend(frameon=False, fontsize=9)
    return axes.figure


def _written(value: float, quantity: str) -> str:
    return f"{value:.0%}" if quantity == "accuracy" else f"{value:.2f}"
