"""Gradients are the same on every backend, and the same as taking differences."""

import keras
import numpy as np
import pytest
from keras import layers

from chollet_cnn.analysis import activations, gradients
from chollet_cnn.analysis.scores import find_scores
from chollet_cnn.concepts.convolution import convolve_volume
from chollet_cnn.concepts.neurons import relu
from chollet_cnn.concepts.pooling import max_pool2d
from chollet_cnn.training import seeding

# The gradient of the score of class 1 of the network below, recorded on TensorFlow 2.21: row 3 of
# the second picture, times 1e4.
RECORDED_ROW = [0.52057, -3.28995, -2.24300, 1.08655, -4.08524, 0.77331, 1.82087, -0.52549]
RECORDED_VALUES = [0.062252, 0.166664]


def small_network():
    """8x8 pictures, two convolutions and a pooling; smooth enough to take differences of."""
    stack = [
        keras.Input((8, 8, 1)),
        layers.Rescaling(1 / 255),
        layers.Conv2D(4, 3, activation="relu"),
        layers.MaxPooling2D(2),
        layers.Conv2D(5, 2, activation="relu"),
        layers.Flatten(),
        layers.Dense(3, activation="softmax"),
    ]
    model = keras.Sequential(stack)
    seeding.set_starting_weights(model, 0)
    return model


def pictures():
    return np.random.default_rng(0).integers(0, 256, (2, 8, 8, 1)).astype(np.float32)


def score_of_class_1(model):
    """Return the function that gives the scores of class 1 and their gradient."""
    scores = find_scores(model)
    return gradients.differentiated(model, lambda x: scores(x)[:, 1])


def test_maps_of_a_network_in_bfloat16_can_be_added_up():
    ones = keras.layers.Conv2D(1, 1, kernel_initializer="ones", dtype="mixed_bfloat16")
    model = keras.Sequential([keras.Input((148, 148, 1)), ones])
    halves = np.full((1, 148, 148, 1), 0.5, np.float32)
    assert gradients.compiled(model, model)(halves).mean() == pytest.approx(0.5)
    total = gradients.differentiated(model, lambda x: keras.ops.sum(model(x), (1, 2, 3)))
    _, slopes = total(halves)
    assert slopes.mean() == pytest.approx(1)


def by_hand(model, picture):
    """The scores of the small network in NumPy, in double precision."""
    first, bias, second, other_bias, weights, last = map(np.float64, model.get_weights())
    maps = max_pool2d(relu(convolve_volume(picture / 255, first, bias)))
    return relu(convolve_volume(maps, second, other_bias)).ravel() @ weights + last


def test_the_gradient_is_what_differences_of_the_score_are():
    model = small_network()
    picture = pictures()[0]
    values, slope = score_of_class_1(model)(picture[None])
    assert values[0] == pytest.approx(by_hand(model, picture)[1], abs=1e-5)
    steps = 1e-4 * np.eye(picture.size).reshape(-1, *picture.shape)
    rises = [by_hand(model, picture + step) - by_hand(model, picture - step) for step in steps]
    differences = np.array(rises)[:, 1].reshape(picture.shape) / 2e-4
    assert np.abs(differences).max() > 1e-4
    assert slope[0] == pytest.approx(differences, abs=1e-7)


def test_the_gradient_is_the_recorded_one_on_every_backend():
    model = small_network()
    values, slope = score_of_class_1(model)(pictures())
    assert values == pytest.approx(np.array(RECORDED_VALUES), abs=1e-5)
    assert 1e4 * slope[1, 3, :, 0] == pytest.approx(np.array(RECORDED_ROW), abs=1e-4)


def test_each_picture_of_a_batch_has_the_gradient_that_it_has_alone():
    function = score_of_class_1(small_network())
    (_, together), (_, alone) = function(pictures()), function(pictures()[1:])
    assert together[1] == pytest.approx(alone[0], abs=1e-9)


def test_what_a_score_does_not_depend_on_has_a_gradient_of_zero():
    scores = gradients.differentiated(small_network(), lambda unused, x: keras.ops.sum(x, (1, 2)))
    values, slope = scores(np.ones((2, 3), np.float32), np.ones((2, 4, 4), np.float32))
    assert (values.tolist(), slope.any()) == ([16, 16], False)


def test_units_that_are_inactive_for_this_image_only_are_named_as_a_reason():
    model = keras.Sequential([keras.Input((2,)), layers.Dense(1, "relu")])
    model.set_weights([np.array([[1], [-1]]), np.zeros(1)])
    score = gradients.differentiated(model, lambda x: model(x)[:, 0])
    assert score(np.float32([[2, 1]]))[1].tolist() == [[1, -1]]
    with pytest.raises(ValueError, match="or whose units are all inactive for this image"):
        score(np.float32([[1, 2]]))


def test_weights_are_read_when_the_compiled_function_is_called():
    model = small_network()
    scores = gradients.compiled(model, find_scores(model))
    before = scores(pictures())
    model.layers[-1].bias.assign(model.layers[-1].bias + 1)
    assert scores(pictures()) == pytest.approx(before + 1, abs=1e-5)


def test_layers_come_in_the_order_of_the_network_and_not_of_their_names():
    stack = [
        layers.Conv2D(2, 3, name="z"),
        layers.MaxPooling2D(name="m"),
        layers.Conv2D(2, 2, name="a"),
    ]
    model = keras.Sequential([keras.Input((8, 8, 1)), *stack])
    assert list(activations.compute_activations(model, pictures())) == ["z", "m", "a"]
    assert list(activations.compute_activations(model, pictures(), ["m", "a"])) == ["m", "a"]
