"""Files that others delete as corrupt are decoded, and what cannot be decoded is refused."""

import io

import numpy as np
import pytest
from PIL import Image

from chollet_cnn.data import decoding

NOISE = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)


def saved(image=NOISE, form="JPEG", **options):
    buffer = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(
        buffer, form, **options
    )
    return buffer.getvalue()


def by_pillow(contents):
    with Image.open(io.BytesIO(contents)) as image:
        return np.asarray(image.convert("RGB"))


def without_jfif(contents):
    """Cut out the APP0 segment, which holds the JFIF marker."""
    assert contents[2:4] == b"\xff\xe0"
    return contents[:2] + contents[4 + int.from_bytes(contents[4:6], "big") :]


JPEG = saved()
TURNED = Image.Exif()
TURNED[0x0112] = 6  # orientation: turned by 90 degrees

AS_IT_WAS = {
    "no JFIF marker": without_jfif(JPEG),
    "EXIF instead of JFIF": without_jfif(saved(exif=TURNED)),
    "bytes after the end": JPEG + b"\0" * 1000,
    "text after the end": JPEG + b"<html>",
    "bytes before a marker": JPEG[:2] + b"\xff\xff\xff" + JPEG[2:],
    "comment": saved(comment=b"x" * 60_000),
    "progressive": saved(progressive=True),
    "one byte lost": JPEG[:-1],
    "no end marker": JPEG[:-2],
    "zeros instead of the end marker": JPEG[:-2] + b"\0" * 9,
}
PICTURE = Image.fromarray(NOISE)
NAMED_JPG = {
    "grey": saved(PICTURE.convert("L")),
    "CMYK": saved(PICTURE.convert("CMYK")),
    "GIF": saved(PICTURE.convert("P"), "GIF"),
    "palette": saved(PICTURE.convert("P"), "PNG"),
    "alpha": saved(PICTURE.convert("RGBA"), "PNG"),
    "grey with alpha": saved(PICTURE.convert("LA"), "PNG"),
    "BMP": saved(PICTURE, "BMP"),
}


@pytest.mark.parametrize("name", [*AS_IT_WAS, *NAMED_JPG])
def test_what_others_call_corrupt_is_decoded(name):
    contents = (AS_IT_WAS | NAMED_JPG)[name]
    decoded = decoding.decode(contents)
    assert (decoded.shape, decoded.dtype) == ((60, 80, 3), np.uint8)
    assert np.array_equal(decoded, by_pillow(JPEG if name in AS_IT_WAS else contents))


@pytest.mark.parametrize("lost", [20, 500, 3000])
def test_a_jpeg_that_lost_pixels_is_not_decoded(lost):
    with pytest.raises(OSError, match="truncated"):
        decoding.decode(JPEG[:-lost])


def test_a_progressive_jpeg_that_lost_a_scan_is_not_decoded():
    contents = saved(progressive=True)
    last_scan = contents.rindex(b"\xff\xda")
    with pytest.raises(OSError, match="truncated"):
        decoding.decode(contents[:last_scan])


def test_the_cameras_orientation_is_ignored_as_keras_ignores_it(tmp_path):
    keras = pytest.importorskip("keras")
    (tmp_path / "cat.0.jpg").write_bytes(saved(exif=TURNED))
    by_keras = keras.utils.img_to_array(keras.utils.load_img(tmp_path / "cat.0.jpg"))
    assert np.array_equal(decoding.decode(saved(exif=TURNED)), by_keras)
    assert np.array_equal(by_keras, by_pillow(JPEG))


@pytest.mark.parametrize("contents", [b"", b"\xff\xd8", b"not an image", JPEG[:300]])
def test_a_file_that_cannot_be_decoded_gives_the_reason(contents):
    reason = decoding.read_image(lambda _: contents, "cat.666.jpg")
    assert reason.startswith("cannot be decoded: ")
    assert "0x" not in reason


def test_a_document_named_jpg_is_not_given_to_another_program():
    document = saved(Image.fromarray(NOISE), "EPS")
    assert document.startswith(b"%!PS")
    assert "cannot identify" in decoding.read_image(lambda _: document, "cat.0.jpg")


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_an_image_with_too_many_pixels_is_not_decoded():
    huge = saved(Image.new("1", (10_000, 10_000)), "PNG")
    reason = decoding.read_image(lambda _: huge, "cat.0.png")
    assert "100,000,000 pixels, more than the limit of 60,000,000" in reason
