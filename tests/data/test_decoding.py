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

READABLE = {
    "no JFIF marker": without_jfif(JPEG),
    "EXIF instead of JFIF": without_jfif(saved(exif=TURNED)),
    "bytes after the end": JPEG + b"\0" * 1000,
    "text after the end": JPEG + b"<html>",
    "bytes before a marker": JPEG[:2] + b"\xff\xff\xff" + JPEG[2:],
    "comment": saved(comment=b"x" * 60_000),
    "progressive": saved(progressive=True),
}


@pytest.mark.parametrize("contents", READABLE.values(), ids=READABLE)
def test_a_jpeg_that_others_call_corrupt_is_decoded(contents):
    if "EXIF" not in str(contents[:30]):
        expected = by_pillow(JPEG) if b"\xff\xc2" not in contents else by_pillow(contents)
        assert np.array_equal(decoding.decode(contents), expected)
    assert decoding.decode(contents).shape == (60, 80, 3)


@pytest.mark.parametrize("lost", [1, 2])
def test_a_jpeg_without_its_end_marker_has_all_its_pixels(lost):
    with pytest.raises(OSError, match="truncated"):
        by_pillow(JPEG[:-lost])
    assert np.array_equal(decoding.decode(JPEG[:-lost]), by_pillow(JPEG))
    assert np.array_equal(decoding.decode(JPEG[:-2] + b"\0" * 9), by_pillow(JPEG))


@pytest.mark.parametrize("lost", [20, 500, 3000])
def test_a_jpeg_that_lost_pixels_is_not_decoded(lost):
    with pytest.raises(OSError, match="truncated"):
        decoding.decode(JPEG[:-lost])


def test_a_progressive_jpeg_that_lost_a_scan_is_not_decoded():
    contents = saved(progressive=True)
    last_scan = contents.rindex(b"\xff\xda")
    with pytest.raises(OSError, match="truncated"):
        decoding.decode(contents[:last_scan])


@pytest.mark.parametrize(
    ("image", "form"),
    [
        (Image.fromarray(NOISE).convert("L"), "JPEG"),
        (Image.fromarray(NOISE).convert("CMYK"), "JPEG"),
        (Image.fromarray(NOISE).convert("P"), "GIF"),
        (Image.fromarray(NOISE).convert("P"), "PNG"),
        (Image.fromarray(NOISE).convert("RGBA"), "PNG"),
        (Image.fromarray(NOISE).convert("LA"), "PNG"),
        (Image.fromarray(NOISE), "BMP"),
    ],
    ids=["grey", "CMYK", "GIF", "palette", "alpha", "grey with alpha", "BMP"],
)
def test_files_of_other_kinds_named_jpg_are_decoded_to_rgb(image, form):
    contents = saved(image, form)
    decoded = decoding.decode(contents)
    assert decoded.shape == (60, 80, 3)
    assert decoded.dtype == np.uint8
    assert np.array_equal(decoded, by_pillow(contents))


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
