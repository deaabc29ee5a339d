"""Weights are moved by the rule that each Keras had, checked on numbers worked out in NumPy."""

import keras
import numpy as np
import pytest

from chollet_cnn.book import optimizers, recipes


def moved(name, gradients, rate=0.001):
    """Return where a weight that begins at 0 lies after each of its gradients."""
    optimizer = optimizers.make(name, rate)
    weight = keras.Variable(np.zeros(1, "float32"))
    places = []
    for gradient in gradients:
        optimizer.apply([keras.ops.convert_to_tensor(np.float32([gradient]))], [weight])
        places.append(float(keras.ops.convert_to_numpy(weight.value)[0]))
    return places


def by_hand(gradients, root, rate=0.001):
    place, square, places = 0.0, 0.0, []
    for gradient in gradients:
        square = 0.9 * square + 0.1 * gradient**2
        place -= rate * gradient / root(square)
        places.append(place)
    return places


GRADIENTS = {"large": [0.5, -0.2, 0.3], "small": [1e-4, 2e-4, -5e-5], "tiny": [1e-8, 1e-8, 1e-8]}
ROOTS = {
    "rmsprop": lambda v: np.sqrt(v + 1e-7),
    "rmsprop-2017": lambda v: np.sqrt(v) + 1e-8,
    "rmsprop-2021": lambda v: np.sqrt(v) + 1e-7,
}


@pytest.mark.parametrize("size", GRADIENTS)
@pytest.mark.parametrize("name", ROOTS)
def test_a_weight_moves_as_the_rule_says(name, size):
    gradients = GRADIENTS[size]
    assert moved(name, gradients) == pytest.approx(by_hand(gradients, ROOTS[name]), rel=1e-4)


def test_a_small_gradient_moved_a_weight_further_in_the_book_s_time():
    today, then = (moved(name, [1e-4])[0] for name in ("rmsprop", "rmsprop-2021"))
    assert then / today == pytest.approx(
        np.sqrt(0.1e-8 + 1e-7) / (np.sqrt(0.1e-8) + 1e-7), rel=1e-3
    )
    assert then / today > 9


def test_every_optimizer_that_a_reader_can_name_is_made():
    for name in recipes.OPTIMIZERS:
        assert isinstance(optimizers.make(name, 0.01), keras.Optimizer)
        assert float(optimizers.make(name, 0.25).learning_rate) == 0.25
