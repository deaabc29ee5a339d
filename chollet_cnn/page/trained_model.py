"""A run as the page needs it: its network, an image to send through it, its test images."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd

from chollet_cnn.analysis import mistakes, model_graph
from chollet_cnn.analysis.layer_table import list_layers
from chollet_cnn.concepts.figures import photographs
from chollet_cnn.data import Split, handwriting, image_files, scaling
from chollet_cnn.errors import UserError, notify, parameter, printable
from chollet_cnn.training import runs, seeding

SAMPLE = 3_000_000
"""Pixels of test images that a network is asked about in a few seconds; 133 of 150x150."""
LONGEST_SLUG = 60
"""Characters; a file's name has two of them, and most disks allow 255."""
SHIPPED = "from chollet_cnn.concepts.figures import photographs"


@dataclass(frozen=True, eq=False)
class Shown:
    """The image that the figures send through a network."""

    pixels: np.ndarray
    """``(height, width, channels)`` uint8."""
    kind: str
    """``own``, ``own digit``, ``shipped digit``, ``test digit`` or ``cat``."""
    imports: tuple[str, ...]
    """The imports that ``code`` needs."""
    code: str
    """A line of Python that makes ``image``."""
    file: str = ""
    """The name of the reader's own file."""
    label: str = ""
    """What a test digit is."""


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """One run of the reader's, and everything that the chapters ask of it."""

    run: runs.Run
    slug: str
    """Its name in the names of files."""
    model: keras.Model
    shown: Shown
    """The image that the figures send through the network."""
    answer: np.ndarray
    """The network's probability of each class for that image."""
    test: Split | None
    """The test images, where this machine has them."""
    why_no_test: str
    probabilities: np.ndarray | None
    """The network's probabilities for each test image, ``(n, classes)``."""
    explorer: str
    """The file of its explorer beside the page; empty where there is none."""

    @property
    def name(self) -> str:
        """What the page calls the run."""
        return f"{self.run.config['title']}, seed {self.run.config['seed']}"

    @cached_property
    def _layer_slugs(self) -> dict[str, str]:
        """The name of each layer in the names of files."""
        slugs: dict[str, str] = {}
        for layer in model_graph.layers_of(self.model):
            slugs[layer] = _slug(layer, slugs.values())
        return slugs

    def figure_name(self, layer: str, subject: str) -> str:
        """Return the name of a figure about one of the layers."""
        return f"{self.slug}-{self._layer_slugs[layer]}-{subject}"

    @property
    def image(self) -> np.ndarray:
        """The pixels of the image that the figures send through the network."""
        return self.shown.pixels

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
        """How many test images it got wrong."""
        metrics = self.run.metrics
        return round((1 - metrics["test_accuracy"]) * metrics["test_pictures"])

    @cached_property
    def convolutions(self) -> list[str]:
        """The names of the network's convolutions, in order."""
        named = model_graph.layers_of(self.model).items()
        return [name for name, layer in named if type(layer).__name__ == "Conv2D"]

    @cached_property
    def layers(self) -> pd.DataFrame:
        """What :func:`~chollet_cnn.analysis.layer_table.list_layers` says of the network.

        Raises:
            ValueError: it says nothing, as of a network that branches.
        """
        return list_layers(self.model)

    def receptive_field(self, layer: str) -> int | tuple[int, int] | None:
        """Return how many pixels one unit of a layer sees; None where that is not known."""
        try:
            return self.layers.set_index("layer")["receptive_field"].get(layer)
        except ValueError:
            return None

    @property
    def sample(self) -> np.ndarray:
        """As many test images as the network can be asked about in a few seconds."""
        height, width = self.image.shape[:2]
        return self.test.images[: min(1000, SAMPLE // (height * width))]

    @cached_property
    def untrained(self) -> keras.Model:
        """The network with the weights that its training started from."""
        model = keras.models.clone_model(self.model)
        seeding.set_starting_weights(model, self.weights_seed)
        return model

    @property
    def weights_seed(self) -> int:
        """The seed of its starting weights."""
        own = self.run.config["changed"].get("weights_seed", {})
        return own.get("run", self.run.config["seed"])


def read(
    path: str | Path,
    taken: Iterable[str] = (),
    picture: str | Path | None = None,
    data_dir: str | Path | None = None,
) -> TrainedModel:
    """Read a run, its network, an image for it and its test images.

    Args:
        path: the run's directory.
        taken: slugs that other runs have.
        picture: an image file of the reader's own.
        data_dir: where the test images are looked for first.

    Raises:
        UserError: the run or the picture cannot be read.
    """
    path = Path(path)
    run = runs.load_run(path)
    _ = run.history  # it is drawn when other runs have their figures already, so check it now
    try:
        slug = _slug(f"{run.config['recipe']}-seed-{run.config['seed']}", taken)
        test, why_no_test = _test_images(run, data_dir)
        model = run.load_model()
        shown = _choose_image(model, run, test, picture, data_dir)
        return TrainedModel(
            run=run,
            slug=slug,
            model=model,
            shown=shown,
            answer=_predictions(run, model, shown.pixels[None])[0],
            test=test,
            why_no_test=why_no_test,
            probabilities=None if test is None else _predictions(run, model, test.images),
            explorer=f"explorer-{slug}.html" if taken else "explorer.html",
        )
    except UserError:
        raise
    except Exception as problem:  # whatever is odd about a run, the others are still shown
        raise UserError(
            f"the run in {path} is not as `python -m chollet_cnn.train` writes it "
            f"({type(problem).__name__}: {problem}); train it again with "
            f"{parameter('overwrite=True')}"
        ) from problem


def _predictions(run: runs.Run, model: keras.Model, images: np.ndarray) -> np.ndarray:
    """Ask a run's network; where its training diverged there is no answer, and the run is named."""
    try:
        return mistakes.predictions(model, images)
    except UserError as problem:
        raise UserError(f"{run.path}: {problem}") from problem


def _slug(name: str, taken: Iterable[str]) -> str:
    """Make a part of a file name of a run's or a layer's name, and another one if it is taken."""
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower())[:LONGEST_SLUG].strip("-") or "unnamed"
    names = (slug if number == 1 else f"{slug}-{number}" for number in count(1))
    return next(name for name in names if name not in taken)


def _test_images(run: runs.Run, data_dir: str | Path | None) -> tuple[Split | None, str]:
    """Load the images that a run was tested on, or say why not; nothing is downloaded for it."""
    try:
        return Split(*run.test_data(data_dir)), ""
    except UserError as problem:
        return None, printable(str(problem))


def _choose_image(
    model: keras.Model,
    run: runs.Run,
    test: Split | None,
    own: str | Path | None,
    data_dir: str | Path | None,
) -> Shown:
    """Choose the image that goes through a network: the reader's own, a digit, or the cat."""
    size = model.input_shape[1:3]
    file, pixels = "", None
    if own is not None:
        file, made = printable(Path(own).name), f"image_files.read({str(own)!r})"
        pixels = image_files.read(own)
    if model.input_shape[-1] == 3:
        resize = run.config["settings"]["data_options"]["resize"]
        kind, imports = "own", ("from chollet_cnn.data import image_files, scaling",)
        if pixels is None:
            kind, pixels, made = "cat", photographs.cat(), "photographs.cat()"
            imports = (SHIPPED, "from chollet_cnn.data import scaling")
        line = f"image = scaling.scale({made}, {tuple(size)}, {resize!r})"
        return Shown(scaling.scale(pixels, size, resize), kind, imports, line, file)
    if pixels is not None:
        try:
            digit = handwriting.as_digit(pixels)
        except UserError:
            pass  # a photograph of something else: a digit is shown instead, and the page says so
        else:
            imports = ("from chollet_cnn.data import handwriting, image_files",)
            line = f"image = handwriting.as_digit({made})"
            return Shown(digit, "own digit", imports, line, file)
    if test is None:
        line = f"image = photographs.digit({size[0]})[..., None]"
        return Shown(photographs.digit(size[0])[..., None], "shipped digit", (SHIPPED,), line, file)
    place = "" if data_dir is None else f", {str(data_dir)!r}"
    line = f"image = data.load_dataset({run.dataset_name!r}{place}).test.images[0]"
    label = run.config["classes"][test.labels[0]]
    imports = ("from chollet_cnn import data",)
    return Shown(test.images[0], "test digit", imports, line, file, label)


def sections(
    models: Sequence[TrainedModel], make: Callable[[TrainedModel], dict[str, Any]]
) -> list[dict[str, Any]]:
    """Make a chapter's section for each run; where that fails, the section says so.

    A run that one chapter cannot show, such as a network without a convolution, is not to take
    the page, the other chapters or the other runs with it.
    """
    found = []
    for model in models:
        try:
            section = {"problem": ""} | make(model)
        except Exception as problem:
            kind = "" if isinstance(problem, ValueError) else f"{type(problem).__name__}: "
            section = {"problem": printable(f"{kind}{problem}")}
            notify(f"left out of {model.run.path}: {section['problem']}")
        about = {"name": model.name, "explorer": model.explorer, "path": repr(str(model.run.path))}
        found.append(about | section)
    return found
