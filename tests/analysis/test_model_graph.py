"""The graph of any Keras model: names, branches, places in the image, and what is refused."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from chollet_cnn.analysis import activations, filters, gradients, heatmaps, mistakes
from chollet_cnn.analysis.layer_table import list_layers
from chollet_cnn.analysis.model_graph import (
    UnsupportedModelError,
    as_batch,
    chain,
    feature_layers,
    full_name,
    last_feature_layer,
    layer_outputs,
    layers_of,
)
from chollet_cnn.analysis.network_diagram import plot_network, volumes
from chollet_cnn.analysis.receptive_fields import CellGrid, cell_grid_of
from chollet_cnn.analysis.scores import find_scores
from chollet_cnn.book import networks

RANDOM = np.random.default_rng(0)
IMAGE = RANDOM.integers(0, 256, (6, 6, 1)).astype(np.uint8)


class Subclassed(keras.Model):
    """A model that does not tell its layers."""

    def call(self, x):
        """Return its input."""
        return x


class Scaled(keras.Sequential):
    """A model that does more than its layers tell."""

    def call(self, x, **options):
        """Return the output of the layers, doubled."""
        return 2 * super().call(x, **options)


def scaled():
    return Scaled([keras.Input((6, 6, 1)), layers.Flatten(), layers.Dense(2)])


def not_built():
    return keras.Sequential([layers.Dense(2)])


def channels_first():
    x = keras.Input((1, 6, 6))
    maps = layers.MaxPooling2D(2, data_format="channels_first", name="pool")(x)
    return keras.Model(x, layers.Dense(2)(layers.Flatten()(maps)))


def node_of_channels_first():
    x = keras.Input((1, 6, 6))
    return keras.Model(x, layers.Flatten()(ops.max_pool(x, 2, data_format="channels_first")))


def two_inputs():
    x, y = keras.Input((6, 6, 1)), keras.Input((6, 6, 1))
    return keras.Model([x, y], layers.Dense(2)(layers.Flatten()(layers.Add()([x, y]))))


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (Subclassed, "subclassed model .* listed; build a Sequential or a functional"),
        (scaled, r"a subclassed model \(Scaled\), cannot be listed"),
        (not_built, "not built yet.* add a keras.Input"),
        (channels_first, "pool has data_format='channels_f"),
        (node_of_channels_first, "max_pool.* has data_format='ch"),
        (two_inputs, "2 inputs; one is needed"),
    ],
)
@pytest.mark.parametrize(
    "function",
    [
        lambda model: heatmaps.compute_grad_cam(model, IMAGE),
        lambda model: activations.compute_activations(model, IMAGE),
        lambda model: filters.maximize_activation(model, "maps"),
        lambda model: mistakes.predictions(model, IMAGE[None]),
        filters.first_kernels,
        list_layers,
        plot_network,
    ],
    ids=["grad_cam", "activations", "maximize", "predictions", "first_kernels", "table", "plot"],
)
def test_a_model_that_cannot_be_walked_is_refused_in_words(build, words, function):
    with pytest.raises(UnsupportedModelError, match=words):
        function(build())


@pytest.mark.parametrize("outputs", [lambda x: [x, x + 1], lambda x: ops.reshape(x, (-1, 2, 2))])
def test_one_output_of_scores_is_needed(outputs):
    x = keras.Input((4,))
    with pytest.raises(UnsupportedModelError, match=r"one output \(n, units\) is needed"):
        find_scores(keras.Model(x, outputs(layers.Dense(4)(x))))


def with_branch(join):
    x = keras.Input((8, 8, 1))
    maps = layers.Conv2D(1, 3, padding="same", name="side")(x)
    return keras.Model(x, layers.Dense(2)(layers.Flatten()(join(x, maps))))


@pytest.mark.parametrize("function", [list_layers, plot_network])
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
    table = list_layers(keras.Model(x, layers.Conv2D(2, 3)(maps)))
    assert table["kind"].tolist() == ["TrueDivide", "Conv2D", "Add", "Relu", "Conv2D"]
    assert table["receptive_field"].tolist() == [1, 3, 3, 3, 5]
    assert table["output_shape"].tolist()[-2:] == [(6, 6, 2), (4, 4, 2)]
    for other, kind in (
        (lambda: ops.max_pool(maps, 2), "MaxPool"),
        (lambda: layers.Softmax(axis=1)(maps), "Softmax"),  # sees the whole column
        (lambda: layers.AveragePooling2D(6)(maps) + np.ones((1, 6, 6, 1)), "Add"),
    ):
        with pytest.raises(UnsupportedModelError, match=f"a {kind} from .* is not known"):
            list_layers(keras.Model(x, other()))


def test_a_layer_of_a_model_inside_a_model_has_a_path_and_its_own_name():
    seen = layers.Conv2D(2, 3, name="seen")
    inner = keras.Sequential([keras.Input((6, 6, 1)), seen], name="inner")
    x = keras.Input((6, 6, 1))
    pooled = layers.GlobalAveragePooling2D(name="pooled")(inner(x))
    outer = keras.Model(x, layers.Dense(1, name="answer")(pooled))
    assert list(layers_of(outer)) == ["inner/seen", "pooled", "answer"]
    assert [name for name, *_ in chain(outer)] == list(layers_of(outer))
    assert full_name(outer, "seen") == "inner/seen"
    found = activations.compute_activations(outer, IMAGE, ["seen"])["inner/seen"]
    expected = keras.ops.convert_to_numpy(inner(IMAGE[None].astype(np.float32)))
    assert found == pytest.approx(expected, abs=1e-4)
    with pytest.raises(ValueError, match="no layer 'conv9'; its layers are inner/seen, pooled, an"):
        full_name(outer, "conv9")


@pytest.mark.parametrize("at_the_end", [False, True], ids=["convolution", "scores"])
def test_an_operation_with_several_outputs_is_followed_to_each_of_them(at_the_end):
    positive = keras.initializers.RandomUniform(0, 0.2, seed=0)
    x, maps = keras.Input((6, 6, 1)), layers.Conv2D(6, 3, name="maps", kernel_initializer=positive)
    dense = layers.Dense(6, kernel_initializer=positive)

    def gated(halves):
        if at_the_end:
            first, second = halves(dense(layers.Flatten()(maps(x))))
            return keras.Model(x, first * ops.sigmoid(second))
        first, second = halves(maps(x))
        return keras.Model(x, dense(layers.Flatten()(first * ops.sigmoid(second))))

    model = gated(lambda y: ops.split(y, 2, axis=-1))
    sliced = gated(lambda y: (y[..., :3], y[..., 3:]))
    for method in ("compute_grad_cam", "saliency", "compute_occlusion"):
        found, expected = (
            getattr(heatmaps, method)(one, IMAGE / 255, 1) for one in (model, sliced)
        )
        assert found == pytest.approx(expected, abs=1e-6)
        assert np.abs(found).max() > 0
    assert list(activations.compute_activations(model, IMAGE)) == ["maps"]
    with pytest.raises(ValueError, match="no layer 'split'"):
        activations.compute_activations(model, IMAGE, ["split"])
    with pytest.raises(UnsupportedModelError, match="the network branches at split"):
        list_layers(model)


@pytest.mark.parametrize("activated", [True, False])
def test_of_a_layer_that_is_used_twice_the_first_outputs_are_kept_and_the_second_flow_on(activated):
    """Every convolution takes 10 from each pixel, which the shared ReLU cuts off at 0."""
    relu = layers.ReLU(name="relu")
    convolutions = [layers.Conv2D(1, 1, name=f"conv_{place}") for place in range(3)]
    x = keras.Input((1, 1, 1))
    maps = convolutions[2](relu(convolutions[1](relu(convolutions[0](x)))))
    model = keras.Model(x, layers.Dense(2)(layers.Flatten()(maps)))
    for convolution in convolutions:
        convolution.set_weights([np.ones((1, 1, 1, 1)), np.array([-10.0])])
    names = ["relu", "conv_2"]
    found = layer_outputs(model, np.full((1, 1, 1, 1), 15.0), names, activated=activated)
    # 15 - 10 = 5 is kept; 5 - 10 becomes 0, and 0 - 10 comes last.
    assert [float(keras.ops.squeeze(found[name])) for name in names] == [5, -10]


@pytest.mark.parametrize("function", [keras.activations.relu, ops.relu, layers.ReLU()])
def test_a_relu_of_any_kind_is_a_layer_with_feature_maps_that_can_be_left_out(function):
    x = keras.Input((6, 6, 1))
    weights = keras.initializers.GlorotUniform(seed=0)  # some of the sums are negative
    maps = function(layers.Conv2D(2, 3, name="conv", kernel_initializer=weights)(x))
    model = keras.Model(x, layers.Dense(2)(layers.GlobalAveragePooling2D()(maps)))
    name = last_feature_layer(model)
    assert name != "conv"
    assert name in feature_layers(model)
    before, bent = (
        layer_outputs(model, as_batch(model, IMAGE), [name], activated=activated)[name]
        for activated in (False, True)
    )
    conv = layer_outputs(model, as_batch(model, IMAGE), ["conv"])["conv"]
    assert (np.asarray(before) == np.asarray(conv)).all()
    assert (np.asarray(bent) == np.maximum(conv, 0)).all()
    assert float(ops.min(before)) < 0


class Squared(layers.Layer):
    """A layer that says nothing of its shapes."""

    def call(self, x):
        """Return every number's square."""
        return x * x


def test_a_layer_of_one_s_own_is_drawn():
    stack = [layers.Conv2D(3, 3), Squared(name="square"), layers.Flatten(), layers.Dense(2)]
    model = keras.Sequential([keras.Input((6, 6, 1)), *stack])
    assert [shape for *_, shape in chain(model)][:2] == [(None, 4, 4, 3)] * 2
    assert "Squared" in volumes(model)[1].unchanged


@pytest.mark.parametrize(
    ("shape", "first"),
    [((28, 28), layers.Reshape((28, 28, 1))), ((None, None, 3), layers.Resizing(28, 28))],
)
def test_an_input_that_cannot_be_drawn_is_named(shape, first):
    stack = [first, layers.Conv2D(2, 3), layers.Flatten(), layers.Dense(2)]
    with pytest.raises(UnsupportedModelError, match=r"the input has the shape .*can be drawn"):
        plot_network(keras.Sequential([keras.Input(shape), *stack]))


def test_dropout_and_augmentation_do_nothing_in_an_analysis():
    model = networks.cats_vs_dogs_second_edition(augmentation=True, dropout=0.5)
    names = [name for name in layers_of(model) if "random" in name]
    image = RANDOM.integers(0, 256, (180, 180, 3))
    after = activations.compute_activations(model, image, names)
    assert len(names) == 3
    for name in names:
        assert after[name][0] == pytest.approx(image / 255, abs=1e-6)


@pytest.mark.parametrize(
    "function", [mistakes.predictions, activations.channel_maxima], ids=["predictions", "maxima"]
)
def test_no_image_at_all_is_refused_in_words(function):
    with pytest.raises(ValueError, match="there are no images; at least one is needed"):
        function(networks.mnist_three_block(), np.zeros((0, 28, 28, 1)))


def test_rows_of_different_lengths_are_no_image():
    with pytest.raises(ValueError, match="rows of the array of images differ in length"):
        as_batch(networks.mnist_three_block(), [[1, 2], [3]])


def test_an_image_of_a_wrong_shape_is_answered_with_both_shapes():
    with pytest.raises(ValueError, match=r"\(28, 28, 1\), these have \(6, 6, 1\)"):
        as_batch(networks.mnist_three_block(), np.zeros((6, 6, 1)))


def middle_of_receptive_field(model, layer, size):
    """Where the pixels are that change cell (3, 3) of a feature map of all-ones kernels."""
    for variable in model.trainable_variables:
        variable.assign(np.ones(variable.shape, np.float32))
    image = np.ones((1, size, size, 1), np.float32)
    _, slope = gradients.differentiated(
        model, lambda x: layer_outputs(model, x, [layer])[layer][:, 3, 3, 0]
    )(image)
    rows = np.flatnonzero(slope[0, :, :, 0].any(axis=1))
    return (rows[0] + rows[-1]) / 2


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_cells_lie_in_the_picture_where_their_receptive_fields_do(padding):
    model = keras.Sequential(
        [
            keras.Input((48, 48, 1)),
            layers.ZeroPadding2D(1),
            layers.Conv2D(2, 5, strides=2, padding=padding, name="a"),
            layers.AveragePooling2D(2, name="b"),
            layers.Conv2D(2, 3, padding=padding, dilation_rate=2, name="c"),
        ]
    )
    for name in "abc":
        place = cell_grid_of(model, name)
        assert place.row + 3 * place.row_step == middle_of_receptive_field(model, name, 48)


@pytest.mark.parametrize(
    "layer",
    [
        layers.Resizing(24, 24), layers.Resizing(6, 18), layers.UpSampling2D(2),
        layers.Conv2DTranspose(1, 2, strides=2, kernel_initializer="ones"),
        layers.Cropping2D(((3, 0), (1, 4))), layers.CenterCrop(8, 7), layers.CenterCrop(24, 24),
    ],
    ids=lambda layer: layer.name,
)  # fmt: skip
def test_a_spot_is_drawn_where_it_is_behind_layers_that_resize_or_crop(layer):
    image = np.zeros((12, 12, 1))
    image[4:6, 4:6] = 1
    last = layers.Conv2D(1, 1, kernel_initializer="ones", name="last")
    model = keras.Sequential([keras.Input((12, 12, 1)), layer, last])
    maps = activations.compute_activations(model, image, ["last"])["last"][0, ..., 0]
    drawn = cell_grid_of(model).resize_to_image(maps, (12, 12))
    assert maps.max() > 0
    for axis in (0, 1):
        profile = drawn.sum(axis=axis)
        assert profile @ np.arange(12) / profile.sum() == pytest.approx(4.5)


def test_a_pooling_node_has_the_windows_and_the_cells_of_a_pooling_layer():
    x = keras.Input((9, 9, 1))
    maps = layers.Conv2D(2, 2)(x)
    node, layer = (
        keras.Model(x, layers.Conv2D(2, 2, name="last")(pool(maps)))
        for pool in (lambda y: ops.average_pool(y, 2), layers.AveragePooling2D(2))
    )
    assert cell_grid_of(node, "last") == cell_grid_of(layer, "last") == CellGrid(2, 2, 2, 2)
    assert [v.window for v in volumes(node)] == [v.window for v in volumes(layer)]


def test_the_last_maps_of_the_book_s_cat_network_begin_18_and_a_half_pixels_inside():
    """By hand: 1, then (1.5, step 2), 3.5, (4.5, 4), 8.5, (10.5, 8), 18.5."""
    assert cell_grid_of(networks.cats_vs_dogs_first_edition()) == CellGrid(18.5, 18.5, 8, 8)


def test_a_resized_map_has_each_cell_s_value_at_the_middle_of_the_cell():
    heat = np.array([[1.0, 2.0], [3.0, 5.0]])
    laid = CellGrid(1, 1, 2, 2).resize_to_image(heat, (5, 5))
    # Half way from 1 to 3 is 2; beyond the middles the outermost goes on.
    assert laid[:, 1].tolist() == [1, 1, 2, 3, 3]
    assert laid[:, 4].tolist() == [2, 2, 3.5, 5, 5]
