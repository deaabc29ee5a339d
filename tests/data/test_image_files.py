import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from chollet_cnn.data import image_files
from chollet_cnn.errors import UserError

RED, BLUE, WHITE = (255, 0, 0), (0, 0, 255), (255, 255, 255)


@pytest.mark.parametrize("suffix", ["png", "bmp", "gif", "tiff", "webp", "ppm"])
def test_a_picture_is_read_the_same_from_every_format(tmp_path, suffix):
    image = Image.new("RGB", (7, 5), RED)
    image.putpixel((6, 0), BLUE)
    options = {"lossless": True} if suffix == "webp" else {}
    image.save(tmp_path / f"a.{suffix}", **options)
    pixels = image_files.read(tmp_path / f"a.{suffix}")
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
    pixels = image_files.read(tmp_path / "a.jpg").astype(int)
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
    assert image_files.read(tmp_path / "a.jpg").shape == (
        40,
        20,
        3,
    )  # upright, as the first note says


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparent_parts_are_laid_on_white(tmp_path, mode):
    image = Image.new("RGBA", (4, 4), (0, 0, 0, 0))
    image.putpixel((0, 0), (0, 0, 0, 255))
    image.putpixel((1, 0), (0, 0, 0, 51))  # a fifth of black on white: 204
    image.convert(mode).save(tmp_path / "a.png")
    pixels = image_files.read(tmp_path / "a.png")
    assert tuple(pixels[0, 0]) == (0, 0, 0)
    assert tuple(pixels[3, 3]) == WHITE
    if mode != "P":
        assert abs(pixels[0, 1].astype(int) - 204).max() <= 1


def test_sixteen_bits_are_scaled_and_not_cut_off(tmp_path):
    values = np.array([[0, 257 * 100, 65535]], dtype=np.uint16)
    Image.fromarray(values).save(tmp_path / "a.png")
    assert image_files.read(tmp_path / "a.png")[0, :, 0].tolist() == [0, 100, 255]


@pytest.mark.parametrize("bits", [10, 12, 14])
def test_the_full_scale_of_16_bit_files_is_that_of_the_camera(tmp_path, bits):
    full = 2**bits - 1
    values = np.array([[0, full // 3, full]], dtype=np.uint16)
    for file in ("a.png", "a.tif"):
        Image.fromarray(values).save(tmp_path / file)
        assert image_files.read(tmp_path / file)[0, :, 1].tolist() == [0, 85, 255]


def test_white_ink_on_a_transparent_background_is_laid_on_black(tmp_path):
    image = Image.new("RGBA", (4, 4), (255, 255, 255, 0))
    image.putpixel((0, 0), (255, 255, 255, 255))
    image.save(tmp_path / "a.png")
    pixels = image_files.read(tmp_path / "a.png")
    assert tuple(pixels[0, 0]) == WHITE
    assert tuple(pixels[3, 3]) == (0, 0, 0)


def test_fractions_from_0_to_1_are_scaled(tmp_path):
    Image.fromarray(np.array([[0, 0.2, 1]], dtype=np.float32)).save(tmp_path / "a.tiff")
    assert image_files.read(tmp_path / "a.tiff")[0, :, 2].tolist() == [0, 51, 255]


def test_printers_colours_are_turned_to_red_green_blue(tmp_path):
    Image.new("CMYK", (8, 8), (0, 0, 0, 0)).save(tmp_path / "a.jpg")
    assert image_files.read(tmp_path / "a.jpg").min() >= 250


def test_the_first_frame_of_a_moving_picture_is_taken(tmp_path):
    frames = [Image.new("RGB", (4, 4), colour) for colour in (RED, BLUE)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert tuple(image_files.read(tmp_path / "a.gif")[0, 0]) == RED


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
        (lambda path: None, "there is no image"),
        (lambda path: path.mkdir(), "is a folder"),
        (lambda path: path.write_text("hello"), "is not an image"),
        (lambda path: path.write_bytes(b""), "is not an image"),
        (bomb, "too many pixels"),
        (cut, "is damaged"),
    ],
    ids=["missing", "folder", "text", "empty", "bomb", "cut"],
)
def test_what_is_no_picture_is_named(tmp_path, make, why):
    make(tmp_path / "a.png")
    with pytest.raises(UserError, match=why) as problem:
        image_files.read(tmp_path / "a.png")
    assert "a.png" in str(problem.value)
