"""What layers make of a picture, counted and drawn."""

import keras
import numpy as np
import pandas as pd
import pytest
from keras import layers
from readable import assert_readable

from chollet_cnn.analysis import activations as inside
from chollet_cnn.analysis.model_graph import UnsupportedModelError, feature_layers
from chollet_cnn.analysis.receptive_fields import CellGrid
from chollet_cnn.book import networks

RANDOM = np.random.default_rng(0)


def one_pixel_network(bias=(0.0, 0.0, -300.0)):
    """Three channels over 4x4 pictures: the picture, its negative, and one that is always dark."""
    model = keras.Sequential(
        [
            keras.Input((4, 4, 1)),
            layers.Conv2D(3, 1, activation="relu", name="look"),
            layers.MaxPooling2D(2, name="pool"),
            layers.Flatten(name="flat"),
            layers.Dense(2, activation="softmax"),
        ]
    )
    model.get_layer("look").set_weights(
        [np.array([1, -1, 1], np.float32).reshape(1, 1, 1, 3), np.array(bias, np.float32)]
    )
    return model


def pictures(count=5):
    return RANDOM.integers(1, 256, (count, 4, 4, 1)).astype(np.uint8)


def test_a_layer_s_activations_are_what_its_kernels_make_of_the_picture():
    images = pictures()
    found = inside.compute_activations(one_pixel_network(), images)
    assert list(found) == ["look", "pool"]
    assert found["look"][..., 0] == pytest.approx(images[..., 0])
    assert not found["look"][..., 1:].any()
    largest = images[..., 0].reshape(5, 2, 2, 2, 2).max(axis=(2, 4))
    assert found["pool"][..., 0] == pytest.approx(largest)


def test_the_layers_with_maps_are_convolutions_and_poolings():
    keras.utils.clear_session()
    names = feature_layers(networks.mnist_first_edition())
    assert names == ["conv2d", "max_pooling2d", "conv2d_1", "max_pooling2d_1", "conv2d_2"]


def test_the_maps_of_a_keras_application_have_the_sizes_that_its_summary_prints():
    model = keras.applications.VGG16(weights=None, input_shape=(32, 32, 3), classes=3)
    image = RANDOM.integers(0, 256, (32, 32, 3)).astype(np.uint8)
    sizes = {name: maps.shape for name, maps in inside.compute_activations(model, image).items()}
    assert len(sizes) == 13 + 5
    assert sizes["block1_conv1"] == (1, 32, 32, 64)
    assert sizes["block5_pool"] == (1, 1, 1, 512)


def test_any_layer_can_be_asked_for_by_name():
    found = inside.compute_activations(one_pixel_network(), pictures(1), ["flat", "look"])
    assert {maps.ndim for maps in found.values()} == {2, 4}


def test_a_network_without_feature_maps_and_an_empty_list_of_layers_are_refused():
    dense = keras.Sequential([keras.Input((4, 4, 1)), layers.Flatten(name="flat")])
    with pytest.raises(UnsupportedModelError, match="with feature maps; its layers are flat"):
        inside.compute_activations(dense, pictures(1))
    for ask in (inside.compute_activations, inside.channel_maxima):
        with pytest.raises(ValueError, match="list of layers is empty"):
            ask(one_pixel_network(), pictures(1), [])


def test_one_layer_one_image_and_no_image_are_taken_for_what_they_are():
    model, images = one_pixel_network(), pictures()
    assert list(inside.compute_activations(model, images, "look")) == ["look"]
    maps = inside.compute_activations(model, images[:1])["look"]
    alone, batch = (inside.plot_activations(given, "look") for given in (maps[0], maps))
    pixels = [figure.axes[0].images[0].get_array().filled(-1) for figure in (alone, batch)]
    np.testing.assert_array_equal(*pixels)
    with pytest.raises(ValueError, match="feature maps of one image"):
        inside.plot_activations(np.zeros((2, 4, 4, 3)), "look")
    with pytest.raises(ValueError, match="array of images is empty"):
        inside.compute_activations(model, images[:0])


def test_peaks_are_the_same_in_batches_of_any_size():
    model, images = one_pixel_network(), pictures(5)
    (whole,) = inside.channel_maxima(model, images, ["look"]).values()
    (parts,) = inside.channel_maxima(model, images, ["look"], batch_size=2).values()
    assert (whole == parts).all()
    assert (whole[:, 0] == images.max(axis=(1, 2, 3))).all()


def test_dark_channels_are_counted_for_the_picture_and_over_the_sample():
    """The second channel is 40 minus the pixel: dark for a light picture, lit for a dark one."""
    model = one_pixel_network(bias=(0, 40, -300))
    light, dark = np.full((4, 4, 1), 200, np.uint8), np.full((4, 4, 1), 10, np.uint8)
    table = inside.inactive_channels(model, light, np.stack([light, dark]), ["look"])
    (row,) = table.to_dict("records")
    assert inside.inactive_channels(model, light, light, ["look"])["sample"].item() == 1
    assert row == {
        "layer": "look",
        "channels": 3,
        "inactive_for_image": 2,
        "dead": 1,
        "share_inactive_for_image": pytest.approx(2 / 3),
        "share_dead": pytest.approx(1 / 3),
        "sample": 2,
    }


def test_the_pictures_that_excite_a_channel_most_come_first_a_row_for_each_channel():
    model = one_pixel_network()
    images = np.array([10, 90, 50, 70], np.uint8)[:, None, None, None] * np.ones_like(pictures(4))
    table = inside.top_activating_images(model, images, "look", [0, 2], count=3)
    first = table[table["channel"] == 0]
    assert first["image"].tolist() == [1, 3, 2]
    assert first["activation"].tolist() == [90, 70, 50]
    assert first["rank"].tolist() == [1, 2, 3]
    axes = inside.plot_top_activating_images(table, images, "look").axes[0]
    labels = [text.get_text() for text in axes.texts]
    assert labels == ["0: 90", "70", "50", "2: none", "none", "none"]
    assert set(axes.images[0].get_array().compressed()) == {90, 70, 50, 255}  # or blank
    with pytest.raises(ValueError, match="look has no channel 7; it has 0 to 2"):
        inside.top_activating_images(model, images, "look", [7])


def test_a_mosaic_of_maps_numbers_its_channels_and_points_at_the_dark_ones():
    maps = np.zeros((6, 6, 4))
    maps[..., 0], maps[..., 2], maps[..., 3] = 1, 2, 4
    figure = inside.plot_activations(maps, "conv")
    (axes,) = figure.axes
    labels = [text for text in axes.texts if text.get_text()]
    assert [text.get_text() for text in labels] == ["0", "1", "2", "3"]
    assert [text.get_color() == "#b84f00" for text in labels] == [False, True, False, False]
    assert "4 feature maps of 6×6, 1 of them inactive" in figure.texts[0].get_text()
    assert "white 4 and above" in figure.texts[1].get_text()
    (image,) = axes.images
    assert set(image.get_array().compressed()) == {0, 1, 2, 4}
    assert (image.norm.vmin, image.norm.vmax) == (0, 4)  # one scale for all four


def test_dark_shares_are_drawn_as_bars_with_their_counts():
    light = np.full((4, 4, 1), 200, np.uint8)
    model = one_pixel_network(bias=(0, 40, -300))
    table = inside.inactive_channels(model, light, np.stack([light, light // 20]))
    axes = inside.plot_inactive_channels(table).axes[0]
    assert [bar.get_width() for bar in axes.patches] == pytest.approx([2 / 3, 2 / 3, 1 / 3, 1 / 3])
    assert [text.get_text() for text in axes.get_yticklabels()] == ["look", "pool"]
    written = [text.get_text() for text in axes.texts]
    assert written == [
        "67% (2 of 3) inactive for this image",
        "67% (2 of 3)",
        "33% (1 of 3) inactive for all of 2 images",
        "33% (1 of 3)",
    ]


@pytest.mark.parametrize(
    ("last", "words"),
    [(0.5, "More channels are"), (0.1, "The share of inactive channels does not rise")],
)
def test_the_title_says_what_this_network_does_and_not_what_networks_do(last, words):
    rows = [("first", 0.2), ("last", last)]
    options = {"channels": 10, "inactive_for_image": 1, "dead": 0, "sample": 3, "share_dead": 0.0}
    table = pd.DataFrame(rows, columns=["layer", "share_inactive_for_image"]).assign(**options)
    title = inside.plot_inactive_channels(table).texts[0].get_text()
    assert title.startswith(words)
    assert "20% in first" in title
    alone = inside.plot_inactive_channels(table.head(1)).texts[0].get_text()
    assert alone == "Inactive channels: 20% in first"


@pytest.mark.parametrize("layers_drawn", [1, 2, 6, 20])
def test_bars_of_one_length_have_labels_that_can_be_read(layers_drawn):
    names = [f"max_pooling2d_{number}" for number in range(layers_drawn)]
    options = {"channels": 64, "inactive_for_image": 2, "dead": 2, "sample": 355}
    shares = {"share_inactive_for_image": 2 / 64, "share_dead": 2 / 64}
    table = pd.DataFrame({"layer": names}).assign(**options, **shares)
    assert_readable(inside.plot_inactive_channels(table))


def test_where_no_channel_is_above_0_none_is_called_the_strongest():
    image, maps = np.zeros((8, 8, 1), np.uint8), -np.ones((4, 4, 2))
    figure = inside.plot_strongest_channel(image, maps, "look", CellGrid(0.5, 0.5, 2, 2))
    assert figure.texts[0].get_text() == "look: no channel is above 0 anywhere"


def test_one_map_and_one_image_are_in_the_singular():
    model, image = one_pixel_network(), np.full((4, 4, 1), 200, np.uint8)
    maps = inside.compute_activations(model, image, "look")["look"][..., :1]
    assert "look: 1 feature map of" in inside.plot_activations(maps, "look").texts[0].get_text()
    table = inside.inactive_channels(model, image, image, ["look"])
    texts = inside.plot_inactive_channels(table).axes[0].texts
    assert any(text.get_text().endswith("inactive for all of 1 image") for text in texts)


def test_the_strongest_channel_is_drawn_beside_and_over_the_picture():
    picture = np.zeros((8, 8, 3), np.uint8)
    maps = np.zeros((4, 4, 2))
    maps[..., 0], maps[0, 0, 1] = 4, 7
    assert inside.strongest_channel(maps) == 1
    figure = inside.plot_strongest_channel(picture, maps, "conv", CellGrid(0.5, 0.5, 2, 2))
    beside, over = (axes.images[0].get_array() for axes in figure.axes[1:])
    assert (beside == maps[..., 1]).all()
    assert over[0, 0].tolist() != over[7, 7].tolist()
    assert np.ptp(over[7, 7]) == 0  # grey where the channel is dark
    assert "channel 1" in figure.texts[0].get_text()
