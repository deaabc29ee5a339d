"""Decode the image files of an archive as Keras's loaders do, and lose none that can be read.

**Orientation.** Cameras note in EXIF how they were held. That note is ignored here, as Keras's
``load_img`` and TensorFlow's ``decode_image`` ignore it: the book's networks saw such pictures
turned, and so do ours, whether an archive kept the notes or a copy dropped them.

**"Corrupt" files.** TensorFlow Datasets drops 1,738 files of Microsoft's archive, and the example
on keras.io deletes every file without a JFIF marker. Nearly all are good JPEGs: some have an
EXIF marker or none, or bytes after their end, some are grey or in CMYK, some are GIF or PNG files
named ``.jpg``. All of these are decoded here. So is a JPEG that lost its last bytes, as long as
every pixel is there.
"""

import contextlib
import io
import threading
from collections.abc import Callable

import numpy as np
from PIL import Image

from chollet_cnn.errors import UserError

LARGEST_FILE = 64 << 20  # bytes
MOST_PIXELS = 60_000_000  # 180 MB once decoded
MANY_PIXELS = 8_000_000  # images with more are decoded one at a time, so that memory stays small
JPEG_END = b"\xff\xd9"
# Of what Pillow reads; some of its other formats start programs or are documents.
FORMATS = ("JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
FILLER = b"\x5a" * 64  # what no encoder would have put at the end

_large_images = threading.Lock()


def read_image(
    read: Callable[[str], bytes], file: str, draft: tuple[int, int] | None = None
) -> tuple[bytes, np.ndarray] | str:
    """Read and decode one file.

    Args:
        read: gives the bytes of a file, see :func:`chollet_cnn.data.containers.reader`.
        file: its path.
        draft: ``(width, height)`` that is large enough; a JPEG may be decoded at a half, a quarter
            or an eighth of its size, as long as it is not smaller than that.

    Returns:
        The file's bytes and the image, ``(height, width, 3)`` uint8; or, if it cannot be decoded,
        the reason.

    Raises:
        UserError: the disk failed, or the memory does not suffice; the file may be good.
    """
    try:
        contents = read(file)
        return contents, decode(contents, draft)
    except UserError:
        raise
    except MemoryError as problem:
        raise UserError(
            f"there is too little memory to decode {file}: close other programs and run the same "
            "command again"
        ) from problem
    # A broken file sets off any of the errors of a dozen file formats; each means the same.
    except Exception as problem:
        return f"cannot be decoded: {str(problem).split(' <')[0] or type(problem).__name__}"


def decode(contents: bytes, draft: tuple[int, int] | None = None) -> np.ndarray:
    """Decode the bytes of an image file.

    Args:
        contents: a file of one of ``FORMATS``.
        draft: see :func:`read_image`.

    Returns:
        ``(height, width, 3)`` uint8: red, green, blue.

    Raises:
        Exception: of any kind, if they cannot be decoded.
    """
    try:
        return _decode(contents, draft)
    except OSError as problem:
        if "truncated" not in str(problem) or not _is_baseline_jpeg(contents):
            raise
        # Whatever stands where the lost bytes stood makes no difference if all pixels are there.
        contents = contents.rstrip(b"\xff")
        image = _decode(contents + JPEG_END, draft)
        if not np.array_equal(image, _decode(contents + FILLER + JPEG_END, draft)):
            raise
        return image


def _is_baseline_jpeg(contents: bytes) -> bool:
    """Tell whether a JPEG stores its pixels in order, so that they show if its end is missing."""
    with Image.open(io.BytesIO(contents), formats=FORMATS) as image:
        return image.format == "JPEG" and "progressive" not in image.info


def _decode(contents: bytes, draft: tuple[int, int] | None) -> np.ndarray:
    with Image.open(io.BytesIO(contents), formats=FORMATS) as image:
        pixels = image.width * image.height
        if pixels > MOST_PIXELS:
            raise ValueError(f"it has {pixels:,} pixels, more than the limit of {MOST_PIXELS:,}")
        if draft:
            image.draft("RGB", draft)
        with _large_images if pixels > MANY_PIXELS else contextlib.nullcontext():
            return np.asarray(image.convert("RGB"))
