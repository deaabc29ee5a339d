"""Heatmaps: which parts of an image a network's prediction depends on.

Grad-CAM follows a class score back to the last feature maps, saliency and SmoothGrad back to the
pixels; occlusion covers the image piece by piece and measures the probability. The first three use
the score before the last softmax or sigmoid, see :mod:`~chollet_cnn.analysis.scores`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import keras
import numpy as np
from matplotlib.figure import Figure

from chollet_cnn.analysis import gradients
from chollet_cnn.analysis.model_graph import (
    DIVERGED,
    channels_of,
    full_name,
    image_shape,
    last_feature_layer,
    layer_outputs,
    one_image,
)
from chollet_cnn.analysis.receptive_fields import CellHeatmap, cell_grid_of
from chollet_cnn.analysis.scores import Scores, find_scores
from chollet_cnn.concepts.checks import as_array, whole_number
from chollet_cnn.drawing import mosaics, sheet, style
from chollet_cnn.drawing.progress import progress_bar
from chollet_cnn.errors import UserError

BATCH = 32
"""The largest number of changed copies of an image in one batch."""


def compute_grad_cam(
    model: keras.Model, image: np.ndarray, target: int | None = None, layer: str | None = None
) -> CellHeatmap:
    """Return the Grad-CAM heatmap: feature maps weighted by how much the score depends on them.

    The weight of a feature map is the mean of the gradient of the class score over it. Negative
    values of the weighted sum support other classes and are set to zero.

    Args:
        model: the network; its output has one unit for each class, or one for two classes.
        image: ``(height, width, channels)``, in the range that the network takes.
        target: the class, from 0; by default the predicted one. Of one unit, class 1 is the one
            that it stands for and class 0 the other.
        layer: a layer with feature maps; by default the last one that is not a pooling layer.

    Returns:
        ``(rows, columns)`` of that layer, zero or positive. :func:`plot_heatmaps` draws it where
        its cells are in the image.

    Raises:
        ValueError: the image does not fit, there is no such class or layer, or no gradient passes
            the layers after it, as none passes ``one_hot``.
        UserError: the network gives NaN.
        UnsupportedModelError: the network is subclassed or not built, or its class scores cannot be
            found.

    Source: Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based
    Localization", 2017.
    """
    image, scores, target = _asked(model, image, target)
    name = last_feature_layer(model) if layer is None else full_name(model, layer)
    channels_of(model, name)
    run = gradients.compiled(model, lambda x: layer_outputs(model, x, [name])[name])
    maps = run(image)
    score = gradients.differentiated(
        model, lambda maps, x: scores.of_class(x, target, replaced={name: maps})
    )
    _, slopes = score(maps, image)
    heatmap = np.maximum((maps[0] * slopes[0].mean(axis=(0, 1))).sum(axis=-1), 0)
    heatmap = heatmap.view(CellHeatmap)
    size = image.shape[1:3] if image.ndim == 4 else None  # the network may take flat images
    heatmap.grid = replace(cell_grid_of(model, name), image_size=size)
    return heatmap


def saliency(model: keras.Model, image: np.ndarray, target: int | None = None) -> np.ndarray:
    """Return how much the class score depends on each pixel: the absolute value of the gradient.

    Args:
        model: the network.
        image: ``(height, width, channels)``.
        target: as in :func:`compute_grad_cam`.

    Returns:
        ``(height, width)``, in score per grey level; the largest over the channels.

    Raises:
        ValueError: as in :func:`compute_grad_cam`.

    Source: Simonyan, Vedaldi and Zisserman, "Deep Inside Convolutional Networks: Visualising Image
    Classification Models and Saliency Maps", 2013.
    """
    image_shape(model)
    image, scores, target = _asked(model, image, target)
    _, slope = gradients.differentiated(model, lambda x: scores.of_class(x, target))(image)
    return _by_pixel(slope[0])


def _by_pixel(slope: np.ndarray) -> np.ndarray:
    """Return the largest absolute value over the channels, if there are channels."""
    return np.abs(slope) if slope.ndim == 2 else np.abs(slope).max(axis=-1)


def smooth_grad(
    model: keras.Model,
    image: np.ndarray,
    target: int | None = None,
    *,
    samples: int = 48,
    noise: float = 0.15,
    seed: int = 0,
) -> np.ndarray:
    """Return the saliency of the mean gradient over noisy copies of the image.

    Args:
        model: the network.
        image: ``(height, width, channels)``.
        target: as in :func:`compute_grad_cam`.
        samples: the number of noisy copies.
        noise: standard deviation of the noise, as a share of the image's range.
        seed: of the noise.

    Returns:
        ``(height, width)``, as :func:`saliency`.

    Raises:
        ValueError: there are no samples; otherwise as in :func:`compute_grad_cam`.

    Source: Smilkov et al., "SmoothGrad: removing noise by adding noise", 2017.
    """
    whole_number(samples, "number of samples")
    image_shape(model)
    image, scores, target = _asked(model, image, target)
    slope_of = gradients.differentiated(model, lambda x: scores.of_class(x, target))
    slope_of(image)  # without noise first, which an Embedding would not survive
    spread = noise * (image.max() - image.min())
    random = np.random.default_rng(seed)
    total = np.zeros(image.shape[1:])
    with progress_bar("adding noise", samples, stays=False) as advance:
        for start in range(0, samples, BATCH):
            copies = min(BATCH, samples - start)
            grain = random.standard_normal((copies, *image.shape[1:])) * spread
            total += slope_of((image + grain).astype(image.dtype))[1].sum(axis=0)
            advance(copies)
    return _by_pixel(total / samples)


def occlusion_window(height: int, width: int) -> int:
    """Return the side, in pixels, of the cover that occlusion slides over an image by default."""
    return max(1, round(min(height, width) / 5))


def compute_occlusion(
    model: keras.Model,
    image: np.ndarray,
    target: int | None = None,
    *,
    window: int | None = None,
    stride: int | None = None,
    fill: float | Sequence[float] | None = None,
) -> np.ndarray:
    """Cover the image piece by piece and return how far the class's probability falls.

    Args:
        model: the network. If its outputs are scores, the probability is their softmax, of one unit
            the sigmoid.
        image: ``(height, width, channels)``.
        target: as in :func:`compute_grad_cam`.
        window: height and width of the cover in pixels; by default a fifth of the image.
        stride: pixels from one place of the cover to the next, at most ``window``; by default a
            third of it.
        fill: the value of the cover, one number or one for each channel; by default the mean
            colour of the image (in the paper grey).

    Returns:
        ``(height, width)``: the mean fall over the covers that hid a pixel, -1..1; negative where
        the probability rose.

    Raises:
        ValueError: the cover does not fit; otherwise as in :func:`compute_grad_cam`.

    Source: Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", 2014.
    """
    image_shape(model)
    image, scores, target = _asked(model, image, target)
    height, width = image.shape[1:3]
    window = occlusion_window(height, width) if window is None else window
    if whole_number(window, "window") > min(height, width):
        raise ValueError(f"window={window} pixels does not fit an image of {width}×{height}")
    stride = max(1, window // 3) if stride is None else whole_number(stride, "stride")
    if stride > window:
        raise ValueError(f"stride={stride} pixels leaves some uncovered by window={window}")
    probability = gradients.compiled(model, lambda x: scores.probability(x, target))
    tops, lefts = _starts(height, window, stride), _starts(width, window, stride)
    places = [(top, left) for top in tops for left in lefts]
    color = image[0].mean(axis=(0, 1)) if fill is None else fill
    before = probability(image)[0]
    fall, covers = np.zeros((height, width)), np.zeros((height, width))
    with progress_bar("covering the image", len(places), stays=False) as advance:
        for start in range(0, len(places), BATCH):
            some = places[start : start + BATCH]
            hidden = np.repeat(image, len(some), axis=0)
            for copy, (top, left) in zip(hidden, some, strict=True):
                copy[top : top + window, left : left + window] = color
            for after, (top, left) in zip(probability(hidden), some, strict=True):
                fall[top : top + window, left : left + window] += before - after
                covers[top : top + window, left : left + window] += 1
            advance(len(some))
    return fall / covers


def _starts(length: int, window: int, stride: int) -> list[int]:
    """Return where covers begin, so that together they reach from the first pixel to the last."""
    return sorted({*range(0, length - window, stride), length - window})


def _asked(
    model: keras.Model, image: np.ndarray, target: int | None
) -> tuple[np.ndarray, Scores, int]:
    """Return the image as a batch of one, the network's scores, and the class."""
    batch, scores = one_image(model, image), find_scores(model)
    given = gradients.compiled(model, scores)(batch)[0]
    if not np.isfinite(given).all():
        raise UserError(DIVERGED)
    if target is None:
        target = int(given[0] > 0) if len(given) == 1 else int(given.argmax())
    return batch, scores, scores.check_class(target)


PAPERS = {
    "Grad-CAM": "Selvaraju et al. 2017",
    "saliency": "Simonyan et al. 2013",
    "SmoothGrad": "Smilkov et al. 2017",
    "occlusion": "Zeiler, Fergus 2014",
}
PIXEL_BY_PIXEL = ("saliency", "SmoothGrad")


def plot_heatmaps(
    image: np.ndarray,
    heatmaps: np.ndarray | Mapping[str, np.ndarray],
    *,
    title: str = "",
    note: str = "",
    pixel_range: tuple[float, float] = (0, 255),
) -> Figure:
    """Draw an image and beside it each heatmap over it.

    Each heatmap has its own scale, from 0 and below (the pale image) to its largest value
    (vermilion), and a contour at half its largest value. Those named ``saliency`` and
    ``SmoothGrad`` are too fine for a contour; their highest hundredth is drawn as one, as in
    Smilkov et al. 2017.

    Args:
        image: ``(height, width)`` or ``(height, width, 1 or 3)``.
        heatmaps: one of them, or several by the name of the method, ``(height, width)`` each; that
            of :func:`compute_grad_cam` is resized to the image that it was computed for.
        title: what was asked, and of which network.
        note: how to read it.
        pixel_range: the numbers that stand for black and white in the image.

    Returns:
        The figure.

    Raises:
        ValueError: it is a batch of several images or its pixels are of another range, or a
            heatmap is one of an image of another size or not finite.
    """
    image = np.asarray(image)
    if image.ndim == 4 and len(image) == 1:
        image = image[0]
    if image.ndim != 2 and not (image.ndim == 3 and image.shape[-1] in (1, 3)):
        raise ValueError(
            "an image has the shape (height, width) or, with 1 or 3 channels, "
            f"(height, width, channels), not {image.shape}"
        )
    image = sheet.to_grey_levels(image, pixel_range)
    if not isinstance(heatmaps, Mapping):
        heatmaps = {"heatmap": heatmaps}
    heatmaps = {name: np.asanyarray(heatmap) for name, heatmap in heatmaps.items()}
    for name, heatmap in heatmaps.items():
        as_array(heatmap, f"heatmap {name!r}", [2])
    panel = sheet.WIDTH / (len(heatmaps) + 1) - 0.06
    head = 0.36 if any(name in PAPERS for name in heatmaps) else 0.22
    figure = sheet.panels(panel * image.shape[0] / image.shape[1] + head, title, note)
    first, *others = figure.subplots(1, len(heatmaps) + 1, squeeze=False)[0]
    sheet.draw_image(first, image, "the image")
    for axes, (name, heatmap) in zip(others, heatmaps.items(), strict=True):
        if isinstance(heatmap, CellHeatmap) and heatmap.grid:
            heatmap = heatmap.grid.resize_to_image(heatmap, image.shape[:2])
        fine = name in PIXEL_BY_PIXEL
        shown = np.minimum(heatmap, np.quantile(heatmap, 0.99)) if fine else heatmap
        label = f"{name}\n{PAPERS[name]}" if name in PAPERS else name
        sheet.draw_image(axes, mosaics.overlay(image, shown), label)
        if not fine and heatmap.max() > max(0, heatmap.min()):
            axes.contour(heatmap, [heatmap.max() / 2], colors=[style.POINTED_AT], linewidths=0.9)
    return figure
