"""The diagram of a network has Keras's shapes and counts, to scale, and can be read."""

import re
from itertools import pairwise

import numpy as np
import pytest
from readable import assert_readable, words

from chollet_cnn.analysis import network_diagram as drawings
from chollet_cnn.book import networks

NETWORKS = [name for name in dir(networks) if name.startswith(("mnist_", "cats_vs_dogs_"))]
AUGMENTED = [f"{name} augmented" for name in NETWORKS if name.startswith("cats")]


@pytest.fixture(scope="module", params=NETWORKS + AUGMENTED)
def drawn(request):
    """A network and its diagram."""
    options = {"augmentation": True, "dropout": 0.5} if "augmented" in request.param else {}
    model = getattr(networks, request.param.split()[0])(**options)
    return model, drawings.plot_network(model)


def test_the_shapes_written_on_a_network_are_keras_s_in_their_order(drawn):
    model, figure = drawn
    shapes = [layer.output.shape[1:] for layer in model.layers]
    changing = [model.input_shape[1:]]
    for layer, shape in zip(model.layers, shapes, strict=True):
        if shape != changing[-1] or layer.weights:
            changing.append(shape)
    written = [
        tuple(int(size.replace(",", "")) for size in text.split(" × "))
        for text in words(figure)
        if re.fullmatch(r"[\d,]+( × [\d,]+)*", text)
    ]
    assert written == changing


def test_the_parameters_written_on_a_network_add_up_to_keras_s_count(drawn):
    model, figure = drawn
    text = "\n".join(words(figure))
    written = re.findall(r"([\d,]+) parameters", text)
    assert sum(int(count.replace(",", "")) for count in written) == model.count_params()


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


def test_the_faces_of_a_network_are_drawn_to_one_scale(drawn):
    model, figure = drawn
    axes = figure.axes[0]
    drawn = {v.name: v.shape for v in drawings.volumes(model) if len(v.shape) == 3}
    faces = {patch.get_label(): patch for patch in axes.patches if patch.get_label() in drawn}
    assert set(faces) == set(drawn)
    scale = [(faces[n].get_height() / s[0], faces[n].get_width() / s[1]) for n, s in drawn.items()]
    assert np.ptp(scale) < 1e-9
