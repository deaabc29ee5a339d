"""The device that was asked for is the one that is used, or an error."""

import keras
import pytest

from chollet_cnn.book import networks
from chollet_cnn.errors import UserError
from chollet_cnn.training import backend, devices


def test_the_cpu_is_taken_when_asked_for():
    assert devices.choose("cpu") == devices.Device("cpu", "CPU")


def test_a_gpu_is_taken_by_itself_where_there_is_one(monkeypatch):
    monkeypatch.setattr(backend, "first_gpu", lambda: "NVIDIA H200")
    assert devices.choose("auto") == devices.Device("gpu", "NVIDIA H200")
    assert devices.choose("cpu").kind == "cpu"


def test_a_gpu_that_is_asked_for_and_not_there_is_an_error(monkeypatch):
    monkeypatch.setattr(backend, "first_gpu", lambda: None)
    assert devices.choose("auto").kind == "cpu"
    with pytest.raises(UserError, match="sees no GPU"):
        devices.choose("gpu")


def test_precision_changes_how_layers_compute_and_not_what_they_keep():
    with devices.precision("bfloat16"):
        model = networks.mnist_three_block()
    assert {layer.compute_dtype for layer in model.layers} == {"bfloat16"}
    assert {weight.dtype for weight in model.trainable_variables} == {"float32"}
    assert keras.config.dtype_policy().name == "float32"
    assert networks.mnist_three_block().layers[1].compute_dtype == "float32"
