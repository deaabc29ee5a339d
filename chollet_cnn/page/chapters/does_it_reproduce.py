"""The last chapter: is the book's number what its recipe gives, or one lucky run?"""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd

from chollet_cnn.analysis import learning_curves
from chollet_cnn.book import published, recipes
from chollet_cnn.drawing.numbers import MINUS, QUANTITIES, format_percent
from chollet_cnn.evidence import comparison, figures, records, statistics, tables
from chollet_cnn.evidence.comparison import Comparison
from chollet_cnn.evidence.records import Records
from chollet_cnn.evidence.studies import (
    augmentation,
    checkpoint_selection,
    copies,
    rmsprop,
    weights_or_order,
)
from chollet_cnn.page.figure import Figure
from chollet_cnn.page.trained_model import TrainedModel
from chollet_cnn.page.worked import Worked, work_out

SHEAR = 0.2
"""What listing 5.11 asks for: radians in the book's Keras, degrees in the current one."""
PREDICTIONS = ((8, 2, 0.9), (9, 1, 0.999))
"""Ten invented predictions: right, wrong, and their confidence; first some, then surer ones."""
LEGACY_EPSILON, EPSILON = recipes.LEGACY_EPSILON.values()
GRADIENT = 1e-4
"""Small enough for current RMSprop to move its weight less far than legacy RMSprop."""
SHORT = {"val_accuracy": "validation", "best_epoch": "best epoch", "test_accuracy": ""}


def content(models: Sequence[TrainedModel], results: Path = records.RESULTS) -> dict[str, Any]:
    """Return recorded runs beside the book's figures, as far as there are any."""
    if not (results / records.RUNS).is_file():
        return {"there": False}
    recorded = records.read(results).of_most_runs()
    runs = comparison.accuracies(recorded)
    yours = [_your_run(model, runs) for model in models]
    own = [run["mark"]["recipe"] for run in yours if run["mark"]]
    runs = runs[runs["published"].notna() | runs["recipe"].isin(own)]
    if runs.empty:
        return {"there": False}
    whole = [claim for claim in published.CLAIMS if claim.epoch is None]
    compared = [c for c in comparison.compare(whole, recorded) if c.sample.n]
    counts = runs.groupby("title", sort=False)["seed"].nunique()
    half = recipes.get(augmentation.RECIPES[0]).data_options["image_size"][0] // 2
    return {
        "there": True,
        "dots": _dots(runs, yours),
        "yours": yours,
        "rows": [_row(item) for item in compared],
        "most_runs": int(counts.max()),
        "few": list(counts[counts < statistics.MIN_RUNS_INSIDE].index),
        "fewest": statistics.MIN_RUNS_INSIDE,
        "curves": list(_printed_curves(recorded)),
        "optimizer": _changed(
            recorded, rmsprop, "rmsprop-2017", "the-optimizer-has-changed",
            # A constant gradient has a mean square of its own square.
            work_out([f"{GRADIENT:g} / ({LEGACY_EPSILON:.8f} + √({GRADIENT:g}²))"],
                     GRADIENT / (math.sqrt(GRADIENT**2) + LEGACY_EPSILON), "{:.2f}".format),
            work_out([f"{GRADIENT:g} / √({EPSILON:.7f} + {GRADIENT:g}²)"],
                     GRADIENT / math.sqrt(GRADIENT**2 + EPSILON), "{:.2f}".format),
        ),
        "augmentation": _changed(
            recorded, augmentation, "keras-2017", "the-augmentation-has-changed",
            work_out([f"{half} · sin({SHEAR:g})"], half * math.sin(SHEAR), "{:.1f}".format),
            work_out([f"{half} · sin({SHEAR:g} · π / 180)"],
                     half * math.sin(math.radians(SHEAR)), "{:.2f}".format),
        ),
        "gradient": f"{GRADIENT:g}",
        "shear": f"{SHEAR:g}",
        "half": half,
        "selection": _selection(recorded),
        "spread": [_spread(item) for item in compared if _has_spread(item)],
        "larger": [c.title for c in compared if _has_spread(c) and c.exceeds_test_set_sd],
        "causes": [
            {"title": recipes.get(recipe).title}
            | {cause: f"{100 * sample.sd:.2f}" for cause, sample in causes.items()}
            for recipe, causes in weights_or_order.by_cause(recorded).items()
            if min(sample.n for sample in causes.values()) >= statistics.MIN_RUNS_INSIDE
        ],
        "notes": sorted({records.describe_data(n) for n in recorded.runs["data_note"] if n}),
        "copies": _moved_by_copies(recorded),
    }  # fmt: skip


def _moved_by_copies(recorded: records.Records) -> dict[str, Any] | None:
    moved = copies.measure(recorded).get("moved")
    if moved is None:
        return None
    interval = tables.between(moved.confidence_interval, tables.signed)
    return {
        "pairs": moved.n,
        "mean": tables.signed(moved.mean).replace("-", MINUS),
        "interval": interval.replace("-", MINUS),
        "significant": moved.is_significant,
    }


def _your_run(model: TrainedModel, runs: pd.DataFrame) -> dict[str, Any]:
    """Say where a run of the reader's is among the recorded ones, or why it is not compared."""
    run = model.run
    alike = runs[runs["recipe"] == run.config["recipe"]]
    found = {"name": model.name, "mark": None, "why": ""}
    if run.config["changed"]:
        return found | {"why": "changed"}
    if run.metrics["diverged_epoch"]:
        return found | {"why": "diverged"}
    first = alike.iloc[0].to_dict() if len(alike) else {}
    accuracy = run.metrics.get(first.get("quantity"))
    if accuracy is None:  # the first runs had no validation accuracy
        return found | {"why": "not recorded"}
    return found | {
        "mark": first | {"seed": run.config["seed"], "accuracy": accuracy},
        "accuracy": accuracy,
        "quantity": QUANTITIES[first["quantity"]],
        "below": int((alike["accuracy"] < accuracy).sum()),
        "count": len(alike),
        "verdict": statistics.verdict(accuracy, 0, statistics.summarize(alike["accuracy"])),
    }


def _dots(runs: pd.DataFrame, yours: Sequence[dict[str, Any]]) -> Figure:
    """Draw the recorded runs, the book's figures, and the reader's runs among them."""
    marks = pd.DataFrame([run["mark"] for run in yours if run["mark"]])
    runs = pd.concat([runs.assign(yours=False), marks.assign(yours=True)], ignore_index=True)
    return Figure("recorded-runs-beside-the-book", figures.plot_seeds(runs), runs)


def _row(item: Comparison) -> tuple[str, ...]:
    """Return a row of the table: the book's figure, what the runs gave, and the verdict."""
    claim = item.claim
    what = [SHORT[claim.quantity], "printed" if claim.kind == published.PRINTED else ""]
    title = ", ".join(filter(None, [item.title, *what, "erratum" if claim.slip else ""]))
    few = item.verdict == statistics.TOO_FEW
    verdict = "too few runs" if few else item.verdict.split()[0]
    return title, item.book, item.show(item.sample.mean), str(item.sample.n), verdict


def _printed_curves(recorded: Records) -> Iterator[dict[str, Any]]:
    """Draw each printed learning curve over those of all seeds, where there are several."""
    for recipe in published.CURVES:
        curve = comparison.compare_curve(recorded, recipe)
        drawing = figures.printed_curve(recorded, recipe)
        own = recorded.curves[recorded.curves["recipe"] == recipe]
        if drawing:
            validated = "val_loss" in published.CURVES[recipe]
            yield {
                "figure": Figure(f"printed-curve-of-{recipe}", drawing, own),
                "title": curve.title,
                "seeds": own["seed"].nunique(),
                "inside": curve.count(statistics.INSIDE),
                "numbers": len(curve.comparisons),
                "parts": "training, below it validation" if validated else "training",
            }


def _changed(
    recorded: Records,
    study: ModuleType,
    variant: str,
    name: str,
    legacy: Worked,
    current: Worked,
) -> dict[str, Any] | None:
    """Draw what legacy and current Keras make of a recipe, if runs with both are recorded.

    Args:
        recorded: runs of one kind.
        study: the study that draws them, about a recipe and this variant of it.
        variant: the runs with legacy Keras.
        name: of the figure.
        legacy: what legacy Keras computes of an example.
        current: the same with current Keras.
    """
    recipe = recipes.get(study.RECIPES[0])
    curves = figures.legacy_and_current(recorded, recipe.name, variant)
    if curves is None:
        return None
    printed = [comparison.compare_curve(recorded, recipe.name, way) for way in ("", variant)]
    return {
        "title": recipe.title,
        "picture": Figure(name, study.figure(recorded), curves),
        "legacy": legacy,
        "current": current,
        "fewest_runs": min(curve.n for curve in printed),
        "numbers": len(printed[0].comparisons),
        "inside": [curve.count(statistics.INSIDE) for curve in printed],
    }


def _selection(recorded: Records) -> dict[str, Any] | None:
    """Show a run whose lowest loss came before its highest accuracy, if one is recorded."""
    found = checkpoint_selection.example(recorded)
    if not found:
        return None
    run, history = found
    return {
        "title": f"{recipes.get(run['recipe']).title}, seed {run['seed']}",
        "best": f"{learning_curves.best_epoch(history, 'val_accuracy')['epoch']:.0f}",
        "picture": Figure("the-selected-epoch", checkpoint_selection.figure(recorded), history),
        "sums": [_cross_entropy(*predictions) for predictions in PREDICTIONS],
        "epoch": run["judged_epoch"],
        "epochs": run["epochs"],
        "accuracy": format_percent(run["test_accuracy"], 2),
        "last": format_percent(run["last_epoch_test_accuracy"], 2),
    }


def _cross_entropy(right: int, wrong: int, confidence: float) -> dict[str, Any]:
    """Work out the loss of predictions of two classes that all have one confidence."""
    of_right, of_wrong = -math.log(confidence), -math.log(1 - confidence)
    count = right + wrong
    return {
        "right": right,
        "wrong": wrong,
        "confidence": f"{100 * confidence:g}%",
        "loss": work_out(
            [f"({right} · ", of_right, f" + {wrong} · ", of_wrong, f") / {count}"],
            (right * of_right + wrong * of_wrong) / count,
            "{:.3f}".format,
        ),
    }


def _has_spread(item: Comparison) -> bool:
    return item.exceeds_test_set_sd is not None and not item.claim.slip


def _spread(item: Comparison) -> dict[str, Any]:
    """Work out the standard deviation that the size of the test set alone explains."""
    images = recipes.image_count(item.claim.recipe, item.claim.quantity)
    return {
        "sum": work_out(
            ["100 · √((1 − ", float(item.sample.mean), f") / (2 · {images:,}))"],
            100 * item.test_set_sd,
            "{:.2f}".format,
            places=4,
        ),
        "n": item.sample.n,
        "title": item.title,
        "sd": f"{100 * item.sample.sd:.2f}",
    }
