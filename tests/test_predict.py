"""A trained network answers about a reader's own pictures."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from chollet_cnn import predict
from chollet_cnn.analysis import answers
from chollet_cnn.data import digits, mnist
from chollet_cnn.errors import UserError
from chollet_cnn.training import runs


@pytest.fixture(scope="module")
def run(digits_run, tmp_path_factory):
    """A run of our own, for figures are written into it."""
    return runs.load_run(shutil.copytree(digits_run, tmp_path_factory.mktemp("runs") / "seed-0"))


def photograph(digit, folder, name, random):
    """Draw a digit as dark ink on large, unevenly lit, grainy paper, off the middle."""
    ink = np.asarray(Image.fromarray(digit.squeeze()).resize((280, 280)))
    paper = np.linspace(200, 240, 500)[np.newaxis, :] + random.normal(0, 3, (400, 500))
    paper[40:320, 150:430] -= ink * 0.65
    Image.fromarray(paper.clip(0, 255).astype(np.uint8)).save(folder / name)
    return folder / name


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """Photographs of two embedded digits of each kind, and which digit each shows."""
    folder, random = tmp_path_factory.mktemp("photographs"), np.random.default_rng(0)
    test = digits.load().test
    return {
        photograph(test.images[place], folder, f"digit-{digit}-{number}.png", random): str(digit)
        for digit in range(10)
        for number, place in enumerate(np.flatnonzero(test.labels == digit)[:2])
    }


def right_answers(run, photographs):
    found = predict.predict_images(run, list(photographs))
    return sum(one.answer == digit for one, digit in zip(found, photographs.values(), strict=True))


def test_photographs_of_small_digits_are_mostly_read_as_the_digits_they_show(run, photographs):
    assert right_answers(run, photographs) >= 15  # of 20, where guessing gets 2


def test_photographs_of_mnist_digits_are_read_as_the_digits_they_show(
    real_mnist_run, real_mnist_dir, tmp_path
):
    test = mnist.load(real_mnist_dir).test
    random = np.random.default_rng(1)
    files = {
        photograph(test.images[place], tmp_path, f"{place}.png", random): str(test.labels[place])
        for place in range(60)
    }
    assert right_answers(real_mnist_run, files) >= 56


def test_the_probabilities_of_a_picture_add_up_to_one_and_come_in_order(run, photographs):
    for answer in predict.predict_images(run, list(photographs)[:3]):
        (probabilities,) = answer.probabilities
        shares = list(probabilities.values())
        assert sum(shares) == pytest.approx(1, abs=1e-5)
        assert shares == sorted(shares, reverse=True)
        assert len(shares) == 10


def test_what_the_network_saw_is_light_on_dark_28_by_28(run, photographs):
    (seen,) = predict.predict_images(run, list(photographs)[:1])[0].seen
    assert (seen.shape, seen.dtype) == ((28, 28, 1), np.uint8)
    assert seen[0].max() == 0
    assert seen.max() > 200


def test_many_pictures_get_the_answers_that_they_get_one_by_one(run, photographs, monkeypatch):
    files = list(photographs)[:5]
    together = predict.predict_images(run, files)
    monkeypatch.setattr(predict, "BATCH", 2)
    for one, other in zip(together, predict.predict_images(run, files), strict=True):
        assert one.file == other.file
        assert one.probabilities[0] == pytest.approx(other.probabilities[0], abs=1e-5)


def test_the_answer_is_drawn_beside_the_image_with_its_box(run, photographs):
    answer = predict.predict_images(run, list(photographs)[:1])[0]
    photograph = np.asarray(Image.open(answer.file).convert("RGB"))
    whole, left, right = answers.plot_prediction(answer, photograph, top=4).axes
    np.testing.assert_array_equal(left.images[0].get_array(), answer.seen[0].squeeze())
    probabilities = answer.probabilities[0]
    assert [label.get_text() for label in right.get_yticklabels()] == list(probabilities)[:4]
    assert [bar.get_width() for bar in right.patches] == list(probabilities.values())[:4]
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


def test_a_long_name_keeps_its_beginning_and_its_end():
    assert answers.shorten("a" * 50 + "photo-7.png", 20) == "a" * 10 + "…oto-7.png"


def test_images_of_one_name_get_a_figure_each(tmp_path):
    three = [an_answer("a/7.png"), an_answer("b/7.png"), an_answer("c/7.png")]
    assert len(set(answers.save_figures(three, tmp_path, top=2))) == 3


def test_many_digits_are_drawn_as_far_as_a_figure_goes():
    figure = answers.plot_prediction(an_answer("a.png", answers.SHOWN_AT_MOST + 5))
    assert len(figure.axes) == 2 * answers.SHOWN_AT_MOST


def test_a_figure_is_there_whole_or_not_at_all(tmp_path, monkeypatch):
    (file,) = answers.save_figures([an_answer("a.png")], tmp_path, top=2)
    whole = file.read_bytes()
    monkeypatch.setattr(os, "fsync", lambda _: 1 / 0)  # the process ends while it writes
    with pytest.raises(ZeroDivisionError):
        answers.save_figures([an_answer("a.png")], tmp_path, top=1)
    assert file.read_bytes() == whole


# What may be asked for


@pytest.fixture(scope="module")
def two_digits(photographs, tmp_path_factory):
    """One image of two digits side by side, and the two alone."""
    files = list(photographs)
    one, other = files[4], files[15]
    both = np.hstack([np.asarray(Image.open(file)) for file in (one, other)])
    path = tmp_path_factory.mktemp("two") / "both.png"
    Image.fromarray(both).save(path)
    return path, (one, other)


def test_two_digits_are_answered_as_a_row_with_a_probability_each(run, two_digits):
    both, alone = two_digits
    (answer,) = predict.predict_images(run, both)
    singles = predict.predict_images(run, alone)
    assert answer.answer == "".join(single.answer for single in singles)
    assert len(answer.probabilities) == len(answer.boxes) == 2
    assert answer.boxes[0][2] < answer.boxes[1][0]


def test_one_path_a_generator_and_a_folder_are_taken(run, photographs, tmp_path):
    files = list(photographs)[:3]
    for file in files:
        shutil.copy(file, tmp_path)
    (tmp_path / "notes.txt").write_text("not an image")
    wanted = [answer.answer for answer in predict.predict_images(run, files)]
    assert predict.predict_images(run, str(files[0]))[0].answer == wanted[0]
    assert predict.predict_images(run, files[0])[0].answer == wanted[0]
    assert [one.answer for one in predict.predict_images(run, (file for file in files))] == wanted
    in_folder = predict.predict_images(run, tmp_path)
    assert {Path(one.file).name: one.answer for one in in_folder} == dict(
        zip([file.name for file in files], wanted, strict=True)
    )


def test_a_folder_without_images_is_named(run, tmp_path):
    with pytest.raises(UserError, match="no images in the folder"):
        predict.predict_images(run, tmp_path)


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


def test_the_command_answers_what_it_can_and_names_the_bad_files(run, two_digits, command):
    both, alone = two_digits
    status, out, errors = command(
        *(run.path, alone[0], "missing.png", both, "--json", "--top", 2, "--csv", "answers.csv")
    )
    assert status == 1
    assert "missing.png" in errors
    single, missing, row = json.loads(out)
    assert single["file"] == str(alone[0])
    assert len(single["probabilities"]) == len(single["boxes"]) == 1
    assert len(single["probabilities"][0]) == 2
    assert missing["answer"] is None
    assert len(row["answer"]) == len(row["probabilities"]) == len(row["boxes"]) == 2
    table = pd.read_csv("answers.csv", dtype=str)
    assert table["answer"].fillna("").tolist() == [single["answer"], "", row["answer"]]
    assert [file.name for file in Path().iterdir()] == ["answers.csv"]


def test_show_says_where_it_wrote_and_keeps_the_current_folder_clean(run, two_digits, command):
    both, _ = two_digits
    status, out, _ = command(run.path, both, "--show")
    assert status == 0
    assert not list(Path().iterdir())
    written = Path(out.split("written: ")[1].strip())
    assert written == Path(run.path) / "predictions" / "both-seen.png"
    assert Image.open(written).width > 500
    command(run.path, both, "--show", "--out", "here")
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


def test_a_mistake_ends_the_process_with_status_2(tmp_path):
    words = [sys.executable, "-m", "chollet_cnn.predict", ".", "photo.png"]
    done = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1


def test_a_run_without_its_network_is_named(run, photographs, tmp_path):
    copy = shutil.copytree(run.path, tmp_path / "copy")
    (copy / "model.keras").unlink()
    with pytest.raises(UserError, match=r"model\.keras"):
        predict.predict_images(copy, [next(iter(photographs))])


def test_a_network_with_other_weights_than_the_run_s_is_refused(run, photographs, tmp_path):
    copy = shutil.copytree(run.path, tmp_path / "copy")
    model = runs.load_run(copy).load_model()
    last = model.layers[-1]
    last.set_weights([weights * float("nan") for weights in last.get_weights()])
    keras.saving.save_model(model, copy / "model.keras")
    with pytest.raises(UserError, match="its weights are not those of the run"):
        predict.predict_images(copy, [next(iter(photographs))])
