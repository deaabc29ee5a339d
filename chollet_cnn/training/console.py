"""What a training run prints: before it, after each epoch, and the table at its end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from chollet_cnn.book import published, recipes
from chollet_cnn.book.recipes import LOWEST_VALIDATION_LOSS
from chollet_cnn.drawing.numbers import format_published

if TYPE_CHECKING:
    from chollet_cnn.book.recipes import Recipe
    from chollet_cnn.training.runs import Run

BACKENDS = {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "PyTorch"}


def opening(recipe: Recipe, config: dict, environment: dict, path: Path) -> str:
    """Return the lines that say what is about to run."""
    lines = [
        f"{recipe.title}: {recipe.parameters:,} parameters, {_counts(environment['data'])}",
        f"on {_device(environment)}, seed {config['seed']}, into {path}",
    ]
    if skipped := environment["data"].get("left_out"):
        lines.append(f"{len(skipped)} images were skipped; environment.json names them.")
    if config["changed"]:
        lines.append(f"Changed from the recipe: {_changes(config)}.")
    if config["watched"] == "test set":
        lines.append(
            "The recipe has no validation set; the test set is monitored and selects nothing."
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


def table(run: Run) -> str:
    """Return the table that ends a run: what was trained, on what, and how the book compares."""
    config, metrics = run.config, run.metrics
    wrong = round((1 - metrics["test_accuracy"]) * metrics["test_pictures"])
    selected, rule = metrics["judged_epoch"], config["settings"]["judged_by"]
    lines = {
        "network": f"{config['settings']['network']}, {metrics['parameters']:,} parameters",
        "data": _counts(run.environment["data"]),
        "device": _device(run.environment),
        "epochs": f"{metrics['epochs']}, tested after "
        + (
            f"epoch {selected}, of the {rule}" if rule == LOWEST_VALIDATION_LOSS else "the last one"
        ),
        "time": _duration(metrics["train_seconds"]),
        "test accuracy": f"{metrics['test_accuracy']:.2%} "
        f"({wrong:,} of {metrics['test_pictures']:,} wrong)",
    }
    if diverged := metrics.get("diverged_epoch"):
        lines["diverged"] = f"in epoch {diverged}, where training stopped"
    last = metrics.get("last_epoch_test_accuracy")
    if selected != metrics["epochs"] and last is not None:
        lines["after the last epoch"] = f"{last:.2%} test accuracy"
    if metrics["val_accuracy"] is not None:
        lines["validation accuracy"] = f"{metrics['val_accuracy']:.2%}"
    lines |= _beside_the_book(config, metrics)
    lines["run"] = str(run.path)
    width = max(map(len, lines))
    return "\n".join([config["title"], *(f"  {k:<{width}}  {v}" for k, v in lines.items())])


def _beside_the_book(config: dict, metrics: dict) -> dict[str, str]:
    """Return how the run compares with the figure that the book gives, if it can be compared."""
    if claim := metrics["published"]:
        split = "test" if claim["quantity"] == "test_accuracy" else "validation"
        difference = 100 * (metrics[claim["quantity"]] - claim["value"])
        book = format_published(claim["quantity"], claim["value"], claim["step"])
        return {
            "the book": f"{book} {split} accuracy ({claim['source']})",
            "difference": f"{difference:+.2f} percentage points",
        }
    if config["changed"]:
        return {"the book": f"not compared, the recipe was changed: {_changes(config)}"}
    if config["recipe"] == recipes.DEFAULT:
        own = "mnist-first-edition"
        return {"the book": f"has two poolings, not three; its own network is the recipe {own}"}
    return {"the book": "no published figure is known"}


def _counts(fingerprint: dict) -> str:
    """Return which images a run uses and how many, from the fingerprint of its data."""
    uses = {"train": "to train on", "validation": "to validate on", "test": "to test on"}
    counts = ", ".join(f"{n:,} {uses[name]}" for name, n in fingerprint["pictures"].items())
    return f"{fingerprint['dataset']}: {counts}"


def _device(environment: dict) -> str:
    backend = environment["backend"]
    where = environment["device_name"]
    if environment["device"] == "cpu":
        where = f"the CPU ({environment['processor']}, {environment['cores']} cores)"
    version = environment["versions"].get(backend, "")
    return f"{where}, {BACKENDS.get(backend, backend)} {version}".rstrip()


def _changes(config: dict) -> str:
    return ", ".join(
        f"{name.replace('_', ' ')} {change['run']} instead of {change['recipe']}"
        for name, change in config["changed"].items()
    )


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"


def table_of_recipes() -> str:
    """Return a line for every recipe: the network's size, the training, the book's figure."""
    rows = [("recipe", "parameters", "epochs", "batch", "optimizer", "the book")]
    splits = {"test_accuracy": "test", "val_accuracy": "validation"}
    for recipe in recipes.RECIPES.values():
        claim = published.published_figure(recipe.name)
        rows.append(
            (
                recipe.name,
                f"{recipe.parameters:,}",
                str(recipe.epochs),
                str(recipe.batch_size),
                f"{recipe.optimizer} {recipe.learning_rate:g}",
                f"{format_published(claim.quantity, claim.value, claim.step)} "
                f"{splits[claim.quantity]}"
                if claim
                else "",
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
