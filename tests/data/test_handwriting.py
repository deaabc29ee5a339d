import itertools
from functools import cache

import digit_photo_kinds
import numpy as np
import pytest
import skimage.data
from PIL import Image, ImageDraw, ImageFont
from sklearn.datasets import load_digits

from chollet_cnn.data import digit_patches, digits, handwriting, image_files, mnist
from chollet_cnn.errors import UserError


def on_paper(digit, seed):
    """Photograph a 28x28 digit: big, off-centre, on noisy paper that is lit from one side."""
    random = np.random.default_rng(seed)
    ink = digit_photo_kinds.coverage(digit, random, angle=0)
    pixels = digit_photo_kinds.paint(ink, (235, 230, 220), digit_photo_kinds.BLUE_INK)
    lit = pixels * digit_photo_kinds.lit_from_one_side(ink.shape, random)
    return np.asarray(digit_photo_kinds.finish(lit, random, noise=4))


def alike(one, other):
    """Correlation of two 28x28 pictures at the best of the nine shifts by at most one pixel."""
    shifts = [np.roll(one, (down, right), (0, 1)) for down in (-1, 0, 1) for right in (-1, 0, 1)]
    return max(np.corrcoef(shifted.ravel(), other.ravel())[0, 1] for shifted in shifts)


def embedded_digits(count):
    return [digits.enlarge(image) for image in load_digits().images[:count]]


@pytest.fixture(scope="module")
def mnist_test(real_mnist_dir):
    return mnist.load(real_mnist_dir).test


def test_a_photographed_mnist_digit_comes_back_as_it_was(mnist_test):
    originals = mnist_test.images[:30, ..., 0]
    results = [handwriting.as_digit(on_paper(one, seed)) for seed, one in enumerate(originals)]
    likeness = [alike(*pair) for pair in zip(np.array(results)[..., 0], originals, strict=True)]
    assert min(likeness) > 0.85
    assert np.median(likeness) > 0.95


def test_mnists_own_pictures_come_out_nearly_unchanged(mnist_test):
    originals = mnist_test.images[:50]
    likeness = [alike(handwriting.as_digit(one)[..., 0], one[..., 0]) for one in originals]
    assert min(likeness) > 0.95
    assert np.median(likeness) > 0.999


def test_a_digit_is_brought_to_mnists_frame():
    """MNIST: the longer side is 20 pixels, and the centre of mass lies on pixel 14."""
    result = handwriting.as_digit(on_paper(embedded_digits(4)[3], seed=5))[..., 0].astype(float)
    rows, columns = np.nonzero(result)
    assert max(np.ptp(rows), np.ptp(columns)) + 1 == 20
    y, x = np.indices(result.shape)
    assert abs((y * result).sum() / result.sum() - 14) <= 0.5
    assert abs((x * result).sum() / result.sum() - 14) <= 0.5
    assert result.max() == 255


def test_specks_and_a_dark_edge_are_taken_for_dirt():
    photo = on_paper(embedded_digits(1)[0], seed=1)
    dirty = photo.copy()
    dirty[:, :8] = 20  # the table beside the paper
    dirty[390:394, 390:394] = 20
    assert alike(handwriting.as_digit(dirty)[..., 0], handwriting.as_digit(photo)[..., 0]) > 0.95


def test_a_thin_pen_does_not_fade_away():
    photo = np.full((600, 600), 230, dtype=np.uint8)
    photo[100:500, 298:302] = 30  # 4 pixels of 400: a fifth of a pixel after scaling to 20
    result = handwriting.as_digit(photo)[..., 0]
    assert (result.max(axis=1) > 150).sum() == 20
    assert 1.5 <= result.sum() / 255 / 20 <= 3


def enlarged(digit, side=280):
    return np.asarray(Image.fromarray(digit).resize((side, side), Image.Resampling.BICUBIC))


# Kinds of photographs


@cache
def as_drawn(number):
    """The digit of that number as it comes back when it is drawn, not photographed."""
    return handwriting.as_digit(enlarged(embedded_digits(number + 1)[number]))[..., 0]


# The median likeness where the shape changes: a marker fills small holes, a thin pen widens them.
SHAPE_CHANGED = {"thick_marker_cropped_closely": 0.7, "thin_pen_cropped_closely": 0.6}


@pytest.mark.parametrize("kind", digit_photo_kinds.KINDS)
def test_a_digit_of_every_kind_of_photograph_comes_back(tmp_path, kind):
    likeness = []
    for seed, digit in enumerate(embedded_digits(6)):
        file = digit_photo_kinds.save(kind, digit, tmp_path / f"{seed}", seed)
        found = handwriting.find_digits(image_files.read(file))
        assert len(found) == len(digit_photo_kinds.label_of(kind, 0))
        assert {one.image.shape for one in found} == {(28, 28, 1)}
        assert {one.image.dtype for one in found} == {np.dtype(np.uint8)}
        likeness += [alike(one.image[..., 0], as_drawn(seed)) for one in found]
    assert np.median(likeness) > SHAPE_CHANGED.get(kind, 0.85)
    assert min(likeness) > (0.5 if kind in SHAPE_CHANGED else 0.7)


@pytest.fixture(scope="module")
def network(real_mnist_run):
    return real_mnist_run.load_model()


@pytest.mark.slow
@pytest.mark.parametrize("kind", digit_photo_kinds.KINDS)
def test_a_network_reads_every_kind_of_photograph(network, mnist_test, kind):
    wrong = digit_photo_kinds.wrong_answers(network, mnist_test, 6, kind)
    assert len(wrong) <= 1, wrong


# Several digits


def test_digits_are_found_in_reading_order_with_their_boxes():
    image = np.full((500, 700), 255, dtype=np.uint8)
    corners = [(40, 30), (60, 330), (290, 50), (280, 350)]
    originals = embedded_digits(4)
    for (top, left), digit in zip(corners, originals, strict=True):
        image[top : top + 200, left : left + 200] -= enlarged(digit, 200)
    found = handwriting.find_digits(image)
    assert len(found) == 4
    for one, (top, left), digit in zip(found, corners, originals, strict=True):
        rows, columns = np.nonzero(enlarged(digit, 200) > 40)
        wanted = left + columns.min(), top + rows.min(), left + columns.max(), top + rows.max()
        assert np.abs(np.array(one.box) - wanted).max() <= 12
        assert alike(one.image[..., 0], handwriting.as_digit(enlarged(digit))[..., 0]) > 0.9


@pytest.mark.parametrize("times", [1, 3])
def test_boxes_are_places_in_the_whole_photograph_when_the_sheet_is_a_part_of_it(times):
    photo = np.full((600, 800, 3), 45, dtype=np.uint8)
    photo[250:500, 400:650] = 250
    photo[285:465, 435:615] -= (enlarged(embedded_digits(1)[0], 180) * 0.9).astype(np.uint8)[
        ..., np.newaxis
    ]
    (digit,) = handwriting.find_digits(photo.repeat(times, 0).repeat(times, 1))
    left, top, right, bottom = np.array(digit.box) / times
    assert 430 < left < right < 620
    assert 280 < top < bottom < 470


def test_digits_that_touch_are_not_passed_over():
    one, two = (enlarged(digit, 200) for digit in embedded_digits(3)[1:])
    row = np.zeros((300, 1500), dtype=np.uint8)
    for left, digit in ((20, two), (260, one), (500, two), (740, two), (845, two), (950, two)):
        row[50:250, left : left + 200] = np.maximum(row[50:250, left : left + 200], digit)
    with pytest.raises(UserError, match="leave a gap between digits"):
        handwriting.find_digits(255 - row)
    row[:, 740:] = 0
    row[60:90, 800:860] = 200  # a small mark is
    assert len(handwriting.find_digits(255 - row)) == 3


def test_one_digit_is_asked_for_and_two_are_there():
    one = enlarged(embedded_digits(3)[2])
    with pytest.raises(UserError, match="2 digits"):
        handwriting.as_digit(255 - np.hstack([one, one]))


def test_an_underline_that_the_digit_touches_is_removed():
    digit = enlarged(embedded_digits(8)[7], 200)
    page = np.full((400, 400), 255, dtype=np.uint8)
    page[60:260, 100:300] -= digit
    lowest = np.flatnonzero((page < 128).any(axis=1))[-1]
    alone = handwriting.as_digit(page)
    page[lowest - 2 : lowest + 3, 40:360] = 0
    assert alike(handwriting.as_digit(page)[..., 0], alone[..., 0]) > 0.9


OPEN_4 = "an open 4, whose stem goes beyond all else"  # which a ruled line does too, at the edge
THIN_STROKES = {
    "a 7, whose bar spans the image": [[(10, 6), (230, 10), (120, 390)]],
    "a 7 with a tip": [[(6, 20), (200, 22), (250, 6)], [(210, 22), (200, 390)]],
    OPEN_4: [[(40, 70), (10, 230), (230, 225)], [(200, 6), (190, 390)]],
    "a 2, whose base spans the image": [[(20, 90), (120, 8), (220, 90), (10, 380), (240, 384)]],
    "a 0, which is not a box": [
        [
            (90, 8),
            (20, 80),
            (10, 290),
            (60, 385),
            (180, 380),
            (245, 290),
            (240, 90),
            (170, 8),
            (90, 8),
        ]
    ],
}


@pytest.mark.parametrize(
    ("name", "margin"),
    [(name, margin) for name in THIN_STROKES for margin in (1, 16) if name != OPEN_4 or margin > 1],
)
def test_a_thin_stroke_that_spans_the_image_is_not_a_ruled_line(name, margin):
    page = Image.new("L", (700, 900), 235)
    for stroke in THIN_STROKES[name]:
        places = [(x + 200, y + 200) for x, y in stroke]
        ImageDraw.Draw(page).line(places, fill=30, width=6, joint="curve")
    rows, columns = np.nonzero(np.asarray(page) < 128)
    ends = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
    closely = page.crop(np.add(ends, (-margin, -margin, margin, margin)).tolist())
    near, far = (handwriting.as_digit(np.asarray(one))[..., 0] for one in (closely, page))
    assert alike(near, far) > 0.95


@pytest.mark.parametrize("rows", [[240], [60, 240]])
def test_one_or_two_ruled_lines_are_removed(rows):
    digit = enlarged(embedded_digits(4)[3], 200)
    page = np.full((400, 400), 255, dtype=np.uint8)
    page[100:300, 100:300] -= digit
    alone = handwriting.as_digit(page)
    for row in rows:
        page[row : row + 3] = 0
    assert alike(handwriting.as_digit(page)[..., 0], alone[..., 0]) > 0.9


# What is not a digit


def page_of(shape, *places, paper=255, ink=0):
    """Draw rectangles of ink, (top, bottom, left, right), on a page of paper."""
    image = np.full((*shape, 3), paper, dtype=np.uint8)
    for top, bottom, left, right in places:
        image[top:bottom, left:right] = ink
    return image


def brick_wall(height=60, width=140, mortar=8):
    image = np.random.default_rng(0).normal((170, 90, 70), 6, (400, 400, 3))
    for course, top in enumerate(range(0, 400, height)):
        image[top : top + mortar] = (90, 85, 80)
        for left in range(course % 2 * width // 2, 400, width):
            image[top : top + height, left : left + mortar] = (90, 85, 80)
    return image.clip(0, 255).astype(np.uint8)


def lines_of_text():
    image = Image.new("L", (600, 400), 255)
    for line in range(7):
        place = (20, 15 + 45 * line)
        ImageDraw.Draw(image).text(place, "of the many people had", font=ImageFont.load_default(30))
    return np.asarray(image)


def empty_box(thick, inset, angle=0):
    image = Image.fromarray(page_of((400, 400), (inset, -inset, inset, -inset)))
    inside = inset + thick
    image.paste((255, 255, 255), (inside, inside, 400 - inside, 400 - inside))
    return np.asarray(image.rotate(angle, Image.Resampling.BICUBIC, fillcolor=(255, 255, 255)))


def blank(level, noise=0):
    grain = np.random.default_rng(level).integers(-noise, noise + 1, (200, 150, 3))
    return (level + grain).clip(0, 255).astype(np.uint8)


def faint_ink():
    grain = np.random.default_rng(1).normal(0, 3, (280, 280))
    photo = 230 - enlarged(embedded_digits(1)[0]) * 0.05 + grain
    return photo.clip(0, 255).astype(np.uint8)


BINARY = skimage.data.binary_blobs(300, rng=0) * np.uint8(255)
NOT_DIGITS = {
    "a blot": page_of((400, 400), (100, 300, 100, 300)),
    "noise": np.random.default_rng(0).integers(0, 256, (400, 400, 3), dtype=np.uint8),
    "a chessboard": (np.indices((400, 400)) // 50).sum(axis=0).astype(np.uint8) % 2 * 255,
    "an empty note on a table": page_of(
        (600, 600), (200, 400, 200, 400), paper=45, ink=(250, 232, 120)
    ),
    "lines alone": page_of((400, 400), *((top, top + 2, 0, 400) for top in range(0, 400, 40))),
    "an empty box": empty_box(4, 50),
    "an empty box, thick and turned": empty_box(12, 70, 5),
    "a brick wall": brick_wall(),
    "a wall of large bricks": brick_wall(133, 200, 6),
    "bricks in a photograph": skimage.data.brick(),
    "a page of text": skimage.data.page(),
    "lines of text": lines_of_text(),
    "the sky at night": skimage.data.hubble_deep_field(),
    "a maze": BINARY,
    "a cat": skimage.data.cat(),
    "a man with a camera": skimage.data.camera(),
    "ink that is hardly there": faint_ink(),
    **{f"blank, {level}": blank(level) for level in (0, 128, 255)},
    **{f"blank and noisy, {level}": blank(level, noise=20) for level in (0, 128, 255)},
    "the silhouette of a horse": skimage.data.horse() * np.uint8(255),
}


@pytest.mark.parametrize("name", NOT_DIGITS)
def test_what_is_not_a_digit_is_refused(name):
    with pytest.raises(UserError, match="no digit found"):
        handwriting.find_digits(NOT_DIGITS[name])


def test_every_digit_of_mnist_is_shaped_like_a_digit(mnist_test):
    images = mnist_test.images[:300, ..., 0]
    assert all(map(digit_patches.is_shaped_like_a_digit, images))


@pytest.mark.parametrize("rise", [-6, 0, 6])
def test_rows_that_rise_or_fall_are_read_from_left_to_right(rise):
    masks = []
    for row, column in itertools.product(range(2), range(6)):
        mask = np.zeros((180, 130), bool)
        top = 60 + 60 * row - rise * column
        mask[top : top + 20, 20 * column + 5 : 20 * column + 17] = True
        masks.append(mask)
    shuffled = [masks[place] for place in np.random.default_rng(0).permutation(len(masks))]
    found = digit_patches._in_reading_order(shuffled)
    assert [id(mask) for mask in found] == [id(mask) for mask in masks]
