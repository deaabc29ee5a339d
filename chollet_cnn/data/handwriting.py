"""Find handwritten digits in a photograph, and bring each to MNIST's look."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from PIL import Image
from scipy import ndimage
from skimage.filters import apply_hysteresis_threshold, gaussian, threshold_otsu
from skimage.measure import label, regionprops
from skimage.morphology import disk, skeletonize

from chollet_cnn.data import paper, printed_lines
from chollet_cnn.errors import UserError

__all__ = ["Digit", "as_digit", "find_digits"]

FRAME = 28  # MNIST's images are 28x28 pixels ...
BOX = 20  # ... and the digit fits into a box of 20x20 in them,
CENTRE = 14  # its centre of mass on the pixel in row 14 and column 14.
THINNEST, THICKEST = 2.0, 5.5  # pixels: strokes in that box are drawn at least and at most so wide
FAINTEST = 0.08  # ink must differ from paper by this much of the way from black to white ...
CLEAREST = 4.0  # ... and by this many times the paper's own unevenness
SPECK = 0.05  # a patch of ink smaller than this share of the largest one is dirt
UNEVEN = 0.15  # what the paper around a digit may differ from even, as a share of its ink
MOST_DIGITS = 30
NOTHING = "no digit found in the image: take one of dark ink on plain light paper"
NOT_DIGITS = (
    "no digit found in the image: it looks like text, a pattern or a picture, so crop it to the "
    "digits"
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
        UserError: no ink stands out from the paper, or it does not look like digits.

    Source: LeCun, Cortes, Burges, "The MNIST database of handwritten digits", for the last steps.
    """
    image = image.squeeze(-1) if image.shape[2:] == (1,) else image
    image = np.dstack([image] * 3) if image.ndim == 2 else image
    sheet = paper.cut_out_sheet(image)
    small = paper.shrink(sheet.image)
    ink = paper.separate_ink(small)
    mask = _find_strokes(ink)
    scale = max(sheet.image.shape) / max(small.shape)
    digits, others = [], 0
    for patch in _group(mask, ink.strength):
        cropped, (top, left, bottom, right) = _crop(_brighten(ink, patch, mask & ~patch))
        (x, y), far = sheet.corner, (sheet.image.shape[1], sheet.image.shape[0])
        box = (
            x + round(left * scale),
            y + round(top * scale),
            x + min(far[0], round(right * scale)),
            y + min(far[1], round(bottom * scale)),
        )
        pixels = _centre(_fit_into_box(_even_out_width(cropped)))
        if is_shaped_like_a_digit(pixels):
            digits.append(Digit(pixels[..., np.newaxis], box))
        else:
            others += 1
    if others >= len(digits) or others >= max(2, len(digits) / 3):
        raise UserError(NOT_DIGITS)
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


def is_shaped_like_a_digit(image: np.ndarray) -> bool:
    """Tell a digit from a word, a blot, a block and a piece of texture, by shape alone.

    Of the 10,000 digits in MNIST's test set 9 fail.

    Args:
        image: ``(28, 28)`` uint8, light ink on a dark background, in MNIST's frame.
    """
    ink = np.asarray(Image.fromarray(image).resize((4 * FRAME,) * 2, Image.Resampling.BICUBIC))
    mask = np.pad(ink > 110, 1)
    regions = regionprops(label(mask, connectivity=2))
    largest = max(region.area for region in regions)
    pieces = [region for region in regions if region.area >= SPECK * largest]
    top, left, bottom, right = _bounds(pieces)
    height, width = bottom - top, right - left
    longest = max(height, width)
    radius = ndimage.distance_transform_edt(mask)
    on_skeleton = radius[skeletonize(mask)]
    tall = sorted((p.bbox[1], p.bbox[3]) for p in pieces if _height(p) > 0.5 * height)
    uneven = on_skeleton.std() > 0.42 * on_skeleton.mean()
    block = mask.sum() > 0.85 * height * width and width > 0.4 * height
    return not (
        width > 2 * height  # a word
        or any(one[1] <= other[0] for one, other in pairwise(tall))  # letters side by side
        or len(pieces) > 5
        or (len(pieces) > 1 and uneven)  # blots
        or block
        or 2 * radius.max() > 0.68 * longest
        or len(on_skeleton) > 4 * longest  # a maze
    )


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


def _group(mask: np.ndarray, strength: np.ndarray) -> list[np.ndarray]:
    """Put patches of ink together that make one digit; return one mask for each digit.

    Two patches belong together if one is above the other and near it, as the bar of a 5 is, or if
    one is much smaller and near. The digits are in reading order.
    """
    patches = label(mask, connectivity=2)
    regions = sorted(regionprops(patches), key=lambda region: -_height(region))
    groups: list[list] = []
    for region in regions:
        near = [group for group in groups if _belongs(region, group)]
        if near:
            min(near, key=lambda group: _gap(region, group)).append(region)
        elif not groups or _height(region) >= 0.4 * _height(groups[0][0]):
            groups.append([region])
    if len(groups) > MOST_DIGITS:
        raise UserError(NOT_DIGITS)
    masks = [np.isin(patches, [region.label for region in group]) for group in groups]
    drawn = [one for one in masks if _is_drawn_with_strokes(one, mask, strength)]
    if len(drawn) <= len(masks) / 2:  # mostly texture
        raise UserError(NOT_DIGITS)
    return _in_reading_order(drawn)


def _height(region: object) -> int:
    return region.bbox[2] - region.bbox[0]


def _bounds(group: list) -> np.ndarray:
    boxes = np.array([region.bbox for region in group])
    return np.concatenate([boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)])


def _gaps(region: object, group: list) -> tuple[float, float]:
    """Return the vertical and horizontal gap; negative is how far the two overlap."""
    one, other = np.array(region.bbox), _bounds(group)
    gaps = np.maximum(one[:2], other[:2]) - np.minimum(one[2:], other[2:])
    return float(gaps[0]), float(gaps[1])


def _gap(region: object, group: list) -> float:
    return float(np.hypot(*np.maximum(_gaps(region, group), 0)))


def _belongs(region: object, group: list) -> bool:
    down, across = _gaps(region, group)
    tall = _bounds(group)[2] - _bounds(group)[0]
    small = _height(region) < 0.6 * tall
    width = region.bbox[3] - region.bbox[1]
    if across < -0.3 * width:  # above, below or within
        return down < 0.25 * tall
    return small and _gap(region, group) < 0.3 * tall


def _is_drawn_with_strokes(mask: np.ndarray, all_ink: np.ndarray, strength: np.ndarray) -> bool:
    """Tell a digit from a blot and from the texture of a photograph.

    Its widest stroke is much shorter than the digit, and most of what surrounds it is even paper.
    """
    places = np.argwhere(mask)
    (top, left), (bottom, right) = places.min(axis=0), places.max(axis=0) + 1
    longest = max(bottom - top, right - left)
    widest = 2 * ndimage.distance_transform_edt(np.pad(mask, 1)).max()
    full = np.percentile(strength[mask], 75)
    margin = max(4, round(0.15 * longest))
    around = np.zeros_like(mask)
    around[max(0, top - margin) : bottom + margin, max(0, left - margin) : right + margin] = True
    around &= ~ndimage.binary_dilation(all_ink, iterations=4)
    rest = np.percentile(np.abs(strength[around]), 75) if around.any() else 0
    return widest < 0.75 * longest and rest < UNEVEN * full


def _in_reading_order(masks: list[np.ndarray]) -> list[np.ndarray]:
    """Sort row by row, from left to right; a row is what overlaps in height."""
    rows: list[list[np.ndarray]] = []
    for mask in sorted(masks, key=lambda mask: _middle(mask)[0]):
        if rows and _middle(mask)[0] < np.flatnonzero(rows[-1][0].any(axis=1))[-1]:
            rows[-1].append(mask)
        else:
            rows.append([mask])
    return [mask for row in rows for mask in sorted(row, key=lambda mask: _middle(mask)[1])]


def _middle(mask: np.ndarray) -> np.ndarray:
    """Return the row and column of a mask's centre of mass."""
    return np.argwhere(mask).mean(axis=0)


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
    places = np.indices(digit.shape)
    centre = (places * digit).sum(axis=(1, 2)) / digit.sum()
    top, left = (
        int(np.clip(round(CENTRE - middle), 0, FRAME - side))
        for middle, side in zip(centre, digit.shape, strict=True)
    )
    frame = np.zeros((FRAME, FRAME), dtype=np.uint8)
    frame[top : top + digit.shape[0], left : left + digit.shape[1]] = digit
    return frame
