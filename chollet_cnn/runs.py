"""A run directory: everything about one training run, in files that other programs read.

========================  ==========================================================================
``config.json``           the recipe as it was run, its seed, what was changed from the book
``environment.json``      versions, backend, device, processor, and the fingerprint of the data
``history.csv``           a row an epoch: epoch, loss, accuracy, val_loss, val_accuracy, seconds
``metrics.json``          what came out; it is written last, so it marks a finished run
``model.keras``           the network with the weights that were judged
``epochs/weights-N.npz``  the weights after epoch N, where ``config.json`` has ``keep_weights``
``checkpoint/state.npz``  while the run is unfinished: all that its next epoch depends on
========================  ==========================================================================

Every file is written beside its place, flushed and renamed: it is there whole or not at all.
"""

from __future__ import annotations

import csv
import io
import json
import math
import os
import shutil
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chollet_cnn import files
from chollet_cnn.errors import UserError

if TYPE_CHECKING:
    import keras
    import numpy as np
    import pandas as pd

COLUMNS = ("epoch", "loss", "accuracy", "val_loss", "val_accuracy", "seconds")
_CHECKPOINT = Path("checkpoint", "state.npz")
_EPOCHS = "epochs"


@dataclass(frozen=True)
class Run:
    """A finished training run: what was asked for, where it was made, and what came out."""

    path: Path
    config: dict[str, Any]
    environment: dict[str, Any]
    metrics: dict[str, Any]

    @property
    def history(self) -> pd.DataFrame:
        """The learning curve, a row an epoch; the columns are :data:`COLUMNS`."""
        import pandas as pd

        try:
            with open(self.path / "history.csv", newline="", encoding="utf-8") as file:
                # Python's own float, so that every bit reads back as it was written.
                rows = [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]
        except (OSError, ValueError, TypeError) as problem:
            raise UserError(
                f"{self.path / 'history.csv'} cannot be read ({_first_line(problem)}); "
                "train the run again with --overwrite"
            ) from problem
        return pd.DataFrame(rows, columns=list(COLUMNS)).astype({"epoch": int})

    @property
    def kept_epochs(self) -> list[int]:
        """The epochs whose weights were kept, counted from 1 and in order."""
        kept = (self.path / _EPOCHS).glob("weights-*.npz")
        return sorted(int(file.stem.removeprefix("weights-")) for file in kept)

    def read_epoch_weights(self, epoch: int) -> list[np.ndarray]:
        """Return the weights after an epoch, in the order of ``model.get_weights()``.

        Args:
            epoch: one of :attr:`kept_epochs`.

        Raises:
            UserError: the weights of this epoch were not kept, or their file is damaged.
        """
        import numpy as np

        file = _epoch_file(self.path, epoch)
        try:
            with np.load(file, allow_pickle=False) as arrays:
                return [arrays[f"weight_{i}"] for i in range(len(arrays.files))]
        except (OSError, ValueError, KeyError, EOFError, zlib.error, zipfile.BadZipFile) as problem:
            raise UserError(
                f"{file} cannot be read ({_first_line(problem)}); train the run again with "
                "--overwrite and --keep-weights"
            ) from problem

    def load_model(self) -> keras.Model:
        """Return the trained network; it takes raw pixels, 0..255."""
        import keras

        from chollet_cnn.augmentation import random_affine

        random_affine()  # Keras is to know the layer that --augmentation 2017 puts into a network
        try:
            return keras.models.load_model(self.path / "model.keras", compile=False)
        except Exception as problem:  # Keras raises whatever the damage leads it into
            raise UserError(
                f"the network in {self.path / 'model.keras'} cannot be loaded "
                f"({_first_line(problem)}); train the run again with --overwrite"
            ) from problem


def directory(out: str | Path, recipe: str, seed: int) -> Path:
    """Return where the run of a recipe and a seed lies below ``out``."""
    return Path(out) / recipe / f"seed-{seed}"


def is_finished(path: Path) -> bool:
    """Return whether a directory holds a run that came to its end."""
    return os.path.isfile(path / "metrics.json")  # no error where one may not look into a folder


def is_begun(path: Path) -> bool:
    """Return whether a directory holds a run, finished or not."""
    return os.path.isfile(path / "config.json")


def read(path: str | Path) -> Run:
    """Read a finished run.

    Raises:
        UserError: if the directory holds none, or one that is unfinished or damaged.
    """
    path = Path(path)
    if not is_finished(path):
        if is_begun(path):
            raise UserError(
                f"the run in {path} is unfinished; end it with the command that began it "
                "and --resume"
            )
        raise UserError(
            f"{path} is no run directory (it has no metrics.json); name one that "
            "`python -m chollet_cnn.train` made, such as runs/mnist-three-block/seed-0"
        )
    parts = {
        name: read_json(path / f"{name}.json") for name in ("config", "environment", "metrics")
    }
    if published := parts["metrics"].get("published"):
        published.setdefault("step", 0.0001)  # which the first runs did not keep
    return Run(path, **parts)


def read_json(path: Path) -> dict[str, Any]:
    """Read one of a run's JSON files; a missing or damaged one is a :class:`UserError`."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise UserError(
            f"{path} cannot be read ({_first_line(problem)}); train the run again with --overwrite"
        ) from problem


def begin(path: Path, config: dict[str, Any]) -> None:
    """Make a run directory with nothing in it but its configuration."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        # What marks a run as finished goes first: a half removed run must not look like a whole
        # one.
        for name in (
            "metrics.json",
            "config.json",
            "environment.json",
            "history.csv",
            "model.keras",
        ):
            (path / name).unlink(missing_ok=True)
        for name in ("checkpoint", "tensorboard", _EPOCHS):
            shutil.rmtree(path / name, ignore_errors=True)
    except OSError as problem:
        raise files.unwritable(path, problem) from problem
    write_json(path / "config.json", config)


def finish(path: Path, model: keras.Model, metrics: dict[str, Any]) -> Run:
    """Write what came out of a run, the mark of its end last, and drop the checkpoint."""
    beside = path / "model.part.keras"
    try:
        model.save(beside)
        with open(beside, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(beside, path / "model.keras")
    except OSError as problem:
        raise files.unwritable(path, problem) from problem
    finally:
        beside.unlink(missing_ok=True)
    write_json(path / "metrics.json", metrics)
    shutil.rmtree(path / _CHECKPOINT.parent, ignore_errors=True)
    return read(path)


def as_json(content: dict[str, Any]) -> dict[str, Any]:
    """Return a record as it reads back from JSON, where a tuple has become a list."""
    return json.loads(json.dumps(content))


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON file, whole or not at all; what is no number, such as NaN, becomes null."""
    files.write(path, json.dumps(_finite(content), indent=2, allow_nan=False) + "\n")


def _finite(content: object) -> object:
    """Return what JSON can hold: it knows no NaN, the loss of a run that diverged."""
    if isinstance(content, dict):
        return {key: _finite(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_finite(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content


def write_history(path: Path, rows: list[dict[str, float]]) -> None:
    """Write ``history.csv``; numbers are written so that they read back bit for bit."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    files.write(path / "history.csv", text.getvalue())


@dataclass
class Checkpoint:
    """All that the next epoch depends on: how far the run is, and the state of everything in it."""

    rows: list[dict[str, float]]
    """The finished epochs, as rows of ``history.csv``."""
    variables: list[np.ndarray]
    """Weights, random generators and optimizer, in order."""
    best_weights: list[np.ndarray]
    """The weights with the lowest validation loss so far, where those are the ones to be judged."""


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Keep the state of an unfinished run in one file, so that it is never half old, half new."""
    import numpy as np

    arrays = {f"variable_{i}": array for i, array in enumerate(checkpoint.variables)}
    arrays |= {f"best_{i}": array for i, array in enumerate(checkpoint.best_weights)}
    rows = np.frombuffer(json.dumps(checkpoint.rows).encode(), np.uint8)
    files.write(path / _CHECKPOINT, lambda file: np.savez(file, rows=rows, **arrays))


def write_epoch_weights(path: Path, epoch: int, weights: list[np.ndarray]) -> None:
    """Keep the weights after an epoch, counted from 1, in a file of their own."""
    import numpy as np

    arrays = {f"weight_{i}": array for i, array in enumerate(weights)}
    files.write(_epoch_file(path, epoch), lambda file: np.savez(file, **arrays))


def _epoch_file(path: Path, epoch: int) -> Path:
    return path / _EPOCHS / f"weights-{epoch:03}.npz"


def read_checkpoint(path: Path) -> Checkpoint | None:
    """Return the state of an unfinished run, or None where no epoch was finished yet."""
    import numpy as np

    if not (path / _CHECKPOINT).is_file():
        return None
    try:
        with np.load(path / _CHECKPOINT, allow_pickle=False) as file:
            names = file.files
            return Checkpoint(
                rows=json.loads(file["rows"].tobytes()),
                variables=[file[f"variable_{i}"] for i in range(_count(names, "variable_"))],
                best_weights=[file[f"best_{i}"] for i in range(_count(names, "best_"))],
            )
    except (
        OSError,
        ValueError,
        KeyError,
        EOFError,
        RuntimeError,
        zlib.error,
        zipfile.BadZipFile,
    ) as problem:
        raise UserError(
            f"{path / _CHECKPOINT} is damaged ({_first_line(problem)}); begin the run again with "
            "--overwrite"
        ) from problem


def _count(names: list[str], prefix: str) -> int:
    return sum(name.startswith(prefix) for name in names)


def _first_line(problem: Exception) -> str:
    return str(problem).strip().splitlines()[0] if str(problem).strip() else type(problem).__name__
