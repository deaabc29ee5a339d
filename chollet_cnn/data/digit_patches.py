"""Put patches of ink that make a digit together, and tell digits from other marks by shape."""

from itertools import pairwise

import numpy as np
from PIL import Image
from scipy import ndimage
from skimage.measure import label, regionprops
from skimage.morphology import skeletonize

from chollet_cnn.errors import UserError

SPECK = 0.05  # a patch of ink smaller than this share of the largest one is dirt
UNEVEN_PAPER = 0.15  # what the paper around a digit may differ from even, as a share of its ink
UNEVEN_STROKES = 0.62  # standard deviation of a stroke's width, as a share of its mean
MOST_DIGITS = 30
NOT_DIGITS = (
    "no digit found in the image: it looks like text, a pattern or a picture, so crop it to the "
    "digits"
)


def group_into_digits(mask: np.ndarray, strength: np.ndarray) -> list[np.ndarray]:
    """Put patches of ink together that make one digit.

    Two patches belong together if one is above the other and near it, as the bar of a 5 is, or if
    one is much smaller and near.

    Args:
        mask: ``(height, width)`` bool, true where ink is.
        strength: ``(height, width)``, how far each pixel differs from the paper.

    Returns:
        One mask for each digit, in reading order.

    Raises:
        UserError: there are too many, or most of them are not drawn with strokes.
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
    """Tell a digit from a blot, a silhouette and the texture of a photograph.

    Its widest stroke is much shorter than the digit, its strokes are about equally wide, and most
    of what surrounds it is even paper.
    """
    places = np.argwhere(mask)
    (top, left), (bottom, right) = places.min(axis=0), places.max(axis=0) + 1
    longest = max(bottom - top, right - left)
    padded = np.pad(mask, 1)
    radius = ndimage.distance_transform_edt(padded)
    on_skeleton = radius[skeletonize(padded)]
    full = np.percentile(strength[mask], 75)
    margin = max(4, round(0.15 * longest))
    around = np.zeros_like(mask)
    around[max(0, top - margin) : bottom + margin, max(0, left - margin) : right + margin] = True
    around &= ~ndimage.binary_dilation(all_ink, iterations=4)
    rest = np.percentile(np.abs(strength[around]), 75) if around.any() else 0
    return (
        2 * radius.max() < 0.75 * longest
        and on_skeleton.std() < UNEVEN_STROKES * on_skeleton.mean()
        and rest < UNEVEN_PAPER * full
    )


def _in_reading_order(masks: list[np.ndarray]) -> list[np.ndarray]:
    """Sort row by row, from left to right; a row is what overlaps in height."""
    rows: list[list[tuple[float, int, np.ndarray]]] = []  # column, lowest row of pixels, mask
    for mask in sorted(masks, key=ndimage.center_of_mass):
        height, column = ndimage.center_of_mass(mask)
        found = (column, np.flatnonzero(mask.any(axis=1))[-1], mask)
        for row in rows:
            # A row may rise or fall, so that its nearest digit tells.
            _, bottom, _ = min(row, key=lambda other: abs(other[0] - column))
            if height < bottom:
                row.append(found)
                break
        else:
            rows.append([found])
    return [mask for row in rows for _, _, mask in sorted(row, key=lambda found: found[0])]


def is_shaped_like_a_digit(image: np.ndarray) -> bool:
    """Tell a digit from a word, a blot, a block and a piece of texture, by shape alone.

    Of the 10,000 digits in MNIST's test set 9 fail.

    Args:
        image: ``(28, 28)`` uint8, light ink on a dark background, in MNIST's frame.
    """
    large = [4 * side for side in image.shape]
    ink = np.asarray(Image.fromarray(image).resize(large, Image.Resampling.BICUBIC))
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
