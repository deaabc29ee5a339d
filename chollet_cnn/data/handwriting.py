"""Find handwritten digits in a photograph, and bring each to MNIST's look."""

from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy import ndimage
from skimage.filters import apply_hysteresis_threshold, gaussian, threshold_otsu
from skimage.measure import label, regionprops
from skimage.morphology import disk, skeletonize

from chollet_cnn.data import paper, printed_lines
from chollet_cnn.data.digit_patches import (
    NOT_DIGITS,
    SPECK,
    group_into_digits,
    is_shaped_like_a_digit,
)
from chollet_cnn.errors import UserError

FRAME = 28  # MNIST's images are 28x28 pixels ...
BOX = 20  # ... and the digit fits into a box of 20x20 in them,
CENTRE = 14  # its centre of mass on the pixel in row 14 and column 14.
THINNEST, THICKEST = 2.0, 5.5  # pixels: strokes in that box are drawn at least and at most so wide
FAINTEST = 0.08  # ink must differ from paper by this much of the way from black to white ...
CLEAREST = 4.0  # ... and by this many times the paper's own unevenness
AS_TALL = 0.6  # of the digits' median height: taller ink that is not a digit is an error
NOTHING = "no digit found in the image: take one of dark ink on plain light paper"
TOUCHING = (
    "some ink as tall as the digits does not look like a digit: leave a gap between digits, or "
    "crop the image to them"
)


@dataclass(frozen=True)
class Digit:
    """A handwritten digit that was found in a photograph."""

    image: np.ndarray
    """``(28, 28, 1)`` uint8, light ink (255) on a dark background (0), as in MNIST."""
    box: tuple[int, int, int, int]
    """Left, top, right and bottom edge in pixels of the photograph."""


def find_digits(image: np.ndarray) -> list[Digit]:
    """Find the handwritten digits in a photograph, scan or drawing.

    The sheet of paper is found first, then the ink on it by its distance in colour from the paper,
    without ruled lines, printed boxes and underlines. Patches of ink that belong together make one
    digit, and each digit is brought to MNIST's look by MNIST's own steps: scaled into a box of
    20x20 pixels with its proportions kept, then placed by its centre of mass.

    Args:
        image: ``(height, width, 3)``, ``(height, width, 1)`` or ``(height, width)`` uint8, of any
            size; ink of any colour on paper of any other.

    Returns:
        The digits row by row, from left to right.

    Raises:
        UserError: no ink stands out from the paper, or some of it does not look like digits.

    Source: LeCun, Cortes, Burges, "The MNIST database of handwritten digits", for the last steps.
    """
    image = image.squeeze(-1) if image.shape[2:] == (1,) else image
    image = np.dstack([image] * 3) if image.ndim == 2 else image
    sheet, (x, y) = paper.cut_out_sheet(image)
    small = paper.shrink(sheet)
    ink = paper.separate_ink(small)
    mask = _find_strokes(ink)
    scale = max(sheet.shape) / max(small.shape)
    digits, others = [], []
    for patch in group_into_digits(mask, ink.strength):
        cropped, (top, left, bottom, right) = _crop(_brighten(ink, patch, mask & ~patch))
        box = (
            x + round(left * scale),
            y + round(top * scale),
            x + min(sheet.shape[1], round(right * scale)),
            y + min(sheet.shape[0], round(bottom * scale)),
        )
        pixels = _centre(_fit_into_box(_even_out_width(cropped)))
        if is_shaped_like_a_digit(pixels):
            digits.append(Digit(pixels[..., np.newaxis], box))
        else:
            others.append(box)
    if len(others) >= len(digits) or len(others) >= max(2, len(digits) / 3):
        raise UserError(NOT_DIGITS)
    height = np.median([one.box[3] - one.box[1] for one in digits])
    if any(bottom - top > AS_TALL * height for _, top, _, bottom in others):
        raise UserError(TOUCHING)
    return digits


def as_digit(image: np.ndarray) -> np.ndarray:
    """Bring a photograph or scan of one handwritten digit to MNIST's look.

    Args:
        image: as for :func:`find_digits`.

    Returns:
        ``(28, 28, 1)`` uint8, light ink (255) on a dark background (0).

    Raises:
        UserError: no digit is found, or several are.
    """
    digits = find_digits(image)
    if len(digits) > 1:
        raise UserError(f"there are {len(digits)} digits in the image: crop it to one of them")
    return digits[0].image


def _find_strokes(ink: paper.Ink) -> np.ndarray:
    """Mark the pixels of the digits: clearly ink, and no dirt, line, box or table.

    Raises:
        UserError: nothing stands out from the paper.
    """
    smooth = gaussian(ink.strength.clip(0), sigma=max(ink.strength.shape) / 200)  # grain is not ink
    clear = threshold_otsu(smooth)
    # Faint stretches of a stroke count where they go on from clear ones.
    mask = apply_hysteresis_threshold(smooth, max(clear / 2, CLEAREST * ink.noise), clear)
    contrast = smooth[mask].mean() - np.median(smooth[~mask]) if 0 < mask.mean() < 1 else 0
    if contrast < max(FAINTEST, CLEAREST * ink.noise):
        raise UserError(NOTHING)
    mask = printed_lines.without_boxes(printed_lines.without_ruled_lines(mask))
    mask = _without_dirt(printed_lines.without_underline(_without_dirt(mask)))
    if not mask.any():
        raise UserError(NOTHING)
    return mask


def _without_dirt(mask: np.ndarray) -> np.ndarray:
    """Remove specks, and the table or shadow that comes in from the image's frame."""
    patches = label(mask, connectivity=2)
    regions = regionprops(patches)
    frame = np.ones_like(mask)
    frame[1:-1, 1:-1] = False
    at_edge = paper.outline_share(patches, frame) > paper.SURROUNDINGS
    regions = [region for region in regions if not at_edge[region.label]] or regions
    largest = max((region.area for region in regions), default=0)
    return np.isin(patches, [r.label for r in regions if r.area >= SPECK * largest])


def _brighten(ink: paper.Ink, mask: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Bring the strokes to 1 and the paper to 0; the soft rims of the strokes are kept."""
    reach = max(1, round(max(mask.shape) / 100))
    near = ndimage.binary_dilation(mask, iterations=2 * reach) & ~others
    full = np.percentile(ink.strength[mask], 75)
    floor = min(2 * ink.noise, full / 2)
    return np.where(near, (ink.strength - floor) / (full - floor), 0).clip(0, 1)


def _crop(ink: np.ndarray) -> tuple[np.ndarray, tuple[int, int, int, int]]:
    """Cut away everything around the digit; return it and its top, left, bottom and right."""
    rows, columns = (np.flatnonzero((ink > 0.1).any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        raise UserError(NOTHING)
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    return ink[top:bottom, left:right], (top, left, bottom, right)


def _even_out_width(ink: np.ndarray) -> np.ndarray:
    """Draw thin pen lines thicker, since scaling down would fade them, and thick ones thinner.

    A stroke's width is the digit's area divided by the length of its skeleton.
    """
    mask = ink > 0.5
    width = mask.sum() / max(skeletonize(mask).sum(), 1) * BOX / max(ink.shape)
    missing = np.clip(width, THINNEST, THICKEST) - width
    radius = round(abs(missing) / 2 * max(ink.shape) / BOX)
    if radius < 1:
        return ink
    padded = np.pad(ink, radius)
    if missing > 0:
        return ndimage.grey_dilation(padded, footprint=disk(radius))
    thinner = ndimage.grey_erosion(padded, footprint=disk(radius))
    return _crop(thinner)[0] if thinner.max() > 0.5 else ink


def _fit_into_box(ink: np.ndarray) -> np.ndarray:
    """Scale the digit so that its longer side has 20 pixels; each new pixel averages old ones."""
    height, width = (max(1, round(side * BOX / max(ink.shape))) for side in ink.shape)
    scaled = Image.fromarray(ink.astype(np.float32)).resize((width, height), Image.Resampling.BOX)
    pixels = np.asarray(scaled)
    return np.rint(255 * pixels / pixels.max()).astype(np.uint8)


def _centre(digit: np.ndarray) -> np.ndarray:
    """Place the digit so that its centre of mass comes to the middle of the frame."""
    centre = ndimage.center_of_mass(digit)
    top, left = (
        int(np.clip(round(CENTRE - middle), 0, FRAME - side))
        for middle, side in zip(centre, digit.shape, strict=True)
    )
    frame = np.zeros((FRAME, FRAME), dtype=np.uint8)
    frame[top : top + digit.shape[0], left : left + digit.shape[1]] = digit
    return frame
