"""A run as the page needs it: its network, a picture to send through it, test pictures."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from chollet_cnn import data, runs
from chollet_cnn.analysis import errors
from chollet_cnn.chapters.page import Call, program
from chollet_cnn.concepts import geometry
from chollet_cnn.concepts.figures import photographs
from chollet_cnn.data import digits, handwriting, image_files, scaling
from chollet_cnn.data.sources import NotFound
from chollet_cnn.errors import UserError

if TYPE_CHECKING:
    import keras
    import pandas as pd

    from chollet_cnn.data import Split
NEEDED = {
    "config": ("recipe", "title", "seed", "dataset", "classes", "changed", "watched", "settings"),
    "environment": ("device", "device_name", "processor", "data"),
    "metrics": (
        *("test_accuracy", "test_pictures", "parameters", "epochs", "train_seconds"),
        *("published", "dataset"),
    ),
}
"""What the page tells of a run, so that a run which lacks some of it is found before it is used."""
SAMPLE = 3_000_000
"""Pixels of test pictures that a network is asked about in a few seconds; 133 of 150x150."""
READ = "from chollet_cnn.data import handwriting, image_files"
SCALE = "from chollet_cnn.data import image_files, scaling"
SHIPPED = "from chollet_cnn.concepts.figures import photographs"


@dataclass(frozen=True, eq=False)
class Subject:
    """One run of the reader's, and everything that the chapters ask of it."""

    run: runs.Run
    slug: str
    """Its name in the names of files."""
    model: keras.Model
    layers: pd.DataFrame
    """What :func:`chollet_cnn.concepts.geometry.layer_table` says of the network."""
    picture: np.ndarray
    """``(height, width, channels)`` uint8, what the figures send through the network."""
    picture_words: str
    """What that picture is."""
    picture_code: tuple[str, ...]
    """Lines of Python that make ``picture``, its imports first."""
    shares: np.ndarray
    """What the network says of the picture: a probability for each class."""
    test: Split | None
    """The test pictures, where this machine has them."""
    why_no_test: str
    probabilities: np.ndarray | None
    """What the network says of each test picture, ``(n, classes)``."""

    @property
    def name(self) -> str:
        """What the page calls the run."""
        return f"{self.run.config['title']}, seed {self.run.config['seed']}"

    @property
    def classes(self) -> list[str]:
        """The names of the classes, in the order of the labels."""
        return self.run.config["classes"]

    @property
    def of_digits(self) -> bool:
        """Whether the network takes grey digits rather than photographs."""
        return self.model.input_shape[-1] == 1

    @property
    def wrong(self) -> int:
        """How many test pictures it got wrong."""
        metrics = self.run.metrics
        return round((1 - metrics["test_accuracy"]) * metrics["test_pictures"])

    @property
    def convolutions(self) -> list[str]:
        """The names of the network's convolutions, in order."""
        return self.layers.loc[self.layers["kind"] == "Conv2D", "layer"].tolist()

    @property
    def sample(self) -> np.ndarray:
        """As many test pictures as the network can be asked about in a few seconds."""
        height, width = self.picture.shape[:2]
        return self.test.images[: min(1000, SAMPLE // (height * width))]

    def program(self, needed: str, *lines: str) -> Call:
        """Return a program that has the network as ``model`` and the picture as ``picture``."""
        *imports, picture = self.picture_code
        imports = ["from chollet_cnn import runs", needed, *imports]
        return program(imports, self.model_code, picture, *lines)

    @property
    def model_code(self) -> str:
        """A line of Python that loads the network; it needs ``runs``."""
        return f"model = runs.read({str(self.run.path)!r}).load_model()"


def read(
    path: str | Path,
    taken: Iterable[str] = (),
    picture: str | Path | None = None,
    data_dir: str | Path | None = None,
) -> Subject:
    """Read a run, its network, a picture for it and its test pictures.

    Args:
        path: the run's directory.
        taken: slugs that other runs have.
        picture: a file of the reader's own.
        data_dir: where the test pictures are looked for first.

    Raises:
        UserError: the run or the picture cannot be read.
    """
    path = Path(path)
    run = runs.read(path)
    for part, names in NEEDED.items():
        for name in names:
            if name not in getattr(run, part):
                raise UserError(
                    f"{path / part}.json has no {name!r}; train the run again with --overwrite"
                )
    if run.history.empty:
        raise UserError(f"{path / 'history.csv'} is empty; train the run again with --overwrite")
    try:
        slug = _slug(f"{run.config['recipe']}-seed-{run.config['seed']}", taken)
        test, why = _test_pictures(run, data_dir)
        model = run.load_model()
        image, words, code = _picture(model, run, test, picture, data_dir)
        return Subject(
            run=run,
            slug=slug,
            model=model,
            layers=geometry.layer_table(model),
            picture=image,
            picture_words=words,
            picture_code=code,
            shares=_answers(run, model, image[None])[0],
            test=test,
            why_no_test=why,
            probabilities=None if test is None else _answers(run, model, test.images),
        )
    except (KeyError, TypeError, ValueError) as problem:
        raise UserError(
            f"the run in {path} is not as `python -m chollet_cnn.train` writes it "
            f"({type(problem).__name__}: {problem}); train it again with --overwrite"
        ) from problem


def _answers(run: runs.Run, model: keras.Model, images: np.ndarray) -> np.ndarray:
    """Ask a run's network; one whose training diverged has no answer, and the run is named."""
    try:
        return errors.predictions(model, images)
    except UserError as problem:
        raise UserError(f"{run.path}: {problem}") from problem


def file_name(layer: str) -> str:
    """Return a layer's name as a part of a file's name."""
    return layer.replace("/", "-").replace("_", "-")


def _slug(name: str, taken: Iterable[str]) -> str:
    """Make a file name of a run's name, and another one if it is taken."""
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "run"
    number = 2
    unique = slug
    while unique in taken:
        unique = f"{slug}-{number}"
        number += 1
    return unique


def _test_pictures(run: runs.Run, data_dir: str | Path | None) -> tuple[Split | None, str]:
    """Load the pictures that a run was tested on, or say why not; nothing is downloaded for it."""
    known = {"MNIST": "mnist", digits.TITLE: "digits"}
    name = known.get(run.config["dataset"], run.config["settings"]["dataset"])
    options = {"mnist": {"download": False}}.get(name, run.config["settings"]["data_options"])
    if name == "cats-vs-dogs":
        options = options | {"image_size": tuple(options["image_size"])}
    try:
        found = data.load(name, data_dir, **({} if name == "digits" else options))
    except NotFound as problem:
        return None, str(problem)
    if found.fingerprint["sha256"] != run.environment["data"]["sha256"]:
        source = found.fingerprint["source"]
        return None, f"{source} holds other pictures than the run's: name their place by --data-dir"
    return found.test, ""


def _picture(
    model: keras.Model,
    run: runs.Run,
    test: Split | None,
    own: str | Path | None,
    data_dir: str | Path | None,
) -> tuple[np.ndarray, str, tuple[str, ...]]:
    """Choose the picture that goes through a network: the reader's own, a digit, or the cat.

    Returns:
        The picture, what it is in words, and Python code that makes it.
    """
    size = model.input_shape[1:3]
    if model.input_shape[-1] == 3:
        return _photograph(size, run.config["settings"]["data_options"], own)
    why = ""
    if own is not None:
        photograph = image_files.read(own)
        try:
            image = handwriting.as_digit(photograph)
        except UserError:
            why = f", because no single digit was found in {Path(own).name}"
        else:
            words = f"your picture {Path(own).name}, brought to MNIST's look"
            line = f"picture = handwriting.as_digit(image_files.read({str(own)!r}))"
            return image, words, (READ, line)
    if test is None:
        line = f"picture = photographs.digit({size[0]})[..., None]"
        image = photographs.digit(size[0])[..., None]
        return image, f"a digit of scikit-learn's{why}", (SHIPPED, line)
    name = "digits" if run.config["dataset"] == digits.TITLE else "mnist"
    words = f"the first test picture, a {run.config['classes'][test.labels[0]]}{why}"
    place = "" if data_dir is None else f", {str(data_dir)!r}"
    line = f"picture = data.load({name!r}{place}).test.images[0]"
    return test.images[0], words, ("from chollet_cnn import data", line)


def _photograph(
    size: tuple[int, int], options: dict[str, object], own: str | Path | None
) -> tuple[np.ndarray, str, tuple[str, ...]]:
    """Scale the reader's picture, or the cat, as the network's training pictures were scaled."""
    resize = options.get("resize", "bilinear")
    if own is None:
        image, words, made = photographs.cat(), "scikit-image's cat", "photographs.cat()"
        imports = ("from chollet_cnn.data import scaling", SHIPPED)
    else:
        image, words = image_files.read(own), f"your picture {Path(own).name}"
        made, imports = f"image_files.read({str(own)!r})", (SCALE,)
    line = f"picture = scaling.scale({made}, {tuple(size)}, {resize!r})"
    return scaling.scale(image, size, resize), words, (*imports, line)
