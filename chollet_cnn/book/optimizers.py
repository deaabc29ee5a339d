"""The rule that moves the weights: Keras's own, and RMSprop as it was in the book's time.

RMSprop divides the gradient of each weight by the root of v, a running mean of that gradient's
squares, so that every weight moves about as far; a small number ε keeps it from dividing by zero.
Where ε stands has changed. Keras divided by √v + ε until 2.10; since then, as in Keras 3, by
√(v + ε). With ε = 1e-7 that root is never below 3e-4, and a weight whose gradients are smaller
moves less far than it did when the book was written.

Source: ``keras/optimizers.py`` of Keras 2.0.8, which the first edition's notebooks print as their
version, and ``optimizer_v2/rmsprop.py`` of Keras 2.4 to 2.10, the second edition's time; the rule
itself is from Tieleman and Hinton, *Neural Networks for Machine Learning*, lecture 6.5, 2012.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras

EPSILON_2017, EPSILON_2021 = 1e-8, 1e-7
"""What Keras added by default, so as not to divide by zero; today it is as in 2021."""


def make(name: str, learning_rate: float) -> keras.Optimizer:
    """Return a new optimizer.

    Args:
        name: a key of :data:`chollet_cnn.book.recipes.OPTIMIZERS`.
        learning_rate: how far a weight moves in a step.
    """
    import keras

    kinds = {
        "rmsprop": keras.optimizers.RMSprop,
        "adam": keras.optimizers.Adam,
        "rmsprop-2017": lambda rate: _old_rmsprop(rate, epsilon=EPSILON_2017),
        "rmsprop-2021": lambda rate: _old_rmsprop(rate, epsilon=EPSILON_2021),
    }
    return kinds[name](learning_rate)


def _old_rmsprop(learning_rate: float, epsilon: float) -> keras.optimizers.RMSprop:
    """Return RMSprop with ε added to the root, as Keras had it until 2.10."""
    import keras
    from keras import ops

    class OldRMSprop(keras.optimizers.RMSprop):
        def update_step(
            self, gradient: object, variable: keras.Variable, learning_rate: object
        ) -> None:
            rate = ops.cast(learning_rate, variable.dtype)
            gradient = ops.cast(gradient, variable.dtype)
            mean_square = self._velocities[self._get_variable_index(variable)]
            self.assign(mean_square, self.rho * mean_square + (1 - self.rho) * ops.square(gradient))
            self.assign_sub(variable, rate * gradient / (ops.sqrt(mean_square) + self.epsilon))

    return OldRMSprop(learning_rate, epsilon=epsilon)
