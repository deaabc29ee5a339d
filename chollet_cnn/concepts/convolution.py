"""Convolution: slide a window over the image, multiply cell by cell, add up.

A convolution turns the kernel by 180 degrees first, a cross-correlation does not. The
"convolutional" layer of a network computes a cross-correlation; as it learns its kernel, the
difference does not matter.

Source: V. Dumoulin and F. Visin, "A guide to convolution arithmetic for deep learning", 2016.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike

from chollet_cnn.concepts.checks import Padding, PerAxis, as_array, per_axis, widened
from chollet_cnn.concepts.geometry import padding_amounts

Mode = Literal["full", "same", "valid"]


def convolve1d(signal: ArrayLike, kernel: ArrayLike, mode: Mode = "full") -> np.ndarray:
    """Return the convolution of a signal: turn the kernel, slide it, add up the products.

    Args:
        signal: ``(n,)``.
        kernel: ``(k,)``; signal and kernel may be exchanged.
        mode: the places of the kernel. ``"full"``: wherever it overlaps the signal, ``n + k - 1``
            numbers; beyond its ends the signal counts as zero. ``"valid"``: only within the signal,
            ``n - k + 1`` numbers. ``"same"``: the centre of "full", as long as the longer of the
            two; of two centres the first, as in NumPy.

    Returns:
        The sums, the same as ``numpy.convolve(signal, kernel, mode)``.

    Raises:
        ValueError: the mode is unknown, or signal or kernel are not 1-D arrays of finite numbers.

    A mean of three neighbours, with the sums 3, 9, 18, 15, 9 before the division by 3:

    >>> convolve1d([3, 6, 9], [1/3, 1/3, 1/3])
    array([1., 3., 6., 5., 3.])
    >>> convolve1d([3, 6, 9], [1/3, 1/3, 1/3], "same")
    array([3., 6., 5.])
    >>> convolve1d([3, 6, 9], [1/3, 1/3, 1/3], "valid")
    array([6.])
    """
    signal = widened(as_array(signal, "signal", (1,)))
    kernel = widened(as_array(kernel, "kernel for a signal", (1,)))
    padded = np.pad(signal, len(kernel) - 1)
    full = sliding_window_view(padded, len(kernel)) @ kernel[::-1]
    shorter, longer = sorted((len(signal), len(kernel)))
    if mode == "full":
        return full
    if mode == "same":
        return full[(shorter - 1) // 2 :][:longer]
    if mode == "valid":
        return full[shorter - 1 : longer]
    raise ValueError(f'the mode must be "full", "same" or "valid", not {mode!r}')


def cross_correlate1d(signal: ArrayLike, kernel: ArrayLike, mode: Mode = "full") -> np.ndarray:
    """Return the cross-correlation of a signal: :func:`convolve1d` without turning the kernel.

    >>> cross_correlate1d([0, 1, 0], [7, 8, 9], "same")
    array([9, 8, 7])
    >>> convolve1d([0, 1, 0], [7, 8, 9], "same")
    array([7, 8, 9])
    """
    return convolve1d(signal, as_array(kernel, "kernel for a signal", (1,))[::-1], mode)


def pad(
    image: ArrayLike, window_shape: PerAxis, stride: PerAxis = 1, padding: Padding = 0
) -> np.ndarray:
    """Return an image with zeros around it.

    Args:
        image: ``(rows, columns)`` or ``(rows, columns, channels)``.
        window_shape: the size of the window that will slide over it.
        stride: its steps; they matter only for ``"same"``.
        padding: cells on each side, a pair of them for (rows, columns), ``"valid"`` for none, or
            ``"same"`` for as many as keep the size at stride 1 (see
            :func:`~chollet_cnn.concepts.geometry.padding_amounts`).

    Raises:
        ValueError: it is not an image, or the padding is negative or an unknown word.

    >>> pad([[1, 2]], window_shape=3, padding="same")
    array([[0, 0, 0, 0],
           [0, 1, 2, 0],
           [0, 0, 0, 0]])
    """
    image = as_array(image, "image", (2, 3))
    axes = zip(
        image.shape[:2],
        per_axis(window_shape, "window"),
        per_axis(stride, "stride"),
        per_axis(padding, "padding"),
        strict=True,
    )
    frame = [padding_amounts(*axis) for axis in axes]
    return np.pad(image, frame + [(0, 0)] * (image.ndim - 2))


def windows(image: ArrayLike, window_shape: PerAxis, stride: PerAxis = 1) -> np.ndarray:
    """Return every window of an image, from left to right and from top to bottom.

    Cells that are left over at the right and at the bottom are in no window, as in Keras;
    :func:`~chollet_cnn.concepts.geometry.output_size` raises an error for them.

    Args:
        image: ``(rows, columns)`` or ``(rows, columns, channels)``.
        window_shape: a number for a square, or (rows, columns).
        stride: steps from window to window, a number or (down, right).

    Returns:
        ``(windows down, windows across, rows, columns[, channels])``, a read-only view:
        ``windows(...)[i, j]`` is one window.

    Raises:
        ValueError: the window is larger than the image, or a number is not at least 1.

    >>> windows([[1, 2, 3],
    ...          [4, 5, 6]], 2)[0, 1]
    array([[2, 3],
           [5, 6]])
    >>> windows(np.zeros((16, 16)), 3).shape
    (14, 14, 3, 3)
    """
    image = as_array(image, "image", (2, 3))
    (rows, columns), (down, right) = per_axis(window_shape, "window"), per_axis(stride, "stride")
    if rows > image.shape[0] or columns > image.shape[1]:
        raise ValueError(
            f"a window of {rows}x{columns} does not fit into an image of "
            f"{image.shape[0]}x{image.shape[1]}"
        )
    every = sliding_window_view(image, (rows, columns), axis=(0, 1))[::down, ::right]
    return every if image.ndim == 2 else np.moveaxis(every, 2, -1)


def cross_correlate2d(
    image: ArrayLike, kernel: ArrayLike, stride: PerAxis = 1, padding: Padding = 0
) -> np.ndarray:
    """Return the cross-correlation: multiply the kernel with every window and add up.

    A Conv2D layer with one channel and this kernel gives the same.

    Args:
        image: ``(rows, columns)``.
        kernel: ``(rows, columns)``.
        stride: steps from window to window, a number or (down, right).
        padding: zeros around the image, as in :func:`pad`.

    Returns:
        One sum for each window, ``(windows down, windows across)``; integers stay integers.

    Raises:
        ValueError: image or kernel are not 2-D arrays of finite numbers, the kernel is larger than
            the padded image, or the stride is not at least 1.

    >>> cross_correlate2d([[1, 2, 3],
    ...                    [4, 5, 6],
    ...                    [7, 8, 9]], [[1, 0],
    ...                                 [0, 1]])  # 1 + 5, 2 + 6; 4 + 8, 5 + 9
    array([[ 6,  8],
           [12, 14]])
    """
    kernel = widened(as_array(kernel, "kernel", (2,)))
    padded = pad(as_array(image, "grey image", (2,)), kernel.shape, stride, padding)
    return np.tensordot(widened(windows(padded, kernel.shape, stride)), kernel, axes=2)


def convolve2d(
    image: ArrayLike, kernel: ArrayLike, stride: PerAxis = 1, padding: Padding = 0
) -> np.ndarray:
    """Return the convolution: :func:`cross_correlate2d` with the kernel turned by 180 degrees.

    The convolution of a single bright cell is the kernel itself, the cross-correlation is the
    kernel turned:

    >>> bright = [[0, 0, 0],
    ...           [0, 1, 0],
    ...           [0, 0, 0]]
    >>> convolve2d(bright, [[1, 2], [3, 4]])
    array([[1, 2],
           [3, 4]])
    >>> cross_correlate2d(bright, [[1, 2], [3, 4]])
    array([[4, 3],
           [2, 1]])

    With an even kernel ``"same"`` pads the end, as Keras does; :func:`convolve1d` pads the
    beginning, as NumPy does, and gives 1, 12, 23 here:

    >>> convolve2d([[1, 2, 3]], [[1, 10]], padding="same")
    array([[12, 23, 30]])
    """
    turned = as_array(kernel, "kernel", (2,))[::-1, ::-1]
    return cross_correlate2d(image, turned, stride, padding)


def convolve_volume(
    volume: ArrayLike,
    kernels: ArrayLike,
    bias: ArrayLike | None = None,
    stride: PerAxis = 1,
    padding: Padding = 0,
) -> np.ndarray:
    """Return the output of a Conv2D layer: each output channel sums over all input channels.

    Args:
        volume: ``(height, width, channels_in)``.
        kernels: ``(rows, columns, channels_in, channels_out)``, as in Keras; not turned.
        bias: ``(channels_out,)`` or None.
        stride: steps from window to window, a number or (down, right).
        padding: zeros around the volume, as in :func:`pad`.

    Returns:
        ``(height_out, width_out, channels_out)``, before any activation.

    Raises:
        ValueError: the channels or the biases do not match, and as in :func:`cross_correlate2d`.

    One cell with two channels, and two 1x1 kernels: their sum, and their difference with a bias.

    >>> kernels = np.reshape([[1, 1], [1, -1]], (1, 1, 2, 2))
    >>> convolve_volume([[[5, 3]]], kernels, bias=[0, 100])
    array([[[  8, 102]]])
    """
    volume = as_array(volume, "volume", (3,))
    kernels = widened(as_array(kernels, "stack of kernels", (4,)))
    rows, columns, channels_in, channels_out = kernels.shape
    if volume.shape[2] != channels_in:
        raise ValueError(
            f"the volume {volume.shape} has {volume.shape[2]} channels, but the kernels "
            f"{kernels.shape} are for {channels_in}"
        )
    padded = pad(volume, (rows, columns), stride, padding)
    sums = np.tensordot(widened(windows(padded, (rows, columns), stride)), kernels, axes=3)
    if bias is None:
        return sums
    bias = as_array(bias, "list of biases", (1,))
    if len(bias) != channels_out:
        raise ValueError(
            f"{channels_out} output channels need {channels_out} biases, not {len(bias)}"
        )
    return sums + bias
