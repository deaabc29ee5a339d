"""What the book says comes out, and how our runs compare with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from chollet_cnn import recipes

if TYPE_CHECKING:
    import pandas as pd

    from chollet_cnn.runs import Run

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

# What notebook 5.1 of the first edition prints for mnist-first-edition while it trains, by epoch.
PRINTED_ACCURACY = (0.9440, 0.9855, 0.9902, 0.9926, 0.9943)
PRINTED_LOSS = (0.1766, 0.0462, 0.0322, 0.0241, 0.0187)


def published(recipe: str) -> Claim | None:
    """Return the accuracy that the book gives for a recipe, or None where it gives none."""
    return next((claim for claim in CLAIMS if claim.recipe == recipe), None)


def row(run: Run) -> dict[str, object]:
    """Return a finished run as a row of ``results/runs.csv``."""
    environment, metrics = run.environment, run.metrics
    versions = environment["versions"]
    backend = environment["backend"]
    keep = ("python", "keras", backend, "numpy", "pillow")
    return {
        "recipe": run.config["recipe"],
        "seed": run.config["seed"],
        "backend": backend,
        "device": environment["device"],
        "machine": f"{environment['processor']}, {environment['threads']} threads"
        if environment["device"] == "cpu"
        else environment["device_name"],
        "versions": "; ".join(f"{name} {versions[name]}" for name in keep),
        "data": environment["data"]["dataset"],
        "data_note": environment["data"].get("note", ""),
        "data_sha256": environment["data"]["sha256"],
        "epochs": metrics["epochs"],
        "judged_epoch": metrics["judged_epoch"],
        "best_epoch": metrics["best_epoch"],
        "test_accuracy": metrics["test_accuracy"],
        "test_loss": metrics["test_loss"],
        "val_accuracy": metrics["val_accuracy"],
        "val_loss": metrics["val_loss"],
        "seconds": metrics["train_seconds"],
        "weights_sha256": metrics["weights_sha256"],
    }


def markdown_table(rows: pd.DataFrame) -> str:
    """Return recorded runs as the README's table, one line a run, in the order of the recipes.

    Args:
        rows: ``results/runs.csv``, the columns that :func:`row` gives.
    """
    lines = [
        "| recipe | seed | test accuracy | validation accuracy | the book | difference | time "
        "| machine |",
        "|---|--:|--:|--:|--:|--:|--:|---|",
    ]
    order = {name: place for place, name in enumerate(recipes.RECIPES)}
    for run in rows.sort_values(
        ["recipe", "seed"], key=lambda c: c.map(order.get) if c.name == "recipe" else c
    ).to_dict("records"):
        claim = published(run["recipe"])
        validated = run["val_accuracy"] == run["val_accuracy"]  # NaN where there is none
        book = difference = ""
        if claim:
            where = {"test_accuracy": "test", "val_accuracy": "validation"}[claim.quantity]
            book = f"{claim.value:.2%} {where}"
            difference = f"{100 * (run[claim.quantity] - claim.value):+.2f}"
        lines.append(
            f"| {run['recipe']} | {run['seed']} | {run['test_accuracy']:.2%} | "
            f"{format(run['val_accuracy'], '.2%') if validated else ''} | {book} | {difference} | "
            f"{_minutes(run['seconds'])} | {run['machine']}, {run['backend']} |"
        )
    return "\n".join(lines)


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.1f} min"
