"""Whether TensorFlow, JAX and PyTorch train the same network from one seed.

``scripts/compare_backends.py`` measures what ``backends.csv`` holds; the test accuracies are those
of ``runs.csv``, which ``KERAS_BACKEND=jax python scripts/run_seeds.py mnist-second-edition --seeds
0-4`` records.
"""

from __future__ import annotations

import pandas as pd

from chollet_cnn.evidence import records as recorded
from chollet_cnn.evidence import statistics, tables
from chollet_cnn.evidence.records import Records
from chollet_cnn.training.devices import BACKENDS

TITLE = "Do TensorFlow, JAX and PyTorch train the same?"
RECIPES = ("mnist-second-edition",)
TABLE = "backends.csv"
IDENTICAL = ("starting weights", "batch order")
"""Measured as SHA-256 of every bit; the other quantities are differences from TensorFlow."""
LOSS = "loss"


def measure(records: Records) -> dict[str, object]:
    """Compare the steps and the test accuracies of the backends."""
    if records.folder is None:
        return {}
    rows = recorded.read_table(records.folder, recorded.RUNS)
    runs = rows[rows["recipe"].isin(RECIPES) & (rows["device"] == "cpu")]
    counts = runs["backend"].value_counts()
    missing = [name for backend, name in BACKENDS.items() if not counts.get(backend)]
    found: dict[str, object] = {"missing": missing}
    if (records.folder / TABLE).is_file():
        found |= _steps(pd.read_csv(records.folder / TABLE, dtype={"value": str}))
    baseline = runs[runs["backend"] == "tensorflow"]
    accuracies = []
    for backend in counts.index.drop("tensorflow", errors="ignore"):
        moved = statistics.paired_differences(runs[runs["backend"] == backend], baseline)
        if moved.n:
            accuracies.append({"backend": BACKENDS[backend]} | tables.paired_cells(moved))
    if accuracies:
        found["accuracies"] = pd.DataFrame(accuracies)
    return found


def _steps(measured: pd.DataFrame) -> dict[str, object]:
    """Return what is identical, the largest differences, and the losses step by step."""
    wide = measured.pivot(index=["quantity", "step"], columns="backend", values="value")
    wide = wide[[backend for backend in BACKENDS if backend in wide]]
    losses, once = wide.loc[LOSS].astype(float), wide.drop(LOSS).droplevel("step")
    identical, others = once.loc[list(IDENTICAL)], once.drop(list(IDENTICAL)).astype(float)
    others.loc["loss of a step"] = losses.sub(losses["tensorflow"], axis=0).abs().max()
    same = identical.eq(identical["tensorflow"], axis=0)
    cells = pd.concat([
        same.map({True: "every bit", False: "other bits"}.get), others.map("{:.1e}".format)
    ])  # fmt: skip
    shown = losses.rename(columns=BACKENDS).map("{:.6f}".format)
    shown.insert(0, "step", [f"{step:,}" for step in losses.index])
    first = measured.drop_duplicates("backend").set_index("backend")
    versions = [
        f"{BACKENDS[backend]} {told.rsplit(f'{backend} ', 1)[1].partition(',')[0]}"
        for backend, told in first["versions"].loc[list(wide.columns)].items()
    ]
    return {
        "differences": cells.rename(columns=BACKENDS).T.reset_index(names="backend"),
        "losses": shown,
        "last_step": int(losses.index.max()),
        "machine": first["machine"].iloc[0],
        "versions": ", ".join(versions),
    }
