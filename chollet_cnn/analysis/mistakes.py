"""Mistakes: what a network gets wrong, and whether its confidence is justified.

Everything here starts from the true labels, whole numbers from 0, ``(n,)`` or ``(n, 1)``,
and the result of :func:`predictions`, probabilities ``(n, classes)``.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from sklearn import metrics

from chollet_cnn.analysis import gradients
from chollet_cnn.analysis.model_graph import DIVERGED, Tensor, UnsupportedModelError
from chollet_cnn.concepts.checks import as_array, whole_number
from chollet_cnn.drawing import mosaics, sheet, style
from chollet_cnn.drawing.numbers import format_integer, format_percent
from chollet_cnn.errors import UserError

FEW = 10
"""Bins with fewer predictions are drawn hollow: their accuracy is mostly chance."""


def predictions(
    model: keras.Model, images: np.ndarray | Sequence[np.ndarray], *, batch_size: int = 64
) -> np.ndarray:
    """Return the probabilities that a network gives for images.

    Args:
        model: the network; it ends with a softmax, or with one sigmoid unit for two classes.
        images: ``(n, height, width, channels)``, or a list of images, in the range that the network
            takes.
        batch_size: the number of images in a batch.

    Returns:
        Probabilities ``(n, classes)``; the output p of one unit becomes two columns, 1 - p and p.

    Raises:
        UserError: the training of the network diverged, its outputs are NaN.
        ValueError: there are no images, they do not fit, or the outputs are not probabilities.
    """

    def output(x: Tensor) -> Tensor:
        outputs = keras.tree.flatten(model(x, training=False))
        if len(outputs) != 1:
            raise UnsupportedModelError(f"the network has {len(outputs)} outputs; one is needed")
        return outputs[0]

    parts = gradients.run_in_batches(model, output, images, batch_size)
    outputs = np.concatenate(parts).astype(np.float64)
    if not np.isfinite(outputs).all():
        raise UserError(DIVERGED)
    if outputs.ndim != 2 or outputs.min() < 0 or outputs.max() > 1:
        raise ValueError(
            f"the outputs have shape {outputs.shape[1:]} and values {outputs.min():.3g} to "
            f"{outputs.max():.3g}, which are not probabilities; let the network end with a softmax "
            "or a sigmoid"
        )
    return np.concatenate([1 - outputs, outputs], axis=1) if outputs.shape[1] == 1 else outputs


def confusion_matrix(
    labels: np.ndarray, probabilities: np.ndarray, classes: Sequence[str]
) -> pd.DataFrame:
    """Return the confusion matrix: a row for each true class, a column for each predicted one.

    Args:
        labels: ``(n,)``.
        probabilities: ``(n, classes)``, from :func:`predictions`.
        classes: their names.

    Raises:
        ValueError: they do not fit together.
    """
    labels, _, given = _checked(labels, probabilities, classes)
    counts = metrics.confusion_matrix(labels, given, labels=range(len(classes)))
    index, columns = pd.Index(classes, name="true"), pd.Index(classes, name="predicted")
    return pd.DataFrame(counts, index=index, columns=columns)


def most_confident_errors(
    labels: np.ndarray, probabilities: np.ndarray, classes: Sequence[str], count: int = 24
) -> pd.DataFrame:
    """Find the wrong predictions with the highest probability.

    Returns:
        A row for each image, the most confident first: ``image`` (its index), ``true`` and
        ``predicted`` (class names), ``probability`` of the predicted class and
        ``probability_true`` of the true one.
    """
    labels, probabilities, given = _checked(labels, probabilities, classes)
    count = whole_number(count, "count")
    wrong = np.flatnonzero(given != labels)
    order = wrong[np.argsort(-probabilities[wrong, given[wrong]], kind="stable")][:count]
    return pd.DataFrame(
        {
            "image": order,
            "true": [classes[label] for label in labels[order]],
            "predicted": [classes[label] for label in given[order]],
            "probability": probabilities[order, given[order]],
            "probability_true": probabilities[order, labels[order]],
        }
    )


def reliability(labels: np.ndarray, probabilities: np.ndarray, bins: int = 10) -> pd.DataFrame:
    """Compare the confidence of predictions with their accuracy, bin by bin.

    Args:
        labels: ``(n,)``.
        probabilities: ``(n, classes)``.
        bins: the number of bins for the probability of the predicted class.

    Returns:
        A row for each bin: ``low`` (excluded) and ``high`` (included), ``count``, mean
        ``confidence`` and ``accuracy`` of its predictions; NaN where a bin is empty.

    Source: Guo et al., "On Calibration of Modern Neural Networks", 2017.
    """
    labels, probabilities, given = _checked(labels, probabilities)
    bins = whole_number(bins, "number of bins")
    confidence = probabilities.max(axis=1)
    edges = np.linspace(0, 1, bins + 1)
    place = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, bins - 1)
    found = pd.DataFrame({"confidence": confidence, "accuracy": given == labels}).groupby(place)
    table = found.mean().assign(count=found.size()).reindex(range(bins))
    table = table.assign(low=edges[:-1], high=edges[1:], count=table["count"].fillna(0).astype(int))
    return table[["low", "high", "count", "confidence", "accuracy"]]


def expected_calibration_error(table: pd.DataFrame) -> float:
    """Return the mean absolute difference of confidence and accuracy over all predictions, 0..1.

    ``table`` is the result of :func:`reliability`. Source: Guo et al. 2017, equation 3.
    """
    filled = table[table["count"] > 0]
    apart = (filled["accuracy"] - filled["confidence"]).abs()
    return float((apart * filled["count"]).sum() / filled["count"].sum())


def roc_curve(labels: np.ndarray, probabilities: np.ndarray) -> pd.DataFrame:
    """Return the ROC curve of the second of two classes.

    Returns:
        A row for each threshold, falling: ``threshold``, ``false_positive_rate`` (the share of the
        first class with a higher probability), ``true_positive_rate`` (the same of the second).

    Raises:
        ValueError: there are not two classes.
    """
    labels, positive = _of_two_classes(labels, probabilities)
    # Thresholds on a straight piece of the curve are kept too: 0.5 may be between them.
    false, true, thresholds = metrics.roc_curve(labels, positive, drop_intermediate=False)
    return pd.DataFrame(
        {"threshold": thresholds, "false_positive_rate": false, "true_positive_rate": true}
    )


def area_under_curve(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Return the probability that an image of the second class ranks above one of the first."""
    return float(metrics.roc_auc_score(*_of_two_classes(labels, probabilities)))


def _of_two_classes(labels: np.ndarray, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the labels and the probability of the second class, after checking them."""
    labels, probabilities, _ = _checked(labels, probabilities)
    if probabilities.shape[1] != 2:
        raise ValueError(f"a ROC curve needs two classes; there are {probabilities.shape[1]}")
    if len(np.unique(labels)) != 2:
        raise ValueError(f"a ROC curve needs images of both classes; all are of class {labels[0]}")
    return labels, probabilities[:, 1]


def _checked(
    labels: np.ndarray, probabilities: np.ndarray, classes: Sequence[str] | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return true classes, probabilities and predicted classes, after checking that they fit."""
    labels, probabilities = np.asarray(labels), as_array(probabilities, "table of probabilities")
    if probabilities.ndim != 2 or probabilities.shape[1] < 2:
        raise ValueError(
            f"probabilities have the shape (n, classes), not {probabilities.shape}; predictions() "
            "gives them so, for a single sigmoid unit too"
        )
    count, units = probabilities.shape
    if labels.size != count:
        raise ValueError(f"there are {labels.size} labels for {count} predictions")
    unknown = labels[~np.isin(labels, np.arange(units))]
    if unknown.size:
        raise ValueError(f"labels are whole numbers from 0 to {units - 1}, not {unknown[0]}")
    labels = labels.reshape(count).astype(int)
    if classes is not None and len(classes) != units:
        raise ValueError(f"there are {len(classes)} class names for {units} probabilities")
    return labels, probabilities, np.argmax(probabilities, axis=1)


def plot_confusion_matrix(table: pd.DataFrame) -> Figure:
    """Draw a confusion matrix: right predictions grey, mistakes in vermilion by their number.

    Args:
        table: from :func:`confusion_matrix`.

    Returns:
        The figure.
    """
    counts, size = table.to_numpy(), len(table)
    wrong = counts - np.diag(np.diag(counts))
    title = "Every prediction is right"
    if wrong.any():
        row, column = np.unravel_index(wrong.argmax(), wrong.shape)
        verb = "is" if wrong.sum() == 1 else "are"
        title = (
            f"{wrong.sum():,} of {counts.sum():,} {verb} wrong; most often {table.index[row]} is "
            f"taken for {table.columns[column]}, {wrong.max():,}×"
        )
    figure = sheet.panels(min(6.4, 1.1 + 0.52 * max(size, 3)), title)
    axes = figure.add_subplot()
    share = wrong / max(wrong.max(), 1)
    colors = np.tile(to_rgba(style.POINTED_AT), (size, size, 1))
    colors[..., 3] = share  # not mixed with white: the paper may be dark
    colors[np.diag_indices(size)] = to_rgba(style.GREY, 0.25)
    sheet.draw_pixels(axes, colors)
    for (row, column), count in np.ndenumerate(counts):
        axes.text(
            column, row, format_integer(count) if count else "·", ha="center", va="center",
            fontsize=sheet.BODY,
            color=style.GREY if not count else "black" if share[row, column] > 0.85 else style.INK,
        )  # fmt: skip
    turn = {"rotation": 40, "ha": "right"} if max(map(len, map(str, table.columns))) > 6 else {}
    axes.set_xticks(range(size), table.columns, fontsize=sheet.BODY, **turn)
    axes.set_yticks(range(size), table.index, fontsize=sheet.BODY)
    axes.set_xlabel("predicted class", fontsize=sheet.BODY)
    axes.set_ylabel("true class", fontsize=sheet.BODY)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    return figure


def plot_most_confident_errors(
    table: pd.DataFrame, images: np.ndarray, *, pixel_range: tuple[float, float] = (0, 255)
) -> Figure:
    """Draw the most confident errors with the predicted class, its probability, and the label.

    Args:
        table: from :func:`most_confident_errors`, with at least one row.
        images: the images that were predicted.
        pixel_range: the numbers that stand for black and white in them.

    Returns:
        The figure.

    Raises:
        ValueError: the table is empty, or the pixels are of another range.
    """
    if table.empty:
        raise ValueError("there is no mistake to draw: every prediction is right")
    return mosaics.plot_mosaic(
        sheet.to_grey_levels(np.asarray(images)[table["image"]], pixel_range),
        [f"{row.predicted} {row.probability:.1%}\nis {row.true}" for row in table.itertuples()],
        columns=min(6, max(len(table), 3)),
        title="The most confident errors of the network",
        note="Above each image: the predicted class and its probability, then the true class.",
    )


def plot_reliability(table: pd.DataFrame) -> Figure:
    """Draw accuracy against confidence; on the diagonal the confidence is justified.

    Args:
        table: from :func:`reliability`.

    Returns:
        The figure.
    """
    filled = table[table["count"] > 0]
    gap = np.average(filled["confidence"] - filled["accuracy"], weights=filled["count"])
    points = round(100 * gap, 1)
    verdict = f"is {'over' if points > 0 else 'under'}confident by {abs(points)} points"
    verdict = verdict if points else "is neither over- nor underconfident"
    figure = sheet.panels(3.6, f"On average, the network {verdict}")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    above.plot([0, 1], [0, 1], "--", color=style.GREY, lw=1)
    few = filled["count"] < FEW
    for rows, look in ((filled[~few], {"ls": "-"}), (filled[few], {"ls": "", "mfc": "white"})):
        above.plot(*rows[["confidence", "accuracy"]].T.to_numpy(), marker="o", ms=5, **look)
        above.lines[-1].set_color(style.DATA)
    if few.any():
        above.lines[-1].set_label(f"fewer than {FEW} predictions")
        above.legend(frameon=False, fontsize=sheet.SMALL, loc="upper left")
    below.bar(
        table["low"], table["count"], table["high"] - table["low"], align="edge",
        color=style.PALE, edgecolor="white",
    )  # fmt: skip
    above.set_ylabel("accuracy", fontsize=sheet.BODY)
    below.set_ylabel("predictions", fontsize=sheet.BODY)
    below.set_xlabel("confidence: probability of the predicted class", fontsize=sheet.BODY)
    first = filled["low"].min()
    above.set_xlim(first - 0.02, 1.02)
    above.set_ylim(min(first, filled["accuracy"].min()) - 0.05, 1.05)
    _in_percent(above)
    below.yaxis.get_major_locator().set_params(nbins=2)
    below.yaxis.set_major_formatter(lambda value, _: format_integer(value))
    style.plain_axes(below)
    return figure


def _in_percent(axes: Axes) -> None:
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1, 0))
    style.plain_axes(axes)


def plot_roc(table: pd.DataFrame, area: float, classes: Sequence[str]) -> Figure:
    """Draw a ROC curve and mark the threshold of 0.5, where the predicted class changes.

    Args:
        table: from :func:`roc_curve`.
        area: from :func:`area_under_curve`.
        classes: the names of the two classes.

    Returns:
        The figure.
    """
    first, second = classes
    figure = sheet.panels(
        3.6, f"A {second} gets a higher probability than a {first} in {area:.1%} of pairs"
    )
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], "--", color=style.GREY, lw=1)
    axes.plot(table["false_positive_rate"], table["true_positive_rate"], color=style.DATA)
    half = table.iloc[int((table["threshold"] > 0.5).sum()) - 1]
    at = (half["false_positive_rate"], half["true_positive_rate"])
    axes.scatter(*at, color=style.POINTED_AT, zorder=3)
    axes.annotate(
        f"probability above 50%:\n{format_percent(at[1])} of the {second}s found,\n"
        f"{format_percent(at[0])} of the {first}s taken for one", at, xytext=(0.98, 0.1),
        textcoords="axes fraction", ha="right", fontsize=sheet.BODY,
        color=style.ink(style.POINTED_AT),
        arrowprops={"arrowstyle": "-", "color": style.POINTED_AT, "lw": 0.8, "shrinkB": 4},
    )  # fmt: skip
    axes.set_xlabel(f"{first}s taken for a {second}", fontsize=sheet.BODY)
    axes.set_ylabel(f"{second}s found", fontsize=sheet.BODY)
    axes.set_aspect("equal")
    _in_percent(axes)
    return figure
