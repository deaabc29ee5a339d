"""A run that was trained on one backend is opened, predicted with and reported on another."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from chollet_cnn import predict
from chollet_cnn.page import build
from chollet_cnn.training import backend, devices, runs

NAMED = os.environ.get("RUNS_OF_OTHER_BACKENDS", "").split(os.pathsep)


@pytest.fixture(scope="module")
def every_run(tmp_path_factory):
    """Runs of other backends: those that RUNS_OF_OTHER_BACKENDS names, or one trained here."""
    if any(NAMED):
        return [runs.load_run(path) for path in NAMED]
    others = [name for name in devices.BACKENDS if name != backend.BACKEND and find_spec(name)]
    if not others:
        pytest.skip("no second backend is installed, and RUNS_OF_OTHER_BACKENDS names no run")
    out = tmp_path_factory.mktemp("other")
    train = [sys.executable, "-m", "chollet_cnn.train", "--dataset", "digits", "--epochs", "1"]
    subprocess.run(
        [*train, "--out", out], env=os.environ | {"KERAS_BACKEND": others[0]}, check=True
    )
    return [runs.load_run(Path(out, "mnist-three-block", "seed-0"))]


@pytest.fixture(params=range(len(NAMED)))
def run(every_run, request):
    return every_run[request.param]


def test_a_run_of_another_backend_has_its_test_accuracy(run):
    assert run.environment["backend"] != backend.BACKEND
    loss, accuracy = run.load_model().evaluate(*run.test_data(), verbose=0)
    assert accuracy == pytest.approx(run.metrics["test_accuracy"], abs=0.002)
    assert loss == pytest.approx(run.metrics["test_loss"], rel=1e-3)


def test_a_run_of_another_backend_predicts(run, tmp_path):
    ink = np.asarray(Image.fromarray(run.test_data()[0][0].squeeze()).resize((280, 280)), float)
    photo = (230 - 0.8 * np.pad(ink, 60)).astype(np.uint8)
    Image.fromarray(photo).save(tmp_path / "photo.png")
    (answer,) = predict.predict_images(run, tmp_path / "photo.png")
    (one,) = answer.probabilities
    assert answer.answer == next(iter(one))
    assert sum(one.values()) == pytest.approx(1, abs=1e-5)


def test_one_page_reports_runs_of_every_other_backend(every_run, tmp_path):
    report = build.write_report(every_run, out=tmp_path / "report")
    assert report.problems == []
    assert len(list(report.path.parent.glob("explorer*.html"))) == len(every_run)
    page = report.path.read_text()
    assert all(f"{run.metrics['test_accuracy']:.2%}" in page for run in every_run)
