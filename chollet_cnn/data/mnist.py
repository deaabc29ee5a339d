"""MNIST: 60,000 handwritten digits to train on and 10,000 to test on, 28x28 grey pixels.

The arrays are recognised by their SHA-256, not the files by theirs, since the same digits come in
many containers: Keras's ``mnist.npz``, the four IDX files of the original distribution, packed or
not, and zip files and folders with either in them.

Source: Y. LeCun, C. Cortes and C. Burges, "The MNIST database of handwritten digits".
"""

from pathlib import Path

import numpy as np

from chollet_cnn.data import Dataset, Split
from chollet_cnn.data.containers import list_files, reader, zip_files_below
from chollet_cnn.data.download import Unreachable
from chollet_cnn.data.download import download as download_file
from chollet_cnn.data.mnist_files import (
    IDX_FILES,
    LARGEST_FILE,
    Arrays,
    Damaged,
    array_in,
    may_hold_arrays,
    read_arrays,
)
from chollet_cnn.data.sources import (
    NotFound,
    download_folder,
    listed,
    permitted,
    search_path,
    sha256_of_arrays,
)
from chollet_cnn.data.zip_files import ZIP_ERRORS, is_zip
from chollet_cnn.errors import UserError, parameter

URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz"
FILE = "mnist.npz"
FILE_SIZE = 11_490_434
FILE_SHA256 = "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"

ARRAY_SHA256 = {
    "x_train": "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757",
    "y_train": "1feba77c54802fa5339a11837ea4b2866434b83314ec45192930f1df69120c13",
    "x_test": "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161",
    "y_test": "ddeff807876a9661a1110d45c266c86239a3a1b7d37da0c3716a7a683c852ff5",
}
# torchvision puts the files into MNIST/raw.
SUB_FOLDERS = ("", "mnist", "MNIST", "MNIST/raw", "raw")


def load(data_dir: str | Path | None = None, *, download: bool = True) -> Dataset:
    """Load MNIST from this machine, or download it if it is not there.

    Args:
        data_dir: a folder to look in first and to download into, or the file itself.
        download: whether to download what is not found.

    Returns:
        Images ``(n, 28, 28, 1)``, light ink (255) on a dark background (0); no validation split.

    Raises:
        NotFound: it is not on this machine and cannot be downloaded.
        UserError: a file is there but damaged, or a place cannot be written.
    """
    files = find(data_dir) or (_fetch_or_explain(data_dir, download),)
    arrays = read(files)
    source = files[0].name if len(files) == 1 else files[0].parent.name
    train, test = (
        Split(arrays[f"x_{part}"][..., np.newaxis], arrays[f"y_{part}"].astype(np.int64))
        for part in ("train", "test")
    )
    return Dataset(
        name="mnist",
        title="MNIST",
        classes=tuple("0123456789"),
        train=train,
        validation=None,
        test=test,
        fingerprint={
            "dataset": "MNIST",
            "source": source,
            "pictures": {"train": len(train), "test": len(test)},
            "sha256": sha256_of_arrays(*(arrays[name] for name in ARRAY_SHA256)),
        },
    )


@permitted()
def find(data_dir: str | Path | None = None) -> tuple[Path, ...]:
    """Look for MNIST on the search path.

    Returns:
        ``mnist.npz`` alone; the four IDX files; or a zip file or folder that holds them anywhere.
        ``()`` if no place of the search path has them.

    Raises:
        UserError: a folder holds some of MNIST's arrays but not all.
    """
    for place in search_path(data_dir):
        if files := find_in(place):
            return files
    return ()


def find_in(place: Path) -> tuple[Path, ...]:
    """Look for MNIST's files in and below one folder, or take the file that was named instead.

    One of the IDX files, or the folder of one, stands for the folder above it.
    """
    if array_in(place.name):
        place = place.absolute().parent
    if place.is_file():
        return (place,) if may_hold_arrays(place.name) or _may_hold_mnist(place) else ()
    for folder in (place / name for name in SUB_FOLDERS):
        if (folder / FILE).is_file():
            return (folder / FILE,)
        if len(files := _idx_files(folder)) == len(IDX_FILES):
            return files
    return _find_by_content(place) if place.is_dir() else ()


def _may_hold_mnist(place: Path) -> bool:
    """Tell whether a zip file that was named has arrays, or cannot be opened to see."""
    if not is_zip(place.name):
        return False
    try:
        return bool(_files_in(place))
    except UserError:
        return True  # reading it will say what is wrong


def _idx_files(folder: Path) -> tuple[Path, ...]:
    found = {
        name: path
        for name in IDX_FILES.values()
        for spelling in (name, name.replace("-idx", ".idx"))
        for path in (folder / f"{spelling}.gz", folder / spelling)
        if path.is_file()
    }
    return tuple(found.values())


def _find_by_content(place: Path) -> tuple[Path, ...]:
    """Look for zip files and then for files below a folder, with MNIST's arrays in them.

    Files with other contents are skipped: Fashion-MNIST's have the same names.

    Returns:
        The zip file or folder that has all the arrays, or those that have them together.
    """
    found, together = set(), []
    for container in (*zip_files_below(place), place):
        try:
            arrays, suspects = _search(container, _files_in(container))
        except UserError:  # a zip file that may hold anything
            continue
        if len(arrays) == len(IDX_FILES):
            return (container,)
        if arrays:
            found |= {*arrays, *suspects}
            together.append(container)
    if absent := [name for name in IDX_FILES if together and name not in found]:
        raise UserError(
            f"{together[-1]} holds only a part of MNIST: put {IDX_FILES[absent[0]]} beside the "
            "others"
        )
    return tuple(together)


def _files_in(container: Path) -> list[str]:
    # Without the zip files that cannot be opened.
    return [file for file, _ in list_files(container, may_hold_arrays) if may_hold_arrays(file)]


def _search(container: Path, files: list[str]) -> tuple[Arrays, dict[str, UserError]]:
    """Read what some files in a zip file or folder have of MNIST.

    Returns:
        The arrays that are MNIST's, and for each other one what is wrong with the file that should
        hold it.
    """
    found, suspects = {}, {}
    with reader(container, LARGEST_FILE) as read_file:
        for file in files:
            path = container / file
            try:
                arrays = read_arrays(file, read_file(file))
            except (Damaged, *ZIP_ERRORS) as problem:
                names = [array_in(file)] if array_in(file) else IDX_FILES
                suspects |= dict.fromkeys(names, _damaged(path, str(problem)))
                continue
            for name, array in arrays.items():
                if sha256_of_arrays(array) == ARRAY_SHA256[name]:
                    found[name] = array
                else:
                    suspects[name] = _other(path, f"the values of {name} are not MNIST's")
    return found, suspects


def read(files: tuple[Path, ...]) -> Arrays:
    """Read MNIST's four arrays and check that they are the real ones.

    Args:
        files: what ``find`` returned.

    Returns:
        ``x_train`` (60000, 28, 28), ``y_train`` (60000,), ``x_test`` (10000, 28, 28) and ``y_test``
        (10000,), all uint8.

    Raises:
        UserError: a file cannot be read, or its contents are not MNIST's.
    """
    arrays, suspects = {}, {}
    for file in files:
        if file.is_dir() or is_zip(file.name):
            more, wrong = _search(file, _files_in(file))
        else:
            more, wrong = _search(file.parent, [file.name])
        arrays |= more
        suspects |= wrong
    for name in IDX_FILES:
        if name not in arrays:
            raise suspects.get(name) or _other(files[0], f"it has no {name}")
    return {name: arrays[name] for name in IDX_FILES}


def _damaged(path: Path, why: str) -> UserError:
    return UserError(
        f"{path} is damaged ({why}): delete it and run `python -m chollet_cnn.data fetch mnist`"
    )


def _other(path: Path, why: str) -> UserError:
    return UserError(
        f"{path} is another data set, or damaged ({why}): name MNIST's file or folder with "
        f"{parameter('data_dir')}, or run `python -m chollet_cnn.data fetch mnist`"
    )


def fetch(folder: Path) -> Path:
    """Download Keras's own ``mnist.npz`` (11 MB) into a folder.

    Raises:
        Unreachable: the network or the server failed.
        UserError: the folder cannot be written.
    """
    return download_file(URL, folder / FILE, FILE_SIZE, FILE_SHA256)


def _fetch_or_explain(data_dir: str | Path | None, allowed: bool) -> Path:
    places = search_path(data_dir)
    ways = (
        "put mnist.npz or the four IDX files there, name their folder with "
        f"{parameter('data_dir')}, or run "
        f"`python -m chollet_cnn.data fetch mnist` where there is a network ({URL})"
    )
    if not allowed or places[0].is_file():
        raise NotFound(f"MNIST is not in {listed(places)}: {ways}")
    try:
        return fetch(download_folder(data_dir))
    except Unreachable as problem:
        raise NotFound(
            f"MNIST is not in {listed(places)} and could not be downloaded ({problem.reason}): "
            f"{ways}"
        ) from problem
