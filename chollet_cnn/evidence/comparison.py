"""What the book says comes out, and how our runs compare with it.

``python -m chollet_cnn.claims`` prints a line for each published figure: what the book gives, what
runs of that recipe gave that differ only in their seed, and a verdict in words. The rule behind the
verdict stands at the head of :mod:`chollet_cnn.evidence.statistics`.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from chollet_cnn import files
from chollet_cnn.book import recipes
from chollet_cnn.book.published import CLAIMS, ERRATA, Claim, published_figure
from chollet_cnn.evidence import records as recorded

if TYPE_CHECKING:
    import pandas as pd


def markdown_table(rows: pd.DataFrame) -> str:
    """Return recorded runs as the README's table, one line a recipe, in the order of the recipes.

    Args:
        rows: ``results/runs.csv``, the columns that :func:`~chollet_cnn.evidence.records.row`
            gives; runs of one backend and kind of device.
    """
    from chollet_cnn.drawing import numbers
    from chollet_cnn.evidence import statistics as spread

    heads = "recipe", "the book", "runs", "mean", "lowest to highest", "the book's figure lies"
    lines = [f"| {' | '.join(heads)} | the fastest took |", "|---|--:|--:|--:|--:|---|--:|"]
    for name in recipes.RECIPES:
        own, claim = rows[rows["recipe"] == name], published_figure(name)
        if own.empty:
            continue
        quantity = claim.quantity if claim else "test_accuracy"
        runs = spread.of(own[quantity])
        book = verdict = ""
        if claim:
            book = numbers.format_published(quantity, claim.value, claim.step)
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
        rows: ``results/runs.csv``, the columns that
            :func:`~chollet_cnn.evidence.records.row` gives.
        curves: what :func:`~chollet_cnn.evidence.records.read_curves` gives; without it the
            figures of single epochs have no runs to be compared with.

    Returns:
        A row a claim, and where there are several, for each backend, kind of device and note on the
        data, since runs of different kinds are never mixed. Columns: ``recipe``, ``title``,
        ``quantity``, ``epoch``, ``published``, ``step``, ``kind``, ``source``, ``note``,
        ``slip``, ``stay_below``, ``backend``, ``device``, ``data_note``; the fields of
        :class:`~chollet_cnn.evidence.statistics.Spread`; ``sd_low`` and ``sd_high``, between which
        the standard deviation of endlessly many runs lies, 95 times in 100; ``difference``, the
        mean minus the published value; ``below``, the share of new runs expected below the
        published value; ``below_too``, how many of the runs ended below ``stay_below``,
        and ``new_below_too``, the
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
    from chollet_cnn.evidence import statistics as spread

    runs = spread.of(values)
    looked_at = recipes.image_count(claim.recipe, claim.quantity)
    expected = dataclasses.asdict(runs)
    if claim.quantity == "best_epoch":  # Student's t knows nothing of where the epochs end
        last = recipes.get(claim.recipe).epochs
        for end in ("mean_low", "mean_high", "run_low", "run_high"):
            expected[end] = min(max(expected[end], 1), last)
    sd_low, sd_high = spread.sd_confidence_interval(runs)
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
        seeds). :func:`chollet_cnn.evidence.figures.plot_seeds` draws it.
    """
    import pandas as pd

    from chollet_cnn.evidence import statistics as spread

    parts = []
    for recipe in recipes.RECIPES.values():
        own, claim = rows[rows["recipe"] == recipe.name], published_figure(recipe.name)
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
    from chollet_cnn.evidence import answers

    records = recorded.read(results)
    compared = compare(records.runs, records.curves)
    files.write(results / "claims.csv", compared.to_csv(index=False))
    readme = results / "README.md"
    if readme.is_file():
        files.write(readme, answers.renewed(readme.read_text("utf-8"), records, compared, ERRATA))
