"""Heatmaps agree with their definitions, worked out by hand, whatever Keras model it is."""

from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

from chollet_cnn.analysis import activations, filters, gradients, heatmaps, mistakes
from chollet_cnn.analysis.model_graph import (
    UnsupportedModelError,
    last_feature_layer,
    layer_outputs,
)
from chollet_cnn.analysis.scores import find_scores
from chollet_cnn.concepts.convolution import convolve_volume

RANDOM = np.random.default_rng(0)
IMAGE = RANDOM.integers(0, 256, (6, 6, 1)).astype(np.uint8)
KERNEL = RANDOM.normal(0, 0.5, (3, 3, 1, 3)).round(2)
WEIGHTS = {units: RANDOM.normal(0, 0.5, (48, units)).round(2) for units in (1, 4)}


def maps_by_hand():
    return np.maximum(convolve_volume(IMAGE / 255, KERNEL), 0)


def scores_by_hand(units=4):
    return maps_by_hand().ravel() @ WEIGHTS[units]


def slopes_by_hand(units, target):
    """The gradient of the score with respect to the feature maps, (4, 4, 3)."""
    sign = -1 if units == 1 and target == 0 else 1
    return sign * WEIGHTS[units][:, target if units > 1 else 0].reshape(4, 4, 3)


def grad_cam_by_hand(units, target):
    """Selvaraju et al. 2017, equations 1 and 2."""
    weights = slopes_by_hand(units, target).mean(axis=(0, 1))
    return np.maximum((maps_by_hand() * weights).sum(axis=-1), 0)


TARGETS = {
    units: max(range(max(units, 2)), key=lambda target: grad_cam_by_hand(units, target).max())
    for units in WEIGHTS
}
"""The class with the clearest heatmap."""


def saliency_by_hand(units, target):
    slopes = slopes_by_hand(units, target) * (maps_by_hand() > 0)
    found = np.zeros((6, 6))
    for (row, column, k), slope in np.ndenumerate(slopes):
        found[row : row + 3, column : column + 3] += slope * KERNEL[:, :, 0, k] / 255
    return np.abs(found)


def network(end, units=4, activation=None, dtype="float32", input_dtype="float32"):
    """One convolution and one dense layer, then whatever ``end`` makes of the dense layer."""
    x = keras.Input((6, 6, 1), dtype=input_dtype)
    maps = layers.Rescaling(1 / 255, dtype=dtype)(x)
    maps = layers.Conv2D(3, 3, activation="relu", name="maps", dtype=dtype)(maps)
    dense = layers.Dense(units, activation=activation, name="dense", dtype=dtype)
    model = keras.Model(x, end(dense(layers.Flatten(dtype=dtype)(maps))))
    model.get_layer("maps").set_weights([KERNEL, np.zeros(3)])
    dense.set_weights([WEIGHTS[units], np.zeros(units)])
    return model


def same(x):
    return x


def softmax_by_hand(x):
    powers = ops.exp(x - ops.max(x, axis=-1, keepdims=True))
    return powers / ops.sum(powers, axis=-1, keepdims=True)


class OwnSoftmax(layers.Layer):
    """A layer of the user's."""

    def call(self, x):
        """Return the softmax."""
        return ops.softmax(x)


SOFTMAXES = {
    "by name": (same, "softmax"),
    "tf.nn.softmax": (same, tf.nn.softmax),
    "keras.ops.softmax": (same, ops.softmax),
    "a lambda": (same, lambda x: keras.activations.softmax(x)),
    "log_softmax": (same, "log_softmax"),
    "Softmax layer": (layers.Softmax(), None),
    "Activation layer": (layers.Activation(tf.nn.softmax), None),
    "Lambda layer": (layers.Lambda(lambda x: tf.nn.softmax(x)), None),
    "a layer of the user's": (OwnSoftmax(), None),
    "a graph node": (ops.softmax, None),
    "a graph node of the logarithm": (ops.log_softmax, None),
    "written out in the graph": (softmax_by_hand, None),
    "over a transposed axis": (
        lambda x: ops.transpose(ops.softmax(ops.transpose(x), axis=0)),
        None,
    ),
    "the logarithm of a node": (lambda x: ops.log(ops.softmax(x)), None),
    "after dropout": (lambda x: layers.Softmax()(layers.Dropout(0.5)(x)), None),
    "a node and what leaves it as it is": (
        lambda x: layers.Activation("linear")(ops.reshape(ops.softmax(x), (-1, 4))),
        None,
    ),
    "a model inside": (lambda x: keras.Sequential([keras.Input((4,)), layers.Softmax()])(x), None),
    "scores": (same, None),
}
SIGMOIDS = {
    "by name": (same, "sigmoid"),
    "tf.nn.sigmoid": (same, tf.nn.sigmoid),
    "log_sigmoid": (same, "log_sigmoid"),
    "a lambda": (same, lambda x: 1 / (1 + ops.exp(-x))),
    "Activation layer": (layers.Activation("sigmoid"), None),
    "a graph node": (ops.sigmoid, None),
    "written out in the graph": (lambda x: 1 / (1 + ops.exp(-x)), None),
    "half a tanh": (lambda x: 0.5 * (1 + ops.tanh(x / 2)), None),
    "score": (same, None),
}
CASES = [(4, *case) for case in SOFTMAXES.values()] + [(1, *case) for case in SIGMOIDS.values()]
NAMES = [f"softmax: {name}" for name in SOFTMAXES] + [f"sigmoid: {name}" for name in SIGMOIDS]


@pytest.mark.parametrize(("units", "end", "activation"), CASES, ids=NAMES)
def test_the_scores_are_found_however_the_last_activation_is_spelled(units, end, activation):
    model = network(end, units, activation)
    found = gradients.compiled(model, find_scores(model))(IMAGE[None].astype(np.float32))[0]
    assert found == pytest.approx(scores_by_hand(units), abs=1e-4)
    expected = saliency_by_hand(units, TARGETS[units])
    assert heatmaps.saliency(model, IMAGE, TARGETS[units]) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("units", "activation", "target"),
    [(4, "softmax", target) for target in range(4)] + [(1, "sigmoid", 0), (1, "sigmoid", 1)],
)
def test_grad_cam_is_the_definition_for_every_class(units, activation, target):
    model = network(same, units, activation)
    expected = grad_cam_by_hand(units, target)
    assert heatmaps.compute_grad_cam(model, IMAGE, target) == pytest.approx(expected, abs=1e-5)
    given = scores_by_hand(units)
    predicted = int(given.argmax()) if units > 1 else int(given[0] > 0)
    assert heatmaps.predicted_class(model, IMAGE) == predicted
    assert (
        heatmaps.compute_grad_cam(model, IMAGE)
        == heatmaps.compute_grad_cam(model, IMAGE, predicted)
    ).all()


def test_none_of_these_heatmaps_is_empty():
    assert min(grad_cam_by_hand(units, target).max() for units, target in TARGETS.items()) > 0.01


class DenseSoftmax(layers.Layer):
    """A dense layer and a softmax in one."""

    def build(self, shape):
        """Make the kernel."""
        self.kernel = self.add_weight(shape=(shape[-1], 3))

    def call(self, x):
        """Return probabilities."""
        return ops.softmax(x @ self.kernel)


@pytest.mark.parametrize(
    ("end", "activation"),
    [
        (DenseSoftmax(), None),
        (same, lambda x: ops.softmax(x / 3)),
        (layers.Activation("hard_sigmoid"), None),
        (same, "tanh"),
        (lambda x: 100 * ops.softmax(x), None),
        (lambda x: 1 - ops.sigmoid(x), None),
        (
            lambda x: (
                ops.softmax(x) / 2 + layers.Dense(4, activation="softmax", name="more")(x) / 2
            ),
            None,
        ),
    ],
)
def test_scores_that_cannot_be_found_are_an_error_and_not_an_empty_heatmap(end, activation):
    with pytest.raises(UnsupportedModelError, match="cannot be found; let the network end with"):
        heatmaps.compute_grad_cam(network(end, 4, activation), IMAGE, 0)


@pytest.mark.parametrize("end", [layers.ReLU(), layers.Dense(4, name="more"), lambda x: x + x])
def test_outputs_that_are_not_probabilities_are_the_scores(end):
    model = network(end)
    expected = keras.ops.convert_to_numpy(model(IMAGE[None]))[0]
    found = gradients.compiled(model, find_scores(model))(IMAGE[None].astype(np.float32))[0]
    assert found == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(("dtype", "error"), [("float16", 0.02), ("bfloat16", 0.1), ("float64", 0)])
def test_every_precision_gives_the_heatmap_and_exciting_images(dtype, error):
    model = network(same, 4, "softmax", dtype, "float64" if dtype == "float64" else "float32")
    expected = grad_cam_by_hand(4, TARGETS[4])
    close = pytest.approx(expected, abs=1e-5 + error * expected.max())
    assert heatmaps.compute_grad_cam(model, IMAGE, TARGETS[4]) == close
    images = filters.maximize_activation(model, "maps", steps=10)
    start = filters.maximize_activation(model, "maps", steps=0)
    reached, before = (filters.mean_activation(model, "maps", i, range(3)) for i in (images, start))
    assert (reached > before + 0.01).all()


def test_a_network_that_takes_whole_numbers_has_the_same_gradients():
    model = network(same, 4, "softmax", input_dtype="uint8")
    assert heatmaps.saliency(model, IMAGE, 1) == pytest.approx(saliency_by_hand(4, 1), abs=1e-6)
    expected = heatmaps.smooth_grad(network(same, 4, "softmax"), IMAGE, 1, samples=3)
    assert heatmaps.smooth_grad(model, IMAGE, 1, samples=3) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("activation", ["softmax", "log_softmax", None])
def test_occlusion_of_scores_is_a_fall_of_probability_too(activation):
    found = heatmaps.compute_occlusion(network(same, 4, activation), IMAGE, 2)
    expected = heatmaps.compute_occlusion(network(same, 4, "softmax"), IMAGE, 2)
    assert found == pytest.approx(expected, abs=1e-5)
    assert 0.01 < np.abs(found).max() <= 1


@pytest.mark.parametrize(
    "method", ["compute_grad_cam", "saliency", "smooth_grad", "compute_occlusion"]
)
def test_a_batch_of_images_is_refused_where_one_image_is_asked_about(method):
    model = network(same, 4, "softmax")
    with pytest.raises(ValueError, match="batch of 2 images; pass one image at a time"):
        getattr(heatmaps, method)(model, np.stack([IMAGE, IMAGE]))
    with pytest.raises(ValueError, match="batch of 2 images"):
        activations.inactive_channels(model, np.stack([IMAGE, IMAGE]), IMAGE[None])
    assert getattr(heatmaps, method)(model, IMAGE[None], 1).ndim == 2


def test_a_network_too_certain_for_its_softmax_still_has_a_heatmap():
    model = network(same, 4, "softmax")
    model.get_layer("dense").set_weights([1e4 * WEIGHTS[4], np.zeros(4)])
    probabilities = keras.ops.convert_to_numpy(model(IMAGE[None]))
    assert probabilities.max() == 1  # its gradient is zero
    expected = 1e4 * grad_cam_by_hand(4, TARGETS[4])
    assert heatmaps.compute_grad_cam(model, IMAGE, TARGETS[4]) == pytest.approx(expected, rel=1e-4)


def test_the_weight_of_a_feature_map_is_what_differences_of_the_score_make_it():
    """A channel raised a little everywhere raises the score by its weight times its cells."""
    x = keras.Input((10, 10, 1))
    maps = layers.Conv2D(3, 3, activation="relu", name="first")(layers.Rescaling(1 / 255)(x))
    maps = layers.Conv2D(4, 3, activation="relu")(layers.MaxPooling2D(2)(maps))
    model = keras.Model(x, layers.Dense(3, activation="softmax")(layers.Flatten()(maps)))
    image = RANDOM.integers(0, 256, (1, 10, 10, 1)).astype(np.float32)
    scores = find_scores(model)
    score = gradients.compiled(model, lambda m, x: scores(x, replaced={"first": m})[:, 2])
    run = gradients.compiled(model, lambda x: layer_outputs(model, x, ["first"])["first"])
    maps = run(image)
    steps = [1e-3 * (np.arange(3) == channel) for channel in range(3)]
    rises = [(score(maps + step, image) - score(maps - step, image))[0] for step in steps]
    expected = np.maximum((maps[0] * np.array(rises) / 2e-3 / 64).sum(axis=-1), 0)
    found = heatmaps.compute_grad_cam(model, image, 2, "first")
    assert found == pytest.approx(expected, abs=0.01 * float(maps.max()))


def test_of_three_colours_saliency_takes_the_largest():
    model = keras.Sequential([keras.Input((2, 2, 3)), layers.Flatten(), layers.Dense(1)])
    weights = np.arange(12, dtype=np.float32).reshape(12, 1) - 6
    model.layers[-1].set_weights([weights, np.zeros(1)])
    found = heatmaps.saliency(model, np.zeros((2, 2, 3), np.uint8), 1)
    assert found.tolist() == [[6, 3], [2, 5]]


def test_smooth_grad_is_the_mean_of_gradients_at_noisy_copies():
    model = network(same, 1, "sigmoid")
    smooth = heatmaps.smooth_grad(model, IMAGE, 1, noise=0, samples=3)
    assert smooth == pytest.approx(heatmaps.saliency(model, IMAGE, 1), abs=1e-8)
    found = heatmaps.smooth_grad(model, IMAGE, 1, samples=5, noise=0.2, seed=3)
    spread = 0.2 * (float(IMAGE.max()) - float(IMAGE.min()))
    grain = np.random.default_rng(3).standard_normal((5, 6, 6, 1)) * spread
    scores, copies = find_scores(model), (IMAGE + grain).astype(np.float32)
    _, slopes = gradients.gradient(model, lambda x: scores.of_class(x, 1), copies)
    assert found == pytest.approx(np.abs(slopes.mean(axis=0))[..., 0], abs=1e-8)


def test_occlusion_finds_the_one_corner_that_the_answer_rests_on():
    """A unit that sees only the top left pixel: p = sigmoid(pixel / 100)."""
    model = keras.Sequential(
        [keras.Input((4, 4, 1)), layers.Flatten(), layers.Dense(1, activation="sigmoid")]
    )
    weights = np.zeros((16, 1), np.float32)
    weights[0] = 0.01
    model.layers[-1].set_weights([weights, np.zeros(1)])
    image = np.full((4, 4, 1), 200, np.uint8)
    fall = 1 / (1 + np.exp(-2)) - 0.5
    expected = np.zeros((4, 4))
    expected[:2, :2] = fall
    found = heatmaps.compute_occlusion(model, image, 1, window=2, stride=2, fill=0)
    assert found == pytest.approx(expected, abs=1e-6)
    other = heatmaps.compute_occlusion(model, image, 0, window=2, stride=2, fill=0)
    assert other == pytest.approx(-expected, abs=1e-6)


def test_an_image_of_one_colour_covered_in_that_colour_changes_nothing():
    model = network(same, 4, "softmax")
    assert not heatmaps.compute_occlusion(model, np.full((6, 6, 1), 77, np.uint8)).any()


def test_every_pixel_is_covered_even_if_strides_leave_cells_over():
    assert heatmaps._starts(10, 4, 4) == [0, 4, 6]
    assert heatmaps._starts(4, 4, 1) == [0]


@pytest.mark.parametrize(
    ("method", "how", "words"),
    [
        ("compute_grad_cam", {"target": 4}, "no class 4; the classes are 0 to 3"),
        (
            "compute_grad_cam",
            {"target": 1.0},
            "class must be a whole number of at least 0, not 1.0",
        ),
        ("compute_grad_cam", {"layer": "dense"}, "dense has no feature maps"),
        ("saliency", {"image": np.full((6, 6, 1), "a")}, "arrays of numbers, not of <U1"),
        ("smooth_grad", {"samples": 0}, "samples must be a whole number of at least 1, not 0"),
        ("compute_occlusion", {"window": 7}, "window=7 pixels does not fit an image of 6×6"),
        (
            "compute_occlusion",
            {"window": 2.5},
            "window must be a whole number of at least 1, not 2.5",
        ),
        (
            "compute_occlusion",
            {"stride": -1},
            "stride must be a whole number of at least 1, not -1",
        ),
    ],
)
def test_wrong_classes_covers_and_layers_are_refused_in_words(method, how, words):
    with pytest.raises(ValueError, match=words):
        getattr(heatmaps, method)(network(same, 4, "softmax"), **{"image": IMAGE} | how)
    with pytest.raises(ValueError, match="no class 2; the classes are 0 to 1"):
        find_scores(network(same, 1, "sigmoid")).check_class(2)


def test_of_a_layer_that_is_used_twice_the_heatmap_is_that_of_its_first_use():
    def build(first, second):
        x = keras.Input((6, 6, 1))
        maps = second(layers.ReLU()(first(x)))
        return keras.Model(x, layers.Dense(2, name="scores")(layers.Flatten()(maps)))

    def convolution():
        return layers.Conv2D(1, 3, padding="same")

    apart, shared = build(first := convolution(), convolution()), build(*[convolution()] * 2)
    kernel, dense = np.arange(9).reshape(3, 3, 1, 1) / 10 - 0.3, RANDOM.normal(size=(36, 2))
    apart.set_weights([kernel, np.zeros(1), kernel, np.zeros(1), dense, np.zeros(2)])
    shared.set_weights([kernel, np.zeros(1), dense, np.zeros(2)])
    expected = heatmaps.compute_grad_cam(apart, IMAGE, 1, first.name)
    assert expected.max() > 0
    found = heatmaps.compute_grad_cam(shared, IMAGE, 1, shared.layers[1].name)
    assert found == pytest.approx(expected, rel=1e-4)


def test_inputs_and_outputs_may_have_names():
    plain = network(same, 4, "softmax")
    x = keras.Input((6, 6, 1), name="image")
    named = keras.Model({"image": x}, {"probabilities": plain(x)})
    expected = heatmaps.compute_grad_cam(plain, IMAGE, 1)
    assert heatmaps.compute_grad_cam(named, IMAGE, 1) == pytest.approx(expected, abs=1e-6)
    expected = mistakes.predictions(plain, IMAGE[None])
    assert mistakes.predictions(named, IMAGE[None]) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("build", "last"),
    [
        (keras.applications.VGG16, "block5_conv3"),
        (partial(keras.applications.MobileNetV2, alpha=0.35), "out_relu"),
    ],
)
def test_public_architectures_have_the_heatmaps_of_a_gradient_tape_over_their_scores(build, last):
    model, scores = (
        build(weights=None, input_shape=(64, 64, 3), classes=2, classifier_activation=activation)
        for activation in ("softmax", None)
    )
    scores.set_weights(model.get_weights())
    image = tf.constant(RANDOM.uniform(-1, 1, (1, 64, 64, 3)).astype(np.float32))
    parts = keras.Model(scores.inputs[0], [scores.get_layer(last).output, scores.output])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(image)
        maps, outputs = parts(image, training=False)
        columns = [outputs[:, target] for target in range(2)]
    heats = []
    for column in columns:
        weights = tf.reduce_mean(tape.gradient(column, maps), (1, 2), keepdims=True)
        heats.append(tf.nn.relu(tf.reduce_sum(maps * weights, -1))[0].numpy())
    target = int(np.argmax([heat.max() for heat in heats]))
    found = heatmaps.compute_grad_cam(model, image.numpy(), target)
    assert last_feature_layer(model) == last
    assert found.max() > 0
    assert found == pytest.approx(heats[target], rel=1e-3, abs=1e-3 * float(heats[target].max()))
    slope = np.abs(tape.gradient(columns[target], image)[0]).max(axis=-1)
    found = heatmaps.saliency(model, image.numpy(), target)
    assert found == pytest.approx(slope, rel=1e-3, abs=1e-3 * float(slope.max()))


def test_maps_of_one_cell_are_looked_at_only_where_there_are_no_others():
    def head():
        return [layers.Conv2D(5, 1), layers.Conv2D(2, 1, name="logits"), layers.Flatten()]

    seen = layers.Conv2D(3, 3, name="seen")
    pooling = layers.GlobalAveragePooling2D(keepdims=True)
    model = keras.Sequential([keras.Input((6, 6, 1)), seen, pooling, *head(), layers.Softmax()])
    assert last_feature_layer(model) == "seen"
    assert heatmaps.compute_grad_cam(model, IMAGE).shape == (4, 4)
    assert last_feature_layer(keras.Sequential([keras.Input((1, 1, 3)), *head()])) == "logits"


def test_every_heatmap_is_drawn_beside_the_picture_with_its_paper():
    image = RANDOM.integers(0, 256, (8, 8, 1)).astype(np.uint8)
    heats = {"Grad-CAM": np.eye(8), "occlusion": np.zeros((8, 8)), "mine": np.eye(8)}
    figure = heatmaps.plot_heatmaps(image, heats, title="why")
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == [
        "the image",
        "Grad-CAM\nSelvaraju et al. 2017",
        "occlusion\nZeiler, Fergus 2014",
        "mine",
    ]
    assert (figure.axes[0].images[0].get_array() == image[..., 0]).all()
    marked = figure.axes[1].images[0].get_array()
    assert np.ptp(marked[0, 0]) > 100  # vermilion
    assert np.ptp(marked[0, 1]) == 0  # grey
    assert np.ptp(figure.axes[2].images[0].get_array(), axis=-1).max() == 0


def test_one_glaring_pixel_does_not_hide_the_rest_of_a_saliency_map():
    heat = np.zeros((20, 20))
    heat[5, 5], heat[10, :] = 100, 1
    fine, coarse = (
        heatmaps.plot_heatmaps(np.zeros((20, 20, 1)), {name: heat}, title="").axes[1].images[0]
        for name in ("saliency", "occlusion")
    )
    assert np.ptp(fine.get_array()[10, 3].astype(int)) > 150  # vermilion
    assert np.ptp(coarse.get_array()[10, 3].astype(int)) < 5  # all but grey: nothing is cut off
