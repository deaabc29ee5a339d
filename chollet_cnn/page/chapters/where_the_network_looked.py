"""Which parts of the image decided the prediction: four ways to ask."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from chollet_cnn.analysis import heatmaps, mistakes, model_graph
from chollet_cnn.page.chapter import cells
from chollet_cnn.page.figure import Figure
from chollet_cnn.page.trained_model import TrainedModel, sections
from chollet_cnn.page.worked import work_out


def content(models: Sequence[TrainedModel]) -> dict[str, Any]:
    """Return heatmaps of each network's prediction."""
    return {"sections": sections(models, _looked)}


def _looked(model: TrainedModel) -> dict[str, Any]:
    network, image = model.model, model.image
    predicted = int(model.answer.argmax())
    name = model.classes[predicted]
    grad_cam = heatmaps.compute_grad_cam(network, image, predicted)
    on_image = grad_cam.grid.resize_to_image(grad_cam, image.shape[:2])
    occlusion = heatmaps.compute_occlusion(network, image, predicted)
    pixels = {
        "saliency": heatmaps.saliency(network, image, predicted),
        "SmoothGrad": heatmaps.smooth_grad(network, image, predicted, samples=24),
    }
    return {
        "shown": model.shown,
        "predicted": name,
        "probability": float(model.answer[predicted]),
        "layer": model_graph.last_feature_layer(network),
        "cells": grad_cam.shape,
        "size": image.shape[:2],
        "largest_fall": float(occlusion.max()),
        "regions": _heat(
            model,
            "grad-cam-and-occlusion",
            image,
            {"Grad-CAM": on_image, "occlusion": occlusion},
            f"The parts of the image that made it say {name}",
        ),
        "pixels": _heat(
            model,
            "saliency-and-smoothgrad",
            image,
            pixels,
            f"The pixels that would change {name} most",
        ),
        "doubtful": _doubtful(model),
        "covered": _covered(model, occlusion),
    }


def _doubtful(model: TrainedModel) -> dict[str, Any]:
    """Ask what supports each of two classes in an image that the network got wrong.

    Of the test images it is the most confident error, or the least sure prediction where all are
    right; without test images it is the one shown, and the next likeliest class.
    """
    image, answer, kind, truth = model.image, model.answer, "shown", None
    if model.test is not None:
        labels, predicted = model.test.labels, model.probabilities.argmax(axis=1)
        confidence = model.probabilities.max(axis=1)
        wrong = np.flatnonzero(predicted != labels)
        kind = "wrong" if len(wrong) else "unsure"
        index = int(wrong[confidence[wrong].argmax()] if len(wrong) else confidence.argmin())
        image, answer = model.test.images[index], model.probabilities[index]
        truth = int(labels[index])
    first, second = (int(i) for i in answer.argsort()[::-1][:2])
    second = truth if kind == "wrong" else second
    heats = {}
    for target in (first, second):
        heat = heatmaps.compute_grad_cam(model.model, image, target)
        on_image = heat.grid.resize_to_image(heat, image.shape[:2])
        heats[f"for {model.classes[target]}"] = on_image
    title = f"What supports {model.classes[first]}, and what supports {model.classes[second]}"
    return {
        "kind": kind,
        "first": model.classes[first],
        "second": model.classes[second],
        "probability": float(answer[first]),
        "probability_second": float(answer[second]),
        "empty": [name for name, heat in heats.items() if heat.max() <= 0],
        "figure": _heat(model, "for-and-against", image, heats, title),
    }


def _heat(
    model: TrainedModel, name: str, image: np.ndarray, heats: dict[str, np.ndarray], title: str
) -> Figure:
    first, *others = heats
    table = cells(heats[first], first).assign(**{other: heats[other].ravel() for other in others})
    drawing = heatmaps.plot_heatmaps(image, heats, title=title)
    return Figure(f"{model.slug}-{name}", drawing, table, {"image": image})


def _covered(model: TrainedModel, fall: np.ndarray) -> dict[str, Any]:
    """Cover the place that counts most with the image's mean, and ask again."""
    image = model.image
    side = heatmaps.occlusion_window(*fall.shape)
    place = zip(np.unravel_index(fall.argmax(), fall.shape), fall.shape, strict=True)
    top, left = (int(np.clip(at - side // 2, 0, length - side)) for at, length in place)
    covered = image.copy()
    covered[top : top + side, left : left + side] = image.mean(axis=(0, 1)).astype(np.uint8)
    before, after = mistakes.predictions(model.model, np.stack([image, covered]))
    predicted = int(before.argmax())
    return {
        "side": side,
        "row": top,
        "column": left,
        "fall": work_out(
            [float(before[predicted]), " − ", float(after[predicted])],
            float(before[predicted] - after[predicted]),
            "{:.3f}".format,
        ),
        "still": int(after.argmax()) == predicted,
        "instead": model.classes[int(after.argmax())],
    }
