"""A run directory is there whole or not at all, and reads back what was written."""

import json
import math
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from chollet_cnn import files
from chollet_cnn.book import networks
from chollet_cnn.errors import UserError
from chollet_cnn.training import runs

ROWS = [
    {
        "epoch": 1,
        "loss": 0.1 + 0.2,
        "accuracy": 1 / 3,
        "val_loss": 2e-17,
        "val_accuracy": 0.5,
        "seconds": 1.25,
    },
    {
        "epoch": 2,
        "loss": 1e-9,
        "accuracy": 2 / 3,
        "val_loss": 0.7,
        "val_accuracy": 0.25,
        "seconds": 1.5,
    },
]


@pytest.fixture
def finished(tmp_path):
    path = runs.directory(tmp_path, "mnist-three-block", 3)
    runs.begin(path, {"recipe": "mnist-three-block"})
    runs.write_json(path / "environment.json", {"backend": "none"})
    runs.write_history(path, ROWS)
    return runs.finish(path, networks.mnist_three_block(), {"test_accuracy": 0.5})


def test_a_run_lies_in_its_recipe_s_folder_under_its_seed(tmp_path, finished):
    assert finished.path == tmp_path / "mnist-three-block" / "seed-3"
    assert {file.name for file in finished.path.iterdir()} == {
        "config.json",
        "environment.json",
        "history.csv",
        "metrics.json",
        "model.keras",
    }


def test_the_history_reads_back_bit_for_bit(finished):
    assert finished.history.to_dict("records") == ROWS
    assert list(finished.history.columns) == list(runs.COLUMNS)


def test_the_network_reads_back(finished):
    assert finished.load_model().count_params() == 60_554


def test_a_checkpoint_reads_back_and_goes_when_the_run_is_finished(tmp_path):
    variables = [np.arange(6, dtype=np.float32).reshape(2, 3), np.array([4, 2], np.uint32)]
    path = tmp_path / "run"
    runs.begin(path, {})
    assert runs.read_checkpoint(path) is None
    runs.write_checkpoint(path, runs.Checkpoint(ROWS, variables, [variables[0] + 1]))
    back = runs.read_checkpoint(path)
    assert back.rows == ROWS
    assert [array.dtype for array in back.variables] == [np.float32, np.uint32]
    for one, other in zip(back.variables, variables, strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(back.best_weights[0], variables[0] + 1)
    runs.write_json(path / "environment.json", {})
    runs.finish(path, networks.mnist_three_block(), {})
    assert not (path / "checkpoint").exists()


def test_a_new_checkpoint_that_breaks_off_leaves_the_old_one(tmp_path, monkeypatch):
    path = tmp_path / "run"
    runs.write_checkpoint(path, runs.Checkpoint(ROWS[:1], [np.ones(3)], []))

    def full(*arguments, **arrays):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(UserError, match="No space left"):
        runs.write_checkpoint(path, runs.Checkpoint(ROWS, [np.zeros(3)], []))
    monkeypatch.undo()
    assert runs.read_checkpoint(path).rows == ROWS[:1]
    assert [file.name for file in (path / "checkpoint").iterdir()] == ["state.npz"]


def test_a_damaged_checkpoint_is_named(tmp_path):
    (tmp_path / "checkpoint").mkdir()
    (tmp_path / "checkpoint" / "state.npz").write_bytes(b"PK\x03\x04 broken")
    with pytest.raises(UserError, match=r"state\.npz is damaged"):
        runs.read_checkpoint(tmp_path)


def test_a_checkpoint_with_a_damaged_head_is_named(tmp_path):
    runs.write_checkpoint(tmp_path, runs.Checkpoint(ROWS, [np.ones(3)], []))
    file = tmp_path / "checkpoint" / "state.npz"
    whole = bytearray(file.read_bytes())
    whole[whole.rindex(b"PK\x01\x02") + 10] = 99  # a way to compress that nobody knows
    file.write_bytes(whole)
    with pytest.raises(UserError, match=r"state\.npz is damaged"):
        runs.read_checkpoint(tmp_path)


def test_two_that_write_one_file_do_not_get_into_each_other_s_way(tmp_path):
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: files.write(tmp_path / "a", str(n) * 9999), [1, 2, 3, 4] * 20))
    assert len(set((tmp_path / "a").read_text())) == 1
    assert [file.name for file in tmp_path.iterdir()] == ["a"]


def test_what_is_no_number_is_null_in_json(tmp_path):
    content = {"loss": math.nan, "losses": [1.5, math.inf], "settings": {"rate": 1e30}}
    runs.write_json(tmp_path / "metrics.json", content)
    assert runs.read_json(tmp_path / "metrics.json") == {
        "loss": None, "losses": [1.5, None], "settings": {"rate": 1e30}
    }  # fmt: skip


def test_a_folder_that_nobody_may_look_into_holds_no_run(tmp_path, monkeypatch):
    def closed(path, **_):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "stat", closed)  # as root may look everywhere
    assert not runs.is_begun(tmp_path)
    assert not runs.is_finished(tmp_path)


def test_a_folder_that_is_no_run_is_named(tmp_path):
    with pytest.raises(UserError, match=r"is no run directory"):
        runs.read(tmp_path)


def test_an_unfinished_run_is_told_from_none(tmp_path):
    runs.begin(tmp_path / "run", {"recipe": "x"})
    with pytest.raises(UserError, match=r"unfinished.*--resume"):
        runs.read(tmp_path / "run")


def test_a_damaged_file_is_named(finished):
    (finished.path / "config.json").write_text('{"recipe": ')
    with pytest.raises(UserError, match=r"config\.json cannot be read"):
        runs.read(finished.path)


def test_a_damaged_network_is_named(finished):
    (finished.path / "model.keras").write_bytes(b"PK not a network")
    with pytest.raises(UserError, match=r"model\.keras"):
        finished.load_model()


def test_a_place_under_a_file_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="free the place or choose another"):
        runs.begin(tmp_path / "file" / "run", {})


def test_beginning_again_leaves_nothing_of_the_old_run(finished):
    runs.begin(finished.path, {"recipe": "again"})
    assert [file.name for file in finished.path.iterdir()] == ["config.json"]
    assert json.loads((finished.path / "config.json").read_text()) == {"recipe": "again"}


def test_a_run_that_was_made_before_figures_had_a_last_place_is_read_all_the_same(finished):
    metrics = runs.read_json(finished.path / "metrics.json")
    metrics["published"] = {"quantity": "test_accuracy", "value": 0.9913}
    runs.write_json(finished.path / "metrics.json", metrics)
    assert runs.read(finished.path).metrics["published"]["step"] == 0.0001
