"""The figures that the book publishes, where they stand, and what is wrong in print."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import fmean

from chollet_cnn.book import printed

PRINTED = "printed output"


TEXT = "text"


@dataclass(frozen=True)
class Claim:
    """One published figure: which recipe, which quantity, what value, where it stands."""

    recipe: str
    quantity: str
    """A column of ``results/runs.csv``, or with an epoch one of a run's ``history.csv``."""
    value: float
    kind: str
    """Whether the figure is the output of a program, or a sentence about it."""
    source: str
    step: float = 0.0001
    """The last place that is given: 0.01 for 71%, which stands for 70.5% to 71.5%."""
    epoch: int | None = None
    """The epoch that it was printed after, or None where it speaks of the whole run."""
    note: str = ""
    """What else is known of it."""
    stay_below: float | None = None
    """What readers who tried the recipe say that they did not reach, where they do."""
    slip: bool = False
    """Whether the output beside it says otherwise; see :data:`ERRATA`."""


_DIGITS = "1st ed., notebook 5.1"
_PETS = "1st ed., notebook 5.2"
_LATER = "2nd ed., chapter 8"


def _curve(recipe: str, source: str) -> Iterator[Claim]:
    """Yield a claim for every number of a curve that a notebook prints."""
    for quantity, values in printed.CURVES[recipe].items():
        for epoch, value in enumerate(values, 1):
            yield Claim(recipe, quantity, value, PRINTED, source, epoch=epoch)


_PLAIN, _AUGMENTED = "cats-vs-dogs-first-edition", "cats-vs-dogs-first-edition-augmented"


_BEST = {name: printed.best_epoch(printed.CURVES[name]) for name in (_PLAIN, _AUGMENTED)}


def _at_the_end(recipe: str, epochs: int) -> str:
    """Say what validation accuracy a notebook prints after its last epochs."""
    values = printed.CURVES[recipe]["val_accuracy"]
    return (
        f"after its last epoch the output says {values[-1]:.2%}, over the last {epochs} "
        f"{fmean(values[-epochs:]):.2%} on average"
    )


_LAST_HALF, _LAST_TWENTY = _at_the_end(_PLAIN, 15), _at_the_end(_AUGMENTED, 20)


_READER = 0.80


CLAIMS: tuple[Claim, ...] = (
    Claim("mnist-first-edition", "test_accuracy", 0.9913, PRINTED, _DIGITS),
    Claim("mnist-first-edition", "test_accuracy", 0.993, TEXT, _DIGITS, 0.001, slip=True),
    *_curve("mnist-first-edition", _DIGITS),
    Claim("mnist-second-edition", "test_accuracy", 0.991, TEXT, _LATER, 0.001),
    Claim(_PLAIN, "val_accuracy", 0.71, TEXT, _PETS, 0.01, note=_LAST_HALF),
    Claim(_PLAIN, "best_epoch", 5, TEXT, _PETS, 1, slip=True),
    Claim(_PLAIN, "best_epoch", _BEST[_PLAIN], PRINTED, _PETS, 1),
    *_curve(_PLAIN, _PETS),
    Claim(_AUGMENTED, "val_accuracy", 0.82, TEXT, _PETS, 0.01, note=_LAST_TWENTY),
    Claim(_AUGMENTED, "best_epoch", _BEST[_AUGMENTED], PRINTED, _PETS, 1),
    *_curve(_AUGMENTED, _PETS),
    Claim("cats-vs-dogs-second-edition", "test_accuracy", 0.695, TEXT, _LATER, 0.001),
    Claim(
        "cats-vs-dogs-second-edition-augmented",
        "test_accuracy",
        0.835,
        TEXT,
        _LATER,
        0.001,
        note=f"a reader who tried many times reports less than {_READER:.0%}, issue 235 of the "
        "notebooks",
        stay_below=_READER,
    ),
)


@dataclass(frozen=True)
class Erratum:
    """Something that a text about these networks says and that is not so."""

    where: str
    says: str
    fact: str


_ARTICLE = 'the article "How do convolutional neural networks work?"'


ERRATA: tuple[Erratum, ...] = (
    Erratum(
        _ARTICLE,
        "that the book's network has three convolutions and three poolings",
        "the book's own has three convolutions and two poolings, the recipe `mnist-first-edition`; "
        "the article's is `mnist-three-block`",
    ),
    Erratum(
        _ARTICLE,
        "that a digit of MNIST is 26x26 pixels",
        "it is 28x28; 26x26 is the first feature map, what a 3x3 kernel leaves of it",
    ),
    Erratum(
        "notebook 5.1 of the first edition",
        f"in its text that the test accuracy is {CLAIMS[1].value:.1%}",
        f"the output printed right above the sentence is {CLAIMS[0].value:.2%}",
    ),
    Erratum(
        "notebook 5.2 of the first edition",
        "in its text that the validation loss is lowest after only five epochs",
        f"in the output that it prints the loss is lowest after epoch "
        f"{_BEST[_PLAIN]}, at {min(printed.CURVES[_PLAIN]['val_loss']):.4f}; after epoch 5 it is "
        f"{printed.CURVES[_PLAIN]['val_loss'][4]:.4f}",
    ),
)


def published_figure(recipe: str) -> Claim | None:
    """Return the accuracy that the book gives for a recipe, or None where it gives none."""
    return next((claim for claim in CLAIMS if claim.recipe == recipe), None)
