"""MNIST: 60,000 handwritten digits to learn from and 10,000 to be judged on, 28x28 grey pixels.

Source: Y. LeCun, C. Cortes and C. Burges, "The MNIST database of handwritten digits".
"""

import gzip
import zipfile
import zlib
from pathlib import Path

import numpy as np

from chollet_cnn.data import Dataset, Split
from chollet_cnn.data.download import Unreachable
from chollet_cnn.data.download import download as download_file
from chollet_cnn.data.sources import (
    NotFound,
    download_folder,
    listed,
    permitted,
    search_path,
    sha256_of_arrays,
)
from chollet_cnn.errors import UserError

URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz"
FILE = "mnist.npz"
FILE_SIZE = 11_490_434
FILE_SHA256 = "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"

# The arrays are checked, not the file: the same digits come in many containers.
ARRAY_SHA256 = {
    "x_train": "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757",
    "y_train": "1feba77c54802fa5339a11837ea4b2866434b83314ec45192930f1df69120c13",
    "x_test": "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161",
    "y_test": "ddeff807876a9661a1110d45c266c86239a3a1b7d37da0c3716a7a683c852ff5",
}
IDX_FILES = {
    "x_train": "train-images-idx3-ubyte",
    "y_train": "train-labels-idx1-ubyte",
    "x_test": "t10k-images-idx3-ubyte",
    "y_test": "t10k-labels-idx1-ubyte",
}
SUB_FOLDERS = ("", "mnist", "MNIST", "MNIST/raw")  # the last is how torchvision lays them out

Arrays = dict[str, np.ndarray]


def load(data_dir: str | Path | None = None, download: bool = True) -> Dataset:
    """Load MNIST from this machine, or download it if it is not there.

    Args:
        data_dir: a folder to look in first, and to download into.
        download: whether to download what is not found.

    Returns:
        Pictures ``(n, 28, 28, 1)``, light ink (255) on dark paper (0); no validation split.

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
    """Look for MNIST's files without reading them.

    Returns:
        ``mnist.npz`` alone, or the four IDX files; ``()`` if no place of the search path has them.

    Raises:
        UserError: a folder holds some of the four IDX files but not all.
    """
    for place in search_path(data_dir):
        if files := find_in(place):
            return files
    return ()


def find_in(place: Path) -> tuple[Path, ...]:
    """Look for MNIST's files in one folder, or take the ``.npz`` file that was named instead."""
    if place.is_file():
        return (place,) if place.suffix == ".npz" else ()
    for folder in (place / name for name in SUB_FOLDERS):
        if (folder / FILE).is_file():
            return (folder / FILE,)
        if files := _idx_files(folder):
            return files
    return ()


def _idx_files(folder: Path) -> tuple[Path, ...]:
    found = {
        name: path
        for name in IDX_FILES.values()
        for spelling in (name, name.replace("-idx", ".idx"))
        for path in (folder / f"{spelling}.gz", folder / spelling)
        if path.is_file()
    }
    if found and len(found) < len(IDX_FILES):
        missing = next(name for name in IDX_FILES.values() if name not in found)
        raise UserError(f"{folder} holds only a part of MNIST: put {missing} beside the others")
    return tuple(found.values())


def read(files: tuple[Path, ...]) -> Arrays:
    """Read MNIST's four arrays and check that they are the real ones.

    Args:
        files: what ``find`` gave back.

    Returns:
        ``x_train`` (60000, 28, 28), ``y_train`` (60000,), ``x_test`` (10000, 28, 28) and ``y_test``
        (10000,), all uint8.

    Raises:
        UserError: a file cannot be read, or its contents are not MNIST's.
    """
    if len(files) == 1:
        arrays = _read_npz(files[0])
        origin = dict.fromkeys(IDX_FILES, files[0])
    else:
        origin = dict(zip(IDX_FILES, files, strict=True))
        arrays = {name: _read_idx(path) for name, path in origin.items()}
    for name, expected in ARRAY_SHA256.items():
        if sha256_of_arrays(arrays[name]) != expected:
            raise _damaged(origin[name], f"the values of {name} are not MNIST's")
    # Some containers hold a picture as one row of 784 pixels.
    return {
        name: array.reshape((-1, 28, 28) if name.startswith("x") else -1)
        for name, array in arrays.items()
    }


@permitted()
def _read_npz(path: Path) -> Arrays:
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in IDX_FILES}
    except KeyError as missing:
        raise _damaged(path, f"it has no {missing.args[0].split()[0]}") from missing
    except PermissionError:
        raise
    # A single array, an .npy file that is named otherwise, cannot be opened as an archive.
    except (
        OSError,
        EOFError,
        ValueError,
        TypeError,
        RuntimeError,
        zipfile.BadZipFile,
        zlib.error,
    ) as problem:
        raise _damaged(path, "it is no whole .npz file") from problem


@permitted()
def _read_idx(path: Path) -> np.ndarray:
    """Read an IDX file: four bytes of kind, four for each length, and then the values."""
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rb") as file:
            zero, kind, dimensions = file.read(2), file.read(1), file.read(1)
            if zero != b"\0\0" or kind != b"\x08" or dimensions not in (b"\1", b"\3"):
                raise _damaged(path, "it does not begin as an IDX file of bytes does")
            shape = np.frombuffer(file.read(4 * dimensions[0]), dtype=">u4")
            return np.frombuffer(file.read(), dtype=np.uint8).reshape(shape)
    except PermissionError:
        raise
    except (OSError, EOFError, ValueError, zlib.error) as problem:
        raise _damaged(path, "it is cut short or cannot be unpacked") from problem


def _damaged(path: Path, why: str) -> UserError:
    return UserError(
        f"{path} is damaged ({why}): delete it and run `python -m chollet_cnn.data fetch mnist`"
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
        f"put mnist.npz or the four IDX files there, name their folder with --data-dir, or run "
        f"`python -m chollet_cnn.data fetch mnist` where there is a network ({URL})"
    )
    if not allowed or places[0].is_file():
        raise NotFound(f"MNIST is not in {listed(places)}: {ways}")
    try:
        return fetch(download_folder(data_dir))
    except Unreachable as problem:
        raise NotFound(
            f"MNIST is not in {listed(places)} and could not be downloaded: {ways}"
        ) from problem
