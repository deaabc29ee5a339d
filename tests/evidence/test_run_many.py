"""Seeds that are recorded are not trained again; the others are, here or on a cluster."""

import importlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from chollet_cnn.errors import UserError
from chollet_cnn.evidence import records, run_many
from chollet_cnn.evidence.records import Outcome
from chollet_cnn.evidence.run_many import Job, jobs_left, time_left, train_here
from chollet_cnn.training import environment, runs

ROOT = Path(__file__).parents[2]
A, B = "mnist-three-block", "mnist-first-edition"


@pytest.mark.parametrize(
    ("text", "seeds"),
    [("0-3", [0, 1, 2, 3]), ("7", [7]), ("1,4,7-8", [1, 4, 7, 8]), ("1-2,0-1", [0, 1, 2])],
)
def test_seeds_are_listed_as_people_write_them(text, seeds):
    assert run_many.parse_seeds(text) == seeds


@pytest.mark.parametrize(
    "text", ["", "a", "1-", "-1", "1..3", "5-3", "0-99999999999", "0-999999999", "\u0661"]
)
def test_other_lists_of_seeds_are_refused(text):
    with pytest.raises(UserError, match="--seeds"):
        run_many.parse_seeds(text)


def job(recipe, seed, **options):
    return Job(recipe, seed, {"dataset": "mnist"} | options)


def write(folder, table, **columns):
    rows = pd.DataFrame(columns)
    if "device" not in rows:
        rows["device"] = "cpu"
    rows.to_csv(folder / table, index=False)


def test_only_runs_that_are_not_recorded_are_trained(tmp_path):
    backends = ["tensorflow", "tensorflow", "jax"]
    write(tmp_path, "runs.csv", recipe=[A, B, A], seed=[0, 0, 1], backend=backends)
    left = jobs_left([A, B], [0, 1], "tensorflow", results=tmp_path)
    assert left == [job(A, 1), job(B, 1)]
    left = jobs_left([A, B], [0, 1], "jax", results=tmp_path)
    assert left == [job(A, 0), job(B, 0), job(B, 1)]


def test_a_run_on_a_gpu_does_not_count_for_the_cpu(tmp_path):
    write(tmp_path, "runs.csv", recipe=[A, A], seed=[0, 1], backend="jax", device=["cpu", "gpu"])
    assert jobs_left([A], [0, 1], "jax", device="cpu", results=tmp_path) == [job(A, 1)]
    assert jobs_left([A], [0, 1], "jax", device="gpu", results=tmp_path) == [job(A, 0)]
    assert jobs_left([A], [0, 1], "jax", results=tmp_path) == []


def test_with_weights_or_order_held_seed_0_is_the_recorded_run(tmp_path):
    write(tmp_path, "runs.csv", recipe=[A, A], seed=[0, 1], backend="tensorflow")
    write(
        tmp_path, "variants.csv", variant=["same-order", "same-weights"], recipe=[A, A],
        seed=[1, 2], backend="tensorflow",
    )  # fmt: skip

    def left(variant, seeds):
        return jobs_left([A], seeds, "tensorflow", variant=variant, results=tmp_path)

    (found,) = left("same-order", [0, 1, 2])
    assert (found.seed, found.label, found.options["order_seed"]) == (2, "same-order", 0)
    (found,) = left("same-weights", [0, 1, 2])
    assert (found.seed, found.options["weights_seed"]) == (1, 0)
    (found,) = left("bfloat16", [0])
    assert (found.table, found.options["precision"]) == (records.VARIANTS, "bfloat16")


def test_each_seed_is_trained_on_originals_and_on_copies(tmp_path):
    recipe = "cats-vs-dogs-first-edition"
    kind = {"recipe": recipe, "seed": [0], "backend": "tensorflow"}
    write(tmp_path, "copies.csv", pictures="originals", **kind)
    left = jobs_left([recipe], [0, 1], "tensorflow", copies_in=Path("pics"), results=tmp_path)
    assert [(found.seed, found.label, found.options["data_dir"]) for found in left] == [
        (0, "copies", Path("pics/copies.zip")),
        (1, "originals", Path("pics/originals.zip")),
        (1, "copies", Path("pics/copies.zip")),
    ]
    assert {found.table for found in left} == {records.COPIES}


def test_the_device_is_asked_of_a_keras_that_starts(monkeypatch):
    def answering(returncode, stdout, stderr=""):
        told = subprocess.CompletedProcess([], returncode, stdout, stderr)
        monkeypatch.setattr(run_many.subprocess, "run", lambda *_, **__: told)
        return run_many.find_device

    assert answering(0, "some notice\ngpu\n")() == "gpu"
    with pytest.raises(UserError, match="Keras did not start: no such backend"):
        answering(1, "", "Traceback\nno such backend\n")()


def test_the_time_left_goes_by_each_recipe_and_by_how_many_run_at_once():
    seconds = {A: [60.0, 60.0], B: [600.0]}
    # 720 s of training in 360 s: two at once. 60 + 600 s are left, so 330 s.
    assert time_left([job(A, 3), job(B, 3)], seconds, 360) == "2 left, about 6 min"
    assert time_left([job(A, 3), job("mnist-third-edition", 3)], seconds, 720) == (
        "2 left, about 1 min, not counting 1 of a recipe not timed yet"
    )
    assert time_left([], seconds, 720) == "none left"
    # A run that was resumed took 600 s in all, 60 of them here.
    assert time_left([job(B, 1)] * 2, seconds, 60, at_once=1) == "2 left, about 20 min"
    assert time_left([job(B, 1)], seconds, 60, at_once=2) == "1 left, about 10 min"


def test_finished_runs_are_recorded_and_counted(tmp_path):
    def finished(one):
        row = {"recipe": A, "seed": one.seed, "backend": "jax", "device": "cpu", "seconds": 60.0}
        return one, Outcome(row | {"data_sha256": "d", "test_accuracy": 0.98}, "epoch\n", ())

    jobs = [job(A, 0), job(A, 1)]
    lines = list(run_many.record_all(jobs, map(finished, jobs), tmp_path, at_once=1))
    assert lines == [
        f"1. {A} seed 0: 98.00%; 1 left, about 1 min",
        f"2. {A} seed 1: 98.00%; none left",
    ]
    assert records.read_table(tmp_path, records.RUNS)["seed"].tolist() == [0, 1]


def digits(seed, **more):
    """Return a short job; the embedded digits are not of the book."""
    return Job(A, seed, {"dataset": "digits", "epochs": 1} | more)


def test_two_runs_are_trained_at_once_with_the_cores_shared(tmp_path):
    outcomes = {job.seed: found for job, found in train_here([digits(0), digits(1)], tmp_path, 2)}
    threads = min(2, max(1, environment.cores() // 2))
    for seed, found in outcomes.items():
        assert (found.row["recipe"], found.row["seed"]) == (A, seed)
        assert found.row["machine"].endswith(f"{threads} threads")
        assert found.history.startswith("epoch,loss")
    assert outcomes.keys() == {0, 1}


def test_a_run_that_cannot_be_trained_ends_the_rest_with_one_sentence(tmp_path):
    with pytest.raises(UserError, match=r"seed 5 was not trained: .*epochs"):
        list(train_here([digits(5, epochs=0), digits(6)], tmp_path, 1))
    assert not runs.is_finished(tmp_path / A / "seed-6")


def test_runs_end_with_a_command_that_is_killed(tmp_path):
    script = (
        "from chollet_cnn.evidence.run_many import Job, train_here\n"
        "if __name__ == '__main__':\n"
        f"    jobs = [Job({A!r}, 0, {{'dataset': 'digits', 'epochs': 100000}})]\n"
        f"    list(train_here(jobs, {str(tmp_path)!r}, 1))\n"
    )
    (tmp_path / "many.py").write_text(script)
    variables = os.environ | {"PYTHONPATH": str(ROOT)}
    command = subprocess.Popen([sys.executable, str(tmp_path / "many.py")], env=variables)
    history = tmp_path / A / "seed-0" / "history.csv"

    def wait_until(condition):
        until = time.monotonic() + 120
        while not condition() and time.monotonic() < until:
            time.sleep(0.1)
        return condition()

    try:
        assert wait_until(history.is_file)
    finally:
        command.send_signal(signal.SIGKILL)
        command.wait()

    def stands_still():
        before = history.read_text()
        time.sleep(3)
        return history.read_text() == before

    assert wait_until(stands_still)


# The scripts.


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    yield importlib.import_module
    for name in ("run_seeds", "update_results"):
        sys.modules.pop(name, None)


def test_a_finished_run_is_recorded_in_another_folder(script, tmp_path, monkeypatch):
    update_results = script("update_results")
    row = {"recipe": A, "backend": "jax", "device": "cpu", "data_sha256": "d"}
    monkeypatch.setattr(update_results.runs, "load_run", int)
    monkeypatch.setattr(
        update_results.records, "outcome", lambda seed: Outcome(row | {"seed": seed}, "epoch\n", ())
    )
    assert update_results.main(["3", "5", "--results", str(tmp_path)]) == 0
    assert records.read_table(tmp_path, records.RUNS)["seed"].tolist() == [3, 5]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ([A, "--results", __file__], "not a folder"),
        ([A, "--processes", "0"], "--processes"),
        ([A, "--seeds", "x"], "--seeds"),
        (["mnist-treeblock"], "mnist-three-block"),
    ],
)
def test_a_wrong_option_is_refused_before_anything_is_trained(script, options, says):
    with pytest.raises(UserError, match=says):
        script("run_seeds").main(options)


def test_recorded_runs_are_not_trained_again(script, capsys):
    assert script("run_seeds").main([A, "--seeds", "0-1"]) == 0
    assert "0 runs are still to be trained" in capsys.readouterr().out
