"""A data file that was damaged or crafted is refused, or holds what its format allows."""

import contextlib
import gzip
import hashlib
import io
import json
import struct
import zipfile
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import strategies as st
from PIL import Image, features

from chollet_cnn.data import containers, image_cache, image_files, mnist_files
from chollet_cnn.data.zip_files import ZIP_ERRORS
from chollet_cnn.errors import UserError
from robustness.damage import ask, damaged_bytes, damaged_json

IMAGES = np.arange(2 * 28 * 28).reshape(2, 28, 28).astype(np.uint8)
LABELS = np.array([3, 7], np.uint8)


def mnist_files_of_every_kind():
    """Return the name and the content of a small file of each format."""
    npz, npy = io.BytesIO(), io.BytesIO()
    np.savez_compressed(npz, x_train=IMAGES, y_train=LABELS, x_test=IMAGES, y_test=LABELS)
    np.save(npy, LABELS)
    idx = struct.pack(">BBBBIII", 0, 0, 8, 3, 2, 28, 28) + IMAGES.tobytes()
    return {
        "mnist.npz": npz.getvalue(),
        "y_test.npy": npy.getvalue(),
        "train-images-idx3-ubyte": idx,
        "train-images-idx3-ubyte.gz": gzip.compress(idx),
    }


def test_damaged_mnist(attack):
    wholes = mnist_files_of_every_kind()

    def check(damaged):
        arrays, _ = ask(mnist_files.read_arrays, *damaged, refuses=mnist_files.Damaged)
        for name, array in (arrays or {}).items():
            assert array.dtype == np.uint8
            assert array.shape[1:] in ([(28, 28), (784,)] if name[0] == "x" else [()])

    names = st.sampled_from(sorted(wholes))
    inputs = names.flatmap(lambda name: st.tuples(st.just(name), damaged_bytes(wholes[name])))
    attack(inputs, check, 200, 10_000)


@pytest.mark.parametrize(
    "method",
    [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA],
    ids=["deflated", "bzip2", "lzma"],
)
def test_damaged_zip_file(tmp_path, attack, monkeypatch, method):
    monkeypatch.setenv("CHOLLET_CNN_CACHE", str(tmp_path / "cache"))
    inner, outer = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("cat.0.jpg", b"a picture" * 20)
    with zipfile.ZipFile(outer, "w", method) as archive:
        archive.writestr("dog.0.jpg", b"another" * 20)
        archive.writestr("train.zip", inner.getvalue())
    contents = {b"a picture" * 20, b"another" * 20}
    file = tmp_path / "archive.zip"

    def check(content):
        file.write_bytes(content)
        listed, refusal = ask(containers.list_files, file, lambda name: name.endswith(".jpg"))
        if refusal:
            return
        with containers.reader(file, 10_000) as read:
            for path, _ in listed:
                with contextlib.suppress(UserError, *ZIP_ERRORS):  # decoding turns them into words
                    assert read(path) in contents

    attack(damaged_bytes(outer.getvalue()), check, 100, 3000)


def test_damaged_image(tmp_path, attack):
    wholes, pixels = [], np.random.default_rng(0).integers(0, 256, (9, 7, 3), np.uint8)
    kinds = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", *["AVIF"] * features.check("avif"))
    for kind in kinds:
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, kind)
        wholes.append(buffer.getvalue())

    def check(content):
        (tmp_path / "image").write_bytes(content)
        image, refusal = ask(image_files.read, tmp_path / "image")
        assert refusal or (image.ndim, image.shape[2], image.dtype) == (3, 3, np.uint8)

    attack(st.sampled_from(wholes).flatmap(damaged_bytes), check, 200, 5000)


def test_damaged_image_cache(tmp_path, attack):
    pixels = np.arange(2 * 4 * 4 * 3, dtype=np.uint8)
    index = image_cache.Index([0, 2], [{"file": "cat.1.jpg", "why": "cut"}], "8x8", "0" * 64)
    whole = asdict(index)

    def check(damaged):
        (tmp_path / image_cache.PIXELS_FILE).write_bytes(pixels.tobytes())
        image_cache.write_index(tmp_path, index, hashlib.sha256(pixels).hexdigest())
        content = damaged if isinstance(damaged, bytes) else json.dumps(damaged).encode()
        (tmp_path / image_cache.INDEX_FILE).write_bytes(content)
        found = image_cache.open_set(tmp_path, (4, 4), 3)
        if found:
            assert found[0].shape == (2, 4, 4, 3)
            assert len(found[1].left_out) == 1
            assert found[1].kept == sorted({*found[1].kept} & {0, 1, 2})

    inputs = st.one_of(damaged_json(whole), damaged_bytes(json.dumps(whole).encode()))
    attack(inputs, check, 100, 2000)
