"""Neurons: weighted sums, what is done to them, and how scores become probabilities."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from chollet_cnn.concepts.checks import Padding, PerAxis, as_array, per_axis, widened
from chollet_cnn.concepts.convolution import pad, windows
from chollet_cnn.concepts.images import feature_count


def dense(x: ArrayLike, weights: ArrayLike, bias: ArrayLike | None = None) -> np.ndarray:
    """Let every unit add up all the inputs, each times a weight of its own, and then its bias.

    The articles write y = Wx + b, with one row of W for each unit. Keras keeps one column for each
    unit, and so does this: y = x W + b.

    Args:
        x: ``(inputs,)``, or ``(batch, inputs)`` for several at once.
        weights: ``(inputs, units)``.
        bias: ``(units,)``, or nothing.

    Returns:
        ``(units,)`` or ``(batch, units)``, before any activation.

    Raises:
        ValueError: if the shapes do not match, or something is empty or holds NaN.

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
            f"the weights {weights.shape} are made for {inputs} inputs, but the input {x.shape} "
            f"has {x.shape[-1]}"
        )
    if bias is None:
        return x @ weights
    bias = as_array(bias, "list of biases", (1,))
    if len(bias) != units:
        raise ValueError(f"{units} units need as many biases, not {len(bias)}")
    return x @ weights + bias


def relu(x: ArrayLike) -> np.ndarray:
    """Let positive numbers pass and make the others zero: max(0, x).

    Works on arrays of any shape, cell by cell, as all the activations do.

    >>> relu([-2, 0, 3])
    array([0, 0, 3])
    """
    return np.maximum(x, 0)


def relu_derivative(x: ArrayLike) -> np.ndarray:
    """Give the slope of :func:`relu`: 1 where the number passes, 0 where it does not.

    At 0 itself there is a corner and no slope; frameworks take 0 there, and so does this.

    >>> relu_derivative([-2, 0, 3])
    array([0., 0., 1.])
    """
    return (np.asarray(x) > 0).astype(float)


def sigmoid(x: ArrayLike) -> np.ndarray:
    """Press any number between 0 and 1: 1 / (1 + exp(-x)), with 0.5 at 0.

    >>> sigmoid([-1000, 0, 1000])
    array([0. , 0.5, 1. ])
    """
    x = np.asarray(x, dtype=float)
    small = np.exp(-np.abs(x))  # never above 1, while exp(1000) would be infinite
    return np.where(x >= 0, 1, small) / (1 + small)


def sigmoid_derivative(x: ArrayLike) -> np.ndarray:
    """Give the slope of :func:`sigmoid`, s * (1 - s): 1/4 at 0, and next to nothing far from it.

    >>> sigmoid_derivative([-1000, 0, 1000])
    array([0.  , 0.25, 0.  ])
    """
    return sigmoid(x) * sigmoid(-np.asarray(x, dtype=float))  # 1 - s(x) is s(-x), without rounding


def tanh(x: ArrayLike) -> np.ndarray:
    """Press any number between -1 and 1, with 0 at 0: a sigmoid stretched, 2 * sigmoid(2x) - 1.

    >>> tanh([-1000, 0, 1000])
    array([-1.,  0.,  1.])
    """
    return np.tanh(np.asarray(x, dtype=float))


def tanh_derivative(x: ArrayLike) -> np.ndarray:
    """Give the slope of :func:`tanh`, 1 - tanh(x)**2: 1 at 0, and next to nothing far from it.

    >>> tanh_derivative([-1000, 0, 1000])
    array([0., 1., 0.])
    """
    return 1 - tanh(x) ** 2


def softmax(scores: ArrayLike, axis: int = -1) -> np.ndarray:
    """Turn the scores of several classes into probabilities that sum to 1.

    Each class gets exp(score), divided by what all the classes get. Adding the same number to all
    scores changes nothing; the largest is therefore taken from them first, and nothing overflows.
    Sigmoids of the same scores need not sum to 1: each answers for itself.

    Args:
        scores: an array of 1 to 4 axes.
        axis: the axis of classes, by default the last.

    Returns:
        The same shape.

    Raises:
        ValueError: if there are no scores, or NaN among them.

    A score that is larger by log 3 gets three times the probability:

    >>> softmax([0, np.log(3)]).round(6)
    array([0.25, 0.75])
    >>> softmax([1000, 1000])
    array([0.5, 0.5])
    """
    scores = widened(as_array(scores, "list of scores", (1, 2, 3, 4)))
    powers = np.exp(scores - scores.max(axis=axis, keepdims=True))
    return powers / powers.sum(axis=axis, keepdims=True)


def convolution_matrix(
    kernel: ArrayLike,
    input_shape: int | Sequence[int],
    stride: PerAxis = 1,
    padding: Padding = 0,
) -> np.ndarray:
    """Write a convolutional layer as the weight matrix of a dense one.

    Every output has a row, every input a column. A row holds the kernel's weights where its window
    lies and zeros elsewhere: the layer is a dense one with most connections cut and the others
    sharing a few weights. In one dimension, at stride 1, every diagonal is constant (a Toeplitz
    matrix).

    Args:
        kernel: ``(k,)`` for a signal or ``(rows, columns)`` for a picture; it is not turned around.
        input_shape: the length of the signal, or (rows, columns) of the picture.
        stride: steps from window to window.
        padding: zeros around the input; their columns are left out, since they add nothing.

    Returns:
        ``(outputs, inputs)``. Times an unrolled picture it gives the unrolled result of
        :func:`~chollet_cnn.concepts.convolution.cross_correlate2d`.

    Raises:
        ValueError: if kernel and input have not the same number of axes, or the kernel is larger
            than the padded input.

    >>> convolution_matrix([7, 8], input_shape=4)
    array([[7, 8, 0, 0],
           [0, 7, 8, 0],
           [0, 0, 7, 8]])
    >>> convolution_matrix([[1, 2], [3, 4]], input_shape=(2, 3))
    array([[1, 2, 0, 3, 4, 0],
           [0, 1, 2, 0, 3, 4]])
    """
    kernel = widened(as_array(kernel, "kernel", (1, 2)))
    shape = (input_shape,) if np.ndim(input_shape) == 0 else tuple(input_shape)
    if len(shape) != kernel.ndim:
        raise ValueError(f"a kernel of shape {kernel.shape} cannot slide over an input of {shape}")
    if kernel.ndim == 1:  # a signal is a picture of one row
        kernel, shape = kernel[np.newaxis], (1, *shape)
        stride = (1, _single(stride, "stride"))
        padding = (0, _single(padding, "padding"))
    inputs = feature_count(shape)
    # Number the inputs from 1, slide the window over the numbers, and each window says which inputs
    # its weights belong to. The padding is numbered 0, a column that is dropped in the end.
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
