"""What it does to train and test on copies of the images instead of the originals.

``originals.zip`` and ``copies.zip`` hold the same images under the same names, once as Kaggle's
files and once scaled to 200x200 and saved as JPEG again. Both runs of a pair have the same seed, so
their difference comes from the pixels alone. ``scripts/run_seeds.py --copies FOLDER`` trains pairs.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path

import pandas as pd

from chollet_cnn.book import recipes
from chollet_cnn.book.recipes import Recipe
from chollet_cnn.drawing.numbers import QUANTITIES
from chollet_cnn.errors import UserError
from chollet_cnn.evidence import statistics, tables
from chollet_cnn.evidence.comparison import Comparison, compare_whole
from chollet_cnn.evidence.records import Records, matching
from chollet_cnn.evidence.statistics import Summary
from chollet_cnn.evidence.studies import rmsprop
from chollet_cnn.training import plan

TITLE = "Does it matter that the images are copies?"
RECIPES = (
    "cats-vs-dogs-first-edition",
    "cats-vs-dogs-first-edition-augmented",
    "cats-vs-dogs-second-edition",
    "cats-vs-dogs-second-edition-augmented",
    "cats-vs-dogs-third-edition",
)
PICTURES = ("originals", "copies")
ACCURACIES = ("val_accuracy", "test_accuracy")
IMAGES = 2000
"""How many images of each class the two archives hold."""
SMALLER_TEST_SET = "-smaller-test-set"


def measure(records: Records) -> dict[str, object]:
    """Compare the runs on copies with the runs on originals, pair by pair.

    The verdicts are told again with the pairs of all these recipes together, since those of one
    are too few for a narrow interval. That each recipe is moved alike is thought, not measured.
    A recipe with fewer than three pairs is named and not included.
    """
    groups, few = [], []
    for recipe, pairs in records.copies.groupby("recipe", sort=False):
        moved = _difference(pairs, "val_accuracy")
        if moved.n >= statistics.MIN_RUNS_OUTSIDE:
            groups.append((title_of(recipe), pairs))
        else:
            few.append((title_of(recipe), moved))
    if not groups:
        return {}
    if len(groups) > 1:
        groups.append(("all of these", pd.concat([pairs for _, pairs in groups])))
    moved = {
        title: {quantity: _difference(pairs, quantity) for quantity in ACCURACIES}
        for title, pairs in groups
    }
    rows = []
    for title, pairs in groups:
        for quantity in ACCURACIES:
            means = tables.paired_means(_by_kind(pairs), quantity)
            cells = tables.paired_cells(moved[title][quantity])
            rows.append({"recipe": title, "accuracy": QUANTITIES[quantity]} | means | cells)
    *alone, together = moved
    first_edition = matching(records.copy_curves, {"recipe": RECIPES[0]})
    figures = _figures_on_copies(records)
    corrected = [(figure, _corrected(figure, moved[together])) for figure in figures]
    return {
        "pairs": pd.DataFrame(rows),
        "few": few,
        "moved": moved[together]["val_accuracy"],
        "moved_loss": _difference(first_edition, "loss"),
        "legacy_rmsprop_moves_it": rmsprop.moved_loss(records),
        "first": recipes.get(RECIPES[0]).title,
        "corrected": corrected,
        "alone": [
            (title, figure, verdicts)
            for title in alone
            for figure in figures
            if figure.verdict != statistics.TOO_FEW
            and (verdicts := _corrected(figure, moved[title])) != [figure.verdict]
        ],
        "kept": sum(verdicts == [figure.verdict] for figure, verdicts in corrected),
    }


def _by_kind(pairs: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the runs on originals and those on copies, under the headings of the table."""
    return {f"on {kind}": pairs[pairs["pictures"] == kind] for kind in PICTURES}


def _difference(pairs: pd.DataFrame, quantity: str) -> Summary:
    """Summarize copies minus originals."""
    originals, copies = _by_kind(pairs).values()
    return statistics.paired_differences(copies, originals, quantity)


def _figures_on_copies(records: Records) -> list[Comparison]:
    """Return the published accuracies of cats and dogs beside runs on copies, if there are runs."""
    copies = records.copies[records.copies["pictures"] == "copies"]
    notes = set(copies["data_note"])
    return [
        figure
        for figure in compare_whole(records)
        if recipes.get(figure.claim.recipe).dataset == "cats-vs-dogs"
        and figure.claim.quantity in ACCURACIES
        and (not figure.sample.n or figure.data_note in notes)
    ]


def _corrected(figure: Comparison, moved: Mapping[str, Summary]) -> list[str]:
    """Return the verdicts on a figure if the runs beside it had been on originals.

    The runs are corrected by what copies change at the least and at the most, the ends of the
    confidence interval; a verdict that both give is told once.
    """
    ends = moved[figure.claim.quantity].confidence_interval
    corrected = ([value - end for value in figure.values] for end in ends)
    return sorted({dataclasses.replace(figure, values=values).verdict for values in corrected})


def title_of(recipe: str) -> str:
    """Return the title of a recipe in ``copies.csv``, which may be changed for this study."""
    name = max((name for name in recipes.RECIPES if recipe.startswith(name)), key=len)
    changes = recipe.removeprefix(name).replace("-", ", ", 1)
    return recipes.get(name).title + changes.replace("-", " ")


def recipe_for(name: str, overrides: Mapping[str, object] | None = None) -> str | Recipe:
    """Return a recipe of the book as the images of the two archives allow it.

    Args:
        name: the recipe's name.
        overrides: ``optimizer`` and ``augmentation``, as a variant has them.

    Returns:
        The name where nothing changes; otherwise a recipe whose name says what does. With the later
        editions the test set has 500 images of each class, not 1,000.

    Raises:
        UserError: if the archives do not have the recipe's images.
    """
    if others := set(overrides or {}) - {"optimizer", "augmentation"}:
        raise UserError(f"--copies goes with no variant that changes {', '.join(sorted(others))}")
    recipe, new = plan.make(name, **(overrides or {})).recipe, name
    splits = recipe.data_options.get("splits", {})
    if not splits or any(splits[part][1] > IMAGES for part in ("train", "validation")):
        raise UserError(f"--copies has {IMAGES:,} cats and as many dogs, which {name} cannot use")
    if splits["test"][1] > IMAGES:
        splits = splits | {"test": (splits["test"][0], IMAGES)}
        new += SMALLER_TEST_SET
    for change, value in (overrides or {}).items():
        new += f"-{value}" if change == "optimizer" else f"-{change}-{value}"
    if new == name:
        return name
    options = recipe.data_options | {"splits": splits}
    return dataclasses.replace(recipe, name=new, title=title_of(new), data_options=options)


def places(folder: str | Path) -> Iterator[tuple[str, Path]]:
    """Yield ``originals`` and ``copies``, each with its archive in the folder."""
    for kind in PICTURES:
        yield kind, Path(folder) / f"{kind}.zip"
