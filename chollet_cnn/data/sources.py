"""Where data sets are looked for on this machine, where they are kept, and how they are checked.

Two environment variables say where: ``CHOLLET_CNN_DATA`` is the folder of data sets,
``CHOLLET_CNN_CACHE`` the folder of decoded images, which can be deleted at any time.
"""

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from chollet_cnn.errors import UserError, parameter


class NotFound(UserError):  # noqa: N818
    """A data set is not on this machine and was not downloaded; nothing of it is damaged."""


@contextmanager
def permitted() -> Iterator[None]:
    """Name the file or folder that cannot be looked at; also works as a decorator."""
    try:
        yield
    except PermissionError as problem:
        raise UserError(
            f"{problem.filename} may not be read: check its permissions and those of its folders"
        ) from problem
    except OSError as problem:
        if problem.errno == errno.ENAMETOOLONG:
            raise UserError(
                f"{str(problem.filename)[:60]}... is too long for a name: check its spelling"
            ) from problem
        if problem.filename is None:  # from a decoder, not from the system
            raise
        raise UserError(
            f"{problem.filename} cannot be read ({problem.strerror}): check the disk or the "
            "server that it is on"
        ) from problem


@permitted()
def search_path(data_dir: str | Path | None = None) -> list[Path]:
    """List the folders to look in for a data set, the first one first.

    They are ``data_dir``, then the folder in ``CHOLLET_CNN_DATA``, then Keras's cache.

    Raises:
        UserError: ``data_dir`` does not exist, or may not be looked into.
    """
    places = []
    if data_dir is not None:
        named = expand_user(data_dir)
        if not named.exists():
            raise UserError(
                f"the {parameter('data_dir')} {named} does not exist: check its spelling or omit it"
            )
        places.append(named.absolute())  # "." has no name to call the data by
    return [*places, *_standing_folders()]


def download_folder(data_dir: str | Path | None = None) -> Path:
    """Return the folder that data sets are downloaded to: the first of the search path."""
    if data_dir is not None:
        return expand_user(data_dir)
    return _standing_folders()[0]


def _standing_folders() -> list[Path]:
    ours = os.environ.get("CHOLLET_CNN_DATA")
    return [*([expand_user(ours)] if ours else []), keras_home() / "datasets"]


def keras_home() -> Path:
    """Return the folder in which Keras keeps its settings and data sets, as Keras finds it."""
    named = os.environ.get("KERAS_HOME")
    if named is not None:  # even where it is empty
        return expand_user(named)
    home = os.path.expanduser("~")
    return Path(home if os.access(home, os.W_OK) else "/tmp", ".keras")


def cache_folder() -> Path:
    """Return the folder in which decoded images are kept.

    It is ``CHOLLET_CNN_CACHE``, or else ``chollet_cnn`` in the user's cache folder.
    """
    ours = os.environ.get("CHOLLET_CNN_CACHE")
    if ours:
        return expand_user(ours)
    return expand_user(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "chollet_cnn"


def expand_user(folder: str | Path) -> Path:
    """Return a folder with ``~`` replaced by the home folder."""
    try:
        return Path(folder).expanduser()
    except RuntimeError as problem:
        raise UserError(
            f"the home folder that {folder} begins with is unknown: write the whole path, or "
            "set HOME"
        ) from problem


def listed(places: list[Path]) -> str:
    """Write folders as in ``A, B or C``."""
    *rest, last = map(str, places)
    return f"{', '.join(rest)} or {last}" if rest else last


def sha256_of_arrays(*arrays: np.ndarray) -> str:
    """Hash the values of arrays, one after the other, in C order.

    The same images give the same hash whatever file they came in.
    """
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


@permitted()
def is_whole(path: Path, size: int, sha256: str) -> bool:
    """Tell whether a file exists with the right length in bytes and the right SHA-256."""
    if not path.is_file() or path.stat().st_size != size:
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == sha256
