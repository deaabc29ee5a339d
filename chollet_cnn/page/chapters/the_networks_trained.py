"""How the accuracy grew, where it ended, what the network still gets wrong."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.figure
import numpy as np

from chollet_cnn.analysis import learning_curves, mistakes
from chollet_cnn.book import published
from chollet_cnn.drawing import sheet
from chollet_cnn.page.figure import Figure
from chollet_cnn.page.first_screen import outcome
from chollet_cnn.page.trained_model import TrainedModel, sections
from chollet_cnn.page.worked import work_out

SURE = 0.6, 0.1
"""Two probabilities of the true class, whose loss is worked out."""


def content(models: Sequence[TrainedModel]) -> dict[str, Any]:
    """Return the learning curves and errors of each run."""
    losses = [work_out([f"−ln({p:g})"], -np.log(p), "{:.3f}".format) for p in SURE]
    return {"losses": losses, "sections": sections(models, _training)}


def _training(model: TrainedModel) -> dict[str, Any]:
    run, metrics, history = model.run, model.run.metrics, model.run.history
    settings = run.config["settings"]
    options = settings.get("network_options", {})
    monitored = run.monitored
    split, curve = printed_curve(model)
    first, last = history.iloc[0], history.iloc[-1]
    return {
        "run": outcome(model),
        "curves": Figure(
            f"{model.slug}-learning-curves", plot_curves(model, split, curve), history
        ),
        "monitored": monitored,
        "from_": first["accuracy"],
        "to": last["accuracy"],
        "monitored_to": last["val_accuracy"],
        "gap": 100 * (last["accuracy"] - last["val_accuracy"]),
        "augmentation": bool(options.get("augmentation")),
        "dropout": bool(options.get("dropout")),
        "printed": {"": "training", "val_": "validation"}[split] if curve else "",
        "steps": settings.get("steps_per_epoch"),
        "batch": settings.get("batch_size"),
        "right": metrics["test_pictures"] - model.wrong,
        "wrong": model.wrong,
        "images": metrics["test_pictures"],
        "accuracy": metrics["test_accuracy"],
        "mistakes": _mistakes(model) if model.test is not None else None,
        "why_no_test": model.why_no_test,
    }


def printed_curve(model: TrainedModel) -> tuple[str, Mapping[str, Sequence[float]]]:
    """Return the prefix of the split that the book prints, ``val_`` or none, and its curve."""
    claim, recipe = model.run.metrics["published"], model.run.config["recipe"]
    curve = published.CURVES.get(recipe, {}) if claim else {}
    return ("val_" if "val_loss" in curve else ""), curve


def plot_curves(
    model: TrainedModel, split: str, curve: Mapping[str, Sequence[float]]
) -> matplotlib.figure.Figure:
    """Draw accuracy above loss, with what the book prints of them."""
    figure = sheet.panels(6.6)
    for axes, quantity, title in zip(
        figure.subplots(2, 1),
        ("accuracy", "loss"),
        ("accuracy: the higher, the better", "loss: the lower, the better"),
        strict=True,
    ):
        learning_curves.plot_learning_curve(
            model.run.history,
            quantity,
            title=title,
            book=curve.get(f"{split}{quantity}"),
            axes=axes,
        )
    return figure


def _mistakes(model: TrainedModel) -> dict[str, Any]:
    labels, probabilities, slug = model.test.labels, model.probabilities, model.slug
    confusion = mistakes.confusion_matrix(labels, probabilities, model.classes)
    errors = mistakes.most_confident_errors(labels, probabilities, model.classes, count=18)
    table = mistakes.reliability(labels, probabilities)
    confidence = float(probabilities.max(axis=1).mean())
    found = {
        "right": int(confusion.to_numpy().trace()),
        "confusion": Figure(
            f"{slug}-confusion-matrix",
            mistakes.plot_confusion_matrix(confusion),
            confusion.reset_index(),
        ),
        "reliability": Figure(f"{slug}-reliability", mistakes.plot_reliability(table), table),
        "calibration_error": 100 * mistakes.expected_calibration_error(table),
        "overconfidence": 100 * (confidence - float((probabilities.argmax(1) == labels).mean())),
        "errors": None,
        "roc": None,
    }
    if len(errors):
        drawing = mistakes.plot_most_confident_errors(errors, model.test.images)
        images = {"images": model.test.images[errors["image"]]}
        found["errors"] = Figure(
            f"{slug}-most-confident-errors", drawing, errors, images, tiles=True
        )
        found["error_count"] = len(errors)
    if len(model.classes) == 2:
        curve = mistakes.roc_curve(labels, probabilities)
        area = mistakes.area_under_curve(labels, probabilities)
        found["area"] = area
        found["classes"] = model.classes
        drawing = mistakes.plot_roc(curve, area, model.classes)
        found["roc"] = Figure(f"{slug}-roc-curve", drawing, curve)
    return found
