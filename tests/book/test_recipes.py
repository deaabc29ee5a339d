"""The recipes are the book's."""

from dataclasses import replace

import keras
import numpy as np
import pytest

from chollet_cnn.book import recipes
from chollet_cnn.book.recipes import RECIPES
from chollet_cnn.errors import UserError
from chollet_cnn.training import fitting

LOWEST = "lowest validation loss"
FIRST = "cats-vs-dogs-first-edition"
# optimizer, learning rate, batch size, epochs, dropout, selected epoch.
TABLE = {
    "mnist-three-block": ("rmsprop", 0.001, 64, 5, 0, "last epoch"),
    "mnist-first-edition": ("rmsprop", 0.001, 64, 5, 0, "last epoch"),
    "mnist-second-edition": ("rmsprop", 0.001, 64, 5, 0, "last epoch"),
    "mnist-third-edition": ("adam", 0.001, 64, 5, 0, "last epoch"),
    "mnist-without-pooling": ("rmsprop", 0.001, 64, 5, 0, "last epoch"),
    "cats-vs-dogs-first-edition": ("rmsprop", 1e-4, 20, 30, 0, "last epoch"),
    "cats-vs-dogs-first-edition-augmented": ("rmsprop", 1e-4, 32, 100, 0.5, "last epoch"),
    "cats-vs-dogs-second-edition": ("rmsprop", 0.001, 32, 30, 0, LOWEST),
    "cats-vs-dogs-second-edition-augmented": ("rmsprop", 0.001, 32, 100, 0.5, LOWEST),
    "cats-vs-dogs-third-edition": ("adam", 0.001, 64, 50, 0, LOWEST),
    "cats-vs-dogs-third-edition-augmented": ("adam", 0.001, 64, 100, 0.25, LOWEST),
}


def test_every_recipe_of_the_book_is_there():
    assert {name for name in RECIPES if not name.endswith("-full")} == set(TABLE)


@pytest.mark.parametrize("name", [name for name in TABLE if name.startswith("cats")])
def test_a_full_recipe_differs_from_the_book_s_in_its_images_alone(name):
    full, book = RECIPES[f"{name}-full"], RECIPES[name]
    splits = {"train": (0, 10_000), "validation": (10_000, 11_250), "test": (11_250, 12_500)}
    assert full.data_options == book.data_options | {"splits": splits}
    assert full.steps_per_epoch is None
    same = {"name": "", "title": "", "notes": (), "steps_per_epoch": None, "data_options": {}}
    assert replace(full, **same) == replace(book, **same)


@pytest.mark.parametrize("name", TABLE)
def test_a_recipe_is_as_the_book_has_it(name):
    recipe = RECIPES[name]
    assert (
        recipe.optimizer,
        recipe.learning_rate,
        recipe.batch_size,
        recipe.epochs,
        recipe.network_options.get("dropout", 0),
        recipe.judged_by,
    ) == TABLE[name]
    assert recipe.network_options.get("augmentation", False) == name.endswith("augmented")
    assert recipe.steps_per_epoch == (100 if name == f"{FIRST}-augmented" else None)
    if recipe.dataset == "cats-vs-dogs":
        size, resize, last = (150, "nearest", 2000) if FIRST in name else (180, "bilinear", 2500)
        assert recipe.data_options == {
            "image_size": (size, size),
            "resize": resize,
            "splits": {"train": (0, 1000), "validation": (1000, 1500), "test": (1500, last)},
        }
    assert fitting.build(recipe).count_params() == recipe.parameters
    optimizer = fitting.make_optimizer(recipe)
    found = (type(optimizer).__name__.lower(), float(optimizer.learning_rate))
    assert found == (recipe.optimizer, pytest.approx(recipe.learning_rate))


def test_a_network_takes_images_of_the_size_that_a_recipe_of_ones_own_has():
    book = recipes.get(FIRST)
    own = replace(book, data_options=book.data_options | {"image_size": (100, 120)})
    assert fitting.build(own).input_shape == (None, 100, 120, 3)


@pytest.mark.parametrize(
    ("recipe", "quantity", "count"),
    [
        ("mnist-first-edition", "test_accuracy", 10_000),
        (FIRST, "val_accuracy", 1000),
        (FIRST, "best_epoch", None),
        ("cats-vs-dogs-second-edition-full", "test_accuracy", 2500),
        (FIRST, "test_accuracy", 1000),
        ("cats-vs-dogs-second-edition", "test_accuracy", 2000),
    ],
)
def test_how_many_images_an_accuracy_is_measured_on(recipe, quantity, count):
    assert recipes.image_count(recipe, quantity) == count


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="TensorFlow has the generator")
def test_keras_3_ends_the_book_s_hundred_steps_with_the_pictures():
    import tensorflow as tf

    generator = tf.keras.preprocessing.image.ImageDataGenerator
    pictures, labels = np.zeros((2000, 2, 2, 3), "float32"), np.arange(2000) % 2
    network = keras.Sequential(
        [keras.Input((2, 2, 3)), keras.layers.Flatten(), keras.layers.Dense(1, "sigmoid")]
    )
    network.compile("rmsprop", "binary_crossentropy")
    steps = []
    counter = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: steps.append("training"),
        on_test_batch_end=lambda batch, logs: steps.append("validation"),
    )
    with pytest.warns(UserWarning, match="ran out of data"):
        network.fit(
            generator(horizontal_flip=True).flow(pictures, labels, batch_size=32),
            steps_per_epoch=100,
            epochs=2,
            validation_data=generator().flow(pictures[:1000], labels[:1000], batch_size=32),
            validation_steps=50,
            callbacks=[counter],
            verbose=0,
        )
    assert (steps.count("training"), steps.count("validation")) == (2 * 63, 2 * 32)


def test_an_unknown_recipe_names_the_closest():
    with pytest.raises(UserError, match="mnist-second-edition"):
        recipes.get("mnist-second-editon")
