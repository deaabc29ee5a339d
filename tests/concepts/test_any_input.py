"""Whatever is passed to a concept, it computes with it or refuses it with ValueError."""

import datetime
import inspect

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from chollet_cnn.concepts import convolution, geometry, images, kernels, neurons, pooling
from chollet_cnn.concepts.checks import as_array

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


@pytest.mark.parametrize("name", FUNCTIONS)
@settings(max_examples=25, deadline=None, derandomize=True)
@given(data=st.data())
def test_an_argument_of_any_kind_gives_a_result_or_a_value_error(name, data):
    arguments = {key: GOOD[key] for key in inspect.signature(FUNCTIONS[name]).parameters}
    if name.endswith("1d"):
        arguments["kernel"] = [1, 2]
    if name == "split_channels":
        arguments["image"] = GOOD["volume"]
    FUNCTIONS[name](**arguments)  # each of them is good
    arguments[data.draw(st.sampled_from(list(arguments)))] = data.draw(ANYTHING)
    try:
        result = FUNCTIONS[name](**arguments)
    except ValueError:
        return
    assert not np.isnan(np.asarray(result, float)).any()


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
