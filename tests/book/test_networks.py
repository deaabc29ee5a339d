"""The networks have the sizes that the book's summaries print."""

import keras
import numpy as np
import pytest

from chollet_cnn.book import networks

MNIST = {
    "mnist_three_block": (
        60_554, "26x26x32 13x13x32 11x11x64 5x5x64 3x3x64 1x1x64", [64, 64, 10]
    ),
    "mnist_first_edition": (93_322, "26x26x32 13x13x32 11x11x64 5x5x64 3x3x64", [576, 64, 10]),
    "mnist_second_edition": (104_202, "26x26x32 13x13x32 11x11x64 5x5x64 3x3x128", [1152, 10]),
    "mnist_third_edition": (372_234, "26x26x64 13x13x64 11x11x128 5x5x128 3x3x256", [256, 10]),
    "mnist_without_pooling": (712_202, "26x26x32 24x24x64 22x22x128", [61_952, 10]),
}  # fmt: skip
LATER_MAPS = "178x178x32 89x89x32 87x87x64 43x43x64 41x41x128 20x20x128 18x18x256 9x9x256"
CATS = {
    "cats_vs_dogs_first_edition": (
        3_453_121,
        "148x148x32 74x74x32 72x72x64 36x36x64 34x34x128 17x17x128 15x15x128 7x7x128",
        [6272, 512, 1],
    ),
    "cats_vs_dogs_second_edition": (991_041, f"{LATER_MAPS} 7x7x256", [12_544, 1]),
    "cats_vs_dogs_third_edition": (1_569_089, f"{LATER_MAPS} 7x7x512", [512, 1]),
}
PUBLISHED = MNIST | CATS


@pytest.mark.parametrize("name", PUBLISHED)
def test_parameters_feature_maps_and_head_are_the_published_ones(name):
    parameters, maps, head = PUBLISHED[name]
    model = getattr(networks, name)()
    kinds = keras.layers.Conv2D | keras.layers.MaxPooling2D
    shapes = [layer.output.shape[1:] for layer in model.layers if isinstance(layer, kinds)]
    assert model.count_params() == parameters
    assert " ".join("x".join(map(str, shape)) for shape in shapes) == maps
    outputs = [layer.output.shape for layer in model.layers]
    assert [shape[1] for shape in outputs if len(shape) == 2] == head
    *inner, last = [layer.activation.__name__ for layer in model.layers if layer.weights]
    assert (set(inner), last) == ({"relu"}, "softmax" if name in MNIST else "sigmoid")


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_network_takes_raw_pixels_and_is_not_compiled(name):
    model = getattr(networks, name)()
    white = np.full((1, *model.input_shape[1:]), 255, np.uint8)
    assert float(keras.ops.max(model.layers[0](white))) == pytest.approx(1.0)
    assert not model.compiled


FLIP = ("RandomFlip", {"mode": "horizontal"})
LATER = (FLIP, ("RandomRotation", {"factor": (-0.1, 0.1)}), ("RandomZoom", {"height_factor": 0.2}))
AUGMENTATION = {
    ("cats_vs_dogs_first_edition", True): (  # listing 5.11; its shear of 0.2 is in degrees today
        ("RandomRotation", {"factor": (-40 / 360, 40 / 360)}),
        ("RandomTranslation", {"height_factor": 0.2, "width_factor": 0.2}),
        ("RandomShear", {"x_factor": (0, pytest.approx(np.tan(np.radians(0.2))))}),
        ("RandomZoom", {"height_factor": 0.2, "width_factor": 0.2}),
        FLIP,
    ),
    ("cats_vs_dogs_first_edition", "2017"): (
        ("RandomAffine", {"rotation": 40, "shift": 0.2, "shear": 0.2, "zoom": 0.2}),
        FLIP,
    ),
    ("cats_vs_dogs_second_edition", True): LATER,  # listing 8.14
    ("cats_vs_dogs_third_edition", True): LATER,
}


@pytest.mark.parametrize(("name", "augmentation"), AUGMENTATION)
def test_augmentation_has_the_ranges_of_the_book_and_dropout_its_place(name, augmentation):
    _, *others = getattr(networks, name)(augmentation=augmentation, dropout=0.25).layers
    for layer, (kind, settings) in zip(others, AUGMENTATION[name, augmentation], strict=False):
        config = layer.get_config()
        assert (type(layer).__name__, {key: config[key] for key in settings}) == (kind, settings)
    dropout = [type(layer).__name__ for layer in others].index("Dropout")
    assert others[dropout].rate == 0.25
    assert isinstance(others[dropout + 1], keras.layers.Dense)
    assert not isinstance(others[dropout - 1], keras.layers.Dense)
    if (name, augmentation) == ("cats_vs_dogs_first_edition", True):
        assert {layer.get_config()["fill_mode"] for layer in others[:4]} == {"nearest"}


@pytest.mark.parametrize(
    ("name", "augmentation"),
    AUGMENTATION,
)
def test_a_saved_network_predicts_the_same_augmentation_included(name, augmentation, tmp_path):
    model = getattr(networks, name)(augmentation=augmentation, dropout=0.5)
    assert model.count_params() == PUBLISHED[name][0]
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.layers[1].get_config() == model.layers[1].get_config()
    image = np.random.default_rng(0).integers(0, 256, (1, *model.input_shape[1:]), np.uint8)
    before, after = (
        keras.ops.convert_to_numpy(network(image, training=False)) for network in (model, loaded)
    )
    np.testing.assert_array_equal(before, after)


def test_augmentation_changes_images_in_training_only():
    model = networks.cats_vs_dogs_second_edition(augmentation=True)
    random = keras.Sequential([layer for layer in model.layers if "random" in layer.name])
    image = np.random.default_rng(0).random((4, 180, 180, 3), np.float32)
    untouched = keras.ops.convert_to_numpy(random(image, training=False))
    np.testing.assert_array_equal(untouched, image)
    assert np.abs(keras.ops.convert_to_numpy(random(image, training=True)) - image).mean() > 0.05
