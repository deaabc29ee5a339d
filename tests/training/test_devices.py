"""The device that was asked for is used, or an error; several compute what one computes."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from chollet_cnn.book import networks
from chollet_cnn.errors import UserError
from chollet_cnn.training import backend, devices, environment, machines, runs, trainer

on_jax = pytest.mark.skipif(backend.BACKEND != "jax", reason="only Keras on JAX divides a batch")


@pytest.mark.parametrize(
    ("there", "wanted", "taken"),
    [(None, "auto", "cpu"), (None, "cpu", "cpu"), ("H200", "auto", "gpu"), ("H200", "cpu", "cpu")],
)
def test_a_gpu_is_taken_by_itself_where_there_is_one(there, wanted, taken, monkeypatch):
    monkeypatch.setattr(backend, "first_gpu", lambda: there)
    assert devices.choose(wanted) == devices.Device(taken, there if taken == "gpu" else "CPU")


def test_a_gpu_that_is_asked_for_and_not_there_is_an_error(monkeypatch, tmp_path):
    monkeypatch.setattr(backend, "first_gpu", lambda: None)
    with pytest.raises(UserError, match="sees no GPU"):
        trainer.train_network(dataset="digits", device="gpu", out=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_precision_changes_how_layers_compute_and_not_what_they_keep():
    with devices.precision("bfloat16"):
        model = networks.mnist_three_block()
    assert {layer.compute_dtype for layer in model.layers} == {"bfloat16"}
    assert {weight.dtype for weight in model.trainable_variables} == {"float32"}
    assert keras.config.dtype_policy().name == "float32"
    assert networks.mnist_three_block().layers[1].compute_dtype == "float32"


@pytest.mark.parametrize(
    ("variable", "written", "chosen"),
    [
        ("jax", "torch", "jax"), ("", "torch", "torch"), (None, "jax", "jax"),
        (None, None, "tensorflow"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("home", ["home", ""])
def test_the_backend_is_known_before_keras_is_imported(
    home, variable, written, chosen, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    Path("home").mkdir()
    monkeypatch.delitem(sys.modules, "keras")
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.setenv("KERAS_HOME", home)
    if variable is not None:
        monkeypatch.setenv("KERAS_BACKEND", variable)
    if written:
        Path(home, "keras.json").write_text(json.dumps({"backend": written}))
    assert devices.chosen_backend() == chosen


@pytest.mark.skipif(backend.BACKEND == "jax", reason="JAX can do it")
def test_another_backend_names_the_one_that_divides_a_batch(tmp_path):
    with pytest.raises(UserError, match=rf"runs on {backend.BACKEND} here; .*KERAS_BACKEND=jax"):
        trainer.train_network(dataset="digits", devices=2, out=tmp_path)
    assert not list(tmp_path.iterdir())


@on_jax
def test_a_platform_that_jax_cannot_start_is_told_in_one_sentence(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "chollet_cnn.train", "--dataset", "digits", "--out", tmp_path],
        env=os.environ | {"JAX_PLATFORMS": "nowhere"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, list(tmp_path.iterdir())) == (2, "", [])
    assert done.stderr.startswith("error: JAX cannot start (")
    assert "check JAX_PLATFORMS" in done.stderr


@on_jax
def test_what_changes_jax_s_random_layers_is_compared_on_resuming():
    here = backend.describe()
    numerics = here["numerics"] | {"x64": True, "threefry_partitionable": False}
    versions = here["versions"] | {"jaxlib": "0.1"}
    there = here | {"numerics": numerics, "versions": versions}
    changed = set(environment.differing_settings(here, there))
    assert changed == {"version of jaxlib", "x64", "threefry_partitionable"}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((None, 2, 0), "coordinator, the address of the first as host:port"),
        (("localhost", 2, 0), "coordinator=localhost"),
        (("localhost:99999", 2, 0), "coordinator=localhost:99999"),
        (("localhost:9000", 1, 0), "at least 2"),
        (("localhost:9000", 2, 2), "process_index must be from 0 to 1"),
        (("localhost:9000", 2.5, 0), "processes must be a whole number"),
    ],
)
def test_flags_of_several_processes_that_do_not_belong_together_are_refused(arguments, says):
    with pytest.raises(UserError, match=says):
        machines.group(*arguments)


def test_several_processes_are_told_apart_by_their_index():
    assert machines.group(None, 1, 0) is None
    assert machines.group("[::1]:9000", 3, 2) == machines.Group("[::1]:9000", 3, 2)


# Few large batches and small steps: a maximum that two values compete for may turn with the last
# bit, which changes little here. The last batch of a pass has 2 images, which 4 cannot share.
SMALL = {"dataset": "digits", "batch_size": 480, "learning_rate": 1e-4}
FLAGS = ("--dataset", "digits", "--batch-size", "480", "--learning-rate", "1e-4")
DIVIDED = """
import sys
from chollet_cnn.errors import UserError
from chollet_cnn.training import trainer

out, small = sys.argv[1], {small}
for devices in (1, 2, 4):
    trainer.train_network(epochs=2, devices=devices, out=f"{{out}}/{{devices}}", **small)
for wrong in ({{"devices": 4, "batch_size": 481}}, {{"devices": 8}}):
    try:
        trainer.train_network(epochs=2, out=f"{{out}}/wrong", **small | wrong)
    except UserError as problem:
        print(problem.in_terms_of_flags())
trainer.train_network(epochs=3, devices=2, resume=True, out=f"{{out}}/4", **small)
"""


def read(out):
    return runs.load_run(out / "mnist-three-block" / "seed-0")


def assert_alike(one, other, epoch):
    """Compare learning curves and the weights after an epoch."""
    curves = [run.history.set_index("epoch").loc[:epoch] for run in (one, other)]
    for column in ("loss", "val_loss"):
        assert curves[0][column].tolist() == pytest.approx(curves[1][column].tolist(), abs=1e-5)
    weights = [run.read_epoch_weights(epoch) for run in (one, other)]
    assert max(np.abs(a - b).max() for a, b in zip(*weights, strict=True)) < 1e-4


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """Three epochs on one device."""
    return trainer.train_network(out=tmp_path_factory.mktemp("alone"), epochs=3, **SMALL)


@on_jax
def test_two_and_four_devices_train_as_one_and_go_on_with_another_number(alone, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", DIVIDED.format(small=SMALL), tmp_path],
        env=os.environ | {"XLA_FLAGS": "--xla_force_host_platform_device_count=4"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    one, two, four = (read(tmp_path / name) for name in "124")
    assert_alike(one, two, 2)
    assert_alike(one, four, 2)
    assert_alike(alone, four, 3)
    assert [run.environment["devices"] for run in (alone, one, two, four)] == [1, 1, 2, 2]
    batch, too_many = done.stdout.splitlines()
    assert "among 4 devices; pass --batch-size=480 or 484" in batch
    assert "--devices=8 is more than the 4" in too_many
    assert not (tmp_path / "wrong").exists()


def start(index, coordinator, out, *flags):
    return subprocess.Popen(
        [sys.executable, "-m", "chollet_cnn.train", *FLAGS, *map(str, flags), "--out", out,
         "--coordinator", coordinator, "--processes", "2", "--process-index", str(index)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def start_both(out, *flags):
    """Start two processes; the second is told a folder of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        coordinator = f"127.0.0.1:{free.getsockname()[1]}"
    return [
        start(index, coordinator, folder, *flags)
        for index, folder in enumerate((out, out / "of the second"))
    ]


def finish(process):
    _, errors = process.communicate(timeout=500)
    assert (process.returncode, errors) == (0, "")


@on_jax
def test_two_processes_train_as_one_and_the_first_alone_writes(alone, tmp_path):
    for process in start_both(tmp_path, "--epochs", 2):
        finish(process)
    run = read(tmp_path)
    assert_alike(alone, run, 2)
    assert (run.environment["processes"], run.environment["devices"]) == (2, 2)
    assert run.load_model()
    assert not (tmp_path / "of the second").exists()


def test_the_end_of_a_child_is_told_where_there_is_no_sigkill(monkeypatch):
    windows = {name: value for name, value in vars(signal).items() if name != "SIGKILL"}
    monkeypatch.setattr(machines, "signal", SimpleNamespace(**windows))
    with pytest.raises(RuntimeError, match="ended with status 3"):
        machines.call_in_child(os._exit, 3)


@on_jax
@pytest.mark.parametrize("victim", [0, 1])
def test_a_killed_process_ends_the_other_and_the_run_goes_on(alone, tmp_path, victim):
    both = start_both(tmp_path, "--epochs", 500)
    for line in both[0].stdout:
        if line.startswith("epoch "):
            break
    both[victim].kill()
    began = time.perf_counter()
    other = both[1 - victim]
    _, errors = other.communicate(timeout=120)
    assert time.perf_counter() - began < 60
    assert other.returncode == machines.ProcessLost.status
    assert errors.startswith("error: another process of this run ended")
    assert errors.count("\n") == 1
    path = tmp_path / "mnist-three-block" / "seed-0"
    epochs = max(3, len((path / "history.csv").read_text().splitlines()))
    if victim:
        trainer.train_network(out=tmp_path, epochs=epochs, resume=True, **SMALL)
    else:
        for process in start_both(tmp_path, "--epochs", epochs, "--resume"):
            finish(process)
    assert_alike(alone, read(tmp_path), 3)
