"""What Keras 3 does differently from the Keras that the book was written with.

RMSprop divides the gradient of each weight by the square root of v, a running mean of the squared
gradients; a small epsilon keeps the division defined. Keras up to 2.10 divided by
sqrt(v) + epsilon; Keras 3 divides by sqrt(v + epsilon). With epsilon = 1e-7 that root is never
below 3e-4, so a weight with smaller gradients moves less far today than when the book was written.

Listing 5.11 asks ``ImageDataGenerator`` for ``shear_range=0.2``. Keras 2.0.8 took that for radians,
11.5 degrees, and gave each pixel of the new image the value of the nearest one in the old. Since
pull requests 8868 and 8849 of December 2017 it is 0.2 degrees, and four pixels are interpolated.

This module imports Keras; importing it also registers :class:`RandomAffine`, so that Keras can load
a network that contains the layer.

Source: ``keras/optimizers.py`` and ``keras/preprocessing/image.py`` of Keras 2.0.8, the version
that the first edition's notebooks print; ``optimizer_v2/rmsprop.py`` of Keras 2.4 to 2.10, the
second edition's time; Tieleman and Hinton, *Neural Networks for Machine Learning*, lecture 6.5,
2012.
"""

from __future__ import annotations

from math import radians

import keras
from keras import KerasTensor, ops, random

from chollet_cnn.book.recipes import LEGACY_EPSILON


def make_optimizer(name: str, learning_rate: float) -> keras.Optimizer:
    """Return a new optimizer.

    Args:
        name: a key of :data:`chollet_cnn.book.recipes.OPTIMIZERS`.
        learning_rate: the step size.
    """
    if name in LEGACY_EPSILON:
        return LegacyRMSprop(learning_rate, epsilon=LEGACY_EPSILON[name])
    return {"rmsprop": keras.optimizers.RMSprop, "adam": keras.optimizers.Adam}[name](learning_rate)


@keras.saving.register_keras_serializable("chollet_cnn")
class LegacyRMSprop(keras.optimizers.RMSprop):
    """RMSprop with epsilon outside the square root, as Keras had it until 2.10."""

    def update_step(
        self, gradient: KerasTensor, variable: keras.Variable, learning_rate: KerasTensor
    ) -> None:
        """Move one weight against its gradient and update the running mean."""
        rate = ops.cast(learning_rate, variable.dtype)
        gradient = ops.cast(gradient, variable.dtype)
        mean_square = self._velocities[self._get_variable_index(variable)]
        self.assign(mean_square, self.rho * mean_square + (1 - self.rho) * ops.square(gradient))
        self.assign_sub(variable, rate * gradient / (ops.sqrt(mean_square) + self.epsilon))


@keras.saving.register_keras_serializable("chollet_cnn")
class RandomAffine(keras.layers.Layer):
    """Rotate, shift, shear and zoom each training image in one random affine transformation.

    Keras 3's own layers work one after the other, each on what the last one left inside the frame;
    this layer resamples the image once.

    Args:
        rotation: largest rotation in either direction, in degrees.
        shift: largest shift in either direction, as a fraction of the height and of the width.
        shear: largest shear in either direction, in radians.
        zoom: largest deviation from 1 of the zoom along each axis.
    """

    def __init__(
        self, rotation: float, shift: float, shear: float, zoom: float, **options: object
    ) -> None:
        """Keep the ranges and make a random generator."""
        super().__init__(**options)
        self.ranges = {"rotation": rotation, "shift": shift, "shear": shear, "zoom": zoom}
        self.seed_generator = random.SeedGenerator()
        self.built = True

    def call(self, images: KerasTensor, training: bool = False) -> KerasTensor:
        """Transform a batch while training; return it unchanged otherwise."""
        if not training:
            return images
        drawn = random.uniform((ops.shape(images)[0], 6), -1, 1, seed=self.seed_generator)
        turn, down, right, slant, tall, wide = ops.split(drawn, 6, axis=1)
        height, width = images.shape[1:3]
        return ops.image.affine_transform(
            images,
            affine_maps(
                radians(self.ranges["rotation"]) * turn,
                self.ranges["shift"] * height * down,
                self.ranges["shift"] * width * right,
                self.ranges["shear"] * slant,
                1 + self.ranges["zoom"] * tall,
                1 + self.ranges["zoom"] * wide,
                (height, width),
            ),
            interpolation="nearest",
            fill_mode="nearest",
        )

    def compute_output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of the input."""
        return input_shape

    def get_config(self) -> dict[str, object]:
        """Return the arguments that make this layer."""
        return super().get_config() | self.ranges


def affine_maps(
    turn: KerasTensor,
    down: KerasTensor,
    right: KerasTensor,
    slant: KerasTensor,
    tall: KerasTensor,
    wide: KerasTensor,
    size: tuple[int, int],
) -> KerasTensor:
    """Return the transformations in the form that ``keras.ops.image.affine_transform`` takes.

    A pixel's position is zoomed, sheared, shifted and rotated, in this order, around a center that
    Keras 2.0.8 put one pixel below and to the right of the true one.

    Args:
        turn: angles in radians, ``(images, 1)`` like all that follow.
        down: shifts along the rows, in pixels.
        right: shifts along the columns, in pixels.
        slant: shear angles in radians.
        tall: zooms of the rows; above 1 shows more of them.
        wide: zooms of the columns.
        size: ``(height, width)`` of the images.

    Returns:
        ``(images, 8)``: the factors of column, row and 1 that give the column a pixel comes from,
        those that give its row, and two zeros.
    """
    middle_row, middle_column = (side / 2 + 0.5 for side in size)
    row_by_row, row_by_column = tall * ops.cos(turn), -wide * ops.sin(turn + slant)
    column_by_row, column_by_column = tall * ops.sin(turn), wide * ops.cos(turn + slant)
    row = (
        middle_row + ops.cos(turn) * down - ops.sin(turn) * right
        - row_by_row * middle_row - row_by_column * middle_column
    )  # fmt: skip
    column = (
        middle_column + ops.sin(turn) * down + ops.cos(turn) * right
        - column_by_row * middle_row - column_by_column * middle_column
    )  # fmt: skip
    nothing = ops.zeros_like(turn)
    return ops.concatenate(
        [column_by_column, column_by_row, column, row_by_column, row_by_row, row, nothing, nothing],
        axis=1,
    )
