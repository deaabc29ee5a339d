import errno
import io
import json
import os
import shutil
import subprocess
import sys
import time

import numpy as np
import pytest
from pets import (
    LAYOUTS,
    SIZE,
    SPLITS,
    assert_is_whole,
    jpeg,
    layout,
    levels,
    pictures,
    put_folder,
    put_zip,
    small,
)
from PIL import Image

from chollet_cnn.data import archives, cats_vs_dogs, decoded, load_dataset, scaling, sources
from chollet_cnn.errors import UserError


@pytest.fixture(autouse=True)
def own_place(tmp_path, monkeypatch):
    """Every test has a cache of its own, and finds no data but what it makes."""
    monkeypatch.setenv("CHOLLET_CNN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))


@pytest.fixture
def nothing_else(monkeypatch):
    monkeypatch.delenv("CHOLLET_CNN_DATA", raising=False)


@pytest.fixture
def place(tmp_path):
    folder = tmp_path / "place"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_is_read_from_a_zip_file(place, name):
    put_zip(place / "my-cats-and-dogs.zip", layout(name))
    assert_is_whole(small(place))


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_is_read_from_a_folder(place, name):
    assert_is_whole(small(put_folder(place, layout(name))))


@pytest.mark.parametrize("file", ["train.zip", "kagglecatsanddogs_5340.zip"])
def test_the_zip_file_itself_can_be_named(place, file):
    archive = put_zip(place / file, layout("kaggle"))
    dataset = small(archive)
    assert_is_whole(dataset)
    assert dataset.fingerprint["source"] == file


def test_the_petimages_folder_itself_can_be_named(place):
    put_folder(place, layout("microsoft"))
    dataset = small(place / "PetImages")
    assert_is_whole(dataset)
    assert dataset.test.names == ("Cat/6.jpg", "Dog/6.jpg", "Cat/7.jpg", "Dog/7.jpg")


@pytest.mark.parametrize("name", ["application", "education", "catalog", "dogma"])
def test_a_zip_file_that_only_has_the_letters_in_its_name_is_not_opened(place, name):
    (place / f"{name}.zip").write_bytes(b"of something else, and cut short")
    put_zip(place / "kagglecatsanddogs_5340.zip", layout("microsoft"))
    assert_is_whole(small(place))


@pytest.mark.parametrize("name", ["dogs-vs-cats", "CatDog", "dog_or_cat", "my-cat", "dogs2"])
def test_a_zip_file_that_is_called_after_cats_or_dogs_is_found(place, name):
    put_zip(place / f"{name}.zip", layout("kaggle"))
    assert_is_whole(small(place))


def test_the_books_own_small_copy_is_read(place):
    for name, (start, stop) in SPLITS.items():
        files = {
            f"{name}/{kind}s/{kind}.{number}.jpg": jpeg(kind, number)
            for kind in ("cat", "dog")
            for number in range(start, stop)
        }
        put_folder(place, files)
    assert_is_whole(small(place))


def test_the_environment_variable_and_keras_cache_are_searched(place, tmp_path, monkeypatch):
    monkeypatch.setenv("CHOLLET_CNN_DATA", str(place))
    (tmp_path / "keras" / "datasets").mkdir(parents=True)
    put_zip(tmp_path / "keras" / "datasets" / "dogs.zip", layout("flat"))
    assert small(None).fingerprint["source"] == "dogs.zip"
    put_zip(place / "train.zip", layout("flat"))
    assert small(None).fingerprint["source"] == "train.zip"


def test_files_that_are_not_pictures_are_skipped(place):
    notes = {
        "PetImages/Cat/Thumbs.db": b"x",
        "PetImages/Dog/._7.jpg": b"x",
        "readme[1].txt": b"x",
        "test1/1.jpg": jpeg("cat", 1),
    }
    assert_is_whole(small(put_zip(place / "cats.zip", layout("microsoft") | notes)))


def test_the_books_splits_are_by_file_number(place):
    numbers = range(2500)
    index = archives.index("a", [(f"{k}.{n}.jpg", (0, 0)) for k in ("cat", "dog") for n in numbers])
    parts, missing = cats_vs_dogs.select(index, cats_vs_dogs.FIRST_EDITION_SPLITS)
    names = [picture.file for part in parts.values() for picture in part]
    assert missing == []
    assert len(names) == 2000 + 1000 + 1000
    assert names[:3] == ["cat.0.jpg", "dog.0.jpg", "cat.1.jpg"]
    assert names[1998:2001] == ["cat.999.jpg", "dog.999.jpg", "cat.1000.jpg"]
    assert names[2999:3001] == ["dog.1499.jpg", "cat.1500.jpg"]
    assert names[-1] == "dog.1999.jpg"


def test_two_files_that_claim_one_number_are_both_named(place):
    put_folder(place, layout("kaggle") | {"train/cats/photo3.jpg": jpeg("cat", 3)})
    with pytest.raises(UserError, match=r"cat\.3\.jpg and .*cats/photo3\.jpg .*cat number 3"):
        small(place)


def test_a_name_without_a_number_among_numbered_ones_is_an_error(place):
    put_folder(place, layout("microsoft") | {"PetImages/Dog/rex.jpg": jpeg("dog", 1)})
    with pytest.raises(UserError, match=r"Dog/rex\.jpg in PetImages has no number"):
        small(place)


def test_no_pictures_at_all_names_the_places_and_the_ways(place, nothing_else):
    put_zip(place / "catalogue.zip", {"page.txt": b"x"})
    with pytest.raises(sources.NotFound) as problem:
        small(place)
    for hint in (str(place), "train.zip", "fetch cats-vs-dogs", "--data-dir"):
        assert hint in str(problem.value)


def test_a_damaged_zip_file_inside_a_zip_file_is_named(place, nothing_else):
    put_zip(place / "dogs-vs-cats.zip", {"train.zip": b"PK", "test1.zip": b"PK"})
    with pytest.raises(UserError, match=r"train\.zip inside .*dogs-vs-cats\.zip cannot be opened"):
        small(place)
    put_zip(place / "train.zip", layout("kaggle"))
    assert_is_whole(small(place))


def test_a_cut_zip_file_is_named(place):
    archive = put_zip(place / "train.zip", layout("kaggle"))
    archive.write_bytes(archive.read_bytes()[:-100])
    with pytest.raises(UserError, match=r"train\.zip cannot be opened as a zip file"):
        small(place)
    assert not (place.parent / "cache").exists()


def test_the_second_load_decodes_nothing(place, monkeypatch):
    put_zip(place / "train.zip", layout("kaggle"))
    first = small(place)
    monkeypatch.setattr(decoded, "_decode_all", None)
    monkeypatch.setattr(Image, "open", None)
    second = small(place)
    assert_is_whole(second)
    assert second.fingerprint == first.fingerprint
    with pytest.raises(TypeError):  # another size has to be decoded
        small(place, image_size=(7, 7))


def test_pictures_are_mapped_into_memory_and_read_only(place):
    dataset = small(put_folder(place, layout("kaggle")))
    assert isinstance(dataset.train.images, np.memmap)
    assert dataset.train.images.dtype == np.uint8
    assert dataset.train.images.shape == (8, *SIZE, 3)
    with pytest.raises(ValueError, match="read-only"):
        dataset.train.images[0] = 0


def test_a_changed_picture_is_decoded_again(place):
    put_folder(place, layout("flat"))
    before = small(place)
    (place / "cat.6.jpg").write_bytes(jpeg("dog", 7, size=(30, 30)))
    after = small(place)
    assert levels(after.test)[0] == 21
    assert after.fingerprint["sha256"] != before.fingerprint["sha256"]


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX's")
def test_kept_pictures_may_be_read_by_whom_the_user_lets_read(place):
    before = os.umask(0o022)
    try:
        small(put_folder(place, layout("flat")))
    finally:
        os.umask(before)
    for kept in (place.parent / "cache" / "cats-vs-dogs").rglob("*"):
        assert kept.stat().st_mode & 0o777 == (0o755 if kept.is_dir() else 0o644)


def kept_set(place):
    [folder] = (place.parent / "cache" / "cats-vs-dogs").iterdir()
    return folder


def test_a_pixel_changed_in_the_cache_is_noticed_at_the_next_load(place):
    put_folder(place, layout("flat"))
    small(place)
    file = kept_set(place) / "pictures.uint8"
    pixels = bytearray(file.read_bytes())
    pixels[0] ^= 255
    file.write_bytes(pixels)
    os.utime(file, (time.time() + 1,) * 2)  # file systems may count time in whole seconds
    assert_is_whole(small(place))


def test_the_cache_is_checked_once_a_day_although_nothing_wrote_to_it(place):
    put_folder(place, layout("flat"))
    small(place)
    file, record = (kept_set(place) / name for name in ("pictures.uint8", "pictures.sha256"))
    pixels = bytearray(file.read_bytes())
    pixels[0] ^= 255
    file.write_bytes(pixels)
    os.utime(file, (0, 0))  # as a failing disk would leave it
    assert small(place).train.images[0, 0, 0, 0] == pixels[0]
    yesterday = time.time() - 25 * 60 * 60
    os.utime(record, (yesterday, yesterday))
    assert_is_whole(small(place))


def test_a_cache_of_before_there_were_hashes_is_used_and_gets_one(place, monkeypatch):
    put_folder(place, layout("flat"))
    small(place)
    record = kept_set(place) / "pictures.sha256"
    expected = record.read_text()
    record.unlink()
    monkeypatch.setattr(decoded, "_decode_all", None)
    assert_is_whole(small(place))
    assert record.read_text() == expected


@pytest.mark.parametrize(
    "content",
    [
        "[]",
        "{}",
        "null",
        "[" * 100_000,
        '{"kept": 3, "left_out": [], "source_size": "1x1", "sha256": ""}',
        '{"kept": ["0"], "left_out": [], "source_size": "1x1", "sha256": ""}',
        '{"kept": [], "left_out": [1], "source_size": "1x1", "sha256": ""}',
        '{"kept": [], "left_out": [{"file": 1, "why": 2}], "source_size": 1, "sha256": ""}',
    ],
)
def test_an_index_of_odd_types_is_decoded_again(place, content):
    put_folder(place, layout("flat"))
    small(place)
    (kept_set(place) / "index.json").write_text(content)
    assert_is_whole(small(place))


@pytest.mark.skipif(os.name != "posix", reason="making links needs rights on Windows")
@pytest.mark.parametrize("other", ["file", "dangling link", "link to a folder"])
def test_whatever_else_has_the_name_of_a_cached_set_is_replaced(place, other):
    put_folder(place, layout("flat"))
    small(place)
    folder = kept_set(place)
    shutil.rmtree(folder)
    if other == "file":
        folder.write_text("not a folder")
    else:
        folder.symlink_to(place if other == "link to a folder" else place / "nowhere")
    assert_is_whole(small(place))
    assert (place / "cat.0.jpg").exists()


def test_what_a_killed_process_left_in_the_cache_is_removed_after_a_day(place):
    put_folder(place, layout("flat"))
    cache = place.parent / "cache" / "cats-vs-dogs"
    for name, age in (("old", 25 * 60 * 60), ("new", 0)):
        (cache / f".building-{name}").mkdir(parents=True)
        os.utime(cache / f".building-{name}", (time.time() - age,) * 2)
    small(place)
    assert not (cache / ".building-old").exists()
    assert (cache / ".building-new").exists()  # it may be another process's


@pytest.mark.parametrize("name", ["pictures.uint8", "index.json"])
def test_a_damaged_cache_is_made_anew(place, name):
    put_folder(place, layout("flat"))
    small(place)
    [file] = (place.parent / "cache").rglob(name)
    file.write_bytes(file.read_bytes()[:-1])
    assert_is_whole(small(place))
    assert len(list((place.parent / "cache" / "cats-vs-dogs").iterdir())) == 1


def test_two_processes_can_decode_at_once(place):
    put_zip(place / "train.zip", pictures("{kind}.{number}.jpg", 100))
    code = (
        "from chollet_cnn.data import load_dataset;"
        f"load('cats-vs-dogs', {str(place)!r}, splits={{'train': (0, 50), 'test': (50, 100)}})"
    )
    both = [subprocess.Popen([sys.executable, "-c", code], env=os.environ) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    assert len(list((place.parent / "cache" / "cats-vs-dogs").iterdir())) == 1


def test_a_cache_that_cannot_be_written_names_the_variable(place, monkeypatch):
    put_folder(place, layout("flat"))
    monkeypatch.setenv("CHOLLET_CNN_CACHE", str(place / "cat.0.jpg"))
    with pytest.raises(UserError, match="set CHOLLET_CNN_CACHE to another folder"):
        small(place)


def two_hundred(place, broken):
    """Put 100 cats and 100 dogs into a zip file, the first ``broken`` cats cut in half."""
    files = pictures("train/{kind}.{number}.jpg", 100)
    for number in range(broken):
        name = f"train/cat.{number}.jpg"
        files[name] = files[name][: len(files[name]) // 2]
    put_zip(place / "train.zip", files)
    return {"splits": {"train": (0, 60), "test": (60, 100)}}


def test_one_broken_picture_in_two_hundred_is_skipped_and_named(place, capsys):
    options = two_hundred(place, broken=1)
    for _ in range(2):  # decoded, and from the cache
        dataset = small(place, **options)
        [left_out] = dataset.fingerprint["left_out"]
        assert left_out["file"] == "cat.0.jpg"
        assert left_out["why"].startswith("cannot be decoded")
        assert dataset.fingerprint["pictures"] == {"train": 119, "test": 80}
        assert dataset.train.names[:2] == ("dog.0.jpg", "cat.1.jpg")
        assert dataset.train.labels[:2].tolist() == [1, 0]
        assert "skipped 1 of 200 images in train.zip: cat.0.jpg" in capsys.readouterr().err


def test_four_broken_pictures_in_two_hundred_are_an_error(place):
    options = two_hundred(place, broken=4)
    with pytest.raises(UserError, match=r"more than 1% .* cat\.0\.jpg"):
        small(place, **options)
    assert list((place.parent / "cache" / "cats-vs-dogs").iterdir()) == []


@pytest.mark.parametrize(
    ("owner", "name", "problem", "why"),
    [
        (
            archives.Path,
            "read_bytes",
            OSError(errno.EIO, "bad disk"),
            "cannot read .* in .*bad disk",
        ),
        (Image, "open", MemoryError(), "too little memory to decode"),
    ],
)
def test_a_machine_that_fails_skips_no_picture(place, monkeypatch, owner, name, problem, why):
    put_folder(place, layout("flat"))

    def fail(*_, **__):
        raise problem

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, fail)
        with pytest.raises(UserError, match=why):
            small(place)
    assert_is_whole(small(place))


def test_kept_pictures_are_refused_too_when_too_many_were_left_out(place):
    put_folder(place, pictures("{kind}.{number}.jpg", 100))
    (place / "cat.0.jpg").write_bytes(b"no picture")
    small(place, splits={"train": (0, 60), "test": (60, 100)})
    with pytest.raises(UserError, match="is damaged"):  # the same pictures, and two are missing
        small(place, splits={"train": (0, 60), "test": (60, 101)})


def test_missing_and_broken_pictures_count_together(place):
    options = two_hundred(place, broken=2)
    options["splits"]["test"] = (60, 101)  # two more are not there: 4 of 202
    with pytest.raises(UserError, match=r"is damaged: .*cat\.0\.jpg.* 2 more are missing"):
        small(place, **options)


def test_a_missing_number_is_skipped_and_named(place):
    files = pictures("{kind}.{number}.jpg", 100)
    del files["dog.99.jpg"]
    dataset = small(put_folder(place, files), splits={"train": (0, 60), "test": (60, 100)})
    assert dataset.fingerprint["left_out"] == [
        {"file": "dog number 99", "why": "there is no such file"}
    ]
    assert dataset.test.names[-1] == "cat.99.jpg"


def test_only_the_pictures_of_the_splits_are_decoded(place):
    files = layout("flat") | {"cat.8.jpg": b"not a picture at all"}
    assert_is_whole(small(put_folder(place, files)))


def test_bilinear_pictures_are_kept_pixel_for_pixel(place):
    noise = np.random.default_rng(4).integers(0, 256, (9, 13, 3), dtype=np.uint8)
    Image.fromarray(noise).save(place / "cat.0.png")
    put_folder(place, {"dog.0.jpg": jpeg("dog", 0), **pictures("{kind}.1{number}.jpg")})
    splits = {"train": (0, 1), "test": (10, 14)}
    dataset = small(place, resize="bilinear", splits=splits)
    assert np.array_equal(dataset.train.images[0], scaling.bilinear(noise, SIZE))


def test_the_fingerprint_is_that_of_the_pictures_and_not_of_their_container(place):
    one = small(put_zip(place / "train.zip", layout("kaggle"))).fingerprint
    other = small(put_folder(place / "copy", layout("microsoft"))).fingerprint
    assert one["sha256"] == other["sha256"]
    assert (one["source"], other["source"]) == ("train.zip", "PetImages")
    assert json.loads(json.dumps(one)) == one


def test_the_fingerprint_says_when_all_pictures_are_copies_of_one_size(place):
    put_folder(place, layout("flat"))
    assert small(place).fingerprint["note"] == "source pictures are all 16x12"
    (place / "dog.7.jpg").write_bytes(jpeg("dog", 7, size=(20, 20)))
    assert small(place).fingerprint["source_size"] == "various"


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"resize": "cubic"}, "nearest, bilinear"),
        ({"image_size": (0, 10)}, "two numbers from 1 up"),
        ({"splits": {"train": (0, 4)}}, "must be train, test"),
        ({"splits": {"train": (0, 4), "test": (4, 4)}}, "first file number"),
        ({"splits": {"train": (0, 4), "test": (3, 6)}}, "two splits share images"),
    ],
)
def test_an_option_that_makes_no_sense_is_named(place, options, why):
    with pytest.raises(UserError, match=why):
        small(put_folder(place, layout("flat")), **options)


def test_real_cats_and_dogs_fill_the_first_editions_splits(real_cats_dir):
    dataset = load_dataset("cats-vs-dogs", real_cats_dir, image_size=(30, 30))
    assert dataset.fingerprint["pictures"] == {"train": 2000, "validation": 1000, "test": 1000}
    assert np.bincount(dataset.test.labels).tolist() == [500, 500]
    archive, found = archives.find(real_cats_dir)
    [picture] = [one for one in found if (one.kind, one.number) == ("dog", 1999)]
    with archives.reader(archive) as read, Image.open(io.BytesIO(read(picture.file))) as image:
        by_pillow = image.convert("RGB").resize((30, 30), Image.Resampling.NEAREST)
    assert np.array_equal(dataset.test.images[-1], np.asarray(by_pillow))
