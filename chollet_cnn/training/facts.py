"""The facts of a training run in words: what a command prints and a notebook displays of it."""

from __future__ import annotations

from base64 import b64encode
from html import escape
from typing import TYPE_CHECKING

from chollet_cnn.book import recipes
from chollet_cnn.book.recipes import LOWEST_VALIDATION_LOSS
from chollet_cnn.drawing.numbers import format_count, format_published
from chollet_cnn.training.devices import BACKENDS

if TYPE_CHECKING:
    import pandas as pd

    from chollet_cnn.drawing.sheet import Figure


def facts(config: dict, environment: dict, metrics: dict) -> dict[str, str]:
    """Return what was trained, on what, what came out, and how the book compares.

    Args:
        config: the content of ``config.json``.
        environment: the content of ``environment.json``.
        metrics: the content of ``metrics.json``.

    Returns:
        The name of each fact and the fact, in words, in the order in which they are shown.
    """
    wrong = round((1 - metrics["test_accuracy"]) * metrics["test_pictures"])
    selected = metrics["judged_epoch"]
    lines = {
        "network": f"{config['settings']['network']}, {metrics['parameters']:,} parameters",
        "data": counts(environment["data"]),
        "device": device(environment),
        "epochs": f"{metrics['epochs']}, tested after {_selected(config, selected)}",
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
    return lines | _beside_the_book(config, metrics)


def _selected(config: dict, epoch: int) -> str:
    """Return which epoch a run tested, and why that one."""
    if config["settings"]["judged_by"] != LOWEST_VALIDATION_LOSS:
        return "the last one"
    if config["watched"] == "test set":
        return f"epoch {epoch}, of the lowest test loss: selected on the test images"
    return f"epoch {epoch}, of the {LOWEST_VALIDATION_LOSS}"


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
        return {"the book": f"not compared, the recipe was changed: {changes(config)}"}
    if diverged := metrics.get("diverged_epoch"):
        return {"the book": f"not compared, training stopped in epoch {diverged}"}
    if config["recipe"] == recipes.DEFAULT:
        told = "has two pooling layers, not three; its own network is the recipe"
        return {"the book": f"{told} mnist-first-edition"}
    return {"the book": "no published figure is known"}


def counts(fingerprint: dict) -> str:
    """Return which images a run uses and how many, from the fingerprint of its data."""
    uses = {"train": "to train on", "validation": "to validate on", "test": "to test on"}
    counts = ", ".join(f"{n:,} {uses[name]}" for name, n in fingerprint["pictures"].items())
    return f"{fingerprint['dataset']}: {counts}"


def device(environment: dict) -> str:
    """Return the device and the backend that a run uses, from its environment."""
    backend = environment["backend"]
    where = environment["device_name"]
    if environment["device"] == "cpu":
        cores = format_count(environment["cores"], "core")
        where = f"the CPU ({environment['processor']}, {cores})"
    if (count := environment.get("devices", 1)) > 1:
        processes = environment.get("processes", 1)
        together = f" of {processes} processes" if processes > 1 else ""
        where = f"{count} devices{together}: {where}"
    version = environment["versions"].get(backend, "")
    return f"{where}, {BACKENDS.get(backend, backend)} {version}".rstrip()


def changes(config: dict) -> str:
    """Return what of the recipe was changed, from the configuration of a run."""
    return ", ".join(
        f"{name.replace('_', ' ')} {change['run']} instead of {change['recipe']}"
        for name, change in config["changed"].items()
    )


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"


def as_text(title: str, lines: dict[str, str]) -> str:
    """Return facts as a table for a terminal, the title above it."""
    width = max(map(len, lines))
    return "\n".join([title, *(f"  {name:<{width}}  {fact}" for name, fact in lines.items())])


def as_html(title: str, lines: dict[str, str], history: pd.DataFrame) -> str:
    """Return facts as an HTML table with the learning curve below it.

    Args:
        title: what was trained.
        lines: the facts.
        history: of the run, with the split that it monitored in ``attrs``.
    """
    monitored = history.attrs["monitored"]
    image, size = _plot_accuracy(history, monitored)._repr_png_()
    rows = "".join(
        f'<tr><th style="text-align: left">{escape(name)}</th>'
        f'<td style="text-align: left">{escape(fact)}</td></tr>'
        for name, fact in lines.items()
    )
    last = history.iloc[-1]
    return (
        f"<strong>{escape(title)}</strong><table>{rows}</table>"
        f'<img width="{size["width"]}" height="{size["height"]}" '
        f'alt="Accuracy by epoch; the last are {last["accuracy"]:.2%} in training and '
        f'{last["val_accuracy"]:.2%} on the {monitored} set." '
        f'src="data:image/png;base64,{b64encode(image).decode()}">'
    )


def _plot_accuracy(history: pd.DataFrame, monitored: str) -> Figure:
    """Draw the accuracy by epoch, in training and on the monitored split."""
    from chollet_cnn.drawing import sheet, style  # load matplotlib, which --list does without

    figure = sheet.panels(2.2, "Accuracy by epoch")
    axes = style.plain_axes(figure.subplots())
    for column, name, color in (
        ("accuracy", "training", style.DATA), ("val_accuracy", monitored, style.THIRD)
    ):  # fmt: skip
        axes.plot(history["epoch"], history[column], "o-", ms=3, color=color, label=name)
    axes.legend(frameon=False, loc="lower right")
    axes.xaxis.get_major_locator().set_params(integer=True)
    return figure
