"""What the first screen says of a run; the words for it are in ``templates/page.html``."""

from typing import Any

import numpy as np
import pandas as pd

from chollet_cnn.analysis import activations
from chollet_cnn.analysis.model_graph import feature_layers, last_feature_layer
from chollet_cnn.drawing import sheet, style
from chollet_cnn.drawing.numbers import format_published
from chollet_cnn.page.figure import Figure
from chollet_cnn.page.trained_model import TrainedModel

LAYERS, SHOWN = 6, 3
"""How many layers at most, and channels of each, the picture of a network has."""


def facts(model: TrainedModel) -> dict[str, Any]:
    """Return the numbers of a run, by name."""
    metrics, environment = model.run.metrics, model.run.environment
    on_cpu = environment["device"] == "cpu"
    return outcome(model) | {
        "accuracy": metrics["test_accuracy"],
        "test_images": metrics["test_pictures"],
        "wrong": model.wrong,
        "parameters": metrics["parameters"],
        "of_digits": model.of_digits,
        "sees": _sees(model),
        "size": model.image.shape[:2],
        "dataset": metrics["dataset"],
        "seconds": metrics["train_seconds"],
        "machine": environment["processor" if on_cpu else "device_name"],
        "glance": glance(model),
    }


def outcome(model: TrainedModel) -> dict[str, Any]:
    """Return which epoch of a run was tested, and how it compares with the book."""
    config, metrics = model.run.config, model.run.metrics
    return {
        "recipe": config["recipe"],
        "epochs": metrics["epochs"],
        "diverged_epoch": metrics["diverged_epoch"],
        "selected_epoch": metrics["judged_epoch"],
        "monitored": model.run.monitored,
        "last_epoch_accuracy": metrics.get("last_epoch_test_accuracy"),
        "changed": [name.replace("_", " ") for name in config["changed"]],
        "book": compared(metrics["published"], metrics),
    }


def compared(claim: dict[str, Any] | None, metrics: dict[str, Any]) -> dict[str, Any] | None:
    """Return how far a run is from the book's figure, no finer than the figure is given."""
    if not claim:
        return None
    quantity, step, ours = claim["quantity"], claim["step"], metrics[claim["quantity"]]
    difference = ours - claim["value"]
    return {
        "value": format_published(quantity, claim["value"], step),
        "split": {"test_accuracy": "test", "val_accuracy": "validation"}[quantity],
        "source": claim["source"],
        "ours": ours,
        "agrees": round(abs(difference) / step, 6) <= 0.5,
        "apart": format_published(quantity, abs(difference), step).rstrip("%"),
        "above": difference > 0,
    }


def _sees(model: TrainedModel) -> int | tuple[int, int] | None:
    """Return the receptive field of the last layer with feature maps; None where not known.

    A unit behind Flatten or global pooling sees all of the image that any unit saw, which says
    nothing of the network.
    """
    try:
        return model.receptive_field(last_feature_layer(model.model))
    except ValueError:
        return None


def glance(model: TrainedModel) -> Figure | None:
    """Draw the network at a glance: the image, a few feature maps of its layers, the prediction.

    Where more than six layers have feature maps, only the convolutions are drawn. None for a
    network without feature maps.
    """
    if not feature_layers(model.model):
        return None
    outputs = activations.compute_activations(model.model, model.image)
    names, which = list(outputs), "each layer"
    noun = "layer"
    if len(names) > LAYERS and model.convolutions:
        names, which, noun = model.convolutions, "each convolution", "convolution"
    if len(names) > LAYERS:
        names, which = names[:LAYERS], f"the first {LAYERS} {noun}s"
    cell, gap, top = 0.66, 0.1, 0.78
    figure = sheet.sheet(
        top + SHOWN * (cell + gap) + 0.1,
        f"From the image to the prediction: {model.classes[int(model.answer.argmax())]}",
        f"the {SHOWN} channels with the strongest responses of {which}, and the probabilities",
    )
    middle = top + (SHOWN * (cell + gap) - gap - cell) / 2
    axes = sheet.place(figure, sheet.EDGE, middle, cell, cell, "image")
    sheet.draw_pixels(axes, model.image.squeeze(), vmin=0, vmax=255)
    step = (sheet.WIDTH - 2 * sheet.EDGE - cell - 1.1) / len(names)
    drawn = {"image": model.image}
    for place, name in enumerate(names):
        maps = outputs[name][0]
        strongest = np.sort(np.argsort(-maps.max(axis=(0, 1)), kind="stable")[:SHOWN])
        drawn[name] = maps[..., strongest]
        left = sheet.EDGE + cell + place * step + (step - cell) / 2
        for row, channel in enumerate(strongest):
            axes = sheet.place(
                figure, left, top + row * (cell + gap), cell, cell, f"{name} {channel}"
            )
            sheet.draw_pixels(axes, maps[..., channel], vmin=0, vmax=maps.max() or 1)
            axes.spines[:].set(visible=True, color=style.PALE, linewidth=0.5)
    height = SHOWN * (cell + gap) - gap
    axes = sheet.place(figure, sheet.WIDTH - sheet.EDGE - 0.62, top, 0.62, height, "probabilities")
    colors = [style.DATA] * len(model.answer)
    colors[int(model.answer.argmax())] = style.POINTED_AT
    axes.barh(range(len(model.answer)), model.answer, color=colors)
    axes.set(xlim=(0, 1), ylim=(len(model.answer) - 0.5, -0.5))
    axes.set_yticks(range(len(model.answer)), model.classes, fontsize=sheet.SMALL)
    axes.tick_params(length=0)
    table = pd.DataFrame({"class": model.classes, "probability": model.answer})
    return Figure(f"{model.slug}-at-a-glance", figure, table, drawn)
