"""Decode the images of an archive once, on every core, and scale them to one size."""

import hashlib
import json
import os
import shutil
import uuid
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
import PIL

from chollet_cnn.data import image_cache
from chollet_cnn.data.containers import reader
from chollet_cnn.data.decoding import LARGEST_FILE, read_image
from chollet_cnn.data.image_cache import Index, LeftOut
from chollet_cnn.data.layouts import Picture
from chollet_cnn.data.scaling import scale
from chollet_cnn.data.sources import cache_folder
from chollet_cnn.drawing.progress import progress_bar
from chollet_cnn.errors import UserError, printable

FORMAT = 1  # raise it when a change here makes images that were kept before wrong
BATCH = 64  # images in memory at a time

Result = TypeVar("Result")


class Order(NamedTuple):
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
        # Another version of Pillow may decode otherwise, or what this one cannot.
        made_from = json.dumps([FORMAT, PIL.__version__, self.pictures, self.size, self.resize])
        return hashlib.sha256(made_from.encode()).hexdigest()[:20]


def decode_once(
    archive: Path, order: Order, check: Callable[[list[LeftOut]], None]
) -> tuple[np.ndarray, Index]:
    """Decode images, or take them from the cache if an earlier run decoded them.

    Args:
        archive: the zip file or folder that holds the pictures.
        order: which ones are wanted, and how.
        check: called with the images that cannot be decoded; raises if they are too many.

    Returns:
        ``(n, height, width, 3)`` uint8, read-only and mapped into memory, and what it holds.

    Raises:
        UserError: too many images cannot be decoded, the archive cannot be read, the memory does
            not suffice, or the cache folder cannot be written.
    """
    final = cache_folder() / "cats-vs-dogs" / order.key()
    shape = order.size, len(order.pictures)
    kept = image_cache.open_set(final, *shape)
    if kept is None:
        _decode(final, archive, order, check)
        kept = image_cache.open_set(final, *shape)
    if kept is None:
        raise UserError(f"{final} was changed while it was written: run the same command again")
    check(kept[1].left_out)
    return kept


def _decode(
    final: Path, archive: Path, order: Order, check: Callable[[list[LeftOut]], None]
) -> None:
    """Decode images into a folder that nobody else sees yet, then give it its name."""
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        image_cache.remove_unfinished(final.parent)
        building = final.with_name(f"{image_cache.UNFINISHED}{uuid.uuid4()}")
        building.mkdir()  # not tempfile's, which nobody else could ever read
        try:
            _write_images(building, archive, order, check)
            image_cache.publish(building, final, order.size, len(order.pictures))
        finally:
            shutil.rmtree(building, ignore_errors=True)
    except OSError as problem:
        raise UserError(
            f"cannot keep decoded images in {final.parent} ({problem.strerror or problem}): "
            "make room there, or set CHOLLET_CNN_CACHE to another folder"
        ) from problem


def _write_images(
    folder: Path, archive: Path, order: Order, check: Callable[[list[LeftOut]], None]
) -> None:
    kept, left_out, sizes = [], [], set()
    sources, written = hashlib.sha256(), hashlib.sha256()
    with (folder / image_cache.PIXELS_FILE).open("wb") as file:
        work = partial(_decode_and_scale, order)
        results = on_every_core(work, archive, order.pictures, "decoding images")
        for position, result in enumerate(results):
            picture = order.pictures[position]
            if isinstance(result, str):
                left_out.append({"file": printable(picture.file), "why": printable(result)})
                check(left_out)
                continue
            contents_sha256, source_size, pixels = result
            file.write(pixels.data)
            written.update(pixels.data)
            kept.append(position)
            sizes.add(source_size)
            sources.update(f"{picture.kind} {picture.number} {contents_sha256}\n".encode())
        image_cache.flush(file)
    source_size = sizes.pop() if len(sizes) == 1 else "various"
    index = Index(kept, left_out, source_size, sources.hexdigest())
    image_cache.write_index(folder, index, written.hexdigest())


def _decode_and_scale(
    order: Order, read: Callable[[str], bytes], picture: Picture
) -> tuple[str, str, np.ndarray] | str:
    """Return the file's SHA-256, its size and the scaled pixels, or why it cannot be decoded."""
    result = read_image(read, picture.file)
    if isinstance(result, str):
        return result
    contents, pixels = result
    source_size = "{1}x{0}".format(*pixels.shape)
    scaled = scale(pixels, order.size, order.resize)
    return hashlib.sha256(contents).hexdigest(), source_size, scaled


def on_every_core(
    work: Callable[[Callable[[str], bytes], Picture], Result],
    archive: Path,
    pictures: Sequence[Picture],
    title: str,
    stays: bool = True,
) -> Iterator[Result]:
    """Work on each picture of an archive, a batch at a time so that memory stays small.

    Args:
        work: takes the function that reads one of the archive's files, and the picture.
        archive: the zip file or folder.
        pictures: which ones; the order of the results is theirs.
        title: what the progress bar says.
        stays: whether the bar stays when it is full.
    """
    with (
        warnings.catch_warnings(action="ignore"),  # Pillow warns of odd notes in a camera's files
        reader(archive, LARGEST_FILE) as read,
        ThreadPoolExecutor(os.cpu_count()) as pool,
        progress_bar(title, len(pictures), stays=stays) as advance,
    ):
        for start in range(0, len(pictures), BATCH):
            batch = pictures[start : start + BATCH]
            yield from pool.map(partial(work, read), batch)
            advance(len(batch))
