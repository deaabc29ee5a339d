"""The data sets: MNIST, cats vs dogs, and a small set of digits that needs no download.

``load_dataset("mnist")`` gives a :class:`Dataset`; each data set has a module of its own that says
where its files are looked for and how its images are made.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from chollet_cnn.drawing.numbers import format_count
from chollet_cnn.errors import UserError

NAMES = ("mnist", "cats-vs-dogs", "digits")


@dataclass(frozen=True, eq=False, repr=False)
class Split:
    """One part of a data set: images and their labels.

    Attributes:
        images: ``(n, height, width, channels)`` uint8, 0..255; may be a read-only ``np.memmap``.
        labels: ``(n,)`` int64, the index of each image's class in ``Dataset.classes``.
        names: the file name of each image; ``()`` where images have none.
    """

    images: np.ndarray
    labels: np.ndarray
    names: tuple[str, ...] = ()

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.labels)

    def __repr__(self) -> str:
        """Return the number of images and their shape."""
        shape = "×".join(map(str, self.images.shape[1:]))
        return f"<Split: {format_count(len(self), 'image')} of {shape}>"


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Images to train, validate and test on.

    Attributes:
        name: what ``load`` calls it, one of ``NAMES``.
        title: what figures and tables call it.
        classes: the name of each class, in the order of the labels.
        train: the images that the weights are fitted to.
        validation: the monitored split; ``None`` where the book has none.
        test: the images that the result is measured on.
        fingerprint: what was loaded, how many images and their SHA-256; ready for JSON.
    """

    name: str
    title: str
    classes: tuple[str, ...]
    train: Split
    validation: Split | None
    test: Split
    fingerprint: dict[str, Any]

    def __repr__(self) -> str:
        """Return the title and the splits."""
        splits = {"train": self.train, "validation": self.validation, "test": self.test}
        sizes = [f"{name} {len(split):,}" for name, split in splits.items() if split]
        return f"<Dataset {self.title}: {', '.join(sizes)} images>"


def load_dataset(name: str, data_dir: str | Path | None = None, **options: Any) -> Dataset:  # noqa: ANN401
    """Load a data set by its name.

    Args:
        name: ``"mnist"``, ``"cats-vs-dogs"``, or ``"digits"``, which needs no download.
        data_dir: a folder to look in first.
        **options: passed on to the ``load`` function of the data set's own module, such as
            ``image_size`` for cats vs dogs. Each takes ``download``, whether to download what is
            not found: by default MNIST is (11 MB), cats vs dogs (825 MB) is not.

    Returns:
        Images and labels to train, validate and test on.

    Raises:
        UserError: the name is unknown, or the data set's files are missing or damaged.
        TypeError: the data set has no such option.

    >>> digits = load_dataset("digits")
    >>> digits
    <Dataset digits (embedded): train 1,442, test 355 images>
    >>> digits.test
    <Split: 355 images of 28×28×1>
    """
    return _loader(name)(data_dir, **options)


def default_options(name: str) -> dict[str, object]:
    """Return how the images of a data set are resized and split where nothing else is said.

    Raises:
        UserError: the name is unknown.
    """
    given = inspect.signature(_loader(name)).parameters.values()
    named = {option.name: option.default for option in given if option.kind is option.KEYWORD_ONLY}
    return {option: default for option, default in named.items() if option != "download"}


def _loader(name: str) -> Callable[..., Dataset]:
    if name not in NAMES:
        raise UserError(f"unknown data set {name!r}; choose one of {', '.join(NAMES)}")
    return import_module(f"chollet_cnn.data.{name.replace('-', '_')}").load
