import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from chollet_cnn.data import image_files
from chollet_cnn.errors import UserError

RED, BLUE, WHITE, BLACK = (255, 0, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0)


@pytest.mark.parametrize("suffix", ["png", "bmp", "gif", "tiff", "webp", "ppm"])
def test_a_picture_is_read_the_same_from_every_format(tmp_path, suffix):
    image = Image.new("RGB", (7, 5), RED)
    image.putpixel((6, 0), BLUE)
    options = {"lossless": True} if suffix == "webp" else {}
    image.save(tmp_path / f"a.{suffix}", **options)
    pixels = image_files.read(tmp_path / f"a.{suffix}")
    assert (pixels.shape, pixels.dtype) == ((5, 7, 3), np.uint8)
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
    ("tag", "kind"),
    [(0x0100, 1), (0x011A, 1), (0x0132, 5)],
    ids=["a width in bytes", "a resolution in bytes", "a date as a fraction"],
)
def test_broken_notes_of_a_camera_do_not_stand_in_a_photographs_way(tmp_path, tag, kind):
    notes = struct.pack("<HHIHH", 0x0112, 3, 1, 6, 0) + struct.pack("<HHII", tag, kind, 1, 0)
    exif = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 2) + notes + bytes(36)
    Image.new("RGB", (40, 20), RED).save(tmp_path / "a.jpg", exif=exif)
    upright = (40, 20, 3)  # as the first note says
    assert image_files.read(tmp_path / "a.jpg").shape == upright


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparent_parts_are_laid_on_white(tmp_path, mode):
    image = Image.new("RGBA", (4, 4), (0, 0, 0, 0))
    image.putpixel((0, 0), (0, 0, 0, 255))
    image.putpixel((1, 0), (0, 0, 0, 51))  # a fifth of black on white: 204
    image.convert(mode).save(tmp_path / "a.png")
    pixels = image_files.read(tmp_path / "a.png")
    assert tuple(pixels[0, 0]) == BLACK
    assert tuple(pixels[3, 3]) == WHITE
    if mode != "P":
        assert abs(pixels[0, 1].astype(int) - 204).max() <= 1


def test_white_ink_on_a_transparent_background_is_laid_on_black(tmp_path):
    image = Image.new("RGBA", (4, 4), (255, 255, 255, 0))
    image.putpixel((0, 0), (255, 255, 255, 255))
    image.save(tmp_path / "a.png")
    pixels = image_files.read(tmp_path / "a.png")
    assert tuple(pixels[0, 0]) == WHITE
    assert tuple(pixels[3, 3]) == BLACK


# Of 16 bits a camera may use 10, 12 or 14; fractions go from 0 to 1.
SCALES = [(kind, 2**bits - 1) for bits in (10, 12, 14, 16) for kind in ("png", "tif")]


@pytest.mark.parametrize(("kind", "full"), [*SCALES, ("tiff", 1)])
def test_greys_are_brought_to_255_and_not_cut_off(tmp_path, kind, full):
    values = np.array([[0, full / 5, full]], dtype=np.float32 if full == 1 else np.uint16)
    Image.fromarray(values).save(tmp_path / f"a.{kind}")
    assert image_files.read(tmp_path / f"a.{kind}")[0].tolist() == [[0] * 3, [51] * 3, [255] * 3]


def test_printers_colours_are_turned_to_red_green_blue(tmp_path):
    Image.new("CMYK", (8, 8), (0, 0, 0, 0)).save(tmp_path / "a.jpg")
    assert image_files.read(tmp_path / "a.jpg").min() >= 250


def test_the_first_frame_of_a_moving_picture_is_taken(tmp_path):
    frames = [Image.new("RGB", (4, 4), colour) for colour in (RED, BLUE)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert tuple(image_files.read(tmp_path / "a.gif")[0, 0]) == RED


@pytest.mark.parametrize("form", ["EPS", "PDF", "PSD"])
def test_a_document_named_jpg_is_not_given_to_another_program(tmp_path, form, monkeypatch):
    if form == "PSD":
        (tmp_path / "a.jpg").write_bytes(b"8BPS" + struct.pack(">H6xHIIHH", 1, 3, 4, 4, 8, 3))
    else:
        Image.new("RGB", (4, 4), RED).save(tmp_path / "a.jpg", form)
    monkeypatch.setattr("subprocess.check_call", None)
    with pytest.raises(UserError, match=r"a\.jpg is not an image that can be read"):
        image_files.read(tmp_path / "a.jpg")


def bomb(path):
    """Write a PNG whose header claims 100,000 x 100,000 pixels."""
    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 0, 0, 0, 0)
    content = b"\x89PNG\r\n\x1a\n"
    for name, chunk in ((b"IHDR", header), (b"IDAT", zlib.compress(b"\0")), (b"IEND", b"")):
        checksum = zlib.crc32(name + chunk)
        content += struct.pack(">I", len(chunk)) + name + chunk + struct.pack(">I", checksum)
    path.write_bytes(content)


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
