"""Sizes, parameters and receptive fields are those of real networks."""

import pickle

import numpy as np
import pytest
from examples import small
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers

from chollet_cnn.concepts import geometry
from chollet_cnn.concepts.convolution import pad, windows
from chollet_cnn.concepts.geometry import (
    ImpossibleGeometry,
    keras_output_size,
    output_size,
    receptive_field,
)

some = settings(max_examples=200, deadline=None, derandomize=True)


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
    assert error.input_sizes
    assert f"W of {' or '.join(map(str, error.input_sizes))}" in message

    def nearest(wanted, candidates, works):
        working = [number for number in candidates if works(number)]
        below, above = ([n for n in working if n < wanted], [n for n in working if n > wanted])
        return (*below[-1:], *above[:1])

    inputs = nearest(size, range(1, 60), lambda w: works(w, kernel, stride, padding))
    assert error.input_sizes == inputs
    paddings = nearest(padding, range(kernel), lambda p: works(size, kernel, stride, p))
    assert error.paddings == paddings
    strides = nearest(stride, range(1, kernel + 1), lambda s: works(size, kernel, s, padding))
    assert error.strides == strides


def test_the_course_notes_example_of_an_impossible_stride():
    # CS231n: W=10, F=3, P=0, S=2 gives 4.5, "not an integer".
    with pytest.raises(ValueError, match=r"W=10.*K=3.*S=2.*P=0.*7/2 is not whole") as raised:
        output_size(10, 3, stride=2)
    assert "an input size W of 9 or 11, a stride S of 1" in str(raised.value)


def test_a_window_larger_than_the_input_is_impossible():
    with pytest.raises(ImpossibleGeometry, match="larger than the padded input of 5") as raised:
        output_size(3, 7, padding=1)
    assert (raised.value.input_sizes, raised.value.paddings) == ((5,), (2,))
    sent = pickle.loads(pickle.dumps(raised.value))  # to another process
    assert (str(sent), sent.input_sizes) == (str(raised.value), (5,))


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


@pytest.mark.parametrize("bias", [True, False])
def test_a_layer_has_as_many_parameters_as_in_keras(bias):
    for kernel, channels in ((3, (1, 32)), ((2, 4), (7, 5))):
        layer = layers.Conv2D(channels[1], kernel, use_bias=bias)
        layer.build((None, 9, 9, channels[0]))
        assert geometry.conv_parameters(kernel, *channels, bias=bias) == layer.count_params()
    layer = layers.Dense(1024, use_bias=bias)
    layer.build((None, 512))
    assert geometry.dense_parameters(512, 1024, bias=bias) == layer.count_params()


def test_a_dense_layer_has_the_articles_525312_parameters():
    assert geometry.dense_parameters(512, 1024) == 525_312


@some
@given(st.lists(st.tuples(st.integers(1, 5), small), max_size=5))
def test_a_receptive_field_is_what_walking_back_to_the_pixels_finds(stack):
    fields = receptive_field(stack)
    assert len(fields) == len(stack)
    for depth, field in enumerate(fields, start=1):
        ends = []
        for unit in (0, 1):
            first = last = unit
            for kernel, stride in reversed(stack[:depth]):
                first, last = first * stride, last * stride + kernel - 1
            ends.append((first, last))
        assert field == (ends[0][1] + 1, ends[1][0])


def test_the_receptive_fields_of_vgg16_are_the_published_ones():
    block = [(3, 1), (3, 1), (2, 2)]
    fields = receptive_field(block * 2 + [(3, 1), *block] * 3)
    # Araujo, Norris and Sim (2019), table of receptive fields: VGG-16's last pooling, 212 and 32.
    assert fields[-1] == (212, 32)
