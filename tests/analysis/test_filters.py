"""What kernels look for: the weights as they are, and pictures that do excite."""

import keras
import numpy as np
import pytest
from keras import layers

from chollet_cnn.analysis import filters
from chollet_cnn.analysis.model_graph import UnsupportedModelError
from chollet_cnn.book import networks
from chollet_cnn.training import seeding


def small_network(colours=1, size=16):
    model = keras.Sequential(
        [
            keras.Input((size, size, colours)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(8, 3, activation="relu", name="first"),
            layers.MaxPooling2D(2),
            layers.Conv2D(6, 3, activation="relu", name="second"),
            layers.Flatten(name="flat"),
            layers.Dense(2, activation="softmax"),
        ]
    )
    seeding.set_starting_weights(model, 0)
    return model


def test_the_first_kernels_are_the_starting_weights_of_the_seed():
    model = networks.cats_vs_dogs_first_edition()
    seeding.set_starting_weights(model, 5)
    kernels = filters.first_kernels(model)
    assert (kernels == seeding.glorot_uniform((3, 3, 3, 32), 5)).all()


def test_a_network_without_convolution_is_answered_with_its_layers():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, name="only")])
    with pytest.raises(ValueError, match="no convolution of images; its layers are only"):
        filters.first_kernels(model)


def test_grey_kernels_are_drawn_with_their_weights_in_the_cells():
    kernels = np.array([0.5, -0.25]).reshape(1, 1, 1, 2)
    figure = filters.plot_kernels(kernels)
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.texts] == ["0", ".50", "1", "\N{MINUS SIGN}.25"]
    image = axes.images[0]
    assert (image.norm.vmin, image.norm.vmax) == (-0.5, 0.5)
    assert set(image.get_array().compressed()) == {0.5, -0.25}
    with pytest.raises(ValueError, match=r"\(height, width, channels, kernels\), not \(1, 1, 1\)"):
        filters.plot_kernels(kernels[..., 0])


def test_colour_kernels_are_drawn_in_colour_on_one_signed_scale():
    """A weight of zero is grey, the strongest of all is black or white in its channel."""
    kernels = np.zeros((3, 3, 3, 2))
    kernels[0, 0, :, 0] = [2, -1, 0]
    axes = filters.plot_kernels(kernels).axes[0]
    assert len(axes.texts) == 2
    drawn = {tuple(pixel) for pixel in axes.images[0].get_array().reshape(-1, 3).tolist()}
    assert drawn == {(255, 64, 128), (128, 128, 128), (255, 255, 255)}  # and what is outside


@pytest.mark.parametrize("layer", ["first", "second"])
def test_the_painted_pictures_excite_their_channels_far_more_than_noise_does(layer):
    model = small_network()
    painted = filters.maximize_activation(model, layer)
    random = np.random.default_rng(1)
    start = filters.maximize_activation(model, layer, steps=0)
    noises = [random.integers(0, 256, painted.shape).astype(np.uint8) for _ in range(5)]
    reached, start, *noise = (
        filters.mean_activation(model, layer, images, range(len(painted)))
        for images in (painted, start, *noises)
    )
    noise = np.stack(noise)
    assert painted.dtype == np.uint8
    assert (reached > 1.2 * start).all()
    assert (reached > noise.max(axis=0)).all()
    assert np.median(reached / noise.mean(axis=0)) > 1.5


def test_excitation_is_the_mean_of_the_channel_s_map():
    model = small_network()
    pictures = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 1)).astype(np.uint8)
    maps = keras.Model(model.inputs, model.get_layer("first").output)([pictures.astype("float32")])
    means = keras.ops.convert_to_numpy(maps).mean(axis=(1, 2))
    found = filters.mean_activation(model, "first", pictures, [3, 5])
    assert found == pytest.approx(np.array([means[0, 3], means[1, 5]]), abs=1e-5)


def test_the_same_seed_paints_the_same_pictures_and_another_one_others():
    model = small_network()
    first, again, other = (
        filters.maximize_activation(model, "second", [1], steps=5, seed=seed) for seed in (0, 0, 1)
    )
    assert (first == again).all()
    assert (first != other).any()


def test_the_chosen_channels_can_be_painted_smaller_than_the_network_s_pictures():
    painted = filters.maximize_activation(small_network(3, 32), "first", [4, 0], steps=2, size=12)
    assert painted.shape == (2, 12, 12, 3)


def test_a_network_that_takes_other_numbers_than_0_to_255_is_served():
    model = keras.applications.MobileNetV2((32, 32, 3), alpha=0.35, weights=None, classes=2)
    asked = {"layer": "Conv1_relu", "channels": [0, 1], "pixel_range": (-1, 1)}
    painted = filters.maximize_activation(model, steps=10, **asked)
    assert painted.shape == (2, 32, 32, 3)
    noise = np.random.default_rng(0).integers(0, 256, painted.shape).astype(np.uint8)
    reached, by_noise = (
        filters.mean_activation(model, images=images, **asked) for images in (painted, noise)
    )
    assert (reached > by_noise).all()


@pytest.mark.parametrize(
    ("layer", "channels", "words"),
    [
        ("flat", None, r"has no feature maps; its output has the shape \(150,\)"),
        ("second", [6], "second has no channel 6; it has 0 to 5"),
        ("second", [-1], "channel must be a whole number of at least 0, not -1"),
        ("second", [1.5], "channel must be a whole number of at least 0, not 1.5"),
        ("second", [], "list of channels is empty; choose at least one"),
    ],
)
def test_a_layer_without_maps_and_channels_that_are_not_there_are_refused(layer, channels, words):
    with pytest.raises(ValueError, match=words):
        filters.maximize_activation(small_network(), layer, channels)


def test_a_mean_is_asked_of_channels_that_are_there():
    model, images = small_network(), np.zeros((1, *small_network().input_shape[1:]))
    with pytest.raises(ValueError, match="second has no channel 99"):
        filters.mean_activation(model, "second", images, [99])
    with pytest.raises(ValueError, match="not 1 image for 2 channels"):
        filters.mean_activation(model, "second", images, [0, 1])


def test_a_first_convolution_without_whole_kernels_is_named():
    first = layers.SeparableConv2D(4, 3, name="first")
    model = keras.Sequential([keras.Input((8, 8, 3)), first, layers.Conv2D(2, 1)])
    with pytest.raises(UnsupportedModelError, match="first, is a SeparableConv2D, which has no"):
        filters.first_kernels(model)


def test_small_weights_are_not_written_as_nothing():
    figure = filters.plot_kernels(np.full((3, 3, 1, 2), 0.0012))
    assert any("white 0.0012" in text.get_text() for text in figure.texts)
    assert ".00" not in {text.get_text() for text in figure.axes[0].texts}
    with pytest.raises(ValueError, match="NaN"):
        filters.plot_kernels(np.full((3, 3, 1, 2), np.nan))


def test_painted_pictures_are_drawn_with_their_channels_numbers():
    pictures = np.arange(2, dtype=np.uint8)[:, None, None, None] * np.ones((1, 4, 4, 1), np.uint8)
    axes = filters.plot_activation_maximization(pictures, "second", [4, 9]).axes[0]
    assert [text.get_text() for text in axes.texts] == ["4", "9"]
    assert set(axes.images[0].get_array().compressed()) == {0, 1}
