"""The last chapter: is the book's number what its recipe gives, or one lucky run?"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from chollet_cnn.analysis import learning_curves
from chollet_cnn.book import published, recipes
from chollet_cnn.drawing import numbers
from chollet_cnn.evidence import comparison
from chollet_cnn.evidence import figures as plots
from chollet_cnn.evidence import records as recorded
from chollet_cnn.evidence import statistics as spread
from chollet_cnn.page.chapter import Call, percent
from chollet_cnn.page.figure import Figure
from chollet_cnn.page.trained_model import TrainedModel

OPTIMIZERS = "cats-vs-dogs-first-edition", "rmsprop-2017"
"""The recipe whose printed curve is that of another optimizer, and which."""
KERAS = "cats-vs-dogs-first-edition-augmented", "keras-2017"
"""The recipe whose printed curve is that of another Keras, augmentation included, and which."""
SHEAR = 0.2
"""What listing 5.11 asks of it, in radians when the book was written and in degrees today."""
CHOSEN = "cats-vs-dogs-second-edition-augmented"
"""The recipe whose lowest validation loss comes long before its highest accuracy."""
ANSWERS = ((8, 2, 0.9), (9, 1, 0.999))
"""Ten answers made up, right and wrong ones and how sure each is: first some, then surer ones."""
EPSILON_THEN, EPSILON_NOW = recipes.LEGACY_EPSILON.values()
SMALL = 1e-4
"""A gradient small enough for today's RMSprop to move its weight less far than the book's did."""
LIES = {
    spread.WITHIN: "within",
    spread.ABOVE: "above",
    spread.BELOW: "below",
    spread.TOO_FEW: "too few runs",
}
"""The verdicts, as short as a column of the page is narrow."""


def content(models: Sequence[TrainedModel], results: Path = recorded.RESULTS) -> dict[str, Any]:
    """Return recorded runs beside the book's figures, as far as they go."""
    if not (results / "runs.csv").is_file():
        return {"there": False}
    return {"there": True, **_compared(recorded.read(results))}


def _compared(records: recorded.Records) -> dict[str, object]:
    kind = _of_most_runs(records.runs)
    rows, curves = _of_kind(records.runs, *kind), _of_kind(records.curves, *kind)
    runs = comparison.accuracies(rows).dropna(subset="published")
    if runs.empty:
        return {"there": False}
    compared = comparison.compare(rows, curves)
    whole = compared[compared["epoch"].isna() & (compared["n"] > 0)]
    return {
        "dots": Figure("recorded-runs-beside-the-book", plots.plot_seeds(runs), runs),
        "spoken": "; ".join(map(_spoken, whole.to_dict("records"))),
        "seeds": seeds_words(runs.groupby("title", sort=False)["seed"].nunique().to_dict()),
        "rows": [_line(claim) for claim in whole.to_dict("records")],
        "fewest": spread.FEWEST_TO_MEET,
        "curves": list(_printed_curves(compared, curves)),
        "optimizers": _optimizers(curves, _of_kind(records.variant_curves, *kind)),
        "augmentation": _augmentation(curves, _of_kind(records.variant_curves, *kind)),
        "tested": _tested(rows, curves),
        "by_luck": _by_luck(whole),
        "causes": [causes_words(key[0], found) for key, found in _causes(records, rows)],
        "notes": sorted(set(rows["data_note"].dropna())),
        "call": Call(
            "from chollet_cnn.evidence import records\n"
            "from chollet_cnn.evidence.comparison import compare\n\n"
            "found = records.read()   # the folder results of a checkout\n"
            "compare(found.runs, found.curves)"
        ),
    }


def _of_most_runs(rows: pd.DataFrame) -> tuple[str, str]:
    """Return the backend and kind of device that most runs were made with."""
    kinds = list(zip(rows["backend"], rows["device"], strict=True))
    return max(kinds, key=kinds.count)


def _of_kind(rows: pd.DataFrame, backend: str, device: str) -> pd.DataFrame:
    return rows[(rows["backend"] == backend) & (rows["device"] == device)]


def _line(claim: dict[str, object]) -> tuple[str, ...]:
    """Return a line of the table: what the book says, what the runs gave, where the figure lies."""
    what = {"val_accuracy": "validation", "best_epoch": "best epoch"}.get(claim["quantity"], "")
    printed = "printed" if claim["kind"] == published.PRINTED else ""
    if what == "best epoch":  # a long name for a narrow column
        what, printed = f"{printed} {what}".strip(), ""
    book = numbers.format_published(claim["quantity"], claim["published"], claim["step"])
    mean = f"{claim['mean']:.3g}" if "epoch" in what else percent(claim["mean"], 2)
    slip = "a slip" if claim["slip"] else ""
    title = ", ".join(filter(None, (claim["title"], what, printed, slip)))
    return title, book, mean, str(claim["n"]), LIES[claim["verdict"]]


def _printed_curves(compared: pd.DataFrame, curves: pd.DataFrame) -> Iterator[dict[str, object]]:
    """Draw each printed learning curve over those of all seeds, where there are several."""
    for recipe, book in published.CURVES.items():
        own = curves[curves["recipe"] == recipe]
        histories = [history for _, history in own.groupby("seed")]
        if len(histories) < 2:
            continue
        title = recipes.get(recipe).title
        claims = compared[(compared["recipe"] == recipe) & compared["epoch"].notna()]
        within = (claims["verdict"] == spread.WITHIN).sum()
        yield {
            "figure": Figure(
                f"printed-curve-of-{recipe}",
                plots.plot_printed_curves(histories, book, title),
                own,
            ),
            "title": title,
            "seeds": len(histories),
            "enough": len(histories) >= spread.FEWEST_TO_MEET,
            "within": within,
            "numbers": len(claims),
            "parts": "training, below it validation" if "val_loss" in book else "training",
        }


def _optimizers(curves: pd.DataFrame, variants: pd.DataFrame) -> dict[str, object] | None:
    """Show what has become of RMSprop since the book, where runs with the old one are recorded."""
    recipe, old = OPTIMIZERS
    now, then = _now_and_then(recipe, old, curves, variants)
    if not (now and then):
        return None
    title = recipes.get(recipe).title
    return {
        "title": title,
        "picture": Figure(
            "the-optimizer-has-changed",
            plots.plot_then_and_now(now, then, published.CURVES[recipe], title=title),
            pd.concat([*now, *then]),
        ),
        "gradient": f"{SMALL:g}",
        "sum_then": f"{SMALL:g} / ({EPSILON_THEN:.8f} + √({SMALL:g}²))",
        "sum_now": f"{SMALL:g} / √({EPSILON_NOW:.7f} + {SMALL:g}²)",
        "epsilon_then": f"{EPSILON_THEN:.8f}",
        "epsilon_now": f"{EPSILON_NOW:.7f}",
        # A gradient that stays as it is has a mean square of its own square.
        "then": f"{SMALL / (math.sqrt(SMALL**2) + EPSILON_THEN):.2f}",
        "now": f"{SMALL / math.sqrt(SMALL**2 + EPSILON_NOW):.2f}",
    }


def _augmentation(curves: pd.DataFrame, variants: pd.DataFrame) -> dict[str, object] | None:
    """Show what has become of augmentation since the book, where the old one is recorded."""
    name, old = KERAS
    now, then = _now_and_then(name, old, curves, variants)
    if not (now and then):
        return None
    recipe, drawn = recipes.get(name), ("accuracy", "val_accuracy")
    half = recipe.data_options["image_size"][0] // 2
    return {
        "title": recipe.title,
        "picture": Figure(
            "the-augmentation-has-changed",
            plots.plot_then_and_now(
                now, then, published.CURVES[name], drawn, "Keras", recipe.title
            ),
            pd.concat([*now, *then]),
        ),
        "shear": f"{SHEAR:g}",
        "side": 2 * half,
        "half": half,
        "sum_then": f"{half} · sin({SHEAR:g})",
        "sum_now": f"{half} · sin({SHEAR:g} · π / 180)",
        "then": f"{half * math.sin(SHEAR):.1f}",
        "now": f"{half * math.sin(math.radians(SHEAR)):.2f}",
    }


def _now_and_then(
    recipe: str, variant: str, curves: pd.DataFrame, variants: pd.DataFrame
) -> tuple[list[pd.DataFrame], list[pd.DataFrame]]:
    """Return the histories of a recipe's runs, and those of a variant of it."""
    now = curves[curves["recipe"] == recipe].assign(variant="")
    then = variants[(variants["recipe"] == recipe) & (variants["variant"] == variant)]
    return tuple([history for _, history in of.groupby("seed")] for of in (now, then))


def _tested(rows: pd.DataFrame, curves: pd.DataFrame) -> dict[str, object] | None:
    """Show a run whose validation loss turns before its accuracy does, where one is recorded."""
    found = recorded.loss_turned_first(rows, curves, CHOSEN)
    if not found:
        return None
    run, history = found
    title = f"{recipes.get(CHOSEN).title}, seed {run['seed']}"
    return {
        "title": title,
        "best": f"{learning_curves.best_epoch(history, 'val_accuracy')['epoch']:.0f}",
        "picture": Figure(
            "the-epoch-that-is-tested",
            learning_curves.plot_selected_epoch(history, int(run["judged_epoch"]), title),
            history,
        ),
        "sums": [_loss_of(*answers) for answers in ANSWERS],
        "epoch": run["judged_epoch"],
        "epochs": run["epochs"],
        "accuracy": percent(run["test_accuracy"], 2),
        "last": percent(run["last_epoch_test_accuracy"], 2),
    }


def _loss_of(right: int, wrong: int, sure: float) -> dict[str, str]:
    """Work out the cross-entropy of answers that are all equally sure, of two classes."""
    of_right, of_wrong = -math.log(sure), -math.log(1 - sure)
    count = right + wrong
    return {
        "right": f"{right}",
        "wrong": f"{wrong}",
        "sure": f"{100 * sure:g}%",
        "sum": f"({right} · {of_right:.3f} + {wrong} · {of_wrong:.3f}) / {count}",
        "loss": f"{(right * of_right + wrong * of_wrong) / count:.3f}",
    }


def _by_luck(whole: pd.DataFrame) -> dict[str, object] | None:
    """Work out how far runs lie apart by the size of the test set alone, and whether they do."""
    several = whole[whole["further_apart"].notna() & ~whole["slip"]].to_dict("records")
    if not several:
        return None
    further = [claim["title"] for claim in several if claim["further_apart"]]
    return {
        "lines": [
            {
                "sum": f"100 · √((1 − {claim['mean']:.4f}) / (2 · "
                f"{recipes.image_count(claim['recipe'], claim['quantity']):,}))",
                "result": f"{100 * claim['test_set_sd']:.2f}",
                "measured": f"points; the {claim['n']} runs of {claim['title']} have "
                f"{100 * claim['sd']:.2f}",
            }
            for claim in several
        ],
        "further": "; ".join(further),
    }


def _causes(records: recorded.Records, rows: pd.DataFrame) -> Iterator[tuple[tuple, dict]]:
    """Yield the recipes of which runs held the weights and the order, and how far they lie."""
    for key, found in spread.by_cause(rows, records.variants).items():
        if all(runs.n >= spread.FEWEST_TO_MEET for runs in found.values()):
            yield key, found


def causes_words(recipe: str, found: dict[str, spread.Spread]) -> str:
    """Say how far runs lie apart that differ in everything, or in one thing alone."""
    sd = {cause: f"{100 * runs.sd:.2f}" for cause, runs in found.items()}
    return (
        f"{recipes.get(recipe).title}: runs that differ in their starting weights and in the "
        f"order of their pictures have a standard deviation of {sd['everything']} points; in the "
        f"order alone, of {sd['order']}; in the starting weights alone, of {sd['weights']}."
    )


def _spoken(claim: dict[str, object]) -> str:
    title, book, mean, count, _ = _line(claim)
    return f"{title}, {count} run{'s' * (count != '1')}, mean {mean} against {book}"


def seeds_words(counted: dict[str, int]) -> str:
    """Say whether so many seeds of each recipe are enough to answer the question.

    >>> seeds_words({"MNIST, first edition": 1})
    'There is one run of each recipe so far. One run cannot tell luck from rule.'
    """
    fewest, most = min(counted.values()), max(counted.values())
    if most == 1:
        return "There is one run of each recipe so far. One run cannot tell luck from rule."
    if fewest >= spread.FEWEST_TO_MEET:
        return "Enough to see how far apart runs of one recipe lie."
    few = [title for title, count in counted.items() if count < spread.FEWEST_TO_MEET]
    return f"Of some recipes there are only a few runs yet, take those with care: {'; '.join(few)}."
