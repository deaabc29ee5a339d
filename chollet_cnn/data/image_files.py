"""Read an image file of any usual format, as red, green and blue in 0..255."""

import contextlib
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from chollet_cnn.data import decoding, sources
from chollet_cnn.errors import UserError

FORMATS = (*decoding.FORMATS, "AVIF", "HEIF", "ICO", "JPEG2000", "MPO", "TGA")
BIT_DEPTHS = (8, 10, 12, 14, 16)  # of cameras, scanners and microscopes, all kept in 16 bits
VISIBLE = 0.2  # on white, ink that differs from it by less than this share cannot be read


def read(path: str | Path) -> np.ndarray:
    """Read an image of any size and mode, of those of the ``FORMATS`` that Pillow has here.

    A photograph is turned upright as its EXIF orientation says. Transparent parts are laid on
    white, or on black where what is drawn is itself nearly white. Of an animation the first frame
    is taken.

    Args:
        path: the image file.

    Returns:
        ``(height, width, 3)`` uint8, red, green, blue.

    Raises:
        UserError: the file does not exist or is not an image.
    """
    path = sources.expand_user(path)
    Image.init()
    formats = [name for name in FORMATS if name in Image.OPEN]
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(path, formats=formats) as image:
            image.load()
            # A broken EXIF block may raise anything; the image itself is whole.
            with contextlib.suppress(Exception):
                ImageOps.exif_transpose(image, in_place=True)
            return np.array(_lay_on_background(_to_eight_bits(image)))
    except FileNotFoundError as problem:
        raise UserError(f"there is no image {path}: check its spelling") from problem
    except IsADirectoryError as problem:
        raise UserError(f"{path} is a folder: name an image in it") from problem
    except PermissionError as problem:
        raise UserError(f"{path} may not be read: check its permissions") from problem
    except UnidentifiedImageError as problem:
        raise UserError(f"{path} is not an image that can be read: save it as PNG") from problem
    except Image.DecompressionBombError as problem:
        raise UserError(f"{path} has too many pixels: make it smaller") from problem
    except OSError as problem:
        if problem.errno:  # from the system, not from a decoder
            raise UserError(
                f"{str(path)[:200]} cannot be read ({problem.strerror}): check its name"
            ) from problem
        raise UserError(f"{path} is damaged or not an image: save it again as PNG") from problem
    except (SyntaxError, ValueError, EOFError, RuntimeError) as problem:
        raise UserError(f"{path} is damaged or not an image: save it again as PNG") from problem


def suffixes() -> set[str]:
    """Return how the names of files end that :func:`read` reads, in small letters."""
    return {suffix for suffix, name in Image.registered_extensions().items() if name in FORMATS}


def _to_eight_bits(image: Image.Image) -> Image.Image:
    """Bring grey images of 16 or 32 bits to 0..255; Pillow would cut them off at 255.

    A file of 16 bits may hold values of 10 or 12: the full scale is the smallest usual bit depth
    that the brightest pixel fits into.
    """
    if not image.mode.startswith(("I", "F")):
        return image
    values = np.nan_to_num(np.asarray(image, dtype=np.float64))
    brightest = values.max()
    if image.mode == "F" and brightest <= 1:
        full_scale = 1
    else:
        full_scales = [2**bits - 1 for bits in BIT_DEPTHS]
        full_scale = next((full for full in full_scales if brightest <= full), brightest)
    return Image.fromarray(np.rint(255 * values / full_scale).clip(0, 255).astype(np.uint8))


def _lay_on_background(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        return image if image.mode == "RGB" else image.convert("RGB")
    image = image.convert("RGBA")
    white, black = (
        Image.alpha_composite(Image.new("RGBA", image.size, colour), image).convert("RGB")
        for colour in ("white", "black")
    )
    on_white = 255 - np.asarray(white.convert("L")).min()
    on_black = np.asarray(black.convert("L")).max()
    return black if on_white < VISIBLE * 255 and on_black > on_white else white
