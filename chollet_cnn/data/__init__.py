"""The pictures that the networks learn from: MNIST, cats vs dogs, and a small set that is built in.

``load("mnist")`` gives a :class:`Dataset`; each data set has a module of its own that says where
its files are looked for and how its pictures are made.
"""

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from chollet_cnn.errors import UserError

NAMES = ("mnist", "cats-vs-dogs", "digits")


@dataclass(frozen=True)
class Split:
    """One part of a data set: pictures, and what each of them shows.

    Attributes:
        images: ``(n, height, width, channels)`` uint8, 0..255; may be a read-only ``np.memmap``.
        labels: ``(n,)`` int64, the place of each picture's class in ``Dataset.classes``.
        names: the file name of each picture; ``()`` where pictures have none.
    """

    images: np.ndarray
    labels: np.ndarray
    names: tuple[str, ...] = ()

    def __len__(self) -> int:
        """How many pictures there are."""
        return len(self.labels)


@dataclass(frozen=True)
class Dataset:
    """Pictures to learn from, pictures to watch while learning, and pictures to be judged on.

    Attributes:
        name: what ``load`` calls it, one of ``NAMES``.
        title: what figures and tables call it.
        classes: the name of each class, in the order of the labels.
        train: the pictures that the weights are fitted to.
        validation: the pictures that are watched during training; ``None`` where the book has none.
        test: the pictures that the result is measured on.
        fingerprint: what was loaded, how many pictures and their SHA-256; ready for JSON.
    """

    name: str
    title: str
    classes: tuple[str, ...]
    train: Split
    validation: Split | None
    test: Split
    fingerprint: dict[str, Any]


def load(name: str, data_dir: str | Path | None = None, **options: Any) -> Dataset:  # noqa: ANN401
    """Load a data set by its name.

    Args:
        name: one of ``NAMES``.
        data_dir: a folder to look in first.
        **options: passed on to the ``load`` function of the data set's own module.

    Raises:
        UserError: there is no such data set, or its files are missing or damaged.
    """
    if name not in NAMES:
        raise UserError(f"there is no data set {name!r}: choose one of {', '.join(NAMES)}")
    if name == "digits":  # comes with scikit-learn: there is nothing to look for in a folder
        return import_module("chollet_cnn.data.digits").load(**options)
    module = import_module(f"chollet_cnn.data.{name.replace('-', '_')}")
    return module.load(data_dir, **options)
