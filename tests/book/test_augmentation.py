"""Training pictures are changed as Keras 2.0.8 did it: checked against SciPy, which it asked."""

import keras
import numpy as np
import pytest
from scipy import ndimage

from chollet_cnn.analysis.layer_table import layer_table
from chollet_cnn.book import augmentation, networks, recipes

HEIGHT, WIDTH = 24, 31
PICTURE = np.random.default_rng(0).random((HEIGHT, WIDTH, 3), np.float32)
# turn, down, right, slant, tall, wide
MAPS = {
    "nothing": (0, 0, 0, 0, 1, 1),
    "a turn": (0.6, 0, 0, 0, 1, 1),
    "a shift": (0, 4.3, -2.8, 0, 1, 1),
    "a shear": (0, 0, 0, 0.2, 1, 1),
    "a zoom": (0, 0, 0, 0, 0.83, 1.17),
    "all at once": (-0.45, -3.6, 5.1, -0.13, 1.11, 0.92),
}


def of_keras_2(picture, turn, down, right, slant, tall, wide):
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
            for channel in np.moveaxis(picture, -1, 0)
        ],
        axis=-1,
    )


def looked_up(picture, *numbers):
    columns = [keras.ops.convert_to_tensor(np.float32([[number]])) for number in numbers]
    maps = augmentation.affine_maps(*columns, picture.shape[:2])
    return keras.ops.convert_to_numpy(
        keras.ops.image.affine_transform(
            picture[None], maps, interpolation="nearest", fill_mode="nearest"
        )
    )[0]


@pytest.mark.parametrize("name", MAPS)
def test_a_picture_is_looked_up_where_keras_2_looked(name):
    ours, theirs = looked_up(PICTURE, *MAPS[name]), of_keras_2(PICTURE, *MAPS[name])
    same = (ours == theirs).all(axis=-1)
    # Where a place falls between two pixels, the last bit decides which of them is the nearer.
    assert same.mean() > 0.98
    assert (ours == PICTURE).all() == (name == "nothing")


def layer(**ranges):
    keras.utils.set_random_seed(0)
    return augmentation.random_affine()(
        **{"rotation": 0, "shift": 0, "shear": 0, "zoom": 0} | ranges
    )


def test_what_is_drawn_stays_in_its_range_and_reaches_to_both_ends():
    rows = np.arange(HEIGHT, dtype=np.float32)[None, :, None, None]
    pictures = np.broadcast_to(rows, (400, HEIGHT, WIDTH, 3))
    shifted = keras.ops.convert_to_numpy(layer(shift=0.25)(pictures, training=True))
    down = shifted[:, HEIGHT // 2, 0, 0] - HEIGHT // 2
    assert -0.25 * HEIGHT - 0.5 <= down.min() < -5
    assert 5 < down.max() <= 0.25 * HEIGHT + 0.5
    assert abs(down.mean()) < 1


@pytest.mark.parametrize("range_", ["rotation", "shift", "shear", "zoom"])
def test_each_range_changes_pictures_in_training_and_leaves_them_alone_otherwise(range_):
    changing = layer(**{range_: 20 if range_ == "rotation" else 0.2})
    pictures = np.stack([PICTURE] * 8)
    changed = keras.ops.convert_to_numpy(changing(pictures, training=True))
    assert (changed != pictures).any()
    assert len({picture.tobytes() for picture in changed}) > 4  # each picture its own draw
    np.testing.assert_array_equal(changing(pictures, training=False), pictures)


def test_no_picture_gets_a_value_that_it_did_not_have():
    changing = layer(rotation=40, shift=0.2, shear=0.2, zoom=0.2)
    changed = keras.ops.convert_to_numpy(changing(PICTURE[None], training=True))
    assert set(changed.ravel()) <= set(PICTURE.ravel())


def test_the_network_of_2017_loads_and_answers_as_before(tmp_path):
    model = networks.cats_vs_dogs_first_edition(augmentation="2017", dropout=0.5)
    book = recipes.get("cats-vs-dogs-first-edition-augmented")
    assert model.count_params() == book.parameters
    model.save(tmp_path / "model.keras")
    augmentation.random_affine.cache_clear()  # as in another process, where nobody built it yet
    augmentation.random_affine()
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.layers[1].get_config() == model.layers[1].get_config()
    picture = np.random.default_rng(0).integers(0, 256, (1, 150, 150, 3), np.uint8)
    np.testing.assert_array_equal(
        *(keras.ops.convert_to_numpy(of(picture, training=False)) for of in (model, loaded))
    )


def test_the_table_of_layers_takes_the_augmentation_of_2017_as_it_takes_today_s():
    then, now = (
        layer_table(networks.cats_vs_dogs_first_edition(augmentation=kind))
        for kind in ("2017", True)
    )
    assert "RandomAffine" in set(then["kind"])
    assert list(then["receptive_field"])[-4:] == list(now["receptive_field"])[-4:]
