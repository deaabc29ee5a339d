"""What the page says follows from the numbers, and the code that it shows gives what it says."""

import ast
import dataclasses
import html
import re
from types import SimpleNamespace

import keras
import numpy as np
import pandas as pd
import pytest
from untrained_runs import write_run

from chollet_cnn.book import published
from chollet_cnn.page import build, first_screen, trained_model
from chollet_cnn.page import chapter as page
from chollet_cnn.page.chapters import (
    feature_maps_of_a_picture,
    the_networks_trained,
    the_whole_network,
    what_a_filter_looks_for,
    where_the_network_looked,
)
from chollet_cnn.training import trainer


def test_the_operations_are_in_the_order_of_the_articles(chapters):
    titles = [str(chapter.laid_out.title) for chapter in chapters.values()]
    assert titles[: len(build.OPERATIONS)] == [
        "Images are arrays",
        "Convolution in one dimension",
        "Convolution in two dimensions",
        "Kernels made by hand",
        "Padding, stride, output size",
        "Pooling",
        "Why pooling helps",
        "Receptive fields",
        "A convolution is a layer with shared weights",
        "Volumes",
        "Dense layers and parameters",
        "Activations",
        "Scores to probabilities",
    ]


def test_a_chapter_is_a_pair_of_files_in_the_list():
    folder = page.FOLDER / "chapters"
    modules = [*build.OPERATIONS, *build.NETWORKS, build.does_it_reproduce]
    pairs = {module.__name__.rpartition(".")[2] for module in modules}
    assert {file.stem for file in folder.glob("[a-z]*.py")} == pairs
    assert {file.stem for file in folder.glob("[a-z]*.html")} == pairs | {"train_one"}


def test_every_chapter_asks_a_question_sets_exercises_and_says_where_to_read_on(chapters):
    assert all(chapter.laid_out.question.endswith("?") for chapter in chapters.values())
    for slug, chapter in chapters.items():
        assert 2 <= chapter.html.count("<details") <= 3, slug
        further = chapter.html.split("Further reading:")[1]
        assert 2 <= further.count("<a href") <= 5, slug


def test_every_chapter_shows_its_figure_before_its_formula(chapters):
    for slug, chapter in chapters.items():
        if "<math" in chapter.html:
            order = [chapter.html.find(tag) for tag in ("<svg", 'class="worked"', "<math")]
            assert order == sorted(order), slug
            assert min(order) >= 0, slug
            assert chapter.html.rfind('class="call"') > order[-1], slug


def test_figures_have_names_of_their_own_captions_data_and_are_not_tall(chapters):
    figures = [figure for chapter in chapters.values() for figure in chapter.figures]
    names = [figure.name for figure in figures]
    assert len(names) == len(set(names)) >= 17
    assert all(re.fullmatch(r"[a-z0-9-]{8,}", name) for name in names)
    assert all(len(figure.data) for figure in figures)
    for chapter in chapters.values():
        for caption in re.findall(r"<figcaption>(.*?)</figcaption>", chapter.html, re.DOTALL):
            assert caption.strip()[-1] in ".?", caption
    assert [figure.name for figure in figures if figure.size[1] > 2 * figure.size[0]] == []


def test_terms_are_named_where_the_thing_is_explained(chapters):
    terms = {
        "the-networks-trained": (
            "batch", "loss", "cross-entropy", "Backpropagation", "gradient descent", "epoch",
            "confusion matrix", "Calibration", "test set",
        ),
        "what-a-filter-looks-for": ("activation maximization", "gradient ascent"),
        "where-the-network-looked": ("Saliency", "occlusion", "Grad-CAM"),
        "convolution-in-two-dimensions": ("kernel", "feature map"),
    }  # fmt: skip
    for slug, words in terms.items():
        for word in words:
            assert f"<em>{word}</em>" in chapters[slug].html, word


def results(code):
    """Run code as a reader would; yield what each commented line gives, and its comment."""
    lines = code.splitlines()
    names = {}
    for statement in ast.parse(code).body:
        source = ast.get_source_segment(code, statement)
        if not isinstance(statement, ast.Expr):
            exec(source, names)
            continue
        value = eval(source, names)
        after = lines[statement.end_lineno - 1][statement.end_col_offset :]
        following = lines[statement.end_lineno : statement.end_lineno + 1]
        comment = after or (following[0] if following else "")
        if "#" in comment:
            yield value, comment.split("#")[1].strip()


def flat(value):
    """Return numbers, however nested, in one line."""
    parts = value if isinstance(value, tuple | list) else [value]
    return np.hstack([flat(p) if isinstance(p, tuple | list) else np.ravel(p) for p in parts])


def test_the_code_that_is_shown_gives_what_its_comments_say(chapters, tmp_path, monkeypatch):
    monkeypatch.setenv("CHOLLET_CNN_DATA", str(tmp_path))
    checked = 0
    for chapter in chapters.values():
        for program in re.findall(r'"Python code"><code>(.*?)</code>', chapter.html, re.DOTALL):
            code = html.unescape(program)
            assert max(map(len, code.splitlines())) <= 72 or "runs.load_run(" in code
            for value, comment in results(code):
                try:
                    promised = ast.literal_eval(comment.removesuffix(", rounded down"))
                except (SyntaxError, ValueError):
                    continue
                assert np.allclose(flat(value), flat(promised), atol=0.005), (code, value)
                checked += 1
    assert checked >= 20


def test_what_the_articles_compute_is_on_the_page(chapters):
    content = {slug: chapter.content for slug, chapter in chapters.items()}
    assert (content["images-are-arrays"]["grey"], content["images-are-arrays"]["colour"]) == (
        256,
        768,
    )
    line = content["convolution-in-one-dimension"]
    assert " ".join(line["result"]) == "3.33 6.33 9.67 9.33 9.67 6.67 7.00 6.67 9.67 9.00"
    assert line["every"] == 12
    grid = content["convolution-in-two-dimensions"]
    assert (grid["windows"], grid["size"], grid["first"]) == (196, 14, 255)
    assert content["padding-stride-and-size"]["losses"] == [(3, 14, 2), (5, 12, 4), (7, 10, 6)]
    assert content["pooling"]["deep"] == (50, 50, 16)
    assert content["receptive-fields"]["stacked"] == [3, 5, 7]
    assert content["dense-layers"]["example"] == 525_312
    assert content["dense-layers"]["totals"] == [104_202, 712_202]


def test_an_impossible_size_is_refused_with_what_would_work(chapters):
    assert "input size W of 9 or 11" in chapters["padding-stride-and-size"].html


@pytest.fixture
def say(chapters):
    """Return a function that renders the digits' section of a chapter with other numbers."""

    def render(slug, **changes):
        content = chapters[slug].content
        section = content["sections"][0] | changes
        laid_out = page.Chapter(slug, {**content, "sections": [section]}).html
        text = re.sub(r"<svg.*?</svg>|<[^>]+>", "", laid_out, flags=re.DOTALL)
        return " ".join(html.unescape(text).split())

    return render


def test_the_inactive_share_is_said_to_rise_only_where_it_does(say):
    def of(*shares):
        named = list(zip("abc", shares, strict=False))
        rises = {"rises_always": bool((np.diff(shares) > 0).all()), "rises": shares[-1] > shares[0]}
        return say("feature-maps-of-a-picture", shares=named, **rises)

    assert "The deeper the layer, the more channels are inactive: 0% in a, 10%" in of(0, 0.1, 0.4)
    assert "not at every step: 10% in a, 0% in b, 40% in c." in of(0.1, 0.0, 0.4)
    assert "does not rise with depth: 50% in a" in of(0.5, 0.1, 0.2)


def test_one_channel_is_and_several_are(say, chapters):
    slug = "feature-maps-of-a-picture"
    (first, *_) = chapters[slug].content["sections"][0]["mosaics"]

    def of(inactive, faint):
        counted = first | {"channels": 9, "inactive": inactive, "faint": faint}
        return say(slug, mosaics=[counted])

    assert "1 of 9 is inactive, nowhere above zero; 1 more looks black" in of(1, 1)
    assert "2 of 9 are inactive, nowhere above zero; 3 more look black" in of(2, 3)
    assert "0 of 9 are inactive" in of(0, 1)
    assert "1 of 9 is inactive, nowhere above zero. " in of(1, 0)
    assert "1 comes within" in say("what-a-filter-looks-for", near_zero=1)


def test_overfitting_is_said_only_where_the_curves_part(say):
    def of(gap, **options):
        return say("the-networks-trained", gap=gap, **options).split("Overfitting:")[0]

    assert "This is called overfitting" in of(27.0)
    assert "27.0 percentage points apart" in of(27.0)
    assert "overfitting" not in of(1.0)
    assert "new images nearly as well as its training images" in of(0.5)
    assert "The validation curve is the higher one" in of(-1.5, monitored="validation")
    assert "random" not in of(0.5).split("apart")[1].split("/")[0]


def test_augmentation_and_dropout_are_named_where_they_make_training_harder(say):
    text = say("the-networks-trained", gap=-3.0, augmentation=True, dropout=True)
    assert (
        "the images are changed at random (data augmentation), and numbers inside the network "
        "are set to zero at random (dropout)." in text
    )


def test_the_epoch_that_was_tested_is_named_where_it_is_not_the_last(say, chapters):
    run = chapters["the-networks-trained"].content["sections"][0]["run"]
    earlier = run | {"epochs": 30, "selected_epoch": 12, "last_epoch_accuracy": 0.8485}
    earlier |= {"monitored": "validation"}
    text = say("the-networks-trained", run=earlier)
    assert "those of epoch 12, where the validation loss was lowest" in text
    assert "(After the last epoch the test accuracy is 84.85%.)" in text
    assert "selected on the test images" not in text
    text = say("the-networks-trained", run=earlier | {"monitored": "test"})
    assert "where the test loss was lowest" in text
    assert "That epoch was selected on the test images" in text
    assert "weights tested" not in say(
        "the-networks-trained", run=run | {"selected_epoch": run["epochs"]}
    )


def test_a_run_is_compared_with_the_book_or_it_says_why_not(say, chapters):
    run = chapters["the-networks-trained"].content["sections"][0]["run"]
    book = {"value": "71%", "split": "validation", "source": "1st ed.", "ours": 0.699,
            "agrees": False, "apart": "1", "above": False}  # fmt: skip
    text = say("the-networks-trained", run=run | {"changed": [], "book": book})
    assert "this run reached 69.90%, 1 percentage point lower." in text
    agrees = run | {"changed": [], "book": book | {"agrees": True}}
    assert "69.90%, which agrees." in say("the-networks-trained", run=agrees)
    assert "The recipe was changed (epochs, dataset)" in say("the-networks-trained")


@pytest.mark.parametrize(
    ("recipe", "ours", "agrees", "apart"),
    [
        ("cats-vs-dogs-first-edition", 0.7060, True, "0"),
        ("cats-vs-dogs-first-edition", 0.7050, True, "0"),
        ("cats-vs-dogs-first-edition", 0.6990, False, "1"),
        ("cats-vs-dogs-second-edition", 0.7240, False, "2.9"),
        ("mnist-first-edition", 0.9913, True, "0.00"),
        ("mnist-first-edition", 0.9921, False, "0.08"),
    ],
)
def test_a_run_is_compared_as_finely_as_the_book_gives_its_figure(recipe, ours, agrees, apart):
    claim = dataclasses.asdict(published.published_figure(recipe))
    found = first_screen.compared(claim, {claim["quantity"]: ours})
    assert found["agrees"] is agrees
    assert agrees or found["apart"] == apart
    assert found["above"] == (ours > claim["value"])


@pytest.mark.parametrize(
    ("recipe", "split", "last"),
    [
        ("mnist-first-edition", "", (0.9943, 0.0187)),
        ("cats-vs-dogs-first-edition", "val_", (0.7240, 1.0139)),
        ("cats-vs-dogs-first-edition-augmented", "val_", (0.8439, 0.3776)),
    ],
)
def test_what_the_book_prints_of_a_curve_is_dashed_beside_it(recipe, split, last):
    history = pd.DataFrame({"epoch": [1, 2], **{key: [0.5, 0.6] for key in published.QUANTITIES}})

    def run(claim):
        metrics = {"published": claim}
        of = SimpleNamespace(config={"recipe": recipe}, metrics=metrics, history=history)
        return SimpleNamespace(run=of)

    found, curve = the_networks_trained.printed_curve(run({"value": 0.7}))
    assert found == split
    drawn = the_networks_trained.plot_curves(run({}), found, curve)
    for axes, end in zip(drawn.axes, last, strict=True):
        (dashed,) = (line for line in axes.lines if line.get_linestyle() == "--")
        assert dashed.get_ydata()[-1] == end
    found, curve = the_networks_trained.printed_curve(run(None))  # a recipe that was changed
    drawn = the_networks_trained.plot_curves(run(None), found, curve)
    assert all(line.get_linestyle() == "-" for axes in drawn.axes for line in axes.lines)


def test_channels_that_no_image_activates_are_not_among_those_shown(digits_model, monkeypatch):
    table = pd.DataFrame(
        [
            {"channel": channel, "rank": rank, "image": 0, "activation": float(channel != 3)}
            for channel in range(12)
            for rank in (1, 2)
        ]
    )
    monkeypatch.setattr(
        what_a_filter_looks_for.activations, "top_activating_images", lambda *_, **__: table
    )
    found = what_a_filter_looks_for._exciting(digits_model, digits_model.convolutions[0])
    assert list(found["figure"].data["channel"].unique()) == [0, 1, 2, 4, 5, 6, 7, 8]


def test_kernels_near_zero_are_counted_beside_what_starting_weights_give(chapters):
    section = chapters["what-a-filter-looks-for"].content["sections"][0]
    before = section["before"].data.groupby("kernel")["weight"].sum().abs()
    assert section["near_zero_before"] == (before < 0.1).sum()
    # Nine weights, evenly from -0.142 to 0.142: their sum has a standard deviation of 0.246, so
    # that it is within 0.1 of zero about 32 times in 100; of 32 kernels that is 10.
    assert section["near_zero_by_chance"] == pytest.approx(10, abs=1)


def test_the_kernels_before_training_are_those_that_the_run_began_with(digits_model, tmp_path):
    other = trainer.train_network(dataset="digits", epochs=1, learning_rate=1e-12, out=tmp_path)
    models = other.load_model(), digits_model.untrained
    started, rebuilt = (model.get_weights()[0] for model in models)
    assert np.allclose(started, rebuilt, atol=1e-6)


def test_an_image_that_is_wider_than_high_is_covered_where_it_counts_most():
    image = np.zeros((20, 40, 3), np.uint8)
    network = keras.Sequential([keras.Input((20, 40, 3)), keras.layers.Flatten()])
    network.add(keras.layers.Dense(1, activation="sigmoid"))
    fall = np.zeros((20, 40))
    fall[10, 37] = 1
    model = SimpleNamespace(image=image, model=network, classes=["cat", "dog"])
    covered = where_the_network_looked._covered(model, fall)
    assert [covered[name] for name in ("side", "row", "column")] == [4, 8, 35]


def test_a_network_that_sees_all_of_an_image_of_any_shape_is_said_to(tmp_path, monkeypatch):
    monkeypatch.setenv("CHOLLET_CNN_DATA", str(tmp_path))
    image, last = keras.Input((20, 40, 3)), keras.layers.Dense(1, activation="sigmoid")
    stack = [keras.layers.Conv2D(2, 3), keras.layers.Flatten(), last]
    run = write_run(tmp_path / "run", keras.Sequential([image, *stack]), image_size=(20, 40))
    (section,) = the_whole_network.content([trained_model.read(run)])["sections"]
    assert (section["sees"], section["size"]) == ("20 × 40", "20 × 40")
    assert section["convolution_sees"] == "3 × 3"
    assert not section["shrinks"]  # fewer rows, but no more channels


def test_a_channel_that_only_looks_black_is_not_called_inactive(digits_model):
    maps = np.zeros((2, 2, 3))
    maps[0, 0] = 0, 0.001, 1
    mosaic = feature_maps_of_a_picture._mosaic(digits_model, digits_model.convolutions[0], maps)
    assert (mosaic["inactive"], mosaic["faint"]) == (1, 1)


def test_a_cell_of_the_first_feature_map_is_worked_out_as_the_network_computes_it(chapters):
    cell = chapters["feature-maps-of-a-picture"].content["sections"][0]["cell"]
    assert float(cell["sum"].result) == pytest.approx(float(cell["in_the_map"]), abs=1e-3)


def test_the_heatmap_is_asked_about_an_image_that_the_network_got_wrong(chapters, digits_model):
    doubt = chapters["where-the-network-looked"].content["sections"][0]["doubtful"]
    wrong = digits_model.probabilities.argmax(axis=1) != digits_model.test.labels
    assert doubt["kind"] == "wrong"
    assert doubt["first"] != doubt["second"]
    assert doubt["probability"] == digits_model.probabilities.max(axis=1)[wrong].max()


def test_what_is_filled_into_a_template_is_never_markup(chapters):
    chapter = page.Chapter("padding-stride-and-size", dict(
        chapters["padding-stride-and-size"].content, refusal="<script>alert(1)</script>"
    ))  # fmt: skip
    text = build.render([chapter], [], ["<img src=x onerror=alert(1)>"])
    assert "<script>alert" not in text
    assert "<img" not in text
    assert "&lt;img src=x onerror=alert(1)&gt;" in text


def test_of_an_error_the_truth_is_named_though_another_class_is_likelier(digits_model):
    found, truth = np.eye(10)[digits_model.test.labels], int(digits_model.test.labels[7])
    found[7] = np.roll([0.05, 0.6, 0.35, *[0] * 7], truth)
    model = dataclasses.replace(digits_model, probabilities=found)
    doubt = where_the_network_looked._doubtful(model)
    told = doubt["first"], doubt["second"], doubt["probability_second"]
    assert told == (str((truth + 1) % 10), str(truth), 0.05)


def test_what_the_page_computes_of_a_run_is_the_run_s(chapters, digits_model):
    run, found = digits_model.run, chapters["the-networks-trained"].content["sections"][0]
    last, sure = run.history.iloc[-1], digits_model.probabilities
    right = (sure.argmax(axis=1) == digits_model.test.labels).mean()
    assert found["gap"] == pytest.approx(100 * (last["accuracy"] - last["val_accuracy"]))
    over = found["mistakes"]["overconfidence"]
    assert over == pytest.approx(100 * (sure.max(axis=1).mean() - right), abs=1e-3)
    changed = {"changed": {"weights_seed": {"recipe": 0, "run": 4}}}
    other = dataclasses.replace(run, config=run.config | changed)
    assert dataclasses.replace(digits_model, run=other).weights_seed == 4
