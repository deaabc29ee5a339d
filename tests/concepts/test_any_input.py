"""Whatever is passed to a concept, it computes with it or refuses it with ValueError."""

import datetime
import inspect

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from chollet_cnn.concepts import convolution, geometry, images, kernels, neurons, pooling
from chollet_cnn.concepts.checks import as_array, whole_number

MODULES = (convolution, geometry, images, kernels, neurons, pooling)
FUNCTIONS = {
    name: function
    for module in MODULES
    for name, function in inspect.getmembers(module, inspect.isfunction)
    if function.__module__ == module.__name__ and not name.startswith("_")
}
GOOD = {
    "signal": [1, 2, 3, 4], "image": [[1, 2, 3], [4, 5, 6]], "kernel": [[1, 2]], "mode": "same",
    "volume": np.ones((3, 3, 2)), "kernels": np.ones((2, 2, 2, 1)), "bias": [1.0],
    "window_shape": 2, "window": 2, "stride": 1, "padding": 1, "x": [[1.0, -2.0], [3.0, 4.0]],
    "weights": [[1.0], [2.0]], "scores": [1.0, 2.0], "axis": -1, "input_shape": (3, 3),
    "shape": (2, 3), "size": 3, "sigma": 1.0, "input_size": 9, "kernel_size": 3, "inputs": 2,
    "units": 3, "channels_in": 1, "channels_out": 2, "layers": [(3, 1)],
}  # fmt: skip
"""An argument for every parameter; a signal's kernel has one axis."""
SHAPES = array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)
FLOATS = st.floats(-1e6, 1e6) | st.sampled_from([np.nan, np.inf, -np.inf])
NUMBERS = st.one_of(
    st.integers(-3, 9), FLOATS, st.booleans(), st.none(), st.text(max_size=3),
    st.complex_numbers(), st.sampled_from(["valid", "same", "full", datetime.date.min, object()]),
)  # fmt: skip
ANYTHING = st.one_of(
    NUMBERS,
    st.lists(NUMBERS, max_size=4),
    st.lists(st.lists(st.integers(-3, 9), max_size=3), max_size=3),
    st.lists(st.integers(0, 9), max_size=3).map(tuple),
    st.dictionaries(st.integers(0, 2), NUMBERS, max_size=2),
    arrays(float, SHAPES, elements=FLOATS),
    arrays(st.sampled_from([bool, np.uint8, int, complex, "U2", object]), SHAPES),
)  # fmt: skip


def good_arguments(name):
    arguments = {key: GOOD[key] for key in inspect.signature(FUNCTIONS[name]).parameters}
    if name.endswith("1d"):
        arguments["kernel"] = [1, 2]
    if name == "split_channels":
        arguments["image"] = GOOD["volume"]
    return arguments


@pytest.mark.parametrize("name", FUNCTIONS)
@settings(max_examples=25, deadline=None, derandomize=True)
@given(data=st.data())
def test_an_argument_of_any_kind_gives_a_result_or_a_value_error(name, data):
    arguments = good_arguments(name)
    FUNCTIONS[name](**arguments)  # each of them is good
    arguments[data.draw(st.sampled_from(list(arguments)))] = data.draw(ANYTHING)
    try:
        result = FUNCTIONS[name](**arguments)
    except ValueError:
        return
    assert not np.isnan(np.asarray(result, float)).any()


CONVOLUTIONS = "cross_correlate2d convolve2d"
PICTURES = [
    (np.zeros((0, 5)), r"empty.*\(0, 5\)"),
    (np.where(np.eye(5) > 0, np.nan, 1.0), r"\(5, 5\) has NaN or infinity in 5 of its 25"),
    (np.full((5, 5), np.inf), "infinity in 25"),
    (np.zeros(5), r"has shape \(5,\); it must be \(rows, columns\)"),
    (np.zeros((1, 5, 5, 3)), r"has shape \(1, 5, 5, 3\)"),
    ([[1, 2], [3]], "differ in length"),
    (np.array([["a", "b"]]), "must hold numbers"),
]
REFUSED = [
    *[(f"unroll windows pad {CONVOLUTIONS}", {"image": wrong}, words) for wrong, words in PICTURES],
    *[("max_pool2d average_pool2d", {"x": wrong}, words) for wrong, words in PICTURES],
    ("split_channels", {"image": np.ones((5, 5))}, r"must be \(rows, columns, channels\)"),
    *[("feature_count", {"shape": wrong}, "whole number of at least 1")
      for wrong in [(), (3, 0), (3, -1), (2.5, 2), 16, "16"]],
    (CONVOLUTIONS, {"stride": 0}, "stride must be a whole number of at least 1"),
    (CONVOLUTIONS, {"stride": (1, -1)}, "stride must be a whole number"),
    (CONVOLUTIONS, {"stride": (1, 2, 3)}, r"the stride is a number or \(rows, columns\)"),
    (CONVOLUTIONS, {"padding": -1}, "padding must be a whole number of at least 0"),
    (CONVOLUTIONS, {"padding": "smae"}, '"valid", "same" or a number, not \'smae'),
    (CONVOLUTIONS, {"kernel": np.ones(2)}, r"the kernel has shape \(2,\); .* \(rows, columns\)"),
    (CONVOLUTIONS, {"kernel": np.full((2, 2), np.nan)}, "the kernel of shape.*NaN"),
    (CONVOLUTIONS, {"kernel": np.ones((0, 2))}, "kernel is empty"),
    (CONVOLUTIONS, {"kernel": np.ones((5, 2))}, "5x2 does not fit into an image of 4x5"),
    (CONVOLUTIONS, {"image": np.ones((4, 4, 3))}, r"grey image.*\(4, 4, 3\)"),
    ("convolve_volume", {"volume": np.ones((4, 4, 3))}, r"3 channels.*\(2, 2, 2, 1\) are for 2"),
    ("convolve_volume", {"bias": np.ones(3)}, "1 output channels need 1 biases, not 3"),
    ("convolve1d", {"mode": "all"}, '"full", "same" or "valid", not \'all\''),
    ("max_pool2d average_pool2d", {"window": 3}, "3x3 does not fit into an image of 2x2"),
    ("max_pool2d average_pool2d", {"window": 0}, "window must be a whole .* at least 1, not 0"),
    ("max_pool2d average_pool2d", {"stride": 0}, "stride must be a whole .* at least 1, not 0"),
    *[("mean_kernel gaussian_kernel", {"size": wrong}, "size of the kernel must be a whole number")
      for wrong in (0, -3, 2.5)],
    *[("gaussian_kernel", {"sigma": wrong}, "sigma is a distance in cells and must be above 0")
      for wrong in (0, -1, np.nan, np.inf, "a", None)],
    ("output_size keras_output_size", {"input_size": 0}, "input size .* of at least 1, not 0"),
    ("output_size keras_output_size", {"kernel_size": 0}, "kernel size .* of at least 1, not 0"),
    ("output_size keras_output_size", {"kernel_size": 2.5}, "kernel size .* at least 1, not 2.5"),
    ("output_size keras_output_size", {"stride": 0}, "stride must be a whole .* of at least 1"),
    ("output_size keras_output_size", {"padding": -1}, "padding must .* of at least 0, not -1"),
    ("keras_output_size", {"padding": "full"}, '"valid", "same" or a number, not \'full\''),
    ("keras_output_size", {"kernel_size": 13}, "13 does not fit into a padded input of 11"),
    ("conv_parameters", {"channels_out": 0}, "channels out must be a whole number of at least 1"),
    ("dense_parameters", {"units": 0}, "number of units must be a whole number"),
    ("receptive_field", {"layers": [(3, 0)]}, "stride must be a whole number of at least 1"),
    ("receptive_field", {"layers": [3, 3]}, r"given as \(kernel size, stride\), not as 3"),
    ("receptive_field", {"layers": 3}, r"a list of \(kernel size, stride\), not 3"),
    ("dense", {"x": np.ones(4)}, r"\(2, 1\) are for 2 inputs, but the input \(4,\)"),
    ("dense", {"bias": np.ones(3)}, "1 units need 1 biases, not 3"),
    ("dense", {"x": [np.nan, 1]}, r"line of inputs of shape.*NaN"),
    ("softmax", {"scores": []}, "list of scores is empty"),
    ("softmax", {"scores": [1.0, np.nan]}, "has NaN"),
    ("convolution_matrix", {"kernel": [1, 2]}, r"\(2,\) cannot slide over.*\(3, 3\)"),
    ("convolution_matrix", {"input_shape": 3.0}, r"\(1, 2\) cannot slide over.*3\.0"),
    ("convolution_matrix", {"kernel": [1.0], "input_shape": 3.0}, "size of an axis .*not 3.0"),
    ("convolution_matrix", {"kernel": [1] * 5, "input_shape": 2}, "fit into an image of 1x4"),
    ("convolution_matrix", {"kernel": [1, 2], "input_shape": 4, "stride": (1, 2)},
     "a signal has one axis and needs one stride"),
    ("convolution_matrix", {"kernel": [1, 2], "input_shape": 4, "stride": 0},
     "stride must be a whole number"),
]  # fmt: skip


@pytest.mark.parametrize(("names", "wrong", "words"), REFUSED)
def test_what_cannot_be_computed_is_refused_in_words(names, wrong, words):
    for name in names.split():
        with pytest.raises(ValueError, match=words):
            FUNCTIONS[name](**good_arguments(name) | wrong)


@pytest.mark.parametrize("wrong", [0, -1, 1.5, True, None, "3"])
def test_a_size_is_a_whole_number_of_at_least_one(wrong):
    with pytest.raises(ValueError, match="the window must be a whole number of at least 1"):
        whole_number(wrong, "window")
    assert whole_number(np.int64(3), "window") == 3


@given(
    arrays(st.sampled_from([bool, np.uint8, int, np.float32, float]), SHAPES),
    st.sets(st.integers(1, 4), min_size=1),
)
@settings(max_examples=100, deadline=None, derandomize=True)
def test_an_array_of_finite_numbers_and_of_the_right_shape_is_taken_as_it_is(array, dimensions):
    if array.size and array.ndim in dimensions and np.isfinite(array).all():
        assert as_array(array, "image", sorted(dimensions)) is array
    else:
        with pytest.raises(ValueError, match="the image"):
            as_array(array, "image", sorted(dimensions))
