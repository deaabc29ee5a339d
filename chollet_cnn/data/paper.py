"""Find the ink in a photograph of paper: the sheet first, then what differs from it in colour.

Images are ``(height, width, 3)`` floats, 0..1. Ink is whatever differs from the paper around it, so
that red on green, chalk on a board and pen on paper are one case.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy import ndimage
from scipy.spatial import ConvexHull
from skimage.filters import threshold_otsu
from skimage.measure import label, regionprops

WORKING_SIZE = 400  # pixels of the longer side, at which ink is looked for
SHEET_SIZE = 200  # pixels of the longer side, at which the sheet is looked for
RECTANGULAR = 0.88  # share of its bounding rectangle that a sheet or a printed box fills
DISTINCT = 0.12  # difference in colour, of 1 from black to white, between a sheet and the table
SURROUNDINGS = 0.25  # a patch with this share of its outline on an edge comes in from beyond it


@dataclass(frozen=True)
class Ink:
    """How far each pixel differs from the paper, in the direction of the ink's colour."""

    strength: np.ndarray
    """``(height, width)``, 0 on the paper; 1 is the distance from black to white."""
    noise: float
    """Standard deviation of the paper's own unevenness, in the same unit."""
    one_paper: float
    """Share of the image's frame that is explained by a single, smoothly lit paper."""


def shrink(image: np.ndarray, size: int = WORKING_SIZE) -> np.ndarray:
    """Scale ``(height, width, 3)`` uint8 down to at most ``size`` pixels, as floats 0..1."""
    picture = Image.fromarray(image)
    picture.thumbnail((size, size), Image.Resampling.BICUBIC)
    return np.asarray(picture, dtype=np.float64) / 255


def cut_out_sheet(image: np.ndarray) -> tuple[np.ndarray, tuple[int, int]]:
    """Crop a photograph to the sheet of paper that carries the ink.

    Args:
        image: ``(height, width, 3)`` uint8.

    Returns:
        The sheet, with the table in its corners painted over by the paper beside it, and the column
        and row of its first pixel in the photograph; the image itself where no sheet stands out.
    """
    sheet = _find_sheet(shrink(image, SHEET_SIZE))
    if sheet is None:
        return image, (0, 0)
    height, width = image.shape[:2]
    sheet = np.asarray(Image.fromarray(sheet).resize((width, height), Image.Resampling.NEAREST))
    rows, columns = (np.flatnonzero(sheet.any(axis=axis)) for axis in (1, 0))
    place = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    cropped, inside = image[place], sheet[place]
    nearest = ndimage.distance_transform_edt(~inside, return_distances=False, return_indices=True)
    return cropped[tuple(nearest)], (int(columns[0]), int(rows[0]))


def _find_sheet(image: np.ndarray) -> np.ndarray | None:
    """Mark the pixels of the sheet, a rectangle of one colour with ink on it."""
    size = round(0.12 * max(image.shape))
    if size < 5:
        return None
    without_ink = _remove_dark_strokes(image, size)
    values = _project(without_ink - without_ink.mean(axis=(0, 1)))
    if np.ptp(values) < DISTINCT:
        return None
    light = values > threshold_otsu(values)
    if abs(np.median(values[light]) - np.median(values[~light])) < DISTINCT:
        return None
    found, best = None, 0.0
    for side in (light, ~light):
        for region in regionprops(label(side, connectivity=1)):
            if not 0.02 < region.area_filled / side.size < 0.97:
                continue
            filled = np.zeros_like(side)
            filled[region.slice] = region.image_filled
            contrast = _ink_on_sheet(image, filled)
            if contrast > best and rectangularity(filled) > RECTANGULAR:
                found, best = filled, contrast
    return None if found is None else shrink_mask(found, 2)


def _ink_on_sheet(image: np.ndarray, sheet: np.ndarray) -> float:
    """Return how much the ink on a sheet differs from its paper; 0 where it is not a sheet.

    A sheet is mostly paper, is paper along its whole edge, ends at a sharp edge and carries ink
    that does not run across that edge, as it does across the edge of a shadow.
    """
    inner = shrink_mask(sheet, 2)
    edge = inner & ~shrink_mask(sheet, 4)
    outside = ndimage.binary_dilation(sheet, iterations=4) & ~ndimage.binary_dilation(
        sheet, iterations=2
    )
    if not edge.any() or not outside.any():
        return 0
    paper, table = np.median(image[edge], axis=0), np.median(image[outside], axis=0)
    from_paper = _norm(image - paper)
    step = _norm(table - paper)
    ink = from_paper > max(0.1, 0.3 * step if step < 0.4 else 0.12)
    mostly_paper = not ink[inner].mean() > 0.45 and not ink[edge].mean() > 0.15
    patches = label(ink & inner, connectivity=2)
    at_edge = outline_share(patches, inner & ndimage.binary_dilation(~inner)) > SURROUNDINGS
    enclosed = (patches > 0) & ~at_edge[patches]
    if step < DISTINCT or not mostly_paper or enclosed.sum() < 0.002 * inner.sum():
        return 0
    # Along the edge of a shadow there is ink just inside exactly where there is ink just outside.
    from_table = _norm(image - table)
    across = ndimage.binary_dilation(ink & edge, iterations=6) & outside
    crossing = (across & (from_table > 0.5 * step)).sum() > 0.3 * max(across.sum(), 1)
    if across.sum() > 4 and crossing:
        return 0
    return float(np.percentile(from_paper[enclosed], 75))


def outline_share(patches: np.ndarray, border: np.ndarray) -> np.ndarray:
    """Return for each label, from 0 on, the share of its outline that coincides with a border."""
    inked = patches > 0
    outline = inked & ~ndimage.binary_erosion(inked)
    count = patches.max() + 1
    on_border = np.bincount(patches[inked & border], minlength=count)
    return on_border / np.maximum(np.bincount(patches[outline], minlength=count), 1)


def rectangularity(mask: np.ndarray) -> float:
    """Return the share that a shape fills of the tightest rectangle around it, at any angle.

    Of a rectangle that reaches beyond the image only the part inside counts.
    """
    points = np.argwhere(mask & ~ndimage.binary_erosion(mask))
    if len(points) < 8 or np.ptp(points, axis=0).min() < 3:
        return 0
    corners = points[ConvexHull(points, qhull_options="QJ").vertices]
    edges = np.roll(corners, -1, axis=0) - corners
    angles = np.unique(np.rint(np.degrees(np.arctan2(edges[:, 0], edges[:, 1]))) % 90)
    y, x = np.indices(mask.shape, sparse=True)
    area, best = mask.sum(), 0.0
    for angle in np.radians(angles):
        inside = np.ones(mask.shape, dtype=bool)
        for down, across in (
            (np.cos(angle), -np.sin(angle)),
            (np.sin(angle), np.cos(angle)),
        ):
            along = corners @ (down, across)
            position = y * down + x * across
            inside &= (position >= along.min() - 0.5) & (position <= along.max() + 0.5)
        best = max(best, area / inside.sum())
    return best


def separate_ink(image: np.ndarray) -> Ink:
    """Take the paper away, and the shadows on it: what is left is the ink.

    Where the image's frame shows paper of two brightnesses, a hard shadow falls on it. A closing
    (the darkest thing that is wider than a stroke) then gives the paper's own brightness.
    """
    ink = _subtract_paper(image)
    if ink.one_paper < 0.75:
        size = round(max(image.shape) / 4)
        light = _remove_dark_strokes(ndimage.median_filter(image, size=(3, 3, 1)), size)
        # One pixel less of light, since the two edges of a shadow never coincide exactly.
        light = ndimage.grey_erosion(light, size=(3, 3, 1))
        flat = _subtract_paper(np.minimum(image / np.maximum(light, 0.05), 1))
        if flat.one_paper > ink.one_paper:
            return flat
    return ink


def _remove_dark_strokes(image: np.ndarray, size: int) -> np.ndarray:
    """Close each channel with a square wider than the strokes; the paper goes on past the frame."""
    padded = np.pad(image, ((size, size), (size, size), (0, 0)), mode="edge")
    return ndimage.grey_closing(padded, size=(size, size, 1))[size:-size, size:-size]


def _subtract_paper(image: np.ndarray) -> Ink:
    """Fit a gently curved surface to each channel of the paper, and subtract it.

    The fit starts from the colour along the image's frame, and is repeated without the pixels that
    are far off it, which are ink.
    """
    height, width = image.shape[:2]
    rows, columns = np.linspace(-1, 1, height), np.linspace(-1, 1, width)
    y, x = (axis.ravel() for axis in np.meshgrid(rows, columns, indexing="ij"))
    terms = np.stack([np.ones_like(x), x, y, x * y, x * x, y * y], axis=1)
    values = image.reshape(-1, 3)
    ring = np.ones((height, width), dtype=bool)
    inset = max(1, round(max(height, width) / 100))
    ring[inset:-inset, inset:-inset] = False
    ring = ring.ravel()
    some = slice(None, None, max(1, len(values) // 20_000))  # enough for six numbers a channel
    sample, sample_terms = values[some], terms[some]
    distance = _norm(sample - np.median(values[ring], axis=0))
    paper = distance <= max(0.25, np.quantile(distance, 0.1))  # a chessboard has no middle colour
    for _ in range(6):
        surface, *_ = np.linalg.lstsq(sample_terms[paper], sample[paper], rcond=None)
        distance = _norm(sample - sample_terms @ surface)
        noise = 1.4826 * np.median(distance[paper])
        closer = distance <= max(2.5 * noise, 0.02)
        if closer.sum() < 50:  # nothing left to fit: the last surface is as good as any
            break
        paper = closer
    difference = values - terms @ surface
    distance = _norm(difference)
    far = distance > max(4 * noise, 0.04)
    strength = _project(difference, difference[far] if far.any() else difference)
    one_paper = np.mean(distance[ring] <= max(4 * noise, 0.06))
    spread = 1.4826 * np.median(np.abs(strength[some][paper]))
    return Ink(strength.reshape(height, width), float(spread), float(one_paper))


def _norm(difference: np.ndarray) -> np.ndarray:
    return np.sqrt(np.einsum("...c,...c", difference, difference) / 3)


def _project(difference: np.ndarray, sample: np.ndarray | None = None) -> np.ndarray:
    """Project colour differences on the direction in which a sample of them differs most."""
    sample = (difference if sample is None else sample).reshape(-1, 3)
    _, axes = np.linalg.eigh(sample.T @ sample)
    axis = axes[:, -1]
    if (sample @ axis).sum() < 0:
        axis = -axis
    return difference @ axis / np.sqrt(3)


def shrink_mask(mask: np.ndarray, pixels: int) -> np.ndarray:
    """Erode a mask; the image's frame is not an edge of it."""
    return ndimage.binary_erosion(mask, iterations=pixels, border_value=1)
