"""Tell which cat or dog a file is, and which split it belongs to, however the files are laid out.

One rule serves every layout. A file called ``cat.7.jpg`` is cat number 7, wherever it is; a file
called otherwise takes its class from the nearest folder above it whose name mentions one
(``Cat/7.jpg``, ``photos of cats/7.png``), or else from its own name (``image_cat_7.jpg``), and its
number from the digits in its name. A folder that mentions both classes tells nothing. Where no name
of a class has digits, the files are counted in sorted order, from 0. Where each of the folders
train, validation and test counts its own files from the start, the folders make the split.
"""

import re
from collections import defaultdict
from collections.abc import Collection
from itertools import count, pairwise
from pathlib import PurePosixPath
from typing import NamedTuple

from chollet_cnn.data.containers import Stamp
from chollet_cnn.errors import UserError

CLASSES = ("cat", "dog")
CLASS_WORDS = {"cat": "cat", "cats": "cat", "dog": "dog", "dogs": "dog"}
SPLIT_WORDS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "dev"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}
WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")
NUMBERED_NAME = re.compile(r"(cat|dog)s?[\W_]*([0-9]{1,18})\W*", re.IGNORECASE)
NUMBER = re.compile(r"(?<![0-9])[0-9]{1,18}(?![0-9])")
PICTURE_SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff"),
)
VALIDATION_SHARE = 5  # one in five training images, where the folders make no validation split


class Picture(NamedTuple):
    """Where one picture is, and which one it is.

    Attributes:
        kind: its class, ``"cat"`` or ``"dog"``.
        number: its number among the pictures of its class, as the book's splits count them.
        file: its path inside the zip file or folder.
        stamp: two numbers that change when the file does (CRC and size; or size and time).
    """

    kind: str
    number: int
    file: str
    stamp: Stamp

    @property
    def name(self) -> str:
        """What figures call it: ``cat.7.jpg``, or ``Cat/7.jpg`` if only its folder says cat."""
        path = PurePosixPath(self.file)
        return path.name if NUMBERED_NAME.fullmatch(path.stem) else "/".join(path.parts[-2:])


def is_picture(name: str, suffixes: Collection[str] = PICTURE_SUFFIXES) -> bool:
    """Tell from a file's name whether it is a picture; macOS's notes about one are not."""
    return not name.startswith(".") and PurePosixPath(name).suffix.lower() in suffixes


def class_of(file: str) -> str | None:
    """Tell from a file's path whether it is a cat, a dog or neither."""
    path = PurePosixPath(file)
    if not is_picture(path.name):
        return None
    if named := NUMBERED_NAME.fullmatch(path.stem):
        return named[1].lower()
    folders = filter(None, (_mentioned(f, CLASS_WORDS) for f in reversed(path.parts[:-1])))
    found = next(folders, set())
    if len(found) != 1 and number_of(file) is not None:
        found = _mentioned(path.stem, CLASS_WORDS)
    return found.pop() if len(found) == 1 else None


def split_of(file: str) -> str | None:
    """Tell from a file's path which split's folder it is in, if any; ``train.zip`` counts too."""
    splits = (split_of_folder(folder) for folder in reversed(PurePosixPath(file).parts[:-1]))
    return next(filter(None, splits), None)


def split_of_folder(folder: str) -> str | None:
    """Tell from a folder's name which split it holds, if one."""
    found = _mentioned(folder, SPLIT_WORDS)
    return found.pop() if len(found) == 1 else None


def _mentioned(text: str, words: dict[str, str]) -> set[str]:
    """Return the classes or splits that a name mentions."""
    return {words[word.lower()] for word in WORD.findall(text) if word.lower() in words}


def number_of(file: str) -> int | None:
    """Return the number in a file's name, the last one if there are several."""
    numbers = NUMBER.findall(PurePosixPath(file).stem)
    return int(numbers[-1]) if numbers else None


def index(archive: str, files: list[tuple[str, Stamp]]) -> list[Picture]:
    """Tell which cat or dog each file is; files that are neither are skipped.

    Where the files contradict each other because there are several collections of pictures, side
    by side or one below the other, the largest collection that agrees with itself is taken.

    Args:
        archive: what to call the zip file or folder in an error.
        files: paths inside it, each with its stamp.

    Returns:
        The pictures by number, a cat before the dog of the same number.

    Raises:
        UserError: two files claim the same class and number, or only some of a class have numbers.
    """
    files = [(path, stamp) for path, stamp in files if class_of(path)]
    try:
        return _index_collection(archive, files)
    except UserError:
        collections = defaultdict(list)
        for path, stamp in files:
            collections[_collection_of(path)].append((path, stamp))
        for _, own in sorted(collections.items(), key=lambda item: (-len(item[1]), item[0])):
            try:
                pictures = _index_collection(archive, own)
            except UserError:
                continue
            if {picture.kind for picture in pictures} == set(CLASSES):
                return pictures
        raise


def _collection_of(file: str) -> str:
    """Return the path above a picture's folders that are named after a class or a split."""
    folders = list(PurePosixPath(file).parts[:-1])
    named = [place for place, folder in enumerate(folders) if _mentioned(folder, CLASS_WORDS)]
    folders = folders[: named[-1]] if named else folders
    while folders and split_of_folder(folders[-1]):
        folders.pop()
    return "/".join(folders)


def _index_collection(archive: str, files: list[tuple[str, Stamp]]) -> list[Picture]:
    pictures = []
    for kind in CLASSES:
        own = sorted((path, stamp) for path, stamp in files if class_of(path) == kind)
        splits = [split_of(path) for path, _ in own]
        numbers = [number_of(path) for path, _ in own]
        distinct = None not in numbers and len({*zip(splits, numbers, strict=True)}) == len(own)
        if set(numbers) == {None} or (_make_splits(splits) and not distinct):
            counters = defaultdict(count)  # from 0 in each split
            numbers = [next(counters[split]) for split in splits]
        elif None in numbers:
            name = own[numbers.index(None)][0]
            raise UserError(
                f"{name} in {archive} has no number, but other {kind} images there have one: "
                "add a number to its name, or remove it"
            )
        pictures += [
            Picture(kind, number, *file) for number, file in zip(numbers, own, strict=True)
        ]
    pictures.sort(key=lambda picture: (picture.number, picture.kind))
    if same := _two_of_one_number(pictures):
        places = {(split_of(picture.file), picture.kind, picture.number) for picture in pictures}
        if len(places) < len(pictures) or not _make_splits([split for split, _, _ in places]):
            raise _both_claim(archive, pictures, *same)
    return pictures


def _make_splits(splits: list[str | None]) -> bool:
    """Tell whether the folders of pictures make splits: all are in one, some of them in train."""
    return None not in splits and {"train"} < set(splits)


def _two_of_one_number(pictures: list[Picture]) -> tuple[Picture, Picture] | None:
    pairs = pairwise(pictures)
    return next(((one, other) for one, other in pairs if one[:2] == other[:2]), None)


def counts_each_split(pictures: list[Picture]) -> bool:
    """Tell whether a number occurs twice in a class, so that only folders can make the split."""
    return _two_of_one_number(pictures) is not None


def _both_claim(archive: str, pictures: list[Picture], one: Picture, other: Picture) -> UserError:
    splits = {split_of(picture.file) for picture in pictures}
    if {None, "train"} < splits:
        stray = next(picture.file for picture in pictures if split_of(picture.file) is None)
        return UserError(
            f"{stray} in {archive} is in no split's folder, though other images are: move it into "
            f"one, or out of {archive}"
        )
    return UserError(
        f"{one.file} and {other.file} in {archive} both claim to be {one.kind} number "
        f"{one.number}: rename or move one of them"
    )


def split_by_folder(pictures: list[Picture]) -> dict[str, list[Picture]] | None:
    """Split pictures as their folders do.

    Where the folders make two splits only, the one that is not train is the test split, and the
    last fifth of each class in train, by number, is the validation split.

    Args:
        pictures: as :func:`index` returns them.

    Returns:
        The pictures of ``"train"``, ``"validation"`` and ``"test"``; ``None`` if the folders do
        not make at least two splits, one of them train.
    """
    parts = defaultdict(list)
    for picture in pictures:
        parts[split_of(picture.file)].append(picture)
    train, validation, test = (parts[name] for name in ("train", "validation", "test"))
    if not train or not (validation or test):
        return None
    if not (validation and test):
        validation, test = [], validation or test
        for kind in CLASSES:
            own = [picture for picture in train if picture.kind == kind]
            validation += own[len(own) - len(own) // VALIDATION_SHARE :]
        validation.sort(key=lambda picture: (picture.number, picture.kind))
        held_out = set(validation)
        train = [picture for picture in train if picture not in held_out]
    return {"train": train, "validation": validation, "test": test}
