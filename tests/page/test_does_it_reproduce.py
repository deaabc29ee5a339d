"""What the last chapter says follows from the recorded runs."""

import html
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from chollet_cnn.evidence import comparison, records, statistics
from chollet_cnn.page.chapter import Chapter
from chollet_cnn.page.chapters import does_it_reproduce
from chollet_cnn.page.worked import Worked
from chollet_cnn.training.runs import Run


def text_of(chapter):
    return " ".join(html.unescape(chapter.html).split())


def yours(accuracy, recipe="mnist-first-edition", changed=(), diverged=None, **data):
    """Return a run of the reader's, as the page has it."""
    numbers = dict.fromkeys(("epochs", "train_seconds", "weights_sha256"), 0)
    run = Run(
        Path("runs"),
        config={"recipe": recipe, "seed": 7, "changed": dict.fromkeys(changed)},
        environment={"versions": {}, "backend": "jax", "device": "cpu", "processor": "",
                     "data": {"dataset": "", "sha256": ""} | data},
        metrics=numbers | {"test_accuracy": accuracy, "diverged_epoch": diverged},
    )  # fmt: skip
    return SimpleNamespace(run=run, name=f"{recipe}, seed 7")


def recorded(folder, accuracies, models=(), **other):
    row = {"recipe": "mnist-first-edition", "backend": "tensorflow", "device": "cpu"}
    row |= {"data": "MNIST", "data_note": None, "val_accuracy": None, "best_epoch": None}
    row |= {"last_epoch_test_accuracy": None}
    rows = [
        row | other | {"seed": seed, "test_accuracy": accuracy}
        for seed, accuracy in enumerate(accuracies)
    ]
    pd.DataFrame(rows).to_csv(folder / "runs.csv", index=False)
    return Chapter("does-it-reproduce", does_it_reproduce.content(models, folder))


def test_few_seeds_are_not_taken_for_an_answer(tmp_path):
    text = text_of(recorded(tmp_path, [0.99]))
    assert "One run cannot show whether its result is typical" in text
    few = text_of(recorded(tmp_path, [0.99, 0.991]))
    assert "only a few runs yet; take those with care: MNIST, first edition." in few
    assert "with care" not in text_of(recorded(tmp_path, [0.99] * 5))


def test_each_recorded_seed_is_a_dot_and_the_book_a_line(tmp_path):
    chapter = recorded(tmp_path, [0.9902, 0.9915, 0.9921])
    (picture,) = chapter.figures
    dots, diamonds, stroke = picture.drawing.axes[0].lines
    assert not len(diamonds.get_xdata())
    assert list(dots.get_xdata()) == [0.9902, 0.9915, 0.9921]
    assert list(stroke.get_xdata()) == [0.9913, 0.9913]
    assert list(picture.data["seed"]) == [0, 1, 2]


def test_your_own_run_is_a_diamond_among_the_recorded_ones(tmp_path):
    accuracies = [0.9902, 0.9915, 0.9921, 0.9911, 0.9909]
    chapter = recorded(tmp_path, accuracies, [yours(0.9910)])
    (picture,) = chapter.figures
    dots, diamonds, _ = picture.drawing.axes[0].lines
    assert list(dots.get_xdata()) == accuracies
    assert list(diamonds.get_xdata()) == [0.9910]
    assert list(picture.data["yours"]) == [False] * 5 + [True]
    assert (
        "A green diamond marks your run, mnist-first-edition, seed 7: 99.10% test accuracy. Of the "
        "5 recorded runs of its recipe 2 are lower; it is inside the prediction interval."
    ) in text_of(chapter)
    assert "5 runs, test accuracy" in [text.get_text() for text in picture.drawing.axes[0].texts]


def test_your_run_of_a_recipe_without_a_published_figure_has_a_row_of_its_own(tmp_path):
    run = yours(0.98, "mnist-three-block")
    chapter = recorded(tmp_path, [0.97, 0.99], [run], recipe="mnist-three-block")
    assert list(chapter.figures[0].data["yours"]) == [False, False, True]
    text = text_of(chapter)
    assert "Of the 2 recorded runs of its recipe 1 is lower." in text


@pytest.mark.parametrize(
    ("run", "says"),
    [
        (yours(0.99, changed=["epochs"]), "changed its recipe, so it is not compared"),
        (yours(0.99, diverged=3), "no longer finite, so it is not compared"),
        (yours(0.99, "mnist-third-edition"), "Nothing is recorded that your run"),
    ],
)
def test_a_run_that_cannot_be_compared_is_not_marked(tmp_path, run, says):
    chapter = recorded(tmp_path, [0.9902, 0.9915, 0.9921], [run])
    assert says in text_of(chapter)
    assert not chapter.figures[0].data["yours"].any()
    assert "green diamond" not in text_of(chapter)


def test_the_table_has_the_verdict_on_each_figure_of_the_book(tmp_path):
    chapter = recorded(tmp_path, [0.9902, 0.9915, 0.9921, 0.9913, 0.9904])
    printed, text = chapter.content["rows"]
    assert printed == ("MNIST, first edition, printed", "99.13%", "99.11%", "5", "inside")
    assert text == ("MNIST, first edition, erratum", "99.3%", "99.11%", "5", "inside")
    (luck,) = chapter.content["spread"]
    # The error 0.0089 over twice 10,000 images.
    assert luck["sum"] == Worked("100 · √((1 − 0.9911) / (2 · 10,000))", "0.07")
    assert chapter.content["larger"] == []
    far = recorded(tmp_path, [0.98, 0.99, 0.97, 0.98, 0.99])
    assert far.content["larger"] == ["MNIST, first edition"]
    assert "probably better than others." in text_of(far)
    assert chapter.content["causes"] == []
    assert chapter.content["curves"] == []


def test_the_epoch_of_the_lowest_loss_is_no_percentage(tmp_path):
    pets = {"recipe": "cats-vs-dogs-first-edition", "data": "pets", "val_accuracy": 0.7061}
    chapter = recorded(tmp_path, [0.7], **pets, best_epoch=15)
    accuracy, epoch, printed = chapter.content["rows"]
    title = "Cats vs dogs, first edition"
    assert accuracy == (f"{title}, validation", "71%", "70.61%", "1", "too few runs")
    assert epoch == (f"{title}, best epoch, erratum", "5", "15", "1", "too few runs")
    assert printed == (f"{title}, best epoch, printed", "10", "15", "1", "too few runs")
    assert chapter.content["spread"] == []


def test_the_printed_curve_and_the_causes_are_shown_where_measured(tmp_path):
    accuracies = [0.990, 0.991, 0.992, 0.993, 0.994]
    (tmp_path / "histories").mkdir()
    for seed in range(5):
        name = f"mnist-first-edition-seed-{seed}-tensorflow-cpu.csv"
        epochs = {"epoch": range(1, 6), "accuracy": 0.99, "loss": 0.03 + seed / 1000,
                  "val_accuracy": 0.99, "val_loss": 0.03}  # fmt: skip
        pd.DataFrame(epochs).to_csv(tmp_path / "histories" / name, index=False)
    variants = [
        {"variant": what, "recipe": "mnist-first-edition", "seed": seed, "backend": "tensorflow",
         "device": "cpu", "data_note": "", "test_accuracy": accuracy}
        for what, step in (("same-weights", 1), ("same-order", 2))
        for seed, accuracy in enumerate(0.990 + step * 0.001 * n for n in range(1, 5))
    ]  # fmt: skip
    pd.DataFrame(variants).to_csv(tmp_path / "variants.csv", index=False)
    chapter = recorded(tmp_path, accuracies)
    _, curve = chapter.figures
    assert curve.name == "printed-curve-of-mnist-first-edition"
    assert curve.data["seed"].nunique() == 5
    # Training accuracy is 99% in all runs and epochs, as the book has it after none; its loss lies
    # among 0.030 to 0.034 after the third.
    assert "1 of its 10 numbers are inside the prediction interval" in text_of(chapter)
    (cause,) = chapter.content["causes"]
    sds = {"everything": "0.16", "order": "0.16", "weights": "0.32"}
    assert cause == {"title": "MNIST, first edition"} | sds
    assert "in the starting weights alone, of 0.32" in text_of(chapter)


def legacy_and_current(folder, recipe, variant):
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


@pytest.mark.parametrize(
    ("place", "other", "study", "recipe", "legacy", "current"),
    [
        # 1e-4 / (1e-4 + 1e-7), and 1e-4 / sqrt(1e-8 + 1e-7) = 1 / sqrt(11).
        ("optimizer", "augmentation", "rmsprop-2017", "cats-vs-dogs-first-edition",
         ("0.0001 / (0.00000001 + √(0.0001²))", "1.00"),
         ("0.0001 / √(0.0000001 + 0.0001²)", "0.30")),
        # 75 sin 0.2 = 14.90; 0.2 degrees are 0.00349 radians: 75 x 0.00349 = 0.262.
        ("augmentation", "optimizer", "keras-2017", "cats-vs-dogs-first-edition-augmented",
         ("75 · sin(0.2)", "14.9"), ("75 · sin(0.2 · π / 180)", "0.26")),
    ],
)  # fmt: skip
def test_what_legacy_keras_did_is_shown_where_runs_with_it_are_recorded(
    tmp_path, place, other, study, recipe, legacy, current
):
    without, chapter = legacy_and_current(tmp_path, recipe, study)
    assert without.content[place] is chapter.content[other] is None
    found = chapter.content[place]
    assert found["picture"].name == f"the-{place}-has-changed"
    losses = found["picture"].data.groupby("variant")["loss"].first()
    assert losses.to_dict() == {"": 0.5, study: 0.4}
    assert (found["legacy"], found["current"]) == (Worked(*legacy), Worked(*current))
    assert current[0] in text_of(chapter)
    assert "printed numbers" not in text_of(chapter)  # of one run nothing can be said


def test_the_printed_numbers_inside_with_either_rmsprop_are_counted_of_what_is_recorded():
    found = records.read().of_most_runs()
    recipe = "cats-vs-dogs-first-edition"
    current, legacy = (
        comparison.compare_curve(found, recipe, way).count(statistics.INSIDE)
        for way in ("", "rmsprop-2017")
    )
    assert current < legacy
    text = text_of(Chapter("does-it-reproduce", does_it_reproduce.content((), records.RESULTS)))
    assert f"Of the 120 printed numbers {current} are inside" in text
    assert f"and {legacy} with legacy RMSprop." in text


def test_a_selected_epoch_before_the_last_is_shown_with_its_cost(tmp_path):
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
    html = text_of(chapter)
    # -ln 0.9 = 0.105 and -ln 0.1 = 2.303; -ln 0.999 = 0.001 and -ln 0.001 = 6.908.
    assert "(8 · 0.105 + 2 · 2.303) / 10" in html
    assert "(9 · 0.001 + 1 · 6.908) / 10" in html
    losses = [sums["loss"].result for sums in chapter.content["selection"]["sums"]]
    assert losses == ["0.545", "0.692"]
    assert "epoch 2 of 3" in html
    assert "81.35%" in html
    assert "84.85%" in html


def test_without_recorded_runs_the_chapter_says_so(tmp_path):
    chapter = Chapter("does-it-reproduce", does_it_reproduce.content([], tmp_path))
    assert "There are no recorded runs" in text_of(chapter)
