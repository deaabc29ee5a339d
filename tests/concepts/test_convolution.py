"""Convolutions give the articles' numbers, and those of NumPy, SciPy and Keras."""

import itertools
import json
from pathlib import Path

import keras
import numpy as np
import pytest
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st

from chollet_cnn.concepts.convolution import (
    convolve1d,
    convolve2d,
    convolve_volume,
    cross_correlate1d,
    cross_correlate2d,
    cross_correlate2d_by_hand,
    pad,
    windows,
)

ARTICLE = json.loads((Path(__file__).parents[1] / "data" / "article-arrays.json").read_text())
IMAGE = np.array(ARTICLE["image_16x16"])
SHARPEN = np.array(ARTICLE["sharpen_kernel"])
LOPSIDED = np.array([[1, 2, 3], [4, 5, 6], [7, 8, 10]])

some = settings(max_examples=40, deadline=None, derandomize=True)
sizes = st.integers(1, 12)
small = st.integers(1, 4)
borders = st.one_of(st.integers(0, 3), st.sampled_from(["valid", "same"]))
modes = st.sampled_from(["full", "same", "valid"])
seeds = st.integers(0, 1000)


def normal(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape)


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
        cross_correlate2d_by_hand(IMAGE, SHARPEN),
        convolve2d(IMAGE, SHARPEN),  # the kernel is symmetric, so turning it changes nothing
        convolve_volume(IMAGE[..., np.newaxis], SHARPEN.reshape(3, 3, 1, 1))[..., 0],
    ):
        np.testing.assert_array_equal(result, expected)
        assert result.dtype == np.int64


def test_the_first_of_196_windows_is_all_255_and_sharpens_to_255():
    every = windows(IMAGE, 3)
    assert every.shape[0] * every.shape[1] == 196
    assert (every[0, 0] == 255).all()
    assert np.sum(every[0, 0] * SHARPEN) == 255


@some
@given(sizes, sizes, modes, seeds)
def test_convolution_of_a_signal_is_numpys(n, k, mode, seed):
    signal, kernel = normal(seed, n), normal(seed + 1, k)
    expected = np.convolve(signal, kernel, mode)
    np.testing.assert_allclose(convolve1d(signal, kernel, mode), expected, atol=1e-12)
    np.testing.assert_allclose(convolve1d(kernel, signal, mode), expected, atol=1e-12)


@some
@given(sizes, small, modes, seeds)
def test_cross_correlation_of_a_signal_is_numpys(n, k, mode, seed):
    signal, kernel = normal(seed, n + k), normal(seed + 1, k)
    expected = np.correlate(signal, kernel, mode)
    np.testing.assert_allclose(cross_correlate1d(signal, kernel, mode), expected, atol=1e-12)


@some
@given(sizes, sizes, small, small, small, small, borders, borders, seeds)
def test_by_hand_and_at_once_agree(h, w, kh, kw, down, right, above, beside, seed):
    image, kernel = normal(seed, h + 3, w + 3), normal(seed + 1, kh, kw)
    how = {"stride": (down, right), "padding": (above, beside)}
    np.testing.assert_allclose(
        cross_correlate2d(image, kernel, **how),
        cross_correlate2d_by_hand(image, kernel, **how),
        atol=1e-12,
    )


@some
@given(sizes, sizes, small, small, seeds)
def test_convolution_and_cross_correlation_of_a_picture_are_scipys(h, w, kh, kw, seed):
    image, kernel = normal(seed, h + 3, w + 3), normal(seed + 1, kh, kw)
    for ours, theirs in [
        (convolve2d, scipy.signal.convolve2d),
        (cross_correlate2d, scipy.signal.correlate2d),
    ]:
        np.testing.assert_allclose(ours(image, kernel), theirs(image, kernel, "valid"), atol=1e-12)
        everywhere = ours(image, kernel, padding=(kh - 1, kw - 1))
        np.testing.assert_allclose(everywhere, theirs(image, kernel, "full"), atol=1e-12)


def test_a_lopsided_kernel_tells_convolution_from_cross_correlation():
    assert not np.array_equal(convolve2d(IMAGE, LOPSIDED), cross_correlate2d(IMAGE, LOPSIDED))
    np.testing.assert_array_equal(
        convolve2d(IMAGE, LOPSIDED[::-1, ::-1]), cross_correlate2d(IMAGE, LOPSIDED)
    )


def test_shifting_the_picture_shifts_the_result():
    shifted = np.roll(IMAGE, (1, 2), axis=(0, 1))
    result, moved = cross_correlate2d(IMAGE, LOPSIDED), cross_correlate2d(shifted, LOPSIDED)
    np.testing.assert_array_equal(moved[1:, 2:], result[:-1, :-2])


def by_keras(volume, kernels, bias, stride, padding):
    layers = []
    if not isinstance(padding, str):
        layers.append(keras.layers.ZeroPadding2D(padding))
        padding = "valid"
    rows, columns, _, channels = kernels.shape
    conv = keras.layers.Conv2D(channels, (rows, columns), strides=stride, padding=padding)
    model = keras.Sequential([keras.Input(volume.shape), *layers, conv])
    conv.set_weights([kernels, bias])
    return keras.ops.convert_to_numpy(model(volume[np.newaxis]))[0]


@pytest.mark.parametrize("padding", ["valid", "same", 0, 1, (2, 1)])
@pytest.mark.parametrize("stride", [1, 2, 3, (1, 2)])
@pytest.mark.parametrize(
    ("size", "channels"), [((3, 3), (1, 1)), ((2, 5), (2, 4)), ((4, 4), (3, 2))]
)
def test_a_volume_is_convolved_as_a_conv2d_layer_does(padding, stride, size, channels):
    volume = normal(0, 10, 11, channels[0]).astype(np.float32)
    kernels, bias = normal(1, *size, *channels), normal(2, channels[1])
    ours = convolve_volume(volume, kernels, bias, stride, padding)
    theirs = by_keras(volume, kernels, bias, stride, padding)
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_a_conv2d_layer_does_not_turn_its_kernel_around():
    kernel = LOPSIDED.reshape(3, 3, 1, 1)
    theirs = by_keras(IMAGE[..., np.newaxis].astype(np.float32), kernel, np.zeros(1), 1, "valid")
    np.testing.assert_allclose(theirs[..., 0], cross_correlate2d(IMAGE, LOPSIDED))


def test_an_output_channel_adds_up_all_the_input_channels():
    volume, kernels = normal(0, 6, 7, 3), normal(1, 3, 3, 3, 2)
    result = convolve_volume(volume, kernels)
    for out in range(2):
        total = sum(cross_correlate2d(volume[..., c], kernels[..., c, out]) for c in range(3))
        np.testing.assert_allclose(result[..., out], total, atol=1e-12)


def test_a_padding_for_each_axis_frames_each_axis():
    assert pad(np.ones((4, 5, 2)), 3, padding=(1, 2)).shape == (6, 9, 2)
    assert pad(np.ones((4, 5)), (1, 3), padding="same").shape == (4, 7)


def test_windows_cannot_be_written_to():
    with pytest.raises(ValueError, match="read-only"):
        windows(np.ones((4, 4)), 2)[0, 0, 0, 0] = 5


def test_a_window_of_a_colour_picture_is_a_small_colour_picture():
    picture = normal(0, 6, 7, 3)
    every = windows(picture, (2, 3), stride=(2, 1))
    assert every.shape == (3, 5, 2, 3, 3)
    for i, j in itertools.product(range(3), range(5)):
        np.testing.assert_array_equal(every[i, j], picture[2 * i : 2 * i + 2, j : j + 3])


@pytest.mark.parametrize("function", [cross_correlate2d, cross_correlate2d_by_hand, convolve2d])
@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"kernel": np.ones((2, 2)), "stride": 0}, "stride must be a whole number of at least 1"),
        ({"kernel": np.ones((2, 2)), "stride": (1, -1)}, "stride must be a whole number"),
        (
            {"kernel": np.ones((2, 2)), "padding": -1},
            "padding must be a whole number of at least 0",
        ),
        ({"kernel": np.ones((2, 2)), "padding": "smae"}, '"valid", "same" or a number, not \'smae'),
        ({"kernel": np.ones(2)}, r"the kernel has shape \(2,\); it must be \(rows, columns\)"),
        ({"kernel": np.full((2, 2), np.nan)}, "the kernel of shape.*NaN"),
        ({"kernel": np.ones((0, 2))}, "kernel is empty"),
    ],
)
def test_a_convolution_that_cannot_be_computed_is_refused_in_words(function, how, words):
    with pytest.raises(ValueError, match=words):
        function(np.ones((4, 4)), **how)


@pytest.mark.parametrize("function", [cross_correlate2d, cross_correlate2d_by_hand, convolve2d])
def test_a_kernel_larger_than_the_picture_is_refused_with_both_sizes(function):
    with pytest.raises(ValueError, match="5x2 does not fit into an image of 4x4"):
        function(np.ones((4, 4)), np.ones((5, 2)))
    assert function(np.ones((4, 4)), np.ones((5, 2)), padding=(1, 0)).shape == (2, 3)


def test_a_colour_picture_needs_kernels_for_its_channels():
    with pytest.raises(ValueError, match=r"grey image.*\(4, 4, 3\)"):
        cross_correlate2d(np.ones((4, 4, 3)), np.ones((2, 2)))
    with pytest.raises(ValueError, match=r"\(4, 4, 3\) has 3 channels.*\(2, 2, 1, 8\).*for 1"):
        convolve_volume(np.ones((4, 4, 3)), np.ones((2, 2, 1, 8)))
    with pytest.raises(ValueError, match="8 output channels need 8 biases, not 3"):
        convolve_volume(np.ones((4, 4, 1)), np.ones((2, 2, 1, 8)), bias=np.ones(3))


def test_an_unknown_mode_is_refused():
    with pytest.raises(ValueError, match='"full", "same" or "valid", not \'all\''):
        convolve1d([1, 2], [1], "all")
