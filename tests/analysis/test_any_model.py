"""Whatever Keras model it is: the right value, or an error that says what to do."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

from chollet_cnn.analysis import activations, filters, gradients, heatmaps, mistakes
from chollet_cnn.analysis.layer_table import layer_table
from chollet_cnn.analysis.model_graph import (
    UnsupportedModelError,
    as_batch,
    chain,
    full_name,
    layer_outputs,
    layers_of,
)
from chollet_cnn.analysis.network_diagram import plot_network
from chollet_cnn.analysis.scores import find_scores
from chollet_cnn.book import networks

RANDOM = np.random.default_rng(0)
IMAGE = RANDOM.integers(0, 256, (6, 6, 1)).astype(np.uint8)
KERNEL = RANDOM.normal(0, 0.5, (3, 3, 1, 3)).round(2)
WEIGHTS = {units: RANDOM.normal(0, 0.5, (48, units)).round(2) for units in (1, 4)}


def maps_by_hand():
    windows = np.lib.stride_tricks.sliding_window_view(IMAGE[..., 0] / 255, (3, 3))
    return np.maximum(np.einsum("ijhw,hwk->ijk", windows, KERNEL[:, :, 0]), 0)


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
    "score": (same, None),
}
CASES = [(4, *case) for case in SOFTMAXES.values()] + [(1, *case) for case in SIGMOIDS.values()]
NAMES = [f"softmax: {name}" for name in SOFTMAXES] + [f"sigmoid: {name}" for name in SIGMOIDS]


@pytest.mark.parametrize(("units", "end", "activation"), CASES, ids=NAMES)
def test_the_scores_are_found_however_the_last_activation_is_spelled(units, end, activation):
    model = network(end, units, activation)
    found = gradients.compiled(model, find_scores(model))(IMAGE[None].astype(np.float32))[0]
    assert found == pytest.approx(scores_by_hand(units), abs=1e-4)
    target = TARGETS[units]
    expected = grad_cam_by_hand(units, target)
    assert heatmaps.grad_cam(model, IMAGE, target) == pytest.approx(expected, abs=1e-4)
    expected = saliency_by_hand(units, target)
    assert heatmaps.saliency(model, IMAGE, target) == pytest.approx(expected, abs=1e-6)


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
        (
            lambda x: (
                ops.softmax(x) / 2 + layers.Dense(4, activation="softmax", name="more")(x) / 2
            ),
            None,
        ),
    ],
    ids=["inside a layer", "with a temperature", "hard sigmoid", "tanh", "the mean of two"],
)
def test_scores_that_cannot_be_found_are_an_error_and_not_an_empty_heatmap(end, activation):
    with pytest.raises(UnsupportedModelError, match="cannot be found; let the network end with"):
        heatmaps.grad_cam(network(end, 4, activation), IMAGE, 0)


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
    assert heatmaps.grad_cam(model, IMAGE, TARGETS[4]) == close
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
    found = heatmaps.occlusion(network(same, 4, activation), IMAGE, 2)
    expected = heatmaps.occlusion(network(same, 4, "softmax"), IMAGE, 2)
    assert found == pytest.approx(expected, abs=1e-5)
    assert 0.01 < np.abs(found).max() <= 1


@pytest.mark.parametrize("method", ["grad_cam", "saliency", "smooth_grad", "occlusion"])
def test_a_batch_of_images_is_refused_where_one_image_is_asked_about(method):
    model = network(same, 4, "softmax")
    with pytest.raises(ValueError, match="batch of 2 images; pass one image at a time"):
        getattr(heatmaps, method)(model, np.stack([IMAGE, IMAGE]))
    with pytest.raises(ValueError, match="batch of 2 images"):
        activations.inactive_channels(model, np.stack([IMAGE, IMAGE]), IMAGE[None])
    assert getattr(heatmaps, method)(model, IMAGE[None], 1).ndim == 2


class Subclassed(keras.Model):
    """A model that does not tell its layers."""

    def call(self, x):
        """Return its input."""
        return x


def channels_first():
    pooling = layers.MaxPooling2D(2, data_format="channels_first", name="pool")
    return keras.Sequential([keras.Input((1, 6, 6)), pooling, layers.Flatten(), layers.Dense(2)])


def two_inputs():
    x, y = keras.Input((6, 6, 1)), keras.Input((6, 6, 1))
    return keras.Model([x, y], layers.Dense(2)(layers.Flatten()(layers.Add()([x, y]))))


UNSUPPORTED = {
    "subclassed": (Subclassed, "subclassed model .* build a Sequential or a functional model"),
    "not built": (lambda: keras.Sequential([layers.Dense(2)]), "not built yet.* add a keras.Input"),
    "channels first": (channels_first, "pool has data_format='channels_first'"),
    "two inputs": (two_inputs, "2 inputs; one, the image, is needed"),
}


@pytest.mark.parametrize(("build", "words"), UNSUPPORTED.values(), ids=UNSUPPORTED)
@pytest.mark.parametrize(
    "function",
    [
        lambda model: heatmaps.grad_cam(model, IMAGE),
        lambda model: activations.activations(model, IMAGE),
        lambda model: filters.maximize_activation(model, "maps"),
        lambda model: filters.first_kernels(model),
        lambda model: mistakes.predictions(model, IMAGE[None]),
        layer_table,
        plot_network,
    ],
    ids=["grad_cam", "activations", "maximize", "first_kernels", "predictions", "table", "plot"],
)
def test_a_model_that_cannot_be_walked_is_refused_in_words(build, words, function):
    with pytest.raises(UnsupportedModelError, match=words):
        function(build())


@pytest.mark.parametrize("outputs", [lambda x: [x, x + 1], lambda x: ops.reshape(x, (-1, 2, 2))])
def test_one_output_of_scores_is_needed(outputs):
    with pytest.raises(UnsupportedModelError, match=r"one output \(n, units\) is needed"):
        find_scores(network(outputs))


def with_branch(join):
    x = keras.Input((8, 8, 1))
    maps = layers.Conv2D(1, 3, padding="same", name="side")(x)
    return keras.Model(x, layers.Dense(2)(layers.Flatten()(join(x, maps))))


@pytest.mark.parametrize("function", [layer_table, plot_network])
@pytest.mark.parametrize(
    ("join", "name"),
    [
        (lambda x, maps: x + maps, "add"),
        (lambda x, maps: ops.maximum(x, maps), "maximum"),
        (lambda x, maps: layers.Add()([x, maps]), "add"),
        (lambda x, maps: layers.Concatenate()([maps, ops.relu(x)]), "relu"),
    ],
    ids=["x + y", "keras.ops", "Add", "Concatenate"],
)
def test_the_table_and_the_diagram_see_a_branch(function, join, name):
    with pytest.raises(UnsupportedModelError, match=f"the network branches at {name}"):
        function(with_branch(join))


def test_the_table_lists_operations_that_leave_every_cell_in_place_and_refuses_others():
    x = keras.Input((8, 8, 1))
    maps = ops.relu(layers.Conv2D(2, 3, name="first")(x / 255) + 1)
    table = layer_table(keras.Model(x, layers.Conv2D(2, 3)(maps)))
    assert table["kind"].tolist() == ["TrueDivide", "Conv2D", "Add", "Relu", "Conv2D"]
    assert table["receptive_field"].tolist() == [1, 3, 3, 3, 5]
    assert table["output_shape"].tolist()[-2:] == [(6, 6, 2), (4, 4, 2)]
    with pytest.raises(UnsupportedModelError, match=r"of max_pool.*, a MaxPool, is not known"):
        layer_table(keras.Model(x, ops.max_pool(maps, 2)))


def test_a_layer_of_a_model_inside_a_model_has_a_path_and_its_own_name():
    inner = keras.Sequential(
        [keras.Input((6, 6, 1)), layers.Conv2D(2, 3, name="seen")], name="inner"
    )
    x = keras.Input((6, 6, 1))
    pooled = layers.GlobalAveragePooling2D(name="pooled")(inner(x))
    outer = keras.Model(x, layers.Dense(1, name="answer")(pooled))
    assert list(layers_of(outer)) == ["inner/seen", "pooled", "answer"]
    assert [name for name, *_ in chain(outer)] == list(layers_of(outer))
    assert full_name(outer, "seen") == "inner/seen"
    found = activations.activations(outer, IMAGE, ["seen"])["inner/seen"]
    expected = keras.ops.convert_to_numpy(inner(IMAGE[None].astype(np.float32)))
    assert found == pytest.approx(expected, abs=1e-4)
    with pytest.raises(ValueError, match="no layer 'conv9'; its layers are inner/seen, pooled, an"):
        full_name(outer, "conv9")


def test_scores_computed_on_from_a_layer_s_output_are_those_of_a_network_with_branches():
    """In MobileNetV2 the output of a layer reaches the end in two ways."""
    model = keras.applications.MobileNetV2((32, 32, 3), alpha=0.35, weights=None, classes=4)
    images = RANDOM.uniform(-1, 1, (1, 32, 32, 3)).astype(np.float32)
    name, scores = "block_2_project_BN", find_scores(model)
    maps = gradients.compiled(model, lambda x: layer_outputs(model, x, [name])[name])(images)
    run = gradients.compiled(model, lambda m, x: scores(x, replaced={name: m}))
    powers = np.exp(run(maps, images))
    expected = keras.ops.convert_to_numpy(model(images, training=False))
    assert powers / powers.sum() == pytest.approx(expected, abs=1e-6)
    assert np.abs(run(maps, images) - run(1e3 + maps, images)).max() > 0


def test_dropout_and_augmentation_do_nothing_in_an_analysis():
    model = networks.cats_vs_dogs_second_edition(augmentation=True, dropout=0.5)
    names = [name for name in layers_of(model) if "random" in name]
    image = RANDOM.integers(0, 256, (180, 180, 3))
    after = activations.activations(model, image, names)
    assert len(names) == 3
    for name in names:
        assert after[name][0] == pytest.approx(image / 255, abs=1e-6)


def test_an_image_of_a_wrong_shape_is_answered_with_both_shapes():
    with pytest.raises(ValueError, match=r"\(6, 6, 1\), these have \(28, 28, 1\)"):
        as_batch(network(same), np.zeros((28, 28, 1)))
