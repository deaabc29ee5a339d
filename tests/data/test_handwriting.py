import struct
import zlib

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from chollet_cnn.data import digits, mnist, pictures, scaling
from chollet_cnn.errors import UserError

RED, BLUE, WHITE = (255, 0, 0), (0, 0, 255), (255, 255, 255)


# Reading


@pytest.mark.parametrize("suffix", ["png", "bmp", "gif", "tiff", "webp", "ppm"])
def test_a_picture_is_read_the_same_from_every_format(tmp_path, suffix):
    image = Image.new("RGB", (7, 5), RED)
    image.putpixel((6, 0), BLUE)
    options = {"lossless": True} if suffix == "webp" else {}
    image.save(tmp_path / f"a.{suffix}", **options)
    pixels = pictures.read(tmp_path / f"a.{suffix}")
    assert pixels.shape == (5, 7, 3)
    assert pixels.dtype == np.uint8
    assert tuple(pixels[0, 6]) == BLUE
    assert tuple(pixels[4, 0]) == RED


def test_a_photograph_is_turned_upright(tmp_path):
    image = Image.new("RGB", (40, 20), RED)
    image.paste(BLUE, (0, 0, 20, 20))  # the left half
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: rotate by 90 degrees clockwise to see it upright
    image.save(tmp_path / "a.jpg", exif=exif, quality=95, subsampling=0)
    pixels = pictures.read(tmp_path / "a.jpg").astype(int)
    assert pixels.shape == (40, 20, 3)
    assert abs(pixels[2, 10] - BLUE).max() < 10
    assert abs(pixels[37, 10] - RED).max() < 10


@pytest.mark.parametrize(
    ("tag", "kind", "count", "value"),
    [
        (0x0100, 1, 1, b"\0\0\0\0"),  # a width in bytes
        (0x011A, 1, 1, b"\0\0\0\0"),  # a resolution in bytes
        (0x0132, 5, 1, b"\0\0\0\0"),  # a date as a fraction
    ],
)
def test_broken_notes_of_a_camera_do_not_stand_in_a_photographs_way(
    tmp_path, tag, kind, count, value
):
    notes = [
        struct.pack("<HHIHH", 0x0112, 3, 1, 6, 0),
        struct.pack("<HHI", tag, kind, count) + value,
    ]
    exif = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 2) + b"".join(notes) + bytes(36)
    Image.new("RGB", (40, 20), RED).save(tmp_path / "a.jpg", exif=exif)
    assert pictures.read(tmp_path / "a.jpg").shape == (40, 20, 3)  # upright, as the first note says


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparent_parts_are_laid_on_white(tmp_path, mode):
    image = Image.new("RGBA", (4, 4), (0, 0, 0, 0))
    image.putpixel((0, 0), (0, 0, 0, 255))
    image.putpixel((1, 0), (0, 0, 0, 51))  # a fifth of black on white: 204
    image.convert(mode).save(tmp_path / "a.png")
    pixels = pictures.read(tmp_path / "a.png")
    assert tuple(pixels[0, 0]) == (0, 0, 0)
    assert tuple(pixels[3, 3]) == WHITE
    if mode != "P":
        assert abs(pixels[0, 1].astype(int) - 204).max() <= 1


def test_sixteen_bits_are_scaled_and_not_cut_off(tmp_path):
    values = np.array([[0, 257 * 100, 65535]], dtype=np.uint16)
    Image.fromarray(values).save(tmp_path / "a.png")
    assert pictures.read(tmp_path / "a.png")[0, :, 0].tolist() == [0, 100, 255]


def test_fractions_from_0_to_1_are_scaled(tmp_path):
    Image.fromarray(np.array([[0, 0.2, 1]], dtype=np.float32)).save(tmp_path / "a.tiff")
    assert pictures.read(tmp_path / "a.tiff")[0, :, 2].tolist() == [0, 51, 255]


def test_printers_colours_are_turned_to_red_green_blue(tmp_path):
    Image.new("CMYK", (8, 8), (0, 0, 0, 0)).save(tmp_path / "a.jpg")
    assert pictures.read(tmp_path / "a.jpg").min() >= 250


def test_the_first_frame_of_a_moving_picture_is_taken(tmp_path):
    frames = [Image.new("RGB", (4, 4), colour) for colour in (RED, BLUE)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert tuple(pictures.read(tmp_path / "a.gif")[0, 0]) == RED


def bomb(path):
    """Write a PNG whose header claims 100,000 x 100,000 pixels."""
    path.write_bytes(b"\x89PNG\r\n\x1a\n")
    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 0, 0, 0, 0)
    with path.open("ab") as file:
        for name, content in ((b"IHDR", header), (b"IDAT", zlib.compress(b"\0")), (b"IEND", b"")):
            file.write(struct.pack(">I", len(content)) + name + content)
            file.write(struct.pack(">I", zlib.crc32(name + content)))


def cut(path):
    Image.effect_noise((50, 50), 90).save(path)
    path.write_bytes(path.read_bytes()[:500])


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda path: None, "there is no picture"),
        (lambda path: path.mkdir(), "is a folder"),
        (lambda path: path.write_text("hello"), "is not a picture"),
        (lambda path: path.write_bytes(b""), "is not a picture"),
        (bomb, "too many pixels"),
        (cut, "damaged picture"),
    ],
    ids=["missing", "folder", "text", "empty", "bomb", "cut"],
)
def test_what_is_no_picture_is_named(tmp_path, make, why):
    make(tmp_path / "a.png")
    with pytest.raises(UserError, match=why) as problem:
        pictures.read(tmp_path / "a.png")
    assert "a.png" in str(problem.value)


# Scaling


def test_nearest_takes_the_pixel_under_each_new_centre():
    # Six pixels to four: the centres lie at 0.75, 2.25, 3.75 and 5.25.
    row = np.array([[0, 10, 20, 30, 40, 50]], dtype=np.uint8)
    assert pictures.scale(row, (1, 4), "nearest").tolist() == [[0, 20, 30, 50]]
    assert pictures.scale(row.T, (4, 1), "nearest").ravel().tolist() == [0, 20, 30, 50]


def test_bilinear_mixes_the_neighbours_of_each_new_centre():
    # The centres of four new pixels lie at -1/4, 1/4, 3/4 and 5/4 of the two old ones.
    row = np.array([[0, 100]], dtype=np.uint8)
    assert scaling.bilinear(row, (1, 4)).tolist() == [[0, 25, 75, 100]]
    # Halving without smoothing takes the mean of the two in the middle of each pair.
    assert scaling.bilinear(np.array([[0, 50, 200, 100]], np.uint8), (1, 2)).tolist() == [[25, 150]]


@pytest.mark.parametrize("size", [(180, 180), (20, 64), (37, 53), (3, 2)])
def test_bilinear_is_keras_resizing_rounded_to_whole_grey_levels(size):
    ops = pytest.importorskip("keras").ops
    image = np.random.default_rng(3).integers(0, 256, (37, 53, 3), dtype=np.uint8)
    floats = ops.image.resize(
        image.astype(np.float32), size, interpolation="bilinear", antialias=False
    )
    difference = pictures.scale(image, size, "bilinear") - ops.convert_to_numpy(floats)
    assert np.abs(difference).max() <= 0.501


def test_an_unknown_way_of_scaling_names_the_known_ones():
    with pytest.raises(UserError, match="nearest, bilinear"):
        pictures.scale(np.zeros((4, 4), np.uint8), (2, 2), "cubic")


# Digits


def on_paper(digit, seed, side=300, dark_ink=True):
    """Photograph a 28x28 digit: big, off-centre, on noisy paper that is lit from one side."""
    draw = np.random.default_rng(seed)
    height, width = 600, 450
    ink = np.zeros((height, width))
    big = Image.fromarray(digit).resize((side, side), Image.Resampling.BICUBIC)
    top, left = draw.integers(0, height - side), draw.integers(0, width - side)
    ink[top : top + side, left : left + side] = np.asarray(big) / 255
    y, x = np.mgrid[:height, :width] / width
    paper = 0.95 - 0.35 * x - 0.2 * (y - 0.3) ** 2
    photo = paper * (1 - 0.7 * ink) + draw.normal(0, 0.03, ink.shape)
    grey = np.rint(255 * photo.clip(0, 1))
    coloured = np.stack([grey, 0.95 * grey, 0.9 * grey], axis=-1).astype(np.uint8)
    return coloured if dark_ink else 255 - coloured


def alike(one, other):
    """Correlation of two 28x28 pictures at the best of the nine shifts by at most one pixel."""
    shifts = [np.roll(one, (down, right), (0, 1)) for down in (-1, 0, 1) for right in (-1, 0, 1)]
    return max(np.corrcoef(shifted.ravel(), other.ravel())[0, 1] for shifted in shifts)


def embedded_digits(count):
    return [digits.enlarge(image) for image in load_digits().images[:count]]


@pytest.mark.parametrize("dark_ink", [True, False], ids=["pen-on-paper", "chalk-on-board"])
def test_a_photographed_digit_comes_back_as_it_was_drawn(dark_ink):
    likeness = []
    for seed, digit in enumerate(embedded_digits(10)):
        result = pictures.as_digit(on_paper(digit, seed, dark_ink=dark_ink))
        assert result.shape == (28, 28, 1)
        assert result.dtype == np.uint8
        drawn = pictures.as_digit(digit)  # the same digit in MNIST's frame, without the paper
        likeness.append(alike(result[..., 0], drawn[..., 0]))
    assert min(likeness) > 0.85


def test_a_photographed_mnist_digit_comes_back_as_it_was(real_mnist_dir):
    originals = mnist.load(real_mnist_dir).test.images[:30, ..., 0]
    results = [pictures.as_digit(on_paper(one, seed)) for seed, one in enumerate(originals)]
    likeness = [alike(*pair) for pair in zip(np.array(results)[..., 0], originals, strict=True)]
    assert min(likeness) > 0.85
    assert np.median(likeness) > 0.95


def test_mnists_own_pictures_come_out_nearly_unchanged(real_mnist_dir):
    originals = mnist.load(real_mnist_dir).test.images[:50]
    likeness = [alike(pictures.as_digit(one)[..., 0], one[..., 0]) for one in originals]
    assert min(likeness) > 0.95
    assert np.median(likeness) > 0.999


def test_a_digit_is_brought_to_mnists_frame():
    """MNIST: the longer side is 20 pixels, and the centre of mass lies on pixel 14."""
    result = pictures.as_digit(on_paper(embedded_digits(4)[3], seed=5))[..., 0].astype(float)
    rows, columns = np.nonzero(result)
    assert max(np.ptp(rows), np.ptp(columns)) + 1 == 20
    y, x = np.indices(result.shape)
    assert abs((y * result).sum() / result.sum() - 14) <= 0.5
    assert abs((x * result).sum() / result.sum() - 14) <= 0.5
    assert result.max() == 255


def test_specks_and_a_dark_edge_are_taken_for_dirt():
    photo = on_paper(embedded_digits(1)[0], seed=1)
    dirty = photo.copy()
    dirty[:, :12] = 20  # the table beside the paper
    dirty[590:594, 440:444] = 20
    assert alike(pictures.as_digit(dirty)[..., 0], pictures.as_digit(photo)[..., 0]) > 0.95


def test_a_thin_pen_does_not_fade_away():
    photo = np.full((600, 600), 230, dtype=np.uint8)
    photo[100:500, 298:302] = 30  # 4 pixels of 400: a fifth of a pixel after scaling to 20
    result = pictures.as_digit(photo)[..., 0]
    assert (result.max(axis=1) > 150).sum() == 20
    assert 1.5 <= result.sum() / 255 / 20 <= 3


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_blank_picture_has_no_digit(level):
    noise = np.random.default_rng(level).integers(-20, 21, (200, 150, 3))
    for blank in (np.full_like(noise, level), level + noise):
        with pytest.raises(UserError, match="no digit found"):
            pictures.as_digit(blank.clip(0, 255).astype(np.uint8))
