"""Several processes train as one, and end together."""

import os
import signal
import time
from types import SimpleNamespace

import pytest
from small_runs import SMALL, assert_alike, finish, on_jax, read, start_both

from chollet_cnn.errors import UserError
from chollet_cnn.training import machines, trainer


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((None, 2, 0), "coordinator, the address of the first as host:port"),
        (("localhost", 2, 0), "coordinator=localhost"),
        (("localhost:99999", 2, 0), "coordinator=localhost:99999"),
        (("localhost:9000", 1, 0), "at least 2"),
        (("localhost:9000", 2, 2), "process_index must be a whole number from 0 to 1"),
        (("localhost:9000", 2.5, 0), "processes must be a whole number"),
    ],
)
def test_flags_of_several_processes_that_do_not_belong_together_are_refused(arguments, says):
    with pytest.raises(UserError, match=says):
        machines.group(*arguments)


def test_several_processes_are_told_apart_by_their_index():
    assert machines.group(None, 1, 0) is None
    assert machines.group("[::1]:9000", 3, 2) == machines.Group("[::1]:9000", 3, 2)


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


def test_a_stream_that_is_closed_is_told_as_it_is():
    with pytest.raises(OSError, match="Bad file descriptor"):
        machines.call_in_child(os.write, 9999, b"")


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
