"""Decode pictures once and keep them as plain bytes, so that the next run starts at once.

A kept set is a folder of two files: ``pictures.uint8``, every picture's bytes one after the other,
and ``index.json``, which says what they are. The first is mapped into memory, not read: the
computer fetches the parts that a batch asks for, so 25,000 pictures take no more memory than one.
"""

import hashlib
import io
import json
import os
import shutil
import uuid
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from chollet_cnn.data.archives import Picture, reader
from chollet_cnn.data.progress import progress_bar
from chollet_cnn.data.scaling import scale
from chollet_cnn.data.sources import cache_folder
from chollet_cnn.errors import UserError

FORMAT = 1  # raise it when a change here makes pictures that were kept before wrong
BATCH = 64  # pictures in memory at a time
PIXELS_FILE = "pictures.uint8"
INDEX_FILE = "index.json"


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


@dataclass(frozen=True)
class Index:
    """What is in a file of decoded pictures.

    Attributes:
        kept: the places in the order of the pictures that were decoded.
        left_out: ``{"file": ..., "why": ...}`` for each picture that could not be.
        source_size: ``"200x200"`` (width x height), or ``"various"``.
        sha256: a hash of each picture's class, number and file, whatever archive it came in.
    """

    kept: list[int]
    left_out: list[dict[str, str]]
    source_size: str
    sha256: str


class Decoded(NamedTuple):
    """One picture, decoded and scaled."""

    pixels: np.ndarray  # (height, width, 3) uint8
    source_size: str
    sha256: str  # of the file it came from


def decode_once(archive: Path, order: Order, most_left_out: int) -> tuple[np.ndarray, Index]:
    """Decode pictures, or take them as an earlier run has left them.

    Args:
        archive: the zip file or folder that holds the pictures.
        order: which ones are wanted, and how.
        most_left_out: how many may be undecodable before that is an error.

    Returns:
        ``(n, height, width, 3)`` uint8, read-only and mapped into memory, and what it holds.

    Raises:
        UserError: too many pictures cannot be decoded, the archive cannot be read, the memory does
            not suffice, or the cache folder cannot be written.
    """
    final = cache_folder() / "cats-vs-dogs" / order.key()
    kept = _open(final, order.size) or _decode(final, archive, order, most_left_out)
    _, index = kept
    if len(index.left_out) > most_left_out:
        raise too_many_left_out(archive, index.left_out)
    return kept


def _decode(
    final: Path, archive: Path, order: Order, most_left_out: int
) -> tuple[np.ndarray, Index]:
    """Decode pictures into a folder of this name, and open it."""
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        building = final.with_name(f".building-{uuid.uuid4()}")
        building.mkdir()  # not tempfile's, which nobody else could ever read
        try:
            _build(building, archive, order, most_left_out)
            _publish(building, final, order.size)
        finally:
            shutil.rmtree(building, ignore_errors=True)
    except OSError as problem:
        raise UserError(
            f"cannot keep decoded pictures in {final.parent} ({problem.strerror or problem}): "
            "make room there, or set CHOLLET_CNN_CACHE to another folder"
        ) from problem
    kept = _open(final, order.size)
    if kept is None:
        raise UserError(f"{final} was changed while it was written: run the same command again")
    return kept


def _open(folder: Path, size: tuple[int, int]) -> tuple[np.ndarray, Index] | None:
    """Open a kept set; ``None`` if there is none or it is damaged."""
    try:
        index = Index(**json.loads((folder / INDEX_FILE).read_text(encoding="utf-8")))
        shape = (len(index.kept), *size, 3)
        if (folder / PIXELS_FILE).stat().st_size != np.prod(shape):
            return None
        return np.memmap(folder / PIXELS_FILE, dtype=np.uint8, mode="r", shape=shape), index
    except (OSError, ValueError, TypeError):
        return None


def _build(folder: Path, archive: Path, order: Order, most_left_out: int) -> None:
    """Decode everything into a folder that nobody else sees yet."""
    with (folder / PIXELS_FILE).open("wb") as file:
        index = _write_pictures(file, archive, order, most_left_out)
        _flush(file)
    with (folder / INDEX_FILE).open("wb") as file:
        file.write(json.dumps(asdict(index)).encode())
        _flush(file)


def _write_pictures(file: BinaryIO, archive: Path, order: Order, most_left_out: int) -> Index:
    kept, left_out, sizes, digest = [], [], set(), hashlib.sha256()
    for place, (picture, result) in enumerate(_decode_all(archive, order)):
        if isinstance(result, str):
            left_out.append({"file": picture.name, "why": result})
            if len(left_out) > most_left_out:
                raise too_many_left_out(archive, left_out)
            continue
        file.write(result.pixels.data)
        kept.append(place)
        sizes.add(result.source_size)
        digest.update(f"{picture.kind} {picture.number} {result.sha256}\n".encode())
    source_size = sizes.pop() if len(sizes) == 1 else "various"
    return Index(kept, left_out, source_size, digest.hexdigest())


def _decode_all(archive: Path, order: Order) -> Iterator[tuple[Picture, Decoded | str]]:
    """Decode on every core, a batch at a time so that memory stays small; the order is kept."""
    pictures = order.pictures
    with (
        warnings.catch_warnings(action="ignore"),  # Pillow warns of odd notes in a camera's files
        reader(archive) as read,
        ThreadPoolExecutor(os.cpu_count()) as pool,
        progress_bar("decoding pictures", len(pictures)) as advance,
    ):
        for start in range(0, len(pictures), BATCH):
            batch = pictures[start : start + BATCH]
            yield from zip(batch, pool.map(_decoder(read, order), batch), strict=True)
            advance(len(batch))


def _decoder(read: Callable[[str], bytes], order: Order) -> Callable[[Picture], Decoded | str]:
    """Make the function that decodes one picture, or says why it cannot be decoded."""
    from PIL import Image

    def decode(picture: Picture) -> Decoded | str:
        try:
            contents = read(picture.file)
            with Image.open(io.BytesIO(contents)) as image:
                pixels = np.asarray(image.convert("RGB"))
        except UserError:
            raise
        except MemoryError as problem:
            raise UserError(
                f"there is too little memory to decode {picture.file}: close other programs and "
                "run the same command again"
            ) from problem
        # A broken file sets off any of the errors of a dozen file formats; each means the same.
        except Exception as problem:
            return f"cannot be decoded: {str(problem).split(' <')[0] or type(problem).__name__}"
        return Decoded(
            scale(pixels, order.size, order.resize),
            "{1}x{0}".format(*pixels.shape),
            hashlib.sha256(contents).hexdigest(),
        )

    return decode


def too_many_left_out(archive: Path, left_out: list[dict[str, str]]) -> UserError:
    """Explain that too little of an archive can be used."""
    first = left_out[0]
    return UserError(
        f"{archive} is incomplete: more than 1% of the pictures that are wanted are missing or "
        f"cannot be decoded (the first is {first['file']}: {first['why']}), so get it again"
    )


def _publish(building: Path, final: Path, size: tuple[int, int]) -> None:
    """Give a finished set its name, unless another process was quicker."""
    try:
        building.rename(final)
    except OSError:  # a folder of this name is there: a good one, or a damaged one to be replaced
        if _open(final, size) is None:
            shutil.rmtree(final)
            building.rename(final)


def _flush(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())
