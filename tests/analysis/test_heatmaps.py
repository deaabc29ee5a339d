"""Heatmaps agree with their definitions, worked out by hand, whatever Keras model it is."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

from chollet_cnn.analysis import activations, filters, gradients, heatmaps, mistakes
from chollet_cnn.analysis.model_graph import UnsupportedModelError, last_feature_layer
from chollet_cnn.analysis.receptive_fields import cell_grid_of
from chollet_cnn.analysis.scores import find_scores
from chollet_cnn.concepts.convolution import convolve_volume
from chollet_cnn.errors import UserError

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
assert min(grad_cam_by_hand(*case).max() for case in TARGETS.items()) > 0.01


def saliency_by_hand(units, target):
    slopes = slopes_by_hand(units, target) * (maps_by_hand() > 0)
    found = np.zeros((6, 6))
    for (row, column, k), slope in np.ndenumerate(slopes):
        found[row : row + 3, column : column + 3] += slope * KERNEL[:, :, 0, k] / 255
    return np.abs(found)


def same(x):
    return x


def network(end=same, units=4, activation=None, dtype="float32", input_dtype="float32"):
    """One convolution and one dense layer, then whatever ``end`` makes of the dense layer."""
    x = keras.Input((6, 6, 1), dtype=input_dtype)
    maps = layers.Rescaling(1 / 255, dtype=dtype)(x)
    maps = layers.Conv2D(3, 3, activation="relu", name="maps", dtype=dtype)(maps)
    dense = layers.Dense(units, activation=activation, name="dense", dtype=dtype)
    model = keras.Model(x, end(dense(layers.Flatten(dtype=dtype)(maps))))
    model.get_layer("maps").set_weights([KERNEL, np.zeros(3)])
    dense.set_weights([WEIGHTS[units], np.zeros(units)])
    return model


def softmax_by_hand(x):
    powers = ops.exp(x - ops.max(x, axis=-1, keepdims=True))
    return powers / ops.sum(powers, axis=-1, keepdims=True)


def sigmoid_by_hand(x):
    return 1 / (1 + ops.exp(-x))


class OwnSoftmax(layers.Layer):
    """A layer of the user's."""

    def call(self, x):
        """Return the softmax."""
        return ops.softmax(x)


def transposed(x):
    return ops.transpose(ops.softmax(ops.transpose(x), axis=0))


def reshaped(x):
    return layers.Activation("linear")(ops.reshape(ops.softmax(x), (-1, 4)))


def in_a_model_inside(x):
    return keras.Sequential([keras.Input((4,)), layers.Softmax()])(x)


SOFTMAXES = {
    "by name": {"activation": "softmax"},
    "tf.nn.softmax": {"activation": tf.nn.softmax},
    "keras.ops.softmax": {"activation": ops.softmax},
    "a lambda": {"activation": lambda x: keras.activations.softmax(x)},
    "log_softmax": {"activation": "log_softmax"},
    "Softmax layer": {"end": layers.Softmax()},
    "Activation layer": {"end": layers.Activation(tf.nn.softmax)},
    "Lambda layer": {"end": layers.Lambda(lambda x: tf.nn.softmax(x))},
    "a layer of the user's": {"end": OwnSoftmax()},
    "a graph node": {"end": ops.softmax},
    "a graph node of the logarithm": {"end": ops.log_softmax},
    "written out in the graph": {"end": softmax_by_hand},
    "over a transposed axis": {"end": transposed},
    "the logarithm of a node": {"end": lambda x: ops.log(ops.softmax(x))},
    "after dropout": {"end": lambda x: layers.Softmax()(layers.Dropout(0.5)(x))},
    "a node and what leaves it as it is": {"end": reshaped},
    "a model inside": {"end": in_a_model_inside},
    "scores": {},
}
SIGMOIDS = {
    "by name": {"activation": "sigmoid"},
    "tf.nn.sigmoid": {"activation": tf.nn.sigmoid},
    "log_sigmoid": {"activation": "log_sigmoid"},
    "a lambda": {"activation": lambda x: sigmoid_by_hand(x)},
    "Activation layer": {"end": layers.Activation("sigmoid")},
    "a graph node": {"end": ops.sigmoid},
    "written out in the graph": {"end": sigmoid_by_hand},
    "half a tanh": {"end": lambda x: 0.5 * (1 + ops.tanh(x / 2))},
    "score": {},
}


@pytest.mark.parametrize(
    ("units", "how"),
    [pytest.param(4, how, id=f"softmax: {name}") for name, how in SOFTMAXES.items()]
    + [pytest.param(1, how, id=f"sigmoid: {name}") for name, how in SIGMOIDS.items()],
)
def test_the_scores_are_found_however_the_last_activation_is_spelled(units, how):
    model = network(units=units, **how)
    found = gradients.compiled(model, find_scores(model))(IMAGE[None].astype(np.float32))[0]
    assert found == pytest.approx(scores_by_hand(units), abs=1e-4)
    expected = saliency_by_hand(units, TARGETS[units])
    assert heatmaps.saliency(model, IMAGE, TARGETS[units]) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("units", "activation", "target"),
    [(4, "softmax", target) for target in range(4)] + [(1, "sigmoid", 0), (1, "sigmoid", 1)],
)
def test_grad_cam_is_the_definition_for_every_class(units, activation, target):
    model = network(units=units, activation=activation)
    expected = grad_cam_by_hand(units, target)
    assert heatmaps.compute_grad_cam(model, IMAGE, target) == pytest.approx(expected, abs=1e-5)
    given = scores_by_hand(units)
    predicted = int(given.argmax()) if units > 1 else int(given[0] > 0)
    expected = heatmaps.compute_grad_cam(model, IMAGE, predicted)
    assert (heatmaps.compute_grad_cam(model, IMAGE) == expected).all()


class DenseSoftmax(layers.Layer):
    """A dense layer and a softmax in one."""

    def build(self, shape):
        """Make the kernel."""
        self.kernel = self.add_weight(shape=(shape[-1], 3))

    def call(self, x):
        """Return probabilities."""
        return ops.softmax(x @ self.kernel)


def mean_of_two(x):
    return ops.softmax(x) / 2 + layers.Dense(4, activation="softmax", name="more")(x) / 2


@pytest.mark.parametrize(
    "how",
    [
        {"end": DenseSoftmax()},
        {"activation": lambda x: ops.softmax(x / 3)},
        {"end": layers.Activation("hard_sigmoid")},
        {"activation": "tanh"},
        {"end": lambda x: 100 * ops.softmax(x)},
        {"end": lambda x: 1 - ops.sigmoid(x)},
        {"end": mean_of_two},
    ],
)
def test_scores_that_cannot_be_found_are_an_error_and_not_an_empty_heatmap(how):
    with pytest.raises(UnsupportedModelError, match="cannot be found; let the network end with"):
        heatmaps.compute_grad_cam(network(**how), IMAGE, 0)


@pytest.mark.parametrize("end", [layers.ReLU(), layers.Dense(4, name="more"), lambda x: x + x])
def test_outputs_that_are_not_probabilities_are_the_scores(end):
    model = network(end)
    expected = keras.ops.convert_to_numpy(model(IMAGE[None]))[0]
    found = gradients.compiled(model, find_scores(model))(IMAGE[None].astype(np.float32))[0]
    assert found == pytest.approx(expected, abs=1e-4)


@pytest.fixture
def softmax_network():
    return network(activation="softmax")


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


def test_a_network_that_takes_whole_numbers_has_the_same_gradients(softmax_network):
    model = network(activation="softmax", input_dtype="uint8")
    assert heatmaps.saliency(model, IMAGE, 1) == pytest.approx(saliency_by_hand(4, 1), abs=1e-6)
    expected = heatmaps.smooth_grad(softmax_network, IMAGE, 1, samples=3)
    assert heatmaps.smooth_grad(model, IMAGE, 1, samples=3) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("encode", [lambda x: ops.one_hot(x, 256), layers.Embedding(256, 5)])
def test_pixels_that_are_looked_up_have_no_gradient_and_the_maps_after_them_have(encode):
    x = keras.Input((6, 6, 1), dtype="uint8")
    maps = layers.Conv2D(3, 3, activation="relu", name="maps")(encode(x[..., 0]))
    dense = layers.Dense(4, name="dense")
    model = keras.Model(x, dense(layers.Flatten()(maps)))
    dense.set_weights([WEIGHTS[4], np.zeros(4)])
    for ask in (
        lambda: heatmaps.saliency(model, IMAGE, 1),
        lambda: heatmaps.smooth_grad(model, IMAGE, 1),
        lambda: filters.maximize_activation(model, "maps"),
    ):
        with pytest.raises(ValueError, match="the gradient is zero everywhere"):
            ask()
    seen = activations.compute_activations(model, IMAGE, ["maps"])["maps"][0]
    weights = WEIGHTS[4][:, 1].reshape(4, 4, 3).mean(axis=(0, 1))
    expected = np.maximum((seen * weights).sum(axis=-1), 0)
    assert heatmaps.compute_grad_cam(model, IMAGE, 1) == pytest.approx(expected, abs=1e-6)
    assert np.abs(heatmaps.compute_occlusion(model, IMAGE, 1)).max() > 0


def test_a_network_whose_units_are_all_dead_has_heatmaps_of_zero(softmax_network):
    softmax_network.get_layer("maps").set_weights([KERNEL, np.full(3, -1e3)])
    assert not heatmaps.saliency(softmax_network, IMAGE, 1).any()
    assert not heatmaps.compute_grad_cam(softmax_network, IMAGE, 1).any()


@pytest.mark.parametrize("activation", ["softmax", "log_softmax", None])
def test_occlusion_of_scores_is_a_fall_of_probability_too(activation, softmax_network):
    found = heatmaps.compute_occlusion(network(activation=activation), IMAGE, 2)
    expected = heatmaps.compute_occlusion(softmax_network, IMAGE, 2)
    assert found == pytest.approx(expected, abs=1e-5)
    assert 0.01 < np.abs(found).max() <= 1


@pytest.mark.parametrize(
    "method", ["compute_grad_cam", "saliency", "smooth_grad", "compute_occlusion"]
)
def test_a_batch_of_images_is_refused_where_one_image_is_asked_about(method, softmax_network):
    with pytest.raises(ValueError, match="batch of 2 images; pass one image at a time"):
        getattr(heatmaps, method)(softmax_network, np.stack([IMAGE, IMAGE]))
    with pytest.raises(ValueError, match="batch of 2 images"):
        activations.inactive_channels(softmax_network, np.stack([IMAGE, IMAGE]), IMAGE[None])
    assert getattr(heatmaps, method)(softmax_network, IMAGE[None], 1).ndim == 2


def test_a_network_too_certain_for_its_softmax_still_has_a_heatmap(softmax_network):
    softmax_network.get_layer("dense").set_weights([1e4 * WEIGHTS[4], np.zeros(4)])
    probabilities = keras.ops.convert_to_numpy(softmax_network(IMAGE[None]))
    assert probabilities.max() == 1  # its gradient is zero
    expected = 1e4 * grad_cam_by_hand(4, TARGETS[4])
    found = heatmaps.compute_grad_cam(softmax_network, IMAGE, TARGETS[4])
    assert found == pytest.approx(expected, rel=1e-4)


def test_of_three_colours_saliency_takes_the_largest():
    model = keras.Sequential([keras.Input((2, 2, 3)), layers.Flatten(), layers.Dense(1)])
    weights = np.arange(12, dtype=np.float32).reshape(12, 1) - 6
    model.layers[-1].set_weights([weights, np.zeros(1)])
    found = heatmaps.saliency(model, np.zeros((2, 2, 3), np.uint8), 1)
    assert found.tolist() == [[6, 3], [2, 5]]


@pytest.mark.parametrize("samples", [5, 40], ids=["one batch", "two batches"])
def test_smooth_grad_is_the_mean_of_gradients_at_noisy_copies(samples):
    model = network(units=1, activation="sigmoid")
    smooth = heatmaps.smooth_grad(model, IMAGE, 1, noise=0, samples=3)
    assert smooth == pytest.approx(heatmaps.saliency(model, IMAGE, 1), abs=1e-8)
    found = heatmaps.smooth_grad(model, IMAGE, 1, samples=samples, noise=0.2, seed=3)
    spread = 0.2 * (float(IMAGE.max()) - float(IMAGE.min()))
    grain = np.random.default_rng(3).standard_normal((samples, 6, 6, 1)) * spread
    scores, copies = find_scores(model), (IMAGE + grain).astype(np.float32)
    _, slopes = gradients.differentiated(model, lambda x: scores.of_class(x, 1))(copies)
    assert found == pytest.approx(np.abs(slopes.mean(axis=0))[..., 0], abs=1e-8)


@pytest.mark.parametrize(
    ("method", "how", "words"),
    [
        ("compute_grad_cam", {"target": 4}, "no class 4; the classes are 0 to 3"),
        ("compute_grad_cam", {"target": 1.0}, "class must be a whole number .* not 1.0"),
        ("compute_grad_cam", {"layer": "dense"}, "dense has no feature maps"),
        ("saliency", {"image": np.full((6, 6, 1), "a")}, "must hold numbers, not <U1"),
        ("saliency", {"image": np.full((6, 6, 1), np.nan)}, "NaN or infinity in 36 of its 36"),
        ("smooth_grad", {"samples": 0}, "samples must be a whole number of at least 1, not 0"),
        ("compute_occlusion", {"window": 7}, "window=7 pixels does not fit an image of 6×6"),
        ("compute_occlusion", {"window": 2.5}, "window must be a whole number .* not 2.5"),
        ("compute_occlusion", {"stride": -1}, "stride must be a whole number .* not -1"),
        ("compute_occlusion", {"window": 2, "stride": 3}, "stride=3 pixels leaves some uncovered"),
    ],
)
def test_wrong_classes_covers_and_layers_are_refused_in_words(method, how, words, softmax_network):
    with pytest.raises(ValueError, match=words):
        getattr(heatmaps, method)(softmax_network, **{"image": IMAGE} | how)


@pytest.mark.parametrize("target", [None, 1])
def test_a_network_that_diverged_has_no_heatmap(target, softmax_network):
    softmax_network.set_weights([np.full_like(w, np.nan) for w in softmax_network.get_weights()])
    with pytest.raises(UserError, match="training diverged; train it again with a lower"):
        heatmaps.compute_occlusion(softmax_network, IMAGE, target)


def test_activations_may_be_operations():
    def net(relu):
        image = keras.Input((6, 6, 1))
        maps = relu(layers.Conv2D(4, 3, name="maps")(image))
        return keras.Model(image, layers.Dense(2)(layers.GlobalAveragePooling2D()(maps)))

    operation, layer = net(keras.ops.relu), net(layers.ReLU())
    operation.set_weights(layer.get_weights())
    found, expected = (heatmaps.compute_grad_cam(one, IMAGE, 1) for one in (operation, layer))
    assert found == pytest.approx(expected)
    assert len(activations.compute_activations(operation, IMAGE)) == 2


def test_a_label_of_any_whole_type_is_a_class():
    model = network(units=1, activation="sigmoid")
    of_class_0 = heatmaps.compute_occlusion(model, IMAGE, 0)
    assert (heatmaps.compute_occlusion(model, IMAGE, np.uint8(0)) == of_class_0).all()
    assert (of_class_0 != heatmaps.compute_occlusion(model, IMAGE, 1)).any()


def test_one_unit_stands_for_two_classes():
    with pytest.raises(ValueError, match="no class 2; the classes are 0 to 1"):
        heatmaps.compute_grad_cam(network(units=1, activation="sigmoid"), IMAGE, 2)


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


def test_inputs_and_outputs_may_have_names(softmax_network):
    plain = softmax_network
    x = keras.Input((6, 6, 1), name="image")
    named = keras.Model({"image": x}, {"probabilities": plain(x)})
    expected = heatmaps.compute_grad_cam(plain, IMAGE, 1)
    assert heatmaps.compute_grad_cam(named, IMAGE, 1) == pytest.approx(expected, abs=1e-6)
    expected = mistakes.predictions(plain, IMAGE[None])
    assert mistakes.predictions(named, IMAGE[None]) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("join", "name"),
    [
        (layers.Add(name="sum"), "sum"),
        (layers.Concatenate(name="both"), "both"),
        (lambda both: layers.BatchNormalization(name="norm")(both[0] + both[1]), "norm"),
        (lambda both: ops.add(*both), "add"),
    ],
    ids=["Add", "Concatenate", "BatchNormalization", "x + y"],
)
def test_grad_cam_looks_at_what_joins_the_feature_maps_and_not_at_a_shortcut(join, name):
    keras.utils.clear_session()
    x = keras.Input((6, 6, 1))
    maps = layers.Conv2D(3, 3, padding="same", activation="relu", kernel_initializer="ones")(x)
    shortcut = layers.Conv2D(3, 1, kernel_initializer="zeros", name="shortcut")(x)
    joined = layers.MaxPooling2D(2)(join([maps, shortcut]))
    dense = layers.Dense(1, "sigmoid", kernel_initializer="ones")
    model = keras.Model(x, dense(layers.GlobalAveragePooling2D()(joined)))
    assert last_feature_layer(model) == name
    assert heatmaps.compute_grad_cam(model, IMAGE, 1).max() > 0
    assert not heatmaps.compute_grad_cam(model, IMAGE, 1, "shortcut").any()


@pytest.mark.parametrize("shape", [(6, 6), (36,), (1, 6, 6, 1)])
def test_images_without_channels_are_served_and_inputs_that_are_not_images_refused(shape):
    plain, x = network(activation="softmax"), keras.Input(shape)
    model = keras.Model(x, plain(layers.Reshape((6, 6, 1))(x)))
    for image_of in (
        lambda model, image: heatmaps.saliency(model, image, 1),
        lambda model, image: heatmaps.smooth_grad(model, image, 1, samples=2),
        lambda model, image: heatmaps.compute_occlusion(model, image, 1),
        lambda model, _: filters.maximize_activation(model, "maps", [0], steps=2).squeeze(),
    ):
        if shape == (6, 6):
            found = image_of(model, IMAGE[..., 0])
            assert found == pytest.approx(image_of(plain, IMAGE), abs=1e-6)
            assert found.shape == (6, 6)
        else:
            with pytest.raises(UnsupportedModelError, match=r"images \(height, width\) or \(hei"):
                image_of(model, IMAGE.reshape(shape))
    heatmap = heatmaps.compute_grad_cam(model, IMAGE.reshape(shape), 1)
    assert heatmap.shape == (4, 4)
    if shape == (6, 6):
        image, overlay = heatmaps.plot_heatmaps(IMAGE[..., 0], heatmap).axes
        assert image.images[0].get_array().shape == (6, 6)
        assert overlay.images[0].get_array().shape == (6, 6, 3)
    if shape == (36,):
        heatmaps.plot_heatmaps(IMAGE, heatmap)  # over the image that the flat one was


def test_maps_of_one_cell_are_looked_at_only_where_there_are_no_others():
    def head():
        return [layers.Conv2D(5, 1), layers.Conv2D(2, 1, name="logits"), layers.Flatten()]

    seen = layers.Conv2D(3, 3, name="seen")
    pooling = layers.GlobalAveragePooling2D(keepdims=True)
    model = keras.Sequential([keras.Input((6, 6, 1)), seen, pooling, *head(), layers.Softmax()])
    assert last_feature_layer(model) == "seen"
    assert heatmaps.compute_grad_cam(model, IMAGE).shape == (4, 4)
    assert last_feature_layer(keras.Sequential([keras.Input((1, 1, 3)), *head()])) == "logits"


@pytest.mark.parametrize("image", [IMAGE, IMAGE[None]], ids=["an image", "a batch of one"])
def test_grad_cam_is_drawn_as_it_is_returned_where_its_cells_are(image):
    model = network(units=1, activation="sigmoid")
    heatmap = heatmaps.compute_grad_cam(model, image, TARGETS[1])
    assert heatmap.shape == (4, 4)  # of an image of 6 by 6: a convolution loses the border
    resized = cell_grid_of(model).resize_to_image(np.array(heatmap), (6, 6))
    for given in (heatmap, 7 * heatmap, {"heatmap": heatmap}):
        drawn, expected = (
            heatmaps.plot_heatmaps(image, heat).axes[1].images[0].get_array()
            for heat in (given, resized)
        )
        assert (drawn == expected).all()
    assert type(heatmap.max()) is np.float32
    with pytest.raises(ValueError, match=r"heatmap is \(3, 4\) and the image \(6, 6\); resize"):
        heatmaps.plot_heatmaps(image, heatmap[1:])
    for wrong in (np.stack([IMAGE, IMAGE]), np.zeros((5, 6, 6))):
        with pytest.raises(
            ValueError, match=rf"\(height, width, channels\), not \({len(wrong)}, 6"
        ):
            heatmaps.plot_heatmaps(wrong, heatmap)
    with pytest.raises(ValueError, match=r"of an image of 6×6 pixels, and this one has 9×8;"):
        heatmaps.plot_heatmaps(np.zeros((8, 9, 1)), heatmap)
    with pytest.raises(ValueError, match=r"heatmap 'mine' of shape .* has NaN or infinity"):
        heatmaps.plot_heatmaps(image, {"mine": np.full((6, 6), np.nan)})
