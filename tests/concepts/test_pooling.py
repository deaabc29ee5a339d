"""Pooling gives the article's 7x7, what slices give, and what Keras's layers give."""

import keras
import numpy as np
import pytest
from examples import ARTICLE, IMAGE, normal, pairs, seeds, sizes, small, some
from hypothesis import given

from chollet_cnn.concepts.convolution import cross_correlate2d
from chollet_cnn.concepts.pooling import average_pool2d, max_pool2d


def test_pooling_the_sharpened_picture_gives_the_articles_7x7_exactly():
    sharpened = cross_correlate2d(IMAGE, ARTICLE["sharpen_kernel"])
    np.testing.assert_array_equal(max_pool2d(sharpened), ARTICLE["max_pooled_7x7"])


@some
@given(sizes, sizes, small, pairs, pairs, seeds)
def test_each_channel_is_pooled_window_by_window(h, w, channels, window, stride, seed):
    volume = normal(seed, h + 3, w + 3, channels)
    blocks = [
        [
            volume[top : top + window[0], left : left + window[1]]
            for left in range(0, w + 4 - window[1], stride[1])
        ]
        for top in range(0, h + 4 - window[0], stride[0])
    ]
    for pool, number in ((max_pool2d, np.max), (average_pool2d, np.mean)):
        expected = [[number(block, axis=(0, 1)) for block in row] for row in blocks]
        np.testing.assert_allclose(pool(volume, window, stride), expected)
        np.testing.assert_allclose(pool(volume[..., 0], window, stride)[0, 0], expected[0][0][0])


@pytest.mark.parametrize("window", [2, 3, (2, 3)])
@pytest.mark.parametrize("stride", [None, 1, (1, 2)])
@pytest.mark.parametrize(
    ("ours", "layer"),
    [(max_pool2d, keras.layers.MaxPooling2D), (average_pool2d, keras.layers.AveragePooling2D)],
)
def test_pooling_is_kerass_also_where_cells_are_left_over(window, stride, ours, layer):
    volume = normal(0, 9, 11, 3).astype(np.float32)
    theirs = keras.ops.convert_to_numpy(layer(window, strides=stride)(volume[np.newaxis]))[0]
    np.testing.assert_allclose(ours(volume, window, stride), theirs, atol=1e-5)


def test_a_shift_within_the_window_leaves_the_largest_where_it_was():
    bright = np.zeros((4, 4))
    bright[0, 0] = 9
    np.testing.assert_array_equal(max_pool2d(bright), max_pool2d(np.roll(bright, 1, axis=1)))


@pytest.mark.parametrize("pool", [max_pool2d, average_pool2d])
@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"window": 3}, "3x3 does not fit into an image of 2x2"),
        ({"window": 0}, "window must be a whole number of at least 1, not 0"),
        ({"window": 2, "stride": 0}, "stride must be a whole number of at least 1, not 0"),
    ],
)
def test_a_window_that_does_not_fit_is_refused_in_words(pool, how, words):
    with pytest.raises(ValueError, match=words):
        pool(np.ones((2, 2)), **how)
