"""Whether pictures are the book's is told for every container, size and layout, without a login."""

import io
import random

import numpy as np
import pytest
from pets import put_folder, put_zip
from PIL import Image

from chollet_cnn.data import __main__ as command
from chollet_cnn.data import archives, book_pictures, cats_vs_dogs

ALL = range(2500)


def picture(kind, number, size=(2, 2)):
    """Make a PNG file of one colour: the mean colour of the book's picture."""
    buffer = io.BytesIO()
    colour = book_pictures.table()[("cat", "dog").index(kind), number]
    Image.new("RGB", size, tuple(map(int, colour))).save(buffer, "PNG")
    return buffer.getvalue()


def files(pattern, numbers=ALL, shown=None):
    """Make pictures under the names of some numbers, showing the same or other numbers."""
    shown = numbers if shown is None else shown
    return {
        pattern.format(kind=kind, Kind=kind.capitalize(), number=number): picture(kind, other)
        for number, other in zip(numbers, shown, strict=True)
        for kind in ("cat", "dog")
    }


def where(place, capsys):
    command.main(["where", "--data-dir", str(place)])
    found, _, words = capsys.readouterr().out.splitlines()[1].partition(": ")
    assert found.endswith(("(3,000 images)", "(5,000 images)"))
    return words


@pytest.mark.parametrize("pattern", ["train/{kind}.{number}.jpg", "PetImages/{Kind}/{number}.jpg"])
def test_kaggles_and_microsofts_names_are_compared_alike(tmp_path, capsys, pattern):
    place = put_zip(tmp_path / "archive.zip", files(pattern))
    assert where(place, capsys) == "the book's pictures: 5,000 of 5,000 match"


def test_the_books_small_folders_hold_the_books_pictures(tmp_path):
    for name, (start, stop) in cats_vs_dogs.FIRST_EDITION_SPLITS.items():
        put_folder(
            tmp_path / "set", files(f"{name}/{{kind}}s/{{kind}}.{{number}}.jpg", range(start, stop))
        )
    dataset = cats_vs_dogs.load(tmp_path / "set", image_size=(3, 3))
    assert dataset.fingerprint["book_pictures"] == {"match": 4000, "of": 4000}
    assert book_pictures.describe_fingerprint(dataset.fingerprint) == (
        "the book's pictures: 4,000 of 4,000 match"
    )


def test_shuffled_numbers_are_not_the_books_pictures(tmp_path, capsys):
    shuffled = random.Random(0).sample(ALL, len(ALL))
    place = put_zip(tmp_path / "archive.zip", files("{kind}.{number}.jpg", shown=shuffled))
    words, match = where(place, capsys).rsplit(": ", 1)
    assert words == "not the book's pictures"
    assert int(match.split()[0].replace(",", "")) < 0.01 * 5000
    dataset = cats_vs_dogs.load(place, image_size=(3, 3))
    assert dataset.fingerprint["book_pictures"]["match"] < 0.01 * 4000


def test_googles_pictures_are_the_books_but_not_its_split(tmp_path, capsys):
    split = "cats_and_dogs_filtered/{}/{{kind}}s/{{kind}}.{{number}}.jpg"
    put_folder(tmp_path, files(split.format("train"), range(1000)))
    put_folder(tmp_path, files(split.format("validation"), range(2000, 2500)))
    assert where(tmp_path, capsys) == (
        "the book's pictures: 3,000 of 3,000 match; not the book's split, of which 2,000 are "
        "missing (the first is cat number 1000)"
    )
    dataset = cats_vs_dogs.load(tmp_path, splits="folders", image_size=(3, 3))
    assert dataset.fingerprint["book_pictures"] == {"match": 3000, "of": 3000}
    assert book_pictures.describe_fingerprint(dataset.fingerprint) == (
        "the book's pictures: 3,000 of 3,000 match; not the book's split"
    )


def test_pictures_that_each_split_numbers_from_the_start_are_not_compared(tmp_path, capsys):
    """Their numbers are not the book's, whatever they show."""
    names = "{}/{{kind}}s/{{kind}}.{{number}}.png"
    put_folder(tmp_path, files(names.format("train"), range(40)))
    put_folder(tmp_path, files(names.format("validation"), range(20), shown=range(1000, 1020)))
    dataset = cats_vs_dogs.load(tmp_path, image_size=(3, 3))
    assert dataset.fingerprint["book_pictures"] == {"match": 0, "of": 0}
    assert "the book's pictures" not in capsys.readouterr().err


def test_data_in_the_folder_where_one_is_have_its_name(tmp_path, monkeypatch):
    put_folder(tmp_path / "pets", files("{kind}.{number}.png", range(4)))
    monkeypatch.chdir(tmp_path / "pets")
    dataset = cats_vs_dogs.load(".", image_size=(3, 3), splits={"train": (0, 2), "test": (2, 4)})
    assert dataset.fingerprint["source"] == "pets"


def test_a_blank_picture_one_that_is_missing_and_one_beyond_the_book_do_not_match(tmp_path):
    numbers = range(2400, 2520)
    some = files("{kind}.{number}.png", numbers, shown=[min(n, 2499) for n in numbers])
    del some["dog.2407.png"]
    some["cat.2403.png"] = picture("cat", 4)
    dataset = cats_vs_dogs.load(
        put_folder(tmp_path / "set", some),
        image_size=(3, 3),
        splits={"train": (2400, 2480), "test": (2480, 2520)},
    )
    assert dataset.fingerprint["book_pictures"] == {"match": 198, "of": 200}


def test_a_fingerprint_of_before_there_was_a_table_says_nothing():
    assert book_pictures.describe_fingerprint({"dataset": "cats vs dogs"}) is None
    assert book_pictures.describe_fingerprint({"book_pictures": {"match": 0, "of": 0}}) is None


def test_a_turned_picture_has_the_same_mean_colour():
    image = np.random.default_rng(0).integers(0, 256, (1, 40, 30, 3), dtype=np.uint8)
    turned = np.rot90(image, axes=(1, 2))
    assert np.allclose(book_pictures.mean_colours(image), book_pictures.mean_colours(turned))
    assert np.allclose(book_pictures.mean_colours(image), image.mean(axis=(1, 2)))


def test_two_different_pictures_of_the_book_agree_by_chance_in_one_of_three_hundred_pairs():
    colours = book_pictures.table().reshape(-1, 3).astype(int)[::3]
    near = (abs(colours[:, None] - colours) <= book_pictures.TOLERANCE).all(axis=2)
    pairs = len(colours) * (len(colours) - 1)
    assert (near.sum() - len(colours)) / pairs < 1 / 300


def test_the_table_is_that_of_the_real_pictures(real_cats_dir):
    archive, found = archives.find(real_cats_dir)
    books = [picture for picture in found if picture.number < book_pictures.COUNT]
    assert book_pictures.count_in_archive(archive, books) >= 0.99 * len(books)


@pytest.mark.parametrize(("size", "resize"), [(150, "nearest"), (180, "bilinear")])
def test_real_pictures_match_at_the_sizes_of_the_recipes(real_cats_dir, size, resize):
    dataset = cats_vs_dogs.load(
        real_cats_dir,
        image_size=(size, size),
        resize=resize,
        splits={"train": (0, 200), "test": (1500, 1600)},
    )
    assert dataset.fingerprint["book_pictures"]["match"] >= 0.99 * 600


@pytest.mark.parametrize("file", ["originals.zip", "copies.zip"])
def test_originals_match_and_other_pictures_under_the_books_names_do_not(data_folder, file):
    archive = data_folder / "originals-and-copies" / file
    if not archive.is_file():
        pytest.skip(f"{archive} is not there")
    _, found = archives.find(archive)
    books = [picture for picture in found if picture.number < 1000][:400]
    others = [picture for picture in found if picture.number >= 1000][:400]
    assert book_pictures.count_in_archive(archive, books) == 400
    assert book_pictures.count_in_archive(archive, others) < 0.02 * 400
