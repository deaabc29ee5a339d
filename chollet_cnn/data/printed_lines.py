"""Remove what is printed on paper from the mask of its ink: ruled lines, boxes and underlines."""

from functools import lru_cache

import numpy as np
from scipy import ndimage
from skimage.measure import LineModelND, label, ransac, regionprops
from skimage.transform import hough_line

from chollet_cnn.data import paper

THICKEST_LINE = 0.04  # of the longer side; a ruled line is not thicker
EDGE = 0.02  # of the image's width: a ruled line ends at most this far from the image's edge ...
BEYOND = 0.04  # ... and at least this far beyond what is written
ANGLES = np.radians(90 + np.arange(-8, 8.01, 0.25))  # of lines that are nearly horizontal


def without_ruled_lines(mask: np.ndarray) -> np.ndarray:
    """Remove straight lines that run from one side of the image to the other.

    The strokes that cross a line are kept whole: of a line only the parts are removed that are as
    thin as the line itself. A stroke that spans a closely cropped image is not a ruled line.
    """
    level = _horizontal_lines(mask)
    upright = _horizontal_lines((mask & (level == 0)).T)
    others = mask & (level == 0) & (upright.T == 0)
    kept = mask & ~_ruled(level, others) & ~_ruled(upright, others.T).T
    if kept.sum() > 0.1 * mask.sum():
        return _without_rungs(kept, mask & ~kept)
    # Nothing but lines; a single one is a 1 that reaches from edge to edge.
    return mask if label(mask, connectivity=2).max() == 1 else np.zeros_like(mask)


def _horizontal_lines(mask: np.ndarray) -> np.ndarray:
    """Number the thin, straight, nearly level lines that span the image; all else is 0."""
    thicker = ndimage.binary_dilation(mask, structure=np.ones((3, 1)))
    votes, _, distances = hough_line(thicker, theta=ANGLES)
    lengths = _lengths_of_lines(mask.shape)
    full = (votes > 0.9 * lengths) & (lengths > 0.8 * mask.shape[1])
    if not full.any():
        return np.zeros(mask.shape, dtype=int)
    best = full.sum(axis=0).argmax()
    y, x = np.indices(mask.shape)
    place = np.rint(x * np.cos(ANGLES[best]) + y * np.sin(ANGLES[best]) - distances[0]).astype(int)
    numbers, _ = ndimage.label(full[:, best])
    lines = np.where(mask, numbers[place.clip(0, len(distances) - 1)], 0)
    runs, _ = ndimage.label(mask, structure=[[0, 1, 0], [0, 1, 0], [0, 1, 0]])
    lengths = np.bincount(runs.ravel())
    thickness = np.median(lengths[runs[lines > 0]]) if lines.any() else np.inf
    if thickness > max(2, THICKEST_LINE * max(mask.shape)):
        return np.zeros_like(lines)
    of_line = np.zeros(len(lengths), dtype=int)  # the line that each run of pixels touches, or 0
    touching = ndimage.grey_dilation(lines, footprint=np.ones((3, 1)))
    np.maximum.at(of_line, runs[mask], touching[mask])
    return np.where(lengths <= 1.6 * thickness + 1, of_line, 0)[runs]


def _ruled(lines: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Mark which numbered lines are ruled: all of three or more, else those that cannot be strokes.

    A stroke ends where its digit does, at one end at least. A ruled line runs from one edge of the
    image to the other and, at both ends, beyond what is written.
    """
    spans = {n: place[1] for n, place in enumerate(ndimage.find_objects(lines), 1) if place}
    columns = np.nonzero(others)[1]
    if len(spans) >= 3 or not len(columns):
        return lines > 0
    width = lines.shape[1]
    written = np.percentile(columns, [1, 99])  # specks do not count
    first = min(EDGE * width, written[0] - BEYOND * width)
    last = max((1 - EDGE) * width - 1, written[1] + BEYOND * width)
    ruled = [n for n, span in spans.items() if span.start <= first and span.stop - 1 >= last]
    return np.isin(lines, ruled)


@lru_cache(maxsize=8)
def _lengths_of_lines(shape: tuple[int, int]) -> np.ndarray:
    """Return how many pixels each line across an image has, by its distance and angle."""
    lengths, *_ = hough_line(np.ones(shape, dtype=bool), theta=ANGLES)
    return lengths


def _without_rungs(mask: np.ndarray, lines: np.ndarray) -> np.ndarray:
    """Remove bars that reach from one line to the next in several rows, as the joints of bricks do.

    A digit that is written between two lines is in one row, or does not touch both.
    """
    patches = label(mask, connectivity=2)
    near = ndimage.binary_dilation(lines, iterations=3)
    margin = 0.03 * len(mask)
    rungs = {}  # the label of each, and its upper end
    for region in regionprops(patches):
        top, left, bottom, right = region.bbox
        touched = (region.image & near[top:bottom, left:right]).any(axis=1)
        part = max(3, 2 * (bottom - top) // 5)
        ends = (
            touched[:part].any() or top < margin,
            touched[-part:].any() or bottom > len(mask) - margin,
        )
        narrow = region.area < 0.4 * (bottom - top) ** 2
        if narrow and all(ends) and not touched[part:-part].any():
            rungs[region.label] = top, bottom - top
    tops = [top for top, _ in rungs.values()]
    several_rows = rungs and np.ptp(tops) > max(height for _, height in rungs.values()) / 2
    return mask & ~np.isin(patches, list(rungs)) if several_rows else mask


def without_boxes(mask: np.ndarray) -> np.ndarray:
    """Keep what is written inside printed boxes, where there are any, and remove the boxes.

    An empty box is not a 0: of MNIST's zeros none fills more than 0.84 of its rectangle.
    """
    patches = label(mask, connectivity=2)
    inside, outside = np.zeros_like(mask), mask.copy()
    for region in regionprops(patches):
        if region.area > 0.35 * region.area_filled or region.area_filled < 0.02 * mask.size:
            continue
        filled = np.zeros_like(mask)
        filled[region.slice] = region.image_filled
        height, width = region.image.shape
        # The image does not cut a box off, so there is room for the whole rectangle at any angle.
        roomy = np.pad(region.image_filled, ((width // 2 + 2,) * 2, (height // 2 + 2,) * 2))
        if paper.rectangularity(roomy) < paper.RECTANGULAR:
            continue
        line = filled & (patches == region.label)
        thickness = 2 * np.median(ndimage.distance_transform_edt(line)[line])
        inner = paper.shrink_mask(filled, round(2 * thickness) + 2)
        written = mask & inner & (patches != region.label)
        if written.sum() < 0.05 * region.area:  # the digit touches its box
            written = mask & inner
        if written.sum() >= 0.05 * region.area:
            inside |= written
        outside &= patches != region.label
    return inside if inside.any() else outside


def without_underline(mask: np.ndarray) -> np.ndarray:
    """Remove a straight, nearly level line below everything else, or one that a digit touches."""
    regions = regionprops(label(mask, connectivity=2))
    tallest = max((np.ptp(region.coords[:, 0]) for region in regions), default=0)
    kept = mask.copy()
    for region in regions:
        level = abs(abs(region.orientation) - np.pi / 2) < np.radians(15)
        thin = region.axis_major_length > 8 * max(region.axis_minor_length, 1)
        if not (level and thin) or np.ptp(region.coords[:, 0]) > 0.5 * tallest:
            continue
        others = kept.copy()
        others[tuple(region.coords.T)] = False
        rows = np.flatnonzero(others.any(axis=1))
        if len(rows) and region.centroid[0] > rows[0] + 0.7 * (rows[-1] - rows[0]):
            kept = others
    for region in regionprops(label(kept, connectivity=2)):
        kept[region.slice] &= ~(region.image & _base_line(region.image))
    return kept


def _base_line(patch: np.ndarray) -> np.ndarray:
    """Mark the thin straight line that a patch of ink stands on, if it goes beyond both its sides.

    The base of a 2 goes beyond one side, and is at most 2.5 times as wide as what is above it. The
    bar of a 5, apart from the rest, has nothing above it.
    """
    height, width = patch.shape
    columns, rows = np.arange(width), np.arange(height)[:, np.newaxis]
    from_below = patch[::-1]
    lowest = height - 1 - from_below.argmax(axis=0)
    gaps = np.logical_or.accumulate(from_below, axis=0) & ~from_below
    thickness = (from_below & ~np.logical_or.accumulate(gaps, axis=0)).sum(axis=0)
    points = np.column_stack([columns, lowest])
    if width < 10:
        return np.zeros_like(patch)
    model, on_line = ransac(
        points, LineModelND, min_samples=2, residual_threshold=1.5, max_trials=100, rng=0
    )
    if not model or on_line.mean() < 0.6:
        return np.zeros_like(patch)
    height_of_line = model.predict_y(columns)
    thick = np.median(thickness[on_line])
    band = (rows > height_of_line - thick - 2) & (rows < height_of_line + 3)
    heights, body = np.nonzero(patch & ~band)
    if not len(body) or np.ptp(heights) < 3 * thick:
        return np.zeros_like(patch)
    left, right = body.min(), width - 1 - body.max()
    beyond = min(left, right) > max(0.05 * width, 2 * thick) or left + right > 1.5 * np.ptp(body)
    line = band & (on_line | (thickness <= 2 * thick))  # where a stroke crosses it, it stays
    level = abs(np.ptp(height_of_line)) < 0.15 * width
    stands = np.mean(heights > height_of_line[body]) <= 0.5  # the stem of a 7 hangs from its bar
    return line & (level and beyond and stands)
