"""What the book says comes out, and how a run of ours compares with it."""

from __future__ import annotations

from dataclasses import dataclass

PRINTED = "printed output"
TEXT = "book text"


@dataclass(frozen=True)
class Claim:
    """One published figure: which recipe, which quantity, what value, where it stands."""

    recipe: str
    quantity: str
    """``test_accuracy`` or ``val_accuracy``, a key of a run's ``metrics.json``."""
    value: float
    kind: str
    source: str


CLAIMS: tuple[Claim, ...] = (
    Claim("mnist-first-edition", "test_accuracy", 0.9913, PRINTED, "1st ed., notebook 5.1"),
    Claim("mnist-second-edition", "test_accuracy", 0.991, TEXT, "2nd ed., chapter 8"),
    Claim("cats-vs-dogs-first-edition", "val_accuracy", 0.71, TEXT, "1st ed., notebook 5.2"),
    Claim(
        "cats-vs-dogs-first-edition-augmented", "val_accuracy", 0.82, TEXT, "1st ed., notebook 5.2"
    ),
    Claim("cats-vs-dogs-second-edition", "test_accuracy", 0.695, TEXT, "2nd ed., chapter 8"),
    Claim(
        "cats-vs-dogs-second-edition-augmented", "test_accuracy", 0.835, TEXT, "2nd ed., chapter 8"
    ),
)


def published(recipe: str) -> Claim | None:
    """Return the accuracy that the book gives for a recipe, or None where it gives none."""
    return next((claim for claim in CLAIMS if claim.recipe == recipe), None)
