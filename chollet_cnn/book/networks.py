"""The book's networks, one builder function each. This module imports Keras.

Every builder returns a :class:`keras.Model` that is not compiled. Its first layer divides the
pixels by 255, so the network, and a saved copy of it, takes raw images, 0..255. All convolutions
are 3x3 with stride 1, "valid" padding, a bias and ReLU; all pooling is max pooling, 2x2,
but for the global average pooling at the end of the third edition's networks.

Source: François Chollet, *Deep Learning with Python*: first edition, chapter 5; second and third
editions, chapter 8. The parameter counts beside the builders are those of the book's summaries,
where it prints one.
"""

from __future__ import annotations

from math import radians, tan

import keras
from keras import layers

from chollet_cnn.book.legacy_keras import RandomAffine

DIGITS = 10


def mnist_three_block() -> keras.Model:
    """Classify digits with three convolutional and three pooling layers (60,554 parameters).

    The first edition's network with a third pooling layer. An article about the book attributes it
    to the book; the book's own network pools twice (:func:`mnist_first_edition`).
    """
    return _sequential(
        "mnist_three_block",
        (28, 28, 1),
        layers.Conv2D(32, 3, activation="relu"),
        layers.MaxPooling2D(2),
        layers.Conv2D(64, 3, activation="relu"),
        layers.MaxPooling2D(2),
        layers.Conv2D(64, 3, activation="relu"),
        layers.MaxPooling2D(2),
        layers.Flatten(),
        layers.Dense(64, activation="relu"),
        layers.Dense(DIGITS, activation="softmax"),
    )


def mnist_first_edition() -> keras.Model:
    """Classify digits as the first edition does, listings 5.1 and 5.2 (93,322 parameters)."""
    return _sequential(
        "mnist_first_edition",
        (28, 28, 1),
        layers.Conv2D(32, 3, activation="relu"),
        layers.MaxPooling2D(2),
        layers.Conv2D(64, 3, activation="relu"),
        layers.MaxPooling2D(2),
        layers.Conv2D(64, 3, activation="relu"),
        layers.Flatten(),
        layers.Dense(64, activation="relu"),
        layers.Dense(DIGITS, activation="softmax"),
    )


def mnist_second_edition() -> keras.Model:
    """Classify digits as the second edition does, listing 8.1 (104,202 parameters)."""
    return _sequential(
        "mnist_second_edition",
        (28, 28, 1),
        layers.Conv2D(32, 3, activation="relu"),
        layers.MaxPooling2D(2),
        layers.Conv2D(64, 3, activation="relu"),
        layers.MaxPooling2D(2),
        layers.Conv2D(128, 3, activation="relu"),
        layers.Flatten(),
        layers.Dense(DIGITS, activation="softmax"),
    )


def mnist_third_edition() -> keras.Model:
    """Classify digits as the third edition does, with average pooling (372,234 parameters)."""
    return _sequential(
        "mnist_third_edition",
        (28, 28, 1),
        layers.Conv2D(64, 3, activation="relu"),
        layers.MaxPooling2D(2),
        layers.Conv2D(128, 3, activation="relu"),
        layers.MaxPooling2D(2),
        layers.Conv2D(256, 3, activation="relu"),
        layers.GlobalAveragePooling2D(),
        layers.Dense(DIGITS, activation="softmax"),
    )


def mnist_without_pooling() -> keras.Model:
    """Classify digits with the second edition's network without pooling (712,202 parameters)."""
    return _sequential(
        "mnist_without_pooling",
        (28, 28, 1),
        layers.Conv2D(32, 3, activation="relu"),
        layers.Conv2D(64, 3, activation="relu"),
        layers.Conv2D(128, 3, activation="relu"),
        layers.Flatten(),
        layers.Dense(DIGITS, activation="softmax"),
    )


def cats_vs_dogs_first_edition(
    augmentation: bool | str = False,
    dropout: float = 0.0,
    image_size: tuple[int, int] = (150, 150),
) -> keras.Model:
    """Return the probability of a dog, first edition, listing 5.5 (3,453,121 parameters).

    Args:
        augmentation: rotate, shift, shear, zoom and flip training images at random (listing 5.11);
            ``"2017"`` does it as the Keras of the book's time.
        dropout: rate of the dropout before the dense layer of 512 (listing 5.13).
        image_size: ``(height, width)``.
    """
    return _sequential(
        "cats_vs_dogs_first_edition",
        (*image_size, 3),
        *(_augmentation_first_edition(legacy=augmentation == "2017") if augmentation else ()),
        layers.Conv2D(32, 3, activation="relu"),
        layers.MaxPooling2D(2),
        layers.Conv2D(64, 3, activation="relu"),
        layers.MaxPooling2D(2),
        layers.Conv2D(128, 3, activation="relu"),
        layers.MaxPooling2D(2),
        layers.Conv2D(128, 3, activation="relu"),
        layers.MaxPooling2D(2),
        layers.Flatten(),
        *_dropout(dropout),
        layers.Dense(512, activation="relu"),
        layers.Dense(1, activation="sigmoid"),
    )


def cats_vs_dogs_second_edition(
    augmentation: bool = False, dropout: float = 0.0, image_size: tuple[int, int] = (180, 180)
) -> keras.Model:
    """Return the probability of a dog, second edition, listing 8.7 (991,041 parameters).

    Args:
        augmentation: flip, rotate and zoom training images at random (listing 8.14).
        dropout: rate of the dropout before the last layer (listing 8.16).
        image_size: ``(height, width)``.
    """
    return _sequential(
        "cats_vs_dogs_second_edition",
        (*image_size, 3),
        *(_augmentation_later_editions() if augmentation else ()),
        layers.Conv2D(32, 3, activation="relu"),
        layers.MaxPooling2D(2),
        layers.Conv2D(64, 3, activation="relu"),
        layers.MaxPooling2D(2),
        layers.Conv2D(128, 3, activation="relu"),
        layers.MaxPooling2D(2),
        layers.Conv2D(256, 3, activation="relu"),
        layers.MaxPooling2D(2),
        layers.Conv2D(256, 3, activation="relu"),
        layers.Flatten(),
        *_dropout(dropout),
        layers.Dense(1, activation="sigmoid"),
    )


def cats_vs_dogs_third_edition(
    augmentation: bool = False, dropout: float = 0.0, image_size: tuple[int, int] = (180, 180)
) -> keras.Model:
    """Return the probability of a dog, third edition, chapter 8 (1,569,089 parameters).

    The second edition's network with 512 channels and global average pooling at the end; the
    arguments are those of :func:`cats_vs_dogs_second_edition`.
    """
    return _sequential(
        "cats_vs_dogs_third_edition",
        (*image_size, 3),
        *(_augmentation_later_editions() if augmentation else ()),
        layers.Conv2D(32, 3, activation="relu"),
        layers.MaxPooling2D(2),
        layers.Conv2D(64, 3, activation="relu"),
        layers.MaxPooling2D(2),
        layers.Conv2D(128, 3, activation="relu"),
        layers.MaxPooling2D(2),
        layers.Conv2D(256, 3, activation="relu"),
        layers.MaxPooling2D(2),
        layers.Conv2D(512, 3, activation="relu"),
        layers.GlobalAveragePooling2D(),
        *_dropout(dropout),
        layers.Dense(1, activation="sigmoid"),
    )


def _sequential(name: str, shape: tuple[int, int, int], *layers: keras.Layer) -> keras.Model:
    rescaling = keras.layers.Rescaling(1 / 255)
    return keras.Sequential([keras.Input(shape), rescaling, *layers], name=name)


def _dropout(rate: float) -> list[keras.Layer]:
    # The run sets its seed. Without any, Keras on PyTorch draws from PyTorch's own generator, which
    # no run sets.
    return [layers.Dropout(rate, seed=0)] if rate else []


def _augmentation_first_edition(legacy: bool) -> list[keras.Layer]:
    """Return the layers that do what ``ImageDataGenerator`` does in listing 5.11.

    The generator resamples each image once; Keras 3's layers each resample what the one before
    made, so images come out slightly softer. Today's generator reads the shear as degrees: 0.2 of
    them move a pixel at the border by a quarter of a pixel. With ``legacy`` the shear is in radians
    and the nearest pixel is taken (:mod:`chollet_cnn.book.legacy_keras`).
    """
    if legacy:
        affine = RandomAffine(rotation=40, shift=0.2, shear=0.2, zoom=0.2)
        return [affine, layers.RandomFlip("horizontal")]
    return [
        layers.RandomRotation(40 / 360, fill_mode="nearest"),
        layers.RandomTranslation(0.2, 0.2, fill_mode="nearest"),
        # One direction only, because Keras 3.15 cannot load a saved shear in both; the flip below
        # reverses half of them.
        layers.RandomShear(x_factor=(0.0, tan(radians(0.2))), fill_mode="nearest"),
        layers.RandomZoom(0.2, 0.2, fill_mode="nearest"),
        layers.RandomFlip("horizontal"),
    ]


def _augmentation_later_editions() -> list[keras.Layer]:
    return [layers.RandomFlip("horizontal"), layers.RandomRotation(0.1), layers.RandomZoom(0.2)]
