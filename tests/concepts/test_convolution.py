"""Convolutions give the articles' numbers, and those of NumPy, SciPy and Keras."""

import keras
import numpy as np
import pytest
import scipy.signal
from examples import ARTICLE, IMAGE, modes, normal, pairs, seeds, sizes, some
from hypothesis import given

from chollet_cnn.concepts.convolution import (
    convolve1d,
    convolve2d,
    convolve_volume,
    cross_correlate1d,
    cross_correlate2d,
    pad,
    windows,
)

SHARPEN = np.array(ARTICLE["sharpen_kernel"])
LOPSIDED = np.array([[1, 2, 3], [4, 5, 6], [7, 8, 10]])


def test_the_articles_signal_is_smoothed_to_the_articles_numbers():
    smoothed = convolve1d(ARTICLE["signal_1d"], [1 / 3] * 3)
    # As article C prints them.
    expected = [3.33, 6.33, 9.67, 9.33, 9.67, 6.67, 7.0, 6.67, 9.67, 9.0]
    np.testing.assert_array_equal(smoothed[:10].round(2), expected)
    assert len(smoothed) == 12


def test_sharpening_the_articles_picture_gives_its_14x14_exactly():
    expected = np.array(ARTICLE["filter_matrix_14x14"])
    assert expected.shape == (14, 14)
    for result in (
        cross_correlate2d(IMAGE, SHARPEN),
        convolve2d(IMAGE, SHARPEN),  # the kernel is symmetric, so turning it changes nothing
        convolve_volume(IMAGE[..., np.newaxis], SHARPEN.reshape(3, 3, 1, 1))[..., 0],
    ):
        np.testing.assert_array_equal(result, expected)
        assert result.dtype == np.int64
    assert not windows(IMAGE, 3).flags.writeable


def test_the_first_of_196_windows_is_all_255_and_sharpens_to_255():
    every = windows(IMAGE, 3)
    assert every.shape[0] * every.shape[1] == 196
    assert (every[0, 0] == 255).all()
    assert np.sum(every[0, 0] * SHARPEN) == 255


def test_a_lopsided_kernel_tells_convolution_from_cross_correlation():
    turned = convolve2d(IMAGE, LOPSIDED[::-1, ::-1])
    np.testing.assert_array_equal(turned, cross_correlate2d(IMAGE, LOPSIDED))
    assert not np.array_equal(turned, convolve2d(IMAGE, LOPSIDED))


def test_shifting_the_image_shifts_the_result():
    shifted = np.roll(IMAGE, (1, 2), axis=(0, 1))
    result, moved = cross_correlate2d(IMAGE, LOPSIDED), cross_correlate2d(shifted, LOPSIDED)
    np.testing.assert_array_equal(moved[1:, 2:], result[:-1, :-2])


@some
@given(sizes, sizes, modes, seeds)
def test_convolution_and_cross_correlation_of_a_signal_are_numpys(n, k, mode, seed):
    signal, kernel = normal(seed, n), normal(seed + 1, k)
    expected = np.convolve(signal, kernel, mode)
    np.testing.assert_allclose(convolve1d(signal, kernel, mode), expected, atol=1e-12)
    np.testing.assert_allclose(convolve1d(kernel, signal, mode), expected, atol=1e-12)
    longer = normal(seed, n + k)
    expected = np.correlate(longer, kernel, mode)
    np.testing.assert_allclose(cross_correlate1d(longer, kernel, mode), expected, atol=1e-12)


@some
@given(sizes, sizes, pairs, pairs, seeds)
def test_convolution_and_cross_correlation_of_a_picture_are_scipys(h, w, size, stride, seed):
    image, kernel = normal(seed, h + 3, w + 3), normal(seed + 1, *size)
    everywhere = {"padding": (size[0] - 1, size[1] - 1)}
    for ours, theirs in [
        (convolve2d, scipy.signal.convolve2d),
        (cross_correlate2d, scipy.signal.correlate2d),
    ]:
        for how, mode in (({}, "valid"), (everywhere, "full")):
            expected = theirs(image, kernel, mode)[:: stride[0], :: stride[1]]
            np.testing.assert_allclose(ours(image, kernel, stride, **how), expected, atol=1e-12)


@pytest.mark.parametrize("padding", ["valid", "same", 0, 1, (2, 1)])
@pytest.mark.parametrize("stride", [1, 3, (1, 2)])
@pytest.mark.parametrize(
    ("size", "channels"), [((3, 3), (1, 1)), ((2, 5), (2, 4)), ((4, 4), (3, 2))]
)
def test_a_volume_is_convolved_as_a_conv2d_layer_does(padding, stride, size, channels):
    volume = normal(0, 10, 11, channels[0]).astype(np.float32)
    kernels, bias = normal(1, *size, *channels), normal(2, channels[1])
    ours = convolve_volume(volume, kernels, bias, stride, padding)
    words = padding if isinstance(padding, str) else "valid"
    layer = keras.layers.Conv2D(channels[1], size, strides=stride, padding=words)
    given_to_it = pad(volume, size, padding=0 if isinstance(padding, str) else padding)[np.newaxis]
    layer.build(given_to_it.shape)
    layer.set_weights([kernels, bias])
    theirs = keras.ops.convert_to_numpy(layer(given_to_it))[0]
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_a_padding_for_each_axis_frames_each_axis():
    assert pad(np.ones((4, 5, 2)), 3, padding=(1, 2)).shape == (6, 9, 2)
    assert pad(np.ones((4, 5)), (1, 3), padding="same").shape == (4, 7)
    assert cross_correlate2d(np.ones((4, 4)), np.ones((5, 2)), padding=(1, 0)).shape == (2, 3)
