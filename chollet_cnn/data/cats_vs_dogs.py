"""Cats vs dogs: photographs of all sizes, split by the number in the file name as the book does.

Source: Microsoft Research's Asirra pictures, as Kaggle's competition "Dogs vs. Cats" (2013) gave
them out (``cat.0.jpg`` ... ``dog.12499.jpg``), or as Microsoft does (``PetImages/Cat/0.jpg`` ...).
Microsoft numbers them otherwise, so the book's own pictures are Kaggle's.
"""

import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from chollet_cnn.data import Dataset, Split
from chollet_cnn.data.archives import CLASSES, Picture, find
from chollet_cnn.data.decoded import Index, Order, decode_once, too_many_left_out
from chollet_cnn.data.download import download
from chollet_cnn.data.scaling import WAYS
from chollet_cnn.errors import UserError

URL = (
    "https://download.microsoft.com/download/3/E/1/"
    "3E1C3F21-ECDB-4869-8368-6DEBA77B919F/kagglecatsanddogs_5340.zip"
)
FILE = "kagglecatsanddogs_5340.zip"
FILE_SIZE = 824_887_076
FILE_SHA256 = "b7974bd00a84a99921f36ee4403f089853777b5ae8d151c76a86e64900334af9"

TITLE = "cats vs dogs"
FIRST_EDITION_SPLITS = {"train": (0, 1000), "validation": (1000, 1500), "test": (1500, 2000)}

Splits = dict[str, tuple[int, int]]


def load(
    data_dir: str | Path | None = None,
    *,
    image_size: tuple[int, int] = (150, 150),
    resize: str = "nearest",
    splits: Splits = FIRST_EDITION_SPLITS,
) -> Dataset:
    """Load cats and dogs, decoded and scaled; the second time they are there at once.

    Args:
        data_dir: a folder to look in first, or the zip file or picture folder itself.
        image_size: ``(height, width)`` to scale every picture to.
        resize: ``"nearest"`` (first edition) or ``"bilinear"`` (second and third).
        splits: for ``"train"``, ``"test"`` and perhaps ``"validation"``, the first file number and
            the one after the last, of each class.

    Returns:
        Pictures ``(n, height, width, 3)``, mapped into memory; label 0 is a cat, 1 a dog. Within a
        split they are ordered by number, the cat before the dog. Pictures that are missing or
        cannot be decoded are left out, and named in the fingerprint.

    Raises:
        NotFound: no place of the search path has the pictures.
        UserError: the pictures are damaged, more than 1% of those that are wanted are left out, a
            place cannot be written, or an option makes no sense.
    """
    _check(image_size, resize, splits)
    archive, pictures = find(data_dir)
    wanted, missing = select(pictures, splits)
    total = len(wanted) + len(missing)
    most_left_out = total // 100  # more than 1% is too many
    if len(missing) > most_left_out:
        raise too_many_left_out(archive, missing)
    order = Order(wanted, tuple(image_size), resize)
    images, index = decode_once(archive, order, most_left_out - len(missing))
    left_out = missing + index.left_out
    if left_out:
        names = ", ".join(entry["file"] for entry in left_out)
        count = f"{len(left_out)} of {total:,} pictures"
        print(f"left out {count} in {archive.name}: {names}", file=sys.stderr)
    parts = _split(images, [wanted[place] for place in index.kept], splits)
    return Dataset(
        name="cats-vs-dogs",
        title=TITLE,
        classes=CLASSES,
        train=parts["train"],
        validation=parts.get("validation"),
        test=parts["test"],
        fingerprint={
            "dataset": TITLE,
            "source": archive.name,
            "pictures": {name: len(part) for name, part in parts.items()},
            **_how_it_was_made(order, index),
            "left_out": left_out,
        },
    )


def _how_it_was_made(order: Order, index: Index) -> dict[str, Any]:
    sizes = "of various sizes" if index.source_size == "various" else f"all {index.source_size}"
    return {
        "sha256": index.sha256,
        "size": list(order.size),
        "resize": order.resize,
        "source_size": index.source_size,
        "note": f"source pictures are {sizes}",
    }


def _check(image_size: tuple[int, int], resize: str, splits: Splits) -> None:
    if min(image_size) < 1:
        raise UserError(f"pictures cannot be scaled to {image_size}: give two numbers from 1 up")
    if resize not in WAYS:
        raise UserError(f"there is no resize {resize!r}: choose one of {', '.join(WAYS)}")
    if not {"train", "test"} <= set(splits) <= {"train", "validation", "test"}:
        raise UserError("the splits must be train, test and, if you like, validation")
    ranges = sorted(splits.values())
    if any(not 0 <= start < stop for start, stop in ranges):
        raise UserError("each split needs a first file number and, above it, one to stop before")
    if any(stop > start for (_, stop), (start, _) in pairwise(ranges)):
        raise UserError("two splits share pictures: a test picture must not be learnt from")


def select(pictures: list[Picture], splits: Splits) -> tuple[list[Picture], list[dict[str, str]]]:
    """Pick the pictures that the splits ask for, in order, and list those that are not there.

    Returns:
        The pictures, split after split, by number, the cat before the dog; and
        ``{"file": ..., "why": ...}`` for each one that is missing.
    """
    known = {(picture.kind, picture.number): picture for picture in pictures}
    wanted, missing = [], []
    for start, stop in splits.values():
        for number in range(start, stop):
            for kind in CLASSES:
                if picture := known.get((kind, number)):
                    wanted.append(picture)
                else:
                    missing.append(
                        {"file": f"{kind} number {number}", "why": "there is no such file"}
                    )
    return wanted, missing


def _split(images: np.ndarray, pictures: list[Picture], splits: Splits) -> dict[str, Split]:
    """Cut the pictures, which stand split after split, into the splits."""
    parts, begin = {}, 0
    for name, (start, stop) in splits.items():
        own = [picture for picture in pictures if start <= picture.number < stop]
        end = begin + len(own)
        parts[name] = Split(
            images=images[begin:end],
            labels=np.array([CLASSES.index(picture.kind) for picture in own], dtype=np.int64),
            names=tuple(picture.name for picture in own),
        )
        begin = end
    return parts


def fetch(folder: Path) -> Path:
    """Download Microsoft's archive (825 MB) into a folder, or go on with a download.

    Raises:
        Unreachable: the network or the server failed; the next call goes on from there.
        UserError: the folder cannot be written.
    """
    return download(URL, folder / FILE, FILE_SIZE, FILE_SHA256)
