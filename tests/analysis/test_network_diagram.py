"""The diagram of a network has Keras's shapes and counts, to scale, and can be read."""

import re
from itertools import pairwise

import keras
import numpy as np
import pytest
from readable import assert_readable, words

from chollet_cnn.analysis import network_diagram as drawings


@pytest.fixture(scope="module")
def drawn(book_network):
    """A network and its diagram."""
    return book_network, drawings.plot_network(book_network)


def test_the_shapes_and_parameters_written_on_a_network_are_keras_s(drawn):
    model, figure = drawn
    changing = [model.input_shape[1:]]
    for layer in model.layers:
        if layer.output.shape[1:] != changing[-1] or layer.weights:
            changing.append(layer.output.shape[1:])
    texts = words(figure)
    shapes = [text for text in texts if re.fullmatch(r"[\d,]+( × [\d,]+)*", text)]
    numbers = [text.replace(",", "").split(" × ") for text in shapes]
    assert [tuple(map(int, sizes)) for sizes in numbers] == changing
    counts = re.findall(r"([\d,]+) parameters", "\n".join(texts))
    assert sum(int(count.replace(",", "")) for count in counts) == model.count_params()


def test_all_texts_of_a_network_s_diagram_can_be_read(drawn):
    assert_readable(drawn[1])


def test_no_volume_runs_into_words_or_into_another_volume(drawn):
    model, figure = drawn
    axes = figure.axes[0]
    volumes = []
    for patch in axes.patches:  # lid, side, face and window of a volume follow each other
        box = patch.get_path().transformed(patch.get_patch_transform()).get_extents()
        assert 0 <= box.x0 <= box.x1 <= drawings.DRAWING + 0.01
        if volumes and box.y0 < volumes[-1][1] - 1e-9 and box.y1 > volumes[-1][0]:
            low, high = volumes[-1]
            volumes[-1] = (min(low, box.y0), max(high, box.y1))
        else:
            volumes.append((box.y0, box.y1))
    assert len(volumes) == len(drawings.volumes(model))
    assert all(above[1] < below[0] for above, below in pairwise(volumes))


@pytest.mark.parametrize("shape", [(32, 128, 1), (8, 1000, 1)])
def test_a_wide_input_fits_into_the_drawing(shape):
    stack = [keras.layers.Conv2D(64, 3), keras.layers.Flatten(), keras.layers.Dense(2)]
    figure = drawings.plot_network(keras.Sequential([keras.Input(shape), *stack]))
    assert "as long as -" not in "".join(words(figure))
    for patch in figure.axes[0].patches:
        box = patch.get_path().transformed(patch.get_patch_transform()).get_extents()
        assert 0 <= box.x0 < box.x1 <= drawings.DRAWING


@pytest.mark.parametrize(("padding", "shrinks"), [("valid", True), ("same", False)])
def test_only_a_network_that_gets_smaller_is_said_to(padding, shrinks):
    stack = [keras.layers.Conv2D(8, 3, padding=padding), keras.layers.Flatten()]
    figure = drawings.plot_network(keras.Sequential([keras.Input((28, 28, 1)), *stack]))
    assert ("smaller and deeper" in figure.texts[0].get_text()) == shrinks


def test_the_faces_of_a_network_are_drawn_to_one_scale(drawn):
    model, figure = drawn
    axes = figure.axes[0]
    drawn = {v.name: v.shape for v in drawings.volumes(model) if len(v.shape) == 3}
    faces = {patch.get_label(): patch for patch in axes.patches if patch.get_label() in drawn}
    assert set(faces) == set(drawn)
    scale = [(faces[n].get_height() / s[0], faces[n].get_width() / s[1]) for n, s in drawn.items()]
    assert np.ptp(scale) < 1e-9
