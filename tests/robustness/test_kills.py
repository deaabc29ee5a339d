"""A training that is killed at any moment goes on, and ends with the bits of one that was not."""

import os
import random
import signal
import subprocess
import sys
import time

import pytest

from chollet_cnn.training import runs

EPOCHS = 6
TRAIN = (
    *(sys.executable, "-m", "chollet_cnn.train", "--dataset", "digits", "--seed", "5", "--resume"),
    *("--epochs", str(EPOCHS), "--quiet", "--out"),
)


def start(out):
    return subprocess.Popen([*TRAIN, out], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is a signal of POSIX")
def test_a_killed_training_ends_with_the_same_bits(tmp_path, request, count):
    process = start(tmp_path / "whole")
    path = runs.directory(tmp_path / "whole", "mnist-three-block", 5)
    while not runs.is_begun(path) and process.poll() is None:
        time.sleep(0.02)
    began = time.monotonic()
    assert process.wait() == 0, process.stderr.read().decode()
    trained_for = time.monotonic() - began  # seconds
    whole = runs.load_run(path)

    moments = random.Random(0)
    path = runs.directory(tmp_path / "killed", "mnist-three-block", 5)
    kills = 0
    while kills < (10 if request.config.getoption("--robustness-full") else 2):
        before = (path / "config.json").stat().st_mtime_ns if runs.is_begun(path) else 0
        process = start(tmp_path / "killed")
        while process.poll() is None:  # until it writes to the run
            if runs.is_begun(path) and (path / "config.json").stat().st_mtime_ns != before:
                break
            time.sleep(0.02)
        time.sleep(moments.uniform(0, trained_for / 4))
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            count()
            kills += 1
        else:  # it was finished, or found a finished one
            assert process.returncode == 0, process.stderr.read().decode()
            assert runs.load_run(path).metrics["weights_sha256"] == whole.metrics["weights_sha256"]
            for file in path.glob("*.*"):
                file.unlink()
            (path / "checkpoint" / "state.npz").unlink()
        process.communicate()
    process = start(tmp_path / "killed")
    assert process.wait() == 0, process.stderr.read().decode()
    process.communicate()
    killed = runs.load_run(path)
    assert killed.metrics["weights_sha256"] == whole.metrics["weights_sha256"]
    assert killed.history.drop(columns="seconds").equals(whole.history.drop(columns="seconds"))
    assert killed.load_model()
