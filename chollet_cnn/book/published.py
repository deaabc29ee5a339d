"""The figures that the book publishes, where they are printed, and what is wrong in print.

The learning curves in ``curves/*.csv`` are what the first edition's companion notebooks 5.1 and 5.2
print while they train, run by the book's author with Keras 2.0.8. The later editions' notebooks
carry no outputs; their figures are those of chapter 8's text, for the third edition at
https://deeplearningwithpython.io. A file is named after its recipe and has the columns of
``history.csv``.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from chollet_cnn.book import recipes
from chollet_cnn.drawing.numbers import format_published

PRINTED = "printed output"
TEXT = "text"
QUANTITIES = ("loss", "accuracy", "val_loss", "val_accuracy")
"""A printed curve's columns; the last two only where a notebook validates."""


def _read_curve(path: Path) -> dict[str, tuple[float, ...]]:
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {name: tuple(float(row[name]) for row in rows) for name in QUANTITIES if name in rows[0]}


_FILES = {path.stem: path for path in Path(__file__).parent.glob("curves/*.csv")}
CURVES: dict[str, dict[str, tuple[float, ...]]] = {
    recipe: _read_curve(_FILES[recipe]) for recipe in recipes.RECIPES if recipe in _FILES
}
"""The printed curves by recipe, each quantity a tuple with one number per epoch."""


@dataclass(frozen=True)
class Claim:
    """One published figure: which recipe, which quantity, what value, where it is printed."""

    recipe: str
    quantity: str
    """A column of ``results/runs.csv``, or with an epoch one of a run's ``history.csv``."""
    value: float
    kind: str
    """:data:`PRINTED`, the output of a program, or :data:`TEXT`, a sentence about it."""
    source: str
    step: float = 0.0001
    """The last decimal place given: 0.01 for 71%, which stands for 70.5% to 71.5%."""
    epoch: int | None = None
    """The epoch that it was printed after, or None where it speaks of the whole run."""
    note: str = ""
    """What else is known of it."""
    stay_below: float | None = None
    """An upper bound that readers who tried the recipe report, where they do."""
    slip: bool = False
    """Whether it is an erratum: the output beside it says otherwise; see :data:`ERRATA`."""


_NOTEBOOK_5_1 = "1st ed., notebook 5.1"
_NOTEBOOK_5_2 = "1st ed., notebook 5.2"
_SECOND_EDITION = "2nd ed., chapter 8"
_THIRD_EDITION = "3rd ed., chapter 8"
_PLAIN, _AUGMENTED = "cats-vs-dogs-first-edition", "cats-vs-dogs-first-edition-augmented"


def _curve(recipe: str, source: str) -> Iterator[Claim]:
    """Yield a claim for every number of a printed curve."""
    for quantity, values in CURVES[recipe].items():
        for epoch, value in enumerate(values, 1):
            yield Claim(recipe, quantity, value, PRINTED, source, epoch=epoch)


CLAIMS: tuple[Claim, ...] = (
    Claim("mnist-first-edition", "test_accuracy", 0.9913, PRINTED, _NOTEBOOK_5_1),
    Claim("mnist-first-edition", "test_accuracy", 0.993, TEXT, _NOTEBOOK_5_1, 0.001, slip=True),
    *_curve("mnist-first-edition", _NOTEBOOK_5_1),
    Claim("mnist-second-edition", "test_accuracy", 0.991, TEXT, _SECOND_EDITION, 0.001),
    Claim(
        _PLAIN, "val_accuracy", 0.71, TEXT, _NOTEBOOK_5_2, 0.01,
        note="after its last epoch the output says 72.40%, over the last 15 71.40% on average",
    ),
    Claim(_PLAIN, "best_epoch", 5, TEXT, _NOTEBOOK_5_2, 1, slip=True),
    Claim(_PLAIN, "best_epoch", 10, PRINTED, _NOTEBOOK_5_2, 1),
    *_curve(_PLAIN, _NOTEBOOK_5_2),
    Claim(
        _AUGMENTED, "val_accuracy", 0.82, TEXT, _NOTEBOOK_5_2, 0.01,
        note="after its last epoch the output says 84.39%, over the last 20 82.77% on average",
    ),
    Claim(_AUGMENTED, "best_epoch", 99, PRINTED, _NOTEBOOK_5_2, 1),
    *_curve(_AUGMENTED, _NOTEBOOK_5_2),
    Claim("cats-vs-dogs-second-edition", "test_accuracy", 0.695, TEXT, _SECOND_EDITION, 0.001),
    Claim(
        "cats-vs-dogs-second-edition-augmented", "test_accuracy", 0.835, TEXT, _SECOND_EDITION,
        0.001,
        note="a reader who tried many times reports less than 80%, issue 235 of the notebooks",
        stay_below=0.80,
    ),
    Claim("mnist-third-edition", "test_accuracy", 0.991, PRINTED, _THIRD_EDITION, 0.001),
    Claim("cats-vs-dogs-third-edition", "test_accuracy", 0.786, TEXT, _THIRD_EDITION, 0.001),
    Claim(
        "cats-vs-dogs-third-edition", "best_epoch", 10, TEXT, _THIRD_EDITION, 1,
        note="the text also speaks of batches of 32 images where the program sets 64",
    ),
    Claim(
        "cats-vs-dogs-third-edition-augmented", "test_accuracy", 0.839, TEXT, _THIRD_EDITION,
        0.001,
    ),
)  # fmt: skip
"""Every published figure; the first of a recipe is the one that a run is compared with."""


def published_figure(recipe: str) -> Claim | None:
    """Return the accuracy that the book gives for a recipe, or None where it gives none."""
    return next((claim for claim in CLAIMS if claim.recipe == recipe), None)


@dataclass(frozen=True)
class Erratum:
    """A statement in print about these networks that is wrong, and the fact."""

    where: str
    says: str
    fact: str


_ARTICLE = 'the article "How do convolutional neural networks work?"'
ERRATA: tuple[Erratum, ...] = (
    Erratum(
        _ARTICLE,
        "that the book's network has three convolutional layers and three pooling layers",
        "the book's own has three convolutional layers and two pooling layers, the recipe "
        "`mnist-first-edition`; the article's is `mnist-three-block`",
    ),
    Erratum(
        _ARTICLE,
        "that a digit of MNIST is 26x26 pixels",
        "it is 28x28; 26x26 is the first feature map, what a 3x3 kernel leaves of it",
    ),
    Erratum(
        "notebook 5.1 of the first edition",
        "in its text that the test accuracy is 99.3%",
        "the output printed right above the sentence is 99.13%",
    ),
    Erratum(
        "notebook 5.2 of the first edition",
        "in its text that the validation loss is lowest after only five epochs",
        "in the output that it prints the loss is lowest after epoch 10, at 0.5508; after epoch 5 "
        "it is 0.5726",
    ),
    Erratum(
        "chapter 8 of the third edition",
        "in its text and in the printed shapes that a batch of cats and dogs has 32 images",
        "the program beside it, listing 8.9, sets 64, as the recipe does",
    ),
    Erratum(
        "chapter 8 of the third edition",
        "that the kernels of the network for MNIST begin at 32 and end at 64",
        "those of its listing 8.1 begin at 64 and end at 256",
    ),
)


def figure_in_words(recipe: str) -> str:
    """Return the accuracy that the book gives for a recipe and its split; else an empty string.

    >>> figure_in_words("cats-vs-dogs-first-edition"), figure_in_words("mnist-three-block")
    ('71% validation', '')
    """
    claim = published_figure(recipe)
    if claim is None:
        return ""
    split = {"test_accuracy": "test", "val_accuracy": "validation"}[claim.quantity]
    return f"{format_published(claim.quantity, claim.value, claim.step)} {split}"
