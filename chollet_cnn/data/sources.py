"""Where the data's files are found on this machine, where they are kept, and how they are checked.

Two environment variables say where: ``CHOLLET_CNN_DATA`` is the folder of data sets,
``CHOLLET_CNN_CACHE`` the folder of decoded pictures, which can be deleted at any time.
"""

import hashlib
import os
from pathlib import Path

import numpy as np

from chollet_cnn.errors import UserError


class NotFound(UserError):  # noqa: N818
    """A data set is neither on this machine nor to be had; nothing of it is damaged."""


def search_path(data_dir: str | Path | None = None) -> list[Path]:
    """List the folders to look in for a data set, the first one first.

    They are the folder that was named, then that of ``CHOLLET_CNN_DATA``, then Keras's cache.

    Raises:
        UserError: ``data_dir`` does not exist.
    """
    places = []
    if data_dir is not None:
        named = Path(data_dir).expanduser()
        if not named.exists():
            raise UserError(f"the data folder {named} does not exist: check its spelling")
        places.append(named)
    return [*places, *_standing_folders()]


def download_folder(data_dir: str | Path | None = None) -> Path:
    """Say where a downloaded data set goes: the first folder of the search path."""
    if data_dir is not None:
        return Path(data_dir).expanduser()
    return _standing_folders()[0]


def _standing_folders() -> list[Path]:
    ours = os.environ.get("CHOLLET_CNN_DATA")
    keras_home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras").expanduser()
    return [*([Path(ours).expanduser()] if ours else []), keras_home / "datasets"]


def cache_folder() -> Path:
    """Say where decoded pictures are kept, so that the next run starts without decoding.

    It is ``CHOLLET_CNN_CACHE``, or else ``chollet_cnn`` in the user's cache folder.
    """
    ours = os.environ.get("CHOLLET_CNN_CACHE")
    if ours:
        return Path(ours).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "chollet_cnn"


def listed(places: list[Path]) -> str:
    """Write folders as a person would: ``A, B or C``."""
    *rest, last = map(str, places)
    return f"{', '.join(rest)} or {last}" if rest else last


def sha256_of_arrays(*arrays: np.ndarray) -> str:
    """Hash the values of arrays, one after the other, in C order.

    The same pictures give the same hash whatever file they came in.
    """
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def is_whole(path: Path, size: int, sha256: str) -> bool:
    """Tell whether a file is there with the right length in bytes and the right SHA-256."""
    if not path.is_file() or path.stat().st_size != size:
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == sha256
