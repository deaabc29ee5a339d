"""Are these the book's pictures? Compare the mean colour of each with that of the book's.

Kaggle's and Microsoft's archives, and the many copies of them, number the same pictures in the same
way; other collections use the same names for other pictures. ``book_pictures.npy`` holds the mean
red, green and blue of every picture that the book uses, numbers 0 to 2,499 of each class. A mean
colour hardly changes when a picture is scaled, saved again or turned by 90 degrees.

Measured on 5,000 copies and 2,000 originals of the book's pictures, scaled to 150x150, 180x180 and
200x200 pixels with either method: no channel of a right picture is off by more than 2.9 of 255,
while 0.3% of the pairs of different pictures agree within the tolerance of 3. In images that are
smaller than 75x75 pixels a few right pictures fail, 0.5% to 0.8% at 30x30.
"""

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from chollet_cnn.data.decoded import on_every_core
from chollet_cnn.data.decoding import read_image
from chollet_cnn.data.layouts import CLASSES, Picture

COUNT = 2500  # pictures of each class that the book uses: all three editions stay below this number
TOTAL = len(CLASSES) * COUNT
TOLERANCE = 3  # grey levels of 255, in each channel
ENOUGH = 0.95  # of the pictures must match to be called the book's
DRAFT = (64, 64)  # (width, height): no JPEG is decoded smaller than this
BATCH = 256  # images in memory at a time


@cache
def table() -> np.ndarray:
    """Return the book's mean colours: ``(2, 2500, 3)`` uint8, cats and then dogs, by number."""
    return np.load(Path(__file__).with_suffix(".npy"), allow_pickle=False)


def mean_colours(images: np.ndarray) -> np.ndarray:
    """Return the mean of each channel of ``(n, height, width, 3)`` uint8 images: ``(n, 3)``."""
    count, height, width, channels = images.shape
    columns = images.reshape(count, height, width * channels).sum(axis=1, dtype=np.uint32)
    return columns.reshape(count, width, channels).sum(axis=1) / (height * width)


def count_in_images(pictures: Sequence[Picture], images: np.ndarray) -> int:
    """Count the images that look like the book's pictures of the same class and number."""
    places = [place for place, picture in enumerate(pictures) if picture.number < COUNT]
    batches = [places[start : start + BATCH] for start in range(0, len(places), BATCH)]
    return sum(
        _count_matches([pictures[place] for place in batch], mean_colours(images[batch]))
        for batch in batches
    )


def _count_matches(pictures: Sequence[Picture], mean_colours: np.ndarray) -> int:
    places = np.array([(CLASSES.index(p.kind), p.number) for p in pictures], dtype=int)
    expected = table()[tuple(places.reshape(-1, 2).T)]
    return int((np.abs(mean_colours - expected) <= TOLERANCE).all(axis=1).sum())


def count_in_archive(archive: Path, pictures: Sequence[Picture]) -> int:
    """Count the pictures in an archive that look like the book's, without keeping the images.

    Args:
        archive: the zip file or folder.
        pictures: its pictures, as :func:`chollet_cnn.data.archives.find` returns them.
    """
    known = [picture for picture in pictures if picture.number < COUNT]
    means = on_every_core(_mean_colour, archive, known, "comparing with the book's", stays=False)
    return _count_matches(known, np.reshape(list(means), (-1, 3)))


def absent(pictures: Sequence[Picture]) -> list[tuple[str, int]]:
    """List the class and number of each of the book's pictures that is not among some pictures."""
    known = {(picture.kind, picture.number) for picture in pictures}
    return [
        (kind, number) for number in range(COUNT) for kind in CLASSES if (kind, number) not in known
    ]


def describe(match: int, of: int) -> str:
    """Say in a few words whether pictures are the book's.

    >>> describe(4993, 5000)
    "the book's pictures: 4,993 of 5,000 match"
    >>> describe(12, 4000)
    "not the book's pictures: 12 of 4,000 match"
    """
    if not of:
        return "none of the book's pictures"
    negation = "" if match >= ENOUGH * of else "not "
    return f"{negation}the book's pictures: {match:,} of {of:,} match"


def describe_fingerprint(fingerprint: dict[str, Any]) -> str | None:
    """Say of a run's data whether it is the book's; ``None`` for a fingerprint that does not tell.

    Args:
        fingerprint: that of a :class:`chollet_cnn.data.Dataset`, also as read from a run's JSON.
    """
    counts = fingerprint.get("book_pictures")
    if not counts or not counts["of"]:
        return None
    words = describe(counts["match"], counts["of"])
    return f"{words}; not the book's split" if fingerprint.get("split") == "folders" else words


def _mean_colour(read: Callable[[str], bytes], picture: Picture) -> np.ndarray:
    """Decode a picture and return its mean colour, NaN if it cannot be decoded."""
    result = read_image(read, picture.file, DRAFT)
    return np.full(3, np.nan) if isinstance(result, str) else mean_colours(result[1][np.newaxis])[0]
