"""A learning curve shows the figures it was given."""

import pandas as pd
import pytest

from chollet_cnn.analysis.learning_curves import plot_learning_curve

HISTORY = pd.DataFrame(
    {
        "epoch": [1, 2, 3],
        "accuracy": [0.5, 0.7, 0.9],
        "val_accuracy": [0.5, 0.6, 0.55],
        "loss": [0.7, 0.5, 0.2],
        "val_loss": [0.7, 0.6, 0.8],
    }
)


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
    assert list(level.get_ydata()) == [0.71, 0.71]
    curve = plot_learning_curve(HISTORY, watched=None, book=(0.4, 0.6, 0.8)).axes[0].lines[-1]
    assert list(curve.get_ydata()) == [0.4, 0.6, 0.8]
    assert level.get_color() == curve.get_color() == "#d55e00"


def test_what_is_not_watched_is_not_drawn():
    assert len(plot_learning_curve(HISTORY, watched=None).axes[0].lines) == 1
