import numpy as np
import pytest

from chollet_cnn.data import scaling
from chollet_cnn.errors import UserError


def test_nearest_takes_the_pixel_under_each_new_centre():
    # Six pixels to four: the centres lie at 0.75, 2.25, 3.75 and 5.25.
    row = np.array([[0, 10, 20, 30, 40, 50]], dtype=np.uint8)
    assert scaling.scale(row, (1, 4), "nearest").tolist() == [[0, 20, 30, 50]]
    assert scaling.scale(row.T, (4, 1), "nearest").ravel().tolist() == [0, 20, 30, 50]


def test_bilinear_mixes_the_neighbours_of_each_new_centre():
    # The centres of four new pixels lie at -1/4, 1/4, 3/4 and 5/4 of the two old ones.
    row = np.array([[0, 100]], dtype=np.uint8)
    assert scaling.bilinear(row, (1, 4)).tolist() == [[0, 25, 75, 100]]
    # Halving without smoothing takes the mean of the two in the middle of each pair.
    assert scaling.bilinear(np.array([[0, 50, 200, 100]], np.uint8), (1, 2)).tolist() == [[25, 150]]


@pytest.mark.parametrize("size", [(180, 180), (20, 64), (37, 53), (3, 2)])
def test_bilinear_is_keras_resizing_rounded_to_whole_grey_levels(size):
    ops = pytest.importorskip("keras").ops
    image = np.random.default_rng(3).integers(0, 256, (37, 53, 3), dtype=np.uint8)
    floats = ops.image.resize(
        image.astype(np.float32), size, interpolation="bilinear", antialias=False
    )
    difference = scaling.scale(image, size, "bilinear") - ops.convert_to_numpy(floats)
    assert np.abs(difference).max() <= 0.501


def test_an_unknown_way_of_scaling_names_the_known_ones():
    with pytest.raises(UserError, match="nearest, bilinear"):
        scaling.scale(np.zeros((4, 4), np.uint8), (2, 2), "cubic")
