"""A trained network answers about a reader's own pictures."""

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import digit_photo_kinds
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from readable import assert_readable
from untrained_runs import plain_network, write_run

from chollet_cnn import predict
from chollet_cnn.analysis import answers
from chollet_cnn.data import digits, scaling
from chollet_cnn.errors import UserError
from chollet_cnn.training import runs


@pytest.fixture(scope="module")
def run(digits_run, tmp_path_factory):
    """A run of our own, for figures are written into it."""
    return runs.load_run(shutil.copytree(digits_run, tmp_path_factory.mktemp("runs") / "seed-0"))


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """Photographs of two embedded digits of each kind, and which digit each shows."""
    folder = tmp_path_factory.mktemp("photographs")
    test = digits.load().test
    places = [place for n in range(10) for place in np.flatnonzero(test.labels == n)[:2]]
    return {
        digit_photo_kinds.save(
            "photograph_in_uneven_light", test.images[place].squeeze(), folder / f"{place}", place
        ): str(test.labels[place])
        for place in places
    }


def test_photographs_of_small_digits_are_mostly_read_as_the_digits_they_show(run, photographs):
    found = predict.predict_images(run, list(photographs))
    right = [one.answer == digit for one, digit in zip(found, photographs.values(), strict=True)]
    assert sum(right) >= 15  # of 20, where guessing gets 2


def test_an_answer_has_a_probability_for_each_class_and_what_the_network_saw(run, photographs):
    for answer in predict.predict_images(run, list(photographs)[:3]):
        (probabilities,), (seen,) = answer.probabilities, answer.seen
        shares = list(probabilities.values())
        assert sum(shares) == pytest.approx(1, abs=1e-5)
        assert shares == sorted(shares, reverse=True)
        assert len(shares) == 10
        assert (seen.shape, seen.dtype) == ((28, 28, 1), np.uint8)
        assert seen[0].max() == 0  # light on dark
        assert seen.max() > 200


def test_a_photograph_is_seen_as_the_images_that_its_network_was_trained_on(tmp_path):
    run = runs.load_run(write_run(tmp_path / "run", plain_network()))
    photo = np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8)
    Image.fromarray(photo).save(tmp_path / "photo.png")
    (answer,) = predict.predict_images(run, tmp_path / "photo.png")
    seen = scaling.bilinear(photo, (24, 24))  # as the run's config says
    np.testing.assert_array_equal(answer.seen, [seen])
    dog = float(np.asarray(run.load_model()(seen[None]))[0, 0])
    assert answer.probabilities == [pytest.approx({"dog": dog, "cat": 1 - dog}, abs=1e-6)]
    assert (answer.answer, answer.boxes) == ("dog" if dog > 0.5 else "cat", [])


def test_the_answer_is_drawn_beside_the_image_with_its_box(run, photographs):
    answer = predict.predict_images(run, list(photographs)[:1])[0]
    photograph = np.asarray(Image.open(answer.file).convert("RGB"))
    whole, left, right = answers.plot_prediction(answer, photograph, top=4).axes
    np.testing.assert_array_equal(left.images[0].get_array(), answer.seen[0].squeeze())
    probabilities = answer.probabilities[0]
    assert [label.get_text() for label in right.get_yticklabels()] == list(probabilities)[:4]
    assert [bar.get_width() for bar in right.patches] == list(probabilities.values())[:4]
    assert_readable(right.figure)
    (box,) = whole.lines
    assert (min(box.get_xdata()), max(box.get_xdata())) == answer.boxes[0][::2]
    assert (min(box.get_ydata()), max(box.get_ydata())) == answer.boxes[0][1::2]


def an_answer(file, count=1):
    seen = np.zeros((28, 28, 1), np.uint8)
    return answers.Answer(file, "3" * count, [{"3": 0.75, "8": 0.25}] * count, [], [seen] * count)


NAMES = [
    "pay$_$.png",
    "数字の写真.png",
    "صورة.png",
    "line\nbreak.png",
    "broken\udcff.png",
    "a" * 240,
]


@pytest.mark.parametrize("name", NAMES)
def test_any_name_is_drawn_within_the_figure(tmp_path, name):
    (file,) = answers.save_figures([an_answer(name)], tmp_path, top=2)
    assert Image.open(file).width > 500
    figure = answers.plot_prediction(an_answer(name))
    extent = figure._suptitle.get_window_extent()
    assert figure.bbox.x0 < extent.x0 < extent.x1 < figure.bbox.x1


def test_what_cannot_be_drawn_or_read_is_said_in_words():
    kept = answers.Answer("wall.png", None, error="wall.png: nothing in it looks like a digit")
    with pytest.raises(ValueError, match=r"no prediction to draw: wall\.png: nothing"):
        answers.plot_prediction(kept)
    assert kept.in_words() == kept.error
    with pytest.raises(ValueError, match=r"number of classes must be .* at least 1, not 0"):
        answers.plot_prediction(an_answer("a.png"), top=0)
    with pytest.raises(TypeError, match="one answer is drawn at a time"):
        answers.plot_prediction([an_answer("a.png")])
    array = np.zeros((28, 28))
    for images in (array, [array], [Image.fromarray(array)]):
        with pytest.raises(TypeError, match="named by their paths"):
            answers.prepare_images(images, {})


def test_a_long_name_keeps_its_beginning_and_its_end():
    assert answers.shorten("a" * 50 + "photo-7.png", 20) == "a" * 10 + "…oto-7.png"


def test_images_of_one_name_get_a_figure_each(tmp_path):
    three = [an_answer("a/Seven.png"), an_answer("b/Seven.png"), an_answer("c/seven.png")]
    names = {str(file).lower() for file in answers.save_figures(three, tmp_path, top=2)}
    assert len(names) == 3  # also where file systems do not tell S from s


@pytest.mark.parametrize("count", [1, 2, 4])
@pytest.mark.parametrize("height", [400, 1600])
def test_each_digit_s_texts_can_be_read_beside_its_photograph(count, height):
    photograph = np.zeros((height, 800, 3), np.uint8)
    answer = an_answer("a.png", count)
    answer = dataclasses.replace(answer, boxes=[(0, 0, 9, 9)] * count)
    assert_readable(answers.plot_prediction(answer, photograph))


def test_many_digits_are_drawn_as_far_as_a_figure_goes():
    figure = answers.plot_prediction(an_answer("a.png", answers.SHOWN_AT_MOST + 5))
    assert len(figure.axes) == 2 * answers.SHOWN_AT_MOST
    one_more = answers.plot_prediction(an_answer("a.png", answers.SHOWN_AT_MOST + 1))
    assert "and 1 more digit" in [text.get_text() for text in one_more.texts]


def test_a_figure_is_there_whole_or_not_at_all(tmp_path, monkeypatch):
    (file,) = answers.save_figures([an_answer("a.png")], tmp_path, top=2)
    whole = file.read_bytes()
    monkeypatch.setattr(os, "fsync", lambda _: 1 / 0)  # the process ends while it writes
    with pytest.raises(ZeroDivisionError):
        answers.save_figures([an_answer("a.png")], tmp_path, top=1)
    assert file.read_bytes() == whole


# What may be asked for


@pytest.fixture(scope="module")
def two_zeros(tmp_path_factory):
    folder, test = tmp_path_factory.mktemp("two"), digits.load().test
    zero = test.images[np.flatnonzero(test.labels == 0)[0]].squeeze()
    return digit_photo_kinds.save("two_digits", zero, folder / "both", seed=0)


def test_two_digits_are_answered_as_a_row_with_a_probability_each(run, two_zeros):
    (answer,) = predict.predict_images(run, two_zeros)
    assert answer.answer == "00"
    assert len(answer.probabilities) == len(answer.boxes) == 2
    assert answer.boxes[0][2] < answer.boxes[1][0]


def test_one_path_a_generator_and_a_folder_with_images_are_taken(
    run, photographs, tmp_path, monkeypatch
):
    monkeypatch.setenv("HOME", str(tmp_path.parent))
    monkeypatch.setenv("USERPROFILE", str(tmp_path.parent))
    files = list(photographs)[:3]
    for file in files:
        shutil.copy(file, tmp_path)
    for name in ("._one.png", ".hidden/one.png", "notes.txt", "notes.pdf", "model.h5"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("not an image")
    (tmp_path / "empty" / "folder.jpg").mkdir(parents=True)
    with pytest.raises(UserError, match="no images in the folder"):
        predict.predict_images(run, tmp_path / "empty")
    wanted = [answer.answer for answer in predict.predict_images(run, files)]
    for one in (files[0], str(files[0])):
        assert predict.predict_images(run, one)[0].answer == wanted[0]
    for many in ((file for file in files), tmp_path, f"~/{tmp_path.name}"):
        found = predict.predict_images(run, many)
        assert sorted(answer.answer for answer in found) == sorted(wanted)


def test_a_bad_image_is_raised_or_kept(run, photographs, tmp_path):
    good = next(iter(photographs))
    with pytest.raises(UserError, match=r"missing\.png"):
        predict.predict_images(run, [good, tmp_path / "missing.png"])
    missing, fine = predict.predict_images(run, [tmp_path / "missing.png", good], errors="keep")
    assert missing.answer is None
    assert "missing.png" in missing.error
    assert fine.answer
    assert fine.error is None
    with pytest.raises(ValueError, match="'raise' or 'keep'"):
        predict.predict_images(run, good, errors="ignore")


@pytest.fixture
def command(tmp_path, monkeypatch, capsys):
    """Run the command in an empty folder, and return its status, its output and its errors."""
    monkeypatch.chdir(tmp_path)
    return lambda *words: (predict.main([*map(str, words)]), *capsys.readouterr())


def test_the_command_answers_what_it_can_and_names_the_bad_files(
    run, photographs, two_zeros, command
):
    one = shutil.copy(next(iter(photographs)), "at 9.41\u202fAM.png")  # as macOS calls pictures
    status, out, errors = command(
        *(run.path, one, "missing.png", two_zeros, "--json", "--top", 2, "--csv", "answers.csv")
    )
    assert status == 1
    assert "missing.png" in errors
    single, missing, row = json.loads(out)
    assert single["file"] == str(one)
    assert len(single["probabilities"]) == len(single["boxes"]) == 1
    assert len(single["probabilities"][0]) == 2
    assert missing["answer"] is None
    assert len(row["answer"]) == len(row["probabilities"]) == len(row["boxes"]) == 2
    table = pd.read_csv("answers.csv", dtype=str)
    assert table["file"].tolist()[0] == one
    assert table["answer"].fillna("").tolist() == [single["answer"], "", row["answer"]]
    assert {file.name for file in Path().iterdir()} == {one, "answers.csv"}


def test_a_folder_that_may_not_be_read_is_named(run, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)  # nobody can refuse root
    with pytest.raises(UserError, match=f"{tmp_path.name} may not be read: check its perm"):
        predict.predict_images(run, tmp_path)


@pytest.mark.skipif(os.name != "posix", reason="making links needs rights on Windows")
def test_a_table_is_written_where_a_link_points_and_to_a_pipe(run, two_zeros, command, monkeypatch):
    monkeypatch.setenv("HOME", str(Path.cwd()))
    Path("real.csv").write_text("old")
    Path("link.csv").symlink_to("real.csv")
    command(run.path, two_zeros, "--csv", "~/link.csv")
    assert Path("link.csv").is_symlink()
    assert Path("real.csv").read_text().startswith("file,")
    os.mkfifo("pipe")
    with ThreadPoolExecutor(1) as pool:
        read = pool.submit(Path("pipe").read_text)
        command(run.path, two_zeros, "--csv", "pipe")
        assert read.result(timeout=60) == Path("real.csv").read_text()
    if os.path.isdir("/dev/fd"):
        source, end = os.pipe()  # as the shell's >(...) is
        command(run.path, two_zeros, "--csv", f"/dev/fd/{end}")
        os.close(end)
        with open(source) as piped:
            assert piped.read() == Path("real.csv").read_text()


@pytest.mark.parametrize("name", ["x" * 300 + ".csv", "/dev/full"])
def test_a_table_that_cannot_be_written_is_one_sentence(run, two_zeros, command, name):
    if name == "/dev/full" and not os.path.exists(name):
        pytest.skip("this system has no /dev/full")
    with pytest.raises(UserError, match="cannot write "):
        command(run.path, two_zeros, "--csv", name)


def test_show_says_where_it_wrote_and_keeps_the_current_folder_clean(run, two_zeros, command):
    status, out, _ = command(run.path, two_zeros, "--show")
    assert status == 0
    assert not list(Path().iterdir())
    written = Path(out.split("written: ")[1].strip())
    assert written == Path(run.path) / "predictions" / "both-seen.png"
    pixels = np.asarray(Image.open(written).convert("RGB"))
    assert (pixels == (0xD5, 0x5E, 0)).all(axis=-1).any()  # the boxes
    command(run.path, two_zeros, "--show", "--out", "here")
    assert [file.name for file in Path("here").iterdir()] == ["both-seen.png"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["RUN", "missing.png"], r"missing\.png"),
        (["RUN", "text.png"], r"text\.png"),
        (["RUN", "blank.png"], "no digit"),
        ([".", "PICTURE"], "not a run directory"),
        (["RUN", "PICTURE", "--top", "0"], "--top"),
        (["RUN", "PICTURE", "--show", "--out", "text.png/below"], "choose another"),
        (["RUN", "PICTURE", "--csv", "."], "cannot write "),
    ],
)
def test_a_mistake_is_one_sentence(run, photographs, command, arguments, says):
    Path("text.png").write_text("not a picture")
    Image.new("L", (100, 100), 230).save("blank.png")
    places = {"RUN": run.path, "PICTURE": next(iter(photographs))}
    with pytest.raises(UserError, match=says):
        command(*(places.get(word, word) for word in arguments))


def test_a_bad_image_is_told_before_keras_starts(run):
    script = (
        "import sys\nfrom chollet_cnn import predict\n"
        "(answer,) = predict.predict_images(sys.argv[1], 'missing.png', errors='keep')\n"
        "sys.exit('keras' in sys.modules or not answer.error)"
    )
    assert subprocess.run([sys.executable, "-c", script, run.path]).returncode == 0
