"""The embedded digits: 1,797 real handwritten digits that come with scikit-learn.

With them the package can train on a machine that has neither MNIST nor a network. They are smaller
and fewer than MNIST's, so a result on them says nothing about MNIST, and everything that shows one
says "digits (embedded)".

Source: E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning
Repository, in the copy that ``sklearn.datasets.load_digits`` gives.
"""

from pathlib import Path

import numpy as np

from chollet_cnn.data import Dataset, Split
from chollet_cnn.data.scaling import bilinear
from chollet_cnn.data.sources import sha256_of_arrays

TITLE = "digits (embedded)"
BRIGHTEST = 16  # the grey levels of the original 8x8 images are 0..16
BOX = 20  # MNIST puts each digit into a box of 20x20 pixels ...
MARGIN = 4  # ... in the middle of 28x28
TEST_EVERY = 5


def load(data_dir: str | Path | None = None, *, download: bool = False) -> Dataset:
    """Load the embedded digits in MNIST's frame.

    Args:
        data_dir: not used, since scikit-learn brings the digits; every data set takes it.
        download: not used either.

    Returns:
        Images ``(n, 28, 28, 1)``, light ink on a dark background; of each class, in
        scikit-learn's order, every fifth image is for testing and the others are for training.
    """
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = np.stack([enlarge(image) for image in digits.images])[..., np.newaxis]
    labels = digits.target.astype(np.int64)
    # A rule of our own, since a library's shuffling may change.
    fifths = [np.flatnonzero(labels == digit)[TEST_EVERY - 1 :: TEST_EVERY] for digit in range(10)]
    testing = np.isin(np.arange(len(labels)), np.concatenate(fifths))
    train = Split(images[~testing], labels[~testing])
    test = Split(images[testing], labels[testing])
    return Dataset(
        name="digits",
        title=TITLE,
        classes=tuple("0123456789"),
        train=train,
        validation=None,
        test=test,
        fingerprint={
            "dataset": TITLE,
            "source": "sklearn.datasets.load_digits",
            "pictures": {"train": len(train), "test": len(test)},
            "sha256": sha256_of_arrays(train.images, train.labels, test.images, test.labels),
        },
    )


def enlarge(image: np.ndarray) -> np.ndarray:
    """Scale an 8x8 image of 0..16 to MNIST's format: a 20x20 digit in a 28x28 frame, 0..255."""
    brightened = np.rint(image * (255 / BRIGHTEST)).astype(np.uint8)
    return np.pad(bilinear(brightened, (BOX, BOX)), MARGIN)
