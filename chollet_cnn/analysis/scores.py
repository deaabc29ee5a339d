"""Class scores: what a network computes before its last softmax or sigmoid.

A network that is certain has driven its softmax or sigmoid to the flat end, where hardly any
gradient is left; the scores before it still change. Where they are is found by what the graph
computes, whatever the softmax is called: the end of the network is run on random numbers, from
later and later places, and compared with the softmax and the sigmoid.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import count

import keras
import numpy as np
import scipy.special
from keras import ops

from chollet_cnn.analysis.model_graph import (
    SKIPPED,
    Tensor,
    UnsupportedModelError,
    call,
    has_activation,
    walk,
    without_activation,
)
from chollet_cnn.concepts.checks import whole_number

REFERENCES = {
    "linear": lambda scores: scores,
    "sigmoid": scipy.special.expit,
    "softmax": lambda scores: scipy.special.softmax(scores, axis=1),
    "log_sigmoid": scipy.special.log_expit,
    "log_softmax": lambda scores: scipy.special.log_softmax(scores, axis=1),
}
"""What may follow the scores."""
TRIALS = 8
"""Rows of random scores that an activation is recognized by."""


@dataclass(frozen=True)
class Scores:
    """The class scores of a network, found by :func:`find_scores`."""

    model: keras.Model
    place: int
    """The position of the operation that gives them, in the order of the walk."""
    before_activation: bool
    """Whether they are that operation's output before its own activation function."""
    activation: str
    """What follows them, one of :data:`REFERENCES`."""

    @property
    def units(self) -> int:
        """The number of scores: one for each class, or one for two classes."""
        return self.model.outputs[0].shape[-1]

    def __call__(self, images: Tensor, replaced: Mapping[str, Tensor] | None = None) -> Tensor:
        """Return the scores ``(n, units)`` of a batch of images.

        Args:
            images: ``(n, height, width, channels)``.
            replaced: outputs that take the place of those of some layers, by full name; of a layer
                that is used more than once, of its first use.
        """
        replaced, places, found = dict(replaced or {}), count(), []

        def visit(
            name: str, operation: keras.Operation, *args: Tensor, **options: object
        ) -> Tensor:
            place = next(places)
            if found:
                return SKIPPED
            if name in replaced:
                output = ops.cast(replaced.pop(name), operation.output.dtype)
            else:
                scores_here = place == self.place and self.before_activation
                with without_activation(operation) if scores_here else nullcontext():
                    output = call(operation, *args, **options)
            if place == self.place:
                found.append(output)
            return output

        walk(self.model, images, visit)
        return ops.cast(ops.reshape(found[0], (-1, self.units)), "float32")

    def of_class(self, images: Tensor, target: int, **options: object) -> Tensor:
        """Return one class's score, ``(n,)``; of one unit, plus or minus its score."""
        scores = self(images, **options)
        return scores[:, target] if self.units > 1 else (2 * target - 1) * scores[:, 0]

    def probability(self, images: Tensor, target: int) -> Tensor:
        """Return one class's probability, ``(n,)``: the softmax or sigmoid of the scores.

        For scores that nothing follows it is the softmax, of one unit the sigmoid.
        """
        if self.units == 1 or "sigmoid" in self.activation:
            return ops.sigmoid(self.of_class(images, target))
        return ops.softmax(self(images))[:, target]

    def check_class(self, target: int) -> int:
        """Return the number of a class as an int, if there is such a class.

        Raises:
            ValueError: there is not.
        """
        classes = max(self.units, 2)
        number = whole_number(target, "class", least=0)
        if number >= classes:
            raise ValueError(f"there is no class {target}; the classes are 0 to {classes - 1}")
        return number


def find_scores(model: keras.Model) -> Scores:
    """Find where in a network the class scores are.

    Raises:
        UnsupportedModelError: the network has several outputs or one that is not ``(n, units)``, or
            it gives probabilities and the scores that they were computed from cannot be found.
    """
    operations = []

    def listed(_: str, operation: keras.Operation, *__: object, **___: object) -> float:
        operations.append(operation)
        return SKIPPED

    walk(model, SKIPPED, listed)
    shapes = [tuple(output.shape) for output in model.outputs]
    if len(shapes) != 1 or len(shapes[0]) != 2 or shapes[0][1] is None:
        raise UnsupportedModelError(
            f"the network has outputs of shape {', '.join(map(str, shapes))}; one output "
            "(n, units) is needed"
        )
    # Eighths up to 12 are exact in half precision.
    numbers = np.random.default_rng(0).normal(0, 4, (TRIALS, shapes[0][1])).clip(-12, 12)
    numbers = np.round(8 * numbers) / 8
    found, reached, end, activation = None, None, None, None
    for place in reversed(range(len(operations))):
        for before in [False, True] if has_activation(operations[place]) else [False]:
            output = _run_end(model, place, before, numbers)
            if output is None:
                continue
            reached, end, activation = (place, before), output, _recognized(numbers, output)
            if activation is not None:
                found = Scores(model, place, before, activation)
        if getattr(operations[place], "weights", []):
            break  # what comes before are not scores yet
    if found is None:
        raise _not_found(model)
    if found.activation == "linear":
        if activation is None:
            # Outputs that stay below 1, or as they are while the numbers grow, are those of another
            # kind of softmax or sigmoid.
            larger = _run_end(model, *reached, 4 * numbers)
            if end.max() <= 1.001 or not np.abs(larger).max() > 1.2 * np.abs(end).max():
                raise _not_found(model)
        reached = operations[reached[0]]
        if not (type(reached).__module__.startswith("keras.") and getattr(reached, "weights", [])):
            _check_not_probabilities(model)
    return found


def _not_found(model: keras.Model) -> UnsupportedModelError:
    return UnsupportedModelError(
        f"the scores before the last activation of {model.name} cannot be found; let the network "
        "end with a Dense layer that has activation='softmax', 'sigmoid' or none"
    )


def _run_end(
    model: keras.Model, place: int, before_activation: bool, numbers: np.ndarray
) -> np.ndarray | None:
    """Run the end of a network on numbers ``(TRIALS, units)`` in place of an operation's output.

    Returns:
        What the network makes of them, of the same shape; None if the output is of another size or
        not the only way to the end.
    """
    places, unknown = count(), object()

    def visit(_: str, operation: keras.Operation, *args: Tensor, **options: object) -> Tensor:
        at = next(places)
        if at == place:
            if len(keras.tree.flatten(operation.output)) > 1:
                return unknown
            shape = operation.output.shape[1:]
            begin = ops.convert_to_tensor(numbers.reshape(TRIALS, *shape).astype("float32"))
            begin = ops.cast(begin, operation.output.dtype)
            return operation.activation(begin) if before_activation else begin
        if at < place or any(leaf is unknown for leaf in keras.tree.flatten([args, options])):
            return unknown
        return call(operation, *args, **options)

    try:
        output = walk(model, unknown, visit)
    except (ValueError, TypeError):  # the output has another size, or there are several
        return None
    if output is unknown:
        return None
    output = ops.convert_to_numpy(ops.cast(output, "float32")).astype(np.float64)
    return output if output.shape == numbers.shape else None


def _recognized(scores: np.ndarray, output: np.ndarray) -> str | None:
    """Return the name of the function that makes these outputs of these scores, if it is known."""
    for name, function in REFERENCES.items():
        expected = function(scores)
        if np.allclose(output, expected, rtol=0.01, atol=0.01):  # in half precision too
            return name
    return None


def _check_not_probabilities(model: keras.Model) -> None:
    """Check, on random images, that a network ending with an unknown layer gives scores.

    Raises:
        UnsupportedModelError: it gives probabilities or their logarithms.
    """
    shape = [size or 64 for size in model.inputs[0].shape[1:]]
    images = np.random.default_rng(0).integers(0, 256, (TRIALS, *shape))
    output = model(ops.convert_to_tensor(images.astype("float32")), training=False)
    output = ops.convert_to_numpy(ops.cast(output, "float32"))
    sums = np.exp(output.astype(np.float64).clip(max=1)).sum(axis=1)  # more is not a logarithm
    if 0 <= output.min() <= output.max() <= 1.001 or np.allclose(sums, 1, atol=0.01):
        raise _not_found(model)
