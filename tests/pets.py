"""Small archives of cats and dogs in every layout, and what must come out of them."""

import io
import zipfile
from functools import cache
from itertools import product

import numpy as np
from PIL import Image

from chollet_cnn.data import cats_vs_dogs

SPLITS = {"train": (0, 4), "validation": (4, 6), "test": (6, 8)}
COUNT = 8
SIZE = (6, 5)


@cache
def jpeg(kind, number, size=(16, 12)):
    """Make a grey JPEG that tells which one it is: cats are dark, dogs are light."""
    level = (20 if kind == "cat" else 140) + 10 * (number % COUNT)
    buffer = io.BytesIO()
    Image.new("RGB", size, (level,) * 3).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def pictures(pattern, numbers=range(COUNT), size=(16, 12), first=0, **names):
    """Make cats and dogs whose paths follow a pattern such as ``{kind}.{number}.jpg``.

    Args:
        pattern: also of ``{Kind}``, ``{letter}`` and ``names``.
        numbers: which ones are shown.
        first: what to add to them in the paths.
    """
    return {
        pattern.format(
            kind=kind, Kind=kind.capitalize(), letter=chr(ord("a") + number % 26),
            number=number + first, **names,
        ): jpeg(kind, number, size)
        for kind, number in product(("cat", "dog"), numbers)
    }  # fmt: skip


def noisy_pets(folder, count, size):
    """Write dark noise as cats and light noise as dogs, which a network tells apart at once."""
    random = np.random.default_rng(0)
    for number in range(count):
        for kind, level in (("cat", 90), ("dog", 160)):
            pixels = random.normal(level, 40, (*size, 3)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / f"{kind}.{number}.jpg")


def split_pictures(pattern, folders=tuple(SPLITS)):
    """Make pictures in folders that each count their own from 1."""
    files = {}
    for folder, (start, stop) in zip(folders, SPLITS.values(), strict=True):
        files |= pictures(pattern, range(start, stop), first=1 - start, split=folder)
    return files


def zipped(files, method=zipfile.ZIP_STORED):
    """Return the bytes of a zip file with these files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def put_folder(folder, files):
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def put_zip(path, files):
    path.write_bytes(zipped(files))
    return path


def small(where, **options):
    return cats_vs_dogs.load(where, **{"image_size": SIZE, "splits": SPLITS, **options})


def levels(split):
    return np.rint(split.images.mean(axis=(1, 2, 3)) / 10).astype(int).tolist()


def assert_is_whole(dataset):
    """Check the pictures by their grey levels, which only the right file has."""
    assert levels(dataset.train) == [2, 14, 3, 15, 4, 16, 5, 17]
    assert levels(dataset.validation) == [6, 18, 7, 19]
    assert levels(dataset.test) == [8, 20, 9, 21]
    assert dataset.test.labels.tolist() == [0, 1, 0, 1]


KAGGLE = pictures("train/{kind}.{number}.jpg")
MICROSOFT = pictures("PetImages/{Kind}/{number}.jpg")
FLAT = pictures("{kind}.{number}.jpg")
