"""The state of a run between two epochs, in one file that says whose it is."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from chollet_cnn import files
from chollet_cnn.errors import UserError, parameter
from chollet_cnn.training.run_files import COLUMNS, DAMAGES

FILE = Path("checkpoint", "state.npz")


@dataclass
class Checkpoint:
    """All that the next epoch depends on: how far the run is, and the state of everything in it."""

    rows: list[dict[str, float]] = field(default_factory=list)
    """The finished epochs, as rows of ``history.csv``."""
    variables: list[np.ndarray] = field(default_factory=list)
    """Weights, random generators and optimizer, in order."""
    best_weights: list[np.ndarray] = field(default_factory=list)
    """The weights with the lowest validation loss so far, where a recipe tests those."""


def write(path: Path, checkpoint: Checkpoint, identity: dict[str, Any]) -> None:
    """Write the checkpoint of a run, whole or not at all.

    Args:
        path: the run directory.
        checkpoint: its state.
        identity: whose it is, ready for JSON; :func:`read` wants the same.
    """
    arrays = {f"variable_{i}": array for i, array in enumerate(checkpoint.variables)}
    arrays |= {f"best_{i}": array for i, array in enumerate(checkpoint.best_weights)}
    texts = {"rows": checkpoint.rows, "identity": identity}
    arrays |= {k: np.frombuffer(json.dumps(v).encode(), np.uint8) for k, v in texts.items()}
    files.write(path / FILE, lambda file: np.savez(file, **arrays))


def read(
    path: Path,
    identity: dict[str, Any],
    like: Checkpoint,
    share: Callable[[bytes], bytes] = lambda content: content,
) -> Checkpoint:
    """Return the checkpoint of a run, one without rows where no epoch was finished yet.

    Args:
        path: the run directory.
        identity: whose it must be.
        like: arrays of the shapes and types that it must have; its best weights are those that
            it must have, or none.
        share: takes the content of the file, nothing where there is none, and returns that of the
            process which has it, where several train the run.

    Raises:
        UserError: if it is damaged, or belongs to another run.
    """
    place = path / FILE
    try:
        content = share((place.read_bytes() or b"empty") if place.is_file() else b"")
        if not content:
            return Checkpoint()
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            found = Checkpoint(
                json.loads(file["rows"].tobytes()),
                _arrays(file, "variable_"),
                _arrays(file, "best_"),
            )
            owner = json.loads(file["identity"].tobytes()) if "identity" in file.files else None
        problem = _what_is_wrong(found, owner, identity, like)
    except DAMAGES as damage:
        problem = str(damage).strip().partition("\n")[0] or type(damage).__name__
    if problem:
        raise UserError(
            f"{place} cannot be used ({problem}); begin the run again with "
            f"{parameter('overwrite=True')}"
        )
    return found


def _arrays(file: np.lib.npyio.NpzFile, prefix: str) -> list[np.ndarray]:
    count = sum(name.startswith(prefix) for name in file.files)
    return [file[f"{prefix}{number}"] for number in range(count)]


def _what_is_wrong(
    found: Checkpoint, owner: dict[str, Any] | None, identity: dict[str, Any], like: Checkpoint
) -> str:
    """Say why a checkpoint is not one of this run, or nothing."""
    if owner != identity:
        other = [key for key in identity if key not in (owner or {}) or owner[key] != identity[key]]
        return f"it belongs to another run: {', '.join(other) or 'of another version'} differs"
    if [row["epoch"] for row in found.rows] != list(range(1, len(found.rows) + 1)):
        return "its epochs are not complete"
    if not all(math.isfinite(row[column]) for row in found.rows for column in COLUMNS):
        return "its learning curve is not finite"
    if not _alike(found.variables, like.variables):
        return "its variables are not those of the network and the optimizer"
    if not _alike(found.best_weights, like.best_weights):
        return "its best weights are not those of the network"
    return ""


def _alike(found: list[np.ndarray], like: list[np.ndarray]) -> bool:
    kinds = [[(a.shape, a.dtype) for a in arrays] for arrays in (found, like)]
    return kinds[0] == kinds[1] and all(np.isfinite(array).all() for array in found)
