"""The device that was asked for is used, or an error; several compute what one computes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import pytest
from small_runs import SMALL, assert_alike, on_jax, read

from chollet_cnn.book import networks
from chollet_cnn.errors import UserError
from chollet_cnn.training import backend, devices, environment, trainer


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


@pytest.mark.parametrize(
    ("chosen", "variable"), [("jax", "XLA_FLAGS"), ("torch", "CUBLAS_WORKSPACE_CONFIG")]
)
def test_a_gpu_is_asked_for_the_same_bits_before_its_backend_starts(chosen, variable, tmp_path):
    (tmp_path / "keras.py").write_text(
        f"import os\nfound = os.environ.get('{variable}', '')\n"
        f"class backend: backend = staticmethod(lambda: '{chosen}')\n"
    )
    there = {name: value for name, value in os.environ.items() if name != variable}
    path = os.pathsep.join([str(tmp_path), str(Path(__file__).parents[2])])
    done = subprocess.run(
        [sys.executable, "-c", "from chollet_cnn.training import devices\n"
         "print(devices.start_keras().found)"],
        env=there | {"KERAS_BACKEND": chosen, "PYTHONPATH": path},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    wanted = {"XLA_FLAGS": environment.DETERMINISTIC_XLA, "CUBLAS_WORKSPACE_CONFIG": ":4096:8"}
    assert wanted[variable] in done.stdout


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
