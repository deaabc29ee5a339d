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

# tf-keras-vis is written for older Keras and SciPy.
pytestmark = pytest.mark.filterwarnings("ignore")


def with_branches():
    x = keras.Input((32, 32, 3))
    both = [layers.Conv2D(6, size, padding="same", activation="relu")(x) for size in (3, 5)]
    maps = layers.Conv2D(8, 3, strides=2, activation="relu", name="strided")(
        layers.Concatenate()(both)
    )
    maps = layers.Add()([maps, layers.Conv2D(8, 1)(maps)])
    maps = layers.Conv2D(7, 3, activation="relu", name="last")(maps)
    return keras.Model(x, layers.Dense(3, "softmax")(layers.GlobalAveragePooling2D()(maps)))


BUILDERS = {
    "block5_conv3": lambda: keras.applications.VGG16(
        weights=None, input_shape=(32, 32, 3), classes=3
    ),
    "out_relu": lambda: keras.applications.MobileNetV2((64, 64, 3), 0.35, weights=None, classes=3),
    "last": with_branches,
    "strided": with_branches,
}
"""Networks with random weights, by a layer that is asked about."""


KERAS_APPLICATIONS = [
    pytest.param(name, marks=pytest.mark.slow) for name in ("block5_conv3", "out_relu")
]


@pytest.fixture(scope="module", params=[*KERAS_APPLICATIONS, "last", "strided"])
def network(request):
    keras.utils.set_random_seed(1)
    return BUILDERS[request.param](), request.param


def test_grad_cam_and_saliency_are_those_of_tf_keras_vis(network):
    model, name = network
    assert last_feature_layer(model) == ("last" if name == "strided" else name)
    image = np.random.default_rng(7).uniform(-1, 1, (1, *model.input_shape[1:])).astype("float32")
    for target in range(3):
        score, linear = CategoricalScore(target), ReplaceToLinear()
        (expected,) = Gradcam(model, model_modifier=linear)(
            score, image, penultimate_layer=name, seek_penultimate_conv_layer=False,
            expand_cam=False, normalize_cam=False,
        )  # fmt: skip
        found = heatmaps.compute_grad_cam(model, image, target, *[name] * (name == "strided"))
        np.testing.assert_allclose(found, expected, atol=1e-5 * np.max(expected))
        (expected,) = Saliency(model, model_modifier=linear)(score, image, normalize_map=False)
        found = heatmaps.saliency(model, image, target)
        np.testing.assert_allclose(found, expected, atol=1e-5 * np.max(expected))
        assert np.max(found) > 0


def test_the_images_activate_a_channel_at_least_as_much_as_those_of_tf_keras_vis(network):
    model, name = network
    maximize = ActivationMaximization(model, model_modifier=ExtractIntermediateLayer(name))
    theirs = np.clip(maximize(CategoricalScore(0), steps=20), 0, 255)
    ours = filters.maximize_activation(model, name, [0], steps=20)
    reached, other = (filters.mean_activation(model, name, i, [0]) for i in (ours, theirs))
    assert reached > other
