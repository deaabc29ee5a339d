"""Filters: what the kernels of a network look for.

The first layer's kernels can be looked at, they weigh pixels. A later layer's kernels weigh the
maps of the layer before; what they look for shows in the picture that excites them most.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from chollet_cnn.analysis import gradients
from chollet_cnn.drawing import mosaics

if TYPE_CHECKING:
    import keras
    from matplotlib.figure import Figure

TOGETHER = 64
"""How many channels climb in one batched call, at most: it bounds the memory."""


def first_kernels(model: keras.Model) -> np.ndarray:
    """Return the kernels of the first convolution, ``(height, width, colours, kernels)``.

    Raises:
        ValueError: the network has no convolution.
    """
    from keras import layers, ops

    for layer in gradients.layers_of(model).values():
        if isinstance(layer, layers.Conv2D):
            return ops.convert_to_numpy(layer.kernel)
    known = ", ".join(gradients.layers_of(model))
    raise ValueError(f"the network has no convolution; it has {known}")


def plot_kernels(kernels: np.ndarray, *, columns: int = 8) -> Figure:
    """Draw kernels as pictures, all on one scale with zero in the middle.

    Kernels over three colours are drawn in colour: mid-grey is zero, a colour that is stronger than
    grey is looked for, one that is weaker is counted against. Others are drawn in grey, small ones
    with their weights in the cells.

    Args:
        kernels: ``(height, width, colours, kernels)``.
        columns: kernels in a row.
    """
    height, width, colours, count = kernels.shape
    largest = float(np.abs(kernels).max()) or 1.0
    pictures = np.moveaxis(kernels, -1, 0)
    if colours == 3:
        drawn = as_colours(pictures)
        note = f"Grey is a weight of 0; the strongest weight is ±{largest:.2f}, one scale."
    else:
        drawn = pictures.mean(axis=-1)
        largest = float(np.abs(drawn).max()) or 1.0
        note = f"Black is {-largest:.2f}, grey 0, white {largest:.2f}; one scale for all.".replace(
            "-", "\N{MINUS SIGN}"
        )
    return mosaics.plot_mosaic(
        drawn,
        [str(kernel) for kernel in range(count)],
        columns=columns,
        title=f"The first layer's {count} kernels: what is bright counts for, what is dark against",
        note=note,
        limits=(-largest, largest),
        written=colours != 3 and max(height, width) <= 3 and count <= 36,
    )


def as_colours(kernels: np.ndarray) -> np.ndarray:
    """Return signed weights ``(n, height, width, 3)`` as uint8 colours; zero is mid-grey."""
    largest = np.abs(kernels).max() or 1.0
    return np.round(127.5 + 127.5 * kernels / largest).astype(np.uint8)


def maximize_activation(
    model: keras.Model,
    layer: str,
    channels: Sequence[int] | None = None,
    *,
    steps: int = 40,
    step_size: float = 0.06,
    contrast: float = 0.3,
    jitter: int | None = None,
    smoothing: float = 0.5,
    size: int | None = None,
    pixel_range: tuple[float, float] = (0.0, 255.0),
    seed: int = 0,
) -> np.ndarray:
    """Paint for each channel of a layer the picture that excites it most, by gradient ascent.

    It starts from faint noise on grey. Each step moves every pixel the way that raises the mean of
    the channel's map. What lies below zero there counts a little, though a ReLU cuts it off: a
    channel that is dark at the start would have no slope to climb. Two things keep the result from
    being noise that only the network can read: the picture is shifted about by a few pixels from
    step to step, and the gradient is smoothed, more in the beginning than at the end.

    Args:
        model: the network.
        layer: its name; its output has maps.
        channels: which channels; all if they are left out. They climb together in one batch.
        steps: how often the pictures are changed.
        step_size: how far a step goes, as a share of the range from black to white.
        contrast: root mean square of a picture's distance from grey, at most; without a bound
            everything would end black, white or garish.
        jitter: the picture is shifted by at most that many pixels, and back; by a quarter of its
            height if it is left out, which spares it a border.
        smoothing: standard deviation of the Gaussian blur of the gradient, in pixels; in the
            beginning it is 2 more, and falls to this in the first half of the steps.
        size: height and width of the pictures; the network's own if it is left out. Smaller
            pictures are painted faster, and show as much of a layer that sees little at once.
        pixel_range: black and white as the network takes them; a network whose pictures are
            prepared outside it takes other numbers than 0 and 255.
        seed: of the noise and the shifts.

    Returns:
        ``(channels, height, width, colours)`` uint8, 0..255.

    Raises:
        ValueError: there is no such layer or channel, or the layer has no maps.

    Source: Simonyan, Vedaldi and Zisserman, "Deep Inside Convolutional Networks", 2013; jitter as
    in Mordvintsev et al., "Inceptionism", 2015.
    """
    name = gradients.full_name(model, layer)
    wanted = _channels_of(model, name, channels)
    climb = gradients.differentiated(model, _excitement(model, name, pixel_range, soft=True))
    shape = _picture_shape(model, size)
    far = shape[0] // 4 if jitter is None else jitter
    parts = []
    for start in range(0, len(wanted), TOGETHER):
        chosen = wanted[start : start + TOGETHER]
        random = np.random.default_rng([seed, start])
        pictures = 0.5 + 0.05 * random.standard_normal((len(chosen), *shape)).astype(np.float32)
        for step in range(steps):
            shift = tuple(random.integers(-far, far + 1, 2))
            _, slope = climb(np.roll(pictures, shift, axis=(1, 2)), chosen)
            slope = np.roll(slope, tuple(-s for s in shift), axis=(1, 2))
            blur = smoothing + 2 * max(0, 1 - 2 * step / steps)
            pictures = _within(pictures + step_size * _evened(slope, blur), contrast)
        parts.append(pictures)
    return np.round(255 * np.concatenate(parts)).astype(np.uint8)


def mean_activation(
    model: keras.Model,
    layer: str,
    pictures: np.ndarray,
    channels: Sequence[int],
    *,
    pixel_range: tuple[float, float] = (0.0, 255.0),
) -> np.ndarray:
    """Return how strongly picture i excites channel i: the mean of the channel's map, ``(n,)``."""
    name = gradients.full_name(model, layer)
    excite = gradients.compiled(model, _excitement(model, name, pixel_range))
    return excite(pictures.astype(np.float32) / 255, np.asarray(channels, np.int32))


def _excitement(
    model: keras.Model, name: str, pixel_range: tuple[float, float], *, soft: bool = False
) -> Callable[[gradients.Tensor, gradients.Tensor], gradients.Tensor]:
    """Return the function that says how strongly pictures 0..1 excite the channels chosen.

    ``soft`` leaves away the layer's own activation and bends what lies below zero instead of
    cutting it off, so that there is a slope everywhere.
    """
    from keras import ops

    low, high = pixel_range

    def excite(pictures: gradients.Tensor, chosen: gradients.Tensor) -> gradients.Tensor:
        pixels = low + (high - low) * pictures
        maps = gradients.layer_outputs(model, pixels, [name], activated=not soft)[name]
        channel = ops.reshape(ops.one_hot(chosen, maps.shape[-1]), (-1, 1, 1, maps.shape[-1]))
        maps = ops.sum(maps * channel, axis=-1)
        return ops.mean(_bent(maps) if soft else maps, axis=(1, 2))

    return excite


def _bent(maps: gradients.Tensor) -> gradients.Tensor:
    """Bend maps ``(n, rows, columns)`` towards a floor below zero, in proportion to their size."""
    from keras import ops

    size = ops.mean(ops.abs(maps), axis=(1, 2), keepdims=True)
    return ops.elu(maps / ops.stop_gradient(0.2 * size + 1e-12))


def _channels_of(model: keras.Model, name: str, channels: Sequence[int] | None) -> np.ndarray:
    shape = gradients.layers_of(model)[name].output.shape
    if len(shape) != 4:
        raise ValueError(f"{name} gives no maps; its output has the shape {tuple(shape[1:])}")
    chosen = np.arange(shape[-1]) if channels is None else np.asarray(channels)
    for channel in chosen:
        if not 0 <= channel < shape[-1]:
            raise ValueError(f"{name} has no channel {channel}; it has 0 to {shape[-1] - 1}")
    return chosen.astype(np.int32)


def _picture_shape(model: keras.Model, size: int | None) -> tuple[int, int, int]:
    height, width, colours = model.inputs[0].shape[1:]
    if size is not None:
        return size, size, colours
    return height or 128, width or 128, colours


def _evened(slope: np.ndarray, blur: float) -> np.ndarray:
    """Smooth each picture's gradient and bring it to a mean size of 1; where it is 0 it stays 0."""
    from scipy.ndimage import gaussian_filter

    smooth = gaussian_filter(slope, (0, blur, blur, 0), mode="wrap")
    length = np.sqrt((smooth**2).mean(axis=(1, 2, 3), keepdims=True))
    return smooth / np.maximum(length, 1e-20)


def _within(pictures: np.ndarray, contrast: float) -> np.ndarray:
    """Draw each picture back towards grey until its contrast is allowed, and cut at 0 and 1."""
    away = pictures - 0.5
    spread = np.sqrt((away**2).mean(axis=(1, 2, 3), keepdims=True))
    return np.clip(0.5 + away * np.minimum(1, contrast / np.maximum(spread, 1e-20)), 0, 1)


def plot_activation_maximization(
    pictures: np.ndarray, layer: str, channels: Sequence[int] | None = None, *, columns: int = 8
) -> Figure:
    """Draw what :func:`maximize_activation` painted, with the channels' numbers.

    Args:
        pictures: ``(n, height, width, 1 or 3)`` uint8.
        layer: its name, for the title.
        channels: which channel each picture is of; 0, 1, 2 and so on if they are left out.
        columns: pictures in a row.
    """
    drawn = np.stack([mosaics.as_drawn(picture) for picture in pictures])
    return mosaics.plot_mosaic(
        drawn,
        [str(channel) for channel in (range(len(drawn)) if channels is None else channels)],
        columns=columns,
        title=f"{layer}: the picture that excites each channel most",
        note="Painted by gradient ascent from faint noise; grey is left where nothing helps.",
    )
