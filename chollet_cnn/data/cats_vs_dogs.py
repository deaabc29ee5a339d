"""Cats vs dogs: photographs of all sizes, split by the number in the file name as the book does.

Microsoft's open download and Kaggle's competition "Dogs vs. Cats" (2013) hold the same 25,000
photographs under the same numbers: ``PetImages/Cat/7.jpg`` is ``cat.7.jpg``. Either gives the split
of every edition. They were compared in two public copies, thumbnail by thumbnail: all but about 32
of 24,998 agree, and those 32 are turned by 90 degrees, blank or damaged in one of the copies. Two
files of Microsoft's download are damaged at the source, ``Cat/666.jpg`` and ``Dog/11702.jpg``, so
that its training split lacks one of the book's 2,000 pictures.

How files are decoded is described in :mod:`chollet_cnn.data.decoding`, and how a picture's class
and number are told from its path in :mod:`chollet_cnn.data.layouts`.

Source: Microsoft Research's Asirra photographs. J. Elson, J. Douceur, J. Howell and J. Saul,
"Asirra: A CAPTCHA that Exploits Interest-Aligned Manual Image Categorization" (2007).
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from itertools import chain, groupby, pairwise
from numbers import Integral
from pathlib import Path

import numpy as np

from chollet_cnn.data import Dataset, Split, book_pictures
from chollet_cnn.data.archives import find
from chollet_cnn.data.decoded import Order, decode_once
from chollet_cnn.data.download import Unreachable
from chollet_cnn.data.download import download as download_file
from chollet_cnn.data.image_cache import LeftOut
from chollet_cnn.data.layouts import CLASSES, Picture, counts_each_split, split_by_folder
from chollet_cnn.data.scaling import WAYS
from chollet_cnn.data.sources import NotFound, download_folder
from chollet_cnn.errors import UserError, notify, parameter

URL = (
    "https://download.microsoft.com/download/3/E/1/"
    "3E1C3F21-ECDB-4869-8368-6DEBA77B919F/kagglecatsanddogs_5340.zip"
)
FILE = "kagglecatsanddogs_5340.zip"
FILE_SIZE = 824_887_076
FILE_SHA256 = "b7974bd00a84a99921f36ee4403f089853777b5ae8d151c76a86e64900334af9"
DAMAGED_AT_SOURCE = ("Cat/666.jpg", "Dog/11702.jpg")

TITLE = "cats vs dogs"
FIRST_EDITION_SPLITS = {"train": (0, 1000), "validation": (1000, 1500), "test": (1500, 2000)}
# cats_and_dogs_filtered, which Google's courses use, has these numbers of each class.
GOOGLES_NUMBERS = {*range(1000), *range(2000, 2500)}

Splits = dict[str, tuple[int, int]]
Parts = dict[str, list[Picture]]


def load(
    data_dir: str | Path | None = None,
    *,
    download: bool = False,
    image_size: tuple[int, int] = (150, 150),
    resize: str = "nearest",
    splits: Splits | str = FIRST_EDITION_SPLITS,
) -> Dataset:
    """Load cats and dogs, decoded and scaled; from the second time on without decoding.

    Args:
        data_dir: a folder to look in first, or the zip file or picture folder itself.
        download: whether to download Microsoft's archive (825 MB) if nothing is found.
        image_size: ``(height, width)`` to scale every image to.
        resize: ``"nearest"`` (first edition) or ``"bilinear"`` (second and third).
        splits: for ``"train"``, ``"test"`` and perhaps ``"validation"``, the first file number and
            the one after the last, of each class; or ``"folders"``, to split as the folders train,
            validation and test do. Archives whose folders each count their own files from the
            start are always split so.

    Returns:
        Images ``(n, height, width, 3)``, mapped into memory; label 0 is a cat, 1 a dog. Within a
        split they are ordered by number, the cat before the dog. Images that are missing or cannot
        be decoded are skipped, and named in the fingerprint. The fingerprint also says whether
        the images look like the book's (``"book_pictures"``) and whether file numbers or folders
        made the split (``"split"``).

    Raises:
        NotFound: no place of the search path has the pictures.
        UserError: more than 1% of the images in the splits are missing or damaged, a place cannot
            be written, or an option makes no sense.
    """
    _check(image_size, resize, splits)
    archive, pictures = _find_or_download(data_dir, download, splits)
    counted = counts_each_split(pictures)
    by_folder = splits == "folders" or counted
    if by_folder:
        parts, missing = _select_by_folder(archive, pictures), []
    else:
        parts, missing = select(pictures, splits)
    wanted = list(chain.from_iterable(parts.values()))
    total = len(wanted) + len(missing)
    most_skipped = _most_skipped(total)
    if len(missing) > most_skipped:
        raise _incomplete(archive, pictures, missing, total)
    order = Order(wanted, tuple(image_size), resize)
    check = partial(_check_damaged, archive, most_skipped, len(missing))
    images, index = decode_once(archive, order, check)
    left_out = [
        {"file": f"{kind} number {number}", "why": "there is no such file"}
        for kind, number in missing
    ] + index.left_out
    if by_folder:
        _say_that_folders_split(archive, parts)
    if left_out:
        _say_what_is_skipped(archive, left_out, total)
    kept = [wanted[place] for place in index.kept]
    bounds = np.searchsorted(index.kept, np.cumsum([0, *map(len, parts.values())]))
    if by_folder:
        for name, (begin, end) in zip(parts, pairwise(bounds), strict=True):
            _check_classes(archive, name, kept[begin:end], " that can be read")
    images_of = {
        name: _as_split(images[begin:end], kept[begin:end])
        for name, (begin, end) in zip(parts, pairwise(bounds), strict=True)
    }
    numbers = [picture.number for picture in wanted] + [number for _, number in missing]
    sizes = "of various sizes" if index.source_size == "various" else f"all {index.source_size}"
    note = f"source pictures are {sizes}"
    books = {
        "match": 0 if counted else book_pictures.count_in_images(kept, images),
        "of": 0 if counted else sum(number < book_pictures.COUNT for number in numbers),
    }
    if books["match"] < book_pictures.ENOUGH * books["of"]:
        notify(f"{archive.name}: {book_pictures.describe(**books)}")
    return Dataset(
        name="cats-vs-dogs",
        title=TITLE,
        classes=CLASSES,
        train=images_of["train"],
        validation=images_of.get("validation"),
        test=images_of["test"],
        fingerprint={
            "dataset": TITLE,
            "source": archive.name,
            "pictures": {name: len(part) for name, part in images_of.items()},
            "sha256": index.sha256,
            "size": list(order.size),
            "resize": order.resize,
            "source_size": index.source_size,
            "note": f"split by folder, not by the book's numbers; {note}" if by_folder else note,
            "left_out": left_out,
            "split": "folders" if by_folder else "numbers",
            "book_pictures": books,
        },
    )


def _check(image_size: tuple[int, int], resize: str, splits: Splits | str) -> None:
    if not (_are_two_numbers(image_size) and min(image_size) >= 1):
        raise UserError(f"cannot scale images to {image_size!r}: give two numbers from 1 up")
    if resize not in WAYS:
        raise UserError(f"unknown resize method {resize!r}; choose one of {', '.join(WAYS)}")
    if splits == "folders":
        return
    if not isinstance(splits, Mapping) or not (
        {"train", "test"} <= set(splits) <= {"train", "validation", "test"}
    ):
        raise UserError("the splits must be train, test and, optionally, validation, or 'folders'")
    ranges = list(splits.values())
    if not all(_are_two_numbers(pair) and 0 <= pair[0] < pair[1] for pair in ranges):
        raise UserError("each split needs a first file number and, above it, one to stop before")
    if any(stop > start for (_, stop), (start, _) in pairwise(sorted(map(tuple, ranges)))):
        raise UserError("two splits share images: a test image must not be trained on")


def _are_two_numbers(pair: object) -> bool:
    return (
        isinstance(pair, Sequence)
        and len(pair) == 2
        and all(isinstance(number, Integral) for number in pair)
    )


def _find_or_download(
    data_dir: str | Path | None, download: bool, splits: Splits | str
) -> tuple[Path, list[Picture]]:
    """Find pictures that the splits ask for, or where there are none, pictures that folders split.

    What is split by folders passes for the book's split only where nothing else is there.
    """
    try:
        if splits == "folders":
            return find(data_dir, split_by_folder)
        return find(data_dir, partial(_suffice, splits=splits), _split_themselves)
    except NotFound:
        if not download:
            raise
    try:
        return find(fetch(download_folder(data_dir)))
    except Unreachable as problem:
        raise NotFound(f"cat and dog pictures were not found, and {problem}") from problem


def _split_themselves(pictures: list[Picture]) -> bool:
    """Tell whether folders split pictures whose numbers do not, since each split has its own."""
    return counts_each_split(pictures) and split_by_folder(pictures) is not None


def _suffice(pictures: list[Picture], splits: Splits) -> bool:
    """Tell whether pictures can be split by their numbers as wanted."""
    if counts_each_split(pictures):
        return False
    parts, missing = select(pictures, splits)
    return len(missing) <= _most_skipped(sum(map(len, parts.values())) + len(missing))


def _most_skipped(total: int) -> int:
    """Return how many images may be missing or damaged, 1% of them."""
    return total // 100


def select(pictures: list[Picture], splits: Splits) -> tuple[Parts, list[tuple[str, int]]]:
    """Pick the pictures that the splits ask for, in order, and list those that are not there.

    Returns:
        The pictures of each split, by number, the cat before the dog; and the class and number of
        each one that is missing.
    """
    known = {(picture.kind, picture.number): picture for picture in pictures}
    parts, missing = {}, []
    for name, (start, stop) in splits.items():
        parts[name] = []
        for number in range(start, stop):
            for kind in CLASSES:
                if picture := known.get((kind, number)):
                    parts[name].append(picture)
                else:
                    missing.append((kind, number))
    return parts, missing


def _select_by_folder(archive: Path, pictures: list[Picture]) -> Parts:
    parts = split_by_folder(pictures)
    if parts is None:
        raise UserError(
            f"{archive} has no folder called train beside one called validation or test: omit "
            f"{parameter('splits')} to split it by the numbers of its files"
        )
    for split, chosen in parts.items():
        _check_classes(archive, split, chosen)
    return parts


def _check_classes(archive: Path, split: str, pictures: Iterable[Picture], that: str = "") -> None:
    """Refuse a split without one of the classes."""
    if absent := set(CLASSES) - {picture.kind for picture in pictures}:
        raise UserError(
            f"the folders of {archive} leave no {' and no '.join(sorted(absent))} in {split}{that}"
            ": put images of both classes into each split, five or more of each into train"
        )


def _incomplete(
    archive: Path, pictures: list[Picture], missing: list[tuple[str, int]], total: int
) -> UserError:
    """Explain that numbers are missing, and what can be trained with those that are there."""
    numbers = [{p.number for p in pictures if p.kind == kind} for kind in CLASSES]
    lacks = (
        f"{archive} lacks {len(missing):,} of the {total:,} images to train, validate and test on "
        "(the first is {} number {})".format(*missing[0])
    )
    if numbers == [GOOGLES_NUMBERS] * len(CLASSES):
        lacks = (
            f"{archive} is Google's cats_and_dogs_filtered, which by design has numbers 0-999 and "
            "2000-2499 of each class only, so the book's split cannot be made from it"
        )
    else:
        lacks += f": it has {_write_ranges(numbers[0] & numbers[1])} of both classes"
    instead = "to train on what is there, give a recipe of your own other ranges"
    if split_by_folder(pictures):
        instead = f"to train on its folders' own split, use {parameter('splits')}='folders'"
    return UserError(
        f"{lacks}: for the book's split run `python -m chollet_cnn.data fetch cats-vs-dogs` and "
        f"omit the {parameter('data_dir')}; {instead}"
    )


def _check_damaged(archive: Path, most: int, missing: int, damaged: list[LeftOut]) -> None:
    """Refuse an archive of which more images than ``most`` are missing or cannot be decoded."""
    if missing + len(damaged) <= most:
        return
    too = f"; {missing:,} more are missing" if missing else ""
    mend = "replace or remove these" if archive.is_dir() else "delete it and get it again"
    raise UserError(
        f"{archive} is damaged: more than 1% of the images that the splits ask for cannot be used "
        f"(the first is {damaged[0]['file']}: {damaged[0]['why']}{too}), so {mend}"
    )


def _write_ranges(numbers: set[int]) -> str:
    """Write numbers as ``0-999 and 2000-2499``; of more than three ranges, the first three."""
    runs = [
        [number for _, number in run]
        for _, run in groupby(enumerate(sorted(numbers)), lambda pair: pair[1] - pair[0])
    ]
    words = [f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs]
    if not words:
        return "no number"
    if len(words) > 3:
        return f"numbers {', '.join(words[:3])} and others"
    return f"numbers {' and '.join(words)}"


def _say_that_folders_split(archive: Path, parts: Parts) -> None:
    counts = ", ".join(f"{len(part):,} {name}" for name, part in parts.items())
    notify(
        f"{archive.name} is split by its folders ({counts}), not by the book's file numbers, so "
        "its results cannot be compared with the book's"
    )


def _say_what_is_skipped(archive: Path, left_out: list[LeftOut], total: int) -> None:
    names = [entry["file"] for entry in left_out]
    damaged = [name for name in names if name.endswith(DAMAGED_AT_SOURCE)]
    notify(
        f"skipped {len(names)} of {total:,} images in {archive.name}: {', '.join(names)}"
        + "".join(f" ({name} is damaged in Microsoft's own archive)" for name in damaged)
    )


def _as_split(images: np.ndarray, pictures: list[Picture]) -> Split:
    return Split(
        images=images,
        labels=np.array([CLASSES.index(picture.kind) for picture in pictures], dtype=np.int64),
        names=tuple(picture.name for picture in pictures),
    )


def fetch(folder: Path) -> Path:
    """Download Microsoft's archive (825 MB) into a folder, or resume a download.

    Raises:
        Unreachable: the network or the server failed; the next call goes on from there.
        UserError: the folder cannot be written.
    """
    return download_file(URL, folder / FILE, FILE_SIZE, FILE_SHA256)
