"""How the book trains each of its networks: one frozen record a recipe, and the table of them.

Source: François Chollet, *Deep Learning with Python*, first edition notebooks 5.1 and 5.2, second
and third editions chapter 8. Keras's defaults hold where the book gives nothing, so the learning
rate of RMSprop and of Adam is 0.001.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

from chollet_cnn.errors import UserError

LAST_EPOCH = "last epoch"
LOWEST_VALIDATION_LOSS = "lowest validation loss"
OPTIMIZERS = {
    "rmsprop": "RMSprop as Keras 3 computes it",
    "adam": "Adam as Keras 3 computes it",
    "rmsprop-2017": "RMSprop as Keras 2.0 computed it, the first edition's time",
    "rmsprop-2021": "RMSprop as Keras 2.4 to 2.10 computed it, the second edition's time",
}
"""How weights are moved; :mod:`chollet_cnn.book.optimizers` says what the difference is."""
AUGMENTATIONS = {"2017": "ImageDataGenerator as in Keras 2.0, the first edition's time"}
"""How training pictures are changed other than by Keras 3's layers, where a recipe changes them;
:mod:`chollet_cnn.book.augmentation` says what the difference is."""


@dataclass(frozen=True)
class Recipe:
    """Everything that decides what a training run computes, but for its seed."""

    name: str
    title: str
    dataset: str
    """``mnist`` or ``cats-vs-dogs``, a name that :func:`chollet_cnn.data.load` knows."""
    network: str
    """The builder's name in :mod:`chollet_cnn.book.networks`."""
    parameters: int
    """How many weights the network has."""
    optimizer: str
    """A key of :data:`OPTIMIZERS`."""
    learning_rate: float
    batch_size: int
    epochs: int
    judged_by: str
    """The epoch whose weights are tested: the last, or that of the lowest validation loss."""
    network_options: dict[str, bool | float | str] = field(default_factory=dict)
    steps_per_epoch: int | None = None
    """Batches an epoch where the book sets them; otherwise an epoch sees every picture once."""
    data_options: dict[str, object] = field(default_factory=dict)
    """How the pictures are scaled and split, as :mod:`chollet_cnn.data.cats_vs_dogs` takes it."""
    notes: tuple[str, ...] = ()
    """Where this recipe cannot do to the letter what the book's code did."""


def _mnist(name: str, title: str, parameters: int, optimizer: str = "rmsprop") -> Recipe:
    return Recipe(
        name=f"mnist-{name}",
        title=f"MNIST, {title}",
        dataset="mnist",
        network=f"mnist_{name.replace('-', '_')}",
        parameters=parameters,
        optimizer=optimizer,
        learning_rate=0.001,
        batch_size=64,
        epochs=5,
        judged_by=LAST_EPOCH,
    )


_FIRST_EDITION_PICTURES = {
    "image_size": (150, 150),
    "resize": "nearest",
    "splits": {"train": (0, 1000), "validation": (1000, 1500), "test": (1500, 2000)},
}
_LATER_PICTURES = {
    "image_size": (180, 180),
    "resize": "bilinear",
    "splits": {"train": (0, 1000), "validation": (1000, 1500), "test": (1500, 2500)},
}
_ROUNDED = "Scaled pictures are kept as whole grey levels 0..255; the book's code kept fractions."

_RECIPES = (
    _mnist("three-block", "three blocks", 60_554),
    _mnist("first-edition", "first edition", 93_322),
    _mnist("second-edition", "second edition", 104_202),
    _mnist("third-edition", "third edition", 372_234, optimizer="adam"),
    _mnist("without-pooling", "second edition without pooling", 712_202),
    Recipe(
        name="cats-vs-dogs-first-edition",
        title="Cats vs dogs, first edition",
        dataset="cats-vs-dogs",
        network="cats_vs_dogs_first_edition",
        parameters=3_453_121,
        optimizer="rmsprop",
        learning_rate=1e-4,
        batch_size=20,
        epochs=30,
        judged_by=LAST_EPOCH,
        data_options=_FIRST_EDITION_PICTURES,
    ),
    Recipe(
        name="cats-vs-dogs-first-edition-augmented",
        title="Cats vs dogs, first edition, augmented",
        dataset="cats-vs-dogs",
        network="cats_vs_dogs_first_edition",
        parameters=3_453_121,
        optimizer="rmsprop",
        learning_rate=1e-4,
        batch_size=32,
        epochs=100,
        judged_by=LAST_EPOCH,
        network_options={"augmentation": True, "dropout": 0.5},
        steps_per_epoch=100,
        data_options=_FIRST_EDITION_PICTURES,
        notes=(
            "ImageDataGenerator turns, shifts, shears and zooms a picture in one step; Keras 3's "
            "layers do it one after the other, which softens it a little. In the book's time it "
            "took the shear for radians, not degrees, and the nearest pixel for each: "
            "--augmentation 2017 does.",
            "Each validation picture is looked at once an epoch; the notebook's 50 batches of 32 "
            "looked at 576 of the 1,000 twice.",
        ),
    ),
    Recipe(
        name="cats-vs-dogs-second-edition",
        title="Cats vs dogs, second edition",
        dataset="cats-vs-dogs",
        network="cats_vs_dogs_second_edition",
        parameters=991_041,
        optimizer="rmsprop",
        learning_rate=0.001,
        batch_size=32,
        epochs=30,
        judged_by=LOWEST_VALIDATION_LOSS,
        data_options=_LATER_PICTURES,
        notes=(_ROUNDED,),
    ),
    Recipe(
        name="cats-vs-dogs-second-edition-augmented",
        title="Cats vs dogs, second edition, augmented",
        dataset="cats-vs-dogs",
        network="cats_vs_dogs_second_edition",
        parameters=991_041,
        optimizer="rmsprop",
        learning_rate=0.001,
        batch_size=32,
        epochs=100,
        judged_by=LOWEST_VALIDATION_LOSS,
        network_options={"augmentation": True, "dropout": 0.5},
        data_options=_LATER_PICTURES,
        notes=(_ROUNDED,),
    ),
    Recipe(
        name="cats-vs-dogs-third-edition",
        title="Cats vs dogs, third edition",
        dataset="cats-vs-dogs",
        network="cats_vs_dogs_third_edition",
        parameters=1_569_089,
        optimizer="adam",
        learning_rate=0.001,
        batch_size=64,
        epochs=50,
        judged_by=LOWEST_VALIDATION_LOSS,
        data_options=_LATER_PICTURES,
        notes=(_ROUNDED,),
    ),
    Recipe(
        name="cats-vs-dogs-third-edition-augmented",
        title="Cats vs dogs, third edition, augmented",
        dataset="cats-vs-dogs",
        network="cats_vs_dogs_third_edition",
        parameters=1_569_089,
        optimizer="adam",
        learning_rate=0.001,
        batch_size=64,
        epochs=100,
        judged_by=LOWEST_VALIDATION_LOSS,
        network_options={"augmentation": True, "dropout": 0.25},
        data_options=_LATER_PICTURES,
        notes=(_ROUNDED,),
    ),
)

RECIPES: dict[str, Recipe] = {recipe.name: recipe for recipe in _RECIPES}
DEFAULT = "mnist-three-block"


def get(name: str) -> Recipe:
    """Return the recipe of that name.

    Raises:
        UserError: if there is none; the message names the closest ones.
    """
    if name in RECIPES:
        return RECIPES[name]
    from difflib import get_close_matches

    close = get_close_matches(name, RECIPES, n=2, cutoff=0.4)
    hint = f"did you mean {' or '.join(close)}? " if close else ""
    raise UserError(
        f"there is no recipe {name!r}; {hint}`python -m chollet_cnn.train --list` shows them all"
    )


def pictures(recipe: str, quantity: str) -> int | None:
    """Return how many pictures an accuracy of a recipe is measured on; None for another quantity.

    >>> pictures("cats-vs-dogs-second-edition", "test_accuracy")
    2000
    """
    split = {"test_accuracy": "test", "val_accuracy": "validation"}.get(quantity)
    if split is None:
        return None
    splits = get(recipe).data_options.get("splits")
    if splits is None:  # MNIST, which has no validation set of its own
        return 10_000 if split == "test" else None
    first, last = splits[split]
    return 2 * (last - first)  # so many cats and so many dogs


def changed(
    recipe: Recipe,
    *,
    epochs: int | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    optimizer: str | None = None,
    augmentation: str | None = None,
) -> Recipe:
    """Return the recipe with what a reader asked to have different; ``None`` leaves it as it is.

    Raises:
        UserError: if one of them is no such thing, or ``augmentation`` is asked of a recipe that
            has none of the kind; the message names the option of the command.
    """
    for option, number in (("--epochs", epochs), ("--batch-size", batch_size)):
        if number is not None and number < 1:
            raise UserError(f"{option} is a whole number of at least 1, not {number}")
    if learning_rate is not None and not 0 < learning_rate < math.inf:
        raise UserError(f"--learning-rate is a number above 0, not {learning_rate}")
    for option, name, names in (
        ("--optimizer", optimizer, OPTIMIZERS),
        ("--augmentation", augmentation, AUGMENTATIONS),
    ):
        if name is not None and name not in names:
            raise UserError(f"{option} is one of {', '.join(names)}, not {name}")
    options = recipe.network_options
    if augmentation is not None:
        if recipe.network != "cats_vs_dogs_first_edition" or not options.get("augmentation"):
            raise UserError(
                f"--augmentation {augmentation} is for cats-vs-dogs-first-edition-augmented alone, "
                f"whose pictures Keras changed otherwise then; leave it out for {recipe.name}"
            )
        options = options | {"augmentation": augmentation}
    asked = {
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "optimizer": optimizer,
        "network_options": options,
    }
    return replace(recipe, **{k: v for k, v in asked.items() if v is not None})
