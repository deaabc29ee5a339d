"""Heatmaps and exciting images hold against those of tf-keras-vis, which others wrote."""

import keras
import numpy as np
import pytest
from keras import layers

from chollet_cnn.analysis import filters, heatmaps
from chollet_cnn.analysis.model_graph import last_feature_layer

pytest.importorskip("tf_keras_vis", reason="pip install tf-keras-vis to compare with it")
if keras.backend.backend() != "tensorflow":
    pytest.skip("tf-keras-vis needs TensorFlow", allow_module_level=True)

from tf_keras_vis.activation_maximization import ActivationMaximization
from tf_keras_vis.gradcam import Gradcam
from tf_keras_vis.saliency import Saliency
from tf_keras_vis.utils.model_modifiers import ExtractIntermediateLayer, ReplaceToLinear
from tf_keras_vis.utils.scores import CategoricalScore

IMAGE = np.random.default_rng(7).uniform(-1, 1, (1, 32, 32, 3)).astype(np.float32)


def like_vgg():
    blocks = []
    for filters_ in (6, 8, 10):
        convolution = {"filters": filters_, "kernel_size": 3, "padding": "same"}
        blocks += [layers.Conv2D(**convolution, activation="relu") for _ in range(2)]
        blocks.append(layers.MaxPooling2D(2))
    head = [layers.Flatten(), layers.Dense(12, "relu"), layers.Dense(3, "softmax")]
    x = output = keras.Input((32, 32, 3))
    for layer in [*blocks, *head]:
        output = layer(output)
    return keras.Model(x, output)


def with_branches():
    x = keras.Input((32, 32, 3))
    both = [layers.Conv2D(6, size, padding="same", activation="relu")(x) for size in (3, 5)]
    maps = layers.Conv2D(8, 3, strides=2, activation="relu")(layers.Concatenate()(both))
    maps = layers.Add()([maps, layers.Conv2D(8, 1)(maps)])
    pooled = layers.GlobalAveragePooling2D()(layers.Conv2D(7, 3, activation="relu")(maps))
    return keras.Model(x, layers.Dense(3, "softmax")(pooled))


def mobile_net():
    return keras.applications.MobileNetV2((32, 32, 3), alpha=0.35, weights=None, classes=3)


@pytest.mark.filterwarnings("ignore")  # tf-keras-vis is written for older Keras and SciPy
@pytest.mark.parametrize("build", [like_vgg, with_branches, mobile_net])
def test_grad_cam_and_saliency_are_those_of_tf_keras_vis(build):
    keras.utils.set_random_seed(1)
    model = build()
    name = last_feature_layer(model)
    if build is mobile_net:  # at 32 pixels its last feature maps have one cell
        name = "block_6_expand_relu"
    for target in range(3):
        score, linear = CategoricalScore(target), ReplaceToLinear()
        (expected,) = Gradcam(model, model_modifier=linear)(
            score, IMAGE, penultimate_layer=name, seek_penultimate_conv_layer=False,
            expand_cam=False, normalize_cam=False,
        )  # fmt: skip
        found = heatmaps.compute_grad_cam(model, IMAGE, target, name)
        np.testing.assert_allclose(found, expected, atol=1e-5 * np.max(expected))
        (expected,) = Saliency(model, model_modifier=linear)(score, IMAGE, normalize_map=False)
        found = heatmaps.saliency(model, IMAGE, target)
        np.testing.assert_allclose(found, expected, atol=1e-5 * np.max(expected))
        assert np.max(found) > 0


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("build", [like_vgg, with_branches])
def test_the_images_activate_a_channel_at_least_as_much_as_those_of_tf_keras_vis(build):
    keras.utils.set_random_seed(1)
    model = build()
    name = last_feature_layer(model)
    maximize = ActivationMaximization(model, model_modifier=ExtractIntermediateLayer(name))
    theirs = np.clip(maximize(CategoricalScore(0), steps=40), 0, 255)
    ours = filters.maximize_activation(model, name, [0], steps=40)
    reached, other = (filters.mean_activation(model, name, i, [0]) for i in (ours, theirs))
    assert reached > other
