"""The diagram of a network has Keras's shapes and counts, to scale, and can be read."""

import re
from itertools import pairwise

import numpy as np
import pytest
from readable import assert_readable, words

from chollet_cnn.analysis import network_diagram as drawings
from chollet_cnn.book import networks

NETWORKS = [name for name in dir(networks) if name.startswith(("mnist_", "cats_vs_dogs_"))]
CASES = [
    *NETWORKS,
    "cats_vs_dogs_first_edition, augmented",
    "cats_vs_dogs_second_edition, augmented",
]


@pytest.fixture(scope="module")
def models():
    plain = {name: getattr(networks, name)() for name in NETWORKS}
    builders = (networks.cats_vs_dogs_first_edition, networks.cats_vs_dogs_second_edition)
    return plain | {
        f"{build.__name__}, augmented": build(augmentation=True, dropout=0.5) for build in builders
    }


@pytest.mark.parametrize("name", CASES)
def test_the_shapes_written_on_a_network_are_keras_s_in_their_order(name, models):
    model = models[name]
    shapes = [layer.output.shape[1:] for layer in model.layers]
    changing = [model.input_shape[1:]]
    for layer, shape in zip(model.layers, shapes, strict=True):
        if shape != changing[-1] or layer.weights:
            changing.append(shape)
    written = [
        tuple(int(size.replace(",", "")) for size in text.split(" × "))
        for text in words(drawings.plot_network(model))
        if re.fullmatch(r"[\d,]+( × [\d,]+)*", text)
    ]
    assert written == changing


@pytest.mark.parametrize("name", CASES)
def test_the_parameters_written_on_a_network_add_up_to_keras_s_count(name, models):
    text = "\n".join(words(drawings.plot_network(models[name])))
    written = re.findall(r"([\d,]+) parameters", text)
    assert sum(int(count.replace(",", "")) for count in written) == models[name].count_params()


@pytest.mark.parametrize("name", CASES)
def test_all_texts_of_a_network_s_diagram_can_be_read(name, models):
    assert_readable(drawings.plot_network(models[name]))


@pytest.mark.parametrize("name", CASES)
def test_no_volume_runs_into_words_or_into_another_volume(name, models):
    axes = drawings.plot_network(models[name]).axes[0]
    volumes = []
    for patch in axes.patches:  # lid, side, face and window of a volume follow each other
        box = patch.get_path().transformed(patch.get_patch_transform()).get_extents()
        assert 0 <= box.x0 <= box.x1 <= drawings.DRAWING + 0.01
        if volumes and box.y0 < volumes[-1][1] - 1e-9 and box.y1 > volumes[-1][0]:
            low, high = volumes[-1]
            volumes[-1] = (min(low, box.y0), max(high, box.y1))
        else:
            volumes.append((box.y0, box.y1))
    assert len(volumes) == len(drawings.volumes(models[name]))
    assert all(above[1] < below[0] for above, below in pairwise(volumes))


@pytest.mark.parametrize("name", CASES)
def test_the_faces_of_a_network_are_drawn_to_one_scale(name, models):
    axes = drawings.plot_network(models[name]).axes[0]
    drawn = {v.name: v.shape for v in drawings.volumes(models[name]) if len(v.shape) == 3}
    faces = {patch.get_label(): patch for patch in axes.patches if patch.get_label() in drawn}
    assert set(faces) == set(drawn)
    scale = [(faces[n].get_height() / s[0], faces[n].get_width() / s[1]) for n, s in drawn.items()]
    assert np.ptp(scale) < 1e-9
