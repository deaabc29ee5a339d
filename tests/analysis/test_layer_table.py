"""The layer table has the sizes, parameters and receptive fields of real networks."""

import keras
import numpy as np
import pytest
from keras import layers

from chollet_cnn.analysis.activations import compute_activations
from chollet_cnn.analysis.layer_table import list_layers
from chollet_cnn.analysis.model_graph import UnsupportedModelError
from chollet_cnn.book import networks


def test_the_table_has_kerass_shapes_and_counts_for_every_layer(book_network):
    model = book_network
    table = list_layers(model)
    assert table.layer.tolist() == [layer.name for layer in model.layers]
    assert table.output_shape.tolist() == [tuple(x.output.shape[1:]) for x in model.layers]
    assert table.parameters.tolist() == [layer.count_params() for layer in model.layers]


def make_every_weight_positive(model):
    """Give weights with which light can only add up, so that nothing that is seen cancels out."""
    for variable in model.trainable_variables:
        values = np.random.default_rng(0).uniform(0.5, 1, variable.shape) / variable.shape[-1]
        variable.assign(values if variable.name == "kernel" else np.zeros(variable.shape))


def lit(model, upto, pictures):
    """Say which units of some layers answer to each picture, in any of their channels."""
    chosen = [model.layers[index].output for index in upto]
    outputs = keras.Model(model.inputs, chosen).predict(pictures, batch_size=25, verbose=0)
    outputs = outputs if len(chosen) > 1 else [outputs]
    outputs = [output[0] if isinstance(output, list) else output for output in outputs]
    return [(output > 0).any(axis=-1) for output in outputs]


def seen_by(unit, jump, size, pixels):
    return (np.arange(pixels) >= unit * jump) & (np.arange(pixels) < unit * jump + size)


SMALL = {
    "one convolution": [layers.Conv2D(2, 3)],
    "two convolutions": [layers.Conv2D(2, 3), layers.Conv2D(2, 3)],
    "pooling between": [layers.Conv2D(2, 3), layers.MaxPooling2D(2), layers.Conv2D(2, 3)],
    "strides": [layers.Conv2D(2, 4, strides=3), layers.AveragePooling2D(2, 1), layers.Conv2D(1, 2)],
    "holes": [layers.Conv2D(2, 3, dilation_rate=2), layers.Conv2D(2, 2, dilation_rate=2)],
    "each channel alone": [layers.DepthwiseConv2D(3), layers.MaxPooling2D(3, strides=2)],
}


@pytest.mark.parametrize("name", SMALL)
def test_one_pixel_at_a_time_moves_what_the_table_says_in_a_small_network(name):
    model = keras.Sequential([keras.Input((16, 16, 1)), *SMALL[name]])
    make_every_weight_positive(model)
    pictures = np.eye(256).reshape(256, 16, 16, 1)
    last = list_layers(model).iloc[-1]
    # A kernel with holes sees some pixels of its field only; stacked, these fill up to the border.
    (answers,) = lit(model, [-1], pictures)
    rows, columns = answers.shape[1:]
    assert rows * columns > 1
    for units in np.ndindex(rows, columns):
        seen = answers[:, *units].reshape(16, 16)
        expected = np.outer(*(seen_by(i, last.jump, last.receptive_field, 16) for i in units))
        if name == "holes":  # the border of the field is seen, and nothing beyond it
            assert not (seen & ~expected).any()
            assert np.ptp(np.flatnonzero(seen.any(axis=1))) + 1 == last.receptive_field
        else:
            np.testing.assert_array_equal(seen, expected)


MNIST = [name for name in dir(networks) if name.startswith("mnist_")]


@pytest.mark.parametrize("name", [*MNIST, "cats_vs_dogs_first_edition"])
def test_one_row_at_a_time_moves_what_the_table_says_in_the_real_network(name):
    model = getattr(networks, name)()
    make_every_weight_positive(model)
    table = list_layers(model)
    size, _, channels = model.input_shape[1:]
    maps = [i for i, shape in enumerate(table.output_shape) if len(shape) == 3]
    pictures = np.zeros((size, size, size, channels), np.float32)
    pictures[np.arange(size), np.arange(size)] = 255
    last, gathered = maps[-1], maps[-1] + 1
    answers, flat = lit(model, [last, gathered], pictures)
    row = table.iloc[last]
    for unit in range(answers.shape[1]):
        expected = seen_by(unit, row.jump, row.receptive_field, size)
        np.testing.assert_array_equal(answers[:, unit].any(axis=1), expected)
    # Flatten and global pooling see what all the units of the last map saw together.
    assert flat.sum() == table.receptive_field[gathered]


def test_the_three_block_network_never_looks_at_its_last_six_rows():
    """Pooling drops rows; the jump doubles with each pooling and ends where the map ends."""
    table = list_layers(networks.mnist_three_block())
    assert table.jump.tolist() == [1, 1, 2, 2, 4, 4, 8, 0, 0, 0]
    assert table.receptive_field.tolist() == [1, 3, 4, 8, 10, 18, 22, 22, 22, 22]
    assert list_layers(networks.mnist_without_pooling()).receptive_field.iloc[-1] == 28


def test_multiply_accumulates_are_places_times_kernel():
    table = list_layers(networks.mnist_second_edition())
    convolutions = [26 * 26 * 32 * 9 * 1, 11 * 11 * 64 * 9 * 32, 3 * 3 * 128 * 9 * 64]
    costs = table.multiply_accumulates
    assert costs[costs > 0].tolist() == [*convolutions, 1152 * 10]


def test_the_multiply_accumulates_of_vgg16_are_the_published_15_billion():
    model = keras.applications.VGG16(weights=None, include_top=False, input_shape=(224, 224, 3))
    table = list_layers(model)
    # He et al., "Deep residual learning", 2015, table of ImageNet networks: VGG-16, 15.3 billion.
    assert table.multiply_accumulates.sum() == pytest.approx(15.3e9, rel=0.01)
    assert table.receptive_field.iloc[-1] == 212


def test_a_loaded_network_and_a_functional_one_have_the_same_table(tmp_path):
    model = networks.cats_vs_dogs_second_edition(augmentation=True, dropout=0.5)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    functional = keras.Model(model.inputs, [layer.output for layer in model.layers])
    for other in (loaded, functional):
        assert list_layers(other).equals(list_layers(model))


def test_layers_of_a_model_inside_a_model_have_names_that_other_functions_know():
    model = networks.mnist_second_edition()
    body = keras.Sequential(model.layers, name="body")
    outer = keras.Sequential([keras.Input((28, 28, 1)), body])
    table, inside = list_layers(model), list_layers(outer)
    assert inside.layer.tolist() == [f"body/{name}" for name in table.layer]
    assert inside.drop(columns="layer").equals(table.drop(columns="layer"))
    assert list(compute_activations(outer, np.zeros((28, 28, 1)), inside.layer)) == list(
        inside.layer
    )


def test_rows_and_columns_that_differ_are_told_apart():
    model = keras.Sequential([keras.Input((20, 30, 1)), layers.Conv2D(2, (3, 5), strides=(1, 2))])
    row = list_layers(model).iloc[0]
    assert (row.receptive_field, row.jump, row.output_shape) == ((3, 5), (1, 2), (18, 13, 2))


def test_a_field_never_outgrows_the_picture():
    stack = [layers.Conv2D(1, 3, padding="same") for _ in range(6)]
    table = list_layers(keras.Sequential([keras.Input((8, 8, 1)), *stack]))
    assert table.receptive_field.tolist() == [3, 5, 7, 8, 8, 8]


@pytest.mark.parametrize(
    ("stack", "seen"),
    [
        ([layers.Conv2D(2, 3, padding="same"), layers.MaxPooling2D(6)], 7),
        ([layers.MaxPooling2D(2), layers.Conv2D(2, 9, padding="same")], 10),  # leaves a pixel out
        ([layers.ZeroPadding2D(((2, 0), (2, 0))), layers.Conv2D(2, 7, strides=7)], 5),
    ],
    ids=["pooling near the border", "padding after pooling", "padding on one side"],
)
def test_zeros_around_the_picture_are_not_counted_as_seen(stack, seen):
    model = keras.Sequential([keras.Input((11, 11, 1)), *stack])
    make_every_weight_positive(model)
    rows = np.zeros((11, 11, 11, 1))
    rows[np.arange(11), np.arange(11)] = 1
    (answers,) = lit(model, [-1], rows)
    assert answers.any(axis=2).sum(axis=0).max() == seen
    assert list_layers(model).receptive_field.iloc[-1] == seen


@pytest.mark.parametrize(
    ("stack", "words"),
    [
        ([keras.Input((9,)), layers.Dense(3)], r"must be \(rows, columns, channels\)"),
        ([keras.Input((None, None, 3)), layers.Conv2D(3, 3)], r"not \(None, None, 3\)"),
        ([keras.Input((8, 8, 1)), layers.UpSampling2D()], "a UpSampling2D from .* is not known"),
    ],
)
def test_a_network_that_the_table_cannot_follow_is_refused_in_words(stack, words):
    with pytest.raises(UnsupportedModelError, match=words):
        list_layers(keras.Sequential(stack))
