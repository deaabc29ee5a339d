"""Sizes, parameters and receptive fields are those of real networks."""

import pickle
from functools import cache

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers

from chollet_cnn.analysis.layer_table import layer_table
from chollet_cnn.book import networks
from chollet_cnn.concepts import geometry
from chollet_cnn.concepts.convolution import pad, windows
from chollet_cnn.concepts.geometry import (
    ImpossibleGeometry,
    keras_output_size,
    output_size,
    receptive_field,
)

some = settings(max_examples=200, deadline=None, derandomize=True)
MNIST = [
    "mnist_three_block",
    "mnist_first_edition",
    "mnist_second_edition",
    "mnist_third_edition",
    "mnist_without_pooling",
]
CATS = [
    "cats_vs_dogs_first_edition",
    "cats_vs_dogs_second_edition",
    "cats_vs_dogs_third_edition",
]
AUGMENTED = [f"{name} augmented" for name in CATS]


@cache
def network(name):
    builder = getattr(networks, name.split()[0])
    return builder(augmentation=True, dropout=0.5) if name.endswith("augmented") else builder()


def test_a_window_of_3_5_or_7_leaves_14_12_or_10_of_the_articles_16():
    assert [output_size(16, kernel) for kernel in (3, 5, 7)] == [14, 12, 10]
    assert [output_size(16, k, padding=(k - 1) // 2) for k in (3, 5, 7)] == [16, 16, 16]


def places_by_walking(size, kernel, stride, padding):
    """Walk the window along and count; the second number is how many cells are left over."""
    end, place, places = size + 2 * padding, 0, 0
    while place + kernel <= end:
        places, place = places + 1, place + stride
    return places, end - (place - stride + kernel) if places else None


def works(*numbers):
    return places_by_walking(*numbers)[1] == 0


@some
@given(st.integers(1, 30), st.integers(1, 9), st.integers(1, 6), st.integers(0, 5))
def test_a_size_is_what_walking_counts_and_what_is_suggested_works(size, kernel, stride, padding):
    places, left_over = places_by_walking(size, kernel, stride, padding)
    if left_over == 0:
        assert output_size(size, kernel, stride, padding) == places
        return
    with pytest.raises(ImpossibleGeometry) as raised:
        output_size(size, kernel, stride, padding)
    error, message = raised.value, str(raised.value)
    for name, number in [("W", size), ("K", kernel), ("S", stride), ("P", padding)]:
        assert f"{name}={number}" in message

    for suggested in error.input_sizes:
        assert works(suggested, kernel, stride, padding)
    for suggested in error.paddings:
        assert works(size, kernel, stride, suggested)
    for suggested in error.strides:
        assert works(size, kernel, suggested, padding)
    assert error.input_sizes
    assert f"W of {' or '.join(map(str, error.input_sizes))}" in message

    # Nothing that works lies nearer on its side than what is suggested.
    def nearest(wanted, candidates):
        below = [candidate for candidate in candidates if candidate < wanted]
        return (*below[-1:], *[candidate for candidate in candidates if candidate > wanted][:1])

    inputs = [w for w in range(1, 60) if works(w, kernel, stride, padding)]
    assert error.input_sizes == nearest(size, inputs)
    paddings = [p for p in range(kernel) if works(size, kernel, stride, p)]
    assert error.paddings == nearest(padding, paddings)
    strides = [s for s in range(1, kernel + 1) if works(size, kernel, s, padding)]
    assert error.strides == nearest(stride, strides)


def test_the_course_notes_example_of_an_impossible_stride():
    # CS231n: W=10, F=3, P=0, S=2 gives 4.5, "not an integer".
    with pytest.raises(ValueError, match=r"W=10.*K=3.*S=2.*P=0.*7/2 is not whole") as raised:
        output_size(10, 3, stride=2)
    assert "an input size W of 9 or 11, a stride S of 1" in str(raised.value)


def test_a_window_larger_than_the_input_is_impossible():
    with pytest.raises(ImpossibleGeometry, match="larger than the padded input of 5") as raised:
        output_size(3, 7, padding=1)
    assert (raised.value.input_sizes, raised.value.paddings) == ((5,), (2,))


def test_the_error_survives_being_sent_to_another_process():
    error = pickle.loads(pickle.dumps(ImpossibleGeometry(10, 3, 2, 0)))
    assert error.input_sizes == (9, 11)
    assert "W=10" in str(error)


@pytest.mark.parametrize("function", [output_size, keras_output_size])
@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ((0, 3), "input size must be a whole number of at least 1, not 0"),
        ((9, 0), "kernel size must be a whole number of at least 1"),
        ((9, 3, 0), "stride must be a whole number of at least 1"),
        ((9, 3, 1, -1), "padding must be a whole number of at least 0, not -1"),
        ((9, 2.5), "kernel size must be a whole number of at least 1, not 2.5"),
    ],
)
def test_a_size_is_computed_from_whole_numbers_only(function, numbers, words):
    with pytest.raises(ValueError, match=words):
        function(*numbers)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("stride", [1, 2, 3, 5])
@pytest.mark.parametrize("kernel", [1, 2, 3, 5])
def test_kerass_size_is_what_keras_makes_of_every_picture(padding, stride, kernel):
    layer = layers.Conv2D(1, kernel, strides=stride, padding=padding)
    for size in range(kernel, 20):
        expected = layer.compute_output_shape((None, size, size, 1))[1]
        assert keras_output_size(size, kernel, stride, padding) == expected
        picture = pad(np.ones((size, size)), kernel, stride, padding)
        assert len(windows(picture, kernel, stride)) == expected


def test_keras_rounds_down_where_the_strict_rule_raises():
    assert keras_output_size(10, 3, stride=2) == 4
    assert keras_output_size(10, 3, stride=2, padding=1) == 5
    with pytest.raises(ValueError, match="window of 7 does not fit into a padded input of 5"):
        keras_output_size(3, 7, padding=1)
    with pytest.raises(ValueError, match='"valid", "same" or a number, not \'full\''):
        keras_output_size(10, 3, padding="full")


@pytest.mark.parametrize(("kernel", "channels"), [(3, (1, 32)), (5, (3, 8)), ((2, 4), (7, 5))])
@pytest.mark.parametrize("bias", [True, False])
def test_a_convolution_has_as_many_parameters_as_in_keras(kernel, channels, bias):
    layer = layers.Conv2D(channels[1], kernel, use_bias=bias)
    layer.build((None, 9, 9, channels[0]))
    assert geometry.conv_parameters(kernel, *channels, bias=bias) == layer.count_params()


def test_a_dense_layer_has_the_articles_525312_parameters():
    assert geometry.dense_parameters(512, 1024) == 525_312
    layer = layers.Dense(1024)
    layer.build((None, 512))
    assert layer.count_params() == 525_312
    assert geometry.dense_parameters(512, 1024, bias=False) == 524_288


def test_pooling_saves_608_000_parameters():
    with_pooling = layer_table(network("mnist_second_edition")).parameters.sum()
    without = layer_table(network("mnist_without_pooling")).parameters.sum()
    assert (with_pooling, without) == (104_202, 712_202)


def test_parameters_need_whole_numbers():
    with pytest.raises(ValueError, match="channels out must be a whole number of at least 1"):
        geometry.conv_parameters(3, 1, 0)
    with pytest.raises(ValueError, match="number of units must be a whole number"):
        geometry.dense_parameters(3, 0)


@pytest.mark.parametrize("name", MNIST + CATS + AUGMENTED)
def test_the_table_has_kerass_shapes_and_counts_for_every_layer(name):
    model = network(name)
    table = layer_table(model)
    assert table.layer.tolist() == [layer.name for layer in model.layers]
    assert table.output_shape.tolist() == [tuple(x.output.shape[1:]) for x in model.layers]
    assert table.parameters.tolist() == [layer.count_params() for layer in model.layers]
    assert table.parameters.sum() == model.count_params()


def test_two_stacked_3x3_layers_see_5x5_and_three_see_7x7():
    assert [field.size for field in receptive_field([(3, 1)] * 3)] == [3, 5, 7]


def test_the_receptive_fields_of_vgg16_are_the_published_ones():
    block = [(3, 1), (3, 1), (2, 2)]
    fields = receptive_field(block * 2 + [(3, 1), *block] * 3)
    # Araujo, Norris and Sim (2019), table of receptive fields: VGG-16's last pooling, 212 and 32.
    assert fields[-1] == (212, 32)


def test_a_receptive_field_needs_whole_numbers():
    with pytest.raises(ValueError, match="stride must be a whole number of at least 1"):
        receptive_field([(3, 0)])
    with pytest.raises(ValueError, match=r"given as \(kernel size, stride\), not as 3"):
        receptive_field([3, 3])
    assert receptive_field([]) == []


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
    last = layer_table(model).iloc[-1]
    # A kernel with holes sees some pixels of its field only; stacked, these fill up to the border.
    (answers,) = lit(model, [-1], pictures)
    rows, columns = answers.shape[1:]
    assert rows * columns > 1
    for i in range(rows):
        for j in range(columns):
            seen = answers[:, i, j].reshape(16, 16)
            expected = np.outer(
                seen_by(i, last.jump, last.receptive_field, 16),
                seen_by(j, last.jump, last.receptive_field, 16),
            )
            if name == "holes":  # the border of the field is seen, and nothing beyond it
                assert not (seen & ~expected).any()
                assert np.ptp(np.flatnonzero(seen.any(axis=1))) + 1 == last.receptive_field
            else:
                np.testing.assert_array_equal(seen, expected)


def test_one_pixel_at_a_time_moves_what_the_table_says_in_the_three_block_network():
    model = networks.mnist_three_block()
    make_every_weight_positive(model)
    table = layer_table(model)
    maps = [i for i, shape in enumerate(table.output_shape) if len(shape) == 3]
    answers = lit(model, maps, 255 * np.eye(784).reshape(784, 28, 28, 1))
    for index, answer in zip(maps, answers, strict=True):
        row = table.iloc[index]
        centre = answer.shape[1] // 2
        one_axis = seen_by(centre, row.jump, row.receptive_field, 28)
        seen = answer[:, centre, centre].reshape(28, 28)
        np.testing.assert_array_equal(seen, np.outer(one_axis, one_axis), err_msg=row.layer)


@pytest.mark.parametrize("name", [*MNIST, "cats_vs_dogs_first_edition"])
def test_one_row_at_a_time_moves_what_the_table_says_in_the_real_network(name):
    model = getattr(networks, name)()
    make_every_weight_positive(model)
    table = layer_table(model)
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
    table = layer_table(network("mnist_three_block")).set_index("kind")
    assert table.loc["Flatten", "receptive_field"] == 22
    assert layer_table(network("mnist_without_pooling")).receptive_field.iloc[-1] == 28


def test_the_jump_doubles_with_each_pooling_and_ends_where_the_map_ends():
    table = layer_table(network("mnist_three_block"))
    assert table.jump.tolist() == [1, 1, 2, 2, 4, 4, 8, 0, 0, 0]
    assert table.receptive_field.tolist() == [1, 3, 4, 8, 10, 18, 22, 22, 22, 22]


def test_multiply_accumulates_are_places_times_kernel():
    table = layer_table(network("mnist_second_edition"))
    costs = table[table.multiply_accumulates > 0].multiply_accumulates.tolist()
    assert costs == [
        26 * 26 * 32 * 3 * 3 * 1,
        11 * 11 * 64 * 3 * 3 * 32,
        3 * 3 * 128 * 3 * 3 * 64,
        1152 * 10,
    ]


def test_the_multiply_accumulates_of_vgg16_are_the_published_15_billion():
    model = keras.applications.VGG16(weights=None, include_top=False, input_shape=(224, 224, 3))
    table = layer_table(model)
    # He et al., "Deep residual learning", 2015, table of ImageNet networks: VGG-16, 15.3 billion.
    assert table.multiply_accumulates.sum() == pytest.approx(15.3e9, rel=0.01)
    assert table.receptive_field.iloc[-1] == 212


def test_a_loaded_network_and_a_functional_one_have_the_same_table(tmp_path):
    model = networks.cats_vs_dogs_second_edition(augmentation=True, dropout=0.5)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    functional = keras.Model(model.inputs, [layer.output for layer in model.layers])
    inside = keras.Sequential([keras.Input((180, 180, 3)), keras.Sequential(model.layers)])
    for other in (loaded, functional, inside):
        assert layer_table(other).equals(layer_table(model))


def test_rows_and_columns_that_differ_are_told_apart():
    model = keras.Sequential([keras.Input((20, 30, 1)), layers.Conv2D(2, (3, 5), strides=(1, 2))])
    row = layer_table(model).iloc[0]
    assert (row.receptive_field, row.jump, row.output_shape) == ((3, 5), (1, 2), (18, 13, 2))


def test_a_field_never_outgrows_the_picture():
    model = keras.Sequential(
        [keras.Input((8, 8, 1)), *[layers.Conv2D(1, 3, padding="same") for _ in range(6)]]
    )
    assert layer_table(model).receptive_field.tolist() == [3, 5, 7, 8, 8, 8]


PADDED = {
    "pooling near the border": ([layers.Conv2D(2, 3, padding="same"), layers.MaxPooling2D(6)], 7),
    "padding after a pooling that leaves a pixel out": (
        [layers.MaxPooling2D(2), layers.Conv2D(2, 9, padding="same")],
        10,
    ),
    "padding on one side": (
        [layers.ZeroPadding2D(((2, 0), (2, 0))), layers.Conv2D(2, 7, strides=7)],
        5,
    ),
}


@pytest.mark.parametrize("name", PADDED)
def test_zeros_around_the_picture_are_not_counted_as_seen(name):
    stack, expected = PADDED[name]
    model = keras.Sequential([keras.Input((11, 11, 1)), *stack])
    make_every_weight_positive(model)
    rows = np.zeros((11, 11, 11, 1))
    rows[np.arange(11), np.arange(11)] = 1
    (answers,) = lit(model, [-1], rows)
    assert answers.any(axis=2).sum(axis=0).max() == expected
    assert layer_table(model).receptive_field.iloc[-1] == expected


def branched():
    start = keras.Input((8, 8, 1))
    return keras.Model(start, [layers.Conv2D(1, 3)(start), layers.Conv2D(1, 3)(start)])


def added():
    start = keras.Input((8, 8, 1))
    return keras.Model(start, layers.Add()([start, layers.Conv2D(1, 3, padding="same")(start)]))


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (branched, "the network branches at conv2d"),
        (added, "the network branches at add"),
        (lambda: keras.Sequential([layers.Dense(3)]), "is not built yet"),
        (lambda: keras.Sequential([keras.Input((9,)), layers.Dense(3)]), "must be .rows, columns"),
        (
            lambda: keras.Sequential([keras.Input((None, None, 3)), layers.Conv2D(3, 3)]),
            r"must be \(rows, columns, channels\) of known size, not \(None, None, 3\)",
        ),
        (
            lambda: keras.Sequential([keras.Input((8, 8, 1)), layers.UpSampling2D()]),
            "of up_sampling2d.*, a UpSampling2D, is not known",
        ),
        (
            lambda: keras.Sequential(
                [keras.Input((1, 8, 8)), layers.MaxPooling2D(2, data_format="channels_first")]
            ),
            "has data_format='channels_first'",
        ),
    ],
)
def test_a_network_that_the_table_cannot_follow_is_refused_in_words(build, words):
    with pytest.raises(ValueError, match=words):
        layer_table(build())
