"""A checkpoint reads back bit for bit, says whose it is, and is refused where it does not fit."""

import dataclasses

import numpy as np
import pytest

from chollet_cnn.errors import UserError
from chollet_cnn.training import checkpoints
from chollet_cnn.training.checkpoints import Checkpoint

ROWS = [dict.fromkeys(("loss", "accuracy", "val_loss", "val_accuracy", "seconds"), 0.1 + 0.2)]
ROWS = [{"epoch": 1, **ROWS[0]}, {"epoch": 2, **ROWS[0], "val_loss": 2e-17}]
VARIABLES = [np.arange(6, dtype=np.float32).reshape(2, 3), np.array([4, 2], np.uint32)]
WHOLE = Checkpoint(ROWS, VARIABLES, [VARIABLES[0] + 1])
OWNER = {"seed": 3, "learning_rate": 0.001}


def test_a_checkpoint_reads_back(tmp_path):
    assert checkpoints.read(tmp_path, OWNER, WHOLE).rows == []
    checkpoints.write(tmp_path, WHOLE, OWNER)
    back = checkpoints.read(tmp_path, OWNER, WHOLE)
    assert back.rows == ROWS
    assert [array.dtype for array in back.variables] == [np.float32, np.uint32]
    for one, other in zip(back.variables, VARIABLES, strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(back.best_weights[0], VARIABLES[0] + 1)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"rows": ROWS[1:]}, "epochs are not complete"),
        ({"rows": [ROWS[0] | {"loss": np.nan}]}, "not finite"),
        ({"rows": [{"epoch": 1}]}, "cannot be used"),
        ({"rows": [1]}, "cannot be used"),
        ({"variables": []}, "variables are not those"),
        ({"variables": [VARIABLES[0].T, VARIABLES[1]]}, "variables are not those"),
        ({"variables": [VARIABLES[0] * np.nan, VARIABLES[1]]}, "variables are not those"),
        ({"best_weights": []}, "best weights are not those"),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_refused(change, says, tmp_path):
    checkpoints.write(tmp_path, dataclasses.replace(WHOLE, **change), OWNER)
    with pytest.raises(UserError, match=rf"state\.npz.*{says}"):
        checkpoints.read(tmp_path, OWNER, WHOLE)


def test_a_checkpoint_of_another_run_is_refused(tmp_path):
    checkpoints.write(tmp_path, WHOLE, OWNER | {"seed": 4})
    with pytest.raises(UserError, match="belongs to another run: seed differs"):
        checkpoints.read(tmp_path, OWNER, WHOLE)


def test_a_checkpoint_that_says_nothing_of_its_owner_is_refused(tmp_path):
    (tmp_path / "checkpoint").mkdir()
    np.savez(tmp_path / checkpoints.FILE, rows=np.frombuffer(b"[]", np.uint8))
    with pytest.raises(UserError, match="belongs to another run"):
        checkpoints.read(tmp_path, OWNER, WHOLE)


def test_a_new_checkpoint_that_breaks_off_leaves_the_old_one(tmp_path, monkeypatch):
    checkpoints.write(tmp_path, WHOLE, OWNER)

    def full(*arguments, **arrays):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(UserError, match="No space left"):
        checkpoints.write(tmp_path, Checkpoint(), OWNER)
    monkeypatch.undo()
    assert checkpoints.read(tmp_path, OWNER, WHOLE).rows == ROWS
    assert [file.name for file in (tmp_path / "checkpoint").iterdir()] == ["state.npz"]
