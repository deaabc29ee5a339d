"""Runs of small networks that were never trained, some of them ill-meant or unusual."""

import keras
from keras import layers

from chollet_cnn.training import runs

HOSTILE = r"<img src=x onerror=alert(1)> $\x_1$"


def sequential(*inner):
    """Return a small network for photographs that tells two classes apart."""
    image, last = keras.Input((24, 24, 3)), layers.Dense(1, activation="sigmoid")
    return keras.Sequential([image, layers.Rescaling(1 / 255), *inner, layers.Flatten(), last])


def plain_network():
    return sequential(
        layers.Conv2D(4, 3, activation="relu"),
        layers.MaxPooling2D(2),
        layers.Conv2D(6, 3, activation="relu"),
    )


def branching_network():
    """Return a network with a branch and a layer that the layer table does not know."""
    image = keras.Input((24, 24, 3))
    start = layers.Conv2D(4, 3, padding="same", activation="relu")(layers.Rescaling(1 / 255)(image))
    branch = layers.LayerNormalization()(layers.Conv2D(4, 3, padding="same")(start))
    pooled = layers.GlobalAveragePooling2D()(layers.Add()([start, branch]))
    return keras.Model(image, layers.Dense(1, activation="sigmoid")(pooled))


def write_run(path, model, title="Plain", classes=("cat", "dog"), image_size=(24, 24)):
    """Write the run of a network for photographs that was never trained."""
    settings = {
        "dataset": "cats-vs-dogs",
        "epochs": 1,
        "data_options": {"image_size": list(image_size), "resize": "bilinear"},
    }
    runs.begin(
        path,
        {"recipe": "untrained", "title": title, "seed": 0, "dataset": "cats vs dogs", "changed": {},
         "classes": list(classes), "watched": "validation set", "settings": settings},
    )  # fmt: skip
    runs.write_json(
        path / "environment.json",
        {"device": "cpu", "processor": HOSTILE, "device_name": "CPU", "backend": "tensorflow",
         "data": {"sha256": "of no pictures that are here"}},
    )  # fmt: skip
    row = {"epoch": 1, "loss": 0.7, "accuracy": 0.5, "val_loss": 0.7, "val_accuracy": 0.5}
    runs.write_history(path, [row | {"seconds": 1.0}])
    runs.finish(
        path,
        model,
        {"test_accuracy": 0.5, "test_pictures": 1000, "parameters": model.count_params(),
         "epochs": 1, "train_seconds": 1.0, "published": None, "dataset": "cats vs dogs"},
    )  # fmt: skip
    return path
