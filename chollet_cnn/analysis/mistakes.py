"""Errors: what a network gets wrong, and whether it knows how sure it may be.

Everything here starts from the true labels, whole numbers ``(n,)``, and what
:func:`predictions` returned, probabilities ``(n, classes)``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from chollet_cnn.analysis import gradients
from chollet_cnn.drawing import mosaics, style
from chollet_cnn.errors import UserError

if TYPE_CHECKING:
    import keras
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


FEW = 10
"""Bins with fewer answers are drawn hollow: their share of right ones is mostly chance."""


def predictions(model: keras.Model, images: np.ndarray, *, batch_size: int = 64) -> np.ndarray:
    """Ask a network about many pictures, a batch at a time.

    Args:
        model: the network; it ends with a softmax, or with one sigmoid unit for two classes.
        images: ``(n, height, width, channels)``, as the network takes them.
        batch_size: how many pictures are asked about at once.

    Returns:
        Probabilities ``(n, classes)``; one unit's answer p becomes two columns, 1 - p and p.

    Raises:
        UserError: the network's training diverged, so that it answers NaN.
        ValueError: the pictures do not fit, or what comes out is no probability.
    """
    ask = gradients.compiled(model, lambda batch: model(batch, training=False))
    parts = [
        ask(gradients.as_batch(model, images[start : start + batch_size]))
        for start in range(0, len(images), batch_size)
    ]
    answers = np.concatenate(parts).astype(np.float64)
    if not np.isfinite(answers).all():
        raise UserError(
            "the network answers NaN, no numbers, because its training diverged: train it again "
            "with a lower --learning-rate"
        )
    if answers.ndim != 2 or answers.min() < 0 or answers.max() > 1:
        raise ValueError(
            f"the network gives values of shape {answers.shape[1:]} between {answers.min():.3g} "
            f"and {answers.max():.3g}, no probabilities; let it end with a softmax or a sigmoid"
        )
    if answers.shape[1] == 1:
        return np.concatenate([1 - answers, answers], axis=1)
    return answers


def confusion_matrix(
    labels: np.ndarray, probabilities: np.ndarray, classes: Sequence[str]
) -> pd.DataFrame:
    """Count how often each class was taken for each: a row a true class, a column an answer."""
    import pandas as pd
    from sklearn import metrics

    labels, given = _answers(labels, probabilities, classes)
    counts = metrics.confusion_matrix(labels, given, labels=range(len(classes)))
    return pd.DataFrame(
        counts,
        index=pd.Index(classes, name="true"),
        columns=pd.Index(classes, name="given"),
    )


def class_report(
    labels: np.ndarray, probabilities: np.ndarray, classes: Sequence[str]
) -> pd.DataFrame:
    """Say for each class how far an answer can be trusted, and how many are found.

    Returns:
        A row a class: ``class``, ``precision`` (the share right among the pictures given this
        class), ``recall`` (the share found among the pictures that have it), ``support`` (how many
        have it). A share of no pictures is NaN.
    """
    import pandas as pd
    from sklearn import metrics

    labels, given = _answers(labels, probabilities, classes)
    precision, recall, _, support = metrics.precision_recall_fscore_support(
        labels, given, labels=range(len(classes)), zero_division=np.nan
    )
    return pd.DataFrame(
        {"class": classes, "precision": precision, "recall": recall, "support": support}
    )


def most_confident_errors(
    labels: np.ndarray, probabilities: np.ndarray, classes: Sequence[str], count: int = 24
) -> pd.DataFrame:
    """Find the pictures that the network got wrong and was surest of.

    Returns:
        A row a picture, the surest first: ``picture`` (its place), ``true`` and ``given`` (class
        names), ``probability`` of the class given and ``probability_true`` of the true one.
    """
    import pandas as pd

    labels, given = _answers(labels, probabilities, classes)
    wrong = np.flatnonzero(given != labels)
    order = wrong[np.argsort(-probabilities[wrong, given[wrong]], kind="stable")][:count]
    return pd.DataFrame(
        {
            "picture": order,
            "true": [classes[label] for label in labels[order]],
            "given": [classes[label] for label in given[order]],
            "probability": probabilities[order, given[order]],
            "probability_true": probabilities[order, labels[order]],
        }
    )


def reliability(labels: np.ndarray, probabilities: np.ndarray, bins: int = 10) -> pd.DataFrame:
    """Compare how sure a network is with how often it is right.

    Args:
        labels: ``(n,)``.
        probabilities: ``(n, classes)``.
        bins: answers are put into that many bins by the probability of the class given.

    Returns:
        A row a bin: ``low`` (excluded) and ``high`` (included), ``count``, mean ``confidence`` and
        ``accuracy`` of its answers; NaN where a bin is empty.

    Source: Guo et al., "On Calibration of Modern Neural Networks", 2017.
    """
    import pandas as pd

    labels, given = _answers(labels, probabilities)
    confidence = probabilities.max(axis=1)
    edges = np.linspace(0, 1, bins + 1)
    place = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, bins - 1)
    count = np.bincount(place, minlength=bins)
    with np.errstate(invalid="ignore"):
        sure = np.bincount(place, confidence, bins) / count
        right = np.bincount(place, given == labels, bins) / count
    return pd.DataFrame(
        {
            "low": edges[:-1],
            "high": edges[1:],
            "count": count,
            "confidence": sure,
            "accuracy": right,
        }
    )


def expected_calibration_error(table: pd.DataFrame) -> float:
    """Return how far confidence and accuracy lie apart, averaged over all answers (0..1).

    ``table`` comes from :func:`reliability`. Source: Guo et al. 2017, equation 3.
    """
    filled = table[table["count"] > 0]
    apart = (filled["accuracy"] - filled["confidence"]).abs()
    return float((apart * filled["count"]).sum() / filled["count"].sum())


def roc_curve(labels: np.ndarray, probabilities: np.ndarray) -> pd.DataFrame:
    """Say what every threshold on the second class's probability finds, and what it costs.

    Returns:
        A row a threshold, falling: ``threshold``, ``false_positive_rate`` (share of the first class
        that is taken for the second), ``true_positive_rate`` (share of the second that is found).

    Raises:
        ValueError: there are not two classes.
    """
    import pandas as pd
    from sklearn import metrics

    positive = _of_second_class(labels, probabilities)
    # Thresholds on a straight piece of the curve are kept too: one half may lie between them.
    false, true, thresholds = metrics.roc_curve(labels, positive, drop_intermediate=False)
    return pd.DataFrame(
        {"threshold": thresholds, "false_positive_rate": false, "true_positive_rate": true}
    )


def area_under_curve(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Return how likely a picture of the second class is ranked above one of the first.

    1 is perfect, 0.5 is chance.
    """
    from sklearn import metrics

    return float(metrics.roc_auc_score(labels, _of_second_class(labels, probabilities)))


def _of_second_class(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    _answers(labels, probabilities)
    if probabilities.shape[1] != 2:
        raise ValueError(f"a ROC curve tells two classes apart; there are {probabilities.shape[1]}")
    return probabilities[:, 1]


def _answers(
    labels: np.ndarray, probabilities: np.ndarray, classes: Sequence[str] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return true and given classes, after a look at whether they belong together."""
    labels, probabilities = np.asarray(labels), np.asarray(probabilities)
    if len(labels) != len(probabilities):
        raise ValueError(f"there are {len(labels)} labels for {len(probabilities)} answers")
    if classes is not None and len(classes) != probabilities.shape[1]:
        raise ValueError(
            f"{len(classes)} classes have names, {probabilities.shape[1]} have answers"
        )
    return labels, probabilities.argmax(axis=1)


def plot_confusion_matrix(table: pd.DataFrame) -> Figure:
    """Draw a confusion matrix: right answers in grey, mistakes in the more vermilion the more."""
    counts = table.to_numpy()
    wrong = counts - np.diag(np.diag(counts))
    size = len(counts)
    side = min(6.4, 1.1 + 0.52 * max(size, 3))
    figure = mosaics.new_sheet(side, _confusion_title(table, wrong))
    axes = figure.add_subplot()
    axes.imshow(_confusion_colors(wrong))
    for (row, column), count in np.ndenumerate(counts):
        axes.text(
            column, row, f"{count:,}" if count else "·", ha="center", va="center",
            fontsize=mosaics.BODY, color="black" if count else style.GREY,
        )  # fmt: skip
    axes.set_xticks(range(size), table.columns, fontsize=mosaics.BODY)
    axes.set_yticks(range(size), table.index, fontsize=mosaics.BODY)
    axes.set_xlabel("the network's answer", fontsize=mosaics.BODY)
    axes.set_ylabel("what it is", fontsize=mosaics.BODY)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    return figure


def _confusion_title(table: pd.DataFrame, wrong: np.ndarray) -> str:
    total = wrong.sum()
    if not total:
        return "Every answer is right"
    row, column = np.unravel_index(wrong.argmax(), wrong.shape)
    return (
        f"{total:,} of {table.to_numpy().sum():,} are wrong; most often {table.index[row]} "
        f"is taken for {table.columns[column]}, {wrong.max():,}×"
    )


def _confusion_colors(wrong: np.ndarray) -> np.ndarray:
    """Return a colour a cell: the diagonal pale grey, the rest from white to vermilion."""
    from matplotlib.colors import to_rgb

    share = (wrong / max(wrong.max(), 1))[..., None]
    colors = (1 - share) * np.ones(3) + share * np.array(to_rgb(style.POINTED_AT))
    colors[np.diag_indices(len(wrong))] = to_rgb(style.PALE)
    return colors


def plot_most_confident_errors(table: pd.DataFrame, images: np.ndarray, columns: int = 6) -> Figure:
    """Draw the most confident errors: the image, the predicted class with its probability, the label.

    Args:
        table: a row a picture; there is at least one.
        images: the pictures that the network was asked about.
        columns: pictures in a row.
    """
    if table.empty:
        raise ValueError("there is no mistake to draw: every answer is right")
    return mosaics.plot_mosaic(
        np.stack([mosaics.as_drawn(images[i]) for i in table["picture"]]),
        [f"{row.given} {row.probability:.1%}\nis {row.true}" for row in table.itertuples()],
        columns=min(columns, max(len(table), 3)),
        title="What the network got wrong and was surest of",
        note="Above each picture: its answer, how sure it was, and below what the picture shows.",
        lines=2,
    )


def plot_reliability(table: pd.DataFrame) -> Figure:
    """Draw how often the network is right against how sure it is; on the line it knows itself."""
    filled = table[table["count"] > 0]
    gap = np.average(filled["confidence"] - filled["accuracy"], weights=filled["count"])
    points = round(100 * gap, 1)
    side = "surer than it may" if points > 0 else "less sure than it could"
    verdict = f"{side} be, by {abs(points)} points" if points else "as sure as it may be,"
    figure = mosaics.new_sheet(3.6, f"The network is {verdict} on average")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    above.plot([0, 1], [0, 1], "--", color=style.GREY, lw=1)
    many = filled[filled["count"] >= FEW]
    above.plot(many["confidence"], many["accuracy"], "o-", color=style.DATA, ms=5)
    few = filled[filled["count"] < FEW]
    above.plot(few["confidence"], few["accuracy"], "o", color=style.DATA, ms=5, mfc="white")
    if len(few):
        above.plot([], [], "o", color=style.DATA, ms=5, mfc="white", label=f"under {FEW} answers")
        above.legend(frameon=False, fontsize=mosaics.SMALL, loc="upper left")
    below.bar(
        table["low"], table["count"], table["high"] - table["low"], align="edge",
        color=style.PALE, edgecolor="white",
    )  # fmt: skip
    above.set_ylabel("share right", fontsize=mosaics.BODY)
    below.set_ylabel("answers", fontsize=mosaics.BODY)
    below.set_xlabel("how sure the network says it is", fontsize=mosaics.BODY)
    first = filled["low"].min()
    above.set_xlim(first - 0.02, 1.02)
    above.set_ylim(min(first, filled["accuracy"].min()) - 0.05, 1.05)
    _percent(above)
    below.yaxis.get_major_locator().set_params(nbins=2)
    below.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    style.plain_axes(below)
    return figure


def plot_roc(table: pd.DataFrame, area: float, classes: Sequence[str]) -> Figure:
    """Draw a ROC curve and mark the threshold of one half, where the network's answer turns.

    Args:
        table: what :func:`roc_curve` returned.
        area: what :func:`area_under_curve` returned.
        classes: the names of the two classes.
    """
    first, second = classes
    figure = mosaics.new_sheet(
        3.6, f"A {second} gets a higher probability than a {first} in {area:.1%} of pairs"
    )
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], "--", color=style.GREY, lw=1)
    axes.plot(table["false_positive_rate"], table["true_positive_rate"], color=style.DATA)
    half = table.iloc[int((table["threshold"] > 0.5).sum()) - 1]
    at = (half["false_positive_rate"], half["true_positive_rate"])
    axes.scatter(*at, color=style.POINTED_AT, zorder=3)
    axes.annotate(
        f"where it is more than half sure:\n{at[1]:.0%} of the {second}s found,\n"
        f"{at[0]:.0%} of the {first}s taken for one", at, xytext=(0.98, 0.1),
        textcoords="axes fraction", ha="right", fontsize=mosaics.BODY,
        color=style.ink(style.POINTED_AT),
        arrowprops={"arrowstyle": "-", "color": style.POINTED_AT, "lw": 0.8, "shrinkB": 4},
    )  # fmt: skip
    axes.set_xlabel(f"{first}s taken for a {second}", fontsize=mosaics.BODY)
    axes.set_ylabel(f"{second}s found", fontsize=mosaics.BODY)
    axes.set_aspect("equal")
    _percent(axes)
    return figure


def _percent(axes: Axes) -> None:
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    style.plain_axes(axes)
