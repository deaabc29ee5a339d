"""Find the test images of a run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from chollet_cnn import data
from chollet_cnn.concepts.figures import photographs
from chollet_cnn.data import digits, scaling
from chollet_cnn.data.sources import NotFound
from chollet_cnn.training.runs import Run


@dataclass(frozen=True, eq=False)
class TestImages:
    """Images ``(n, height, width, channels)`` uint8, their labels, and where they come from."""

    __test__ = False  # pytest is not to collect it

    images: np.ndarray
    labels: np.ndarray
    source: str


def find_test_images(run: Run, data_dir: str | Path | None = None) -> TestImages:
    """Return the test images that a run was measured on; nothing is downloaded for it.

    Where MNIST is not on this machine, the test images of scikit-learn's digits are returned; where
    the cats and dogs are not, scikit-image's cat alone.
    """
    options = run.config["settings"]["data_options"]
    if options:
        size = tuple(options["image_size"])
        try:
            found = data.load_dataset("cats-vs-dogs", data_dir, **(options | {"image_size": size}))
        except NotFound:
            cat = scaling.scale(photographs.cat(), size, options["resize"])
            return TestImages(cat[None], np.zeros(1, np.int64), "scikit-image")
        return TestImages(found.test.images, found.test.labels, "the test set")
    if run.config["dataset"] != digits.TITLE:
        try:
            found = data.load_dataset("mnist", data_dir, download=False)
        except NotFound:
            pass
        else:
            return TestImages(found.test.images, found.test.labels, "MNIST's test set")
    test = digits.load().test
    return TestImages(test.images, test.labels, "scikit-learn's digits")
