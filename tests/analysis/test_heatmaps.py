"""Heatmaps agree with their definitions, worked out another way."""

import keras
import numpy as np
import pytest
from scipy.signal import correlate2d

from chollet_cnn.analysis import gradients, heatmaps, receptive_fields
from chollet_cnn.analysis.model_graph import as_batch, last_feature_layer, layer_outputs
from chollet_cnn.analysis.scores import find_scores
from chollet_cnn.book import networks
from chollet_cnn.training import seeding

RANDOM = np.random.default_rng(0)


def network(units, activation, size=6):
    """One convolution of three kernels, then the answer: its gradients can be written down."""
    from keras import layers

    model = keras.Sequential(
        [
            keras.Input((size, size, 1)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(3, 3, activation="relu", name="maps"),
            layers.Flatten(),
            layers.Dense(units, activation=activation, name="answer"),
        ]
    )
    seeding.set_starting_weights(model, 0)
    return model


def picture(size=6):
    return RANDOM.integers(0, 256, (size, size, 1)).astype(np.uint8)


def maps_by_hand(model, image):
    kernel, bias, *_ = (w.astype(np.float64) for w in model.get_weights())
    maps = [correlate2d(image[..., 0] / 255, kernel[..., 0, k], mode="valid") for k in range(3)]
    return np.maximum(np.stack(maps, axis=-1) + bias, 0)


def grad_cam_by_hand(model, image, row, sign=1):
    """Selvaraju et al., equations 1 and 2; the score's gradient is a row of the last weights."""
    maps = maps_by_hand(model, image)
    gradient = sign * model.get_weights()[2][:, row].reshape(maps.shape)
    weights = gradient.mean(axis=(0, 1))
    return np.maximum((maps * weights).sum(axis=-1), 0)


@pytest.mark.parametrize("target", [0, 1, 2, 3])
def test_grad_cam_of_a_softmax_is_the_definition_for_every_class(target):
    model, image = network(4, "softmax"), picture()
    expected = grad_cam_by_hand(model, image, target)
    assert heatmaps.grad_cam(model, image, target) == pytest.approx(expected, abs=1e-6)


def test_at_least_one_of_those_maps_is_not_empty():
    model, image = network(4, "softmax"), picture()
    assert max(grad_cam_by_hand(model, image, target).max() for target in range(4)) > 0.01


@pytest.mark.parametrize(("target", "sign"), [(1, 1), (0, -1)])
def test_grad_cam_of_one_sigmoid_unit_is_the_definition_for_either_class(target, sign):
    model, image = network(1, "sigmoid"), picture()
    expected = grad_cam_by_hand(model, image, 0, sign)
    assert heatmaps.grad_cam(model, image, target) == pytest.approx(expected, abs=1e-6)


def test_a_map_s_weight_is_what_differences_of_the_score_make_it():
    """A channel raised a little everywhere raises the score by as many weights as it has cells;
    the rest of the network is worked out in double precision."""
    model, image = deeper_network(), picture(10)
    maps, slopes = maps_and_slopes(model, image, "first", 2)
    for channel in range(3):
        step = np.zeros_like(maps, np.float64)
        step[..., channel] = 1e-6
        rise = rest_by_hand(model, maps + step)[2] - rest_by_hand(model, maps - step)[2]
        assert slopes[..., channel].mean() == pytest.approx(rise / 2e-6 / 64, abs=1e-6)
    weights = slopes.mean(axis=(0, 1))
    expected = np.maximum((maps * weights).sum(axis=-1), 0)
    assert np.abs(weights).min() > 1e-5
    assert heatmaps.grad_cam(model, image, 2, "first") == pytest.approx(expected, abs=1e-6)


def deeper_network():
    from keras import layers

    model = keras.Sequential(
        [
            keras.Input((10, 10, 1)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(3, 3, activation="relu", name="first"),
            layers.MaxPooling2D(2),
            layers.Conv2D(4, 3, activation="relu", name="second"),
            layers.Flatten(),
            layers.Dense(3, activation="softmax"),
        ]
    )
    seeding.set_starting_weights(model, 3)
    return model


def maps_and_slopes(model, image, layer, target):
    batch = as_batch(model, image)
    look = gradients.compiled(model, lambda x: layer_outputs(model, x, [layer])[layer])
    scores = find_scores(model)
    _, slopes = gradients.gradient(
        model,
        lambda maps, x: scores.of_class(x, target, replaced={layer: maps}),
        look(batch),
        batch,
    )
    return look(batch)[0], slopes[0]


def rest_by_hand(model, maps):
    """What deeper_network makes of its first maps (8, 8, 3): its scores, in NumPy."""
    kernel, bias, dense, dense_bias = (w.astype(np.float64) for w in model.get_weights()[2:])
    pooled = maps.reshape(4, 2, 4, 2, 3).max(axis=(1, 3))
    windows = np.lib.stride_tricks.sliding_window_view(pooled, (3, 3), axis=(0, 1))
    second = np.maximum(np.einsum("rcihw,hwio->rco", windows, kernel) + bias, 0)
    return second.ravel() @ dense + dense_bias


def test_a_network_too_sure_for_its_softmax_still_has_a_heatmap():
    model, image = network(4, "softmax"), picture()
    kernel, bias = model.get_layer("answer").get_weights()
    model.get_layer("answer").set_weights([1e4 * kernel, bias])
    probabilities = keras.ops.convert_to_numpy(model(image[None]))
    assert probabilities.max() == 1  # its gradient is zero
    assert heatmaps.saliency(model, image).max() > 0
    target = int(probabilities.argmax())
    expected = grad_cam_by_hand(model, image, target)
    assert heatmaps.grad_cam(model, image) == pytest.approx(expected, rel=1e-4)


def test_saliency_is_the_size_of_the_score_s_gradient():
    model, image = network(4, "softmax"), picture()
    kernel = model.get_weights()[0][..., 0, :]
    lit = maps_by_hand(model, image) > 0
    last = model.get_weights()[2][:, 2].reshape(lit.shape) * lit
    expected = np.zeros((6, 6))
    for (row, column, k), weight in np.ndenumerate(last):
        expected[row : row + 3, column : column + 3] += weight * kernel[..., k] / 255
    assert heatmaps.saliency(model, image, 2) == pytest.approx(np.abs(expected), abs=1e-7)


def test_of_three_colours_saliency_takes_the_largest():
    model = keras.Sequential(
        [keras.Input((2, 2, 3)), keras.layers.Flatten(), keras.layers.Dense(1)]
    )
    weights = np.arange(12, dtype=np.float32).reshape(12, 1) - 6
    model.layers[-1].set_weights([weights, np.zeros(1)])
    found = heatmaps.saliency(model, np.zeros((2, 2, 3), np.uint8), 1)
    assert found.tolist() == [[6, 3], [2, 5]]


def test_smooth_grad_without_noise_is_the_saliency():
    model, image = network(4, "softmax"), picture()
    smooth = heatmaps.smooth_grad(model, image, 1, noise=0, samples=3)
    assert smooth == pytest.approx(heatmaps.saliency(model, image, 1), abs=1e-8)


def test_smooth_grad_is_the_mean_of_gradients_at_noisy_copies():
    model, image = network(1, "sigmoid"), picture()
    found = heatmaps.smooth_grad(model, image, 1, samples=5, noise=0.2, seed=3)
    spread = 0.2 * (float(image.max()) - float(image.min()))
    grain = np.random.default_rng(3).standard_normal((5, 6, 6, 1)) * spread
    scores, copies = find_scores(model), (image + grain).astype(np.float32)
    _, slopes = gradients.gradient(model, lambda x: scores.of_class(x, 1), copies)
    assert found == pytest.approx(np.abs(slopes.mean(axis=0))[..., 0], abs=1e-8)


def test_occlusion_finds_the_one_corner_that_the_answer_rests_on():
    """A unit that sees only the top left pixel: p = sigmoid(pixel / 100)."""
    model = keras.Sequential(
        [
            keras.Input((4, 4, 1)),
            keras.layers.Flatten(),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    weights = np.zeros((16, 1), np.float32)
    weights[0] = 0.01
    model.layers[-1].set_weights([weights, np.zeros(1)])
    image = np.full((4, 4, 1), 200, np.uint8)
    fall = 1 / (1 + np.exp(-2)) - 0.5
    expected = np.zeros((4, 4))
    expected[:2, :2] = fall
    found = heatmaps.occlusion(model, image, 1, window=2, stride=2, fill=0)
    assert found == pytest.approx(expected, abs=1e-6)
    other = heatmaps.occlusion(model, image, 0, window=2, stride=2, fill=0)
    assert other == pytest.approx(-expected, abs=1e-6)


def test_a_picture_of_one_colour_covered_in_that_colour_changes_nothing():
    model = network(4, "softmax")
    assert not heatmaps.occlusion(model, np.full((6, 6, 1), 77, np.uint8)).any()


def test_every_pixel_is_covered_even_if_strides_do_not_come_out_whole():
    assert heatmaps._starts(10, 4, 4) == [0, 4, 6]
    assert heatmaps._starts(4, 4, 1) == [0]


@pytest.mark.parametrize(("units", "activation"), [(4, "softmax"), (1, "sigmoid")])
def test_what_is_not_asked_about_is_the_network_s_answer(units, activation):
    model, image = network(units, activation), picture()
    given = keras.ops.convert_to_numpy(model(image[None]))[0]
    expected = int(given.argmax()) if units > 1 else int(given[0] > 0.5)
    assert heatmaps.predicted_class(model, image) == expected
    assert (heatmaps.grad_cam(model, image) == heatmaps.grad_cam(model, image, expected)).all()


def as_graph(layers):
    inputs, *others = layers
    outputs = inputs
    for layer in others:
        outputs = layer(outputs)
    return keras.Model(inputs, outputs)


@pytest.mark.parametrize(
    "idle",
    [
        keras.layers.Activation("linear", dtype="float32"),
        keras.layers.Identity(),
        keras.layers.Reshape((1,)),
    ],
    ids=["linear", "identity", "reshape"],
)
@pytest.mark.parametrize("build", [keras.Sequential, as_graph])
def test_layers_that_only_hand_the_answer_on_change_nothing(build, idle):
    model, image = network(1, "sigmoid"), picture()
    kernel, _ = model.get_layer("answer").get_weights()
    model.get_layer("answer").set_weights([kernel, np.array([-9.0])])
    longer = build([keras.Input((6, 6, 1)), *model.layers, idle])
    assert heatmaps.predicted_class(longer, image) == 0
    expected = grad_cam_by_hand(model, image, 0, -1)
    assert heatmaps.grad_cam(longer, image, layer="maps") == pytest.approx(expected, abs=1e-6)


def test_an_unknown_class_is_answered_with_those_there_are():
    with pytest.raises(ValueError, match="no class 4; the classes are 0 to 3"):
        heatmaps.grad_cam(network(4, "softmax"), picture(), 4)
    with pytest.raises(ValueError, match="no class 2; the classes are 0 to 1"):
        heatmaps.saliency(network(1, "sigmoid"), picture(), 2)


def test_a_cover_larger_than_the_picture_is_refused():
    with pytest.raises(ValueError, match="window=7 pixels does not fit an image of 6×6"):
        heatmaps.occlusion(network(4, "softmax"), picture(), window=7)


def test_grad_cam_looks_at_the_last_convolution_of_a_keras_application():
    model = keras.applications.VGG16(weights=None, input_shape=(32, 32, 3), classes=3)
    assert last_feature_layer(model) == "block5_conv3"
    assert heatmaps.grad_cam(model, picture_in_colour(32), layer="block3_conv3").shape == (8, 8)


def test_maps_of_one_cell_are_looked_at_only_where_there_are_no_others():
    from keras import layers

    def head():
        return [layers.Conv2D(5, 1), layers.Conv2D(2, 1, name="logits"), layers.Flatten()]

    seen = layers.Conv2D(3, 3, name="seen")
    pooling = layers.GlobalAveragePooling2D(keepdims=True)
    model = keras.Sequential([keras.Input((6, 6, 1)), seen, pooling, *head(), layers.Softmax()])
    assert last_feature_layer(model) == "seen"
    assert heatmaps.grad_cam(model, picture()).shape == (4, 4)
    assert last_feature_layer(keras.Sequential([keras.Input((1, 1, 3)), *head()])) == "logits"


def test_grad_cam_reaches_into_a_network_inside_a_network():
    inner = keras.Sequential(
        [keras.Input((12, 12, 3)), keras.layers.Conv2D(4, 3, activation="relu", name="seen")],
        name="backbone",
    )
    x = keras.Input((12, 12, 3))
    pooled = keras.layers.GlobalAveragePooling2D()(inner(keras.layers.Rescaling(1 / 255)(x)))
    model = keras.Model(x, keras.layers.Dense(1, activation="sigmoid")(pooled))
    seeding.set_starting_weights(model, 0)
    image = picture_in_colour(12)
    maps = keras.ops.convert_to_numpy(inner(image[None].astype(np.float32) / 255))[0]
    weights = model.layers[-1].get_weights()[0][:, 0] / maps[..., 0].size
    expected = np.maximum((maps * weights).sum(axis=-1), 0)
    assert heatmaps.grad_cam(model, image, 1, "seen") == pytest.approx(expected, abs=1e-7)
    assert last_feature_layer(model) == "backbone/seen"


def picture_in_colour(size):
    return RANDOM.integers(0, 256, (size, size, 3)).astype(np.uint8)


def middle_of_receptive_field(model, layer, size):
    """Where the pixels lie that change a map's cell (3, 3), measured by gradients of all-ones
    kernels: the middle of its receptive field."""
    for variable in model.trainable_variables:
        variable.assign(np.ones(variable.shape, np.float32))
    image = np.ones((1, size, size, 1), np.float32)
    _, slope = gradients.gradient(
        model, lambda x: layer_outputs(model, x, [layer])[layer][:, 3, 3, 0], image
    )
    rows = np.flatnonzero(slope[0, :, :, 0].any(axis=1))
    return (rows[0] + rows[-1]) / 2


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_cells_lie_in_the_picture_where_their_receptive_fields_do(padding):
    from keras import layers

    model = keras.Sequential(
        [
            keras.Input((48, 48, 1)),
            layers.ZeroPadding2D(1),
            layers.Conv2D(2, 5, strides=2, padding=padding, name="a"),
            layers.AveragePooling2D(2, name="b"),
            layers.Conv2D(2, 3, padding=padding, dilation_rate=2, name="c"),
        ]
    )
    for name in "abc":
        place = receptive_fields.cell_grid_of(model, name)
        middle = place.row + 3 * place.row_step
        assert middle == pytest.approx(middle_of_receptive_field(model, name, 48), abs=1e-6)


def test_the_last_maps_of_the_book_s_cat_network_begin_18_and_a_half_pixels_inside():
    """By hand: 1, then (1.5, step 2), 3.5, (4.5, 4), 8.5, (10.5, 8), 18.5."""
    place = receptive_fields.cell_grid_of(networks.cats_vs_dogs_first_edition())
    assert (place.row, place.column, place.row_step, place.column_step) == (18.5, 18.5, 8, 8)


def test_a_stretched_map_has_each_cell_s_value_at_the_middle_of_the_cell():
    heat = np.array([[1.0, 2.0], [3.0, 5.0]])
    laid = receptive_fields.CellGrid(1, 1, 2, 2).resize_to_image(heat, (5, 5))
    assert laid[1, 1] == 1
    assert laid[3, 3] == 5
    assert laid[2, 1] == 2  # half way from 1 to 3
    assert laid[0, 0] == 1  # beyond the middles the outermost goes on
    assert laid[4, 4] == 5


def test_every_heatmap_is_drawn_beside_the_picture_with_its_paper():
    image = picture(8)
    heats = {"Grad-CAM": np.eye(8), "occlusion": np.zeros((8, 8)), "mine": np.eye(8)}
    figure = heatmaps.plot_heatmaps(image, heats, title="why")
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == [
        "the image",
        "Grad-CAM\nSelvaraju et al. 2017",
        "occlusion\nZeiler, Fergus 2014",
        "mine",
    ]
    assert (figure.axes[0].images[0].get_array() == image[..., 0]).all()
    marked = figure.axes[1].images[0].get_array()
    assert np.ptp(marked[0, 0]) > 100  # vermilion
    assert np.ptp(marked[0, 1]) == 0  # grey
    assert np.ptp(figure.axes[2].images[0].get_array(), axis=-1).max() == 0


def test_one_glaring_pixel_does_not_hide_the_rest_of_a_saliency_map():
    heat = np.zeros((20, 20))
    heat[5, 5], heat[10, :] = 100, 1
    fine, coarse = (
        heatmaps.plot_heatmaps(np.zeros((20, 20, 1)), {name: heat}, title="").axes[1].images[0]
        for name in ("saliency", "occlusion")
    )
    assert np.ptp(fine.get_array()[10, 3].astype(int)) > 150  # vermilion
    assert np.ptp(coarse.get_array()[10, 3].astype(int)) < 5  # all but grey: nothing is cut off
