"""The book's networks, one builder function each.

Every builder returns a :class:`keras.Model` that is not compiled. Its first layer divides the
pixels by 255, so the network takes pictures as they come, 0..255, and so does a saved copy of it.
All convolutions are 3x3 with stride 1, no padding, a bias and ReLU; all pooling takes the largest
of 2x2.

Source: François Chollet, *Deep Learning with Python*: first edition, chapter 5; second and third
editions, chapter 8. The parameter counts beside the builders are the ones that the book's summaries
print, where it prints one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras

DIGITS = 10


def mnist_three_block() -> keras.Model:
    """Tell ten digits apart with three convolutions and three poolings (60,554 parameters).

    The first edition's network with a third pooling layer. One of the articles about the book says
    that the book has it; the book itself pools twice (:func:`mnist_first_edition`).
    """
    from keras import layers

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
    """Tell ten digits apart as the first edition does, listings 5.1 and 5.2 (93,322 parameters)."""
    from keras import layers

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
    """Tell ten digits apart as the second edition does, listing 8.1 (104,202 parameters)."""
    from keras import layers

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
    """Tell ten digits apart as the third edition does: wider, averaged at the end (372,234)."""
    from keras import layers

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
    """Show what pooling saves: the second edition's network without it (712,202 parameters)."""
    from keras import layers

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
    """Say how likely a picture shows a dog, first edition, listing 5.5 (3,453,121 parameters).

    Four convolutions and four poolings on 150x150 colour pictures. ``augmentation`` turns, shifts,
    shears, zooms and mirrors each training picture at random (listing 5.11), with ``"2017"`` as the
    Keras of the book's time did; ``dropout`` is the share of values set to zero before the dense
    layer of 512 while training (listing 5.13); ``image_size`` is ``(height, width)``, the book's
    unless given.
    """
    from keras import layers

    return _sequential(
        "cats_vs_dogs_first_edition",
        (*image_size, 3),
        *(_augmentation_first_edition(as_then=augmentation == "2017") if augmentation else ()),
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
    """Say how likely a picture shows a dog, second edition, listing 8.7 (991,041 parameters).

    Five convolutions and four poolings on 180x180 colour pictures. ``augmentation`` mirrors, turns
    and zooms each training picture at random (listing 8.14); ``dropout`` is the share of values set
    to zero before the last layer while training (listing 8.16); ``image_size`` is
    ``(height, width)``, the book's unless given.
    """
    from keras import layers

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
    """Say how likely a picture shows a dog, third edition, chapter 8 (1,569,089 parameters).

    The second edition's network with 512 channels at the end, each averaged to one number.
    The options are those of :func:`cats_vs_dogs_second_edition`.
    """
    from keras import layers

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
    import keras

    return keras.Sequential(
        [keras.Input(shape), keras.layers.Rescaling(1 / 255), *layers], name=name
    )


def _dropout(rate: float) -> list[keras.Layer]:
    from keras import layers

    return [layers.Dropout(rate)] if rate else []


def _augmentation_first_edition(as_then: bool) -> list[keras.Layer]:
    """Return the layers that do what ``ImageDataGenerator`` does in listing 5.11, today or then.

    The generator composes one matrix and resamples each picture once; Keras's layers each resample
    what the one before made, so pictures come out a little softer. Today it takes the shear for
    degrees: 0.2 of them move a pixel at the border by a quarter of a pixel. In the book's time it
    took it for radians, and the nearest pixel for each (:mod:`chollet_cnn.book.augmentation`).
    """
    from math import radians, tan

    from keras import layers

    from chollet_cnn.book import augmentation

    if as_then:
        random_affine = augmentation.random_affine()
        return [
            random_affine(rotation=40, shift=0.2, shear=0.2, zoom=0.2),
            layers.RandomFlip("horizontal"),
        ]
    return [
        layers.RandomRotation(40 / 360, fill_mode="nearest"),
        layers.RandomTranslation(0.2, 0.2, fill_mode="nearest"),
        # One way only, since Keras 3.15 cannot load what it saves of a shear both ways; the flip
        # below turns half of them the other way.
        layers.RandomShear(x_factor=(0.0, tan(radians(0.2))), fill_mode="nearest"),
        layers.RandomZoom(0.2, 0.2, fill_mode="nearest"),
        layers.RandomFlip("horizontal"),
    ]


def _augmentation_later_editions() -> list[keras.Layer]:
    from keras import layers

    return [layers.RandomFlip("horizontal"), layers.RandomRotation(0.1), layers.RandomZoom(0.2)]
