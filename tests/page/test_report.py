"""The page: everything in one file, made from runs of which some may be broken or ill-meant."""

import json
import os
import re
import shutil
import time
from html.parser import HTMLParser
from itertools import pairwise
from types import SimpleNamespace

import keras
import numpy as np
import pandas as pd
import pytest
from pets import noisy_pets
from PIL import Image
from untrained_runs import HOSTILE, plain_network, sequential, write_run

from chollet_cnn import data, report
from chollet_cnn.concepts.figures import photographs
from chollet_cnn.errors import UserError
from chollet_cnn.page import build, figure, first_screen, trained_model
from chollet_cnn.page.chapter import templates
from chollet_cnn.page.chapters import feature_maps_of_a_picture
from chollet_cnn.training import facts, run_files, runs


class Page(HTMLParser):
    """The tags of a page and its text."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.words = [], []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.words.append(data)

    def all(self, *names):
        return [(tag, attributes) for tag, attributes in self.tags if tag in names]


@pytest.fixture(scope="module")
def parsed(html):
    return Page(html)


@pytest.fixture(scope="module")
def problems(report_folder):
    return json.loads((report_folder / "problems.json").read_text())


def test_a_run_that_is_not_there_is_named_and_the_rest_is_built(problems, html):
    assert "no-such-run is not a run directory" in html
    assert "The networks, trained" in html
    assert any("no-such-run" in problem for problem in problems)


LOOKS_INSIDE = ("feature-maps-of-a-picture", "what-a-filter-looks-for", "where-the-network-looked")


def test_a_network_that_branches_is_shown_as_far_as_it_can_be(chapters):
    sections = {s["name"]: s for s in chapters["the-whole-network"].content["sections"]}
    assert "branches at add" in sections["Branching, seed 0"]["problem"]
    assert "this part cannot show the network" in chapters["the-whole-network"].html
    for slug in LOOKS_INSIDE:
        sections = chapters[slug].content["sections"]
        assert [s["problem"] for s in sections if "Branching" in s["name"]] == [""], slug


def test_a_network_without_a_convolution_takes_nothing_with_it(chapters, problems):
    for slug in LOOKS_INSIDE:
        found = {s["name"]: s["problem"] for s in chapters[slug].content["sections"]}
        assert found["Dense, seed 0"], slug
        assert list(found.values()).count("") == 3, slug
    assert any(problem.startswith("Dense, seed 0: ") for problem in problems)
    whole = {s["name"]: s for s in chapters["the-whole-network"].content["sections"]}
    assert (whole["Dense, seed 0"]["problem"], whole["Dense, seed 0"]["convolution"]) == ("", None)


def test_the_page_loads_nothing_from_elsewhere(parsed, html):
    for tag, attributes in parsed.tags:
        for name in ("src", "href", "xlink:href", "data", "srcset", "action"):
            address = attributes.get(name) or ""
            if tag == "a" and name == "href":
                ours = ("#", "https://", "http://yann.lecun.com", "explorer")
                assert address.startswith(ours), address
            else:
                inside = ("explorer",) if tag == "iframe" else ("data:", "#")
                assert address.startswith(inside) or not address, (tag, address)
    assert not parsed.all("object", "embed")
    style = html.split("<style>")[1].split("</style>")[0]
    assert "@import" not in style
    assert "url(" not in style


def test_every_figure_says_what_it_shows(parsed):
    drawings = [a for _, a in parsed.all("svg")]
    assert len(drawings) >= 40
    assert all(len(a["aria-label"]) > 20 and a["viewbox"] for a in drawings)


def test_no_id_is_given_twice(parsed):
    ids = [a["id"] for _, a in parsed.tags if "id" in a]
    assert len(ids) == len(set(ids))


def test_headings_go_down_one_step_at_a_time(parsed):
    levels = [int(tag[1]) for tag, _ in parsed.all("h1", "h2", "h3", "h4", "h5", "h6")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_the_contents_list_names_every_chapter(parsed):
    sections = [a["id"] for _, a in parsed.all("section")]
    links = [a["href"] for _, a in parsed.all("a")]
    assert len(sections) == len(build.OPERATIONS) + len(build.NETWORKS) + 1
    assert all(f"#{slug}" in links for slug in sections)
    places = {a["id"] for _, a in parsed.tags if "id" in a}
    assert all(link[1:] in places for link in links if link.startswith("#"))


def test_names_from_runs_are_text(html, parsed):
    assert "<img src=x" not in html
    assert HOSTILE in "".join(parsed.words)
    assert not any("onerror" in attributes for _, attributes in parsed.tags)


def test_a_run_says_when_its_test_images_are_not_here(html):
    assert "Which images it gets wrong cannot be shown here" in html


def test_channels_dead_for_every_test_image_are_drawn_only_where_there_are_some(chapters):
    drawn = [s.get("inactive") for s in chapters["feature-maps-of-a-picture"].content["sections"]]
    assert [figure is not None for figure in drawn] == [True, False, False, False]


def test_the_page_is_no_larger_than_a_page_may_be(report_folder):
    assert (report_folder / "index.html").stat().st_size < 6_000_000


def test_every_figure_is_beside_its_data(report_folder, parsed):
    folder = report_folder / "figures"
    drawn = {file.stem for file in folder.glob("*.png")}
    assert drawn == {file.stem for file in folder.glob("*.csv")}
    assert drawn == {a["data-name"] for _, a in parsed.all("svg") if "data-name" in a}
    assert all(len(pd.read_csv(file)) for file in folder.glob("*.csv"))
    assert not [file for file in report_folder.iterdir() if file.name.startswith(".")]


def test_feature_maps_are_kept_as_they_were_drawn(report_folder, digits_model):
    first = digits_model.convolutions[0].replace("_", "-")  # Keras counts the layers of a process
    file = report_folder / "figures" / f"{digits_model.slug}-{first}-maps.npz"
    maps = np.load(file)["maps"]
    largest = pd.read_csv(file.with_suffix(".csv"))["largest"]
    assert np.allclose(maps.max(axis=(0, 1)), largest)


def test_the_first_screen_is_about_the_readers_run(html, digits_run):
    metrics = runs.load_run(digits_run).metrics
    first_screen = html.split("</header>")[0]
    wrong = round((1 - metrics["test_accuracy"]) * metrics["test_pictures"])
    for fact in (f"{metrics['test_accuracy']:.2%}", f"<dd>{wrong}</dd>", "60,554", "18<small> px"):
        assert fact in first_screen, fact
    assert "The recipe was changed (epochs, dataset)" in first_screen
    assert "-at-a-glance" in first_screen


@pytest.mark.parametrize(("blocks", "drawn"), [(2, "layer"), (4, "convolution")])
def test_the_network_at_a_glance_says_which_layers_it_shows(tmp_path, blocks, drawn):
    inner = []
    for _ in range(blocks):
        inner += [keras.layers.Conv2D(4, 3, padding="same"), keras.layers.MaxPooling2D(2)]
    shown = inner if drawn == "layer" else inner[::2]
    model = trained_model.read(write_run(tmp_path / "run", sequential(*inner)))
    glance = first_screen.glance(model)
    assert list(glance.arrays) == ["image", *[layer.name for layer in shown]]
    assert any(f"of each {drawn}," in text.get_text() for text in glance.drawing.texts)


def test_a_network_without_plain_convolutions_has_its_first_layers_at_a_glance(tmp_path):
    inner = [keras.layers.SeparableConv2D(4, 3, padding="same") for _ in range(8)]
    model = trained_model.read(write_run(tmp_path / "run", sequential(*inner)))
    glance = first_screen.glance(model)
    assert list(glance.arrays) == ["image", *[layer.name for layer in inner[:6]]]
    assert any("of the first 6 layers," in text.get_text() for text in glance.drawing.texts)


def test_layers_of_any_name_have_figures_of_their_own(tmp_path):
    names = ["conv.d" + 200 * "x", "Conv_d", "conv_d", "conv-d"]
    inner = [keras.layers.Conv2D(4, 3, name=name) for name in names]
    model = trained_model.read(write_run(tmp_path / "run", sequential(*inner)))
    (section,) = feature_maps_of_a_picture.content([model])["sections"]
    drawn = [mosaic["figure"].name for mosaic in section["mosaics"]]
    assert len(set(drawn)) == 4
    assert all(re.fullmatch(r"[a-z0-9-]{1,150}", name) for name in drawn)


@pytest.mark.parametrize(
    ("inner", "worked"),
    [
        ([keras.layers.Conv2D(4, 3, use_bias=False, activation="relu")], True),
        ([keras.layers.SeparableConv2D(8, 3), keras.layers.Conv2D(4, 3)], False),
        ([keras.layers.ZeroPadding2D(1), keras.layers.Conv2D(4, 3)], None),
    ],
)
def test_feature_maps_of_any_first_convolution_are_shown(tmp_path, inner, worked):
    model = trained_model.read(write_run(tmp_path / "run", sequential(*inner)))
    (section,) = feature_maps_of_a_picture.content([model])["sections"]
    assert section["problem"] == ""
    assert [mosaic["layer"] for mosaic in section["mosaics"]] == [
        layer.name for layer in inner if "conv" in layer.name
    ]
    assert section["mosaics"][0]["place"] == "first"
    assert worked is None or bool(section["cell"]) is worked


def test_what_is_left_out_can_be_written_whatever_its_path(tmp_path, monkeypatch):
    monkeypatch.setattr(build, "make_chapters", lambda *_: [])
    runs_there = [write_run(tmp_path / "run", plain_network()), tmp_path / "no\udce9such"]
    made = build.write_report(runs_there, out=tmp_path / "page")
    assert "no?such" in made.path.read_text()


@pytest.mark.slow
def test_without_a_run_the_page_says_how_to_train_one_and_has_its_figures_for_print(without_runs):
    text = (without_runs / "index.html").read_text(encoding="utf-8")
    assert "python -m chollet_cnn.train" in text
    assert text.count("<section ") == len(build.OPERATIONS) + 2
    assert len(list((without_runs / "figures").glob("*.pdf"))) >= 17


@pytest.mark.slow
def test_the_page_is_the_same_whatever_the_format_of_its_figures(without_runs, tmp_path):
    report = build.write_report(out=tmp_path / "page")
    page = report.path
    assert repr(report) == f"<Report in {page}, {len(report.chapters)} chapters>"
    assert page.read_text() == (without_runs / "index.html").read_text()
    assert {file.stem for file in (page.parent / "figures").glob("*.png")} == {
        file.stem for file in (without_runs / "figures").glob("*.pdf")
    }


@pytest.fixture
def first_screen_alone(tmp_path, monkeypatch):
    """A run, and no chapter, whose figures would take a minute."""
    monkeypatch.setenv("CHOLLET_CNN_DATA", str(tmp_path))
    monkeypatch.setattr(build, "make_chapters", lambda *_: [])
    return write_run(tmp_path / "run", plain_network())


def test_figures_alone_are_those_of_the_page_and_its_width_leaves_the_page_as_it_is(
    first_screen_alone, tmp_path
):
    page = build.write_report(first_screen_alone, out=tmp_path / "page")
    wide = build.write_report(first_screen_alone, out=tmp_path / "wide", width=14)
    alone = build.write_report(first_screen_alone, out=tmp_path / "alone", figures_only=True)
    assert page.path.read_text() == wide.path.read_text()
    assert not (alone.path / "index.html").exists()
    pages, alones = ({file.name for file in (tmp_path / name / "figures").iterdir()}
                     for name in ("page", "alone"))  # fmt: skip
    assert pages == alones
    assert "untrained-seed-0-at-a-glance.png" in alones


def test_a_first_screen_that_is_left_out_is_a_problem(first_screen_alone, tmp_path, monkeypatch):
    monkeypatch.setattr(first_screen, "facts", lambda _: 1 / 0)
    made = build.write_report(first_screen_alone, out=tmp_path / "page", figures_only=True)
    assert made.problems == ["Plain, seed 0: ZeroDivisionError: division by zero"]


def test_a_network_that_the_explorer_cannot_compute_has_a_page_without_one(tmp_path, capsys):
    odd = sequential(keras.layers.RandomSaturation(0.2), keras.layers.Conv2D(4, 3))
    model, problems = trained_model.read(write_run(tmp_path / "run", odd)), []
    assert build._with_explorer(model, tmp_path, lambda *_: None, problems).explorer == ""
    assert "random_saturation" in problems[0]
    assert f"left out of {tmp_path / 'run'}: " in capsys.readouterr().err
    assert not list(tmp_path.glob("*.html"))


def test_the_newest_finished_run_of_each_recipe_is_taken(tmp_path):
    for name, at in (("a/seed-0", 2), ("a/seed-1", 1), ("b/seed-0", 3)):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "metrics.json").write_text("{}")
        os.utime(tmp_path / name / "metrics.json", (at, at))
    (tmp_path / "b/seed-1").mkdir()
    assert build.newest_runs(tmp_path) == [tmp_path / "a/seed-0", tmp_path / "b/seed-0"]


def test_the_command_knows_the_formats_that_figures_have():
    assert report.FORMATS == figure.FORMATS


@pytest.mark.parametrize("asked", ["--width 0", "--width nan", "--dpi 20000"])
def test_a_size_that_cannot_be_drawn_is_refused(asked):
    option, size = asked.split()
    with pytest.raises(UserError) as caught:
        report.main([option, size])
    assert caught.value.in_terms_of_flags().startswith(f"{option} is above 0 and at most ")


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="another folder as out"):
        build.write_report(out=tmp_path / "file")


def test_a_picture_that_cannot_be_read_leaves_nothing_behind(tmp_path):
    (tmp_path / "notes.txt").write_text("not a picture")
    with pytest.raises(UserError, match="is not an image"):
        build.write_report(picture=tmp_path / "notes.txt", out=tmp_path / "page")
    assert not (tmp_path / "page").exists()


def test_a_run_is_tested_on_no_other_images_than_it_was_tested_on(hostile_run, tmp_path):
    noisy_pets(tmp_path, count=2000, size=(2, 2))
    other = trained_model.read(hostile_run, data_dir=tmp_path)
    assert other.test is None
    assert "not those that the run" in other.why_no_test
    run = shutil.copytree(hostile_run, tmp_path / "run-of-these")
    options = {"image_size": (24, 24), "resize": "bilinear"}
    fingerprint = data.load_dataset("cats-vs-dogs", tmp_path, **options).fingerprint
    environment = run_files.read_json(run / "environment.json")
    runs.write_json(run / "environment.json", environment | {"data": fingerprint})
    assert len(trained_model.read(run, data_dir=tmp_path).test) == 1000


def test_a_data_folder_that_is_not_there_is_named_at_once(digits_run, tmp_path):
    with pytest.raises(UserError, match="no-such-place does not exist"):
        report.main(
            [str(digits_run), "--data-dir", "no-such-place", "--out", str(tmp_path / "page")]
        )
    assert not (tmp_path / "page").exists()


def test_what_a_killed_report_left_is_removed_an_hour_later(tmp_path):
    for name, written in (("old", 0), ("new", time.time())):
        (tmp_path / f".unfinished-{name}").mkdir()
        os.utime(tmp_path / f".unfinished-{name}", (written, written))
    with build._written_whole(tmp_path):
        pass
    assert [path.name for path in tmp_path.iterdir()] == [".unfinished-new"]


def test_a_reader_that_went_away_is_not_taken_for_a_full_disk(tmp_path):
    def print_to_nobody():
        with build._written_whole(tmp_path / "page") as folder:
            (folder / "index.html").write_text("half")
            raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        print_to_nobody()
    assert not (tmp_path / "page").exists()


def test_a_run_that_diverged_is_left_out(tmp_path):
    path = write_run(tmp_path / "run", plain_network())
    model = runs.load_run(path).load_model()
    model.layers[-1].set_weights(
        [weights * float("nan") for weights in model.layers[-1].get_weights()]
    )
    keras.saving.save_model(model, path / "model.keras")
    with pytest.raises(UserError, match="gives NaN"):
        trained_model.read(path)


def test_a_run_whose_training_stopped_is_not_compared_with_the_book(tmp_path):
    path = write_run(tmp_path / "run", plain_network())
    metrics = run_files.read_json(path / "metrics.json")
    runs.write_json(path / "metrics.json", metrics | {"diverged_epoch": 2})
    run = runs.load_run(path)
    macros = templates().get_template("macros.html").module
    words = macros.compared(first_screen.outcome(SimpleNamespace(run=run)))
    assert "Training stopped in epoch 2 because its numbers were no longer finite" in words
    said = facts._beside_the_book(run.config, run.metrics)["the book"]
    assert said == "not compared, training stopped in epoch 2"


def test_a_network_with_two_inputs_is_left_out(tmp_path):
    inputs = [keras.Input((24, 24, 3)) for _ in "ab"]
    joined = keras.layers.Concatenate()([keras.layers.Flatten()(image) for image in inputs])
    model = keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(joined))
    with pytest.raises(UserError, match=r"it takes images \[.*\), .*\], and those of config"):
        trained_model.read(write_run(tmp_path / "two-inputs", model))


@pytest.mark.parametrize(
    ("picture", "kind"),
    [(photographs.cat(), "test digit"), (255 - photographs.digit(140), "own digit")],
    ids=["a photograph", "a drawn digit"],
)
def test_a_picture_goes_through_a_digit_network_only_if_it_is_a_digit(
    digits_run, tmp_path, picture, kind
):
    Image.fromarray(picture).save(tmp_path / "mine\udcff.png")  # a byte that is not UTF-8
    one = trained_model.read(digits_run, picture=tmp_path / "mine\udcff.png")
    assert (one.shown.kind, one.shown.file) == (kind, "mine?.png")
    assert one.image.shape == (28, 28, 1)
