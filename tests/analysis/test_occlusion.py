"""Occlusion agrees with its definition, worked out by hand."""

import keras
import numpy as np
import pytest
from keras import layers

from chollet_cnn.analysis import heatmaps


def test_occlusion_finds_the_one_corner_that_the_answer_rests_on():
    """A unit that sees only the top left pixel: p = sigmoid(pixel / 100)."""
    model = keras.Sequential(
        [keras.Input((4, 4, 1)), layers.Flatten(), layers.Dense(1, activation="sigmoid")]
    )
    weights = np.zeros((16, 1), np.float32)
    weights[0] = 0.01
    model.layers[-1].set_weights([weights, np.zeros(1)])
    image = np.full((4, 4, 1), 200, np.uint8)
    fall = 1 / (1 + np.exp(-2)) - 0.5
    expected = np.zeros((4, 4))
    expected[:2, :2] = fall
    found = heatmaps.compute_occlusion(model, image, 1, window=2, stride=2, fill=0)
    assert found == pytest.approx(expected, abs=1e-6)
    other = heatmaps.compute_occlusion(model, image, 0, window=2, stride=2, fill=0)
    assert other == pytest.approx(-expected, abs=1e-6)
    # Covers that overlap: a place has the mean fall of those that hide it, of which one in 1, 2 or
    # 4 hides the corner.
    corner = np.zeros((4, 4))
    corner[:2, :2] = [[1, 1 / 2], [1 / 2, 1 / 4]]
    found = heatmaps.compute_occlusion(model, image, 1, window=2, stride=1, fill=0)
    assert found == pytest.approx(fall * corner, abs=1e-6)


def test_an_image_of_one_colour_covered_in_that_colour_changes_nothing():
    stack = [layers.Flatten(), layers.Dense(1, activation="sigmoid")]
    model = keras.Sequential([keras.Input((4, 4, 3)), *stack])
    one_colour = np.broadcast_to(np.array([200, 100, 0], np.uint8), (4, 4, 3))
    assert not heatmaps.compute_occlusion(model, one_colour, window=2).any()


def test_every_pixel_is_covered_even_if_strides_leave_cells_over():
    assert heatmaps._starts(10, 4, 4) == [0, 4, 6]
    assert heatmaps._starts(4, 4, 1) == [0]
