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


def of_two(second):
    """Return the probabilities of two classes."""
    return np.stack([1 - np.array(second), second], axis=1)


def dense(units, activation, weight):
    model = keras.Sequential(
        [keras.Input((2, 2, 1)), keras.layers.Flatten(), keras.layers.Dense(units, activation)]
    )
    model.layers[-1].set_weights([np.full((4, units), weight), np.zeros(units)])
    return model


def test_one_sigmoid_unit_gives_a_probability_for_each_class():
    images = np.array([0, 25, 255], np.uint8)[:, None, None, None].repeat(4, 1).reshape(3, 2, 2, 1)
    found = mistakes.predictions(dense(1, "sigmoid", 0.01), images, batch_size=2)
    assert found == pytest.approx(of_two(1 / (1 + np.exp([0, -1, -10.2]))), abs=1e-6)


def test_one_image_of_any_size_is_a_batch_of_one():
    x = keras.Input((None, None, 1))
    pooled = keras.layers.GlobalAveragePooling2D()(x / 255)
    model = keras.Model(x, keras.layers.Dense(3, "softmax")(pooled))
    image = np.arange(200, dtype=np.uint8).reshape(100, 2, 1)
    assert mistakes.predictions(model, image).shape == (1, 3)
    for images in (image[None], [image]):
        assert (mistakes.predictions(model, images) == mistakes.predictions(model, image)).all()


def test_predictions_are_what_keras_predicts():
    model = networks.mnist_three_block()
    seeding.set_starting_weights(model, 1)
    images = np.random.default_rng(0).integers(0, 256, (7, 28, 28, 1)).astype(np.uint8)
    found = mistakes.predictions(model, images, batch_size=3)
    assert found == pytest.approx(model.predict(images.astype("float32"), verbose=0), abs=1e-6)


@pytest.mark.parametrize(
    ("model", "error", "words"),
    [
        (dense(2, None, 9), ValueError, "not probabilities; let the network end with a softmax"),
        (dense(3, "softmax", np.nan), UserError, "training diverged; train it again with a lower"),
    ],
)
def test_a_network_that_gives_no_probabilities_is_refused(model, error, words):
    with pytest.raises(error, match=words):
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
    answers = of_two([0.1, 0.1, 0.4, 0.4])
    table = mistakes.reliability(np.array([0, 1, 0, 0]), answers, bins=5)
    assert table["low"].tolist() == pytest.approx([0, 0.2, 0.4, 0.6, 0.8])
    assert table["count"].tolist() == [0, 0, 2, 0, 2]
    half = mistakes.reliability(np.array([1]), of_two([0.5]), bins=2)
    assert half["count"].tolist() == [1, 0]  # it belongs to the bin that ends there
    assert table["accuracy"].tolist()[2::2] == [1, 0.5]
    assert table["confidence"].tolist()[2::2] == pytest.approx([0.6, 0.9])
    assert table["accuracy"].isna().tolist() == [True, True, False, True, False]
    assert mistakes.expected_calibration_error(table) == pytest.approx(0.4)


def test_labels_and_answers_belong_together():
    with pytest.raises(ValueError, match="5 labels for 6 predictions"):
        mistakes.reliability(LABELS[1:], ANSWERS)
    with pytest.raises(ValueError, match="18 labels for 6 predictions"):
        mistakes.reliability(np.eye(3)[LABELS], ANSWERS)
    with pytest.raises(ValueError, match="2 class names for 3 probabilities"):
        mistakes.confusion_matrix(LABELS, ANSWERS, CLASSES[:2])
    with pytest.raises(ValueError, match="needs two classes; there are 3"):
        mistakes.roc_curve(LABELS, ANSWERS)


@pytest.mark.parametrize(
    ("probabilities", "words"),
    [
        ([[0.2], [0.7]], r"shape \(n, classes\), not \(2, 1\); predictions\(\) gives them so"),
        ([0.2, 0.7], r"shape \(n, classes\), not \(2,\)"),
        ([[0.2, np.nan], [0.3, 0.7]], "table of probabilities .* NaN"),
    ],
)
def test_probabilities_of_another_shape_are_refused(probabilities, words):
    with pytest.raises(ValueError, match=words):
        mistakes.confusion_matrix([0, 1], probabilities, ("cat", "dog"))


def test_a_roc_curve_needs_images_of_both_classes():
    with pytest.raises(ValueError, match="images of both classes; all are of class 1"):
        mistakes.area_under_curve([1, 1], of_two([0.2, 0.7]))


def test_long_names_of_classes_stand_apart():
    names = ["airplane", "automobile", "bird"]
    table = mistakes.confusion_matrix(LABELS, ANSWERS.tolist(), names)
    figure = mistakes.plot_confusion_matrix(table)
    figure.canvas.draw()
    first, second, _ = (label.get_rotation() for label in figure.axes[0].get_xticklabels())
    assert first == second == 40


def test_labels_may_be_a_column_or_whole_floats():
    expected = mistakes.most_confident_errors(LABELS, ANSWERS, CLASSES)
    for labels in (LABELS[:, None], LABELS.astype("float32"), LABELS.tolist()):
        assert mistakes.most_confident_errors(labels, ANSWERS, CLASSES).equals(expected)
    binary = LABELS[:4, None] == 1
    assert mistakes.area_under_curve(binary, ANSWERS[:4, :2]) == pytest.approx(2 / 3)


@pytest.mark.parametrize("label", [-1, 3, 0.5, float("nan"), "cat"])
def test_a_label_that_is_not_the_number_of_a_class_is_refused(label):
    with pytest.raises(ValueError, match=f"labels are whole numbers from 0 to 2, not {label}"):
        mistakes.confusion_matrix(np.array([label, *LABELS[1:]]), ANSWERS, CLASSES)


def test_the_confusion_matrix_is_drawn_with_its_counts_and_names_the_commonest_mistake():
    table = pd.DataFrame([[90, 3], [7, 100]], index=["cat", "dog"], columns=["cat", "dog"])
    figure = mistakes.plot_confusion_matrix(table)
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.texts] == ["90", "3", "7", "100"]
    assert figure.texts[0].get_text().startswith("10 of 200 are wrong; most often dog is taken for")
    colours = axes.images[0].get_array()
    assert colours[1, 0].tolist() == pytest.approx([0xD5 / 255, 0x5E / 255, 0, 1])  # vermilion
    assert colours[0, 0].tolist() == colours[1, 1].tolist()  # what is right is grey
    assert [label.get_text() for label in axes.get_yticklabels()] == ["cat", "dog"]
    one = mistakes.plot_confusion_matrix(table - np.array([[0, 3], [6, 0]])).texts[0].get_text()
    assert one.startswith("1 of 191 is wrong; most often dog is taken for")
    right = pd.DataFrame(np.diag([3, 4]), index=["a", "b"], columns=["a", "b"])
    assert mistakes.plot_confusion_matrix(right).texts[0].get_text() == "Every prediction is right"


def test_each_mistake_is_drawn_with_the_answer_and_the_truth():
    table = mistakes.most_confident_errors(LABELS, ANSWERS, CLASSES)
    images = np.arange(6, dtype=np.uint8)[:, None, None, None] * np.ones((1, 4, 4, 1), np.uint8)
    axes = mistakes.plot_most_confident_errors(table, images).axes[0]
    labels = [text.get_text() for text in axes.texts]
    assert labels == ["dog 80.0%\nis cat", "dog 55.0%\nis owl", "cat 50.0%\nis dog"]
    assert set(axes.images[0].get_array().compressed()) == {2, 5, 4}
    with pytest.raises(ValueError, match="every prediction is right"):
        mistakes.plot_most_confident_errors(table.head(0), images)


@pytest.mark.parametrize(
    ("second", "labels", "error", "words"),
    [
        ([0.05] * 20 + [0.35] * 3, [0] * 10 + [1] * 10 + [0] * 3, 10.05 / 23, "overconfident by"),
        ([0.35] * 20 + [0.05] * 20, ([0] * 16 + [1] * 4) * 2, 0.15, "neither over- nor under"),
    ],
    ids=["few predictions in a bin", "too sure here, not sure enough there"],
)
def test_the_reliability_diagram_draws_thin_bins_hollow_and_names_the_error(
    second, labels, error, words
):
    table = mistakes.reliability(np.array(labels), of_two(second))
    assert mistakes.expected_calibration_error(table) == pytest.approx(error)
    figure = mistakes.plot_reliability(table)
    assert words in figure.texts[0].get_text()
    above, below = figure.axes
    assert sum(bar.get_height() for bar in below.patches) == len(labels)
    if len(labels) == 23:
        _, many, few = above.lines
        assert many.get_xydata().tolist() == [[pytest.approx(0.95), 0.5]]
        assert few.get_xydata().tolist() == [[pytest.approx(0.65), 1]]
        assert (
            figure.texts[0].get_text().endswith(f"{100 * (20 * 0.45 - 3 * 0.35) / 23:.1f} points")
        )


def test_the_roc_curve_marks_where_the_answer_turns():
    """Of four pairs one, (0.6, 0.35), is the wrong way round."""
    labels, answers = np.array([0, 0, 1, 1]), of_two([0.1, 0.6, 0.35, 0.8])
    curve, area = mistakes.roc_curve(labels, answers), mistakes.area_under_curve(labels, answers)
    assert area == pytest.approx(0.75)
    assert curve["false_positive_rate"].tolist() == [0, 0, 0.5, 0.5, 1]
    assert curve["true_positive_rate"].tolist() == [0, 0.5, 0.5, 1, 1]
    figure = mistakes.plot_roc(curve, area, ("cat", "dog"))
    (axes,) = figure.axes
    assert axes.lines[1].get_xdata().tolist() == curve["false_positive_rate"].tolist()
    assert axes.collections[0].get_offsets().tolist() == [[0.5, 0.5]]
    assert "75.0%" in figure.texts[0].get_text()
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("cats taken for a dog", "dogs found")


def test_the_mark_is_exact_where_the_classes_are_perfectly_apart():
    """The curve is two straight lines, and the threshold of one half lies on one of them."""
    answers = of_two(np.concatenate([np.full(100, 0.1), np.linspace(0.4525, 0.9475, 100)]))
    curve = mistakes.roc_curve(np.repeat([0, 1], 100), answers)
    figure = mistakes.plot_roc(curve, 1.0, ("cat", "dog"))
    assert figure.axes[0].collections[0].get_offsets().tolist() == [[0, pytest.approx(0.9)]]


def test_every_score_is_a_threshold_and_finds_what_lies_above_it():
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 1000)
    dog = random.beta(2 + labels, 3 - labels)
    curve = mistakes.roc_curve(labels, of_two(dog))
    assert len(curve) == 1 + 1000
    half = curve[curve["threshold"] > 0.5].iloc[-1]
    assert half["false_positive_rate"] == pytest.approx((dog[labels == 0] > 0.5).mean())
    assert half["true_positive_rate"] == pytest.approx((dog[labels == 1] > 0.5).mean())
