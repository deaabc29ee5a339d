"""A training that is killed at any moment goes on, and ends with the bits of one that was not."""

import os
import random
import signal
import subprocess
import sys
import time

import pytest
from pets import noisy_pets

from chollet_cnn.training import runs

pytestmark = pytest.mark.slow

# Everything that is random is in it: dropout, augmentation, the order of the images.
TRAIN = """
import dataclasses, sys
from chollet_cnn.book import recipes
from chollet_cnn.training import trainer

book = recipes.get("cats-vs-dogs-second-edition-augmented")
splits = {"train": (0, 12), "validation": (12, 16), "test": (16, 20)}
tiny = dataclasses.replace(
    book, name="tiny", epochs=6, batch_size=8, data_options=book.data_options | {"splits": splits}
)
trainer.train_network(tiny, data_dir=sys.argv[1], out=sys.argv[2], resume=True)
"""


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is a signal of POSIX")
def test_a_killed_training_ends_with_the_same_bits(tmp_path, request, count):
    noisy_pets(tmp_path, 20, (60, 60))

    def start(name):
        command = [sys.executable, "-c", TRAIN, tmp_path, tmp_path / name]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        path = runs.directory(tmp_path / name, "tiny", 0)
        before = (path / "config.json").stat().st_mtime_ns if runs.is_begun(path) else 0
        while process.poll() is None:  # until it writes to the run
            if runs.is_begun(path) and (path / "config.json").stat().st_mtime_ns != before:
                break
            time.sleep(0.02)
        return process, path

    def end(process):
        _, errors = process.communicate()
        assert process.returncode == 0, errors.decode()

    process, path = start("whole")
    began = time.monotonic()
    end(process)
    trained_for = time.monotonic() - began  # seconds
    whole = runs.load_run(path)

    moments, kills = random.Random(0), 0
    while kills < (10 if request.config.getoption("--robustness-full") else 3):
        process, path = start("killed")
        time.sleep(moments.uniform(0, trained_for / 4))
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            count()
            kills += 1
            process.communicate()
        else:  # it was finished, or found a finished one
            end(process)
            assert runs.load_run(path).metrics["weights_sha256"] == whole.metrics["weights_sha256"]
            for file in path.glob("*.*"):
                file.unlink()
            (path / "checkpoint" / "state.npz").unlink()
    process, path = start("killed")
    end(process)
    killed = runs.load_run(path)
    for name in ("weights_sha256", "judged_epoch", "test_accuracy", "last_epoch_test_accuracy"):
        assert killed.metrics[name] == whole.metrics[name]
    assert killed.history.drop(columns="seconds").equals(whole.history.drop(columns="seconds"))
    assert killed.load_model()
