"""What the page says follows from the numbers, and the code that it shows gives what it says."""

import ast
import dataclasses
import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from chollet_cnn.book import published, recipes
from chollet_cnn.page import (
    chapter as page,
)
from chollet_cnn.page import (
    inside,
    layers,
    looking,
    networks,
    operations,
    reproduction,
    shrinking,
)

MAKERS = [
    *operations.chapters(),
    *shrinking.chapters(),
    *layers.chapters(),
    *networks.chapters([]),
    *reproduction.chapters(),
]


@pytest.fixture(scope="module")
def chapters():
    return {chapter.slug: chapter for chapter in (make() for make in MAKERS)}


def test_the_operations_stand_in_the_order_of_the_articles(chapters):
    assert [chapter.title for chapter in chapters.values()] == [
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
        "A network of your own",
        "Does it reproduce?",
    ]


def test_every_chapter_asks_a_question(chapters):
    assert all(chapter.question.endswith("?") for chapter in chapters.values())


def test_every_chapter_shows_its_picture_before_its_formula(chapters):
    for chapter in chapters.values():
        html = page.render_chapter(chapter)
        if "<math" in html:
            first_picture = min(at for at in (html.find("<img"), html.find("<svg")) if at >= 0)
            order = [first_picture, html.find('class="worked"'), html.find("<math")]
            assert order == sorted(order), chapter.slug
            assert html.rfind('class="call"') > html.find("<math"), chapter.slug


def test_figures_have_speaking_names_of_their_own_and_numbers(chapters):
    pictures = [picture for chapter in chapters.values() for picture in chapter.pictures]
    names = [picture.name for picture in pictures]
    assert len(names) == len(set(names)) >= 17
    assert all(re.fullmatch(r"[a-z0-9-]{8,}", name) for name in names)
    assert all(len(picture.numbers) for picture in pictures)
    assert all(picture.alt.endswith(".") and picture.caption.endswith(".") for picture in pictures)


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


def test_the_code_that_is_shown_gives_what_its_comments_say(chapters, capsys):
    checked = 0
    for chapter in chapters.values():
        for call in chapter.calls:
            for value, comment in results(call.code):
                try:
                    promised = ast.literal_eval(comment.removesuffix(", rounded down"))
                except (SyntaxError, ValueError):
                    continue
                assert np.allclose(flat(value), flat(promised), atol=0.005), (call.code, value)
                checked += 1
    assert checked >= 15


def test_what_the_articles_compute_stands_on_the_page(chapters):
    image = chapters["images-are-arrays"].content
    assert (image["grey"], image["colour"]) == (256, 768)
    line = chapters["convolution-in-one-dimension"].content["result"]
    article = "3.33 6.33 9.67 9.33 9.67 6.67 7.00 6.67 9.67 9.00"
    assert line == article.split()
    assert chapters["convolution-in-one-dimension"].content["every"] == 12
    sheet = chapters["convolution-in-two-dimensions"].content
    assert (sheet["windows"], sheet["size"], sheet["first"]) == (196, 14, 255)
    assert chapters["padding-stride-and-size"].content["losses"] == [
        (3, 14, 2),
        (5, 12, 4),
        (7, 10, 6),
    ]
    assert chapters["pooling"].content["deep"] == (50, 50, 16)
    assert chapters["receptive-fields"].content["stacked"] == [3, 5, 7]
    assert chapters["dense-layers"].content["example"] == 525_312
    assert chapters["dense-layers"].content["totals"] == [104_202, 712_202]


def test_an_impossible_size_is_refused_with_what_would_work(chapters):
    html = page.render_chapter(chapters["padding-stride-and-size"])
    assert "input size W of 9 or 11" in html


def test_the_dark_share_is_said_to_rise_only_where_it_does():
    rising = inside.dark_words({"a": 0.0, "b": 0.1, "c": 0.4})
    uneven = inside.dark_words({"a": 0.1, "b": 0.0, "c": 0.4})
    level = inside.dark_words({"a": 0.1, "b": 0.1})
    falling = inside.dark_words({"a": 0.5, "b": 0.1, "c": 0.2})
    assert rising.startswith("The deeper the layer, the more channels stay dark: 0% in a")
    assert "not at every step: 10% in a, 0% in b, 40% in c" in uneven
    assert level.startswith("In this run the dark share does not rise")
    assert falling.startswith("In this run the dark share does not rise")
    assert inside.dark_words({"a": 0.3}).startswith("In this run the dark share does not rise")


def test_overfitting_is_said_only_where_the_curves_part():
    assert "by heart" in networks.gap_words(0.98, 0.71, "validation", {})
    assert "27.0 points" in networks.gap_words(0.98, 0.71, "validation", {})
    assert "by heart" not in networks.gap_words(0.99, 0.98, "validation", {})
    assert networks.gap_words(0.990, 0.985, "test", {}).endswith("nearly as well as its own.")
    assert "The test curve is the higher one" in networks.gap_words(0.97, 0.985, "test", {})


def test_a_network_at_chance_is_not_said_to_have_learned():
    assert "learn" not in networks.gap_words(0.5, 0.5, "validation", {})


def test_augmentation_and_dropout_are_named_where_they_make_training_harder():
    recipe = recipes.get("cats-vs-dogs-second-edition-augmented")
    for watched in (0.84, 0.80):
        words = networks.gap_words(0.81, watched, "validation", recipe.network_options)
        assert "changed at random (augmentation), and numbers" in words
        assert words.endswith("left out at random (dropout).")
    plain = recipes.get("cats-vs-dogs-second-edition").network_options
    assert "random" not in networks.gap_words(0.81, 0.84, "validation", plain)


def test_the_epoch_that_was_tested_is_named_where_it_is_not_the_last():
    words = networks.tested_words({"epochs": 30, "judged_epoch": 12})
    assert "those of epoch 12, where the validation loss was lowest" in words
    metrics = {"epochs": 30, "judged_epoch": 12, "last_epoch_test_accuracy": 0.8485}
    assert networks.tested_words(metrics) == (
        f"{words} (After the last epoch the test accuracy is 84.85%.)"
    )
    assert networks.tested_words({"epochs": 30, "judged_epoch": 30}) == ""


def a_run(recipe, published, **columns):
    history = pd.DataFrame({"epoch": [1, 2], **columns})
    return SimpleNamespace(
        run=SimpleNamespace(
            config={"recipe": recipe}, metrics={"published": published}, history=history
        )
    )


@pytest.mark.parametrize(
    ("recipe", "kind", "last"),
    [
        ("mnist-first-edition", "training", (0.9943, 0.0187)),
        ("cats-vs-dogs-first-edition", "validation", (0.7240, 1.0139)),
        ("cats-vs-dogs-first-edition-augmented", "validation", (0.8439, 0.3776)),
    ],
)
def test_what_the_book_prints_of_a_curve_is_dashed_beside_it(recipe, kind, last):
    numbers = {name: [0.5, 0.6] for name in published.QUANTITIES}
    subject = a_run(recipe, {"value": 0.7, "quantity": "val_accuracy"}, **numbers)
    assert networks.dashed_words(subject).startswith(f"Dashed is the {kind} curve")
    for axes, end in zip(networks._curves(subject, kind).axes, last, strict=True):
        (dashed,) = (line for line in axes.lines if line.get_linestyle() == "--")
        assert dashed.get_ydata()[-1] == end
    changed = a_run(recipe, None, **numbers)
    assert networks.dashed_words(changed) == ""
    lines = [line for axes in networks._curves(changed, kind).axes for line in axes.lines]
    assert all(line.get_linestyle() == "-" for line in lines)


@pytest.mark.parametrize(
    ("recipe", "ours", "words"),
    [
        ("cats-vs-dogs-first-edition", 0.7060, "71% validation accuracy (1st ed., notebook 5.2); "
         "this run reached 70.60%, which agrees."),
        ("cats-vs-dogs-first-edition", 0.7050, "70.50%, which agrees."),
        ("cats-vs-dogs-first-edition", 0.6990, "69.90%, 1 point less."),
        ("cats-vs-dogs-second-edition", 0.7240, "69.5% test accuracy (2nd ed., chapter 8); "
         "this run reached 72.40%, 2.9 points more."),
        ("mnist-first-edition", 0.9913, "99.13%, which agrees."),
        ("mnist-first-edition", 0.9921, "99.21%, 0.08 points more."),
    ],
)  # fmt: skip
def test_a_run_is_compared_as_finely_as_the_book_gives_its_figure(recipe, ours, words):
    claim = dataclasses.asdict(published.published_figure(recipe))
    metrics = {"published": claim, claim["quantity"]: ours}
    run = SimpleNamespace(config={"changed": {}, "recipe": recipe}, metrics=metrics)
    assert networks.book_words(SimpleNamespace(run=run)).endswith(words)


def test_channels_that_no_picture_lights_are_not_among_those_shown(monkeypatch):
    table = pd.DataFrame(
        [
            {"channel": channel, "rank": rank, "picture": 0, "activation": float(channel != 3)}
            for channel in range(12)
            for rank in (1, 2)
        ]
    )
    monkeypatch.setattr(looking.activations, "top_activating_images", lambda *_, **__: table)
    subject = SimpleNamespace(model=None, sample=np.zeros((2, 4, 4, 1), "uint8"), slug="run")
    picture = looking._exciting(subject, "conv2d")
    assert list(picture.numbers["channel"].unique()) == [0, 1, 2, 4, 5, 6, 7, 8]


def test_one_seed_is_not_taken_for_an_answer():
    assert "One run cannot tell luck from rule" in reproduction.seeds_words({"a": 1, "b": 1})
    assert reproduction.seeds_words({"a": 2, "b": 10}).endswith("with care: a.")
    assert "Enough to see" in reproduction.seeds_words({"a": 5, "b": 10})


def recorded(folder, accuracies, **other):
    row = {"recipe": "mnist-first-edition", "backend": "tensorflow", "device": "cpu"}
    row |= {"data": "MNIST", "data_note": None, "val_accuracy": None, "best_epoch": None}
    row |= {"last_epoch_test_accuracy": None}
    rows = [
        row | other | {"seed": seed, "test_accuracy": accuracy}
        for seed, accuracy in enumerate(accuracies)
    ]
    pd.DataFrame(rows).to_csv(folder / "runs.csv", index=False)
    return reproduction.does_it_reproduce(folder)


def test_each_recorded_seed_is_a_dot_and_the_book_a_stroke(tmp_path):
    chapter = recorded(tmp_path, [0.9902, 0.9915, 0.9921])
    (picture,) = chapter.pictures
    dots, stroke = picture.figure.axes[0].lines
    assert list(dots.get_xdata()) == [0.9902, 0.9915, 0.9921]
    assert list(stroke.get_xdata()) == [0.9913, 0.9913]
    assert list(picture.numbers["seed"]) == [0, 1, 2]


def test_the_table_says_where_each_figure_of_the_book_lies(tmp_path):
    chapter = recorded(tmp_path, [0.9902, 0.9915, 0.9921, 0.9913, 0.9904])
    printed, text = chapter.content["rows"]
    assert printed == ("MNIST, first edition, printed", "99.13%", "99.11%", "5", "within")
    assert text == ("MNIST, first edition, a slip", "99.3%", "99.11%", "5", "within")
    (luck,) = chapter.content["by_luck"]["lines"]
    # The error 0.0089 over twice 10,000 pictures.
    assert (luck["sum"], luck["result"]) == ("√((1 − 0.9911) / (2 · 10,000))", "0.07")
    assert chapter.content["by_luck"]["further"] == ""
    far = recorded(tmp_path, [0.98, 0.99, 0.97, 0.98, 0.99])
    assert far.content["by_luck"]["further"] == "MNIST, first edition"
    assert "probably better than others" in page.render_chapter(far)
    assert chapter.content["causes"] == []
    assert chapter.content["curves"] == []


def test_the_epoch_of_the_lowest_loss_is_no_percentage(tmp_path):
    pets = {"recipe": "cats-vs-dogs-first-edition", "data": "pets", "val_accuracy": 0.7061}
    chapter = recorded(tmp_path, [0.7], **pets, best_epoch=15)
    accuracy, epoch, printed = chapter.content["rows"]
    title = "Cats vs dogs, first edition"
    assert accuracy == (f"{title}, validation", "71%", "70.61%", "1", "too few runs")
    assert epoch == (f"{title}, best epoch, a slip", "5", "15", "1", "too few runs")
    assert printed == (f"{title}, printed best epoch", "10", "15", "1", "too few runs")
    assert chapter.content["by_luck"] is None


def test_the_printed_curve_and_the_causes_are_told_where_they_were_measured(tmp_path):
    accuracies = [0.990, 0.991, 0.992, 0.993, 0.994]
    (tmp_path / "histories").mkdir()
    for seed in range(5):
        name = f"mnist-first-edition-seed-{seed}-tensorflow-cpu.csv"
        epochs = {"epoch": range(1, 6), "accuracy": 0.99, "loss": 0.03 + seed / 1000,
                  "val_accuracy": 0.99, "val_loss": 0.03}  # fmt: skip
        pd.DataFrame(epochs).to_csv(tmp_path / "histories" / name, index=False)
    variants = [
        {"variant": what, "recipe": "mnist-first-edition", "seed": seed, "backend": "tensorflow",
         "device": "cpu", "test_accuracy": accuracy}
        for what, step in (("same-weights", 1), ("same-order", 2))
        for seed, accuracy in enumerate(0.990 + step * 0.001 * n for n in range(1, 5))
    ]  # fmt: skip
    pd.DataFrame(variants).to_csv(tmp_path / "variants.csv", index=False)
    chapter = recorded(tmp_path, accuracies)
    _, curve = chapter.pictures
    assert curve.name == "printed-curve-of-mnist-first-edition"
    assert curve.numbers["seed"].nunique() == 5
    # Training accuracy is 99% in all runs and epochs, as the book has it after none; its loss lies
    # among 0.030 to 0.034 after the third.
    assert curve.caption.endswith(
        "over what 5 seeds give. 1 of its 10 numbers lie within what one run gives."
    )
    (words,) = chapter.content["causes"]
    assert words == (
        "MNIST, first edition: runs that differ in their starting weights and in the order of "
        "their pictures have a standard deviation of 0.16 points; in the order alone, of 0.16; in "
        "the starting weights alone, of 0.32."
    )


def then_and_now(folder, recipe, variant):
    """Make the chapter of one recorded run of a recipe, without and with one of a variant."""
    kind = {"data": "pets", "data_note": "copies", "val_accuracy": 0.7, "best_epoch": 9}
    without = recorded(folder, [0.7], recipe=recipe, **kind)
    (folder / "histories").mkdir()
    for what, loss in ((recipe, 0.5), (f"{recipe}-{variant}", 0.4)):
        columns = {"accuracy": 0.7, "loss": loss, "val_accuracy": 0.7, "val_loss": 1}
        name = f"{what}-seed-0-tensorflow-cpu.csv"
        curve = pd.DataFrame({"epoch": [1, 2], **columns})
        curve.to_csv(folder / "histories" / name, index=False)
    row = {"variant": variant, "recipe": recipe, "seed": 0, "backend": "tensorflow",
           "device": "cpu", "test_accuracy": 0.7, **kind}  # fmt: skip
    pd.DataFrame([row]).to_csv(folder / "variants.csv", index=False)
    return without, recorded(folder, [0.7], recipe=recipe, **kind)


def test_the_optimizer_that_has_changed_is_shown_where_runs_with_the_old_one_are(tmp_path):
    without, chapter = then_and_now(tmp_path, "cats-vs-dogs-first-edition", "rmsprop-2017")
    assert without.content["optimizers"] is None
    found = chapter.content["optimizers"]
    assert found["picture"].name == "the-optimizer-has-changed"
    assert found["picture"].numbers.groupby("variant")["loss"].first().to_dict() == {
        "": 0.5, "rmsprop-2017": 0.4
    }  # fmt: skip
    # 1e-4 / (1e-4 + 1e-7), and 1e-4 / sqrt(1e-8 + 1e-7) = 1 / sqrt(11).
    assert (found["gradient"], found["then"], found["now"]) == ("0.0001", "1.00", "0.30")
    html = page.render_chapter(chapter)
    assert "0.0001 / (0.00000001 + √(0.0001²))" in html
    assert "0.0001 / √(0.0000001 + 0.0001²)" in html
    assert chapter.content["augmentation"] is None


def test_the_augmentation_that_has_changed_is_shown_where_runs_with_the_old_one_are(tmp_path):
    without, chapter = then_and_now(tmp_path, "cats-vs-dogs-first-edition-augmented", "keras-2017")
    assert without.content["augmentation"] is None
    found = chapter.content["augmentation"]
    assert found["picture"].name == "the-augmentation-has-changed"
    assert set(found["picture"].numbers["variant"]) == {"", "keras-2017"}
    # 75 sin 0.2 = 14.90; 0.2 degrees are 0.00349 radians: 75 x 0.00349 = 0.262.
    assert (found["side"], found["then"], found["now"]) == (150, "14.9", "0.26")
    assert "75 · sin(0.2 · π / 180)" in page.render_chapter(chapter)
    assert chapter.content["optimizers"] is None


def test_a_tested_epoch_before_the_last_is_shown_with_what_it_costs(tmp_path):
    recipe = "cats-vs-dogs-second-edition-augmented"
    kind = {"data": "pets", "val_accuracy": 0.83, "best_epoch": 2, "epochs": 3, "judged_epoch": 2}
    (tmp_path / "histories").mkdir()
    history = pd.DataFrame(
        {"epoch": [1, 2, 3], "loss": [0.7, 0.5, 0.3], "accuracy": [0.6, 0.8, 0.9],
         "val_loss": [0.7, 0.4, 0.5], "val_accuracy": [0.6, 0.8, 0.85]}
    )  # fmt: skip
    history.to_csv(tmp_path / "histories" / f"{recipe}-seed-0-tensorflow-cpu.csv", index=False)
    last = {"last_epoch_test_accuracy": 0.8485}
    chapter = recorded(tmp_path, [0.8135], recipe=recipe, **kind, **last)
    html = page.render_chapter(chapter)
    # -ln 0.9 = 0.105 and -ln 0.1 = 2.303; -ln 0.999 = 0.001 and -ln 0.001 = 6.908.
    assert "(8 · 0.105 + 2 · 2.303) / 10" in html
    assert "(9 · 0.001 + 1 · 6.908) / 10" in html
    assert [sums["loss"] for sums in chapter.content["tested"]["sums"]] == ["0.545", "0.692"]
    assert "epoch 2 of 3" in html
    assert "81.35%" in html
    assert "84.85%" in html


def test_without_recorded_runs_the_chapter_says_so(tmp_path):
    chapter = reproduction.does_it_reproduce(tmp_path)
    assert "The recorded runs are not here" in page.render_chapter(chapter)


def test_numbers_are_written_with_a_true_minus():
    assert page.number(-60.0) == "−60"
    assert page.whole(-1234567) == "−1,234,567"
    assert page.sum_of_products([0, -1], [255, 116]) == "0·255 − 1·116"


def test_what_is_filled_into_a_template_is_never_markup():
    chapter = page.Chapter("train-one", "<b>", "<i>", "<script>alert(1)</script>?")
    html = page.render_page(
        [(chapter, page.render_chapter(chapter))],
        {"title": "<u>", "lead": "<img>", "runs": [], "closing": "<a>"},
        ["<img src=x onerror=alert(1)>"],
    )
    for markup in ("<b>&", "<u>", "<img", "<script>alert", "<i>"):
        assert markup not in html, markup
    assert "&lt;img src=x onerror=alert(1)&gt;" in html
