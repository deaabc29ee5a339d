"""The answer to "does the book's number come back?" in words, made from what was measured.

Every sentence with a number in ``results/README.md`` is written here or in
:mod:`chollet_cnn.evidence.experiments`, between the marks
``<!-- name -->`` and ``<!-- end of name -->`` of that file, so that none can grow old.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

from chollet_cnn.book import recipes
from chollet_cnn.drawing.numbers import (
    QUANTITIES,
    format_difference,
    format_mean_and_range,
    format_published,
    format_quantity,
    format_seeds,
    is_missing,
)
from chollet_cnn.errors import UserError
from chollet_cnn.evidence import experiments
from chollet_cnn.evidence import statistics as spread

if TYPE_CHECKING:
    import pandas as pd

    from chollet_cnn.book.published import Erratum
    from chollet_cnn.book.recipes import Recipe
    from chollet_cnn.evidence.records import Records

HEADS = {
    "recipe": "recipe", "figure": "figure", "book": "the book", "on": "trained on", "n": "seeds",
    "mean": "mean", "sd": "standard deviation", "test_set_sd": "expected from the test set's size",
    "range": "lowest to highest", "of_mean": "the mean, 95%", "of_run": "one new run, 95%",
    "below": "new runs below the book", "verdict": "verdict",
}  # fmt: skip
GROUPS = {
    "Came back": [spread.WITHIN],
    "Did not come back": [spread.ABOVE, spread.BELOW],
    "Not enough seeds yet": [spread.TOO_FEW],
}


def renewed(text: str, records: Records, compared: pd.DataFrame, slips: Iterable[Erratum]) -> str:
    """Return ``results/README.md`` with everything that was measured written anew.

    Args:
        text: the file as it is.
        records: what ``results/`` holds.
        compared: what :func:`chollet_cnn.claims.compare` made of it.
        slips: what the texts say and is not so.

    Raises:
        UserError: if one of the marks is missing.
    """
    rows = records.runs
    whole = compared[compared["epoch"].isna()]
    by_epoch = compared[compared["epoch"].notna()]
    parts = {
        "measured": measured(records),
        "in short": in_short(whole),
        "luck": luck(whole),
        "rule": spread.rule(),
        "answer": answer(whole, by_epoch),
        "curve": curve(by_epoch, records.curves),
        "every epoch": curve(by_epoch, records.curves, every=1),
        "slips": "\n".join(
            f"- {slip.where[0].upper()}{slip.where[1:]} says {slip.says}; but {slip.fact}."
            for slip in slips
        ),
        "table": table(whole),
        "no figure": without_figure(rows, set(compared["recipe"])),
        "whose spread": experiments.whose_spread(rows, records.variants),
        "bfloat16": experiments.sixteen_bits(rows, records.variants),
        "choice": experiments.choice_of_epoch(rows, records.curves),
        "optimizer": experiments.optimizers(records),
        "augmentation": experiments.augmentation(records),
        "cut short": experiments.cut_short(),
        "stopped early": _stopped_early(compared, records.curves),
        "copies": experiments.copies(records.copies),
    }
    for name, part in parts.items():
        marks = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end of {name} -->)", re.DOTALL)
        if not marks.search(text):
            raise UserError(f"results/README.md has lost its mark <!-- {name} -->; put it back")
        text = marks.sub(lambda found, part=part: f"{found[1]}{part}\n{found[2]}", text)
    return text


def measured(records: Records) -> str:
    """Say which runs there are, on which machines, and what the pictures were."""
    rows = records.runs
    lines = [
        f"{len(rows)} finished run{'s' * (len(rows) != 1)} of unchanged recipes, besides "
        f"{len(records.variants)} with something changed and {len(records.copies)} for the "
        "question of the copies. Of the unchanged recipes:",
        "",
    ]
    order = {name: place for place, name in enumerate(recipes.RECIPES)}
    kinds = rows.groupby(["recipe", "backend", "device"], sort=False)
    for (name, backend, device), runs in sorted(kinds, key=lambda kind: order[kind[0][0]]):
        where = f"{_joined(runs['machine'])} ({backend}, {device})"
        lines.append(f"- {recipes.get(name).title}: {_seeds(runs['seed'])} on {where}")
    lines += ["", f"With {'; or '.join(sorted(set(rows['versions'])))}."]
    for note, runs in rows.dropna(subset=["data_note"]).groupby("data_note"):
        sizes = {recipes.get(name).data_options.get("image_size") for name in set(runs["recipe"])}
        shrunk = _joined(f"{size[0]}x{size[1]}" for size in sorted(sizes - {None}))
        if note.startswith("source pictures are all") and shrunk:
            lines += [
                "",
                f"Of {_joined(runs['data'])}, every run notes: *{note}*. Kaggle's originals have "
                "many sizes; these are copies of them, made smaller and saved as JPEG once more. "
                f"The recipes recorded so far shrink them further, to {shrunk}.",
            ]
    return "\n".join(lines)


_OPTIMIZER = "[The optimizer has changed](#the-optimizer-has-changed-measured)"
_AUGMENTATION = "[The augmentation has changed](#the-augmentation-has-changed-measured)"
_SHORT = "[If you stay below the book's figure](#if-you-stay-below-the-books-figure)"
SEE = {
    "cats-vs-dogs-first-edition": _OPTIMIZER,
    "cats-vs-dogs-first-edition-augmented": _AUGMENTATION,
    "cats-vs-dogs-second-edition": _OPTIMIZER,
    "cats-vs-dogs-second-edition-augmented": _SHORT,
}
"""Which part of ``results/README.md`` a reader of a recipe's figure should know."""


def in_short(compared: pd.DataFrame) -> str:
    """Return a line for each accuracy of the book: what came out here, and what to know of it."""
    lines = [
        "| recipe | the book | here | runs | the book's figure lies | see |",
        "|---|--:|--:|--:|---|---|",
    ]
    accuracies = compared[compared["quantity"].str.contains("accuracy") & ~compared["slip"]]
    for claim in accuracies.to_dict("records"):
        cells = _cells(claim)
        width = f" ({cells['range']})" if cells["range"] else ""
        split = " (validation)" if claim["quantity"] == "val_accuracy" else ""
        line = (
            claim["title"] + _kind(claim, compared), _book(claim) + split, cells["mean"] + width,
            cells["n"], claim["verdict"], SEE.get(claim["recipe"], ""),
        )  # fmt: skip
        lines.append(f"| {' | '.join(line)} |")
    return "\n".join(lines)


def _kind(claim: dict[str, object], compared: pd.DataFrame) -> str:
    """Name the backend and device of a claim's runs where there are runs of several kinds."""
    several = len(compared.loc[compared["n"] > 0, ["backend", "device"]].drop_duplicates()) > 1
    return f" ({claim['backend']}, {claim['device']})" if several and claim["n"] else ""


def _stopped_early(compared: pd.DataFrame, curves: pd.DataFrame) -> str:
    """Say what fewer epochs give where readers report that they stay below a figure."""
    reported = compared.dropna(subset="stay_below").drop_duplicates("recipe")
    return "\n\n".join(
        experiments.stopped_early(curves, claim["recipe"], claim["stay_below"])
        for claim in reported.to_dict("records")
    )


def answer(compared: pd.DataFrame, by_epoch: pd.DataFrame) -> str:
    """Say which figures came back, which did not, and of which it cannot be said yet.

    Slips of the text stand apart: whether one comes back says nothing of the book's networks. So
    do printed curves, whose figures hang together.

    Args:
        compared: what :func:`chollet_cnn.claims.compare` gives of figures of whole runs.
        by_epoch: what it gives of figures of single epochs.
    """
    groups = {
        head: compared[compared["verdict"].isin(verdicts) & ~compared["slip"]]
        for head, verdicts in GROUPS.items()
    }
    groups["Slips of the text, not counted"] = compared[compared["slip"]]
    lines = []
    for head, found in groups.items():
        lines += [f"**{head}: {len(found) or 'none'}.**", ""]
        lines += [
            f"- {sentence(claim, _kind(claim, compared))}" for claim in found.to_dict("records")
        ]
        lines += [""] if len(found) else []
    there = by_epoch[by_epoch["n"] > 0]
    if len(there):
        kinds = there["recipe"].nunique()
        lines += [f"**Printed curves, counted by themselves below: {kinds}.**", ""]
        lines += [f"- {line}" for line in curves_in_short(there).splitlines()]
    return "\n".join(lines).rstrip()


def luck(compared: pd.DataFrame) -> str:
    """Say of which recipes the runs lie further apart than the number of pictures explains."""
    lines = []
    enough = compared[compared["further_apart"].notna() & ~compared["slip"]]
    for claim in enough.to_dict("records"):
        low, high = 100 * claim["sd_low"], 100 * claim["sd_high"]
        some = "some runs are probably better than others"
        lines.append(
            f"- {claim['title']}{_kind(claim, compared)}, {QUANTITIES[claim['quantity']]} "
            f"({claim['n']} runs): {100 * claim['sd']:.2f} points ({low:.2f} to {high:.2f} with "
            f"95% confidence), by the number of pictures {100 * claim['test_set_sd']:.2f}: "
            f"{some if claim['further_apart'] else 'none need be better than another'}."
        )
    return "\n".join(lines) or "Not enough runs yet."


def curve(compared: pd.DataFrame, curves: pd.DataFrame, every: int | None = None) -> str:
    """Lay the printed learning curves beside the same epochs of our runs, with their test figures.

    Args:
        compared: what :func:`chollet_cnn.claims.compare` gives of figures of single epochs.
        curves: what :func:`chollet_cnn.evidence.records.read_curves` gives.
        every: show the first five epochs and those that this number divides; without it, it is
            chosen so that six or so follow the first five. With it, curves that are shown whole
            without it are left out.
    """
    own = ["recipe", "backend", "device"]
    parts = []
    there = compared[compared["n"] > 0]
    for name in recipes.RECIPES:
        for (_, backend, device), claims in there[there["recipe"] == name].groupby(own):
            ours = spread.alike(curves, own, (name, backend, device))
            step = next(step for step in (1, 5, 10, 20) if claims["epoch"].max() / step < 7)
            if every and step == 1:
                continue
            count = ours["seed"].nunique()
            width = ", means and the lowest to the highest" if count > 1 else ""
            parts += [
                f"{recipes.get(name).title}, {format_seeds(count)} ({backend}, {device}){width}. "
                f"{verdicts(claims)}",
                "",
                *_curve_table(recipes.get(name), claims, ours, every or step),
                "",
            ]
    return "\n".join(parts).strip() or "No such run yet."


def curves_in_short(compared: pd.DataFrame) -> str:
    """Return a line for each printed curve: how many of its figures lie where among our runs."""
    kinds = compared.groupby(["title", "backend", "device"], sort=False)
    return "\n".join(
        f"{title}, the printed curve{f' ({backend}, {device})' if backend else ''}: "
        f"{verdicts(claims)}"
        for (title, backend, device), claims in kinds
    )


def verdicts(claims: pd.DataFrame) -> str:
    """Count how many figures of a printed curve lie where, in a sentence."""
    counts = {verdict: int((claims["verdict"] == verdict).sum()) for verdict in spread.VERDICTS}
    if counts[spread.TOO_FEW] == len(claims):
        return f"For all {len(claims)} printed figures there are {spread.TOO_FEW}."
    found = [
        f"{count} {'lies' if count == 1 else 'lie'} {verdict}"
        if verdict != spread.TOO_FEW
        else f"for {count} there are {verdict}"
        for verdict, count in counts.items()
        if count
    ]
    listed = " and ".join(filter(None, (", ".join(found[:-1]), found[-1])))
    return f"Of the {len(claims)} printed figures {listed}."


def _curve_table(recipe: Recipe, claims: pd.DataFrame, ours: pd.DataFrame, every: int) -> list[str]:
    """Return the lines of a table with an epoch a line; an arrow where the book's figure misses."""
    watched = "test" if recipe.dataset == "mnist" else "validation"
    columns = {
        "accuracy": "training accuracy", "loss": "training loss",
        "val_accuracy": f"{watched} accuracy", "val_loss": f"{watched} loss",
    }  # fmt: skip
    printed = claims.set_index(["quantity", "epoch"])[["published", "verdict"]]
    heads = ["epoch"]
    for quantity, words in columns.items():
        heads += [f"{words}, the book", "ours"] if quantity in printed.index else [f"{words}, ours"]
    lines = [f"| {' | '.join(heads)} |", "|" + "--:|" * len(heads)]
    for epoch, values in ours.groupby("epoch"):
        if epoch > 5 and epoch % every:
            continue
        cells = [str(epoch)]
        for quantity in columns:
            if (quantity, epoch) in printed.index:
                book = printed.loc[(quantity, epoch)]
                arrow = {spread.ABOVE: " ↑", spread.BELOW: " ↓"}.get(book["verdict"], "")
                cells.append(format_quantity(book["published"], quantity) + arrow)
            cells.append(format_mean_and_range(values[quantity], quantity))
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def sentence(claim: dict[str, object], kind: str = "") -> str:
    """Say of one figure what the book gives and what the runs gave.

    Args:
        claim: a row of what :func:`chollet_cnn.claims.compare` gives.
        kind: the backend and device of its runs, in brackets, where there are runs of several.
    """
    show = partial(format_quantity, quantity=claim["quantity"])
    book = _book(claim)
    where = "; ".join(filter(None, (f"{claim['kind']}, {claim['source']}", claim["note"])))
    words = f"{claim['title']}, {_figure(claim)}: the book {book} ({where}); "
    n = claim["n"]
    if n == 0:
        return words + "no run yet."
    if n == 1:
        return f"{words}the one run so far{kind} gave {show(claim['mean'])}."
    apart = _apart(claim)
    words += (
        f"{n} seeds{kind} gave {show(claim['mean'])} on average, from {show(claim['min'])} to "
        f"{show(claim['max'])}, so {apart}."
    )
    if not is_missing(claim["stay_below"]):
        limit = format_published(claim["quantity"], claim["stay_below"], 0.01)
        count = int(claim["below_too"])
        words += f" {count or 'None'} of them {'lie' if count > 1 else 'lies'} below {limit}"
        share = "" if n < spread.FEWEST_TO_MEET else _share(claim["new_below_too"])
        words += f", where {share} of new runs are expected." if share else "."
    if n < spread.FEWEST_TO_MISS:
        return words
    half = claim["step"] / 2
    if claim["published"] < claim["min"] - half or claim["published"] > claim["max"] + half:
        side = "above" if claim["difference"] > 0 else "below"
        words += f" All runs so far lie {side} the book's figure."
    low, high = show(claim["run_low"]), show(claim["run_high"])
    words += f" One more run is expected from {low} to {high}."
    if not claim["mean_low"] - half <= claim["published"] <= claim["mean_high"] + half:
        low, high = show(claim["mean_low"]), show(claim["mean_high"])
        words += (
            " The book's figure is probably not the average of all such runs, which lies from "
            f"{low} to {high} (95%)."
        )
    return words


def table(compared: pd.DataFrame) -> str:
    """Return the comparison as a Markdown table, a line a claim and kind of run."""
    lines = [f"| {' | '.join(HEADS.values())} |", "|" + "---|" * len(HEADS)]
    lines += [f"| {' | '.join(_cells(claim).values())} |" for claim in compared.to_dict("records")]
    return "\n".join(lines)


def plain_table(compared: pd.DataFrame) -> str:
    """Return the comparison for a terminal: what fits side by side, in columns."""
    keep = ("recipe", "figure", "book", "on", "n", "mean", "sd", "test_set_sd", "of_run", "verdict")
    heads = HEADS | {"sd": "sd", "test_set_sd": "by test set"}
    lines = [[heads[name] for name in keep]]
    lines += [[_cells(claim)[name] for name in keep] for claim in compared.to_dict("records")]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def without_figure(rows: pd.DataFrame, published: set[str]) -> str:
    """Say what the recipes gave of which the book publishes no figure that we know of."""
    lines = []
    for name in recipes.RECIPES:
        runs = rows[rows["recipe"] == name]
        if name in published or runs.empty:
            continue
        for (backend, device), own in runs.groupby(["backend", "device"]):
            of = spread.of(own["test_accuracy"])
            width = f", from {of.min:.2%} to {of.max:.2%}" if of.n > 1 else ""
            title = recipes.get(name).title
            words = f"- {title} ({format_seeds(of.n)}, {backend}, {device}): {of.mean:.2%}{width}"
            if of.n >= spread.FEWEST_TO_MISS:
                words += (
                    f"; a standard deviation of {100 * of.sd:.2f} points, by the number of "
                    f"pictures {100 * experiments.expected_sd(name, of.mean):.2f}"
                )
            lines.append(words)
    return "\n".join(lines) or "No such recipe has a run yet."


def _cells(claim: dict[str, object]) -> dict[str, str]:
    """Return a line of the table as text, by the keys of :data:`HEADS`."""
    show = partial(format_quantity, quantity=claim["quantity"])
    distance = partial(format_difference, quantity=claim["quantity"])
    kind = ", ".join(filter(None, (claim["backend"], claim["device"], claim["data_note"])))

    def between(low: str, high: str) -> str:
        few = claim["n"] < (2 if low == "min" else spread.FEWEST_TO_MISS)
        absent = few or is_missing(claim[low])
        return "" if absent else f"{show(claim[low])} to {show(claim[high])}"

    return {
        "recipe": claim["recipe"],
        "figure": _figure(claim),
        "book": f"{_book(claim)}, {claim['kind']}",
        "on": kind,
        "n": str(claim["n"]),
        "mean": show(claim["mean"]),
        "sd": distance(claim["sd"]),
        "test_set_sd": distance(claim["test_set_sd"]),
        "range": between("min", "max"),
        "of_mean": between("mean_low", "mean_high"),
        "of_run": between("run_low", "run_high"),
        "below": "" if claim["n"] < spread.FEWEST_TO_MISS else _share(claim["below"]),
        "verdict": claim["verdict"],
    }


def _figure(claim: dict[str, object]) -> str:
    epoch = claim["epoch"]
    after = "" if epoch is None or epoch != epoch else f" after epoch {int(epoch)}"
    return QUANTITIES[claim["quantity"]] + after


def _book(claim: dict[str, object]) -> str:
    return format_published(claim["quantity"], claim["published"], claim["step"])


def _apart(claim: dict[str, object]) -> str:
    distance = format_difference(abs(claim["difference"]), claim["quantity"])
    if distance.startswith("0.00 "):
        return "the mean is the book's figure to two places"
    side = "above" if claim["difference"] > 0 else "below"
    return f"the mean lies {distance} {side} the book's figure"


def _share(share: float) -> str:
    if is_missing(share):
        return ""
    return "under 1%" if share < 0.01 else "over 99%" if share > 0.99 else f"{share:.0%}"


def _seeds(seeds: Iterable[int]) -> str:
    """Return ``seed 4``, ``seeds 0 to 9`` or ``seeds 0, 2, 5``."""
    numbers = sorted(set(seeds))
    if len(numbers) == 1:
        return f"seed {numbers[0]}"
    if numbers == list(range(numbers[0], numbers[-1] + 1)):
        return f"seeds {numbers[0]} to {numbers[-1]}"
    return "seeds " + ", ".join(map(str, numbers))


def _joined(words: Iterable[str]) -> str:
    return " and ".join(sorted(set(words)))
