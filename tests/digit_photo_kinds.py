"""Draw handwritten digits as people photograph, scan, draw and export them, one function a kind.

Every kind takes a 28x28 digit (light on dark, as in MNIST) and a random generator, chooses sizes,
places, angles and colours anew each time, and returns a Pillow image.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image
from scipy import ndimage
from skimage.morphology import disk, skeletonize

from chollet_cnn.analysis import answers

WHITE, BLACK = (255, 255, 255), (0, 0, 0)
BLUE_INK, BLACK_INK = (30, 40, 120), (35, 33, 38)


def coverage(digit, random, size=400, sides=(200, 290), angle=6, margin=10):
    """Return how much ink covers each pixel of a square canvas, 0..1, with the digit inside."""
    side = int(random.integers(*sides))
    turned = Image.fromarray(digit).resize((side, side), Image.Resampling.BICUBIC)
    turned = turned.rotate(random.uniform(-angle, angle), Image.Resampling.BICUBIC)
    ink = cropped(np.asarray(turned, dtype=float) / 255)
    height, width = ink.shape
    top = random.integers(margin, max(margin + 1, size - height - margin))
    left = random.integers(margin, max(margin + 1, size - width - margin))
    canvas = np.zeros((size, size))
    canvas[top : top + height, left : left + width] = ink
    return canvas


def cropped(ink, margin=0):
    rows, columns = (np.flatnonzero((ink > 0.05).any(axis=axis)) for axis in (1, 0))
    inside = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return np.pad(inside, margin)


def paint(ink, paper=WHITE, pen=BLACK):
    """Mix the colours of pen and paper, as floats 0..255; the paper may be an image."""
    paper = np.broadcast_to(np.asarray(paper, dtype=float), (*ink.shape, 3))
    return paper + (np.asarray(pen, dtype=float) - paper) * ink[..., np.newaxis]


def finish(pixels, random, noise=0.0):
    pixels = pixels + random.normal(0, noise, pixels.shape) if noise else pixels
    return Image.fromarray(np.rint(pixels.clip(0, 255)).astype(np.uint8))


def lit_from_one_side(shape, random, strength=0.35):
    y, x = np.mgrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j]
    turn = random.uniform(0, 2 * np.pi)
    light = 1 - strength * (1 + np.cos(turn) * x + np.sin(turn) * y) / 2
    return light[..., np.newaxis]


def plain(digit, random, paper=WHITE, pen=BLACK, noise=0.0):
    return finish(paint(coverage(digit, random), paper, pen), random, noise)


def photograph_in_uneven_light(digit, random):
    pixels = paint(coverage(digit, random), (235, 230, 220), BLUE_INK)
    return finish(pixels * lit_from_one_side(pixels.shape, random), random, noise=4)


def printed_box(digit, random):
    """A form's box around the digit."""
    ink = coverage(digit, random, sides=(180, 260), margin=70)
    inset, thick = random.integers(25, 50), random.integers(2, 7)
    box = np.zeros_like(ink)
    box[inset:-inset, inset:-inset] = 1
    box[inset + thick : -inset - thick, inset + thick : -inset - thick] = 0
    box = ndimage.rotate(box, random.uniform(-3, 3), reshape=False, order=1)
    return finish(paint(np.maximum(ink, box)), random, noise=random.choice([0, 4]))


def underlined(digit, random):
    ink = coverage(digit, random, sides=(180, 260), margin=50)
    bottom = np.flatnonzero((ink > 0.1).any(axis=1))[-1]
    row, thick = min(bottom + random.integers(12, 50), 388), random.integers(3, 9)
    line = np.zeros_like(ink)
    line[row : row + thick, random.integers(20, 80) : -random.integers(20, 80)] = 1
    line = ndimage.rotate(line, random.uniform(-2, 2), reshape=False, order=1)
    return finish(paint(np.maximum(ink, line)), random)


def ruled_lines_as_dark_as_the_pen(digit, random):
    ink = coverage(digit, random)
    lines = np.zeros((600, 600))
    spacing, thick = random.integers(38, 70), random.integers(2, 4)
    for row in range(int(random.integers(0, spacing)), 600, spacing):
        lines[row : row + thick] = 1
    angle = random.choice([0, random.uniform(-3, 3)])
    lines = ndimage.rotate(lines, angle, reshape=False, order=1)[100:500, 100:500]
    paper = paint(lines, (247, 247, 247), (40, 45, 90))
    return finish(paint(ink, paper, (30, 30, 60)), random, noise=3)


def squared_paper(digit, random):
    ink = coverage(digit, random)
    spacing, start = random.integers(38, 60), random.integers(0, 38)
    lines = np.zeros_like(ink)
    lines[start::spacing] = lines[start + 1 :: spacing] = 1
    lines[:, start::spacing] = lines[:, start + 1 :: spacing] = 1
    paper = paint(lines, (247, 247, 247), (90, 100, 150))
    return finish(paint(ink, paper, (30, 30, 60)), random, noise=3)


def _on_a_table(digit, table, random):
    """Lay a note of a quarter to seven tenths of the picture's side on a table."""
    size = table.shape[0]
    side = int(size * random.uniform(0.25, 0.7))
    ink = coverage(digit, random, size=400, sides=(200, 280))
    note = paint(ink, random.choice([(250, 232, 120), (245, 245, 240), (250, 190, 200)]), BLACK_INK)
    note = Image.fromarray(np.rint(note).astype(np.uint8)).resize((side, side))
    angle = random.choice([0, random.uniform(-12, 12)])
    shape = Image.new("L", (side, side), 255).rotate(angle, Image.Resampling.BICUBIC, expand=True)
    note = note.rotate(angle, Image.Resampling.BICUBIC, expand=True)
    place = tuple(int(random.integers(5, size - note.width - 5)) for _ in range(2))
    picture = finish(table, random)
    picture.paste(note, place, shape)
    return finish(np.asarray(picture, dtype=float), random, noise=3)


def note_on_a_dark_table(digit, random):
    level = random.uniform(25, 70)
    return _on_a_table(digit, random.normal(level, 3, (600, 600, 3)), random)


def note_on_a_wooden_table(digit, random):
    grain = ndimage.gaussian_filter(random.normal(0, 1, (600, 600)), (2, 60))
    grain = grain / grain.std() * random.uniform(6, 16)
    wood = random.choice([(140, 95, 60), (100, 65, 40), (175, 130, 85)])
    table = np.asarray(wood, dtype=float) + grain[..., np.newaxis]
    return _on_a_table(digit, table * lit_from_one_side(table.shape, random, 0.2), random)


def ink_touches_the_frame(digit, random, speck=False):
    """Cut the picture so that the digit's lowest ink is on its frame."""
    ink = cropped(coverage(digit, random, sides=(300, 420), size=500))
    above, left, right = random.integers(20, 120, 3)
    lowest = np.flatnonzero((ink > 0.5).any(axis=1))[-1]
    ink = np.pad(ink[: lowest + 1], ((above, 0), (left, right)))
    if speck:
        size = random.integers(2, 12)
        ink[5 : 5 + size, 5 : 5 + size] = random.uniform(0.6, 1)
    return finish(paint(ink), random).convert("L")


def on_transparent(digit, random, level):
    alpha = np.rint(255 * coverage(digit, random).clip(0, 1)).astype(np.uint8)
    return Image.fromarray(np.dstack([np.full((*alpha.shape, 3), level, np.uint8), alpha]))


def grey_in_16_bits(digit, random, brightest):
    ink = coverage(digit, random).clip(0, 1)
    return Image.fromarray(np.rint((1 - ink) * random.integers(*brightest)).astype(np.uint16))


def hard_shadow(digit, random):
    """The straight shadow of something beside the paper runs across the digit."""
    pixels = paint(coverage(digit, random), (236, 236, 236), BLACK_INK)
    y, x = np.mgrid[:400, :400] - 200
    turn = random.uniform(0, 2 * np.pi)
    dark = np.cos(turn) * x + np.sin(turn) * y > random.uniform(-70, 70)
    light = np.where(dark, random.uniform(0.4, 0.65), 1)
    light = ndimage.gaussian_filter(light, random.uniform(0, 3))
    return finish(pixels * light[..., np.newaxis], random, noise=3)


def thick_marker_cropped_closely(digit, random):
    ink = coverage(digit, random, sides=(230, 270), margin=40)
    ink = ndimage.grey_dilation(ink, footprint=disk(int(random.integers(9, 16))))
    ink = ndimage.gaussian_filter(ink, 2)
    return finish(paint(cropped(ink, int(random.integers(3, 9)))), random)


def thin_pen_cropped_closely(digit, random):
    """Strokes so thin that one which spans the picture could be a ruled line."""
    ink = coverage(digit, random, size=500, sides=(380, 440))
    ink = ndimage.grey_dilation(1.0 * skeletonize(ink > 0.4), footprint=disk(random.integers(2, 5)))
    return finish(paint(cropped(ink, int(random.integers(0, 9)))), random, noise=3)


def two_digits(digit, random):
    """The same digit twice, side by side."""
    twice = [cropped(coverage(digit, random, sides=(200, 260))) for _ in range(2)]
    ink = np.zeros((400, 640))
    gap, left = random.integers(45, 110), random.integers(15, 50)
    for one in twice:
        top = (400 - one.shape[0]) // 2 + random.integers(-15, 16)
        ink[top : top + one.shape[0], left : left + one.shape[1]] = one
        left += one.shape[1] + gap
    return finish(paint(ink), random)


KINDS: dict[str, Callable] = {
    "scan": plain,
    "photograph_in_uneven_light": photograph_in_uneven_light,
    "chalk_on_a_board": partial(plain, paper=(40, 60, 50), pen=(225, 225, 215), noise=4),
    "faint_pencil": partial(plain, paper=(240, 240, 240), pen=(190, 190, 190), noise=3),
    "printed_box": printed_box,
    "underlined": underlined,
    "ruled_lines_as_dark_as_the_pen": ruled_lines_as_dark_as_the_pen,
    "squared_paper": squared_paper,
    "note_on_a_dark_table": note_on_a_dark_table,
    "note_on_a_wooden_table": note_on_a_wooden_table,
    "ink_touches_the_frame": ink_touches_the_frame,
    "ink_touches_the_frame_beside_a_speck": partial(ink_touches_the_frame, speck=True),
    "white_ink_on_transparent": partial(on_transparent, level=255),
    "black_ink_on_transparent": partial(on_transparent, level=0),
    "grey_of_10_bits_in_16": partial(grey_in_16_bits, brightest=(600, 1024)),
    "grey_of_12_bits_in_16": partial(grey_in_16_bits, brightest=(2500, 4096)),
    "red_ink_on_blue_paper": partial(plain, paper=(40, 90, 200), pen=(235, 30, 30)),
    "red_ink_on_green_paper": partial(plain, paper=(0, 112, 0), pen=(220, 0, 0)),
    "hard_shadow": hard_shadow,
    "thick_marker_cropped_closely": thick_marker_cropped_closely,
    "thin_pen_cropped_closely": thin_pen_cropped_closely,
    "two_digits": two_digits,
}
SUFFIX = {"grey_of_12_bits_in_16": ".tif", "hard_shadow": ".jpg"}


def save(kind, digit, path, seed):
    """Draw one of a kind into a file beside ``path`` with the kind's suffix; return the file."""
    file = Path(path).with_suffix(SUFFIX.get(kind, ".png"))
    KINDS[kind](digit, np.random.default_rng(seed)).save(file)
    return file


def label_of(kind, label):
    """Return what a picture of this kind shows: a digit, or the row of two."""
    return str(label) * (2 if kind == "two_digits" else 1)


def wrong_answers(model, test, count, kind):
    """Let a network read ``count`` images of a kind; return those it reads wrong, by file name."""
    truths = {}
    with TemporaryDirectory() as folder:
        for place in np.random.default_rng(0).choice(len(test.images), count, replace=False):
            path = Path(folder) / f"{kind}-{place}"
            file = save(kind, test.images[place, ..., 0], path, seed=int(place))
            truths[file.name] = label_of(kind, test.labels[place])
        prepared = answers.prepare_images(folder, {}, errors="keep")
    seen = np.concatenate([one.seen for one in prepared if one.seen])
    found = answers.with_probabilities(prepared, model.predict(seen, verbose=0), "0123456789")
    shown = {Path(one.file).name: one.answer or one.error for one in found}
    return {name: answer for name, answer in shown.items() if answer != truths[name]}
