"""Learning curves: how loss and accuracy changed from epoch to epoch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from chollet_cnn import style

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


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
        axes = style.new_figure(5.2, 3.4).subplots()
    epochs = history["epoch"]
    curves = [("training", history[quantity], style.DATA, "-")]
    if watched:
        curves.append((watched, history[f"val_{quantity}"], style.THIRD, "-"))
    if isinstance(book, Sequence):
        curves.append(("the book", list(book), style.POINTED_AT, "--"))
    for name, values, color, line in curves:
        axes.plot(epochs, values, line, color=color, marker="o", markersize=3.5, label=name)
    if isinstance(book, float):
        axes.axhline(
            book,
            color=style.POINTED_AT,
            linestyle="--",
            label=f"the book, {_written(book, quantity)}",
        )
    axes.set_title(title, fontsize=11, loc="left")
    axes.set_xlabel("epoch")
    axes.set_ylabel(quantity)
    if quantity == "accuracy":
        axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.4g}%")
    axes.xaxis.get_major_locator().set_params(integer=True)
    style.plain_axes(axes)
    axes.legend(frameon=False, fontsize=9)
    return axes.figure


def _written(value: float, quantity: str) -> str:
    return f"{value:.0%}" if quantity == "accuracy" else f"{value:.2f}"
