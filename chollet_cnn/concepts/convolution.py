"""Convolution: slide a window over the picture, multiply cell by cell, add up.

With the kernel turned around first it is a convolution; without, a cross-correlation. What a
network's "convolutional" layer computes is the second. The layer learns its kernel, so it makes no
difference to it which way round the kernel is kept.

Source: V. Dumoulin and F. Visin, "A guide to convolution arithmetic for deep learning", 2016.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike

from chollet_cnn.concepts.checks import Padding, PerAxis, as_array, per_axis, widened
from chollet_cnn.concepts.sizes import padding_amounts

Mode = Literal["full", "same", "valid"]


def convolve1d(signal: ArrayLike, kernel: ArrayLike, mode: Mode = "full") -> np.ndarray:
    """Turn the kernel around, slide it along the signal, and add up the products at every step.

    Signal and kernel may change places: the result is the same.

    Args:
        signal: ``(n,)``.
        kernel: ``(k,)``.
        mode: where the kernel may stand. ``"full"``: wherever it touches the signal, which gives
            ``n + k - 1`` numbers; beyond its ends the signal counts as zero. ``"valid"``: only
            where it lies on the signal whole, which gives ``n - k + 1``. ``"same"``: the middle of
            "full", as long as the longer of the two; of two middles the first, as in NumPy.

    Returns:
        The sums, the same as ``numpy.convolve(signal, kernel, mode)``.

    Raises:
        ValueError: for an unknown mode, for anything but two lines of numbers, or for NaN.

    A mean of three neighbours, with the sums 3, 9, 18, 15, 9 before the division by 3:

    >>> convolve1d([3, 6, 9], [1/3, 1/3, 1/3])
    array([1., 3., 6., 5., 3.])
    >>> convolve1d([3, 6, 9], [1/3, 1/3, 1/3], "same")
    array([3., 6., 5.])
    >>> convolve1d([3, 6, 9], [1/3, 1/3, 1/3], "valid")
    array([6.])

    With an even kernel "full" has two middles, and :func:`convolve2d` takes the other one:

    >>> convolve1d([1, 2, 3], [1, 10])
    array([ 1, 12, 23, 30])
    >>> convolve1d([1, 2, 3], [1, 10], "same")
    array([ 1, 12, 23])
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


def convolve1d_by_hand(signal: ArrayLike, kernel: ArrayLike) -> np.ndarray:
    """Compute the full convolution of :func:`convolve1d` as the formula says it.

    The number at place t is the sum of ``signal[i] * kernel[t - i]``: where one index goes up, the
    other goes down, and that is the turning around of the kernel.

    >>> convolve1d_by_hand([1, 2, 3], [10, 1])  # 1*10, 1*1 + 2*10, 2*1 + 3*10, 3*1
    array([10, 21, 32,  3])
    """
    signal = widened(as_array(signal, "signal", (1,)))
    kernel = widened(as_array(kernel, "kernel for a signal", (1,)))
    sums = []
    for t in range(len(signal) + len(kernel) - 1):
        total = 0
        for i in range(len(signal)):
            if 0 <= t - i < len(kernel):
                total += signal[i] * kernel[t - i]
        sums.append(total)
    return np.array(sums)


def cross_correlate1d(signal: ArrayLike, kernel: ArrayLike, mode: Mode = "full") -> np.ndarray:
    """Slide the kernel along the signal as it stands, and add up the products at every step.

    It is :func:`convolve1d` without the turning around; arguments, result and errors are the same.
    For a kernel that reads the same both ways there is no difference.

    >>> cross_correlate1d([0, 1, 0], [7, 8, 9], "same")
    array([9, 8, 7])
    >>> convolve1d([0, 1, 0], [7, 8, 9], "same")
    array([7, 8, 9])
    """
    return convolve1d(signal, as_array(kernel, "kernel for a signal", (1,))[::-1], mode)


def pad(
    image: ArrayLike, window_shape: PerAxis, stride: PerAxis = 1, padding: Padding = 0
) -> np.ndarray:
    """Put a frame of zeros around a picture, so that a window can also stand on its border.

    Args:
        image: ``(rows, columns)`` or ``(rows, columns, channels)``; channels get the same frame.
        window_shape: the size of the window that will slide over it.
        stride: its steps; they matter for ``"same"`` alone.
        padding: cells on each side, a pair of them for (rows, columns), ``"valid"`` for none, or
            ``"same"`` for as many as keep the size at stride 1 (see
            :func:`~chollet_cnn.concepts.sizes.padding_amounts`).

    Returns:
        The larger picture.

    Raises:
        ValueError: if it is no picture, or the padding is negative or an unknown word.

    >>> pad([[1, 2]], window_shape=3, padding="same")
    array([[0, 0, 0, 0],
           [0, 1, 2, 0],
           [0, 0, 0, 0]])
    """
    image = as_array(image, "picture", (2, 3))
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
    """Cut out every window of a picture, from left to right and from top to bottom.

    Where the steps do not come out even, the cells that are left over at the right and at the
    bottom are in no window; that is what Keras does. Ask
    :func:`~chollet_cnn.concepts.sizes.output_size` to be told.

    Args:
        image: ``(rows, columns)`` or ``(rows, columns, channels)``.
        window_shape: a number for a square, or (rows, columns).
        stride: steps from window to window, a number or (down, right).

    Returns:
        ``(windows down, windows across, rows, columns)``, and channels as the last axis if the
        picture has them: ``windows(...)[i, j]`` is one window. It shows the picture's own cells
        and cannot be written to.

    Raises:
        ValueError: if the window is larger than the picture, or a number is not at least 1.

    >>> picture = [[1, 2, 3],
    ...            [4, 5, 6]]
    >>> windows(picture, 2)[0, 1]
    array([[2, 3],
           [5, 6]])
    >>> down, across = windows(np.zeros((16, 16)), 3).shape[:2]
    >>> down * across
    196
    """
    image = as_array(image, "picture", (2, 3))
    shape, (down, right) = per_axis(window_shape, "window"), per_axis(stride, "stride")
    _must_fit(shape, image)
    every = sliding_window_view(image, shape, axis=(0, 1))[::down, ::right]
    return every if image.ndim == 2 else np.moveaxis(every, 2, -1)


def _must_fit(window_shape: tuple[int, ...], image: np.ndarray) -> None:
    rows, columns = window_shape
    if rows > image.shape[0] or columns > image.shape[1]:
        raise ValueError(
            f"a window of {rows}x{columns} does not fit into a picture of "
            f"{image.shape[0]}x{image.shape[1]}"
        )


def cross_correlate2d(
    image: ArrayLike, kernel: ArrayLike, stride: PerAxis = 1, padding: Padding = 0
) -> np.ndarray:
    """Lay the kernel on every window of the picture, multiply cell by cell, and add up.

    A Conv2D layer with one channel and this kernel gives the same. All windows are multiplied at
    once here; :func:`cross_correlate2d_by_hand` takes them one by one.

    ======= ====== ======= ======= ======
    picture kernel by hand at once faster
    ======= ====== ======= ======= ======
    28x28   3x3    2.3 ms  0.07 ms 33 x
    150x150 3x3    74 ms   0.52 ms 140 x
    150x150 7x7    94 ms   1.5 ms  64 x
    ======= ====== ======= ======= ======

    (Arrays of fractions, one core of an AMD EPYC, the best of 5 by ``python -m timeit``.)

    Args:
        image: ``(rows, columns)``.
        kernel: ``(rows, columns)``.
        stride: steps from window to window, a number or (down, right).
        padding: zeros around the picture, as in :func:`pad`.

    Returns:
        One sum for each window, ``(windows down, windows across)``; whole numbers stay whole.

    Raises:
        ValueError: if either is no array of two axes, is empty or holds NaN, if the kernel is
            larger than the padded picture, or the stride is not at least 1.

    >>> picture = [[1, 2, 3],
    ...            [4, 5, 6],
    ...            [7, 8, 9]]
    >>> cross_correlate2d(picture, [[1, 0],
    ...                             [0, 1]])  # 1 + 5, 2 + 6; 4 + 8, 5 + 9
    array([[ 6,  8],
           [12, 14]])
    """
    kernel = widened(as_array(kernel, "kernel", (2,)))
    padded = pad(as_array(image, "grey picture", (2,)), kernel.shape, stride, padding)
    return np.tensordot(widened(windows(padded, kernel.shape, stride)), kernel, axes=2)


def cross_correlate2d_by_hand(
    image: ArrayLike, kernel: ArrayLike, stride: PerAxis = 1, padding: Padding = 0
) -> np.ndarray:
    """Compute :func:`cross_correlate2d` window by window, as one would with pencil and paper.

    >>> cross_correlate2d_by_hand([[1, 2, 3], [4, 5, 6], [7, 8, 9]], [[1, 0], [0, 1]])
    array([[ 6,  8],
           [12, 14]])
    """
    kernel = widened(as_array(kernel, "kernel", (2,)))
    picture = widened(pad(as_array(image, "grey picture", (2,)), kernel.shape, stride, padding))
    _must_fit(kernel.shape, picture)
    rows, columns = kernel.shape
    down, right = per_axis(stride, "stride")
    sums = []
    for top in range(0, picture.shape[0] - rows + 1, down):
        line = []
        for left in range(0, picture.shape[1] - columns + 1, right):
            window = picture[top : top + rows, left : left + columns]
            line.append(np.sum(window * kernel))
        sums.append(line)
    return np.array(sums)


def convolve2d(
    image: ArrayLike, kernel: ArrayLike, stride: PerAxis = 1, padding: Padding = 0
) -> np.ndarray:
    """Turn the kernel by 180 degrees, then do as :func:`cross_correlate2d` does.

    Arguments, result and errors are those of :func:`cross_correlate2d`. A single bright cell comes
    out as the kernel itself; cross-correlation shows the kernel upside down instead.

    >>> bright = [[0, 0, 0],
    ...           [0, 1, 0],
    ...           [0, 0, 0]]
    >>> convolve2d(bright, [[1, 2], [3, 4]])
    array([[1, 2],
           [3, 4]])
    >>> cross_correlate2d(bright, [[1, 2], [3, 4]])
    array([[4, 3],
           [2, 1]])

    With an even kernel ``"same"`` puts the zero that is left over at the end, as Keras does;
    :func:`convolve1d` puts it at the beginning, as NumPy does, and gives 1, 12, 23 here:

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
    """Compute a Conv2D layer: each output channel adds up a window of all the input channels.

    Like every framework's layer it does not turn the kernels around. What stands at one place in
    all the output channels, the depth column, comes from the same window.

    Args:
        volume: ``(height, width, channels_in)``.
        kernels: ``(rows, columns, channels_in, channels_out)``, the way Keras keeps them.
        bias: ``(channels_out,)``, added to every cell of a channel, or nothing.
        stride: steps from window to window, a number or (down, right).
        padding: zeros around the picture, as in :func:`pad`.

    Returns:
        ``(height_out, width_out, channels_out)``, before any activation.

    Raises:
        ValueError: if the channels or the biases do not match, and as in :func:`cross_correlate2d`.

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
            f"{kernels.shape} are made for {channels_in}"
        )
    padded = pad(volume, (rows, columns), stride, padding)
    sums = np.tensordot(widened(windows(padded, (rows, columns), stride)), kernels, axes=3)
    if bias is None:
        return sums
    bias = as_array(bias, "list of biases", (1,))
    if len(bias) != channels_out:
        raise ValueError(f"{channels_out} output channels need as many biases, not {len(bias)}")
    return sums + bias
