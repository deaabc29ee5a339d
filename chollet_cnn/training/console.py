"""What training prints before a run and after each epoch, and the list of the recipes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tabulate import tabulate

from chollet_cnn.book import published, recipes
from chollet_cnn.training.facts import changes, counts, device

if TYPE_CHECKING:
    from chollet_cnn.book.recipes import Recipe


def opening(recipe: Recipe, config: dict, environment: dict, path: Path) -> str:
    """Return the lines that say what is about to run."""
    lines = [
        f"{recipe.title}: {recipe.parameters:,} parameters, {counts(environment['data'])}",
        f"on {device(environment)}, seed {config['seed']}, into {path}",
    ]
    if config["changed"]:
        lines.append(f"Changed from the recipe: {changes(config)}.")
    if config["watched"] == "test set":
        selects = recipe.judged_by == recipes.LOWEST_VALIDATION_LOSS
        what = "the epoch, so its accuracy is too high" if selects else "nothing"
        lines.append(
            f"The recipe has no validation set; the test set is monitored and selects {what}."
        )
    return "\n".join(lines)


def epoch_line(row: dict[str, float], epochs: int, config: dict) -> str:
    """Return the line that reports one epoch."""
    monitored = "test" if config["watched"] == "test set" else "validation"
    return (
        f"epoch {row['epoch']:>{len(str(epochs))}}/{epochs}   loss {row['loss']:.4f}   "
        f"accuracy {row['accuracy']:.4f}   {monitored} loss {row['val_loss']:.4f}   "
        f"{monitored} accuracy {row['val_accuracy']:.4f}   {row['seconds']:.1f} s"
    )


def table_of_recipes() -> str:
    """Return a line for every recipe: the network's size, the training, the book's figure."""
    rows = [
        (
            recipe.name,
            f"{recipe.parameters:,}",
            recipe.epochs,
            recipe.batch_size,
            f"{recipe.optimizer} {recipe.learning_rate:g}",
            published.figure_in_words(recipe.name),
        )
        for recipe in recipes.RECIPES.values()
    ]
    headings = ("recipe", "parameters", "epochs", "batch", "optimizer", "the book")
    table = tabulate([headings, *rows], tablefmt="plain", disable_numparse=True)
    return "\n".join(map(str.rstrip, table.splitlines()))
