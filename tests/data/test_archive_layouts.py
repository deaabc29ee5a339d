"""Archives as people have them: zip files in zip files, deep folders, links, folders that split."""

import os
import shutil
import struct
import zipfile

import pytest
from pets import (
    COUNT,
    FLAT,
    KAGGLE,
    MICROSOFT,
    SPLITS,
    assert_is_whole,
    jpeg,
    levels,
    pictures,
    put_folder,
    put_zip,
    small,
    split_pictures,
    zipped,
)

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
PACKED = zipfile.ZIP_DEFLATED

PATTERNS = [
    "train/{kind}.{number}.jpg",
    "TRAIN/{Kind}.{number}.JPG",
    "{kind}.{number}.jpg",
    "{kind} ({number}).jpg",
    "{kind}_0000{number}.jfif",
    "image_{kind}_{number}.jpg",
    "PetImages/{Kind}/{number}.jpg",
    "holiday/2019/Cat and Dog/{Kind}/{number}.jpg",
    "a/b/c/d/e/f/g/{kind}s/IMG_2019_{number}.jpg",
    "x/Photos of {kind}s/{number}.jpg",
    "{kind}s/photo_{number}.jpeg",
    "{kind}s/by year/2019/{number}.jpg",
    "{kind}/{letter}.jpg",
]


@pytest.mark.parametrize("container", ["folder", "my-cats-and-dogs.zip", "9d8f.zip"])
@pytest.mark.parametrize("pattern", PATTERNS)
def test_every_layout_is_read_from_folders_and_zip_files(place, pattern, container):
    if container == "folder":
        put_folder(place, pictures(pattern))
    else:
        put_zip(place / container, pictures(pattern))
        assert_is_whole(small(place / container))
    assert_is_whole(small(place))


UNLABELLED = {f"test/{number}.jpg": jpeg("cat", number) for number in range(4)}
IN_TRAIN_ZIP = {"train.zip": zipped(KAGGLE), "test.zip": zipped(UNLABELLED), "ids.csv": b"id"}
PLACES = {
    "zip files in Kaggle's archive": {"archive.zip": zipped(IN_TRAIN_ZIP)},
    "the same, packed again": {"archive (1).zip": zipped(IN_TRAIN_ZIP, PACKED)},
    "a zip file in a folder": {"archive.zip": zipped({"data\\train.zip": zipped(KAGGLE)})},
    "Microsoft's in Kaggle's": {"archive.zip": zipped({"PetImages.zip": zipped(MICROSOFT)})},
    "by Windows": {"archive.zip": zipped(pictures("PetImages\\{Kind}\\{number}.jpg"))},
    "whole paths": {"a.zip": zipped(pictures("C:\\me\\PetImages\\{Kind}\\{number}.jpg"))},
    "all twice": {"archive.zip": zipped({"train.zip": zipped(KAGGLE), **MICROSOFT})},
    "damaged test.zip": {"archive.zip": zipped({"train.zip": zipped(KAGGLE), "test.zip": b"PK"})},
    "a zip file deep below": {"new/downloads/data.zip": zipped(MICROSOFT)},
    "no pictures beside them": MICROSOFT
    | {"PetImages/Cat/Thumbs.db": b"x", "PetImages/Dog/._7.jpg": b"x", "readme[1].txt": b"x"}
    | {"__MACOSX/PetImages/Cat/._1.jpg": b"x", "test1/1.jpg": jpeg("cat", 1)},
    "the larger of two collections": pictures("my/some/train/{kind}s/{kind}.{number}.jpg", range(3))
    | pictures("my/all/train/{kind}s/{kind}.{number}.jpg"),
    "a stray picture above": pictures("cats/PetImages/{Kind}/{number}.jpg")
    | {"cats/readme1.png": jpeg("cat", 1)},
    "unlabelled pictures below dogs": pictures("dogs/dogs-vs-cats/train/{kind}.{number}.jpg")
    | {f"dogs/dogs-vs-cats/{name}": content for name, content in UNLABELLED.items()},
    "the book's small copy": pictures("train/{kind}s/{kind}.{number}.jpg", range(4))
    | pictures("validation/{kind}s/{kind}.{number}.jpg", range(4, 6))
    | pictures("test/{kind}s/{kind}.{number}.jpg", range(6, 8)),
    "another data set that is damaged": {"flowers.zip": b"PK cut short"}
    | pictures("some/folder/{Kind}/{number}.jpg"),
}


@pytest.mark.parametrize("name", PLACES)
def test_pictures_are_found_by_what_is_in_the_files(place, name):
    dataset = small(put_folder(place, PLACES[name]))
    assert_is_whole(dataset)
    assert dataset.fingerprint["split"] == "numbers"


@pytest.mark.parametrize(
    ("name", "others"),
    [
        ("train.zip", {"a.zip": zipped(FLAT)}),
        ("PetImages.zip", dict.fromkeys(["application.zip", "dogma.zip"], b"cut short")),
        ("CatDog.zip", {"education.zip": b"cut short"}),
        ("kagglecatsanddogs_5340.zip", pictures("cats_and_dogs_filtered/{kind}s/1.jpg", [1])),
        *((f"{name}.zip", {}) for name in ("dogs-vs-cats", "dog_or_cat", "my-cat", "dogs2")),
    ],
)
def test_names_decide_what_is_tried_first_and_what_has_all_pictures_is_taken(place, name, others):
    dataset = small(put_folder(place, {name: zipped(KAGGLE)} | others))
    assert_is_whole(dataset)
    assert dataset.fingerprint["source"] == name


@pytest.mark.parametrize("named", ["train.zip", "kagglecatsanddogs_5340.zip", "download"])
def test_the_zip_file_itself_can_be_named(place, named):
    assert small(put_zip(place / named, KAGGLE)).fingerprint["source"] == named


def test_the_petimages_folder_itself_can_be_named(place):
    dataset = small(put_folder(place, MICROSOFT) / "PetImages")
    assert_is_whole(dataset)
    assert dataset.test.names == ("Cat/6.jpg", "Dog/6.jpg", "Cat/7.jpg", "Dog/7.jpg")
    with pytest.raises(sources.NotFound, match="is of one class only: name the folder above it"):
        small(place / "PetImages" / "Cat")


SPLIT_FOLDERS = {
    "{split}/{kind}s/{number}.jpg": tuple(SPLITS),
    "{split}/{kind}.{number}.jpg": ("training", "val", "test_set"),
    "{split}/{Kind}s/{kind} ({number}).jpg": ("Train", "Valid", "Test"),
    "{split}_data/{Kind}/{number}.jpg": ("train", "validation", "testing"),
    "{split}_{kind}s/{number}.jpg": tuple(SPLITS),
    "{kind}s/{split}/{number}.jpg": ("train", "dev", "test"),
    "{split}/{kind}s/{letter}.jpg": tuple(SPLITS),
    "a/dataset/{split}/{split}/{kind}s/{kind}.{number}.jpg": ("training_set", "val", "test_set"),
}


@pytest.mark.parametrize("container", ["folder", "archive.zip", "a zip file each"])
@pytest.mark.parametrize("pattern", SPLIT_FOLDERS)
def test_splits_that_each_count_from_one_are_taken_as_the_folders_make_them(
    place, pattern, container, capsys
):
    files = split_pictures(pattern, SPLIT_FOLDERS[pattern])
    files |= {"single_prediction/cat_or_dog_1.jpg": jpeg("cat", 1)}
    if container == "a zip file each":
        splits = {layouts.split_of(name) for name in files}
        parts = {
            split: {n: files[n] for n in files if layouts.split_of(n) == split} for split in splits
        }
        files = {f"{split}.zip": zipped(part) for split, part in parts.items()}
    if container == "folder":
        put_folder(place, files)
    else:
        put_zip(place / "archive.zip", files)
    dataset = small(place)
    assert_is_whole(dataset)
    assert dataset.fingerprint["split"] == "folders"
    assert dataset.fingerprint["note"].startswith("split by folder, not by the book's numbers; ")
    assert "(8 train, 4 validation, 4 test), not by the book's" in capsys.readouterr().err


def test_pictures_with_the_book_s_numbers_go_before_those_that_folders_split(place):
    put_folder(place / "catdog", split_pictures("{split}/{kind}s/{number}.jpg"))
    assert small(place).fingerprint["split"] == "folders"
    put_zip(place / "kagglecatsanddogs_5340.zip", MICROSOFT)
    fingerprint = small(place).fingerprint
    assert (fingerprint["split"], fingerprint["source"]) == (
        "numbers",
        "kagglecatsanddogs_5340.zip",
    )
    assert small(place, splits="folders").fingerprint["source"] == "catdog"


@pytest.mark.parametrize("more", ["train/cats/4 (1).jpg", "train/cats/rex.jpg"])
def test_files_in_the_folders_of_splits_need_no_numbers(place, more):
    files = split_pictures("{split}/{kind}s/{number}.jpg", tuple(SPLITS))
    put_folder(place, files | {more: jpeg("cat", 4)})
    dataset = small(place, splits="folders")
    assert dataset.fingerprint["pictures"] == {"train": 9, "validation": 4, "test": 4}


def test_one_zip_file_that_is_damaged_does_not_hide_another(place):
    put_folder(place, {"cat-videos.zip": b"PK cut short", "dogs-and-cats.zip": zipped(KAGGLE)})
    assert_is_whole(small(place))


def test_two_folders_give_the_last_fifth_of_train_for_validation(place):
    put_folder(place, pictures("train/{kind}s/{number}.jpg", range(6)))
    put_folder(place, pictures("test/{kind}s/{number}.jpg", range(3)))
    dataset = small(place)
    assert levels(dataset.train) == [2, 14, 3, 15, 4, 16, 5, 17, 6, 18]
    assert levels(dataset.validation) == [7, 19]
    assert levels(dataset.test) == [2, 14, 3, 15, 4, 16]


def test_numbers_split_unless_folders_are_asked_for(place):
    put_folder(place, pictures("train/{kind}.{number}.jpg", range(6)))
    put_folder(place, pictures("test/{kind}s/{kind}.{number}.jpg", (6, 7)))
    assert_is_whole(small(place))
    assert small(place).fingerprint["split"] == "numbers"
    assert levels(small(place, splits="folders").test) == [8, 20, 9, 21]


@pytest.mark.parametrize("folders", [["PetImages"], ["train"], ["validation", "test"]])
def test_folders_that_do_not_split_cannot_be_asked_for(place, folders):
    for first, folder in enumerate(folders):
        put_folder(place, pictures(f"{folder}/{{Kind}}/{{number}}.jpg", first=COUNT * first))
    with pytest.raises(UserError, match="no folder called train beside one called validation"):
        small(place, splits="folders")


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_folders_that_leave_a_class_out_of_a_split_are_refused(place, split):
    for folder in ("train", "validation", "test"):
        put_folder(place, pictures(f"{folder}/{{kind}}s/{{number}}.jpg", range(6)))
    shutil.rmtree(place / split / "dogs")
    with pytest.raises(UserError, match=f"leave no dog in {split}: put images of both classes"):
        small(place, splits="folders")


def test_a_split_in_which_no_image_of_a_class_can_be_read_is_refused(place):
    for folder, count in (("train", 200), ("validation", 8), ("test", 8)):
        put_folder(place, pictures(f"{folder}/{{kind}}s/{{number}}.jpg", range(count)))
    for file in (place / "test" / "cats").iterdir():
        file.write_bytes(b"no image")
    for file in list((place / "test" / "cats").iterdir())[3:]:
        file.unlink()  # more would be too many that are damaged
    with pytest.raises(UserError, match="leave no cat in test that can be read: put images"):
        small(place, splits="folders")


# Links: what is in the folder "real", which links there are, and which folder is named.
LINKS = {
    "class folders": (
        pictures("{Kind}/{number}.jpg"),
        {"place/PetImages/Cat": "real/Cat", "place/PetImages/Dog": "real/Dog"},
    ),
    "a folder that holds its own parent": (
        MICROSOFT,
        {"place/data": "real", "place/up": "place", "real/PetImages/Cat/round": "real"},
    ),
    "a folder that is linked twice": (
        MICROSOFT,
        {"place/b": "real", "place/a": "real/PetImages", "place/Dog": "real/PetImages/Dog"},
    ),
    "links to themselves and to nothing": (
        pictures("pets/{Kind}/{number}.jpg"),
        {"place/x": "real", "real/pets/loop": "real/pets/loop", "place/Cat": "place/Cat",
         "place/train": "place/train", "place/train.zip": "place/train.zip",
         "place/dogs.zip": "nowhere"},
    ),
    "each picture": (FLAT, {f"place/{name}": f"real/{name}" for name in FLAT}),
    "a zip file": ({"blob-1234": zipped(KAGGLE)}, {"place/train.zip": "real/blob-1234"}),
}  # fmt: skip


@needs_links
@pytest.mark.parametrize("name", LINKS)
def test_links_are_followed_without_running_in_circles(place, tmp_path, name):
    files, links = LINKS[name]
    put_folder(tmp_path / "real", files)
    for link, target in links.items():
        (tmp_path / link).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / link).symlink_to(tmp_path / target)
    assert_is_whole(small(place))


@needs_links
def test_a_folder_that_is_also_linked_counts_once_under_its_own_name(place):
    put_folder(place, MICROSOFT)
    (place / "PetImages" / "A-link").symlink_to(place / "PetImages" / "Cat")
    _, found = archives.find(place)
    assert [picture.file for picture in found[:2]] == ["Cat/0.jpg", "Dog/0.jpg"]
    assert len(found) == 2 * COUNT


def test_a_tree_with_too_many_files_is_refused(place, monkeypatch):
    monkeypatch.setattr(containers, "MOST_FILES", 10)
    put_folder(place, MICROSOFT)
    with pytest.raises(UserError, match="more than 10 files: name the folder"):
        small(place / "PetImages")


# Google's cats_and_dogs_filtered


def test_googles_archive_is_not_called_damaged_and_what_it_allows_is_offered(place):
    place /= "splits"
    place.mkdir()
    for split, numbers in (("train", range(1000)), ("validation", range(2000, 2500))):
        path = f"cats_and_dogs_filtered/{split}/{{kind}}s/{{kind}}.{{number}}.jpg"
        put_folder(place, pictures(path, numbers, size=(2, 2)))
    with pytest.raises(UserError) as problem:
        cats_vs_dogs.load(place)
    message = problem.value.in_terms_of_flags()
    assert f"{place}/cats_and_dogs_filtered is Google's" in message
    assert "by design has numbers 0-999 and 2000-2499" in message
    assert "use --splits='folders'" in message
    assert "fetch cats-vs-dogs" in message
    assert "again" not in message
    dataset = cats_vs_dogs.load(place, splits="folders", image_size=(2, 2))
    assert dataset.fingerprint["pictures"] == {"train": 1600, "validation": 400, "test": 1000}
    assert dataset.train.names[-1] == "dog.799.jpg"
    assert dataset.validation.names[0] == "cat.800.jpg"
    assert dataset.test.names[0] == "cat.2000.jpg"


# What is missing, damaged or cannot be read


def test_missing_images_and_damaged_ones_are_two_messages(place):
    put_folder(place, pictures("{kind}.{number}.jpg", range(7)))
    with pytest.raises(UserError, match="lacks 2 of the 16 images") as missing:
        small(place)
    assert "it has numbers 0-6 of both classes" in str(missing.value)
    assert "damaged" not in str(missing.value)
    put_folder(place, FLAT | {"dog.7.jpg": b"\xff\xd8 no more"})
    with pytest.raises(UserError, match=r"is damaged: .*dog\.7\.jpg") as damaged:
        small(place)
    assert "lacks" not in str(damaged.value)
    assert "so replace or remove these" in str(damaged.value)
    for file in place.iterdir():
        file.unlink()
    put_zip(place / "train.zip", FLAT | {"dog.7.jpg": b"\xff\xd8 no more"})
    with pytest.raises(UserError, match="so delete it and get it again"):
        small(place)


def test_the_files_that_are_damaged_in_microsofts_own_archive_are_said_to_be(place, capsys):
    put_folder(place, pictures("PetImages/{Kind}/{number}.jpg", range(600, 700), size=(2, 2)))
    put_folder(place, {"PetImages/Cat/666.jpg": b"", "PetImages/Cat/Thumbs.db": b"x"})
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


WHOLE = zipped(KAGGLE)
BOMB = KAGGLE | {"train/dog.7.jpg": b"\0" * 10_001}
REFUSED = {
    "two files with one number": (
        KAGGLE | {"train/cats/photo3.jpg": jpeg("cat", 3)},
        r"cat\.3\.jpg and .*cats/photo3\.jpg .*cat number 3",
    ),
    "the same in the only split's folder and outside": (
        {"pets.zip": zipped(KAGGLE | {"cats/photo3.jpg": jpeg("cat", 3)})},
        r"cats/photo3\.jpg and .*cat\.3\.jpg .* both claim to be cat number 3",
    ),
    "a picture outside of the split's folders": (
        split_pictures("{split}/{kind}s/{number}.jpg", tuple(SPLITS)) | {"my_cat_7.jpg": b""},
        r"my_cat_7\.jpg in .* is in no split's folder, though other images are: move it",
    ),
    "an archive of another kind": (
        {"cats-and-dogs.zip": b"7z\xbc\xaf"},
        r"cats-and-dogs\.zip is not a zip file: if it is another archive, unpack it",
    ),
    "a name without number among others": (
        MICROSOFT | {"PetImages/Dog/rex.jpg": jpeg("dog", 1)},
        r"Dog/rex\.jpg in PetImages has no number",
    ),
    "none at all": ({"catalogue.zip": zipped({"page.txt": b"x"})}, "no cat and dog pictures"),
    "another data set that is damaged": (
        {"flowers.zip": b"PK cut short"},
        r"no cat and dog pictures.*note that .*flowers\.zip cannot be opened",
    ),
    "cut": ({"train.zip": WHOLE[:-100]}, r"train\.zip cannot be opened as a zip file"),
    "damaged inside": (
        {"dogs-vs-cats.zip": zipped({"train.zip": b"PK", "test1.zip": b"PK"})},
        r"train\.zip inside .*dogs-vs-cats\.zip cannot be opened",
    ),
    "encrypted": (
        {"train.zip": set_field(WHOLE, 8, 1)},
        "it is encrypted.*unzip it with another program",
    ),
    "of another version": (
        {"train.zip": set_field(WHOLE, 6, 99)},
        "zip file version 9.9.*unzip it with another program",
    ),
    "Deflate64": (
        {"train.zip": set_field(WHOLE, 10, 9)},
        "compression method 9.*unzip it with another program",
    ),
    "a name that is not UTF-8": (
        {"train.zip": zipped({"train/cat.\xe9.jpg": b"x"}).replace("\xe9".encode(), b"\xff\xff")},
        "a file name in it is not UTF-8",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_used_is_named_in_a_sentence(place, name):
    files, message = REFUSED[name]
    with pytest.raises(UserError, match=message):
        small(put_folder(place, files))
    assert not (place.parent / "cache").exists()


def test_no_pictures_at_all_names_the_places_and_the_ways(place):
    with pytest.raises(sources.NotFound) as problem:
        small(place)
    for hint in (str(place), "train.zip", "fetch cats-vs-dogs", "data_dir"):
        assert hint in str(problem.value)


def test_a_name_with_five_thousand_digits_is_not_a_number(place):
    name = "7" * 5000
    put_zip(place / "train.zip", KAGGLE | {f"train/cat.{name}.jpg": b"x"})
    assert_is_whole(small(place))
    assert layouts.number_of(f"cat/{name}.jpg") is None
    assert layouts.number_of("cat/IMG_20190203_0007.jpg") == 7


# Limits on what is unpacked


def test_a_picture_that_inflates_beyond_the_limit_is_not_unpacked(place, monkeypatch):
    monkeypatch.setattr(decoded, "LARGEST_FILE", 10_000)
    (place / "train.zip").write_bytes(zipped(BOMB, PACKED))
    with pytest.raises(UserError, match=r"it has 10,001 bytes, more than the limit of 10,000"):
        small(place)


def test_many_zip_files_in_one_are_not_all_unpacked(place, monkeypatch):
    monkeypatch.setattr(zip_files._OpenFiles, "room", 2 * len(WHOLE) + 100)
    archive = place / "archive.zip"
    archive.write_bytes(zipped({f"{number}.zip": WHOLE for number in range(5)}, PACKED))
    listed = [file for file, _ in containers.list_files(archive, layouts.is_picture)]
    assert listed[-3:] == ["2.zip", "3.zip", "4.zip"]
    assert len(listed) == 2 * 2 * COUNT + 3
    monkeypatch.setattr(zip_files._OpenFiles, "room", 1000)
    with pytest.raises(UserError, match=r"0\.zip inside .*archive\.zip"):
        small(place)


def test_a_packed_zip_file_in_a_zip_file_is_unpacked_once(place, monkeypatch, capsys):
    (place / "archive.zip").write_bytes(zipped({"train\x1b]0;\x07.zip": WHOLE}, PACKED))
    assert_is_whole(small(place))
    assert capsys.readouterr().err.startswith("unpacking train?]0;?.zip into ")
    with monkeypatch.context() as patch:
        patch.setattr(zip_files, "_copy", None)
        assert_is_whole(small(place))
    [unpacked] = (place.parent / "cache" / "unpacked").iterdir()
    unpacked.write_bytes(b"cut short")
    assert_is_whole(small(place))


def test_a_stored_zip_file_in_a_zip_file_is_read_where_it_is(place):
    (place / "archive.zip").write_bytes(zipped({"train.zip": WHOLE}))
    assert_is_whole(small(place))
    assert [file.name for file in (place.parent / "cache").iterdir()] == ["cats-vs-dogs"]


def test_a_cache_that_cannot_hold_an_unpacked_zip_file_is_named(place, monkeypatch):
    (place / "archive.zip").write_bytes(zipped({"train.zip": WHOLE}, PACKED))
    monkeypatch.setenv("CHOLLET_CNN_CACHE", str(place / "archive.zip"))
    with pytest.raises(UserError, match=r"cannot unpack train\.zip .*set CHOLLET_CNN_CACHE"):
        small(place)
