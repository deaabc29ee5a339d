"""Your own pictures: read whatever Pillow reads, and bring a photographed digit to MNIST's look."""

import contextlib
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from chollet_cnn.data.scaling import scale
from chollet_cnn.errors import UserError

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["as_digit", "read", "scale"]

FRAME = 28  # MNIST's pictures are 28x28 pixels ...
BOX = 20  # ... and the digit fits into a box of 20x20 in them,
CENTRE = 14  # its centre of mass on the pixel in row 14 and column 14.
THINNEST = 2.0  # pixels: a line in that box that is thinner is drawn as thick as this
WORKING_SIZE = 400  # a photograph is shrunk to this many pixels before the digit is looked for
FAINTEST = 0.08  # ink must differ from paper by this much of the way from black to white ...
CLEAREST = 4.0  # ... and by this many times the paper's own unevenness
SPECK = 0.05  # a patch of ink smaller than this share of the largest one is dirt


def read(path: str | Path) -> np.ndarray:
    """Read a picture of any format, size and kind that Pillow knows.

    It is turned upright as the camera held it, transparent parts are laid on white, and of a moving
    picture the first frame is taken.

    Args:
        path: the picture's file.

    Returns:
        ``(height, width, 3)`` uint8, red, green, blue.

    Raises:
        UserError: there is no such file, or it is no picture.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings(action="ignore"), Image.open(path) as image:
            image.load()
            _turn_upright(image)
            return np.array(_on_white(_in_eight_bits(image)))
    except FileNotFoundError as problem:
        raise UserError(f"there is no picture {path}: check its spelling") from problem
    except IsADirectoryError as problem:
        raise UserError(f"{path} is a folder: name a picture in it") from problem
    except PermissionError as problem:
        raise UserError(f"{path} may not be read: check its permissions") from problem
    except UnidentifiedImageError as problem:
        raise UserError(f"{path} is not a picture that can be read: save it as PNG") from problem
    except Image.DecompressionBombError as problem:
        raise UserError(f"{path} has too many pixels: make it smaller") from problem
    except (OSError, SyntaxError, ValueError, EOFError) as problem:
        raise UserError(f"{path} is a damaged picture: save it again as PNG") from problem


def _turn_upright(image: "Image") -> None:
    """Turn a picture as the camera's notes in it say; a picture with broken notes is whole."""
    from PIL import ImageOps

    with contextlib.suppress(Exception):  # which one depends on what is broken in the notes
        ImageOps.exif_transpose(image, in_place=True)


def _in_eight_bits(image: "Image") -> "Image":
    """Bring grey pictures of 16 or 32 bits to 0..255; Pillow would cut them off at 255."""
    from PIL import Image

    if not image.mode.startswith(("I", "F")):
        return image
    values = np.asarray(image, dtype=np.float64)
    if image.mode == "F" and values.max() <= 1:
        values = values * 255
    elif values.max() > 255:
        values = values / 257  # 65,535 / 257 = 255
    return Image.fromarray(np.rint(values).clip(0, 255).astype(np.uint8))


def _on_white(image: "Image") -> "Image":
    from PIL import Image

    if not image.has_transparency_data:
        return image if image.mode == "RGB" else image.convert("RGB")
    image = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")


def as_digit(image: np.ndarray) -> np.ndarray:
    """Bring a photograph or scan of one handwritten digit to MNIST's look.

    The steps are MNIST's own where it tells them (scaled into a box of 20x20 with its proportions
    kept, then placed by its centre of mass); before them, shadows and dirt are taken off the paper
    and dark ink is turned to light.

    Args:
        image: ``(height, width, 3)``, ``(height, width, 1)`` or ``(height, width)`` uint8, of any
            size; dark ink on light paper or light on dark.

    Returns:
        ``(28, 28, 1)`` uint8, light ink (255) on dark paper (0).

    Raises:
        UserError: no ink stands out from the paper.

    Source: LeCun, Cortes, Burges, "The MNIST database of handwritten digits", for the last steps.
    """
    ink, noise = _separate_ink(_grey(image))
    mask = _find_strokes(ink, noise)
    digit = _crop(_brighten(ink, noise, mask))
    return _centre(_fit_into_box(_thicken(digit)))[..., np.newaxis]


def _grey(image: np.ndarray) -> np.ndarray:
    """Give the brightness of each pixel, 0..1, of a picture no larger than the working size."""
    from PIL import Image

    picture = Image.fromarray(image.squeeze(-1) if image.shape[2:] == (1,) else image).convert("L")
    picture.thumbnail((WORKING_SIZE, WORKING_SIZE), Image.Resampling.BICUBIC)
    return np.asarray(picture, dtype=np.float64) / 255


def _separate_ink(grey: np.ndarray) -> tuple[np.ndarray, float]:
    """Take the paper away: what is left is how much each pixel differs from the paper under it.

    The paper's brightness is taken to change gently from edge to edge. A curved surface is fitted
    to the picture again and again, each time without the pixels that lie far off it, which are ink.

    Returns:
        The ink, positive whether it was darker or lighter than the paper; and the paper's noise,
        as a standard deviation.
    """
    rows, columns = (np.linspace(-1, 1, length) for length in grey.shape)
    y, x = (axis.ravel() for axis in np.meshgrid(rows, columns, indexing="ij"))
    terms = np.stack([np.ones_like(x), x, y, x * y, x * x, y * y], axis=1)
    values = grey.ravel()
    paper = np.abs(values - np.median(values)) <= 0.5
    for _ in range(8):
        surface, *_ = np.linalg.lstsq(terms[paper], values[paper], rcond=None)
        difference = values - terms @ surface
        noise = 1.4826 * np.median(np.abs(difference[paper]))
        paper = np.abs(difference) <= max(2.5 * noise, 0.01)
    # Ink is the smaller part of the picture and far from the paper: it decides the third power.
    darker = np.sum(difference**3) < 0
    return (-difference if darker else difference).reshape(grey.shape), noise


def _find_strokes(ink: np.ndarray, noise: float) -> np.ndarray:
    """Mark the digit's pixels: clearly ink, no dirt, and not the picture's edge.

    Raises:
        UserError: nothing stands out from the paper.
    """
    from scipy import ndimage
    from skimage.filters import gaussian, threshold_otsu

    smooth = gaussian(ink, sigma=max(ink.shape) / 200)  # grain is not ink
    threshold = threshold_otsu(smooth)
    mask = smooth > threshold
    contrast = smooth[mask].mean() - np.median(smooth[~mask]) if mask.any() else 0
    if contrast < max(FAINTEST, CLEAREST * noise):
        raise UserError("no digit found in the picture: take one of dark ink on plain light paper")
    patches, count = ndimage.label(mask, structure=np.ones((3, 3)))
    sizes = ndimage.sum_labels(mask, patches, np.arange(1, count + 1))
    frame = np.concatenate([patches[0], patches[-1], patches[:, 0], patches[:, -1]])
    at_edge = np.isin(np.arange(1, count + 1), frame)
    if not at_edge.all():  # a shadow or the table beside the paper, rather than the digit
        sizes = np.where(at_edge, 0, sizes)
    return np.isin(patches, 1 + np.flatnonzero(sizes >= SPECK * sizes.max()))


def _brighten(ink: np.ndarray, noise: float, mask: np.ndarray) -> np.ndarray:
    """Bring the strokes to 1 and the paper to 0; the soft rims of the strokes are kept."""
    from scipy import ndimage

    reach = max(1, round(max(ink.shape) / 100))
    near = ndimage.binary_dilation(mask, iterations=2 * reach)
    full = np.percentile(ink[mask], 75)
    floor = min(2 * noise, full / 2)
    return np.where(near, (ink - floor) / (full - floor), 0).clip(0, 1)


def _crop(ink: np.ndarray) -> np.ndarray:
    """Cut away everything around the digit."""
    rows, columns = (np.flatnonzero((ink > 0.1).any(axis=axis)) for axis in (1, 0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _thicken(ink: np.ndarray) -> np.ndarray:
    """Draw thin pen lines thicker, since scaling down would fade them away.

    A line's width is the digit's area divided by the length of its skeleton.
    """
    from scipy import ndimage
    from skimage.morphology import disk, skeletonize

    mask = ink > 0.5
    width = mask.sum() / max(skeletonize(mask).sum(), 1)
    lacking = THINNEST * max(ink.shape) / BOX - width
    radius = round(lacking / 2)
    if radius < 1:
        return ink
    return ndimage.grey_dilation(np.pad(ink, radius), footprint=disk(radius))


def _fit_into_box(ink: np.ndarray) -> np.ndarray:
    """Scale the digit so that its longer side has 20 pixels; each new pixel averages old ones."""
    from PIL import Image

    height, width = (max(1, round(side * BOX / max(ink.shape))) for side in ink.shape)
    scaled = Image.fromarray(ink.astype(np.float32)).resize((width, height), Image.Resampling.BOX)
    pixels = np.asarray(scaled)
    return np.rint(255 * pixels / pixels.max()).astype(np.uint8)


def _centre(digit: np.ndarray) -> np.ndarray:
    """Place the digit so that its centre of mass comes to the middle of the frame."""
    places = np.indices(digit.shape)
    centre = (places * digit).sum(axis=(1, 2)) / digit.sum()
    top, left = (
        int(np.clip(round(CENTRE - middle), 0, FRAME - side))
        for middle, side in zip(centre, digit.shape, strict=True)
    )
    frame = np.zeros((FRAME, FRAME), dtype=np.uint8)
    frame[top : top + digit.shape[0], left : left + digit.shape[1]] = digit
    return frame
