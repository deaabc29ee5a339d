"""What the book says comes out, and how our runs compare with it.

``python -m chollet_cnn.claims`` prints a line for each published figure: what the book gives, what
runs of that recipe gave that differ only in their seed, and a verdict in words. The rule behind the
verdict stands at the head of :mod:`chollet_cnn.spread`.
"""

from __future__ import annotations

import argparse
import dataclasses
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

from chollet_cnn import files, printed, recipes, recorded
from chollet_cnn.errors import run_door

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

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
    """Whether the output beside it says otherwise; see :data:`SLIPS`."""


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
class Slip:
    """Something that a text about these networks says and that is not so."""

    where: str
    says: str
    fact: str


_ARTICLE = 'the article "How do convolutional neural networks work?"'
SLIPS: tuple[Slip, ...] = (
    Slip(
        _ARTICLE,
        "that the book's network has three convolutions and three poolings",
        "the book's own has three convolutions and two poolings, the recipe `mnist-first-edition`; "
        "the article's is `mnist-three-block`",
    ),
    Slip(
        _ARTICLE,
        "that a digit of MNIST is 26x26 pixels",
        "it is 28x28; 26x26 is the first feature map, what a 3x3 kernel leaves of it",
    ),
    Slip(
        "notebook 5.1 of the first edition",
        f"in its text that the test accuracy is {CLAIMS[1].value:.1%}",
        f"the output printed right above the sentence is {CLAIMS[0].value:.2%}",
    ),
    Slip(
        "notebook 5.2 of the first edition",
        "in its text that the validation loss is lowest after only five epochs",
        f"in the output that it prints the loss is lowest after epoch "
        f"{_BEST[_PLAIN]}, at {min(printed.CURVES[_PLAIN]['val_loss']):.4f}; after epoch 5 it is "
        f"{printed.CURVES[_PLAIN]['val_loss'][4]:.4f}",
    ),
)


def published(recipe: str) -> Claim | None:
    """Return the accuracy that the book gives for a recipe, or None where it gives none."""
    return next((claim for claim in CLAIMS if claim.recipe == recipe), None)


def markdown_table(rows: pd.DataFrame) -> str:
    """Return recorded runs as the README's table, one line a recipe, in the order of the recipes.

    Args:
        rows: ``results/runs.csv``, the columns that :func:`chollet_cnn.recorded.row` gives; runs of
            one backend and kind of device.
    """
    from chollet_cnn import quantities, spread

    heads = "recipe", "the book", "runs", "mean", "lowest to highest", "the book's figure lies"
    lines = [f"| {' | '.join(heads)} | the fastest took |", "|---|--:|--:|--:|--:|---|--:|"]
    for name in recipes.RECIPES:
        own, claim = rows[rows["recipe"] == name], published(name)
        if own.empty:
            continue
        quantity = claim.quantity if claim else "test_accuracy"
        runs = spread.of(own[quantity])
        book = verdict = ""
        if claim:
            book = quantities.as_published(quantity, claim.value, claim.step)
            verdict = spread.verdict(claim.value, claim.step / 2, runs)
        split = "" if quantity == "test_accuracy" else " (validation)"
        between = f"{runs.min:.2%} to {runs.max:.2%}" if runs.n > 1 else ""
        cells = (
            name, book + split * bool(book), str(runs.n), f"{runs.mean:.2%}{split}", between,
            verdict, _minutes(own["seconds"].min()),
        )  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def compare(rows: pd.DataFrame, curves: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return how every published figure lies among the runs of its recipe.

    Args:
        rows: ``results/runs.csv``, the columns that :func:`chollet_cnn.recorded.row` gives.
        curves: what :func:`chollet_cnn.recorded.read_curves` gives; without it the figures of
            single epochs have no runs to be compared with.

    Returns:
        A row a claim, and where there are several, for each backend, kind of device and note on the
        data, since runs of different kinds are never mixed. Columns: ``recipe``, ``title``,
        ``quantity``, ``epoch``, ``published``, ``step``, ``kind``, ``source``, ``note``,
        ``slip``, ``stay_below``, ``backend``, ``device``, ``data_note``; the fields of
        :class:`chollet_cnn.spread.Spread`; ``sd_low`` and ``sd_high``, between which the standard
        deviation of endlessly many runs lies, 95 times in 100; ``difference``, the mean minus the
        published value; ``below``, the share of new runs expected below the published value;
        ``below_too``, how many of the runs ended below ``stay_below``, and ``new_below_too``, the
        share of new ones expected there; ``test_set_sd``, the
        standard deviation that the size of the test set alone explains; ``further_apart``, whether
        runs lie further apart than that with 95% confidence, None with too few; and ``verdict``.
        Accuracies are shares, 0..1. A claim without a run has n = 0.
    """
    import pandas as pd

    return pd.DataFrame(
        [
            {
                "recipe": claim.recipe,
                "title": recipes.get(claim.recipe).title,
                "quantity": claim.quantity,
                "epoch": claim.epoch,
                "published": claim.value,
                "step": claim.step,
                "kind": claim.kind,
                "source": claim.source,
                "note": claim.note,
                "slip": claim.slip,
                "stay_below": claim.stay_below,
                **kind_of_run,
                **_judged(claim, values),
            }
            for claim in CLAIMS
            for kind_of_run, values in _measured(claim, rows, curves)
        ]
    ).astype({"epoch": "Int64", "below_too": "Int64"})


def _measured(
    claim: Claim, rows: pd.DataFrame, curves: pd.DataFrame | None
) -> list[tuple[dict[str, str], list[float]]]:
    """Return what each kind of run gave for a claim, one number a run."""
    keys = ["backend", "device", "data_note"]
    found = rows if claim.epoch is None else curves
    if found is not None:
        found = found[found["recipe"] == claim.recipe]
        if claim.epoch is not None:
            found = found[found["epoch"] == claim.epoch]
        found = found[found[claim.quantity].notna()]
        found = found.assign(data_note=found["data_note"].astype(object).fillna(""))
    if found is None or found.empty:
        return [(dict.fromkeys(keys, ""), [])]
    return [
        (dict(zip(keys, kind, strict=True)), list(group[claim.quantity]))
        for kind, group in found.groupby(keys)
    ]


def _judged(claim: Claim, values: list[float]) -> dict[str, object]:
    """Return the spread of some runs and where a claim lies in it."""
    from chollet_cnn import spread

    runs = spread.of(values)
    looked_at = recipes.pictures(claim.recipe, claim.quantity)
    expected = dataclasses.asdict(runs)
    if claim.quantity == "best_epoch":  # Student's t knows nothing of where the epochs end
        last = recipes.get(claim.recipe).epochs
        for end in ("mean_low", "mean_high", "run_low", "run_high"):
            expected[end] = min(max(expected[end], 1), last)
    sd_low, sd_high = spread.sd_interval(runs)
    test_set_sd = spread.expected_sd(runs.mean, looked_at) if looked_at else None
    enough = looked_at and runs.n >= spread.FEWEST_TO_MEET
    limit = claim.stay_below
    return expected | {
        "sd_low": sd_low,
        "sd_high": sd_high,
        "difference": runs.mean - claim.value,
        "below": spread.share_below(claim.value, runs),
        "below_too": None if limit is None else sum(value < limit for value in values),
        "new_below_too": None if limit is None else spread.share_below(limit, runs),
        "test_set_sd": test_set_sd,
        "further_apart": bool(sd_low > test_set_sd) if enough else None,
        "verdict": spread.verdict(claim.value, claim.step / 2, runs),
    }


def accuracies(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the accuracy of every run in the quantity that the book gives for its recipe.

    Args:
        rows: ``results/runs.csv``, runs of one backend and kind of device.

    Returns:
        A row a run in the order of the recipes: ``recipe``, ``title``, ``data``, ``seed``,
        ``quantity``, ``accuracy``, ``published`` (NaN where the book gives nothing), and
        ``run_low`` and ``run_high``, between which one more run is expected (NaN with too few
        seeds). :func:`chollet_cnn.analysis.seeds.plot_seeds` draws it.
    """
    import pandas as pd

    from chollet_cnn import spread

    parts = []
    for recipe in recipes.RECIPES.values():
        own, claim = rows[rows["recipe"] == recipe.name], published(recipe.name)
        quantity = claim.quantity if claim else "test_accuracy"
        runs = spread.of(own[quantity])
        enough = runs.n >= spread.FEWEST_TO_MEET
        part = own[["recipe", "data", "seed"]].sort_values("seed")
        parts.append(
            part.assign(
                title=recipe.title,
                quantity=quantity,
                accuracy=own[quantity],
                published=claim.value if claim else float("nan"),
                run_low=runs.run_low if enough else float("nan"),
                run_high=runs.run_high if enough else float("nan"),
            )
        )
    return pd.concat(parts, ignore_index=True)


def write(results: Path = recorded.RESULTS) -> None:
    """Write ``results/claims.csv`` and the measured part of ``results/README.md``."""
    from chollet_cnn import answers

    records = recorded.read(results)
    compared = compare(records.runs, records.curves)
    files.write(results / "claims.csv", compared.to_csv(index=False))
    readme = results / "README.md"
    if readme.is_file():
        files.write(readme, answers.renewed(readme.read_text("utf-8"), records, compared, SLIPS))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m chollet_cnn.claims",
        description="Put every figure that the book publishes beside the runs of its recipe.",
    )
    add = parser.add_argument
    add("--epochs", action="store_true", help="show the printed curves epoch by epoch too")
    add("--write", action="store_true", help="write claims.csv and README.md in results/ too")
    add(
        "--results",
        type=Path,
        default=recorded.RESULTS,
        metavar="DIR",
        help="the folder with runs.csv and histories/ (default: the checkout's results/)",
    )
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the command."""
    options = _parser().parse_args(argv)
    records = recorded.read(options.results)

    from chollet_cnn import answers

    compared = compare(records.runs, records.curves)
    by_epoch = compared["epoch"].notna()
    print(answers.plain_table(compared if options.epochs else compared[~by_epoch]))
    print("\n" + answers.curves_in_short(compared[by_epoch]))
    if not options.epochs:
        print("(--epochs shows these curves figure by figure.)")
    if options.write:
        write(options.results)
    return 0


if __name__ == "__main__":
    run_door(main)
