"""A run directory: everything about one training run, in files that other programs read.

========================  ==========================================================================
``config.json``           the recipe as it was run, its seed, what was changed from the book
``environment.json``      versions, backend, device, processor, and the fingerprint of the data
``history.csv``           one row per epoch: epoch, loss, accuracy, val_loss, val_accuracy, seconds
``metrics.json``          the results; it is written last, so it marks a finished run
``model.keras``           the network with the weights of the selected epoch
``checkpoint/state.npz``  the state after the last epoch, from which training can go on
``epochs/weights-N.npz``  the weights after epoch N, where ``config.json`` has ``keep_weights``
========================  ==========================================================================

Every file is written beside its place, flushed and renamed: it is there whole or not at all. A
hidden lock file keeps a second process from writing to a run.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from filelock import FileLock, Timeout

from chollet_cnn import data, files
from chollet_cnn.data import book_pictures, digits, sources
from chollet_cnn.errors import UserError, parameter
from chollet_cnn.training import facts, run_files
from chollet_cnn.training.devices import start_keras
from chollet_cnn.training.environment import same_images
from chollet_cnn.training.run_files import COLUMNS, NAME, for_json, unreadable
from chollet_cnn.training.seeding import sha256_of_weights

if TYPE_CHECKING:
    import keras

EPOCHS = "epochs"
EPOCH_FILE = re.compile(r".*weights-([0-9]{3}|[1-9][0-9]{3,9})\.npz", re.DOTALL)


@dataclass(frozen=True, repr=False)
class Run:
    """A finished training run: its settings, where it was made, and its results.

    ``print(run)`` shows them as a table; a notebook displays the learning curve as well.
    """

    path: Path
    config: dict[str, Any]
    environment: dict[str, Any]
    metrics: dict[str, Any]

    def __repr__(self) -> str:
        """Return the directory and the test accuracy."""
        return f"<Run in {self.path}, test accuracy {self.metrics['test_accuracy']:.2%}>"

    def __str__(self) -> str:
        """Return the table that ends a run: what was trained, and how the book compares."""
        return facts.as_text(self.config["title"], self._facts())

    def _repr_html_(self) -> str:
        return facts.as_html(self.config["title"], self._facts(), self.history)

    def _facts(self) -> dict[str, str]:
        found = facts.facts(self.config, self.environment, self.metrics)
        if match := book_pictures.describe_fingerprint(self.environment["data"]):
            found["images"] = match
        return found | {"run": str(self.path)}

    @property
    def monitored(self) -> str:
        """What loss and accuracy were measured on after each epoch: ``validation`` or ``test``."""
        return "test" if self.config["watched"] == "test set" else "validation"

    @property
    def history(self) -> pd.DataFrame:
        """The learning curve, one row per epoch; the columns are :data:`COLUMNS`.

        Its ``attrs`` have :attr:`monitored`, from which a plot of it takes the label.

        Raises:
            UserError: if ``history.csv`` is damaged, or has other epochs than ``metrics.json``.
        """
        rows = run_files.read_history(self.path, self.metrics["epochs"])
        history = pd.DataFrame(rows, columns=list(COLUMNS))
        history.attrs["monitored"] = self.monitored
        return history

    @property
    def kept_epochs(self) -> list[int]:
        """The epochs whose weights were kept, counted from 1 and in order."""
        epochs = map(EPOCH_FILE.fullmatch, map(str, (self.path / EPOCHS).glob("*.npz")))
        return sorted(int(found[1]) for found in epochs if found and Path(found[0]).is_file())

    def read_epoch_weights(self, epoch: int) -> list[np.ndarray]:
        """Return the weights after an epoch, in the order of ``model.get_weights()``.

        Args:
            epoch: one of :attr:`kept_epochs`.

        Raises:
            UserError: the weights of this epoch were not kept, or their file is damaged.
        """
        file = _epoch_file(self.path, epoch)
        try:
            if not file.is_file():  # a pipe would be waited for
                raise FileNotFoundError
            with np.load(file, allow_pickle=False) as arrays:
                weights = [arrays[f"weight_{i}"] for i in range(len(arrays.files))]
            if sum(array.size for array in weights) != self.metrics["parameters"]:
                raise ValueError("it has another number of weights than the network")
            return weights
        except run_files.DAMAGES as problem:
            raise UserError(
                f"{file} cannot be read; train the run again with {parameter('overwrite=True')} "
                f"and {parameter('keep_weights=True')}"
            ) from problem

    def load_model(self) -> keras.Model:
        """Return the trained network; it takes raw pixels, 0..255.

        It is compiled with the recipe's optimizer, loss and accuracy, so that ``evaluate`` and
        ``fit`` work as in the book; the optimizer begins anew.

        Raises:
            UserError: if the file is damaged, or holds another network than that of the run.
        """
        models = start_keras().models
        # Keras must know the layer that a legacy augmentation puts into a network.
        from chollet_cnn.book import legacy_keras

        path = self.path / "model.keras"
        # A pipe would be waited for, and Keras would try older formats, which may hold code.
        if not (path.is_file() and zipfile.is_zipfile(path)):
            raise unreadable(path, "it is not a file of Keras")
        try:
            model = models.load_model(path, compile=False, safe_mode=True)
        except Exception as problem:  # Keras raises whatever the damage leads it into
            raise unreadable(path, problem) from problem
        recorded = self.metrics.get("weights_sha256")  # which the first runs did not record
        if recorded and sha256_of_weights(model) != recorded:
            raise unreadable(path, "its weights are not those of the run, by metrics.json")
        if problem := self._does_not_fit(model):
            raise unreadable(path, problem)
        settings = self.config["settings"]
        optimizer = settings.get("optimizer") or "rmsprop"
        learning_rate = settings.get("learning_rate") or 0.001
        one_unit = model.output_shape[-1] == 1
        model.compile(
            optimizer=legacy_keras.make_optimizer(optimizer, learning_rate),
            loss="binary_crossentropy" if one_unit else "sparse_categorical_crossentropy",
            metrics=["accuracy"],
        )
        return model

    @property
    def dataset_name(self) -> str:
        """The name of the data set; a run of version 0.1.0 has its title alone."""
        titles = {"MNIST": "mnist", digits.TITLE: "digits"}
        named = titles.get(self.config["dataset"], self.config["settings"]["dataset"])
        return self.config.get("dataset_name", named)

    def load_dataset(self, data_dir: str | Path | None = None) -> data.Dataset:
        """Load the data set of the run as it was loaded for it; nothing is downloaded.

        Raises:
            NotFound: the data set is not on this machine; the message says where to put it.
        """
        name, settings = self.dataset_name, self.config["settings"]
        options = settings["data_options"] if name == settings["dataset"] else {}
        return data.load_dataset(name, data_dir, download=False, **options)

    def test_data(self, data_dir: str | Path | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return the images that the run was tested on, and their labels.

        ``run.load_model().evaluate(*run.test_data())`` gives the loss and the accuracy again.

        Args:
            data_dir: the folder in which to look for the data first; nothing is downloaded.

        Returns:
            Images ``(n, height, width, channels)`` uint8 and labels ``(n,)`` int64.

        Raises:
            NotFound: the data set is not on this machine; the message says where to put it.
            UserError: the images found are not those that the run was made with.
        """
        found = self.load_dataset(data_dir)
        if not same_images(self.environment["data"], found.fingerprint):
            raise UserError(
                f"the {found.title} images found are not those that the run in {self.path} was "
                f"made with; name the folder with its images with {parameter('data_dir')}"
            )
        return found.test.images, found.test.labels

    def _does_not_fit(self, model: keras.Model) -> str:
        """Say what of a network contradicts ``config.json``, or nothing."""
        taken, given = model.input_shape, model.output_shape
        classes, size = len(self.config["classes"]), self.config["settings"]["data_options"]
        expected = (None, *size["image_size"], 3) if size else (None, 28, 28, 1)
        if taken != expected:
            return f"it takes images {taken}, and those of config.json are {expected}"
        if given != (None, classes) and not (given == (None, 1) and classes == 2):
            return f"its output is {given}, and config.json has {classes} classes"
        return ""


def directory(out: str | Path, recipe: str, seed: int) -> Path:
    """Return the directory of the run of a recipe and a seed, below ``out``.

    Raises:
        UserError: if the recipe's name could lead to another place.
    """
    if not (isinstance(recipe, str) and NAME.fullmatch(recipe)):
        raise UserError(
            f"{str(recipe)[:60]!r} cannot be the name of a recipe; use letters, digits, '-', '_' "
            "and '.'"
        )
    return sources.expand_user(out) / recipe / f"seed-{seed}"


def is_finished(path: Path) -> bool:
    """Return whether a directory holds a finished run."""
    return os.path.isfile(path / "metrics.json")  # no error in a folder without permission


def is_begun(path: Path) -> bool:
    """Return whether a directory holds a run, finished or not."""
    return os.path.isfile(path / "config.json")


def load_run(path: str | Path) -> Run:
    """Read a finished run.

    Raises:
        UserError: if the directory holds none, or one that is unfinished or damaged.
    """
    path = sources.expand_user(path)
    if not is_finished(path):
        if is_begun(path):
            raise UserError(
                f"the run in {path} is unfinished; train it again with {parameter('resume=True')}"
            )
        raise UserError(
            f"{path} is not a run directory (it has no metrics.json); name one that "
            "`python -m chollet_cnn.train` made, such as runs/mnist-three-block/seed-0"
        )
    return Run(path, **{name: run_files.read(path, name) for name in run_files.MODELS})


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Make a run directory and keep other processes from training in it.

    A process that ends, however it ends, holds it no longer.

    Raises:
        UserError: if another process holds it, or it cannot be made.
    """
    lock, holder = FileLock(path / ".lock"), path / ".lock-holder"
    try:
        path.mkdir(parents=True, exist_ok=True)
        lock.acquire(blocking=False)
    except Timeout as problem:
        # Where a file system has no locks, a file that was copied or left behind counts as one.
        number, otherwise = "another process", f"; if none is, delete {path / '.lock'}"
        with suppress(OSError, ValueError):
            number, otherwise = f"process {int(holder.read_text())}", ""
        raise UserError(
            f"{number} is training the run in {path}; wait for it, or put this one elsewhere with "
            f"{parameter('out')}{otherwise}"
        ) from problem
    except (OSError, ValueError) as problem:
        raise files.unwritable(path, problem) from problem
    try:
        files.write(holder, str(os.getpid()))
        for folder in (path, path / "checkpoint", path / EPOCHS):
            _remove(folder, *(file.name for file in folder.glob(f"{files.UNFINISHED}*.part")))
        yield
    finally:
        with suppress(OSError):
            holder.unlink()
        lock.release()


def begin(path: Path, config: dict[str, Any], environment: dict[str, Any] | None = None) -> None:
    """Make a run directory with nothing in it but its configuration and environment."""
    clear(path)
    write_json(path / "config.json", config)
    if environment is not None:
        write_json(path / "environment.json", environment)


def clear(path: Path) -> None:
    """Make a directory without a run in it."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        _remove(path, "metrics.json", "config.json", "environment.json", "history.csv")
        _remove(path, "model.keras", "checkpoint", "tensorboard", EPOCHS)
    except OSError as problem:
        raise files.unwritable(path, problem) from problem


def reopen(
    path: Path, config: dict[str, Any], environment: dict[str, Any], *, anew: bool = False
) -> None:
    """Make a run unfinished, with a new configuration; its checkpoint and its history stay.

    What marks the run as finished goes first, so that an interruption leaves an unfinished run.

    Args:
        path: the run directory.
        config: the new content of ``config.json``.
        environment: the new content of ``environment.json``.
        anew: drop the TensorBoard curves and the kept weights of another run.
    """
    try:
        # Weights of the other run beside the new configuration would pass for those of this run.
        _remove(path, "metrics.json", *(["tensorboard", EPOCHS] if anew else []))
        write_json(path / "config.json", config)
        write_json(path / "environment.json", environment)
        _remove(path, "model.keras")
    except OSError as problem:
        raise files.unwritable(path, problem) from problem


def _remove(path: Path, *names: str) -> None:
    for name in names:
        if (path / name).is_dir() and not (path / name).is_symlink():
            shutil.rmtree(path / name)
        else:
            (path / name).unlink(missing_ok=True)


def finish(path: Path, model: keras.Model, metrics: dict[str, Any]) -> Run:
    """Write the network and the results of a run; the file that marks it as finished last."""
    files.write(path / "model.keras", lambda file: _save(model, file))
    write_json(path / "metrics.json", metrics)
    return load_run(path)


def _save(model: keras.Model, file: IO[bytes]) -> None:
    """Save a network into an open file, which Keras does by a name alone."""
    with tempfile.TemporaryDirectory() as folder:
        model.save(Path(folder, "model.keras"))
        file.write(Path(folder, "model.keras").read_bytes())


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON file, whole or not at all; see :func:`run_files.for_json`."""
    files.write(path, json.dumps(for_json(content), indent=2, allow_nan=False) + "\n")


def write_epoch_weights(path: Path, epoch: int, weights: list[np.ndarray]) -> None:
    """Keep the weights after an epoch, counted from 1, in a file of their own."""
    arrays = {f"weight_{i}": array for i, array in enumerate(weights)}
    files.write(_epoch_file(path, epoch), lambda file: np.savez(file, **arrays))


def _epoch_file(path: Path, epoch: int) -> Path:
    return path / EPOCHS / f"weights-{epoch:03}.npz"


def write_history(path: Path, rows: list[dict[str, float]]) -> None:
    """Write ``history.csv``; numbers are written so that they read back bit for bit."""
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    files.write(path / "history.csv", table.to_csv(index=False, lineterminator="\n"))
