"""Pictures are arrays; and what no concept accepts as one, it refuses in words."""

import subprocess
import sys

import keras
import numpy as np
import pytest
from examples import IMAGE

from chollet_cnn.concepts import convolution, images, neurons, pooling
from chollet_cnn.concepts.checks import per_axis, whole_number, widened


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
    with pytest.raises(ValueError, match=r"it must be \(rows, columns, channels\)"):
        images.split_channels(picture[..., 0])


def test_bytes_do_not_start_again_at_zero():
    bright, ones = np.full((3, 3), 255, np.uint8), np.ones((3, 3), np.uint8)
    assert convolution.cross_correlate2d(bright, ones)[0, 0] == 9 * 255
    assert convolution.convolve1d(bright[0], ones[0], "valid")[0] == 3 * 255
    assert neurons.dense(bright[0], ones)[0] == 3 * 255
    assert neurons.softmax(np.array([0, 255], np.uint8))[1] == pytest.approx(1)
    assert pooling.average_pool2d(bright)[0, 0] == 255
    assert widened(np.float16([60_000])) + np.float16([60_000]) == 120_000


KERNEL = np.ones((2, 2))
FUNCTIONS_OF_A_PICTURE = {
    "unroll": images.unroll,
    "windows": lambda picture: convolution.windows(picture, 2),
    "pad": lambda picture: convolution.pad(picture, 2, padding=1),
    "cross_correlate2d": lambda picture: convolution.cross_correlate2d(picture, KERNEL),
    "convolve2d": lambda picture: convolution.convolve2d(picture, KERNEL),
    "max_pool2d": pooling.max_pool2d,
    "average_pool2d": pooling.average_pool2d,
}


@pytest.mark.parametrize("name", FUNCTIONS_OF_A_PICTURE)
@pytest.mark.parametrize(
    ("picture", "words"),
    [
        (np.zeros((0, 5)), r"empty.*\(0, 5\)"),
        (np.where(np.eye(5) > 0, np.nan, 1.0), r"\(5, 5\) has NaN or infinity in 5 of its 25"),
        (np.full((5, 5), np.inf), "infinity in 25"),
        (np.zeros(5), r"has shape \(5,\); it must be \(rows, columns\)"),
        (np.zeros((1, 5, 5, 3)), r"has shape \(1, 5, 5, 3\)"),
        ([[1, 2], [3]], "differ in length"),
        (np.array([["a", "b"]]), "must hold numbers"),
    ],
    ids=["empty", "NaN", "infinity", "a line", "a batch", "ragged", "letters"],
)
def test_what_is_no_picture_is_refused_in_words(name, picture, words):
    with pytest.raises(ValueError, match=words):
        FUNCTIONS_OF_A_PICTURE[name](picture)


@pytest.mark.parametrize("shape", [(), (3, 0), (3, -1), (2.5, 2), 16, "16"])
def test_features_are_counted_for_real_shapes_only(shape):
    with pytest.raises(ValueError, match="whole number of at least 1"):
        images.feature_count(shape)


@pytest.mark.parametrize("wrong", [0, -1, 1.5, True, None, "3"])
def test_a_size_is_a_whole_number_of_at_least_one(wrong):
    with pytest.raises(ValueError, match="the window must be a whole number of at least 1"):
        whole_number(wrong, "window")
    assert whole_number(np.int64(3), "window") == 3


def test_three_numbers_are_too_many_for_two_axes():
    with pytest.raises(ValueError, match=r"the stride is a number or \(rows, columns\)"):
        per_axis((1, 2, 3), "stride")


def test_importing_the_concepts_imports_numpy_alone():
    script = (
        "import sys\n"
        "from chollet_cnn.concepts import convolution, geometry, images\n"
        "from chollet_cnn.concepts import kernels, neurons, pooling\n"
        "heavy = {'keras', 'scipy', 'matplotlib', 'pandas', 'tensorflow', 'skimage', 'sklearn'}\n"
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
