"""What ``results/`` holds: a row for every finished run, and its learning curve beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import chollet_cnn
from chollet_cnn.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

    from chollet_cnn.runs import Run

RESULTS = Path(chollet_cnn.__file__).parents[1] / "results"
"""What was measured; a checkout has it, an installed package has not."""
CURVE = ("epoch", "loss", "accuracy", "val_loss", "val_accuracy")
FLOATS = (*CURVE[1:], "test_accuracy", "test_loss", "seconds")


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
        "versions": "; ".join(f"{name} {versions[name]}" for name in keep),
        "data": environment["data"]["dataset"],
        "data_note": environment["data"].get("note", ""),
        "data_sha256": environment["data"]["sha256"],
        "epochs": metrics["epochs"],
        "judged_epoch": metrics["judged_epoch"],
        "best_epoch": metrics["best_epoch"],
        "test_accuracy": metrics["test_accuracy"],
        "test_loss": metrics["test_loss"],
        "val_accuracy": metrics["val_accuracy"],
        "val_loss": metrics["val_loss"],
        "seconds": metrics["train_seconds"],
        "weights_sha256": metrics["weights_sha256"],
    }


def history_name(row: dict[str, object]) -> str:
    """Return the file below results/histories that holds the learning curve of a recorded run."""
    return f"{row['recipe']}-seed-{row['seed']}-{row['backend']}-{row['device']}.csv"


def as_record(run: Run) -> dict[str, object]:
    """Return a finished run as a row that holds its learning curve too, as ``quick.csv`` has it."""
    return row(run) | {
        "processor_kind": processor_kind(),
        "test_pictures": run.metrics["test_pictures"],
        "history": curve_as_text(run.history),
    }


def processor_kind() -> str:
    """Return this processor's family, model and stepping as Linux gives them, else nothing.

    A virtual machine often names its processor by the brand alone, and one brand name covers
    several kinds whose instructions, and so whose last bits, differ.
    """
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n\n", 1)[0].splitlines()
    except OSError:
        return ""
    facts = {name.strip(): value.strip() for name, _, value in (x.partition(":") for x in lines)}
    names = {"cpu family": "family", "model": "model", "stepping": "stepping"}
    return ", ".join(f"{names[name]} {facts[name]}" for name in names if name in facts)


def curve_as_text(curve: pd.DataFrame) -> str:
    """Return a learning curve as JSON: a list an epoch, in the order of :data:`CURVE`.

    Two curves are the same, bit for bit, if their texts are. The seconds are left out, since they
    are never the same.
    """
    epochs = curve[list(CURVE)].to_numpy()
    return json.dumps([[int(epoch), *map(float, values)] for epoch, *values in epochs])


def read_runs(results: Path = RESULTS) -> pd.DataFrame:
    """Return ``results/runs.csv``, one row a run, every bit of its numbers as it was written.

    Raises:
        UserError: if it is not there or cannot be read.
    """
    way = "a checkout of the repository has it, --results names another folder with recorded runs"
    return _read(results / "runs.csv", way)


def read_quick(results: Path = RESULTS) -> pd.DataFrame:
    """Return ``results/quick.csv``, the short runs that ``reproduce --quick`` repeats."""
    return _read(results / "quick.csv", "reproduce --quick --record makes it anew")


def read_curves(rows: pd.DataFrame, results: Path = RESULTS) -> pd.DataFrame:
    """Return the learning curves of recorded runs in one table, a row an epoch of a run.

    Its columns are those of ``history.csv``, and ``recipe``, ``seed``, ``backend``, ``device`` and
    ``data_note`` of the run. A run whose curve is not kept has no rows.
    """
    import pandas as pd

    keys = ["recipe", "seed", "backend", "device", "data_note"]
    curves = [pd.DataFrame(columns=[*keys, *CURVE])]
    for run in rows.to_dict("records"):
        path = results / "histories" / history_name(run)
        if path.is_file():
            curve = _read(path, "the run is to be recorded again")
            curves.append(curve.assign(**{key: run[key] for key in keys}))
    return pd.concat(curves[1:] or curves, ignore_index=True)


def _read(path: Path, way_out: str) -> pd.DataFrame:
    """Read a table whose floats are to keep every bit, which not every pandas does by itself."""
    import pandas as pd

    try:
        converters = dict.fromkeys(FLOATS, _as_float) | {"processor_kind": str}
        return pd.read_csv(path, converters=converters)
    except (OSError, ValueError) as problem:
        raise UserError(f"{path} cannot be read ({problem}); {way_out}") from problem


def _as_float(text: str) -> float:
    return float(text or "nan")
