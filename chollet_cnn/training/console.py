"""What a training run says of itself: before it, after each epoch, and the table at its end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from chollet_cnn.book import published, recipes
from chollet_cnn.drawing.numbers import format_published

if TYPE_CHECKING:
    from chollet_cnn.book.recipes import Recipe
    from chollet_cnn.training.runs import Run


def _watched(config: dict) -> str:
    return "test" if config["watched"] == "test set" else "validation"


def opening(plan: Recipe, config: dict, environment: dict, path: Path) -> str:
    """Say in a few lines what is about to run."""
    lines = [
        f"{plan.title}: {plan.parameters:,} parameters, {_counts(environment['data'])}",
        f"on {_device(environment)}, seed {config['seed']}, into {path}",
    ]
    left_out = environment["data"].get("left_out")
    if left_out:
        lines.append(f"{len(left_out)} pictures were left out; environment.json names them.")
    if config["changed"]:
        lines.append(f"Changed from the recipe: {_changes(config)}.")
    if config["watched"] == "test set":
        lines.append(
            "The recipe has no validation set; the test set is watched and chooses nothing."
        )
    return "\n".join(lines)


def epoch_line(row: dict[str, float], plan: Recipe, config: dict) -> str:
    """Say how one epoch went."""
    width = len(str(plan.epochs))
    return (
        f"epoch {row['epoch']:>{width}}/{plan.epochs}   loss {row['loss']:.4f}   "
        f"accuracy {row['accuracy']:.4f}   {_watched(config)} loss {row['val_loss']:.4f}   "
        f"{_watched(config)} accuracy {row['val_accuracy']:.4f}   {row['seconds']:.1f} s"
    )


def table(run: Run) -> str:
    """Return the table that ends a run: what was trained, on what, and how the book compares."""
    config, metrics = run.config, run.metrics
    wrong = round((1 - metrics["test_accuracy"]) * metrics["test_pictures"])
    lines = {
        "network": f"{config['settings']['network']}, {metrics['parameters']:,} parameters",
        "data": _counts(run.environment["data"]),
        "device": _device(run.environment),
        "epochs": f"{metrics['epochs']}, judged by the {config['settings']['judged_by']}"
        + (f", {metrics['judged_epoch']}" if metrics["judged_epoch"] != metrics["epochs"] else ""),
        "time": _duration(metrics["train_seconds"]),
        "test accuracy": f"{metrics['test_accuracy']:.2%} "
        f"({wrong:,} of {metrics['test_pictures']:,} wrong)",
    }
    last = metrics.get("last_epoch_test_accuracy")
    if metrics["judged_epoch"] != metrics["epochs"] and last is not None:
        lines["after the last epoch"] = f"{last:.2%} test accuracy"
    if metrics["val_accuracy"] is not None:
        lines["validation accuracy"] = f"{metrics['val_accuracy']:.2%}"
    claim = metrics["published"]
    if claim:
        what = "test" if claim["quantity"] == "test_accuracy" else "validation"
        difference = 100 * (metrics[claim["quantity"]] - claim["value"])
        book = format_published(claim["quantity"], claim["value"], claim["step"])
        lines["the book"] = f"{book} {what} accuracy ({claim['source']})"
        lines["difference"] = f"{difference:+.2f} percentage points"
    elif config["changed"]:
        lines["the book"] = f"not compared, the recipe was changed: {_changes(config)}"
    elif config["recipe"] == recipes.DEFAULT:
        lines["the book"] = (
            "has two poolings, not three; its own network is the recipe mnist-first-edition"
        )
    else:
        lines["the book"] = "gives no figure that we know of"
    lines["run"] = str(run.path)
    width = max(map(len, lines))
    return "\n".join([config["title"], *(f"  {k:<{width}}  {v}" for k, v in lines.items())])


def _counts(fingerprint: dict) -> str:
    """Say which pictures and how many, from the fingerprint of a dataset."""
    uses = {"train": "to train on", "validation": "to validate on", "test": "to test on"}
    counts = ", ".join(f"{n:,} {uses[name]}" for name, n in fingerprint["pictures"].items())
    return f"{fingerprint['dataset']}: {counts}"


def _device(environment: dict) -> str:
    names = {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "PyTorch"}
    backend = environment["backend"]
    where = environment["device_name"]
    if environment["device"] == "cpu":
        where = f"the CPU ({environment['processor']}, {environment['cores']} cores)"
    return f"{where}, {names[backend]} {environment['versions'].get(backend, '')}".rstrip()


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
    header = ("recipe", "parameters", "epochs", "batch", "optimizer", "the book")
    rows = [header]
    for recipe in recipes.RECIPES.values():
        claim = published.published_figure(recipe.name)
        kind = {"test_accuracy": "test", "val_accuracy": "validation"}
        rows.append(
            (
                recipe.name,
                f"{recipe.parameters:,}",
                str(recipe.epochs),
                str(recipe.batch_size),
                f"{recipe.optimizer} {recipe.learning_rate:g}",
                f"{format_published(claim.quantity, claim.value, claim.step)} "
                f"{kind[claim.quantity]}"
                if claim
                else "",
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
