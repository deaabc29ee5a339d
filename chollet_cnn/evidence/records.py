"""Read and record ``results/``: a row for every finished run, and its learning curve beside it."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

import chollet_cnn
from chollet_cnn import files
from chollet_cnn.book import recipes
from chollet_cnn.errors import UserError
from chollet_cnn.training.runs import Run

_CHECKOUT = Path(chollet_cnn.__file__).parents[1] / "results"
_PACKAGED = Path(__file__).parent / "results"
RESULTS = _CHECKOUT if (_CHECKOUT / "runs.csv").is_file() else _PACKAGED
"""The recorded runs: results/ of a checkout, otherwise the copy that an installed package has."""
RUNS, VARIANTS, COPIES, QUICK = "runs.csv", "variants.csv", "copies.csv", "quick.csv"
LABELS = {RUNS: None, VARIANTS: "variant", COPIES: "pictures"}
"""The column that stands before those of ``runs.csv`` and tells apart runs of one recipe."""
KIND = ("backend", "device")
CURVE = ("epoch", "loss", "accuracy", "val_loss", "val_accuracy")
_LABELS = tuple(filter(None, LABELS.values()))
_REQUIRED = ("recipe", "seed", *KIND, "data_note")
_FLOATS = (*CURVE[1:], "test_accuracy", "test_loss", "last_epoch_test_accuracy", "seconds")
_TEXTS = {"processor_kind": "", "data_note": ""}
"""Columns whose cells may be empty, and what that means."""
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@dataclass(frozen=True)
class Records:
    """The tables of ``results/``."""

    runs: pd.DataFrame
    """``runs.csv``: one row per run of a recipe of the book, see :func:`to_row`."""
    variants: pd.DataFrame
    """``variants.csv``: runs with something changed, which ``variant`` names."""
    copies: pd.DataFrame
    """``copies.csv``: pairs of runs; ``pictures`` is ``originals`` or ``copies``."""
    curves: pd.DataFrame
    """The learning curves of the runs, see :func:`read_curves`."""
    variant_curves: pd.DataFrame
    """Those of the variants, with ``variant`` beside the seed."""
    copy_curves: pd.DataFrame
    """Those of ``copies``, with ``pictures`` beside the seed."""
    folder: Path | None = None
    """Where they were read, for what is recorded of no single kind of run."""

    def of(self, recipe: str, variant: str = "") -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return the runs of a recipe, unchanged or of one variant, and their learning curves."""
        tables = (self.variants, self.variant_curves) if variant else (self.runs, self.curves)
        values = {"recipe": recipe} | ({"variant": variant} if variant else {})
        return matching(tables[0], values), matching(tables[1], values)

    def of_most_runs(self) -> Records:
        """Return the runs of the backend and device that most runs have; kinds are never mixed."""
        kind = dict(zip(KIND, self.main_kind, strict=True))
        tables = {
            name: matching(table, kind)
            for name, table in vars(self).items()
            if isinstance(table, pd.DataFrame)
        }
        return dataclasses.replace(self, **tables)

    @property
    def main_kind(self) -> tuple[str, str]:
        """The backend and the kind of device that most runs were trained with."""
        tables = [self.runs] if len(self.runs) else [self.variants, self.copies]
        kinds = pd.concat([table[list(KIND)] for table in tables]).value_counts().index
        return kinds[0] if len(kinds) else ("", "")


def matching(rows: pd.DataFrame, values: Mapping[str, object]) -> pd.DataFrame:
    """Return the rows that have these values in these columns."""
    return rows[(rows[list(values)] == list(values.values())).all(axis=1)]


def describe_data(note: str) -> str:
    """Return a note on the data in the words of the texts; what is recorded keeps its own."""
    return note.replace("source pictures", "source images")


def read(results: Path = RESULTS) -> Records:
    """Read everything that is recorded of whole runs.

    Raises:
        UserError: if there is no table, or one cannot be read.
    """
    tables = [read_table(results, table) for table in LABELS]
    return Records(*tables, *(read_curves(rows, results) for rows in tables), folder=results)


def read_table(results: Path, table: str) -> pd.DataFrame:
    """Read one table of recorded runs, every bit of its numbers as it was written.

    Args:
        results: the folder.
        table: :data:`RUNS`, :data:`VARIANTS`, :data:`COPIES` or :data:`QUICK`. Without its file,
            variants and copies have no rows, nor have runs beside one of these.

    Raises:
        UserError: if the file is missing or cannot be read.
    """
    label = LABELS.get(table)
    required = (label, *_REQUIRED) if label else _REQUIRED
    beside = label or (table == RUNS and any((results / other).is_file() for other in LABELS))
    if beside and not (results / table).is_file():
        figures = ("test_accuracy", "val_accuracy", "best_epoch")
        return pd.DataFrame(columns=[*required, *figures])
    return _read(results / table, "name a folder with recorded runs with --results", required)


def read_curves(rows: pd.DataFrame, results: Path = RESULTS) -> pd.DataFrame:
    """Read the learning curves of recorded runs into one table, one row per epoch of a run.

    The columns are those of ``history.csv``, and ``recipe``, ``seed``, ``backend``, ``device`` and
    ``data_note`` of the run, and ``variant`` of a variant. A run without a curve has no rows.
    """
    keys = [*_REQUIRED, *(label for label in _LABELS if label in rows)]
    curves = [pd.DataFrame(columns=[*keys, *CURVE])]
    for run in rows.to_dict("records"):
        path = results / "histories" / history_name(run)
        if path.is_file():
            curve = _read(path, "record the run again", CURVE)
            curves.append(curve.assign(**{key: run[key] for key in keys}))
    return pd.concat(curves[1:] or curves, ignore_index=True)


def history_name(row: dict[str, object]) -> str:
    """Return the name of the file in ``results/histories`` with the curve of a recorded run.

    Raises:
        UserError: if a part of it is not a plain name; it may come from a file of somebody else.
    """
    labels = [row[label] for label in _LABELS if label in row]
    parts = [row["recipe"], *labels, "seed", row["seed"], *(row[key] for key in KIND)]
    name = "-".join(map(str, parts))
    if not _NAME.fullmatch(name):
        raise UserError(
            f"{name[:80]!r} is not a name that results/ records; names are of lower-case letters, "
            "digits and hyphens"
        )
    return f"{name}.csv"


def to_row(run: Run) -> dict[str, object]:
    """Return a finished run as a row of ``results/runs.csv``."""
    environment, data, metrics = run.environment, run.environment["data"], run.metrics
    versions, backend, device = (environment[key] for key in ("versions", "backend", "device"))
    keep = ("python", "keras", backend, "numpy", "pillow")
    processor = f"{environment['processor']}, {environment.get('threads')} threads"
    measured = (
        "epochs", "judged_epoch", "best_epoch", "test_accuracy", "test_loss",
        "last_epoch_test_accuracy", "val_accuracy", "val_loss",
    )  # fmt: skip
    return {
        "recipe": run.config["recipe"],
        "seed": run.config["seed"],
        "backend": backend,
        "device": device,
        "machine": processor if device == "cpu" else environment["device_name"],
        "processor_kind": environment.get("processor_kind", ""),
        "versions": "; ".join(f"{name} {versions[name]}" for name in keep if name in versions),
        "data": data["dataset"],
        "data_note": data.get("note", ""),
        "data_sha256": data["sha256"],
        **{name: metrics.get(name) for name in measured},
        "seconds": metrics["train_seconds"],
        "weights_sha256": metrics["weights_sha256"],
    }


@dataclass(frozen=True)
class Outcome:
    """What is recorded of a finished run, independent of its directory."""

    row: dict[str, object]
    """Its row of ``results/runs.csv``."""
    history: str
    """The text of its ``history.csv``."""
    changed: tuple[str, ...]
    """What differs from its recipe."""


def outcome(run: Run) -> Outcome:
    """Return what is recorded of a finished run.

    Raises:
        UserError: its training diverged; such a run is not recorded.
    """
    if diverged := run.metrics.get("diverged_epoch"):
        raise UserError(
            f"{run.path}: training diverged in epoch {diverged}, and such a run is not recorded; "
            "leave it out"
        )
    history = (run.path / "history.csv").read_text(encoding="utf-8")
    return Outcome(to_row(run), history, tuple(run.config["changed"]))


def record(
    finished: Outcome,
    results: Path = RESULTS,
    *,
    table: str = RUNS,
    label: str | None = None,
    overrides: Collection[str] = (),
) -> None:
    """Add a finished run to a table of ``results/``; a repeated run replaces its own row.

    Args:
        finished: what :func:`outcome` gives.
        results: the folder.
        table: :data:`RUNS`, :data:`VARIANTS` or :data:`COPIES`.
        label: the name of the variant, or ``originals`` or ``copies``.
        overrides: what the variant may change, names of arguments of ``train``.

    Raises:
        UserError: if the recipe is unknown, something else than ``overrides`` was changed, or the
            images differ from those of the recorded runs of the recipe.
    """
    row = finished.row
    if table != COPIES:  # whose recipes are those of its study
        recipes.get(str(row["recipe"]))  # the name may come from a file of somebody else
        if changed := set(finished.changed) - set(overrides):
            raise UserError(
                f"the run of {row['recipe']} with seed {row['seed']} changed its recipe "
                f"({', '.join(sorted(changed))}); results/ records the book's recipes only"
            )
    same = ["recipe", "seed", *KIND]
    if column := LABELS[table]:
        row, same = {column: label, **row}, [column, *same]
    name = history_name(row)
    with files.held(results):
        check_images(row, results, table)
        rows = pd.DataFrame([row])
        if (results / table).is_file():
            rows = pd.concat([read_table(results, table), rows]).drop_duplicates(same, keep="last")
        # The curve first: a run in the table is never trained again.
        files.write(results / "histories" / name, finished.history)
        files.write(results / table, rows.sort_values(same).to_csv(index=False))


def check_images(row: dict[str, object], results: Path, table: str) -> None:
    """Refuse a row on other images than the recorded runs of its recipe; variants count as well.

    Raises:
        UserError: if there are such runs.
    """
    same = {key: row[key] for key in ("recipe", *(["pictures"] if table == COPIES else []))}
    for name in (COPIES,) if table == COPIES else (RUNS, VARIANTS):
        if not (results / name).is_file():
            continue
        found = set(matching(read_table(results, name), same)["data_sha256"])
        if found and row["data_sha256"] not in found:
            raise UserError(
                f"{results / name} has runs of {row['recipe']} on other images than this run's; "
                "record it in another folder with --results"
            )


def to_quick_row(run: Run) -> dict[str, object]:
    """Return a finished run as a row of ``quick.csv``, which holds its learning curve too."""
    history = curve_to_text(run.history)
    return to_row(run) | {"test_pictures": run.metrics["test_pictures"], "history": history}


def curve_to_text(curve: pd.DataFrame) -> str:
    """Return a learning curve as JSON, one list per epoch in the order of :data:`CURVE`.

    Two curves are bit-identical if their texts are equal. Seconds are not included.
    """
    epochs = curve[list(CURVE)].to_numpy()
    return json.dumps([[int(epoch), *map(float, values)] for epoch, *values in epochs])


def _read(path: Path, way_out: str, required: Sequence[str]) -> pd.DataFrame:
    """Read a table whose floats must keep every bit."""
    try:
        converters, types = every_bit(_FLOATS), dict.fromkeys(_TEXTS, str)
        table = pd.read_csv(path, converters=converters, dtype=types).fillna(_TEXTS)
        if missing := [column for column in required if column not in table]:
            raise ValueError(f"it has no column {missing[0]}")
        return table
    except (OSError, ValueError) as problem:
        raise UserError(f"{path} cannot be read ({problem}); {way_out}") from problem


def every_bit(columns: Iterable[str]) -> dict[str, Callable[[str], float]]:
    """Return converters that keep every bit of floats, which not every pandas does by itself."""
    return dict.fromkeys(columns, lambda text: float(text or "nan"))
