"""Dots are at the recorded accuracies, and the line is at the published one."""

import pandas as pd
import pytest

from chollet_cnn.drawing import style
from chollet_cnn.evidence import figures

NOTHING = float("nan")


def runs_of(title, accuracies, published=NOTHING, low=NOTHING, high=NOTHING, data="digits"):
    return pd.DataFrame(
        {
            "data": data,
            "title": title,
            "quantity": "test_accuracy",
            "accuracy": accuracies,
            "published": published,
            "run_low": low,
            "run_high": high,
        }
    )


def words_of(figure):
    axes = [text for ax in figure.axes for text in ax.texts]
    return [text.get_text() for text in (*axes, *figure.texts)]


def lines_of(axes, color):
    return [line for line in axes.lines if line.get_color() == color]


def test_every_run_is_a_dot_and_the_published_value_a_vermilion_line():
    figure = figures.plot_seeds(runs_of("a", [0.70, 0.72, 0.71], 0.695))
    (dots,) = lines_of(figure.axes[0], style.DATA)
    assert list(dots.get_xdata()) == [0.70, 0.72, 0.71]
    (line,) = lines_of(figure.axes[0], "#d55e00")
    assert list(line.get_xdata()) == [0.695, 0.695]
    assert "the book 69.5%" in words_of(figure)
    unpublished = figures.plot_seeds(runs_of("a", [0.70, 0.72]))
    assert not lines_of(unpublished.axes[0], style.POINTED_AT)


def test_the_band_is_the_prediction_interval_and_is_explained_where_drawn():
    with_band = figures.plot_seeds(runs_of("a", [0.70, 0.72], 0.695, low=0.65, high=0.77))
    (band,) = with_band.axes[0].collections
    across = band.get_paths()[0].vertices[:, 0]
    assert (across.min(), across.max()) == (0.65, 0.77)
    assert any("95%" in words for words in words_of(with_band))
    without = figures.plot_seeds(runs_of("a", [0.70, 0.72], 0.695))
    assert not without.axes[0].collections
    assert not any("95%" in words for words in words_of(without))


def test_recipes_on_other_images_have_a_scale_of_their_own():
    both = pd.concat([runs_of("a", [0.99, 0.991]), runs_of("b", [0.7, 0.72], data="pets")])
    low, high = figures.plot_seeds(both).axes[0].get_xlim()
    assert 0.98 < low < 0.99 < 0.991 < high < 1


def test_each_row_has_its_title_the_number_of_runs_and_the_mean():
    title = "Cats vs dogs, second edition, augmented"
    words = words_of(figures.plot_seeds(runs_of(title, [0.70, 0.74])))
    assert "Cats vs dogs, second edition" in words
    assert "augmented, 2 runs, test accuracy" in words
    assert "mean 72.00%" in words


def test_without_a_run_drawing_is_refused():
    with pytest.raises(ValueError, match="no run"):
        figures.plot_seeds(runs_of("a", []))


@pytest.mark.parametrize("validates", [False, True])
def test_the_printed_curve_is_drawn_over_the_band_of_all_seeds(validates):
    printed = {"accuracy": [0.944, 0.9855], "loss": [0.1766, 0.0462]}
    if validates:  # which has a row of its own
        printed |= {"val_accuracy": [0.98, 0.99], "val_loss": [0.06, 0.05]}
    curves = [
        pd.DataFrame({"epoch": [1, 2], **dict.fromkeys(printed, value)})
        for value in (0.93, 0.95, 0.96)
    ]
    figure = figures.plot_printed_curves(curves, printed, "digits")
    assert "digits" in words_of(figure)
    assert "line: median of 3 seeds, band: lowest to highest" in words_of(figure)
    for axes, (name, values) in zip(figure.axes, printed.items(), strict=True):
        (book,) = lines_of(axes, style.POINTED_AT)
        assert list(book.get_ydata()) == values
        (ours,) = lines_of(axes, style.THIRD if name.startswith("val_") else style.DATA)
        assert list(ours.get_ydata()) == [0.95, 0.95]
        assert len(axes.collections) == 1


def test_current_legacy_and_printed_curves_are_drawn_each_in_its_colour():
    def run(loss, accuracy, seed=0, variant=""):
        columns = {"epoch": [1, 2], "loss": loss, "accuracy": accuracy}
        return pd.DataFrame(columns).assign(seed=seed, variant=variant)

    current = [run([0.69, 0.68], [0.5, 0.55]), run([0.69, 0.66], [0.5, 0.57], seed=1)]
    legacy = [run([0.69, 0.65], [0.5, 0.6], variant="rmsprop-2017")]
    printed = {"loss": [0.68, 0.64], "accuracy": [0.52, 0.63]}
    figure = figures.plot_legacy_and_current(pd.concat([*current, *legacy]), printed)
    losses, accuracies = figure.axes
    for axes, medians in (
        (losses, ([0.69, 0.67], [0.69, 0.65], [0.68, 0.64])),
        (accuracies, ([0.5, 0.56], [0.5, 0.6], [0.52, 0.63])),
    ):
        for color, values in zip((style.DATA, style.THIRD, style.POINTED_AT), medians, strict=True):
            (line,) = lines_of(axes, color)
            assert list(line.get_ydata()) == pytest.approx(values)
    assert "current RMSprop 56.0%" in words_of(figure)
    assert any(
        text.startswith("current RMSprop: 2 runs; legacy RMSprop: 1 run")
        for text in words_of(figure)
    )


def test_a_validation_curve_is_named_on_its_axis():
    columns = {"epoch": [1, 2, 1, 2], "val_accuracy": [0.5, 0.6, 0.5, 0.7], "seed": 0}
    curves = pd.DataFrame(columns).assign(variant=["", "", "keras-2017", "keras-2017"])
    figure = figures.plot_legacy_and_current(
        curves, {"val_accuracy": [0.5, 0.8]}, ["val_accuracy"], "Keras", "cats"
    )
    assert figure.texts[0].get_text() == "cats"
    assert figure.axes[0].get_ylabel() == "validation accuracy"
    assert "current Keras: 1 run; legacy Keras: 1 run" in words_of(figure)
