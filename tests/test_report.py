"""The page: everything in one file, made from runs of which some may be broken or ill-meant."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from itertools import pairwise

import pandas as pd
import pytest

from chollet_cnn import report, runs
from chollet_cnn.errors import UserError

HOSTILE = "<img src=x onerror=alert(1)>"
VOID = {"img", "meta", "link", "br", "input", "mspace", "rect"}


class Page(HTMLParser):
    """The tags of a page, its text, and which tags stand open where."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.words, self.worked = [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if dict(attributes).get("class") == "worked":
            self.worked.append("")

    def handle_data(self, data):
        self.words.append(data)
        if self.worked and self.worked[-1].count("\n") < 1:
            self.worked[-1] += data

    def all(self, *names):
        return [(tag, attributes) for tag, attributes in self.tags if tag in names]


def write_run(path, title, recipe, classes=("cat", "dog"), size=24):
    """Write the run of a small network for photographs that was never trained."""
    import keras
    from keras import layers

    model = keras.Sequential(
        [
            keras.Input((size, size, 3)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(4, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(6, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    settings = {
        "dataset": "cats-vs-dogs",
        "data_options": {"image_size": [size, size], "resize": "bilinear"},
    }
    runs.begin(
        path,
        {"recipe": recipe, "title": title, "seed": 0, "dataset": "cats vs dogs", "changed": {},
         "classes": list(classes), "watched": "validation set", "settings": settings},
    )  # fmt: skip
    runs.write_json(
        path / "environment.json",
        {"device": "cpu", "processor": HOSTILE, "device_name": "CPU", "backend": "tensorflow",
         "data": {"sha256": "of no pictures that are here"}},
    )  # fmt: skip
    row = {"epoch": 1, "loss": 0.7, "accuracy": 0.5, "val_loss": 0.7, "val_accuracy": 0.5}
    runs.write_history(path, [row | {"seconds": 1.0}])
    runs.finish(
        path,
        model,
        {"test_accuracy": 0.5, "test_pictures": 1000, "parameters": model.count_params(),
         "epochs": 1, "train_seconds": 1.0, "published": None, "dataset": "cats vs dogs"},
    )  # fmt: skip
    return path


@pytest.fixture(scope="session")
def digits_run(tmp_path_factory):
    from chollet_cnn import train

    return train.train(dataset="digits", epochs=2, out=tmp_path_factory.mktemp("digits")).path


@pytest.fixture(scope="session")
def hostile_run(tmp_path_factory):
    path = tmp_path_factory.mktemp("hostile") / HOSTILE.replace("/", "")
    return write_run(path, HOSTILE, HOSTILE, classes=(HOSTILE, "dog"))


@pytest.fixture(scope="session")
def made(digits_run, hostile_run, tmp_path_factory):
    """A page from a run on the embedded digits, an ill-meant run and one that is not there."""
    out = tmp_path_factory.mktemp("page") / "report"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CHOLLET_CNN_DATA", str(tmp_path_factory.mktemp("no-data")))
        status = report.main(
            [str(digits_run), str(hostile_run), "no-such-run", "--out", str(out), "--quiet"]
        )
    return out, status


@pytest.fixture(scope="session")
def html(made):
    return (made[0] / "index.html").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def parsed(html):
    return Page(html)


def test_a_run_that_is_not_there_is_named_and_the_rest_is_built(made, html):
    _, status = made
    assert status == 1
    assert "no-such-run is no run directory" in html
    assert "The networks, trained" in html


def test_the_page_loads_nothing_from_elsewhere(parsed):
    for tag, attributes in parsed.tags:
        for name in ("src", "href", "data", "srcset", "action"):
            address = attributes.get(name) or ""
            assert address.startswith(("data:", "#")) or not address, (tag, address)
    assert not parsed.all("iframe", "object", "embed")


def test_styles_load_nothing_from_elsewhere(html):
    style = html.split("<style>")[1].split("</style>")[0]
    assert "@import" not in style
    assert "url(" not in style


def test_every_picture_says_what_it_shows_and_keeps_its_place(parsed):
    images = parsed.all("img")
    assert len(images) >= 40
    for _, attributes in images:
        assert len(attributes["alt"]) > 20
        assert int(attributes["width"]) > 0
        assert int(attributes["height"]) > 0
    assert all(a.get("aria-label") for _, a in parsed.all("svg"))


def test_headings_go_down_one_step_at_a_time(parsed):
    levels = [int(tag[1]) for tag, _ in parsed.all("h1", "h2", "h3", "h4", "h5", "h6")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_the_contents_list_names_every_chapter(parsed):
    sections = [a["id"] for _, a in parsed.all("section")]
    links = [a["href"] for _, a in parsed.all("a")]
    assert len(sections) == 19
    assert all(f"#{slug}" in links for slug in sections)
    places = {a["id"] for _, a in parsed.tags if "id" in a}
    assert all(link[1:] in places for link in links)


def test_names_from_runs_are_text(html, parsed):
    assert "<img src=x" not in html
    assert HOSTILE in "".join(parsed.words)
    assert not any("onerror" in attributes for _, attributes in parsed.tags)


def test_a_run_says_when_its_test_pictures_are_not_here(html):
    assert "Which pictures it gets wrong cannot be shown here" in html


def test_channels_dark_for_every_test_picture_are_drawn_only_where_there_are_some(made, html):
    (drawn,) = (made[0] / "figures").glob("*-dark-channels.png")
    assert drawn.name.startswith("mnist-three-block")
    assert html.count("dark for every test picture that was tried") == 1


def test_the_page_is_no_larger_than_a_page_may_be(made):
    assert (made[0] / "index.html").stat().st_size < 8_000_000


def test_every_figure_lies_beside_its_numbers(made, parsed):
    folder = made[0] / "figures"
    drawn = {file.stem for file in folder.glob("*.png")}
    numbers = {file.stem for file in folder.glob("*.csv")}
    assert drawn == numbers
    assert len(drawn) == len(parsed.all("img"))
    assert all(len(pd.read_csv(file)) for file in folder.glob("*.csv"))
    assert not [file for file in made[0].iterdir() if file.name.startswith(".")]


def test_the_sums_that_are_worked_out_come_out(html):
    lines = re.findall(r'<p class="worked"[^>]*><span>(.*?)</span>.*?<b>(.*?)</b>', html)
    checked = 0
    for left, right in lines:
        sum_ = left.translate(str.maketrans("·−", "*-", ",%"))
        if not re.fullmatch(r"[\d\s.+*/()-]+", sum_):
            continue
        wanted = float(right.translate(str.maketrans("−", "-", ",%")))
        percent = "%" in right and "%" not in left
        last_place = 10.0 ** -len(right.rstrip("%").partition(".")[2])
        terms = 0 if "/" in sum_ else sum_.count(".")  # each of them was rounded
        found = eval(sum_) * (100 if percent else 1)
        assert found == pytest.approx(wanted, abs=0.501 * last_place * (1 + terms)), left
        checked += 1
    assert checked >= 30


def test_the_first_screen_is_about_the_readers_run(html, digits_run):
    metrics = runs.read(digits_run).metrics
    first_screen = html.split("</header>")[0]
    wrong = round((1 - metrics["test_accuracy"]) * metrics["test_pictures"])
    for fact in (f"{metrics['test_accuracy']:.2%}", f"<dd>{wrong}</dd>", "60,554", "22<small> px"):
        assert fact in first_screen, fact
    assert "The recipe was changed (epochs, dataset)" in first_screen


def test_the_code_shown_for_a_run_runs(digits_run, made):
    from chollet_cnn.chapters import inside, looking, networks, subject

    one = subject.read(digits_run)
    for make in (*networks.chapters([one]), *inside.chapters([one]), *looking.chapters([one])):
        for call in make().calls:
            names = {}
            exec(call.code, names)
            last = call.code.splitlines()[-1]
            if "#" in last:
                expression, comment = last.split("#")
                assert eval(expression, names) == ast.literal_eval(comment.strip()), last


def test_a_cell_of_the_first_map_is_worked_out_as_the_network_computes_it(digits_run):
    from chollet_cnn.chapters import inside, subject

    (section,) = inside.feature_maps([subject.read(digits_run)]).content["sections"]
    assert float(section["cell"]["value"]) == pytest.approx(
        float(section["cell"]["in_the_map"]), abs=2e-3
    )


def test_without_a_run_the_page_says_how_to_train_one(tmp_path):
    page = report.report(out=tmp_path / "page")
    text = page.read_text(encoding="utf-8")
    assert "python -m chollet_cnn.train" in text
    assert text.count("<section ") == 15


def test_figures_alone_and_as_vectors(tmp_path):
    folder = report.report(out=tmp_path / "figures-only", figures_only=True, format="svg")
    assert not (folder / "index.html").exists()
    assert len(list((folder / "figures").glob("*.svg"))) >= 17


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="--out"):
        report.report(out=tmp_path / "file")


def test_a_picture_that_cannot_be_read_leaves_nothing_behind(tmp_path):
    (tmp_path / "notes.txt").write_text("not a picture")
    with pytest.raises(UserError, match="not an image"):
        report.report(picture=tmp_path / "notes.txt", out=tmp_path / "page")
    assert not (tmp_path / "page").exists()


@pytest.mark.parametrize("file", ["history.csv", "model.keras", "config.json"])
def test_a_broken_run_is_left_out(digits_run, tmp_path, file, capsys):
    from chollet_cnn.chapters import subject

    broken = tmp_path / "broken"
    shutil.copytree(digits_run, broken)
    (broken / file).write_text("[")
    with pytest.raises(UserError, match="broken"):
        subject.read(broken)


def test_a_run_that_lacks_a_field_is_left_out(digits_run, tmp_path):
    from chollet_cnn.chapters import subject

    for name, field in (("config", "title"), ("metrics", "test_accuracy")):
        broken = tmp_path / name
        shutil.copytree(digits_run, broken)
        content = json.loads((broken / f"{name}.json").read_text())
        del content[field]
        (broken / f"{name}.json").write_text(json.dumps(content))
        with pytest.raises(UserError, match=field):
            subject.read(broken)


def test_a_run_is_judged_on_no_other_pictures_than_it_was_tested_on(
    hostile_run, tmp_path, noisy_pets
):
    from chollet_cnn import data
    from chollet_cnn.chapters import subject

    noisy_pets(tmp_path, count=2000, size=(2, 2))
    other = subject.read(hostile_run, data_dir=tmp_path)
    assert other.test is None
    assert "holds other pictures than the run's" in other.why_no_test
    run = shutil.copytree(hostile_run, tmp_path / "run-of-these")
    options = {"image_size": (24, 24), "resize": "bilinear"}
    fingerprint = data.load("cats-vs-dogs", tmp_path, **options).fingerprint
    environment = runs.read_json(run / "environment.json")
    runs.write_json(run / "environment.json", environment | {"data": fingerprint})
    assert len(subject.read(run, data_dir=tmp_path).test) == 1000


def test_a_data_folder_that_is_not_there_is_named_at_once(digits_run, tmp_path):
    with pytest.raises(UserError, match="no-such-place does not exist"):
        report.main(
            [str(digits_run), "--data-dir", "no-such-place", "--out", str(tmp_path / "page")]
        )
    assert not (tmp_path / "page").exists()


def test_a_reader_that_went_away_is_not_taken_for_a_full_disk(tmp_path):
    def print_to_nobody():
        with report._written_whole(tmp_path / "page") as folder:
            (folder / "index.html").write_text("half")
            raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        print_to_nobody()
    assert not (tmp_path / "page").exists()


def test_a_run_that_diverged_is_left_out(tmp_path):
    import keras

    from chollet_cnn.chapters import subject

    path = write_run(tmp_path / "run", "diverged", "diverged")
    model = runs.read(path).load_model()
    model.layers[-1].set_weights(
        [weights * float("nan") for weights in model.layers[-1].get_weights()]
    )
    keras.saving.save_model(model, path / "model.keras")
    with pytest.raises(UserError, match="run: the network answers NaN"):
        subject.read(path)


def test_a_photograph_is_not_forced_on_a_digit_network(digits_run, tmp_path):
    from PIL import Image

    from chollet_cnn.chapters import subject
    from chollet_cnn.concepts.figures import photographs

    Image.fromarray(photographs.cat()).save(tmp_path / "cat.png")
    one = subject.read(digits_run, picture=tmp_path / "cat.png")
    assert "no single digit was found in cat.png" in one.picture_words
    assert one.picture.shape == (28, 28, 1)


def test_a_drawn_digit_goes_through_the_network(digits_run, tmp_path):
    from PIL import Image

    from chollet_cnn.chapters import subject
    from chollet_cnn.concepts.figures import photographs

    drawn = 255 - photographs.digit(140)
    Image.fromarray(drawn).save(tmp_path / "five.png")
    one = subject.read(digits_run, picture=tmp_path / "five.png")
    assert one.picture_words == "your picture five.png, brought to MNIST's look"


def test_help_answers_without_loading_anything_heavy():
    script = (
        "import sys\nfrom chollet_cnn import report\n"
        "try: report.main(['--help'])\nexcept SystemExit: pass\n"
        "assert not {'numpy', 'keras', 'matplotlib', 'pandas', 'jinja2'} & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, env=os.environ
    )
    assert done.returncode == 0, done.stderr
    assert "--figures-only" in done.stdout
