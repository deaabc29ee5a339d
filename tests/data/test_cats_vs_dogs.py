"""The book's split, decoded once, kept, and described by its fingerprint."""

import errno
import io
import json
import os
import shutil
import subprocess
import sys
import time
import zipfile
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from pets import (
    FLAT,
    KAGGLE,
    MICROSOFT,
    SIZE,
    assert_is_whole,
    jpeg,
    levels,
    pictures,
    put_folder,
    put_zip,
    small,
    zipped,
)
from PIL import Image

from chollet_cnn.data import (
    archives,
    cats_vs_dogs,
    containers,
    decoded,
    layouts,
    load_dataset,
    scaling,
)
from chollet_cnn.errors import UserError

on_posix = pytest.mark.skipif(os.name != "posix", reason="permissions and links of POSIX")


@pytest.fixture
def flat(place):
    """A folder of pictures that were decoded and kept once."""
    small(put_folder(place, FLAT))
    return place


def kept_set(place):
    [folder] = (place.parent / "cache" / "cats-vs-dogs").iterdir()
    return folder


def test_the_books_splits_are_by_file_number():
    numbers = range(2500)
    index = layouts.index("a", [(f"{k}.{n}.jpg", (0, 0)) for k in ("cat", "dog") for n in numbers])
    parts, missing = cats_vs_dogs.select(index, cats_vs_dogs.FIRST_EDITION_SPLITS)
    names = [picture.file for part in parts.values() for picture in part]
    assert missing == []
    assert len(names) == 2000 + 1000 + 1000
    assert names[:3] == ["cat.0.jpg", "dog.0.jpg", "cat.1.jpg"]
    assert names[1998:2001] == ["cat.999.jpg", "dog.999.jpg", "cat.1000.jpg"]
    assert names[2999:3001] == ["dog.1499.jpg", "cat.1500.jpg"]
    assert names[-1] == "dog.1999.jpg"


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"resize": "cubic"}, "nearest, bilinear"),
        ({"image_size": (0, 10)}, "two numbers from 1 up"),
        ({"image_size": 150}, "images to 150: give two numbers from 1 up"),
        ({"image_size": (150.0, 150)}, "two numbers from 1 up"),
        ({"image_size": "180x180"}, "two numbers from 1 up"),
        ({"splits": {"train": (0, 4)}}, "must be train, test"),
        ({"splits": 1000}, "must be train, test"),
        ({"splits": {"train": 4, "test": (4, 6)}}, "first file number"),
        ({"splits": {"train": (0, 4), "test": (4, 4)}}, "first file number"),
        ({"splits": {"train": (0, 4), "test": (3, 6)}}, "two splits share images"),
    ],
)
def test_an_option_that_makes_no_sense_is_named(place, options, why):
    with pytest.raises(UserError, match=why):
        small(put_folder(place, FLAT), **options)


# Decoded once, and kept


def test_the_second_load_decodes_nothing(place, monkeypatch):
    put_zip(place / "train.zip", KAGGLE)
    first = small(place)
    monkeypatch.setattr(decoded, "on_every_core", None)
    monkeypatch.setattr(Image, "open", None)
    second = small(place)
    assert_is_whole(second)
    assert second.fingerprint == first.fingerprint
    with pytest.raises(TypeError):  # another size has to be decoded
        small(place, image_size=(7, 7))


def test_pictures_are_mapped_into_memory_and_read_only(flat):
    images = small(flat).train.images
    assert isinstance(images, np.memmap)
    assert images.dtype == np.uint8
    assert images.shape == (8, *SIZE, 3)
    with pytest.raises(ValueError, match="read-only"):
        images[0] = 0


def test_a_changed_picture_is_decoded_again(flat):
    before = small(flat)
    (flat / "cat.6.jpg").write_bytes(jpeg("dog", 7, size=(30, 30)))
    after = small(flat)
    assert levels(after.test)[0] == 21
    assert after.fingerprint["sha256"] != before.fingerprint["sha256"]


@on_posix
def test_kept_pictures_may_be_read_by_whom_the_user_lets_read(place):
    before = os.umask(0o022)
    try:
        small(put_folder(place, FLAT))
    finally:
        os.umask(before)
    for kept in (place.parent / "cache" / "cats-vs-dogs").rglob("*"):
        assert kept.stat().st_mode & 0o777 == (0o755 if kept.is_dir() else 0o644)


def change_a_pixel(place):
    file = kept_set(place) / "pictures.uint8"
    pixels = bytearray(file.read_bytes())
    pixels[0] ^= 255
    file.write_bytes(pixels)
    return file, pixels[0]


def test_what_another_pillow_decoded_is_decoded_again(flat, monkeypatch):
    before = kept_set(flat)
    monkeypatch.setattr("PIL.__version__", "10.1.0")
    small(flat)
    folders = set((flat.parent / "cache" / "cats-vs-dogs").iterdir())
    assert before in folders
    assert len(folders) == 2


def test_another_way_of_resizing_is_kept_apart(flat):
    small(flat, resize="bilinear")
    assert len(list((flat.parent / "cache" / "cats-vs-dogs").iterdir())) == 2


def test_a_pixel_changed_in_the_cache_is_noticed_at_the_next_load(flat):
    file, _ = change_a_pixel(flat)
    os.utime(file, (time.time() + 1,) * 2)  # file systems may count time in whole seconds
    assert_is_whole(small(flat))


def test_the_cache_is_checked_once_a_day_although_nothing_wrote_to_it(flat):
    file, changed = change_a_pixel(flat)
    os.utime(file, (0, 0))  # as a failing disk would leave it
    assert small(flat).train.images[0, 0, 0, 0] == changed
    yesterday = time.time() - 25 * 60 * 60
    os.utime(kept_set(flat) / "pictures.sha256", (yesterday, yesterday))
    assert_is_whole(small(flat))


def test_a_sound_cache_is_used_after_a_day_and_checked_again_the_next(flat, monkeypatch):
    record = kept_set(flat) / "pictures.sha256"
    os.utime(record, (time.time() - 25 * 60 * 60,) * 2)
    monkeypatch.setattr(decoded, "on_every_core", None)
    assert_is_whole(small(flat))
    assert time.time() - record.stat().st_mtime < 60


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("pictures.uint8", "cut"),
        ("index.json", "{"),
        ("index.json", "[]"),
        ("index.json", "{}"),
        ("index.json", "null"),
        ("index.json", "[" * 100_000),
        ("index.json", '{"kept": 3, "left_out": [], "source_size": "1x1", "sha256": ""}'),
        ("index.json", '{"kept": ["0"], "left_out": [], "source_size": "1x1", "sha256": ""}'),
        ("index.json", '{"kept": [], "left_out": [1], "source_size": "1x1", "sha256": ""}'),
        ("index.json", '{"kept": [], "left_out": [{"file": 1, "why": 2}], "source_size": 1, '
         '"sha256": ""}'),
    ],
)  # fmt: skip
def test_a_damaged_cache_is_made_anew(flat, name, content):
    (kept_set(flat) / name).write_text(content)
    assert_is_whole(small(flat))
    assert kept_set(flat)


def test_a_set_gets_its_name_where_windows_refuses_that_for_a_moment(flat, monkeypatch):
    def refuse(*_):
        raise PermissionError(errno.EACCES, "Access is denied")

    shutil.rmtree(kept_set(flat))
    monkeypatch.setattr(Path, "rename", refuse)
    assert_is_whole(small(flat))
    assert kept_set(flat)


@on_posix
@pytest.mark.parametrize("other", ["file", "dangling link", "link to a folder"])
def test_whatever_else_has_the_name_of_a_cached_set_is_replaced(flat, other):
    folder = kept_set(flat)
    shutil.rmtree(folder)
    if other == "file":
        folder.write_text("not a folder")
    else:
        folder.symlink_to(flat if other == "link to a folder" else flat / "nowhere")
    assert_is_whole(small(flat))
    assert (flat / "cat.0.jpg").exists()


def test_what_a_killed_process_left_in_the_cache_is_removed_after_a_day(place):
    caches = [place.parent / "cache" / name for name in ("cats-vs-dogs", "unpacked")]
    for cache, (name, age) in product(caches, (("old", 25 * 60 * 60), ("new", 0))):
        (cache / f".building-{name}").mkdir(parents=True)
        os.utime(cache / f".building-{name}", (time.time() - age,) * 2)
    (place / "all.zip").write_bytes(zipped({"train.zip": zipped(FLAT)}, zipfile.ZIP_DEFLATED))
    small(place)
    for cache in caches:  # the new one may be another process's
        assert [folder.name for folder in cache.glob(".building-*")] == [".building-new"]


def test_two_processes_can_decode_at_once(place):
    put_zip(place / "train.zip", pictures("{kind}.{number}.jpg", range(100)))
    code = (
        "from chollet_cnn.data import load_dataset\n"
        f"load_dataset('cats-vs-dogs', {str(place)!r}, "
        "splits={'train': (0, 50), 'test': (50, 100)})"
    )
    both = [subprocess.Popen([sys.executable, "-c", code], env=os.environ) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    assert kept_set(place)


def test_a_cache_that_cannot_be_written_names_the_variable(place, monkeypatch):
    put_folder(place, FLAT)
    monkeypatch.setenv("CHOLLET_CNN_CACHE", str(place / "cat.0.jpg"))
    with pytest.raises(UserError, match="set CHOLLET_CNN_CACHE to another folder"):
        small(place)


# Images that are missing or damaged

HUNDRED = {"splits": {"train": (0, 60), "test": (60, 100)}}


def two_hundred(place, broken):
    """Put 100 cats and 100 dogs into a zip file, the first ``broken`` cats cut in half."""
    files = pictures("train/{kind}.{number}.jpg", range(100))
    for number in range(broken):
        name = f"train/cat.{number}.jpg"
        files[name] = files[name][: len(files[name]) // 2]
    put_zip(place / "train.zip", files)
    return place


def test_one_broken_picture_in_two_hundred_is_skipped_and_named(place, capsys):
    two_hundred(place, broken=1)
    for _ in range(2):  # decoded, and from the cache
        dataset = small(place, **HUNDRED)
        [left_out] = dataset.fingerprint["left_out"]
        assert left_out["file"] == "train/cat.0.jpg"
        assert left_out["why"].startswith("cannot be decoded")
        assert dataset.fingerprint["pictures"] == {"train": 119, "test": 80}
        assert dataset.train.names[:2] == ("dog.0.jpg", "cat.1.jpg")
        assert dataset.train.labels[:2].tolist() == [1, 0]
        assert "skipped 1 of 200 images in train.zip: train/cat.0.jpg" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform != "linux", reason="other systems take no such name")
def test_a_broken_picture_whose_name_is_not_utf_8_is_skipped(place):
    files = pictures("{kind}.{number}.jpg", range(100))
    files["cat.0\udcff.jpg"] = files.pop("cat.0.jpg")[:100]
    for _ in range(2):  # decoded, and from the cache
        [left_out] = small(put_folder(place, files), **HUNDRED).fingerprint["left_out"]
        assert left_out["file"] == "cat.0?.jpg"


def test_a_missing_number_is_skipped_and_named(place):
    files = pictures("{kind}.{number}.jpg", range(100))
    del files["dog.99.jpg"]
    dataset = small(put_folder(place, files), **HUNDRED)
    [left_out] = dataset.fingerprint["left_out"]
    assert left_out == {"file": "dog number 99", "why": "there is no such file"}
    assert dataset.test.names[-1] == "cat.99.jpg"


def test_four_broken_pictures_in_two_hundred_are_an_error(place):
    two_hundred(place, broken=4)
    with pytest.raises(UserError, match=r"more than 1% .* train/cat\.0\.jpg"):
        small(place, **HUNDRED)
    assert list((place.parent / "cache" / "cats-vs-dogs").iterdir()) == []


def test_missing_and_broken_pictures_count_together_in_the_cache_too(place):
    two_hundred(place, broken=2)
    with pytest.raises(UserError, match=r"is damaged: .*cat\.0\.jpg.* 2 more are missing"):
        small(place, splits={"train": (0, 60), "test": (60, 101)})  # 4 of 202
    small(place, **HUNDRED)
    with pytest.raises(UserError, match=r"is damaged: .* 2 more are missing"):
        small(place, splits={"train": (0, 60), "test": (60, 101)})


@pytest.mark.parametrize(
    ("owner", "name", "problem", "why"),
    [
        (Path, "read_bytes", OSError(errno.EIO, "bad disk"), "cannot read .*bad disk"),
        (Image, "open", MemoryError(), "too little memory to decode"),
    ],
)
def test_a_machine_that_fails_skips_no_picture(place, monkeypatch, owner, name, problem, why):
    put_folder(place, FLAT)

    def fail(*_, **__):
        raise problem

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, fail)
        with pytest.raises(UserError, match=why):
            small(place)
    assert_is_whole(small(place))


def test_only_the_pictures_of_the_splits_are_decoded(place):
    files = FLAT | {"cat.8.jpg": b"not a picture at all"}
    assert_is_whole(small(put_folder(place, files)))


# Pixels and fingerprint


def test_bilinear_pictures_are_kept_pixel_for_pixel(place):
    noise = np.random.default_rng(4).integers(0, 256, (9, 13, 3), dtype=np.uint8)
    Image.fromarray(noise).save(place / "cat.0.png")
    put_folder(place, {"dog.0.jpg": jpeg("dog", 0), **pictures("{kind}.1{number}.jpg")})
    dataset = small(place, resize="bilinear", splits={"train": (0, 1), "test": (10, 14)})
    assert np.array_equal(dataset.train.images[0], scaling.bilinear(noise, SIZE))


def test_the_fingerprint_is_that_of_the_pictures_and_not_of_their_container(place):
    one = small(put_zip(place / "train.zip", KAGGLE)).fingerprint
    other = small(put_folder(place / "copy", MICROSOFT)).fingerprint
    assert one["sha256"] == other["sha256"]
    assert (one["source"], other["source"]) == ("train.zip", "PetImages")
    assert json.loads(json.dumps(one)) == one


def test_the_fingerprint_says_when_all_pictures_are_copies_of_one_size(flat):
    assert small(flat).fingerprint["note"] == "source pictures are all 16x12"
    (flat / "dog.7.jpg").write_bytes(jpeg("dog", 7, size=(20, 20)))
    assert small(flat).fingerprint["source_size"] == "various"


def test_real_cats_and_dogs_fill_the_first_editions_splits(real_cats_dir):
    dataset = load_dataset("cats-vs-dogs", real_cats_dir, image_size=(30, 30))
    assert dataset.fingerprint["pictures"] == {"train": 2000, "validation": 1000, "test": 1000}
    assert np.bincount(dataset.test.labels).tolist() == [500, 500]
    archive, found = archives.find(real_cats_dir)
    [picture] = [one for one in found if (one.kind, one.number) == ("dog", 1999)]
    with containers.reader(archive) as read, Image.open(io.BytesIO(read(picture.file))) as image:
        by_pillow = image.convert("RGB").resize((30, 30), Image.Resampling.NEAREST)
    assert np.array_equal(dataset.test.images[-1], np.asarray(by_pillow))
