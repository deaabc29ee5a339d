"""A trained network answers about a reader's own pictures."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from chollet_cnn import predict
from chollet_cnn.data import digits, mnist
from chollet_cnn.errors import UserError
from chollet_cnn.training import trainer


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return trainer.train(dataset="digits", epochs=6, out=tmp_path_factory.mktemp("runs"))


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
    answers = predict.predict(run, list(photographs))
    return sum(
        next(iter(answer.probabilities)) == digit
        for answer, digit in zip(answers, photographs.values(), strict=True)
    )


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
    for answer in predict.predict(run, list(photographs)[:3]):
        shares = list(answer.probabilities.values())
        assert sum(shares) == pytest.approx(1, abs=1e-5)
        assert shares == sorted(shares, reverse=True)
        assert len(shares) == 10


def test_what_the_network_saw_is_light_on_dark_28_by_28(run, photographs):
    seen = predict.predict(run, list(photographs)[:1])[0].seen
    assert (seen.shape, seen.dtype) == ((28, 28, 1), np.uint8)
    assert seen[0].max() == 0
    assert seen.max() > 200


def test_many_pictures_get_the_answers_that_they_get_one_by_one(run, photographs, monkeypatch):
    files = list(photographs)[:5]
    together = predict.predict(run, files)
    monkeypatch.setattr(predict, "BATCH", 2)
    for one, other in zip(together, predict.predict(run, files), strict=True):
        assert one.picture == other.picture
        assert one.probabilities == pytest.approx(other.probabilities, abs=1e-5)


def test_the_answer_is_drawn_beside_the_picture(run, photographs):
    answer = predict.predict(run, list(photographs)[:1])[0]
    left, right = predict.plot_answer(answer, top=4).axes
    np.testing.assert_array_equal(left.images[0].get_array(), answer.seen.squeeze())
    assert [label.get_text() for label in right.get_yticklabels()] == list(answer.probabilities)[:4]
    widths = [bar.get_width() for bar in right.patches]
    assert widths == list(answer.probabilities.values())[:4]


def an_answer(picture):
    return predict.Answer(picture, {"3": 0.75, "8": 0.25}, np.zeros((28, 28, 1), np.uint8))


def test_dollars_in_a_files_name_are_no_formula(tmp_path):
    (file,) = predict._save_figures([an_answer("pay$_$.png")], tmp_path, top=2)
    assert file.name == "pay$_$-seen.png"
    assert Image.open(file).width > 500


def test_a_figure_is_there_whole_or_not_at_all(tmp_path, monkeypatch):
    (file,) = predict._save_figures([an_answer("a.png")], tmp_path, top=2)
    whole = file.read_bytes()
    monkeypatch.setattr(os, "fsync", lambda _: 1 / 0)  # the process ends while it writes
    with pytest.raises(ZeroDivisionError):
        predict._save_figures([an_answer("a.png")], tmp_path, top=1)
    assert file.read_bytes() == whole


def command(*arguments, folder):
    return subprocess.run(
        [sys.executable, "-m", "chollet_cnn.predict", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=folder,
        check=False,
        timeout=120,
    )


def test_the_command_prints_json_and_writes_what_the_network_saw(run, photographs, tmp_path):
    picture = list(photographs)[6]
    done = command(run.path, picture, "--json", "--top", 2, "--show", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    (answer,) = json.loads(done.stdout)
    assert answer["picture"] == str(picture)
    assert len(answer["answers"]) == 2
    assert Image.open(tmp_path / f"{picture.stem}-seen.png").width > 500


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["RUN", "missing.png"], "missing.png"),
        (["RUN", "text.png"], "text.png"),
        (["RUN", "blank.png"], "no digit"),
        ([".", "PICTURE"], "no run directory"),
        (["RUN", "PICTURE", "--top", "0"], "--top"),
        (["RUN", "PICTURE", "--show", "--out", "text.png/below"], "choose another"),
    ],
)
def test_a_mistake_is_one_sentence_and_status_2(run, photographs, tmp_path, arguments, says):
    (tmp_path / "text.png").write_text("not a picture")
    Image.new("L", (100, 100), 230).save(tmp_path / "blank.png")
    places = {"RUN": run.path, "PICTURE": next(iter(photographs))}
    done = command(*(places.get(word, word) for word in arguments), folder=tmp_path)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_run_without_its_network_is_named(run, photographs, tmp_path):
    copy = shutil.copytree(run.path, tmp_path / "copy")
    (copy / "model.keras").unlink()
    with pytest.raises(UserError, match=r"model\.keras"):
        predict.predict(copy, [next(iter(photographs))])


def test_a_network_whose_training_diverged_has_no_answer(run, photographs, tmp_path):
    import keras

    from chollet_cnn.training import runs

    copy = shutil.copytree(run.path, tmp_path / "copy")
    model = runs.read(copy).load_model()
    last = model.layers[-1]
    last.set_weights([weights * float("nan") for weights in last.get_weights()])
    keras.saving.save_model(model, copy / "model.keras")
    with pytest.raises(UserError, match="copy: the network gives NaN"):
        predict.predict(copy, [next(iter(photographs))])
