"""Neurons: weighted sums, activation functions, and probabilities from scores."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from chollet_cnn.concepts.checks import Padding, PerAxis, as_array, per_axis, whole_number, widened
from chollet_cnn.concepts.convolution import pad, windows
from chollet_cnn.concepts.images import feature_count


def dense(x: ArrayLike, weights: ArrayLike, bias: ArrayLike | None = None) -> np.ndarray:
    """Return the output of a dense layer: y = x W + b.

    The articles write y = Wx + b, with a row of W for each unit; Keras has a column, as here.

    Args:
        x: ``(inputs,)``, or ``(batch, inputs)``.
        weights: ``(inputs, units)``.
        bias: ``(units,)`` or None.

    Returns:
        ``(units,)`` or ``(batch, units)``, before any activation.

    Raises:
        ValueError: the shapes do not match, or something is empty or has NaN.

    Two inputs, three units: the first input, the second one, and their sum with a bias.

    >>> dense([2, 3], [[1, 0, 1],
    ...                [0, 1, 1]], bias=[0, 0, 10])
    array([ 2,  3, 15])
    """
    x = widened(as_array(x, "line of inputs", (1, 2)))
    weights = widened(as_array(weights, "table of weights", (2,)))
    inputs, units = weights.shape
    if x.shape[-1] != inputs:
        raise ValueError(
            f"the weights {weights.shape} are for {inputs} inputs, but the input {x.shape} "
            f"has {x.shape[-1]}"
        )
    if bias is None:
        return x @ weights
    bias = as_array(bias, "list of biases", (1,))
    if len(bias) != units:
        raise ValueError(f"{units} units need {units} biases, not {len(bias)}")
    return x @ weights + bias


def relu(x: ArrayLike) -> np.ndarray:
    """Return max(0, x) of each number, in any shape.

    Raises:
        ValueError: ``x`` is empty or holds something else than finite numbers; so do the other
            activation functions and their slopes.

    >>> relu([-2, 0, 3])
    array([0, 0, 3])
    """
    return np.maximum(as_array(x, "input"), 0)


def relu_derivative(x: ArrayLike) -> np.ndarray:
    """Return the slope of :func:`relu`: 1 above 0, otherwise 0; at 0 itself as in frameworks.

    >>> relu_derivative([-2, 0, 3])
    array([0., 0., 1.])
    """
    return (as_array(x, "input") > 0).astype(float)


def sigmoid(x: ArrayLike) -> np.ndarray:
    """Return 1 / (1 + exp(-x)) of each number, which is between 0 and 1, and 0.5 at 0.

    >>> sigmoid([-1000, 0, 1000])
    array([0. , 0.5, 1. ])
    """
    x = _floats(x)
    small = np.exp(-np.abs(x))  # never above 1, while exp(1000) would be infinite
    return np.where(x >= 0, 1, small) / (1 + small)


def sigmoid_derivative(x: ArrayLike) -> np.ndarray:
    """Return the slope of :func:`sigmoid`, s * (1 - s): 1/4 at 0, and almost 0 far from it.

    >>> sigmoid_derivative([-1000, 0, 1000])
    array([0.  , 0.25, 0.  ])
    """
    return sigmoid(x) * sigmoid(-_floats(x))  # 1 - s(x) is s(-x), without rounding


def tanh(x: ArrayLike) -> np.ndarray:
    """Return tanh(x) = 2 * sigmoid(2x) - 1 of each number, which is between -1 and 1.

    >>> tanh([-1000, 0, 1000])
    array([-1.,  0.,  1.])
    """
    return np.tanh(_floats(x))


def tanh_derivative(x: ArrayLike) -> np.ndarray:
    """Return the slope of :func:`tanh`, 1 - tanh(x)**2: 1 at 0, and almost 0 far from it.

    >>> tanh_derivative([-1000, 0, 1000])
    array([0., 1., 0.])
    """
    return 1 - tanh(x) ** 2


def _floats(x: ArrayLike) -> np.ndarray:
    return as_array(x, "input").astype(float)


def softmax(scores: ArrayLike, axis: int = -1) -> np.ndarray:
    """Return probabilities that sum to 1: exp(score) divided by the sum over all classes.

    Adding a number to all scores changes nothing; the largest is subtracted first, so that nothing
    overflows. Sigmoids of the same scores need not sum to 1.

    Args:
        scores: an array of 1 to 4 axes.
        axis: the axis of classes, counted from 0, or from -1 at the end.

    Returns:
        The same shape.

    Raises:
        ValueError: there are no scores or NaN among them, or there is no such axis.

    A score that is larger by log 3 gets three times the probability:

    >>> softmax([0, np.log(3)]).round(6)
    array([0.25, 0.75])
    >>> softmax([1000, 1000])
    array([0.5, 0.5])
    """
    scores = widened(as_array(scores, "list of scores", (1, 2, 3, 4)))
    axis = whole_number(axis, "axis", least=-scores.ndim)
    powers = np.exp(scores - scores.max(axis=axis, keepdims=True))
    return powers / powers.sum(axis=axis, keepdims=True)


def convolution_matrix(
    kernel: ArrayLike, input_shape: int | Sequence[int], stride: PerAxis = 1, padding: Padding = 0
) -> np.ndarray:
    """Return a convolutional layer as the weight matrix of a dense layer.

    A row holds the kernel's weights at the inputs of one window and zeros elsewhere: the layer is a
    dense one with most connections cut and the others sharing a few weights. In one dimension, at
    stride 1, every diagonal is constant (a Toeplitz matrix).

    Args:
        kernel: ``(k,)`` for a signal or ``(rows, columns)`` for an image; it is not turned.
        input_shape: the length of the signal, or (rows, columns) of the image.
        stride: steps from window to window.
        padding: zeros around the input; they have no columns, since they add nothing.

    Returns:
        ``(outputs, inputs)``. Times an unrolled image it gives the unrolled result of
        :func:`~chollet_cnn.concepts.convolution.cross_correlate2d`.

    Raises:
        ValueError: kernel and input differ in the number of axes, or the kernel is larger than the
            padded input.

    >>> convolution_matrix([7, 8], input_shape=4)
    array([[7, 8, 0, 0],
           [0, 7, 8, 0],
           [0, 0, 7, 8]])
    """
    kernel = widened(as_array(kernel, "kernel", (1, 2)))
    shape = (input_shape,) if np.ndim(input_shape) == 0 else tuple(input_shape)
    if len(shape) != kernel.ndim:
        raise ValueError(f"a kernel of shape {kernel.shape} cannot slide over an input of {shape}")
    if kernel.ndim == 1:  # a signal is an image of one row
        kernel, shape = kernel[np.newaxis], (1, *shape)
        stride = (1, _single(stride, "stride"))
        padding = (0, _single(padding, "padding"))
    inputs = feature_count(shape)
    # Number the inputs from 1 and slide the window over the numbers: each window tells to which
    # inputs its weights belong. The padding has the number 0, a column that is dropped in the end.
    numbers = pad(np.arange(1, inputs + 1).reshape(shape), kernel.shape, stride, padding)
    covered = windows(numbers, kernel.shape, stride).reshape(-1, kernel.size)
    matrix = np.zeros((len(covered), inputs + 1), kernel.dtype)
    np.put_along_axis(matrix, covered, kernel.reshape(1, -1), axis=1)
    return matrix[:, 1:]


def _single(value: PerAxis | Padding, name: str) -> int | str:
    """Return the one stride or padding that a signal has."""
    first, second = per_axis(value, name)
    if first != second:
        raise ValueError(f"a signal has one axis and needs one {name}, not {value}")
    return first
