"""Pooling gives the article's 7x7 and what Keras's layers give."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest

from chollet_cnn.concepts.convolution import cross_correlate2d
from chollet_cnn.concepts.pooling import average_pool2d, max_pool2d

ARTICLE = json.loads((Path(__file__).parents[1] / "data" / "article-arrays.json").read_text())


def test_pooling_the_sharpened_picture_gives_the_articles_7x7_exactly():
    sharpened = cross_correlate2d(ARTICLE["image_16x16"], ARTICLE["sharpen_kernel"])
    np.testing.assert_array_equal(max_pool2d(sharpened), ARTICLE["max_pooled_7x7"])


def test_pooling_halves_rows_and_columns_and_keeps_the_channels():
    assert max_pool2d(np.zeros((100, 100, 16))).shape == (50, 50, 16)
    assert average_pool2d(np.zeros((100, 100, 16))).shape == (50, 50, 16)


@pytest.mark.parametrize("shape", [(8, 8, 1), (9, 11, 3), (7, 10, 2)])
@pytest.mark.parametrize(
    ("window", "stride"),
    [(2, None), (3, None), (2, 1), (3, 2), (2, 3), ((2, 3), (1, 2)), ((1, 2), None)],
)
@pytest.mark.parametrize(
    ("ours", "layer"),
    [(max_pool2d, keras.layers.MaxPooling2D), (average_pool2d, keras.layers.AveragePooling2D)],
)
def test_pooling_is_kerass_also_where_cells_are_left_over(shape, window, stride, ours, layer):
    volume = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    theirs = keras.ops.convert_to_numpy(layer(window, strides=stride)(volume[np.newaxis]))[0]
    result = ours(volume, window, stride)
    assert result.shape == theirs.shape
    np.testing.assert_allclose(result, theirs, atol=1e-5)


def test_each_channel_is_pooled_alone():
    volume = np.random.default_rng(0).normal(size=(6, 8, 3))
    for pool in (max_pool2d, average_pool2d):
        for channel in range(3):
            np.testing.assert_allclose(pool(volume)[..., channel], pool(volume[..., channel]))


def test_a_shift_within_the_window_leaves_the_largest_where_it_was():
    bright = np.zeros((4, 4))
    bright[0, 0] = 9
    np.testing.assert_array_equal(max_pool2d(bright), max_pool2d(np.roll(bright, 1, axis=1)))


@pytest.mark.parametrize("pool", [max_pool2d, average_pool2d])
def test_a_window_that_does_not_fit_is_refused_in_words(pool):
    with pytest.raises(ValueError, match="3x3 does not fit into an image of 2x2"):
        pool(np.ones((2, 2)), 3)
    with pytest.raises(ValueError, match="stride must be a whole number of at least 1, not 0"):
        pool(np.ones((2, 2)), 2, stride=0)
    with pytest.raises(ValueError, match="window must be a whole number of at least 1, not 0"):
        pool(np.ones((2, 2)), 0)
