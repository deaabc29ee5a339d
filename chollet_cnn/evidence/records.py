"""What ``results/`` holds: a row for every finished run, and its learning curve beside it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import chollet_cnn
from chollet_cnn.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

    from chollet_cnn.training.runs import Run

RESULTS = Path(chollet_cnn.__file__).parents[1] / "results"
"""What was measured; a checkout has it, an installed package has not."""
VARIANTS = {
    "same-weights": {"weights_seed": 0},
    "same-order": {"order_seed": 0},
    "bfloat16": {"precision": "bfloat16"},
    "rmsprop-2017": {"optimizer": "rmsprop-2017"},
    "rmsprop-2021": {"optimizer": "rmsprop-2021"},
    "augmentation-2017": {"augmentation": "2017"},
    "keras-2017": {"optimizer": "rmsprop-2017", "augmentation": "2017"},
}
"""What is changed, as arguments of :func:`chollet_cnn.train.train`, to see what it does."""
CURVE = ("epoch", "loss", "accuracy", "val_loss", "val_accuracy")
OF_A_RUN = ("recipe", "seed", "backend")
"""Columns without which a table of runs cannot be read."""
FLOATS = (*CURVE[1:], "test_accuracy", "test_loss", "last_epoch_test_accuracy", "seconds")


def row(run: Run) -> dict[str, object]:
    """Return a finished run as a row of ``results/runs.csv``."""
    environment, metrics = run.environment, run.metrics
    versions = environment["versions"]
    backend = environment["backend"]
    keep = ("python", "keras", backend, "numpy", "pillow")
    return {
        "recipe": run.config["recipe"],
        "seed": run.config["seed"],
        "backend": backend,
        "device": environment["device"],
        "machine": f"{environment['processor']}, {environment['threads']} threads"
        if environment["device"] == "cpu"
        else environment["device_name"],
        "processor_kind": environment.get("processor_kind", ""),
        "versions": "; ".join(f"{name} {versions[name]}" for name in keep),
        "data": environment["data"]["dataset"],
        "data_note": environment["data"].get("note", ""),
        "data_sha256": environment["data"]["sha256"],
        "epochs": metrics["epochs"],
        "judged_epoch": metrics["judged_epoch"],
        "best_epoch": metrics["best_epoch"],
        "test_accuracy": metrics["test_accuracy"],
        "test_loss": metrics["test_loss"],
        "last_epoch_test_accuracy": metrics.get("last_epoch_test_accuracy"),
        "val_accuracy": metrics["val_accuracy"],
        "val_loss": metrics["val_loss"],
        "seconds": metrics["train_seconds"],
        "weights_sha256": metrics["weights_sha256"],
    }


def history_name(row: dict[str, object]) -> str:
    """Return the file below results/histories that holds the learning curve of a recorded run."""
    what = f"{row['recipe']}-{row['variant']}" if "variant" in row else row["recipe"]
    return f"{what}-seed-{row['seed']}-{row['backend']}-{row['device']}.csv"


def outcome(run: Run) -> dict[str, object]:
    """Return what is recorded of a finished run, free of the folder that the run lies in.

    Returns:
        ``row``, its row of ``results/runs.csv``; ``history``, the text of its ``history.csv``;
        ``changed``, what was not as its recipe has it.
    """
    history = (run.path / "history.csv").read_text(encoding="utf-8")
    return {"row": row(run), "history": history, "changed": run.config["changed"]}


def as_record(run: Run) -> dict[str, object]:
    """Return a finished run as a row that holds its learning curve too, as ``quick.csv`` has it."""
    return row(run) | {
        "test_pictures": run.metrics["test_pictures"],
        "history": curve_as_text(run.history),
    }


def curve_as_text(curve: pd.DataFrame) -> str:
    """Return a learning curve as JSON: a list an epoch, in the order of :data:`CURVE`.

    Two curves are the same, bit for bit, if their texts are. The seconds are left out, since they
    are never the same.
    """
    epochs = curve[list(CURVE)].to_numpy()
    return json.dumps([[int(epoch), *map(float, values)] for epoch, *values in epochs])


@dataclass(frozen=True)
class Records:
    """The tables of ``results/``: what all that is said there is made from."""

    runs: pd.DataFrame
    """``runs.csv``, see :func:`read_runs`."""
    variants: pd.DataFrame
    """``variants.csv``, see :func:`read_variants`."""
    copies: pd.DataFrame
    """``copies.csv``, see :func:`read_copies`."""
    curves: pd.DataFrame
    """The learning curves of the runs, see :func:`read_curves`."""
    variant_curves: pd.DataFrame
    """Those of the variants, with ``variant`` beside the seed; older ones are not kept."""


def read(results: Path = RESULTS) -> Records:
    """Return everything that is recorded of whole runs."""
    rows, variants = read_runs(results), read_variants(results)
    return Records(
        rows,
        variants,
        read_copies(results),
        read_curves(rows, results),
        read_curves(variants, results),
    )


def read_runs(results: Path = RESULTS) -> pd.DataFrame:
    """Return ``results/runs.csv``, one row a run, every bit of its numbers as it was written.

    Raises:
        UserError: if it is not there or cannot be read.
    """
    way = "a checkout of the repository has it, --results names another folder with recorded runs"
    return _read(results / "runs.csv", way)


def read_variants(results: Path = RESULTS) -> pd.DataFrame:
    """Return ``results/variants.csv``: runs of the book's recipes with something changed.

    Its columns are those of ``runs.csv`` and ``variant``, a key of :data:`VARIANTS`. Without such
    runs it has no rows.
    """
    import pandas as pd

    path = results / "variants.csv"
    if not path.is_file():
        return pd.DataFrame(
            columns=["variant", "recipe", "seed", "backend", "device", "test_accuracy"]
        )
    return _read(path, "scripts/run_seeds.py --variant makes it anew")


def read_copies(results: Path = RESULTS) -> pd.DataFrame:
    """Return ``results/copies.csv``: pairs of runs, one of them on copies of the other's pictures.

    Its columns are those of ``runs.csv`` and ``pictures``, ``originals`` or ``copies``. Without
    such runs it has no rows.
    """
    import pandas as pd

    path = results / "copies.csv"
    if not path.is_file():
        return pd.DataFrame(columns=["pictures", "seed", "val_accuracy", "test_accuracy"])
    return _read(path, "scripts/try_copies.py makes it anew")


def read_quick(results: Path = RESULTS) -> pd.DataFrame:
    """Return ``results/quick.csv``, the short runs that ``reproduce --quick`` repeats."""
    return _read(results / "quick.csv", "reproduce --quick --record makes it anew")


def read_curves(rows: pd.DataFrame, results: Path = RESULTS) -> pd.DataFrame:
    """Return the learning curves of recorded runs in one table, a row an epoch of a run.

    Its columns are those of ``history.csv``, and ``recipe``, ``seed``, ``backend``, ``device`` and
    ``data_note`` of the run, of a variant ``variant`` too. A run whose curve is not kept has no
    rows.
    """
    import pandas as pd

    keys = ["recipe", "seed", "backend", "device", "data_note"]
    keys += ["variant"] if "variant" in rows else []
    curves = [pd.DataFrame(columns=[*keys, *CURVE])]
    for run in rows.to_dict("records"):
        path = results / "histories" / history_name(run)
        if path.is_file():
            curve = _read(path, "the run is to be recorded again", CURVE)
            curves.append(curve.assign(**{key: run[key] for key in keys}))
    return pd.concat(curves[1:] or curves, ignore_index=True)


def loss_turned_first(
    rows: pd.DataFrame, curves: pd.DataFrame, recipe: str
) -> tuple[pd.Series, pd.DataFrame] | None:
    """Return a run that was tested early and became better, with its curve; None where none is.

    It is the run with the lowest seed of those whose validation loss was lowest before their
    validation accuracy was highest, and whose last weights did better on the test set.

    Args:
        rows: ``results/runs.csv``, runs of one backend and kind of device.
        curves: what :func:`read_curves` gives of them.
        recipe: which recipe's runs.
    """
    for _, run in rows[rows["recipe"] == recipe].sort_values("seed").iterrows():
        own = curves[(curves["recipe"] == recipe) & (curves["seed"] == run["seed"])]
        if own.empty or not run["last_epoch_test_accuracy"] > run["test_accuracy"]:
            continue
        if run["judged_epoch"] < own.loc[own["val_accuracy"].idxmax(), "epoch"]:
            return run, own
    return None


def _read(path: Path, way_out: str, needed: Sequence[str] = OF_A_RUN) -> pd.DataFrame:
    """Read a table whose floats are to keep every bit, which not every pandas does by itself."""
    import pandas as pd

    try:
        converters = dict.fromkeys(FLOATS, _as_float) | {"processor_kind": str}
        table = pd.read_csv(path, converters=converters)
        if missing := [column for column in needed if column not in table]:
            raise ValueError(f"it has no column {missing[0]}")
        return table
    except (OSError, ValueError) as problem:
        raise UserError(f"{path} cannot be read ({problem}); {way_out}") from problem


def _as_float(text: str) -> float:
    return float(text or "nan")
