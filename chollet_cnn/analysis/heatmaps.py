"""Heatmaps: which parts of a picture a network's answer rests on.

Four ways of asking: Grad-CAM follows the answer back to the last maps, saliency and SmoothGrad back
to the pixels, occlusion covers the picture piece by piece and watches the answer. The first three
look at the score before the last softmax or sigmoid: where the network is sure, that function is
flat and would leave almost no gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from chollet_cnn.analysis import gradients
from chollet_cnn.analysis.activations import feature_layers
from chollet_cnn.drawing import mosaics, style

if TYPE_CHECKING:
    import keras
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BATCH = 32
"""How many changed copies of a picture are asked about at once, at most."""


def grad_cam(
    model: keras.Model, image: np.ndarray, target: int | None = None, layer: str | None = None
) -> np.ndarray:
    """Weigh the maps of a late layer by how much the answer depends on each, and add them up.

    A map's weight is the mean of the gradient of the class's score over that map; what the weighted
    sum has below zero speaks for other classes and is cut off.

    Args:
        model: the network; it ends with one unit a class, or with one unit for two classes.
        image: ``(height, width, channels)``, as the network takes it.
        target: the class that is asked about, from 0; the network's answer if it is left out. Of
            one unit, 1 is the class that it stands for and 0 the other.
        layer: a layer with maps; the last one that is no pooling if it is left out.

    Returns:
        The raw map, ``(rows, columns)`` of that layer, zero and above.

    Raises:
        ValueError: the picture does not fit, or there is no such class or layer.

    Source: Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based
    Localization", 2017.
    """
    image = gradients.as_batch(model, image)
    name = last_feature_layer(model) if layer is None else gradients.full_name(model, layer)
    target = predicted_class(model, image) if target is None else target
    maps = gradients.compiled(model, lambda x: gradients.layer_outputs(model, x, [name])[name])(
        image
    )
    if maps.ndim != 4:
        raise ValueError(f"{name} gives no maps; its output has the shape {maps.shape[1:]}")
    _, slopes = gradients.gradient(
        model, lambda maps, x: score(model, x, target, {name: maps}), maps, image
    )
    weights = slopes[0].mean(axis=(0, 1))
    return np.maximum((maps[0] * weights).sum(axis=-1), 0)


def saliency(model: keras.Model, image: np.ndarray, target: int | None = None) -> np.ndarray:
    """Return how much the answer hangs on each pixel: the size of the score's gradient there.

    Args:
        model: the network.
        image: ``(height, width, channels)``.
        target: as in :func:`grad_cam`.

    Returns:
        ``(height, width)``, in score per grey level; of the colours the largest counts.

    Source: Simonyan, Vedaldi and Zisserman, "Deep Inside Convolutional Networks: Visualising Image
    Classification Models and Saliency Maps", 2013.
    """
    image = gradients.as_batch(model, image)
    target = predicted_class(model, image) if target is None else target
    _, slope = gradients.gradient(model, lambda x: score(model, x, target), image)
    return np.abs(slope[0]).max(axis=-1)


def smooth_grad(
    model: keras.Model,
    image: np.ndarray,
    target: int | None = None,
    *,
    samples: int = 48,
    noise: float = 0.15,
    seed: int = 0,
) -> np.ndarray:
    """Return the saliency without its grain: the mean gradient over noisy copies of the picture.

    Args:
        model: the network.
        image: ``(height, width, channels)``.
        target: as in :func:`grad_cam`.
        samples: noisy copies.
        noise: standard deviation of the noise, as a share of the picture's range.
        seed: of the noise.

    Returns:
        ``(height, width)``, as :func:`saliency`.

    Source: Smilkov et al., "SmoothGrad: removing noise by adding noise", 2017.
    """
    image = gradients.as_batch(model, image)
    target = predicted_class(model, image) if target is None else target
    slope_of = gradients.differentiated(model, lambda x: score(model, x, target))
    spread = noise * (image.max() - image.min())
    random = np.random.default_rng(seed)
    total = np.zeros(image.shape[1:])
    for start in range(0, samples, BATCH):
        copies = min(BATCH, samples - start)
        grain = random.standard_normal((copies, *image.shape[1:])) * spread
        total += slope_of((image + grain).astype(image.dtype))[1].sum(axis=0)
    return np.abs(total / samples).max(axis=-1)


def occlusion(
    model: keras.Model,
    image: np.ndarray,
    target: int | None = None,
    *,
    window: int | None = None,
    stride: int | None = None,
    fill: float | None = None,
) -> np.ndarray:
    """Cover the picture piece by piece and return how far the class's probability falls.

    Args:
        model: the network; it gives probabilities.
        image: ``(height, width, channels)``.
        target: as in :func:`grad_cam`.
        window: height and width of the cover in pixels; a fifth of the picture if it is left out.
        stride: pixels from one place of the cover to the next; a third of the window.
        fill: the cover's value; the picture's mean colour if it is left out (the paper's is grey).

    Returns:
        ``(height, width)``: the mean fall over the covers that hid a pixel, -1..1; below zero where
        hiding it made the network surer.

    Source: Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", 2014.
    """
    image = gradients.as_batch(model, image)
    target = predicted_class(model, image) if target is None else target
    height, width = image.shape[1:3]
    window = window or max(1, round(min(height, width) / 5))
    if not 1 <= window <= min(height, width):
        raise ValueError(f"a cover of {window} pixels does not fit a picture of {width}×{height}")
    stride = stride or max(1, window // 3)
    probability = gradients.compiled(model, lambda x: class_probability(model, x, target))
    tops, lefts = _starts(height, window, stride), _starts(width, window, stride)
    places = [(top, left) for top in tops for left in lefts]
    color = image[0].mean(axis=(0, 1)) if fill is None else fill
    before = probability(image)[0]
    fall, covers = np.zeros((height, width)), np.zeros((height, width))
    for start in range(0, len(places), BATCH):
        some = places[start : start + BATCH]
        hidden = np.repeat(image, len(some), axis=0)
        for copy, (top, left) in zip(hidden, some, strict=True):
            copy[top : top + window, left : left + window] = color
        for after, (top, left) in zip(probability(hidden), some, strict=True):
            fall[top : top + window, left : left + window] += before - after
            covers[top : top + window, left : left + window] += 1
    return fall / covers


def _starts(length: int, window: int, stride: int) -> list[int]:
    """Return where covers begin, so that they reach from the first pixel to the last."""
    return sorted({*range(0, length - window, stride), length - window})


@dataclass(frozen=True)
class CellGrid:
    """Where the cells of a layer's maps lie in the picture: their middles, in pixels from 0.

    A convolution without padding loses the border, so its maps show less than the whole picture;
    stretched over all of it, a heat would lie beside what caused it.
    """

    row: float
    """The middle of the first row of cells."""
    column: float
    row_step: float
    """From one row to the next."""
    column_step: float

    def stretched(self, heat: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """Lay a map ``(rows, columns)`` over a picture of that height and width.

        Between the middles of the cells values are interpolated; beyond the outermost middles the
        outermost values go on.
        """
        from scipy.ndimage import map_coordinates

        rows = (np.arange(size[0]) - self.row) / self.row_step
        columns = (np.arange(size[1]) - self.column) / self.column_step
        where = np.meshgrid(rows, columns, indexing="ij")
        return map_coordinates(np.asarray(heat, float), where, order=1, mode="nearest")


def cell_grid_of(model: keras.Model, layer: str | None = None) -> CellGrid:
    """Return where the cells of a layer's maps lie, from the strides and paddings on the way.

    ``layer`` is the one that :func:`grad_cam` chooses if it is left out. Layers that resize maps in
    other ways than convolution, pooling and zero padding are taken to leave every cell in place.
    """
    name = last_feature_layer(model) if layer is None else gradients.full_name(model, layer)
    found = {}

    def visit(at: str, layer: keras.Layer, *args: object, **_: object) -> CellGrid:
        (here, *_) = _places(args)  # maps that are added or joined lie in the same place
        found[at] = _moved(layer, here)
        return found[at]

    gradients.walk(model, CellGrid(0.0, 0.0, 1.0, 1.0), visit)
    return found[name]


def _places(args: Iterable[object]) -> Iterator[CellGrid]:
    for arg in args:
        if isinstance(arg, CellGrid):
            yield arg
        elif isinstance(arg, list | tuple):
            yield from _places(arg)


def _moved(layer: keras.Layer, place: CellGrid) -> CellGrid:
    """Return where a layer's cells lie if its input's cells lie in ``place``."""
    from keras import layers

    if isinstance(layer, layers.ZeroPadding2D):
        (above, _), (left, _) = layer.padding
        row = place.row - above * place.row_step
        return CellGrid(
            row, place.column - left * place.column_step, place.row_step, place.column_step
        )
    window = getattr(layer, "kernel_size", None) or getattr(layer, "pool_size", None)
    if window is None or len(window) != 2 or isinstance(layer, layers.Conv2DTranspose):
        return place
    down, right = (_first_middle(layer, window, axis) for axis in (0, 1))
    return CellGrid(
        place.row + down * place.row_step,
        place.column + right * place.column_step,
        place.row_step * layer.strides[0],
        place.column_step * layer.strides[1],
    )


def _first_middle(layer: keras.Layer, window: tuple[int, int], axis: int) -> float:
    """Return where the middle of a layer's first window lies, in cells of its input."""
    stride = layer.strides[axis]
    reach = (window[axis] - 1) * getattr(layer, "dilation_rate", (1, 1))[axis]
    if layer.padding != "same":
        return reach / 2
    left_over = (layer.input.shape[1 + axis] or 0) % stride or stride
    return reach / 2 - max(reach + 1 - left_over, 0) // 2


def last_feature_layer(model: keras.Model) -> str:
    """Name the last layer that gives maps and is no pooling: where the classes are told apart.

    Maps of one cell say nothing of the place; a network that goes on with convolutions after its
    global pooling has them. They are named only where there are no others.
    """
    from keras import layers

    pooling = (layers.MaxPooling2D, layers.AveragePooling2D)
    names = feature_layers(model)
    known = gradients.layers_of(model)
    fitting = [name for name in names if not isinstance(known[name], pooling)]
    if not fitting:
        raise ValueError(f"the network has no layer with maps; it has {', '.join(known)}")
    wide = [name for name in fitting if known[name].output.shape[1:3] != (1, 1)]
    return (wide or fitting)[-1]


def predicted_class(model: keras.Model, image: np.ndarray) -> int:
    """Return the class that the network holds to be the likeliest, from 0."""
    image = gradients.as_batch(model, image)
    scores = gradients.compiled(model, lambda x: gradients.class_scores(model, x))(image)[0]
    return int(scores[0] > 0) if len(scores) == 1 else int(scores.argmax())


def score(
    model: keras.Model,
    images: gradients.Tensor,
    target: int,
    replaced: Mapping[str, gradients.Tensor] | None = None,
) -> gradients.Tensor:
    """Return one class's score before the last activation, ``(n,)``; of one unit, ± its score."""
    return _of_class(gradients.class_scores(model, images, replaced), target, lambda s: -s)


def class_probability(
    model: keras.Model, images: gradients.Tensor, target: int
) -> gradients.Tensor:
    """Return what the network gives for one class, ``(n,)``."""
    return _of_class(model(images, training=False), target, lambda p: 1 - p)


def _of_class(
    outputs: gradients.Tensor, target: int, other: Callable[[gradients.Tensor], gradients.Tensor]
) -> gradients.Tensor:
    units = outputs.shape[-1]
    classes = max(units, 2)
    if not 0 <= target < classes:
        raise ValueError(f"there is no class {target}; the network knows 0 to {classes - 1}")
    if units > 1:
        return outputs[:, target]
    return outputs[:, 0] if target == 1 else other(outputs[:, 0])


PAPERS = {
    "Grad-CAM": "Selvaraju et al. 2017",
    "saliency": "Simonyan et al. 2013",
    "SmoothGrad": "Smilkov et al. 2017",
    "occlusion": "Zeiler, Fergus 2014",
}
PIXEL_BY_PIXEL = ("saliency", "SmoothGrad")


def plot_heatmaps(
    picture: np.ndarray, heatmaps: Mapping[str, np.ndarray], *, title: str, note: str = ""
) -> Figure:
    """Draw the picture and beside it each heatmap laid over it.

    Each map has a scale of its own, from its smallest value from zero on (the pale picture) to its
    largest (vermilion). A thin line runs where it is half as high; maps pixel by pixel are too
    fine for a line, and there the highest hundredth of the pixels counts as one, as in Smilkov et
    al. 2017.

    Args:
        picture: ``(height, width, 1 or 3)``, 0..255.
        heatmaps: the method's name and its map ``(height, width)``; Grad-CAM's raw map is brought
            to that size by :meth:`CellGrid.stretched`.
        title: what was asked, and of whom.
        note: how to read it.
    """
    picture = np.asarray(picture)
    papers = any(name in PAPERS for name in heatmaps)
    panel = mosaics.WIDTH / (len(heatmaps) + 1) - 0.06
    head = 0.32 if papers else 0.2
    figure = mosaics.new_sheet(panel * picture.shape[0] / picture.shape[1] + head, title, note)
    first, *others = figure.subplots(1, len(heatmaps) + 1, squeeze=False)[0]
    _draw(first, mosaics.as_drawn(picture), "the picture")
    for axes, (name, heat) in zip(others, heatmaps.items(), strict=True):
        fine = name in PIXEL_BY_PIXEL
        shown = np.minimum(heat, np.quantile(heat, 0.99)) if fine else heat
        label = f"{name}\n{PAPERS[name]}" if name in PAPERS else name
        _draw(axes, mosaics.overlay(picture, shown), label)
        if not fine and heat.max() > 0:
            axes.contour(heat, [heat.max() / 2], colors=[style.POINTED_AT], linewidths=0.9)
    return figure


def _draw(axes: Axes, drawn: np.ndarray, name: str) -> None:
    axes.imshow(drawn, cmap=style.MAP, vmin=0, vmax=255)
    axes.set_title(name, fontsize=mosaics.SMALL, color=style.GREY, loc="left")
    axes.set_axis_off()
