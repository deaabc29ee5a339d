"""Figures of recorded runs, for the README, ``results/`` and the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from chollet_cnn.analysis.learning_curves import plot_learning_curve
from chollet_cnn.book import recipes
from chollet_cnn.book.published import CURVES
from chollet_cnn.drawing import sheet, style
from chollet_cnn.drawing.numbers import QUANTITIES, format_count
from chollet_cnn.evidence.records import Records

LINE = 0.72
"""Inches: one recipe's row in the figure."""
TEXT = 9.5
"""Points: legible where the figure is shown 700 pixels wide."""
SIDE = 0.33
"""The share of the width that the recipes' names take."""


def plot_seeds(runs: pd.DataFrame) -> Figure:
    """Draw each run as a dot, one row per recipe, with the published value as a line across it.

    The pale band is the 95% prediction interval for one new run. Recipes on the same images share a
    scale: a tenth of a point is much on digits and nothing on cats and dogs.

    Args:
        runs: one row per run with ``data``, ``title``, ``quantity``, ``accuracy``, ``published``,
            ``run_low`` and ``run_high``, the last three NaN where there is nothing to draw;
            accuracies are shares, 0..1. Where there is a column ``yours``, the runs in which it is
            True are drawn as diamonds.

    Raises:
        ValueError: there is no run.
    """
    if runs.empty:
        raise ValueError("there is no run; at least one is needed")
    runs = runs.assign(yours=runs.get("yours", default=False)).astype({"yours": bool})
    panels = [panel for _, panel in runs.groupby("data", sort=False)]
    heights = [panel["title"].nunique() * LINE for panel in panels]
    parts = ["each dot is a run with another seed"]
    if runs["run_low"].notna().any():
        parts.append("band (with enough runs): 95% prediction interval for one new run")
    if runs["yours"].any():
        parts.append("diamond: your run")
    height = sum(heights) + 0.55 * len(panels)
    figure = sheet.panels(height, note="; ".join(parts))
    share = height / figure.get_figheight()
    figure.get_layout_engine().set(rect=(SIDE, 0, 1 - SIDE, share), hspace=0.06)
    grid = figure.subplots(len(panels), 1, squeeze=False, gridspec_kw={"height_ratios": heights})
    for axes, panel in zip(grid[:, 0], panels, strict=True):
        _draw_panel(axes, panel)
    return figure


def _draw_panel(axes: Axes, panel: pd.DataFrame) -> None:
    """Draw the recipes that were trained on the same images, to one scale."""
    count = panel["title"].nunique()
    style.plain_axes(axes)
    axes.spines["left"].set_visible(False)
    axes.grid(visible=False, axis="y")
    axes.grid(axis="x", color="0.9")
    axes.set(ylim=(count - 0.4, -0.6), yticks=[])
    axes.margins(x=0.08)
    # Two runs that hardly differ are not to look far apart: a quarter of the error, or wider.
    values = panel[["accuracy", "published", "run_low", "run_high"]]
    recorded = panel.loc[~panel["yours"], "accuracy"]
    spare = 0.25 * (1 - recorded.mean()) - (values.max().max() - values.min().min())
    if spare > 0:
        axes.set_xlim(values.min().min() - spare / 2, values.max().max() + spare / 2)
    axes.tick_params(labelsize=TEXT, length=0)
    axes.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.4g}%")
    for line, (title, own) in enumerate(panel.groupby("title", sort=False)):
        _draw_recipe(axes, line, title, own)


def _draw_recipe(axes: Axes, line: int, title: str, own: pd.DataFrame) -> None:
    """Draw one recipe's runs, the band around them, and the published value."""
    yours, own = own.loc[own["yours"], "accuracy"], own[~own["yours"]]
    low, high, book = own[["run_low", "run_high", "published"]].iloc[0]
    if np.isfinite(low):
        axes.fill_between([low, high], line - 0.17, line + 0.17, color=style.DATA, alpha=0.16, lw=0)
    # Equal accuracies are common on a small test set: dots step aside by the order of the seeds.
    aside = np.linspace(-0.1, 0.1, len(own)) if len(own) > 1 else [0]
    axes.plot(own["accuracy"], line + np.asarray(aside), "o", color=style.DATA, ms=6, alpha=0.75)
    axes.plot(yours, [line] * len(yours), "D", color=style.THIRD, ms=8, mec="white", zorder=4)
    if np.isfinite(book):
        axes.plot([book, book], [line - 0.26, line + 0.17], color=style.POINTED_AT, lw=2)
        axes.annotate(
            f"the book {100 * book:.4g}%", (book, line - 0.27), ha="center", va="bottom",
            fontsize=TEXT, color=style.ink(style.POINTED_AT), annotation_clip=False,
        )  # fmt: skip
    mean = own["accuracy"].mean()
    words = f"{'mean ' if len(own) > 1 else ''}{mean:.2%}"
    axes.annotate(
        words, (mean, line + 0.24), ha="center", va="top", fontsize=TEXT - 1, color=style.DATA,
        annotation_clip=False,
    )  # fmt: skip
    # A long title's last words go to the grey line below, so that they do not touch the dots.
    name, *rest = title.rsplit(", ", 1) if title.count(", ") > 1 else [title]
    kind = QUANTITIES[own["quantity"].iloc[0]]
    below = ", ".join([*rest, format_count(len(own), "run"), kind])
    for text, up, size, color in ((name, 2, TEXT, style.INK), (below, -11, TEXT - 1.5, style.GREY)):
        axes.annotate(
            text, (0.01, line), xytext=(0, up), xycoords=("figure fraction", "data"),
            textcoords="offset points", fontsize=size, color=color, va="baseline",
            annotation_clip=False, in_layout=False,
        )  # fmt: skip


def plot_printed_curves(
    histories: Sequence[pd.DataFrame], printed: Mapping[str, Sequence[float]], title: str = ""
) -> Figure:
    """Draw the curves of all seeds as a band, with the curve that the book prints over it.

    Args:
        histories: one for each seed, with ``epoch`` and the columns that are printed.
        printed: the printed ``accuracy`` and ``loss`` of training, one number per epoch; where the
            book validates, ``val_accuracy`` and ``val_loss`` too.
        title: the title of the figure.

    Returns:
        The figure, accuracy at the left and loss at the right; training above validation.
    """
    rows = {"": "training", "val_": "validation"} if "val_loss" in printed else {"": "training"}
    note = f"line: median of {len(histories)} seeds, band: lowest to highest"
    figure = sheet.panels(2.5 * len(rows), title, note)
    grid = figure.subplots(len(rows), 2, squeeze=False)
    for (prefix, name), places in zip(rows.items(), grid, strict=True):
        for quantity, axes in zip(("accuracy", "loss"), places, strict=True):
            column = prefix + quantity
            plot_learning_curve(
                histories, column, name=name, monitored=None, book=printed[column], axes=axes
            )
            axes.set_title("", loc="right")  # one line below the figure says it for all
            axes.set_ylabel(quantity)
    return figure


def plot_legacy_and_current(
    curves: pd.DataFrame,
    printed: Mapping[str, Sequence[float]],
    quantities: Sequence[str] = ("loss", "accuracy"),
    what: str = "RMSprop",
    title: str = "",
) -> Figure:
    """Draw how a network learns with the current and with the legacy implementation.

    Args:
        curves: what :func:`legacy_and_current` gives.
        printed: what the book prints of the quantities, one number per epoch.
        quantities: columns of a history, one panel each; those that begin with ``val_`` are of
            validation, others of training.
        what: what has changed, for the labels of the curves.
        title: the title of the figure.
    """
    is_legacy = curves["variant"] != ""
    current, legacy = (
        [curve for _, curve in curves[kind].groupby("seed")] for kind in (~is_legacy, is_legacy)
    )
    counts = [format_count(len(runs), "run") for runs in (current, legacy)]
    note = f"current {what}: {counts[0]}; legacy {what}: {counts[1]}"
    if max(len(current), len(legacy)) > 1:
        note += "; lines are medians, bands are from lowest to highest"
    figure = sheet.panels(2.6 * len(quantities), title, note)
    places = figure.subplots(len(quantities), 1, squeeze=False)[:, 0]
    for column, axes in zip(quantities, places, strict=True):
        quantity = column.removeprefix("val_")
        plot_learning_curve(
            current, column, name=f"current {what}", others={f"legacy {what}": legacy},
            monitored=None, book=printed[column], axes=axes,
        )  # fmt: skip
        axes.set_title("", loc="right")
        axes.set_ylabel(f"{'training' if column == quantity else 'validation'} {quantity}")
    return figure


def histories_of(curves: pd.DataFrame, recipe: str) -> list[pd.DataFrame]:
    """Return the learning curves of a recipe's runs, one table per seed."""
    return [curve for _, curve in curves[curves["recipe"] == recipe].groupby("seed")]


def legacy_and_current(records: Records, recipe: str, variant: str) -> pd.DataFrame | None:
    """Return the curves of a recipe and of a variant of it, whose name is in ``variant``.

    Returns:
        The learning curves in one table, current ones with an empty ``variant``; None where there
        are no runs of one of the two.
    """
    current, legacy = records.of(recipe)[1], records.of(recipe, variant)[1]
    if current.empty or legacy.empty:
        return None
    return pd.concat([current.assign(variant=""), legacy])


def printed_curve(records: Records, recipe: str) -> Figure | None:
    """Draw a printed learning curve over those of all seeds; None with fewer than two runs."""
    histories = histories_of(records.curves, recipe)
    if len(histories) < 2:
        return None
    return plot_printed_curves(histories, CURVES[recipe], recipes.get(recipe).title)
