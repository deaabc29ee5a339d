"""Filters: what the kernels of a network respond to.

The kernels of the first layer weigh pixels and can be looked at. Those of a later layer weigh the
feature maps before it; what they respond to is shown by activation maximization.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import keras
import numpy as np
from keras import layers, ops
from matplotlib.figure import Figure
from scipy.ndimage import gaussian_filter

from chollet_cnn.analysis import gradients
from chollet_cnn.analysis.model_graph import (
    CONVOLUTIONS,
    Tensor,
    UnsupportedModelError,
    channels_of,
    full_name,
    image_shape,
    layer_outputs,
    layers_of,
)
from chollet_cnn.concepts.checks import as_array, whole_number
from chollet_cnn.drawing import mosaics
from chollet_cnn.drawing.numbers import MINUS, format_count
from chollet_cnn.drawing.progress import progress_bar

TOGETHER = 64
"""The largest number of channels in one batch; it bounds the memory."""
STEP, CONTRAST = 0.06, 0.3
"""The length of a step of gradient ascent, and the largest root mean square of an image's
difference from grey, without which every pixel would end black or white; black to white is 1."""
COLUMNS = 8


def first_kernels(model: keras.Model) -> np.ndarray:
    """Return the kernels of the first convolution, ``(height, width, channels, kernels)``.

    Args:
        model: the network, new or trained.

    Returns:
        Its weights, which :func:`plot_kernels` draws.

    Raises:
        UnsupportedModelError: the network has no convolution, or its first has other kernels; it
            is subclassed or not built.
    """
    known = layers_of(model)
    for name, layer in known.items():
        if isinstance(layer, layers.Conv2D):
            return gradients.to_numpy(layer.kernel)
        if isinstance(layer, CONVOLUTIONS):
            raise UnsupportedModelError(
                f"the first convolution, {name}, is a {type(layer).__name__}, which has no kernels "
                "over all channels at once"
            )
    raise UnsupportedModelError(
        f"the network has no convolution of images; its layers are {', '.join(known)}"
    )


def plot_kernels(kernels: np.ndarray, *, largest: float | None = None) -> Figure:
    """Draw kernels as images, all on one scale with zero in the middle.

    Kernels over three channels are drawn in colour: mid-grey is zero, a channel that is stronger
    than grey has positive weights, one that is weaker negative ones. Others are drawn in grey, as
    means over their channels, small ones with their weights in the cells.

    Args:
        kernels: ``(height, width, channels, kernels)``.
        largest: the weight that is drawn white, to compare figures; by default the largest in size.

    Returns:
        The figure.

    Raises:
        ValueError: they have another shape, have a weight above ``largest``, or are not finite.
    """
    kernels = as_array(kernels, "array of kernels")
    if kernels.ndim != 4:
        raise ValueError(
            f"kernels have the shape (height, width, channels, kernels), not {kernels.shape}"
        )
    height, width, channels, count = kernels.shape
    averaged = "" if channels in (1, 3) else f", averaged over {channels} channels"
    images = np.moveaxis(kernels, -1, 0)
    images = images if channels == 3 else images.mean(axis=-1)
    strongest = float(np.abs(images).max())
    largest = strongest or 1.0 if largest is None else largest
    if strongest > largest:
        raise ValueError(f"a weight is {strongest:.3g} in size, above largest={largest:.3g}")
    high = f"{largest:.2g}" if largest < 0.1 else f"{largest:.2f}"
    low = f"{MINUS}{high}"
    if channels == 3:
        images = np.round(127.5 + 127.5 * images / largest).astype(np.uint8)
    return mosaics.plot_mosaic(
        images,
        [str(kernel) for kernel in range(count)],
        columns=COLUMNS,
        title=f"{format_count(count, 'kernel')} of {width}×{height}{averaged}: bright weights are "
        "positive, dark negative",
        note=f"One scale for all: grey is a weight of 0, the strongest colours are ±{high}."
        if channels == 3
        else f"One scale for all: black is {low}, grey 0, white {high}.",
        limits=(-largest, largest),
        write_values=channels != 3 and max(height, width) <= 3 and count <= 36 and largest >= 0.1,
    )


def maximize_activation(
    model: keras.Model,
    layer: str,
    channels: Sequence[int] | None = None,
    *,
    steps: int = 40,
    size: int | None = None,
    pixel_range: tuple[float, float] = (0.0, 255.0),
    seed: int = 0,
) -> np.ndarray:
    """Return for each channel of a layer an image that activates it strongly, by gradient ascent.

    It starts from faint noise on grey; each step changes the pixels so that the mean of the feature
    map rises. Values below zero are bent instead of cut off by ReLU, as an inactive channel would
    have no gradient. To avoid noise that only the network responds to, the image is shifted from
    step to step, by at most a quarter of its height, and the gradient is smoothed, at the beginning
    more than at the end.

    Args:
        model: the network.
        layer: its name; it has feature maps.
        channels: which channels; by default all.
        steps: how often the images are changed.
        size: height and width of the images; by default those of the network's input. Smaller
            images take less time, and are enough for a layer with a small receptive field.
        pixel_range: black and white in the network's input; a network whose images are rescaled
            outside it takes other numbers than 0 and 255.
        seed: of the noise and the shifts.

    Returns:
        ``(channels, height, width, colours)`` uint8, 0..255; without the last axis if the network
        takes ``(height, width)``.

    Raises:
        ValueError: there is no such layer or channel, the layer has no feature maps, or no gradient
            passes the layers before it, as none passes ``one_hot``.
        UnsupportedModelError: the network is subclassed or not built, or takes no images.

    Source: Simonyan, Vedaldi and Zisserman, "Deep Inside Convolutional Networks", 2013; jitter as
    in Mordvintsev et al., "Inceptionism", 2015.
    """
    name = full_name(model, layer)
    wanted = channels_of(model, name, channels)
    whole_number(steps, "number of steps", least=0)
    ascend = gradients.differentiated(model, _mean_of_map(model, name, pixel_range, bent=True))
    height, width, *colors = image_shape(model)
    shape = (size or height or 128, size or width or 128, *colors)
    far = shape[0] // 4
    parts = []
    with progress_bar("gradient ascent", steps * len(wanted), stays=False) as advance:
        for start in range(0, len(wanted), TOGETHER):
            chosen = wanted[start : start + TOGETHER]
            random = np.random.default_rng([seed, start])
            images = 0.5 + 0.05 * random.standard_normal((len(chosen), *shape)).astype(np.float32)
            for step in range(steps):
                shift = tuple(random.integers(-far, far + 1, 2))
                _, slope = ascend(np.roll(images, shift, axis=(1, 2)), chosen)
                slope = np.roll(slope, tuple(-s for s in shift), axis=(1, 2))
                blur = 0.5 + 2 * max(0, 1 - 2 * step / steps)
                images = _within(images + STEP * _normalized(slope, blur))
                advance(len(chosen))
            parts.append(images)
    return np.round(255 * np.concatenate(parts)).astype(np.uint8)


def mean_activation(
    model: keras.Model,
    layer: str,
    images: np.ndarray,
    channels: Sequence[int],
    *,
    pixel_range: tuple[float, float] = (0.0, 255.0),
) -> np.ndarray:
    """Return the mean of the feature map of channel i for image i, ``(n,)``; images are 0..255.

    Raises:
        ValueError: there is no such layer or channel, or not as many channels as images.
    """
    name, images = full_name(model, layer), np.asarray(images)
    chosen = channels_of(model, name, channels)
    if len(chosen) != len(images):
        raise ValueError(
            f"give one image for each channel, not {format_count(len(images), 'image')} for "
            f"{format_count(len(chosen), 'channel')}"
        )
    mean = gradients.compiled(model, _mean_of_map(model, name, pixel_range))
    return mean(images.astype(np.float32) / 255, chosen)


def _mean_of_map(
    model: keras.Model, name: str, pixel_range: tuple[float, float], *, bent: bool = False
) -> Callable[[Tensor, Tensor], Tensor]:
    """Return the function that gives the mean of the chosen channels' maps for images 0..1.

    ``bent`` leaves out the layer's activation and bends negative values, in proportion to their
    size, so that there is a gradient everywhere.
    """
    low, high = pixel_range

    def mean(images: Tensor, chosen: Tensor) -> Tensor:
        pixels = low + (high - low) * images
        maps = layer_outputs(model, pixels, [name], activated=not bent)[name]
        maps = ops.cast(maps, "float32")  # the network may compute in another precision
        channel = ops.reshape(ops.one_hot(chosen, maps.shape[-1]), (-1, 1, 1, maps.shape[-1]))
        maps = ops.sum(maps * channel, axis=-1)
        if bent:
            size = ops.mean(ops.abs(maps), axis=(1, 2), keepdims=True)
            maps = ops.elu(maps / ops.stop_gradient(0.2 * size + 1e-12))
        return ops.mean(maps, axis=(1, 2))

    return mean


def _normalized(slope: np.ndarray, blur: float) -> np.ndarray:
    """Smooth each image's gradient and scale it to a root mean square of 1, unless it is 0."""
    smooth = gaussian_filter(slope, blur, axes=(1, 2), mode="wrap")
    length = np.sqrt((smooth**2).mean(axis=tuple(range(1, smooth.ndim)), keepdims=True))
    return smooth / np.maximum(length, 1e-20)


def _within(images: np.ndarray) -> np.ndarray:
    """Reduce each image's contrast to the largest allowed, and clip it to 0..1."""
    away = images - 0.5
    spread = np.sqrt((away**2).mean(axis=tuple(range(1, away.ndim)), keepdims=True))
    return np.clip(0.5 + away * np.minimum(1, CONTRAST / np.maximum(spread, 1e-20)), 0, 1)


def plot_activation_maximization(
    images: np.ndarray, layer: str, channels: Sequence[int] | None = None
) -> Figure:
    """Draw the images of :func:`maximize_activation` with the channels' numbers.

    Args:
        images: ``(n, height, width, 1 or 3)`` uint8.
        layer: its name, for the title.
        channels: the channel of each image; by default 0, 1, 2 and so on.

    Returns:
        The figure.
    """
    return mosaics.plot_mosaic(
        images,
        [str(channel) for channel in (range(len(images)) if channels is None else channels)],
        columns=COLUMNS,
        title=f"{layer}: an image that activates each channel strongly",
        note="By gradient ascent from faint noise; grey is where nothing raises the activation.",
    )
