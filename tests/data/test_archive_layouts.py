"""Archives as people have them: zip files in zip files, deep folders, links, folders that split."""

import io
import os
import random
import struct
import zipfile

import pytest
from pets import (
    COUNT,
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

from chollet_cnn.data import __main__ as command
from chollet_cnn.data import (
    archives,
    cats_vs_dogs,
    containers,
    decoded,
    layouts,
    sources,
    zip_files,
)
from chollet_cnn.errors import UserError

needs_links = pytest.mark.skipif(os.name != "posix", reason="making links needs rights on Windows")


@pytest.fixture(autouse=True)
def own_place(tmp_path, monkeypatch):
    """Every test has a cache of its own, and finds no data but what it makes."""
    monkeypatch.setenv("CHOLLET_CNN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.delenv("CHOLLET_CNN_DATA", raising=False)


@pytest.fixture
def place(tmp_path):
    folder = tmp_path / "place"
    folder.mkdir()
    return folder


def zipped(files, method=zipfile.ZIP_STORED):
    """Return the bytes of a zip file with these files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("inner", ["kaggle", "microsoft", "flat"])
def test_a_zip_file_inside_kaggles_archive_is_read_where_it_is(place, method, inner):
    test = {f"test/{number}.jpg": jpeg("cat", number) for number in range(4)}
    contents = {"train.zip": zipped(layout(inner)), "test.zip": zipped(test), "notes.csv": b"id"}
    (place / "archive.zip").write_bytes(zipped(contents, method))
    dataset = small(place)
    assert_is_whole(dataset)
    assert dataset.fingerprint["source"] == "archive.zip"
    kept = sorted(file.name for file in (place.parent / "cache").iterdir())
    assert kept == ["cats-vs-dogs", *(["unpacked"] if method == zipfile.ZIP_DEFLATED else [])]


def test_a_packed_zip_file_in_a_zip_file_is_unpacked_once(place, monkeypatch, capsys):
    content = zipped({"train.zip": zipped(layout("kaggle"))}, zipfile.ZIP_DEFLATED)
    (place / "archive.zip").write_bytes(content)
    assert_is_whole(small(place))
    assert capsys.readouterr().err.startswith("unpacking train.zip into ")
    monkeypatch.setattr(zip_files, "_copy", None)
    assert_is_whole(small(place))
    [unpacked] = (place.parent / "cache" / "unpacked").iterdir()
    unpacked.write_bytes(b"cut short")
    monkeypatch.undo()
    monkeypatch.setenv("CHOLLET_CNN_CACHE", str(place.parent / "cache"))
    assert_is_whole(small(place))


def test_a_cache_that_cannot_hold_an_unpacked_zip_file_is_named(place, monkeypatch):
    content = zipped({"train.zip": zipped(layout("kaggle"))}, zipfile.ZIP_DEFLATED)
    (place / "archive.zip").write_bytes(content)
    monkeypatch.setenv("CHOLLET_CNN_CACHE", str(place / "archive.zip"))
    with pytest.raises(UserError, match=r"cannot unpack train\.zip .*set CHOLLET_CNN_CACHE"):
        small(place)


@pytest.mark.parametrize("name", ["archive", "archive (1)", "download", "9d8f"])
@pytest.mark.parametrize("inner", ["PetImages/{Kind}/{number}.jpg", "a/b/c/{kind}s/{number}.jpg"])
def test_an_archive_of_any_name_is_found_by_what_is_in_it(place, name, inner):
    put_zip(place / f"{name}.zip", pictures(inner))
    assert_is_whole(small(place))
    assert_is_whole(small(place / f"{name}.zip"))


def test_an_archive_that_has_the_pictures_twice_is_read_once(place):
    contents = {"train.zip": zipped(layout("kaggle")), **layout("microsoft")}
    (place / "archive.zip").write_bytes(zipped(contents))
    _, found = archives.find(place)
    assert len(found) == 2 * COUNT
    assert_is_whole(small(place))


def test_the_larger_of_two_collections_is_taken(place):
    put_folder(place, pictures("some/train/{kind}s/{kind}.{number}.jpg", 3))
    put_folder(place, pictures("all/train/{kind}s/{kind}.{number}.jpg"))
    assert_is_whole(small(place))


def test_a_damaged_test_zip_does_not_matter(place):
    contents = {"train.zip": zipped(layout("kaggle")), "test.zip": b"PK and no more"}
    (place / "archive.zip").write_bytes(zipped(contents))
    assert_is_whole(small(place))


@pytest.mark.parametrize(
    "where", ["holiday/2019/Cat and Dog", "x", "PetImages", "a/b/c/d/e/f/g", "archive/PetImages"]
)
def test_class_folders_are_found_at_any_depth_below_folders_of_any_name(place, where):
    put_folder(place / where, pictures("{Kind}/{number}.jpg"))
    assert_is_whole(small(place))


def test_pictures_in_folders_below_a_class_folder_are_of_that_class(place):
    put_folder(place, pictures("{kind}s/by year/2019/{number}.jpg"))
    assert_is_whole(small(place))


def test_a_zip_file_deep_below_the_place_is_found(place):
    (place / "new" / "downloads").mkdir(parents=True)
    put_zip(place / "new" / "downloads" / "data.zip", layout("microsoft"))
    assert small(place).fingerprint["source"] == "data.zip"


def test_a_place_with_the_usual_name_is_preferred_to_one_found_by_content(place):
    put_zip(place / "a.zip", layout("kaggle"))
    put_zip(place / "train.zip", layout("kaggle"))
    assert small(place).fingerprint["source"] == "train.zip"


@needs_links
def test_links_to_folders_are_followed_and_circles_left(place, tmp_path):
    put_folder(tmp_path / "elsewhere", pictures("{Kind}/{number}.jpg"))
    (place / "PetImages").mkdir()
    for name in ("Cat", "Dog"):
        (place / "PetImages" / name).symlink_to(tmp_path / "elsewhere" / name)
    (place / "PetImages" / "up").symlink_to(place)
    (tmp_path / "elsewhere" / "Cat" / "round").symlink_to(tmp_path / "elsewhere")
    assert_is_whole(small(place))
    assert_is_whole(small(place / "PetImages"))


@needs_links
def test_a_folder_that_is_also_linked_counts_once_under_its_own_name(place):
    put_folder(place, pictures("PetImages/{Kind}/{number}.jpg"))
    (place / "PetImages" / "A-link").symlink_to(place / "PetImages" / "Cat")
    (place / "PetImages" / "broken").symlink_to(place / "nowhere")
    _, found = archives.find(place)
    assert found[0].file == "Cat/0.jpg"
    assert_is_whole(small(place))


def test_a_tree_with_too_many_files_is_refused(place, monkeypatch):
    monkeypatch.setattr(containers, "MOST_FILES", 10)
    put_folder(place, layout("microsoft"))
    with pytest.raises(UserError, match="more than 10 files: name the folder"):
        small(place / "PetImages")


def test_a_zip_file_written_on_windows_is_read(place):
    put_zip(place / "archive.zip", pictures("PetImages\\{Kind}\\{number}.jpg"))
    assert_is_whole(small(place))


@pytest.mark.parametrize("pattern", ["{split}/{kind}s/{number}.jpg", "{split}/{kind}.{number}.jpg"])
@pytest.mark.parametrize(
    "names", [("train", "validation", "test"), ("training", "val", "test_set")]
)
def test_splits_that_each_count_from_one_are_taken_as_the_folders_make_them(
    place, pattern, names, capsys
):
    for name, (start, stop) in zip(names, SPLITS.values(), strict=True):
        for kind in ("cat", "dog"):
            for number in range(start, stop):
                file = pattern.format(split=name, kind=kind, number=number - start + 1)
                put_folder(place, {file: jpeg(kind, number)})
    dataset = small(place)
    assert_is_whole(dataset)
    assert dataset.fingerprint["split"] == "folders"
    assert dataset.fingerprint["note"].startswith("split by folder, not by the book's numbers; ")
    assert "(8 train, 4 validation, 4 test), not by the book's" in capsys.readouterr().err


def test_unnumbered_pictures_are_counted_in_each_splits_folder(place):
    for name, (start, stop) in SPLITS.items():
        for kind in ("cat", "dog"):
            for number in range(start, stop):
                put_folder(place, {f"{name}/{kind}s/{'abcdefgh'[number]}.jpg": jpeg(kind, number)})
    dataset = small(place)
    assert_is_whole(dataset)
    assert dataset.fingerprint["split"] == "folders"


def test_two_folders_give_the_last_fifth_of_train_for_validation(place):
    put_folder(place, pictures("train/{kind}s/{number}.jpg", 6))
    put_folder(place, pictures("test/{kind}s/{number}.jpg", 3))
    dataset = small(place)
    assert levels(dataset.train) == [2, 14, 3, 15, 4, 16, 5, 17, 6, 18]
    assert levels(dataset.validation) == [7, 19]
    assert levels(dataset.test) == [2, 14, 3, 15, 4, 16]


def test_numbers_split_unless_folders_are_asked_for(place):
    put_folder(place, pictures("train/{kind}.{number}.jpg", 6))
    put_folder(
        place, {f"test/{k}s/{k}.{n}.jpg": jpeg(k, n) for k in ("cat", "dog") for n in (6, 7)}
    )
    assert_is_whole(small(place))
    assert small(place).fingerprint["split"] == "numbers"
    assert levels(small(place, splits="folders").test) == [8, 20, 9, 21]


def test_folders_that_do_not_split_cannot_be_asked_for(place):
    with pytest.raises(UserError, match="no folder called train beside one called validation"):
        small(put_folder(place, layout("microsoft")), splits="folders")


@pytest.fixture
def googles(place):
    """Google's cats_and_dogs_filtered, with tiny pictures."""
    for split, numbers in (("train", range(1000)), ("validation", range(2000, 2500))):
        for kind in ("cat", "dog"):
            folder = place / "cats_and_dogs_filtered" / split / f"{kind}s"
            folder.mkdir(parents=True)
            for number in numbers:
                (folder / f"{kind}.{number}.jpg").write_bytes(jpeg(kind, number, size=(2, 2)))
    return place


def test_googles_archive_is_not_called_damaged_and_what_it_allows_is_offered(googles):
    with pytest.raises(UserError) as problem:
        cats_vs_dogs.load(googles)
    message = str(problem.value)
    assert "by design has numbers 0-999 and 2000-2499" in message
    assert "splits='folders'" in message
    assert "fetch cats-vs-dogs" in message
    assert "again" not in message
    dataset = cats_vs_dogs.load(googles, splits="folders", image_size=(2, 2))
    assert dataset.fingerprint["pictures"] == {"train": 1600, "validation": 400, "test": 1000}
    assert dataset.train.names[-1] == "dog.799.jpg"
    assert dataset.validation.names[0] == "cat.800.jpg"
    assert dataset.test.names[0] == "cat.2000.jpg"


def test_where_says_that_googles_archive_is_not_the_books_split(googles, capsys):
    command.main(["where", "--data-dir", str(googles)])
    line = capsys.readouterr().out.splitlines()[1]
    assert "(3,000 images)" in line
    assert line.endswith(
        "not the book's split, of which 2,000 are missing (the first is cat number 1000)"
    )


def test_missing_images_and_damaged_ones_are_two_messages(place):
    put_folder(place, pictures("{kind}.{number}.jpg", 7))
    with pytest.raises(UserError, match="lacks 2 of the 16 images") as missing:
        small(place)
    assert "it has numbers 0-6 of both classes" in str(missing.value)
    assert "damaged" not in str(missing.value)
    put_folder(place, pictures("{kind}.{number}.jpg") | {"dog.7.jpg": b"\xff\xd8 no more"})
    with pytest.raises(UserError, match=r"is damaged: .*dog\.7\.jpg") as damaged:
        small(place)
    assert "lacks" not in str(damaged.value)


def test_the_files_that_are_damaged_in_microsofts_own_archive_are_said_to_be(place, capsys):
    files = {
        f"PetImages/{kind}/{number}.jpg": jpeg(kind.lower(), number, size=(2, 2))
        for kind in ("Cat", "Dog")
        for number in range(600, 700)
    }
    put_folder(place, files | {"PetImages/Cat/666.jpg": b"", "PetImages/Cat/Thumbs.db": b"x"})
    dataset = small(place, splits={"train": (600, 680), "test": (680, 700)})
    assert dataset.fingerprint["pictures"] == {"train": 159, "test": 40}
    assert "Cat/666.jpg (Cat/666.jpg is damaged in Microsoft's own archive)" in (
        capsys.readouterr().err
    )


def set_field(content, offset, value, form="<H"):
    """Set a field in every entry of a zip file's directory."""
    changed, start = bytearray(content), content.find(b"PK\1\2")
    while start >= 0:
        struct.pack_into(form, changed, start + offset, value)
        start = content.find(b"PK\1\2", start + 1)
    return bytes(changed)


@pytest.mark.parametrize(
    ("offset", "value", "why"),
    [
        (8, 1, "it is encrypted"),
        (6, 99, "zip file version 9.9"),
        (10, 9, "compression method 9"),
    ],
    ids=["encrypted", "version", "Deflate64"],
)
def test_a_zip_file_that_python_cannot_read_is_to_be_unzipped(place, offset, value, why):
    (place / "train.zip").write_bytes(set_field(zipped(layout("kaggle")), offset, value))
    with pytest.raises(UserError, match=rf"{why}.*unzip it with another program"):
        small(place)


def test_a_zip_file_with_names_that_are_not_utf_8_is_to_be_unzipped(place):
    content = zipped({"train/cat.\xe9.jpg": b"x"}).replace("\xe9".encode(), b"\xff\xff")
    (place / "train.zip").write_bytes(content)
    with pytest.raises(UserError, match="a file name in it is not UTF-8"):
        small(place)


def test_a_name_with_five_thousand_digits_is_not_a_number(place):
    name = "7" * 5000
    put_zip(place / "train.zip", layout("kaggle") | {f"train/cat.{name}.jpg": b"x"})
    assert_is_whole(small(place))
    assert layouts.number_of(f"cat/{name}.jpg") is None
    assert layouts.number_of("cat/IMG_20190203_0007.jpg") == 7


def test_a_zip_file_of_another_data_set_that_is_damaged_does_not_matter(place):
    (place / "flowers.zip").write_bytes(b"PK cut short")
    with pytest.raises(sources.NotFound, match=r"note that .*flowers\.zip cannot be opened"):
        small(place)
    put_folder(place / "some" / "folder", layout("microsoft"))
    assert_is_whole(small(place))


def test_a_picture_that_inflates_beyond_the_limit_is_not_unpacked(place, monkeypatch):
    monkeypatch.setattr(decoded, "LARGEST_FILE", 10_000)
    bomb = {"train/dog.7.jpg": b"\0" * 10_001}
    (place / "train.zip").write_bytes(zipped(layout("kaggle") | bomb, zipfile.ZIP_DEFLATED))
    with pytest.raises(UserError, match=r"it has 10,001 bytes, more than the limit of 10,000"):
        small(place)


def test_a_zip_file_in_a_zip_file_that_inflates_beyond_the_limit_is_named(place, monkeypatch):
    monkeypatch.setattr(zip_files._OpenFiles, "room", 1000)
    content = zipped({"train.zip": zipped(layout("kaggle"))}, zipfile.ZIP_DEFLATED)
    (place / "archive.zip").write_bytes(content)
    with pytest.raises(UserError, match=r"train\.zip inside .*archive\.zip"):
        small(place)


def test_many_zip_files_in_one_are_not_all_unpacked(place, monkeypatch):
    inner = zipped(layout("kaggle"))
    monkeypatch.setattr(zip_files._OpenFiles, "room", 2 * len(inner) + 100)
    contents = {f"{number}.zip": inner for number in range(5)}
    (place / "archive.zip").write_bytes(zipped(contents, zipfile.ZIP_DEFLATED))
    listed = [file for file, _ in archives.list_files(place / "archive.zip", layouts.is_picture)]
    assert listed[-3:] == ["2.zip", "3.zip", "4.zip"]
    assert len(listed) == 2 * 2 * COUNT + 3


def test_bytes_flipped_anywhere_give_the_right_images_or_an_error_in_a_sentence(place):
    draw = random.Random(0)
    good = zipped({"train.zip": zipped(layout("kaggle"), zipfile.ZIP_DEFLATED)})
    outcomes = {"images": 0, "error": 0}
    for _ in range(150):
        content = bytearray(good)
        for _ in range(draw.choice([1, 1, 3])):
            content[draw.randrange(len(content))] = draw.randrange(256)
        (place / "archive.zip").write_bytes(content)
        try:
            dataset = small(place / "archive.zip")
        except UserError:
            outcomes["error"] += 1
        else:
            outcomes["images"] += 1
            assert_is_whole(dataset)
    assert min(outcomes.values()) > 10
