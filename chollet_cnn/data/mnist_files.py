"""Read MNIST's arrays from the bytes of an ``.npz``, ``.npy`` or IDX file; check what it claims."""

import gzip
import io
import math
import re
import struct
import zipfile
import zlib
from pathlib import PurePosixPath

import numpy as np

from chollet_cnn.data.zip_files import ZIP_ERRORS

ARRAYS = ("x_train", "y_train", "x_test", "y_test")
IDX_FILES = {
    "x_train": "train-images-idx3-ubyte",
    "y_train": "train-labels-idx1-ubyte",
    "x_test": "t10k-images-idx3-ubyte",
    "y_test": "t10k-labels-idx1-ubyte",
}
COUNTS = {"train": 60_000, "test": 10_000}
# Whatever follows, such as ".idx3-ubyte", or the " (1)" that browsers add to a second download.
IDX_NAME = re.compile(r"(train|t10k)[-_. ](images|labels).*", re.IGNORECASE)
PART = re.compile(r"train|test|t10k", re.IGNORECASE)  # in the name of an array
NPZ_NAME = re.compile(r".*\.npz\b.*", re.IGNORECASE)  # "mnist.npz.1" is wget's second download
LARGEST_FILE = 128 << 20  # bytes
LARGEST_ARRAY = 70_000 * 28 * 28 * 8  # bytes: all images, a float of 64 bits for each pixel

Arrays = dict[str, np.ndarray]


class Damaged(Exception):  # noqa: N818
    """The contents of a file are not what its name says; the message is the reason."""


def may_hold_arrays(file: str) -> bool:
    """Tell from a file's name whether it may hold one of MNIST's arrays, or all."""
    name = PurePosixPath(file).name
    return not name.startswith(".") and (_is_npz(name) or array_in(name) is not None)


def _is_npz(file: str) -> bool:
    return bool(NPZ_NAME.fullmatch(PurePosixPath(file).name))


def array_in(file: str) -> str | None:
    """Tell from the name of an IDX or ``.npy`` file which array it holds."""
    path = PurePosixPath(file)
    if path.suffix.lower() == ".npy":
        return path.stem if path.stem in ARRAYS else None
    named = IDX_NAME.fullmatch(path.name)
    if not named:
        return None
    letter = {"images": "x", "labels": "y"}[named[2].lower()]
    return f"{letter}_{'train' if named[1].lower() == 'train' else 'test'}"


def read_arrays(file: str, contents: bytes) -> Arrays:
    """Read all arrays in a file.

    Args:
        file: its name or path, which tells its format.
        contents: its bytes.

    Returns:
        The arrays of an ``.npz`` file, or the one of another file, under the names in ``ARRAYS``:
        uint8, images as ``(n, 28, 28)`` and labels as ``(n,)``.

    Raises:
        Damaged: not such a file, truncated, or claims sizes that MNIST does not have.
    """
    if _is_npz(file):
        return _read_npz(contents)
    name = array_in(file)
    is_npy = file.lower().endswith(".npy")
    values = _read_npy(io.BytesIO(contents), name) if is_npy else _read_idx(contents, name)
    return {name: _as_images_or_labels(name, values)}


def _read_npz(contents: bytes) -> Arrays:
    """Read the arrays of Keras's file, or of one whose arrays have other names."""
    named, unnamed = {}, {}
    try:
        with zipfile.ZipFile(io.BytesIO(contents)) as archive:
            names = [name for name in archive.namelist() if name.endswith(".npy")]
            keys = sorted(name.removesuffix(".npy") for name in names)
            for key in ARRAYS if set(ARRAYS) <= set(keys) else keys:
                try:
                    with archive.open(f"{key}.npy") as file:
                        values = _as_images_or_labels(key, _read_npy(file, key))
                except Damaged:
                    if key in ARRAYS:
                        raise
                    continue  # something else is kept beside the images
                (named if PART.search(key) else unnamed).update(_named(key, values))
    except ZIP_ERRORS as problem:
        raise Damaged("it is not a complete .npz file") from problem
    return unnamed | named


def _named(key: str, values: np.ndarray) -> Arrays:
    """Give an array its name by what it is called, or else by its length."""
    letter = "x" if values.ndim > 1 else "y"
    train, test = COUNTS.values()
    if called := PART.search(key):
        return {f"{letter}_{'train' if called[0].lower() == 'train' else 'test'}": values}
    if len(values) == train + test:
        return {f"{letter}_train": values[:train], f"{letter}_test": values[train:]}
    return {f"{letter}_{part}": values for part, count in COUNTS.items() if len(values) == count}


def _as_images_or_labels(name: str, values: np.ndarray) -> np.ndarray:
    """Reshape an array to ``(n, 28, 28)`` or ``(n,)``."""
    size = math.prod(values.shape[1:])
    if not values.ndim or size not in (1, 28 * 28):
        raise Damaged(f"{name} has the shape {values.shape}, neither (n, 28, 28) nor (n,)")
    return values.reshape((-1, 28, 28) if size > 1 else -1)


def _read_npy(file: io.BufferedIOBase, name: str) -> np.ndarray:
    """Read an array of whole numbers from 0 to 255, or of such divided by 255, of any type."""
    shape, in_columns, kind = _read_npy_header(file, name)
    if kind.kind not in "uif":
        raise Damaged(f"{name} has the type {kind}, not uint8")
    values = _take(file, name, shape, "F" if in_columns else "C", kind)
    if kind == np.uint8:
        return values
    if kind.kind == "f" and values.size and values.max() <= 1:
        values = np.rint(values * 255)
    with np.errstate(invalid="ignore"):
        whole = values.astype(np.uint8)
    if not np.array_equal(whole, values):
        raise Damaged(f"{name} has other values than whole numbers from 0 to 255")
    return whole


def _read_npy_header(file: io.BufferedIOBase, name: str) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Read an array's shape, whether it is in Fortran order, and its type."""
    try:
        if np.lib.format.read_magic(file) == (1, 0):
            return np.lib.format.read_array_header_1_0(file)
        return np.lib.format.read_array_header_2_0(file)
    # NumPy parses the header as Python source, which fails in many ways.
    except Exception as problem:
        raise Damaged(f"the header of {name} cannot be read") from problem


def _read_idx(contents: bytes, name: str) -> np.ndarray:
    """Read an IDX file: four bytes of kind, four for each length, and then the values."""
    axes = 3 if name.startswith("x") else 1
    packed = contents.startswith(b"\x1f\x8b")
    file = gzip.GzipFile(fileobj=io.BytesIO(contents)) if packed else io.BytesIO(contents)
    try:
        zero, kind, dimensions = file.read(2), file.read(1), file.read(1)
        if zero != b"\0\0" or kind != b"\x08" or dimensions not in (b"\1", b"\3"):
            raise Damaged("it does not begin as an IDX file of bytes does")
        if dimensions[0] != axes:
            raise Damaged(f"it has {dimensions[0]} axes, not {axes}")
        shape = struct.unpack(f">{axes}I", file.read(4 * axes))
        return _take(file, "it", shape, "C", np.dtype(np.uint8))
    except (OSError, EOFError, ValueError, struct.error, zlib.error) as problem:
        raise Damaged("it is truncated or cannot be unpacked") from problem


def _take(
    file: io.BufferedIOBase, name: str, shape: tuple[int, ...], order: str, kind: np.dtype
) -> np.ndarray:
    """Read exactly as many bytes as an array of this shape and type has."""
    count = math.prod(shape) * kind.itemsize
    if not 0 <= count <= LARGEST_ARRAY:
        raise Damaged(f"{name} claims {count:,} bytes, more than MNIST's {LARGEST_ARRAY:,}")
    values = file.read(count)
    if len(values) != count or file.read(1):
        raise Damaged(f"{name} is truncated or too long: it has not the {count:,} bytes it claims")
    return np.frombuffer(values, dtype=kind).reshape(shape, order=order).copy(order="C")
