"""Pictures are arrays."""

import keras
import numpy as np
import pytest
from examples import IMAGE

from chollet_cnn.concepts import convolution, images, neurons, pooling
from chollet_cnn.concepts.checks import widened


def test_the_articles_grey_picture_has_256_features_and_a_coloured_one_768():
    assert images.feature_count(IMAGE.shape) == len(images.unroll(IMAGE)) == 256
    assert images.feature_count((16, 16, 3)) == len(images.unroll(np.zeros((16, 16, 3)))) == 768


def test_unrolling_is_what_a_flatten_layer_does():
    picture = np.random.default_rng(0).random((4, 5, 3), np.float32)
    flat = keras.ops.convert_to_numpy(keras.layers.Flatten()(picture[np.newaxis]))
    np.testing.assert_array_equal(images.unroll(picture), flat[0])


def test_channels_laid_on_each_other_are_the_picture_again():
    picture = np.random.default_rng(0).integers(0, 256, (4, 5, 3), np.uint8)
    channels = images.split_channels(picture)
    assert [channel.shape for channel in channels] == [(4, 5)] * 3
    np.testing.assert_array_equal(np.dstack(channels), picture)


def test_bytes_do_not_start_again_at_zero():
    bright, ones = np.full((3, 3), 255, np.uint8), np.ones((3, 3), np.uint8)
    assert convolution.cross_correlate2d(bright, ones)[0, 0] == 9 * 255
    assert convolution.convolve1d(bright[0], ones[0], "valid")[0] == 3 * 255
    assert neurons.dense(bright[0], ones)[0] == 3 * 255
    assert neurons.softmax(np.array([0, 255], np.uint8))[1] == pytest.approx(1)
    assert pooling.average_pool2d(bright)[0, 0] == 255
    assert widened(np.float16([60_000])) + np.float16([60_000]) == 120_000
