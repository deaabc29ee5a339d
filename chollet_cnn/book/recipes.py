"""How the book trains each of its networks: one frozen record a recipe, and the table of them.

Source: François Chollet, *Deep Learning with Python*, first edition notebooks 5.1 and 5.2, second
and third editions chapter 8. Keras's defaults hold where the book gives nothing, so the learning
rate of RMSprop and of Adam is 0.001.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from difflib import get_close_matches

from chollet_cnn.errors import UserError

LAST_EPOCH = "last epoch"
LOWEST_VALIDATION_LOSS = "lowest validation loss"
OPTIMIZERS = {
    "rmsprop": "RMSprop as Keras 3 computes it",
    "adam": "Adam as Keras 3 computes it",
    "rmsprop-2017": "RMSprop as Keras 2.0 computed it, the first edition's time",
    "rmsprop-2021": "RMSprop as Keras 2.4 to 2.10 computed it, the second edition's time",
}
LEGACY_EPSILON = {"rmsprop-2017": 1e-8, "rmsprop-2021": 1e-7}
"""Keras's default epsilon in the legacy rules; :mod:`chollet_cnn.book.legacy_keras` has them."""
AUGMENTATIONS = {"2017": ("cats-vs-dogs-first-edition-augmented",)}
"""Augmentations other than Keras 3's layers, and the recipes that they are for.

2017 is ``ImageDataGenerator`` as in Keras 2.0, the first edition's time.
"""


@dataclass(frozen=True)
class Recipe:
    """Everything that decides what a training run computes, except its seed."""

    name: str
    title: str
    dataset: str
    """A name that :func:`chollet_cnn.data.load_dataset` knows, such as ``cats-vs-dogs``."""
    network: str
    """The name of the builder in :mod:`chollet_cnn.book.networks`."""
    parameters: int
    """How many parameters the network has."""
    optimizer: str
    """A key of :data:`OPTIMIZERS`."""
    learning_rate: float
    batch_size: int
    epochs: int
    judged_by: str
    """How the tested epoch is selected: :data:`LAST_EPOCH` or :data:`LOWEST_VALIDATION_LOSS`."""
    network_options: dict[str, bool | float | str] = field(default_factory=dict)
    """Arguments of the builder."""
    steps_per_epoch: int | None = None
    """Batches in an epoch where the book sets them; otherwise an epoch sees every image once."""
    data_options: dict[str, object] = field(default_factory=dict)
    """How images are resized and split, as :mod:`chollet_cnn.data.cats_vs_dogs` takes it."""
    notes: tuple[str, ...] = ()
    """Where this recipe differs in detail from the book's code."""

    def options_for(self, dataset: str) -> dict[str, object]:
        """Return the options that a data set is loaded with: none for another than its own."""
        return self.data_options if dataset == self.dataset else {}


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


_FIRST_EDITION_IMAGES = {
    "image_size": (150, 150),
    "resize": "nearest",
    "splits": {"train": (0, 1000), "validation": (1000, 1500), "test": (1500, 2000)},
}
_LATER_IMAGES = {
    "image_size": (180, 180),
    "resize": "bilinear",
    "splits": {"train": (0, 1000), "validation": (1000, 1500), "test": (1500, 2500)},
}
_ROUNDED = "Resized images are rounded to whole grey levels 0..255; the book's code kept fractions."


def _cats_vs_dogs(edition: str, *, dropout: float = 0.0, **settings: object) -> Recipe:
    """Return a recipe of the ``first``, ``second`` or ``third`` edition.

    With ``dropout`` it is the augmented one.
    """
    first = edition == "first"
    suffix, words = ("-augmented", ", augmented") if dropout else ("", "")
    return Recipe(
        name=f"cats-vs-dogs-{edition}-edition{suffix}",
        title=f"Cats vs dogs, {edition} edition{words}",
        dataset="cats-vs-dogs",
        network=f"cats_vs_dogs_{edition}_edition",
        judged_by=LAST_EPOCH if first else LOWEST_VALIDATION_LOSS,
        network_options={"augmentation": True, "dropout": dropout} if dropout else {},
        data_options=_FIRST_EDITION_IMAGES if first else _LATER_IMAGES,
        **{"notes": () if first else (_ROUNDED,)} | settings,
    )


_FIRST = {"parameters": 3_453_121, "optimizer": "rmsprop", "learning_rate": 1e-4}
_SECOND = {
    "parameters": 991_041, "optimizer": "rmsprop", "learning_rate": 0.001, "batch_size": 32
}  # fmt: skip
_THIRD = {
    "parameters": 1_569_089, "optimizer": "adam", "learning_rate": 0.001, "batch_size": 64
}  # fmt: skip

_RECIPES = (
    _mnist("three-block", "three blocks", 60_554),
    _mnist("first-edition", "first edition", 93_322),
    _mnist("second-edition", "second edition", 104_202),
    _mnist("third-edition", "third edition", 372_234, optimizer="adam"),
    _mnist("without-pooling", "second edition without pooling", 712_202),
    _cats_vs_dogs("first", batch_size=20, epochs=30, **_FIRST),
    _cats_vs_dogs(
        "first",
        dropout=0.5,
        batch_size=32,
        epochs=100,
        steps_per_epoch=100,
        notes=(
            "ImageDataGenerator rotates, shifts, shears and zooms an image in one step; Keras 3's "
            "layers do it one after the other, which softens it a little. In the book's time the "
            "shear was in radians, not degrees, and the nearest pixel was taken; the augmentation "
            "2017 does that.",
            "Each validation image is evaluated once an epoch; the notebook's 50 batches of 32 "
            "had 1,552 or 1,576 images, many of the 1,000 twice, since a pass ends with one of 8.",
        ),
        **_FIRST,
    ),
    _cats_vs_dogs("second", epochs=30, **_SECOND),
    _cats_vs_dogs("second", dropout=0.5, epochs=100, **_SECOND),
    _cats_vs_dogs("third", epochs=50, **_THIRD),
    _cats_vs_dogs("third", dropout=0.25, epochs=100, **_THIRD),
)


def _on_all_images(recipe: Recipe) -> Recipe:
    """Return a recipe for all 25,000 images instead of the first few of each class."""
    splits = {"train": (0, 10_000), "validation": (10_000, 11_250), "test": (11_250, 12_500)}
    return replace(
        recipe,
        name=f"{recipe.name}-full",
        title=f"{recipe.title}, all images",
        steps_per_epoch=None,
        data_options=recipe.data_options | {"splits": splits},
        notes=(*recipe.notes, "The book trains on 1,000 images of each class; this, on 10,000."),
    )


_FULL = tuple(_on_all_images(recipe) for recipe in _RECIPES if recipe.dataset == "cats-vs-dogs")
RECIPES: dict[str, Recipe] = {recipe.name: recipe for recipe in (*_RECIPES, *_FULL)}
"""The book's recipes, and each of cats vs dogs once more for the whole data set: ``-full``."""
DEFAULT = "mnist-three-block"


def get(name: str) -> Recipe:
    """Return the recipe of that name.

    Raises:
        UserError: if there is none; the message names the closest ones.
    """
    if isinstance(name, str) and name in RECIPES:
        return RECIPES[name]
    close = get_close_matches(str(name), RECIPES, n=2, cutoff=0.4)
    hint = f"did you mean {' or '.join(close)}? " if close else ""
    raise UserError(
        f"unknown recipe {name!r}; {hint}list_recipes() in Python and `python -m chollet_cnn.train "
        "--list` show all of them"
    )


def image_count(recipe: str, quantity: str) -> int | None:
    """Return how many images an accuracy of a recipe is measured on; None for other quantities.

    >>> image_count("cats-vs-dogs-second-edition", "test_accuracy")
    2000
    """
    split = {"test_accuracy": "test", "val_accuracy": "validation"}.get(quantity)
    chosen = get(recipe)
    if splits := chosen.data_options.get("splits"):
        first, last = splits.get(split, (0, 0))
        return 2 * (last - first) or None  # as many cats as dogs
    return {("mnist", "test"): 10_000}.get((chosen.dataset, split))
