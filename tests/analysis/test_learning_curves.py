"""A learning curve shows the figures it was given."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from chollet_cnn.analysis import learning_curves
from chollet_cnn.analysis.learning_curves import (
    best_epoch,
    plot_learning_curve,
    plot_selected_epoch,
)
from chollet_cnn.drawing import style
from chollet_cnn.training.runs import load_run

HISTORY = pd.DataFrame(
    {
        "epoch": [1, 2, 3],
        "accuracy": [0.5, 0.7, 0.9],
        "val_accuracy": [0.5, 0.6, 0.55],
        "loss": [0.7, 0.5, 0.2],
        "val_loss": [0.7, 0.6, 0.8],
    }
)
SEEDS = [HISTORY.assign(accuracy=[low, 0.7, 0.9 + low / 10]) for low in (0.2, 0.5, 0.4)]


def written(axes):
    return [text.get_text() for text in axes.texts]


@pytest.mark.parametrize("quantity", ["accuracy", "loss"])
def test_training_and_validation_are_drawn_by_epoch(quantity):
    axes = plot_learning_curve(HISTORY, quantity).axes[0]
    training, validation = axes.lines
    assert list(training.get_xdata()) == [1, 2, 3]
    assert list(training.get_ydata()) == list(HISTORY[quantity])
    assert list(validation.get_ydata()) == list(HISTORY[f"val_{quantity}"])
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("epoch", quantity)


def test_the_book_s_level_and_the_book_s_curve_are_drawn_in_vermilion():
    level = plot_learning_curve(HISTORY, book=0.71).axes[0].lines[-1]
    named = plot_learning_curve(HISTORY, book=0.71, book_name="the book's test").axes[0]
    assert "the book's test 71.0%" in written(named)
    assert list(level.get_ydata()) == [0.71, 0.71]
    curve = plot_learning_curve(HISTORY, monitored=None, book=(0.4, 0.6, 0.8)).axes[0].lines[-1]
    assert list(curve.get_ydata()) == [0.4, 0.6, 0.8]
    assert level.get_color() == curve.get_color() == "#d55e00"


def test_each_curve_has_its_name_and_last_value_at_its_end():
    axes = plot_learning_curve(HISTORY, book=0.71).axes[0]
    assert {"training 90.0%", "validation 55.0%", "the book 71.0%"} < set(written(axes))
    assert axes.get_legend() is None
    assert "training 0.2" in written(plot_learning_curve(HISTORY, "loss").axes[0])


def test_the_history_of_a_run_says_which_split_was_monitored(digits_run):
    history = load_run(digits_run).history  # MNIST's recipes have no validation set
    (axes,) = plot_learning_curve(history).axes
    assert [text.split()[0] for text in written(axes)[-2:]] == ["training", "test"]
    (axes,) = plot_learning_curve([history] * 2, monitored="mine").axes
    assert written(axes)[-1].startswith("mine ")


def test_a_run_a_single_column_and_an_array_are_drawn_too(digits_run):
    run = load_run(digits_run)
    assert written(plot_learning_curve(run).axes[0]) == written(
        plot_learning_curve(run.history).axes[0]
    )
    assert len(plot_learning_curve(HISTORY, "val_loss").axes[0].texts) == 1
    both = [
        plot_learning_curve(HISTORY, book=book).axes[0]
        for book in ([0.5, 0.6], np.array([0.5, 0.6]))
    ]
    assert written(both[0]) == written(both[1])
    with pytest.raises(ValueError, match="there is no precision; there are epoch, accuracy"):
        plot_learning_curve(HISTORY, "precision")


def test_what_keras_s_fit_returns_is_drawn():
    returned = SimpleNamespace(history=HISTORY.drop(columns="epoch").to_dict("list"))
    drawn, expected = (plot_learning_curve(one).axes[0] for one in (returned, HISTORY))
    assert written(drawn) == written(expected)
    for mine, line in zip(drawn.lines, expected.lines, strict=True):
        assert mine.get_xydata().tolist() == line.get_xydata().tolist()


@pytest.mark.parametrize("wrong", ["runs/seed-0", Path("runs"), 3])
def test_what_is_no_history_is_refused_in_words(wrong):
    with pytest.raises(TypeError, match="a history is a run, its history or what fit returns"):
        plot_learning_curve(wrong)
    with pytest.raises(ValueError, match="there is no history"):
        plot_learning_curve([])
    with pytest.raises(ValueError, match="there is no val_loss; there are loss, epoch"):
        plot_learning_curve(
            {"loss": [2.0], "val_loss": [1.0]}, "val_loss", others={"shorter": {"loss": [2.0]}}
        )


def test_a_best_epoch_is_that_of_the_lowest_error_and_needs_numbers():
    history = pd.DataFrame({"epoch": [1, 2], "val_mae": [9.0, 1.0], "val_loss": [np.nan] * 2})
    assert best_epoch(history, "val_mae")["epoch"] == 2
    with pytest.raises(ValueError, match="there is no number in val_loss"):
        best_epoch(history)
    with pytest.raises(ValueError, match="there is no val_accuracy; there are epoch, val_mae"):
        best_epoch(history, "val_accuracy")
    with pytest.raises(ValueError, match="differ in length: validate every epoch"):
        plot_learning_curve({"accuracy": [0.1, 0.2], "val_accuracy": [0.2]})


def test_a_column_is_named_after_what_it_was_measured_on():
    assert written(plot_learning_curve(HISTORY, "val_accuracy").axes[0]) == ["validation 55.0%"]
    assert written(plot_learning_curve(HISTORY, "val_loss", name="mine").axes[0]) == ["mine 0.8"]
    more = HISTORY.assign(mae=0.5, val_mae=0.6)
    (axes,) = plot_learning_curve(more, "mae").axes
    assert (written(axes), len(axes.collections)) == (["mae 0.5"], 0)


def test_each_way_of_training_has_a_colour_of_its_own():
    others = {"one": HISTORY, "two": HISTORY.assign(accuracy=0.5)}
    (axes,) = plot_learning_curve(HISTORY, others=others).axes
    assert [text.split()[0] for text in written(axes)] == ["training", "one", "two"]
    assert len({line.get_color() for line in axes.lines}) == 3


def test_a_label_has_the_colour_of_its_curve():
    axes = plot_learning_curve(HISTORY, book=0.71).axes[0]
    colours = {text.get_text().split()[0]: text.get_color() for text in axes.texts}
    assert [line.get_color() for line in axes.lines] == ["#0072b2", "#009e73", "#d55e00"]
    for name, line in zip(("training", "validation", "the"), axes.lines, strict=True):
        assert colours[name] == style.ink(line.get_color())


@pytest.mark.parametrize(("quantity", "epoch"), [("val_loss", 2), ("val_accuracy", 2), ("loss", 3)])
def test_the_best_epoch_has_the_lowest_loss_or_the_highest_accuracy(quantity, epoch):
    assert learning_curves.best_epoch(HISTORY, quantity)["epoch"] == epoch


def test_the_best_epoch_on_the_watched_pictures_is_ringed():
    axes = plot_learning_curve(HISTORY).axes[0]
    assert axes.collections[0].get_offsets().tolist() == [[2, 0.6]]
    assert "highest: epoch 2" in written(axes)
    alone = plot_learning_curve(HISTORY, monitored=None).axes[0]
    assert (len(alone.lines), len(alone.collections)) == (1, 0)


def test_a_single_epoch_is_no_best_one_and_is_counted_in_whole_epochs():
    figure = plot_learning_curve(HISTORY.head(1))
    (axes,) = figure.axes
    assert not axes.collections
    low, high = axes.get_xlim()
    assert [tick for tick in axes.get_xticks() if low <= tick <= high] == [0, 1, 2]


def test_beside_a_single_epoch_a_longer_curve_is_drawn_whole():
    for options in ({"others": {"longer": HISTORY}}, {"book": [0.5, 0.7, 0.9]}):
        (axes,) = plot_learning_curve(HISTORY.head(1), **options).axes
        assert axes.get_xlim()[1] >= 3


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_run_that_diverged_has_no_best_epoch_and_says_so_at_the_top(value):
    axes = plot_learning_curve(HISTORY.assign(loss=value, val_loss=value), "loss").axes[0]
    assert not axes.collections
    names = {text.get_text(): text.xy[1] for text in axes.texts}
    assert list(names) == [f"training {value}", f"validation {value}"]
    assert sum(names.values()) / 2 == axes.get_ylim()[1]


def test_several_seeds_are_a_band_from_the_lowest_to_the_highest_with_the_median_in_it():
    runs = learning_curves.summarize_runs(SEEDS)
    assert runs["epoch"].tolist() == [1, 2, 3]
    assert runs["low"].tolist() == pytest.approx([0.2, 0.7, 0.92])
    assert runs["median"].tolist() == pytest.approx([0.4, 0.7, 0.94])
    assert runs["high"].tolist() == pytest.approx([0.5, 0.7, 0.95])
    axes = plot_learning_curve(SEEDS, monitored=None).axes[0]
    (median,), (band,) = axes.lines, axes.collections
    assert list(median.get_ydata()) == runs["median"].tolist()
    corners = {tuple(corner) for corner in band.get_paths()[0].vertices.round(6)}
    assert corners == {(1, 0.2), (2, 0.7), (3, 0.92), (1, 0.5), (3, 0.95)}
    assert axes.get_title(loc="right").startswith("line: median of 3 seeds")


def test_a_seed_that_ended_early_counts_where_it_came_to():
    runs = learning_curves.summarize_runs([HISTORY, HISTORY.head(1).assign(accuracy=0.1)])
    assert runs["low"].tolist() == [0.1, 0.7, 0.9]
    with pytest.raises(ValueError, match="no history"):
        learning_curves.summarize_runs([])


def test_the_tested_epoch_is_dashed_on_the_accuracy():
    figure = plot_selected_epoch(HISTORY, 2)
    above, below = figure.axes
    assert (above.get_ylabel(), below.get_ylabel()) == ("loss", "accuracy")
    (dashed,) = (line for line in below.lines if line.get_linestyle() == "--")
    assert list(dashed.get_xdata()) == [2, 2]
    (words,) = figure.texts  # without a title only the note
    assert words.get_text() == "dashed: epoch 2, whose weights are tested"
    assert plot_selected_epoch(HISTORY, 2, "of seed 0").texts[0].get_text() == "of seed 0"


def test_a_loss_far_above_the_others_is_cut_off_and_told():
    long = pd.concat([HISTORY] * 4, ignore_index=True)
    long["epoch"] = range(1, len(long) + 1)
    long.loc[5, "val_loss"] = 7.5
    figure = plot_selected_epoch(long, 2)
    assert figure.texts[0].get_text().endswith("single losses reach 7.5, beyond the edge")
    low, high = figure.axes[0].get_ylim()
    assert high < 7.5
    assert 0 < 0.2 - low < 0.1  # 0.2 is the lowest loss
    ends = [text for text in figure.axes[0].texts if text.get_text().startswith(("train", "val"))]
    assert len(ends) == 2
    assert all(low <= text.xy[1] <= high for text in ends)


def test_labels_that_would_touch_move_apart_and_the_others_stay():
    places = learning_curves.apart([0.5, 0.9, 0.52], 0.1)
    assert places == pytest.approx([0.46, 0.9, 0.56])
    assert learning_curves.apart([0.2, 0.1], 0.05) == [0.2, 0.1]
