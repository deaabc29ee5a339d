"""Small runs that tests share or divide among devices, and how two processes are started."""

import socket
import subprocess
import sys

import numpy as np
import pytest

from chollet_cnn.training import backend, runs

on_jax = pytest.mark.skipif(backend.BACKEND != "jax", reason="only Keras on JAX divides a batch")

# Few large batches and small steps: a maximum that two values compete for may turn with the last
# bit, which changes little here. The last batch of a pass has 2 images, which 4 cannot share.
SMALL = {"dataset": "digits", "batch_size": 480, "learning_rate": 1e-4}
DIGITS = {"dataset": "digits", "epochs": 2}
FLAGS = ("--dataset", "digits", "--batch-size", "480", "--learning-rate", "1e-4")


def curve(run):
    return run.history.drop(columns="seconds").to_dict("records")


def read(out):
    return runs.load_run(out / "mnist-three-block" / "seed-0")


def assert_alike(one, other, epoch):
    """Compare learning curves and the weights after an epoch."""
    curves = [run.history.set_index("epoch").loc[:epoch] for run in (one, other)]
    for column in ("loss", "val_loss"):
        assert curves[0][column].tolist() == pytest.approx(curves[1][column].tolist(), abs=1e-5)
    weights = [run.read_epoch_weights(epoch) for run in (one, other)]
    assert max(np.abs(a - b).max() for a, b in zip(*weights, strict=True)) < 1e-4


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
