"""Find pictures of cats and dogs in a zip file or a folder, however they are laid out in it.

One rule serves every layout. A file called ``cat.7.jpg`` is cat number 7, wherever it lies; a file
called otherwise takes its class from the folder it lies in (``Cat/7.jpg``, ``cats/photo7.png``) and
its number from the digits in its name. Where no name of a class has digits, the files are counted
in sorted order, from 0.
"""

import os
import re
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from chollet_cnn.data.sources import NotFound, listed, permitted, search_path
from chollet_cnn.errors import UserError

CLASSES = ("cat", "dog")
CLASS_OF_FOLDER = {"cat": "cat", "cats": "cat", "dog": "dog", "dogs": "dog"}
# "kagglecatsanddogs", "catdog" and "my-dog", but not "application" and "dogma".
CALLED_AFTER_THEM = re.compile(r"cats|dogs|cat.*dog|dog.*cat|(?<![a-z])(cat|dog)(?![a-z])")
NUMBERED_NAME = re.compile(r"(cat|dog)s?[\W_]*(\d+)\W*", re.IGNORECASE)
PICTURE_SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp"}

Stamp = tuple[int, int]


class Picture(NamedTuple):
    """Where one picture is, and which one it is.

    Attributes:
        kind: ``"cat"`` or ``"dog"``.
        number: its number among the pictures of its kind, as the book's splits count them.
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


@permitted()
def find(data_dir: str | Path | None = None) -> tuple[Path, list[Picture]]:
    """Find the first zip file or folder of the search path that holds cats and dogs.

    In a folder these are tried in turn: the folder itself, ``train.zip`` or ``train``, and then by
    name every zip file and sub-folder that is called after cats, dogs or PetImages.

    Returns:
        The zip file or folder, and its pictures.

    Raises:
        NotFound: there is none.
        UserError: a zip file is damaged or must be unzipped first, or two files claim one number.
    """
    places = search_path(data_dir)
    outer = None
    for archive in (candidate for place in places for candidate in candidates(place)):
        files = list_files(archive)
        pictures = index(archive.name, files)
        if {picture.kind for picture in pictures} == set(CLASSES):
            return archive, pictures
        if archive.is_file() and any(PurePosixPath(name).name == "train.zip" for name, _ in files):
            outer = archive
    if outer:
        raise UserError(f"{outer} holds another zip file, train.zip: unzip {outer.name} once")
    raise NotFound(
        f"no cat and dog pictures are in {listed(places)}: put train.zip of Kaggle's Dogs vs. Cats "
        "(https://www.kaggle.com/c/dogs-vs-cats/data) there, name its folder with --data-dir, or "
        "run `python -m chollet_cnn.data fetch cats-vs-dogs`"
    )


def candidates(place: Path) -> list[Path]:
    """List the zip files and folders of a place that may hold the pictures, the likeliest first."""
    if place.is_file():
        return [place]
    if not place.is_dir():
        return []
    try:
        inside = sorted(place.iterdir())
    except OSError as problem:
        raise UserError(f"cannot look into {place}: check its permissions") from problem
    likely = [path for path in inside if _sounds_right(path)]
    likely.sort(key=lambda path: path.stem.lower() != "train")  # stable: else the order of names
    return [place, *likely] if _is_picture_folder(place, inside) else likely


def _sounds_right(path: Path) -> bool:
    name = path.stem.lower()
    called_so = name in ("train", "petimages") or CALLED_AFTER_THEM.search(name)
    return bool(called_so) and (path.is_dir() or path.suffix.lower() == ".zip")


def _is_picture_folder(folder: Path, inside: list[Path]) -> bool:
    """Tell whether a folder's own files or class folders are the pictures.

    The book's small copy has its class folders one level down, in train, validation and test.
    """
    split = folder / "train"
    folders = [*inside, *(split.iterdir() if split.is_dir() else ())]
    return any(path.name.lower() in CLASS_OF_FOLDER and path.is_dir() for path in folders) or any(
        _is_picture(path.name) and NUMBERED_NAME.fullmatch(path.stem) for path in inside
    )


def index(archive: str, files: list[tuple[str, Stamp]]) -> list[Picture]:
    """Tell which cat or dog each file is; files that are neither are passed over.

    Args:
        archive: what to call the zip file or folder in an error.
        files: paths inside it, each with its stamp.

    Returns:
        The pictures by number, a cat before the dog of the same number.

    Raises:
        UserError: two files claim the same class and number, or only some of a class have numbers.
    """
    pictures = []
    for kind in CLASSES:
        own = sorted((name, stamp) for name, stamp in files if kind_of(name) == kind)
        numbers = [number_of(name) for name, _ in own]
        if all(number is None for number in numbers):
            numbers = list(range(len(own)))
        elif None in numbers:
            name = own[numbers.index(None)][0]
            raise UserError(
                f"{name} in {archive} has no number, but other {kind} pictures there have: "
                "number it, or take it away"
            )
        pictures += [
            Picture(kind, number, *file) for number, file in zip(numbers, own, strict=True)
        ]
    pictures.sort(key=lambda picture: (picture.number, picture.kind))
    for one, other in pairwise(pictures):
        if (one.kind, one.number) == (other.kind, other.number):
            raise UserError(
                f"{one.file} and {other.file} in {archive} both claim to be {one.kind} number "
                f"{one.number}: take one of them away"
            )
    return pictures


def kind_of(file: str) -> str | None:
    """Tell from a file's path whether it is a cat, a dog or neither."""
    path = PurePosixPath(file)
    if not _is_picture(path.name):
        return None
    named = NUMBERED_NAME.fullmatch(path.stem)
    return named[1].lower() if named else CLASS_OF_FOLDER.get(path.parent.name.lower())


def number_of(file: str) -> int | None:
    """Give the number in a file's name, the last one if there are several."""
    digits = re.findall(r"\d+", PurePosixPath(file).stem)
    return int(digits[-1]) if digits else None


def _is_picture(name: str) -> bool:
    # Names that begin with a dot are notes that macOS leaves beside the pictures.
    return not name.startswith(".") and PurePosixPath(name).suffix.lower() in PICTURE_SUFFIXES


def list_files(archive: Path) -> list[tuple[str, Stamp]]:
    """List the files in a zip file or folder, each with its stamp.

    Raises:
        UserError: it cannot be read, or it is no whole zip file.
    """
    if archive.is_file():
        with _open_zip(archive) as members:
            return [
                (member.filename, (member.CRC, member.file_size)) for member in members.filelist
            ]
    paths = [Path(folder, name) for folder, _, names in os.walk(archive) for name in names]
    return [
        (path.relative_to(archive).as_posix(), (status.st_size, status.st_mtime_ns))
        for path in paths
        if _is_picture(path.name) and path.is_file() and (status := path.stat())
    ]


@contextmanager
def reader(archive: Path) -> Iterator[Callable[[str], bytes]]:
    """Open a zip file or folder and give the function that reads one of its files.

    Raises:
        UserError: in that function, the disk or the system failed; nothing is said of the file.
    """
    with _open_zip(archive) if archive.is_file() else nullcontext() as members:

        def read(file: str) -> bytes:
            try:
                return members.read(file) if members else (archive / file).read_bytes()
            except OSError as problem:
                raise UserError(
                    f"cannot read {file} in {archive} ({problem.strerror or problem}): put that "
                    "right and run the same command again"
                ) from problem

        yield read


@permitted()
def _open_zip(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except PermissionError:
        raise
    except (OSError, zipfile.BadZipFile) as problem:
        raise UserError(
            f"{path} cannot be opened as a zip file: it may have been cut short, so delete it and "
            "get it again"
        ) from problem
