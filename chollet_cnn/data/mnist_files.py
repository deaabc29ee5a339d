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
# Whatever follows, such as ".idx3-ubyte", or the " (1)" that browsers add to a second download.
IDX_NAME = re.compile(r"(train|t10k)[-_. ](images|labels).*", re.IGNORECASE)
NPZ_NAME = re.compile(r".*\.npz\b.*", re.IGNORECASE)  # "mnist.npz.1" is wget's second download
LARGEST_FILE = 128 << 20  # bytes
LARGEST_ARRAY = 60_000 * 28 * 28  # bytes, those of x_train

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
        All four arrays of an ``.npz`` file, or the one of another file: uint8, images as
        ``(n, 28, 28)`` or ``(n, 784)`` and labels as ``(n,)``.

    Raises:
        Damaged: not such a file, truncated, or claims sizes that MNIST does not have.
    """
    if _is_npz(file):
        arrays = _read_npz(contents)
    else:
        name = array_in(file)
        is_npy = file.lower().endswith(".npy")
        arrays = {
            name: _read_npy(io.BytesIO(contents), name) if is_npy else _read_idx(contents, name)
        }
    for name, array in arrays.items():
        if name.startswith("y") and array.ndim != 1:
            raise Damaged(f"{name} has {array.ndim} axes, not 1")
        if name.startswith("x") and math.prod(array.shape[1:]) != 28 * 28:
            raise Damaged(f"{name} has the shape {array.shape}, not (n, 28, 28)")
    return arrays


def _read_npz(contents: bytes) -> Arrays:
    try:
        with zipfile.ZipFile(io.BytesIO(contents)) as archive:
            names = set(archive.namelist())
            for name in ARRAYS:
                if f"{name}.npy" not in names:
                    raise Damaged(f"it has no {name}")
            arrays = {}
            for name in ARRAYS:
                with archive.open(f"{name}.npy") as file:
                    arrays[name] = _read_npy(file, name)
            return arrays
    except ZIP_ERRORS as problem:
        raise Damaged("it is not a complete .npz file") from problem


def _read_npy(file: io.BufferedIOBase, name: str) -> np.ndarray:
    shape, in_columns, kind = _read_npy_header(file, name)
    if kind != np.uint8:
        raise Damaged(f"{name} has the type {kind}, not uint8")
    return _take(file, name, shape, "F" if in_columns else "C")


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
        return _take(file, "it", shape, "C")
    except (OSError, EOFError, ValueError, struct.error, zlib.error) as problem:
        raise Damaged("it is truncated or cannot be unpacked") from problem


def _take(file: io.BufferedIOBase, name: str, shape: tuple[int, ...], order: str) -> np.ndarray:
    """Read exactly as many bytes as an array of this shape has."""
    count = math.prod(shape)
    if not 0 <= count <= LARGEST_ARRAY:
        raise Damaged(f"{name} claims {count:,} bytes, more than MNIST's {LARGEST_ARRAY:,}")
    values = file.read(count)
    if len(values) != count or file.read(1):
        raise Damaged(f"{name} is truncated or too long: it has not the {count:,} bytes it claims")
    return np.frombuffer(values, dtype=np.uint8).reshape(shape, order=order).copy(order="C")
