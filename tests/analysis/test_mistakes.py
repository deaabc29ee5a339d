"""What a network gets wrong, counted by hand and by the code."""

import keras
import numpy as np
import pandas as pd
import pytest

from chollet_cnn.analysis import mistakes
from chollet_cnn.book import networks
from chollet_cnn.errors import UserError
from chollet_cnn.training import seeding

CLASSES = ("cat", "dog", "owl")
LABELS = np.array([0, 0, 0, 1, 1, 2])
ANSWERS = np.array(
    [
        [0.7, 0.2, 0.1],
        [0.6, 0.3, 0.1],
        [0.1, 0.8, 0.1],  # a cat taken for a dog, surely
        [0.2, 0.7, 0.1],
        [0.5, 0.4, 0.1],  # a dog taken for a cat
        [0.1, 0.55, 0.35],  # an owl taken for a dog
    ]
)


def test_one_sigmoid_unit_gives_a_probability_for_each_class():
    model = keras.Sequential(
        [
            keras.Input((2, 2, 1)),
            keras.layers.Flatten(),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.layers[-1].set_weights([np.full((4, 1), 0.01), np.zeros(1)])
    images = np.array([0, 25, 255], np.uint8)[:, None, None, None].repeat(4, 1).reshape(3, 2, 2, 1)
    found = mistakes.predictions(model, images, batch_size=2)
    dog = 1 / (1 + np.exp([0, -1, -10.2]))
    assert found == pytest.approx(np.stack([1 - dog, dog], axis=1), abs=1e-6)


def test_predictions_are_what_keras_predicts():
    model = networks.mnist_three_block()
    seeding.set_starting_weights(model, 1)
    images = np.random.default_rng(0).integers(0, 256, (7, 28, 28, 1)).astype(np.uint8)
    found = mistakes.predictions(model, images, batch_size=3)
    assert found == pytest.approx(model.predict(images.astype("float32"), verbose=0), abs=1e-6)


def test_a_network_that_gives_no_probabilities_is_refused():
    model = keras.Sequential([keras.Input((2, 2, 1)), keras.layers.Flatten()])
    with pytest.raises(ValueError, match="not probabilities; let the network end with a softmax"):
        mistakes.predictions(model, np.full((1, 2, 2, 1), 9))


def test_a_network_whose_training_diverged_is_refused():
    model = keras.Sequential(
        [
            keras.Input((2, 2, 1)),
            keras.layers.Flatten(),
            keras.layers.Dense(3, activation="softmax"),
        ]
    )
    model.layers[-1].set_weights([np.full((4, 3), np.nan), np.zeros(3)])
    with pytest.raises(UserError, match="training diverged; train it again with a lower"):
        mistakes.predictions(model, np.ones((1, 2, 2, 1)))


def test_a_row_of_the_confusion_matrix_is_a_true_class_and_a_column_an_answer():
    table = mistakes.confusion_matrix(LABELS, ANSWERS, CLASSES)
    assert table.to_numpy().tolist() == [[2, 1, 0], [1, 1, 0], [0, 1, 0]]
    assert table.loc["owl", "dog"] == 1
    assert (table.index.name, table.columns.name) == ("true", "predicted")


def test_the_surest_mistake_comes_first():
    table = mistakes.most_confident_errors(LABELS, ANSWERS, CLASSES, count=2)
    assert table.to_dict("list") == {
        "image": [2, 5],
        "true": ["cat", "owl"],
        "predicted": ["dog", "dog"],
        "probability": [0.8, 0.55],
        "probability_true": [0.1, 0.35],
    }


def test_calibration_is_worked_out_bin_by_bin():
    """Of two answers near 0.9 one is right, of two near 0.6 both: ECE = (0.4 + 0.4) / 2."""
    confidence = np.array([0.9, 0.9, 0.6, 0.6])
    answers = np.stack([confidence, 1 - confidence], axis=1)
    table = mistakes.reliability(np.array([0, 1, 0, 0]), answers, bins=5)
    assert table["count"].tolist() == [0, 0, 2, 0, 2]  # 0.6 belongs to the bin that ends there
    assert table["accuracy"].tolist()[2::2] == [1, 0.5]
    assert table["confidence"].tolist()[2::2] == pytest.approx([0.6, 0.9])
    assert mistakes.expected_calibration_error(table) == pytest.approx(0.4)


def test_the_area_under_the_curve_is_the_share_of_pairs_ranked_right():
    labels = np.array([0, 0, 1, 1])
    dog = np.array([0.1, 0.4, 0.35, 0.8])  # of four pairs one, (0.4, 0.35), is the wrong way round
    answers = np.stack([1 - dog, dog], axis=1)
    assert mistakes.area_under_curve(labels, answers) == pytest.approx(0.75)
    curve = mistakes.roc_curve(labels, answers)
    assert curve["false_positive_rate"].tolist() == [0, 0, 0.5, 0.5, 1]
    assert curve["true_positive_rate"].tolist() == [0, 0.5, 0.5, 1, 1]


def test_more_than_two_classes_have_no_roc_curve():
    with pytest.raises(ValueError, match="needs two classes; there are 3"):
        mistakes.roc_curve(LABELS, ANSWERS)


def test_labels_and_answers_belong_together():
    with pytest.raises(ValueError, match="5 labels for 6 predictions"):
        mistakes.reliability(LABELS[1:], ANSWERS)
    with pytest.raises(ValueError, match="2 class names for 3 probabilities"):
        mistakes.confusion_matrix(LABELS, ANSWERS, CLASSES[:2])


def test_the_confusion_matrix_is_drawn_with_its_counts_and_names_the_commonest_mistake():
    table = pd.DataFrame([[90, 3], [7, 100]], index=["cat", "dog"], columns=["cat", "dog"])
    figure = mistakes.plot_confusion_matrix(table)
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.texts] == ["90", "3", "7", "100"]
    assert figure.texts[0].get_text().startswith("10 of 200 are wrong; most often dog")
    colours = axes.images[0].get_array()
    assert colours[1, 0].tolist() == pytest.approx([0xD5 / 255, 0x5E / 255, 0, 1])  # vermilion
    assert colours[0, 0].tolist() == colours[1, 1].tolist()  # what is right is grey
    assert [label.get_text() for label in axes.get_yticklabels()] == ["cat", "dog"]


def test_a_matrix_without_mistakes_says_so():
    table = pd.DataFrame(np.diag([3, 4]), index=["a", "b"], columns=["a", "b"])
    assert mistakes.plot_confusion_matrix(table).texts[0].get_text() == "Every prediction is right"


def test_each_mistake_is_drawn_with_the_answer_and_the_truth():
    table = mistakes.most_confident_errors(LABELS, ANSWERS, CLASSES)
    images = np.arange(6, dtype=np.uint8)[:, None, None, None] * np.ones((1, 4, 4, 1), np.uint8)
    axes = mistakes.plot_most_confident_errors(table, images).axes[0]
    assert [text.get_text() for text in axes.texts] == [
        "dog 80.0%\nis cat",
        "dog 55.0%\nis owl",
        "cat 50.0%\nis dog",
    ]
    assert set(axes.images[0].get_array().compressed()) == {2, 5, 4}


def test_without_a_mistake_there_is_nothing_to_draw():
    with pytest.raises(ValueError, match="every prediction is right"):
        mistakes.plot_most_confident_errors(
            mistakes.most_confident_errors([0], ANSWERS[:1], CLASSES), None
        )


def test_the_reliability_diagram_draws_thin_bins_hollow_and_names_the_error():
    confidence = np.array([0.95] * 20 + [0.65] * 3)
    answers = np.stack([confidence, 1 - confidence], axis=1)
    table = mistakes.reliability(np.array([0] * 10 + [1] * 10 + [0] * 3), answers)
    figure = mistakes.plot_reliability(table)
    above, below = figure.axes
    _, many, few = above.lines
    assert many.get_xydata().tolist() == [[pytest.approx(0.95), 0.5]]
    assert few.get_xydata().tolist() == [[pytest.approx(0.65), 1]]
    assert sum(bar.get_height() for bar in below.patches) == 23
    gap = (20 * 0.45 - 3 * 0.35) / 23
    title = f"On average, the network is overconfident by {100 * gap:.1f} points"
    assert figure.texts[0].get_text() == title


def test_a_network_too_sure_here_and_not_sure_enough_there_is_right_on_average():
    confidence = np.array([0.65] * 20 + [0.95] * 20)
    answers = np.stack([confidence, 1 - confidence], axis=1)
    table = mistakes.reliability(np.array(([0] * 16 + [1] * 4) * 2), answers)
    assert mistakes.expected_calibration_error(table) == pytest.approx(0.15)
    title = mistakes.plot_reliability(table).texts[0].get_text()
    assert title == "On average, the network is neither over- nor underconfident"


def test_the_roc_curve_marks_where_the_answer_turns():
    labels = np.array([0, 0, 1, 1])
    dog = np.array([0.1, 0.6, 0.35, 0.8])
    answers = np.stack([1 - dog, dog], axis=1)
    curve = mistakes.roc_curve(labels, answers)
    figure = mistakes.plot_roc(curve, mistakes.area_under_curve(labels, answers), ("cat", "dog"))
    (axes,) = figure.axes
    assert axes.lines[1].get_xdata().tolist() == curve["false_positive_rate"].tolist()
    assert axes.collections[0].get_offsets().tolist() == [[0.5, 0.5]]
    assert "75.0%" in figure.texts[0].get_text()
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("cats taken for a dog", "dogs found")


def test_the_mark_is_exact_where_the_classes_are_perfectly_apart():
    """The curve is two straight lines, and the threshold of one half lies on one of them."""
    dog = np.concatenate([np.full(100, 0.1), np.linspace(0.4525, 0.9475, 100)])
    labels = np.repeat([0, 1], 100)
    answers = np.stack([1 - dog, dog], axis=1)
    figure = mistakes.plot_roc(mistakes.roc_curve(labels, answers), 1.0, ("cat", "dog"))
    assert figure.axes[0].collections[0].get_offsets().tolist() == [[0, pytest.approx(0.9)]]


def test_every_score_is_a_threshold_and_finds_what_lies_above_it():
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 1000)
    dog = random.beta(2 + labels, 3 - labels)
    curve = mistakes.roc_curve(labels, np.stack([1 - dog, dog], axis=1))
    assert len(curve) == 1 + 1000
    half = curve[curve["threshold"] > 0.5].iloc[-1]
    assert half["false_positive_rate"] == pytest.approx((dog[labels == 0] > 0.5).mean())
    assert half["true_positive_rate"] == pytest.approx((dog[labels == 1] > 0.5).mean())
