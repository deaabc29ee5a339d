"""A run that was damaged or crafted ends in one sentence, or is read as it stands."""

import json
import shutil
from functools import cache

import keras
import numpy as np
import pytest
from hypothesis import strategies as st

from chollet_cnn.evidence import records
from chollet_cnn.page import trained_model
from chollet_cnn.training import backend, checkpoints, plan, resuming, runs, seeding
from chollet_cnn.training.checkpoints import Checkpoint
from robustness.damage import ask, damaged_bytes, damaged_json, damaged_text

FILES = ("config.json", "environment.json", "metrics.json")


@pytest.fixture
def run(digits_run, tmp_path):
    """A copy of a run that may be damaged."""
    return runs.load_run(shutil.copytree(digits_run, tmp_path / "run", dirs_exist_ok=True))


@pytest.fixture
def quick_loading(run, monkeypatch):
    """Loading the file of the network, which is whole here, takes no time."""
    model = run.load_model()
    monkeypatch.setattr(keras.models, "load_model", lambda *_, **__: model)


def write(path, content):
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif isinstance(content, str):
        path.write_bytes(content.encode("utf-8", "surrogatepass"))
    else:
        path.write_text(json.dumps(content), encoding="utf-8")


def use(path):
    """Do with a run what the commands do."""
    run = runs.load_run(path)
    assert str(run).replace("\n", "").isprintable()
    assert records.history_name(records.to_row(run)).endswith(".csv")
    records.outcome(run)
    assert len(run.history) == run.metrics["epochs"]
    assert run.load_model().output_shape[-1] == len(run.config["classes"])


@cache
def surroundings():
    return backend.describe() | {"device": "cpu", "data": {"sha256": "0"}}


def resume(path):
    """Decide how a training would go on in a run's directory."""
    resuming.how_to_begin(path, plan.make("mnist-three-block"), True, False, surroundings())


@pytest.mark.parametrize("name", FILES)
def test_damaged_json_of_a_run(run, attack, quick_loading, name):
    whole = (run.path / name).read_bytes()
    damaged = st.one_of(damaged_json(json.loads(whole)), damaged_bytes(whole))

    def check(content):
        write(run.path / name, content)
        for reader in (use, resume):
            _, refusal = ask(reader, run.path)
            assert not runs.run_files.UNPRINTABLE.search(refusal)

    attack(damaged, check, 60, 1000)


def test_damaged_run_on_the_page(run, attack, quick_loading):
    name = st.sampled_from(FILES)
    wholes = {name: json.loads((run.path / name).read_bytes()) for name in FILES}

    def check(damaged):
        for file, content in wholes.items():
            write(run.path / file, content)
        write(run.path / damaged[0], damaged[1])
        shown, refusal = ask(trained_model.read, run.path)
        assert "is not as" not in refusal  # what was not foreseen ends so
        assert refusal or len(shown.answer) == len(shown.classes)

    inputs = name.flatmap(lambda name: st.tuples(st.just(name), damaged_json(wholes[name])))
    attack(inputs, check, 15, 200)


def test_damaged_history(run, attack):
    whole = (run.path / "history.csv").read_text()
    damaged = st.one_of(damaged_text(whole), damaged_bytes(whole.encode()))

    def check(content):
        write(run.path / "history.csv", content)
        history, refusal = ask(lambda: run.history)
        epochs = list(range(1, run.metrics["epochs"] + 1))
        assert refusal or history["epoch"].tolist() == epochs
        assert refusal or np.isfinite(history.to_numpy()).all()

    attack(damaged, check, 100, 3000)


def test_damaged_checkpoint(tmp_path, attack):
    row = dict.fromkeys(("loss", "accuracy", "val_loss", "val_accuracy", "seconds"), 0.5)
    whole = Checkpoint([{"epoch": 1, **row}], [np.arange(6, dtype=np.float32)], [])
    owner = {"seed": 0}
    checkpoints.write(tmp_path, whole, owner)

    def check(content):
        (tmp_path / checkpoints.FILE).write_bytes(content)
        found, refusal = ask(checkpoints.read, tmp_path, owner, whole)
        assert refusal or found.rows == whole.rows
        assert refusal or np.array_equal(found.variables[0], whole.variables[0])

    attack(damaged_bytes((tmp_path / checkpoints.FILE).read_bytes()), check, 100, 3000)


def test_damaged_weights_of_an_epoch(tmp_path, attack):
    kept = [np.arange(6, dtype=np.float32).reshape(2, 3), np.ones(2, np.float32)]
    runs.write_epoch_weights(tmp_path, 1, kept)
    run = runs.Run(tmp_path, {}, {}, {"parameters": 8})
    file = tmp_path / "epochs" / "weights-001.npz"

    def check(content):
        file.write_bytes(content)
        found, refusal = ask(run.read_epoch_weights, 1)
        assert refusal or len(found) == len(kept)
        assert refusal or all(map(np.array_equal, found, kept))

    attack(damaged_bytes(file.read_bytes()), check, 100, 3000)


def test_damaged_network(run, attack):
    file = run.path / "model.keras"

    def check(content):
        file.write_bytes(content)
        model, refusal = ask(run.load_model)
        assert refusal or seeding.sha256_of_weights(model) == run.metrics["weights_sha256"]

    attack(damaged_bytes(file.read_bytes()), check, 8, 100)
