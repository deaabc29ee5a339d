"""Decode the images of an archive once, on every core, and scale them to one size."""

import hashlib
import json
import os
import shutil
import uuid
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from chollet_cnn.data import image_cache
from chollet_cnn.data.containers import reader
from chollet_cnn.data.decoding import LARGEST_FILE, read_image
from chollet_cnn.data.image_cache import Index
from chollet_cnn.data.layouts import Picture
from chollet_cnn.data.scaling import scale
from chollet_cnn.data.sources import cache_folder
from chollet_cnn.drawing.progress import progress_bar
from chollet_cnn.errors import UserError

FORMAT = 1  # raise it when a change here makes images that were kept before wrong
BATCH = 64  # images in memory at a time


@dataclass(frozen=True)
class Order:
    """What is to be decoded, and how: the same order gives the same bytes.

    Attributes:
        pictures: the pictures in the order in which they are wanted.
        size: ``(height, width)`` to scale to.
        resize: how to scale, see :func:`chollet_cnn.data.scaling.scale`.
    """

    pictures: list[Picture]
    size: tuple[int, int]
    resize: str

    def key(self) -> str:
        """Name the folder that holds the result: a hash of all that it is made from."""
        made_from = json.dumps([FORMAT, self.pictures, self.size, self.resize])
        return hashlib.sha256(made_from.encode()).hexdigest()[:20]


class Limit(NamedTuple):
    """How many images of an archive may be unusable.

    Attributes:
        most_skipped: how many, missing and damaged ones together.
        missing: how many of them are missing.
    """

    most_skipped: int
    missing: int

    def check(self, archive: Path, left_out: list[dict[str, str]]) -> None:
        """Refuse an archive of which too many images cannot be decoded.

        Raises:
            UserError: there are too many.
        """
        if not left_out or self.missing + len(left_out) <= self.most_skipped:
            return
        first = left_out[0]
        too = f"; {self.missing:,} more are missing" if self.missing else ""
        raise UserError(
            f"{archive} is damaged: more than 1% of the images that the splits ask for cannot be "
            f"used (the first is {first['file']}: {first['why']}{too}), so delete it and get it "
            "again"
        )


class Decoded(NamedTuple):
    """One image, decoded and scaled."""

    pixels: np.ndarray  # (height, width, 3) uint8
    source_size: str
    sha256: str  # of the file it came from


def decode_once(
    archive: Path, order: Order, most_skipped: int, missing: int = 0
) -> tuple[np.ndarray, Index]:
    """Decode images, or take them from the cache if an earlier run decoded them.

    Args:
        archive: the zip file or folder that holds the pictures.
        order: which ones are wanted, and how.
        most_skipped: how many may be missing or damaged before that is an error.
        missing: how many are missing.

    Returns:
        ``(n, height, width, 3)`` uint8, read-only and mapped into memory, and what it holds.

    Raises:
        UserError: too many images cannot be decoded, the archive cannot be read, the memory does
            not suffice, or the cache folder cannot be written.
    """
    limit = Limit(most_skipped, missing)
    final = cache_folder() / "cats-vs-dogs" / order.key()
    kept = _open(final, order) or _decode(final, archive, order, limit)
    _, index = kept
    limit.check(archive, index.left_out)
    return kept


def _open(folder: Path, order: Order) -> tuple[np.ndarray, Index] | None:
    return image_cache.open_set(folder, order.size, len(order.pictures))


def _decode(final: Path, archive: Path, order: Order, limit: Limit) -> tuple[np.ndarray, Index]:
    """Decode images into a folder of this name, and open it."""
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        image_cache.remove_unfinished(final.parent)
        building = final.with_name(f"{image_cache.UNFINISHED}{uuid.uuid4()}")
        building.mkdir()  # not tempfile's, which nobody else could ever read
        try:
            _build(building, archive, order, limit)
            image_cache.publish(building, final, order.size, len(order.pictures))
        finally:
            shutil.rmtree(building, ignore_errors=True)
    except OSError as problem:
        raise UserError(
            f"cannot keep decoded images in {final.parent} ({problem.strerror or problem}): "
            "make room there, or set CHOLLET_CNN_CACHE to another folder"
        ) from problem
    kept = _open(final, order)
    if kept is None:
        raise UserError(f"{final} was changed while it was written: run the same command again")
    return kept


def _build(folder: Path, archive: Path, order: Order, limit: Limit) -> None:
    """Decode everything into a folder that nobody else sees yet."""
    with (folder / image_cache.PIXELS_FILE).open("wb") as file:
        index, pixels_sha256 = _write_images(file, archive, order, limit)
        image_cache.flush(file)
    image_cache.write_index(folder, index, pixels_sha256)


def _write_images(file: BinaryIO, archive: Path, order: Order, limit: Limit) -> tuple[Index, str]:
    kept, left_out, sizes = [], [], set()
    sources, written = hashlib.sha256(), hashlib.sha256()
    for position, (picture, result) in enumerate(_decode_all(archive, order)):
        if isinstance(result, str):
            left_out.append({"file": picture.name, "why": result})
            limit.check(archive, left_out)
            continue
        file.write(result.pixels.data)
        written.update(result.pixels.data)
        kept.append(position)
        sizes.add(result.source_size)
        sources.update(f"{picture.kind} {picture.number} {result.sha256}\n".encode())
    source_size = sizes.pop() if len(sizes) == 1 else "various"
    return Index(kept, left_out, source_size, sources.hexdigest()), written.hexdigest()


def _decode_all(archive: Path, order: Order) -> Iterator[tuple[Picture, Decoded | str]]:
    """Decode on every core, a batch at a time so that memory stays small; the order is kept."""
    pictures = order.pictures
    with (
        warnings.catch_warnings(action="ignore"),  # Pillow warns of odd notes in a camera's files
        reader(archive, LARGEST_FILE) as read,
        ThreadPoolExecutor(os.cpu_count()) as pool,
        progress_bar("decoding images", len(pictures)) as advance,
    ):
        for start in range(0, len(pictures), BATCH):
            batch = pictures[start : start + BATCH]
            yield from zip(batch, pool.map(_decoder(read, order), batch), strict=True)
            advance(len(batch))


def _decoder(read: Callable[[str], bytes], order: Order) -> Callable[[Picture], Decoded | str]:
    """Make the function that decodes and scales one image, or says why it cannot be decoded."""

    def decode(picture: Picture) -> Decoded | str:
        result = read_image(read, picture.file)
        if isinstance(result, str):
            return result
        contents, pixels = result
        return Decoded(
            scale(pixels, order.size, order.resize),
            "{1}x{0}".format(*pixels.shape),
            hashlib.sha256(contents).hexdigest(),
        )

    return decode
