"""Changing training pictures at random as the Keras of the first edition did.

Listing 5.11 asks ``ImageDataGenerator`` for ``shear_range=0.2``. Keras 2.0.8, which the notebooks
print as their version, took that for radians, 11.5 degrees, and gave each pixel of the new picture
the value of the nearest one in the old. Since pull requests 8868 and 8849 of December 2017 it is
0.2 degrees, and four pixels are mixed.

Source: ``keras/preprocessing/image.py`` of Keras 2.0.8.
"""

from __future__ import annotations

from functools import cache
from math import radians
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras


@cache
def random_affine() -> type[keras.Layer]:
    """Return ``RandomAffine``, a layer that turns, shifts, shears and zooms in one step.

    Where Keras's own layers work one after the other, each on what the last one left inside the
    frame, this one asks once where a pixel comes from. Before Keras loads a network with this layer
    in it, this function must have been called, so that Keras knows it.
    """
    import keras
    from keras import ops, random

    @keras.saving.register_keras_serializable("chollet_cnn")
    class RandomAffine(keras.layers.Layer):
        """Look up each pixel of a training picture elsewhere, by a random affine map.

        Args:
            rotation: the widest turn either way, in degrees.
            shift: the furthest shift either way, as a share of the height and of the width.
            shear: the widest slant either way, in radians.
            zoom: how far from 1 the two zooms may lie.
        """

        def __init__(
            self, rotation: float, shift: float, shear: float, zoom: float, **options: object
        ) -> None:
            super().__init__(**options)
            self.ranges = {"rotation": rotation, "shift": shift, "shear": shear, "zoom": zoom}
            self.seed_generator = random.SeedGenerator()
            self.built = True

        def call(self, images: object, training: bool = False) -> object:
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
            return input_shape

        def get_config(self) -> dict[str, object]:
            return super().get_config() | self.ranges

    return RandomAffine


def affine_maps(
    turn: object,
    down: object,
    right: object,
    slant: object,
    tall: object,
    wide: object,
    size: tuple[int, int],
) -> object:
    """Say where each pixel comes from, in the form that ``keras.ops.image.affine_transform`` takes.

    A pixel's place is zoomed, sheared, shifted and turned, in this order, around a middle that
    Keras 2.0.8 put a pixel further down and right than it is.

    Args:
        turn: angles in radians, ``(pictures, 1)`` as all that follow.
        down: shifts in pixels along the rows.
        right: shifts in pixels along the columns.
        slant: by which angle more the columns turn than the rows, in radians.
        tall: zooms of the rows, above 1 to see more of them.
        wide: zooms of the columns.
        size: ``(height, width)`` of the pictures.

    Returns:
        ``(pictures, 8)``; row by row the factors of column, row and 1 that give the column a pixel
        comes from, those that give its row, and two zeros.
    """
    from keras import ops

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
