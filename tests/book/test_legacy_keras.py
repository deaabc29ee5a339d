"""Legacy RMSprop and augmentation, against NumPy and against SciPy, which Keras 2.0.8 used."""

from itertools import accumulate

import keras
import numpy as np
import pytest
from scipy import ndimage

from chollet_cnn.analysis.layer_table import list_layers
from chollet_cnn.book import legacy_keras, networks, recipes

HEIGHT, WIDTH = 24, 31
IMAGE = np.random.default_rng(0).random((HEIGHT, WIDTH, 3), np.float32)
# turn, down, right, slant, tall, wide
MAPS = {
    "nothing": (0, 0, 0, 0, 1, 1),
    "a turn": (0.6, 0, 0, 0, 1, 1),
    "a shift": (0, 4.3, -2.8, 0, 1, 1),
    "a shear": (0, 0, 0, 0.2, 1, 1),
    "a zoom": (0, 0, 0, 0, 0.83, 1.17),
    "all at once": (-0.45, -3.6, 5.1, -0.13, 1.11, 0.92),
}


def of_keras_2(image, turn, down, right, slant, tall, wide):
    """Look pixels up as Keras 2.0.8 composed it: four matrices around a middle, then SciPy."""
    rotation = np.array(
        [[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]]
    )
    shift = np.array([[1, 0, down], [0, 1, right], [0, 0, 1]])
    shear = np.array([[1, -np.sin(slant), 0], [0, np.cos(slant), 0], [0, 0, 1]])
    middle = np.array([[1, 0, HEIGHT / 2 + 0.5], [0, 1, WIDTH / 2 + 0.5], [0, 0, 1]])
    whole = middle @ rotation @ shift @ shear @ np.diag([tall, wide, 1]) @ np.linalg.inv(middle)
    return np.stack(
        [
            ndimage.affine_transform(channel, whole[:2, :2], whole[:2, 2], order=0, mode="nearest")
            for channel in np.moveaxis(image, -1, 0)
        ],
        axis=-1,
    )


def looked_up(image, *numbers):
    columns = [keras.ops.convert_to_tensor(np.float32([[number]])) for number in numbers]
    maps = legacy_keras.affine_maps(*columns, image.shape[:2])
    return keras.ops.convert_to_numpy(
        keras.ops.image.affine_transform(
            image[None], maps, interpolation="nearest", fill_mode="nearest"
        )
    )[0]


@pytest.mark.parametrize("name", MAPS)
def test_pixels_come_from_where_keras_2_took_them(name):
    ours, theirs = looked_up(IMAGE, *MAPS[name]), of_keras_2(IMAGE, *MAPS[name])
    same = (ours == theirs).all(axis=-1)
    # Where a place falls between two pixels, the last bit decides which of them is the nearer.
    assert same.mean() > 0.98
    assert (ours == IMAGE).all() == (name == "nothing")


def layer(**ranges):
    keras.utils.set_random_seed(0)
    return legacy_keras.RandomAffine(**{"rotation": 0, "shift": 0, "shear": 0, "zoom": 0} | ranges)


def test_shifts_fill_their_range_evenly():
    rows = np.arange(HEIGHT, dtype=np.float32)[None, :, None, None]
    images = np.broadcast_to(rows, (400, HEIGHT, WIDTH, 3))
    shifted = keras.ops.convert_to_numpy(layer(shift=0.25)(images, training=True))
    down = shifted[:, HEIGHT // 2, 0, 0] - HEIGHT // 2
    assert -0.25 * HEIGHT - 0.5 <= down.min() < -5
    assert 5 < down.max() <= 0.25 * HEIGHT + 0.5
    assert abs(down.mean()) < 1


@pytest.mark.parametrize("range_", ["rotation", "shift", "shear", "zoom"])
def test_each_range_changes_images_in_training_only(range_):
    changing = layer(**{range_: 20 if range_ == "rotation" else 0.2})
    images = np.stack([IMAGE] * 8)
    changed = keras.ops.convert_to_numpy(changing(images, training=True))
    assert (changed != images).any()
    assert len({image.tobytes() for image in changed}) > 4  # each image its own draw
    np.testing.assert_array_equal(changing(images, training=False), images)


def test_no_value_is_interpolated():
    changing = layer(rotation=40, shift=0.2, shear=0.2, zoom=0.2)
    changed = keras.ops.convert_to_numpy(changing(IMAGE[None], training=True))
    assert set(changed.ravel()) <= set(IMAGE.ravel())


def test_the_registered_name_is_that_of_recorded_networks():
    name = keras.saving.get_registered_name(legacy_keras.RandomAffine)
    assert name == "chollet_cnn>RandomAffine"


def test_the_layer_table_takes_legacy_augmentation():
    then, now = (
        list_layers(networks.cats_vs_dogs_first_edition(augmentation=kind))
        for kind in ("2017", True)
    )
    assert "RandomAffine" in set(then["kind"])
    assert list(then["receptive_field"])[-4:] == list(now["receptive_field"])[-4:]


RATE = 0.001


def moved(name, gradients):
    """Return where a weight that begins at 0 is after each of its gradients."""
    optimizer = legacy_keras.make_optimizer(name, RATE)
    weight = keras.Variable(np.zeros(1, "float32"))
    places = []
    for gradient in gradients:
        optimizer.apply([keras.ops.convert_to_tensor(np.float32([gradient]))], [weight])
        places.append(float(keras.ops.convert_to_numpy(weight.value)[0]))
    return places


def by_hand(gradients, root):
    squares = accumulate(np.square(gradients), lambda mean, new: 0.9 * mean + 0.1 * new, initial=0)
    steps = [RATE * g / root(square) for g, square in zip(gradients, [*squares][1:], strict=True)]
    return -np.cumsum(steps)


GRADIENTS = {"large": [0.5, -0.2, 0.3], "small": [1e-4, 2e-4, -5e-5], "tiny": [1e-8, 1e-8, 1e-8]}
ROOTS = {
    "rmsprop": lambda v: np.sqrt(v + 1e-7),
    "rmsprop-2017": lambda v: np.sqrt(v) + 1e-8,
    "rmsprop-2021": lambda v: np.sqrt(v) + 1e-7,
}


@pytest.mark.parametrize("size", GRADIENTS)
@pytest.mark.parametrize("name", ROOTS)
def test_a_weight_moves_by_the_rule(name, size):
    gradients = GRADIENTS[size]
    assert moved(name, gradients) == pytest.approx(by_hand(gradients, ROOTS[name]), rel=1e-4)


def test_small_gradients_moved_weights_further_in_the_book_s_time():
    today, then = (moved(name, [1e-4])[0] for name in ("rmsprop", "rmsprop-2021"))
    assert then / today == pytest.approx(
        np.sqrt(0.1e-8 + 1e-7) / (np.sqrt(0.1e-8) + 1e-7), rel=1e-3
    )
    assert then / today > 9


@pytest.mark.parametrize("name", recipes.OPTIMIZERS)
def test_every_optimizer_can_be_made(name):
    assert float(legacy_keras.make_optimizer(name, 0.25).learning_rate) == 0.25


def test_draws_are_degrees_shares_of_each_side_radians_and_two_zooms(monkeypatch):
    drawn, real = [], legacy_keras.affine_maps
    monkeypatch.setattr(legacy_keras, "affine_maps", lambda *a: drawn.extend(a[:6]) or real(*a))
    layer(rotation=40, shift=0.25, shear=0.2, zoom=0.1)(np.stack([IMAGE] * 400), training=True)
    values = np.hstack([keras.ops.convert_to_numpy(one) for one in drawn]) - [0, 0, 0, 0, 1, 1]
    widest = [np.radians(40), 0.25 * HEIGHT, 0.25 * WIDTH, 0.2, 0.1, 0.1]
    assert np.abs(values).max(axis=0) == pytest.approx(widest, rel=0.03)
    assert np.abs(np.corrcoef(values.T) - np.eye(6)).max() < 0.3
