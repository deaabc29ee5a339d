"""Neurons compute what Keras's do, and a convolution is a dense layer with shared weights."""

import keras
import numpy as np
import pytest
import scipy.linalg
import scipy.special
from examples import borders, normal, pairs, sizes, small, some
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from chollet_cnn.concepts import neurons
from chollet_cnn.concepts.convolution import cross_correlate1d, cross_correlate2d
from chollet_cnn.concepts.images import unroll
from chollet_cnn.concepts.neurons import convolution_matrix, dense, sigmoid, softmax

SCORES = np.concatenate([np.linspace(-6, 6, 49), [-1000, -100, 100, 1000]])
any_scores = arrays(
    float, array_shapes(min_dims=1, max_dims=4, max_side=4), elements=st.floats(-1e6, 1e6)
)


def test_a_dense_layer_is_kerass():
    x, weights, bias = normal(0, 5, 12), normal(1, 12, 7), normal(2, 7)
    layer = keras.layers.Dense(7)
    layer.build((None, 12))
    layer.set_weights([weights, bias])
    theirs = keras.ops.convert_to_numpy(layer(x.astype(np.float32)))
    np.testing.assert_allclose(dense(x, weights, bias), theirs, atol=1e-5)
    np.testing.assert_allclose(dense(x[0], weights, bias), theirs[0], atol=1e-5)


@pytest.mark.parametrize("name", ["relu", "sigmoid", "tanh"])
def test_an_activation_is_kerass_and_its_derivative_is_its_slope(name):
    function, derivative = getattr(neurons, name), getattr(neurons, f"{name}_derivative")
    theirs = getattr(keras.activations, name)(SCORES.astype(np.float32))
    np.testing.assert_allclose(function(SCORES), keras.ops.convert_to_numpy(theirs), atol=1e-5)
    x, h = np.linspace(-5, 5, 40), 1e-6  # an even number of places, so 0, relu's corner, is not one
    slope = (function(x + h) - function(x - h)) / (2 * h)
    np.testing.assert_allclose(derivative(x), slope, atol=1e-8)


def test_nothing_overflows_at_a_thousand():
    with np.errstate(all="raise", under="ignore"):
        np.testing.assert_array_equal(sigmoid([-1000, 1000]), [0, 1])
        np.testing.assert_array_equal(neurons.sigmoid_derivative([-1000, 1000]), [0, 0])
        np.testing.assert_array_equal(neurons.tanh_derivative([-1000, 1000]), [0, 0])
        np.testing.assert_array_equal(softmax([-1000, 0, 1000]), [0, 0, 1])


def test_sigmoid_keeps_its_digits_where_it_is_nearly_zero():
    np.testing.assert_allclose(sigmoid(-700.0), np.exp(-700.0), rtol=1e-12)
    np.testing.assert_allclose(neurons.sigmoid_derivative(50.0), np.exp(-50.0), rtol=1e-12)


@some
@given(any_scores, st.data())
def test_softmax_and_sigmoid_are_scipys(scores, data):
    axis = data.draw(st.integers(-scores.ndim, scores.ndim - 1))
    expected = scipy.special.softmax(scores, axis)
    np.testing.assert_allclose(softmax(scores, axis), expected, rtol=1e-9)
    np.testing.assert_allclose(softmax(scores, axis).sum(axis), 1)
    np.testing.assert_allclose(sigmoid(scores), scipy.special.expit(scores), rtol=1e-12)
    with pytest.raises(ValueError, match="axis"):
        softmax(scores, scores.ndim)


@some
@given(st.floats(-1000, 1000), st.floats(-1000, 1000))
def test_softmax_of_two_scores_is_the_sigmoid_of_their_difference(one, other):
    np.testing.assert_allclose(softmax([one, other])[0], sigmoid(one - other), rtol=1e-9)


def test_the_matrix_of_a_signal_is_scipys_toeplitz_matrix():
    expected = scipy.linalg.toeplitz([1, 0, 0, 0], [1, 2, 3, 0, 0, 0])
    np.testing.assert_array_equal(convolution_matrix([1, 2, 3], 6), expected)


@some
@given(sizes, sizes, pairs, pairs, borders)
def test_the_matrix_times_a_picture_is_the_convolution(h, w, size, stride, padding):
    image, kernel = normal(0, h + 3, w + 3), normal(1, *size)
    matrix = convolution_matrix(kernel, image.shape, stride, padding)
    expected = unroll(cross_correlate2d(image, kernel, stride, padding))
    np.testing.assert_allclose(matrix @ unroll(image), expected, atol=1e-12)


@some
@given(sizes, small)
def test_the_matrix_times_a_signal_is_the_convolution(n, k):
    signal, kernel = normal(0, n + 3), normal(1, k)
    for mode, padding in [("valid", 0), ("full", k - 1)]:
        matrix = convolution_matrix(kernel, len(signal), padding=padding)
        expected = cross_correlate1d(signal, kernel, mode)
        np.testing.assert_allclose(matrix @ signal, expected, atol=1e-12)
    every_other = convolution_matrix(kernel, (len(signal),), stride=2)
    expected = cross_correlate1d(signal, kernel, "valid")[::2]
    np.testing.assert_allclose(every_other @ signal, expected, atol=1e-12)


def test_sharing_leaves_9_weights_of_50176():
    # The articles' 16x16 picture and a 3x3 window: 14 * 14 outputs, 16 * 16 inputs.
    kernel = np.arange(1, 10).reshape(3, 3)
    matrix = convolution_matrix(kernel, (16, 16))
    assert matrix.shape == (196, 256)
    assert matrix.size == 50_176
    assert set(np.unique(matrix)) == {0, *range(1, 10)}
    assert (np.count_nonzero(matrix, axis=1) == 9).all()
