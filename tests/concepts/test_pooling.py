"""Pooling gives the article's 7x7, what slices give, and what Keras's layers give."""

import keras
import numpy as np
import pytest
from examples import ARTICLE, IMAGE, normal

from chollet_cnn.concepts.convolution import cross_correlate2d
from chollet_cnn.concepts.pooling import average_pool2d, max_pool2d


def test_pooling_the_sharpened_picture_gives_the_articles_7x7_exactly():
    sharpened = cross_correlate2d(IMAGE, ARTICLE["sharpen_kernel"])
    np.testing.assert_array_equal(max_pool2d(sharpened), ARTICLE["max_pooled_7x7"])


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
    np.testing.assert_allclose(ours(volume[..., 1], window, stride), theirs[..., 1], atol=1e-5)
