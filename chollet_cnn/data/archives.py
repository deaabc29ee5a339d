"""Find pictures of cats and dogs on this machine, in a zip file or folder of any name and layout.

What is in a file decides, not what it is called; names only decide what is tried first.
"""

import re
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path, PurePosixPath

from chollet_cnn.data.containers import list_files, zip_files_below
from chollet_cnn.data.layouts import (
    CLASS_WORDS,
    CLASSES,
    NUMBERED_NAME,
    Picture,
    index,
    is_picture,
    split_of_folder,
)
from chollet_cnn.data.sources import NotFound, listed, permitted, search_path
from chollet_cnn.data.zip_files import is_zip
from chollet_cnn.errors import UserError, parameter

# "kagglecatsanddogs", "catdog" and "my-dog", but not "application" and "dogma".
CALLED_AFTER_THEM = re.compile(r"cats|dogs|cat.*dog|dog.*cat|(?<![a-z])(cat|dog)(?![a-z])")
# How Kaggle names the download of any data set, and browsers the second one.
KAGGLE_DOWNLOAD = re.compile(r"archive *(\([0-9]+\))?")


@permitted()
def find(
    data_dir: str | Path | None = None,
    enough: Callable[[list[Picture]], bool] = lambda _: True,
    usable: Callable[[list[Picture]], bool] = lambda _: False,
) -> tuple[Path, list[Picture]]:
    """Find the first zip file or folder of the search path that holds cats and dogs.

    In a folder these are tried in turn: the folder itself, ``train.zip`` or ``train``, by name
    every zip file and sub-folder that is called after cats, dogs or PetImages, Kaggle's
    ``archive.zip``, every other zip file, everything below the folder together, and every zip file
    below it.

    Args:
        data_dir: a folder to look in first, or the zip file or picture folder itself.
        enough: tells whether these are all the pictures that are needed. Where a place has no such
            zip file or folder, the first one in it is taken.
        usable: tells whether pictures that are not the wanted ones can be used in their place.

    Returns:
        The zip file or folder, and its pictures.

    Raises:
        NotFound: there is none.
        UserError: a zip file that was named, or that is called as one of these is, is damaged,
            encrypted or cannot be read, and nothing else in its place is enough; or two files
            claim one number.
    """
    places = search_path(data_dir)
    passed_over = []  # what is wrong with zip files that may hold anything
    for place in places:
        first = second_choice = broken = None
        likely = candidates(place)
        for archive in chain(likely, _everything_else(place) if place.is_dir() else ()):
            try:
                pictures = _pictures_in(archive)
            except UserError as problem:
                if archive in likely and not first:
                    broken = broken or problem
                passed_over.append(str(problem))
                continue
            if pictures and enough(pictures):
                return archive, pictures
            first = first or (pictures and (archive, pictures))
            if pictures and not second_choice and usable(pictures):
                second_choice = archive, pictures
        if second_choice:
            return second_choice
        if broken:
            raise broken
        if first:
            return first
        if _is_class_folder(place):
            passed_over.append(f"{place} is of one class only: name the folder above it")
    raise NotFound(
        f"no cat and dog pictures are in {listed(places)}: run `python -m chollet_cnn.data fetch "
        "cats-vs-dogs`, put train.zip of Kaggle's Dogs vs. Cats "
        "(https://www.kaggle.com/c/dogs-vs-cats/data) there, or name its folder with "
        + parameter("data_dir")
        + "".join(f"; note that {problem}" for problem in passed_over[:1])
    )


def _pictures_in(archive: Path) -> list[Picture] | None:
    """Return the pictures in a zip file or folder, or ``None`` if it does not hold both classes.

    Raises:
        UserError: also if it holds none, but a zip file in it that cannot be opened.
    """
    files = list_files(archive, is_picture)
    pictures = index(archive.name, files)
    if {picture.kind for picture in pictures} == set(CLASSES):
        return pictures
    closed = [file for file, _ in files if is_zip(PurePosixPath(file).name)]
    if closed and archive.is_file():
        raise UserError(
            f"{closed[0]} inside {archive} cannot be opened as a zip file: unzip {archive.name} "
            "yourself and name the folder, or get it again if that fails"
        )
    return None


def candidates(place: Path) -> list[Path]:
    """List the zip files and folders of a place that may hold the pictures, the likeliest first."""
    if place.is_file():
        return [place]
    if not place.is_dir():
        return []
    inside = sorted(place.iterdir())
    likely = [path for path in inside if _sounds_right(path)]
    likely.sort(key=lambda path: _turn(path.stem.lower()))  # stable: else the order of names
    return [place, *likely] if _is_picture_folder(place, inside) else likely


def _sounds_right(path: Path) -> bool:
    name = path.stem.lower()
    called_so = _turn(name) != 1 or name == "petimages" or CALLED_AFTER_THEM.search(name)
    return bool(called_so) and (path.is_dir() or path.suffix.lower() == ".zip")


def _turn(name: str) -> int:
    return 0 if name == "train" else 2 if KAGGLE_DOWNLOAD.fullmatch(name) else 1


def _is_picture_folder(folder: Path, inside: list[Path]) -> bool:
    """Tell whether a folder's own files or class folders are the pictures, or those of its splits.

    The book's small copy has its class folders one level down, in train, validation and test.
    """
    if any(map(_is_class_folder, inside)) or any(map(_is_numbered_picture, inside)):
        return True
    splits = {path: split_of_folder(path.name) for path in inside if path.is_dir()}
    contents = {path: sorted(path.iterdir()) for path, split in splits.items() if split}
    in_classes = [path for path, files in contents.items() if any(map(_is_class_folder, files))]
    numbered = [path for path, files in contents.items() if any(map(_is_numbered_picture, files))]
    return len({*in_classes, *numbered}) > 1 or "train" in map(splits.get, in_classes)


def _is_class_folder(path: Path) -> bool:
    return path.name.lower() in CLASS_WORDS and path.is_dir()


def _is_numbered_picture(path: Path) -> bool:
    return is_picture(path.name) and bool(NUMBERED_NAME.fullmatch(path.stem))


def _everything_else(place: Path) -> Iterator[Path]:
    """Yield what may hold the pictures although its name does not say so."""
    zips = zip_files_below(place)
    above = [path for path in zips if path.parent == place]
    yield from above
    yield place
    yield from zips[len(above) :]
