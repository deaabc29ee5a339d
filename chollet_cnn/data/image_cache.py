"""Keep decoded images on disk, so that the next run starts without decoding.

A set is a folder of three files: ``pictures.uint8``, the bytes of every image one after the other;
``index.json``, which says what they are; and ``pictures.sha256``, the hash of the first file. The
images are mapped into memory, not read: the system fetches the parts that a batch asks for, so
25,000 images take no more memory than one. The hash is checked once a day, and whenever the images'
file was written to; a set that fails is decoded again.
"""

import contextlib
import hashlib
import json
import os
import shutil
import time
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Annotated, BinaryIO, Literal

import numpy as np
from pydantic import Field, TypeAdapter

from chollet_cnn.errors import replace_file

PIXELS_FILE = "pictures.uint8"
INDEX_FILE = "index.json"
HASH_FILE = "pictures.sha256"  # its time is that of the last check
UNFINISHED = ".building-"  # how the names of sets begin that are being written
DAY = 24 * 60 * 60  # seconds


# An image that could not be decoded, and why.
LeftOut = Annotated[dict[Literal["file", "why"], str], Field(min_length=2)]


@dataclass(frozen=True)
class Index:
    """What is in a file of decoded images.

    Attributes:
        kept: the positions, in the order that was asked for, of the images that were decoded.
        left_out: each one that could not be decoded.
        source_size: ``"200x200"`` (width x height), or ``"various"``.
        sha256: a hash of each picture's class, number and file, whatever archive it came in.
    """

    kept: list[int]
    left_out: list[LeftOut]
    source_size: str
    sha256: str


def open_set(folder: Path, size: tuple[int, int], most: int) -> tuple[np.ndarray, Index] | None:
    """Open a kept set.

    Args:
        folder: where it is.
        size: height and width of its images.
        most: how many images were asked for.

    Returns:
        ``(n, height, width, 3)`` uint8, read-only and mapped into memory, and what it holds;
        ``None`` if there is no such set or it is damaged.
    """
    try:
        index = _read_index(folder / INDEX_FILE, most)
        shape = (len(index.kept), *size, 3)
        pixels = folder / PIXELS_FILE
        if pixels.stat().st_size != np.prod(shape, dtype=np.int64) or not _is_unchanged(folder):
            return None
        return np.memmap(pixels, dtype=np.uint8, mode="r", shape=shape), index
    except (OSError, ValueError):
        return None


def _read_index(file: Path, most: int) -> Index:
    index = TypeAdapter(Index).validate_json(file.read_bytes(), strict=True)
    increasing = all(one < other for one, other in pairwise([-1, *index.kept, most]))
    if not increasing or len(index.kept) + len(index.left_out) != most:
        raise ValueError("each image is either kept or left out")
    return index


def _is_unchanged(folder: Path) -> bool:
    """Check the images' hash unless that was done today and they were not written to since."""
    pixels, record = folder / PIXELS_FILE, folder / HASH_FILE
    checked = record.stat().st_mtime
    if pixels.stat().st_mtime <= checked and 0 <= time.time() - checked < DAY:
        return True
    with pixels.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != record.read_text(encoding="ascii"):
        return False
    with contextlib.suppress(OSError):  # a cache that may only be read
        record.touch()
    return True


def write_index(folder: Path, index: Index, pixels_sha256: str) -> None:
    """Write what goes beside the images' file, after that file."""
    for name, text in ((INDEX_FILE, json.dumps(asdict(index))), (HASH_FILE, pixels_sha256)):
        with (folder / name).open("wb") as file:
            file.write(text.encode())
            flush(file)


def publish(building: Path, final: Path, size: tuple[int, int], most: int) -> None:
    """Give a finished set its name, unless another process did so first.

    Whatever else has that name, a damaged set, a file or a link, is removed.
    """
    with contextlib.suppress(OSError):  # something else has that name, or Windows refuses
        building.rename(final)
        return
    if open_set(final, size, most):
        return
    if final.is_dir() and not final.is_symlink():
        shutil.rmtree(final)
    else:
        final.unlink(missing_ok=True)
    replace_file(building, final)


def remove_unfinished(cache: Path) -> None:
    """Remove what killed processes left a day ago or earlier."""
    for folder in cache.glob(f"{UNFINISHED}*"):
        with contextlib.suppress(OSError):
            if time.time() - folder.stat().st_mtime > DAY:
                shutil.rmtree(folder)


def flush(file: BinaryIO) -> None:
    """Write a file's contents to the disk itself."""
    file.flush()
    os.fsync(file.fileno())
