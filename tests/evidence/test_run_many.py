"""Seeds that are recorded are not trained again; the others are, here or on a cluster."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import run_seeds
import update_results
from jobs import RECIPE as A
from jobs import Untrained, digits, wait_for
from pets import put_folder, split_pictures

from chollet_cnn.errors import UserError
from chollet_cnn.evidence import cluster, records, run_many
from chollet_cnn.evidence.records import Outcome
from chollet_cnn.evidence.run_many import Job, jobs_left, time_left, train_here
from chollet_cnn.training import devices, environment, runs

ROOT = Path(__file__).parents[2]
B = "mnist-first-edition"


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
    pd.DataFrame({"backend": "tensorflow", "device": "cpu", "data_note": ""} | columns).to_csv(
        folder / table, index=False
    )


def test_only_runs_that_are_not_recorded_are_trained(tmp_path):
    backends = ["tensorflow", "tensorflow", "jax"]
    write(tmp_path, "runs.csv", recipe=[A, B, A], seed=[0, 0, 1], backend=backends)
    left = jobs_left([A, B], [0, 1], "tensorflow", results=tmp_path)
    assert left == [job(A, 1), job(B, 1)]
    left = jobs_left([A, B], [0, 1], "jax", results=tmp_path)
    assert left == [job(A, 0), job(B, 0), job(B, 1)]


@pytest.mark.parametrize(
    ("device", "apart", "seeds"),
    [("cpu", False, [1, 2]), ("gpu", False, [0, 2]), (None, False, [2]), (None, True, [])],
)
def test_runs_of_another_device_or_machine_count_where_asked(tmp_path, device, apart, seeds):
    (tmp_path / "apart" / "0a1b2c3d").mkdir(parents=True)
    write(tmp_path, "runs.csv", recipe=A, seed=[0, 1], device=["cpu", "gpu"])
    write(tmp_path / "apart" / "0a1b2c3d", "runs.csv", recipe=A, seed=[2])
    found = {"device": device, "apart": apart, "results": tmp_path}
    left = jobs_left([A], [0, 1, 2], "tensorflow", **found)
    assert left == [job(A, seed) for seed in seeds]


def test_with_weights_or_order_held_seed_0_is_the_recorded_run(tmp_path):
    write(tmp_path, "runs.csv", recipe=A, seed=[0, 1])
    variants = ["same-order", "same-weights"]
    write(tmp_path, "variants.csv", variant=variants, recipe=A, seed=[1, 2])

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
    write(tmp_path, "copies.csv", pictures="originals", recipe=recipe, seed=[0])
    left = jobs_left([recipe], [0, 1], "tensorflow", copies_in=Path("pics"), results=tmp_path)
    assert [(found.seed, found.label, found.options["data_dir"]) for found in left] == [
        (0, "copies", Path("pics/copies.zip")),
        (1, "originals", Path("pics/originals.zip")),
        (1, "copies", Path("pics/copies.zip")),
    ]
    assert {found.table for found in left} == {records.COPIES}


@pytest.fixture(scope="module")
def device():
    """The kind of device that is found here; to look for it takes a process."""
    return run_many.find_device()


def test_a_device_is_looked_for_with_the_backend_that_would_train(device, monkeypatch):
    assert device == devices.choose().kind
    monkeypatch.setenv("KERAS_BACKEND", "no-such-backend")
    with pytest.raises(UserError, match="check KERAS_BACKEND"):
        run_many.find_device()


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
        row = {
            "recipe": A,
            "seed": one.seed,
            "backend": "jax",
            "device": "cpu",
            "data_note": "",
            "seconds": 60.0,
        }
        return one, Outcome(row | {"data_sha256": "d", "test_accuracy": 0.98}, "epoch\n", ())

    jobs = [job(A, 0), job(A, 1)]
    lines = list(run_many.record_all(jobs, map(finished, jobs), tmp_path, at_once=1))
    assert lines == [
        f"1. {A} seed 0: 98.00%; 1 left, about 1 min",
        f"2. {A} seed 1: 98.00%; none left",
    ]
    assert records.read_table(tmp_path, records.RUNS)["seed"].tolist() == [0, 1]


def test_images_that_folders_split_are_refused_before_anything_is_trained(tmp_path, monkeypatch):
    monkeypatch.setattr(run_many, "find_device", lambda: "cpu")
    monkeypatch.setattr(run_many, "train_here", lambda *_: pytest.fail("it was trained"))
    put_folder(tmp_path / "pets", split_pictures("{split}/{kind}s/{kind}.{number}.jpg"))
    monkeypatch.setenv("CHOLLET_CNN_DATA", str(tmp_path / "pets"))
    with pytest.raises(UserError, match="the folders of pets make the split, not the book's"):
        run_seeds.main(["cats-vs-dogs-first-edition", "--results", str(tmp_path)])


def test_images_of_other_runs_are_refused_before_anything_is_trained(tmp_path):
    jobs = [digits(0), digits(1)]
    run_many.check_images(jobs, tmp_path)
    write(tmp_path, "runs.csv", recipe=[A], seed=[2], data_sha256=["other"])
    with pytest.raises(UserError, match="has runs of mnist-three-block on other images"):
        run_many.check_images(jobs, tmp_path)
    same = jobs[0].load_dataset().fingerprint["sha256"]
    write(tmp_path, "runs.csv", recipe=[A], seed=[2], data_sha256=[same])
    run_many.check_images(jobs, tmp_path)


@pytest.mark.slow
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


def test_a_run_that_diverges_is_told_when_the_others_are_trained(tmp_path):
    jobs = [digits(4, learning_rate=1e30), Untrained(A, 5), Untrained(A, 6, label="finishes")]
    trained = train_here(jobs, tmp_path, 1)
    assert next(trained)[0].seed == 6
    with pytest.raises(UserError, match=f"diverged: {A} with seed 4, {A} with seed 5;"):
        next(trained)


@pytest.mark.slow
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

    try:
        wait_for(history.is_file, command)
    finally:
        command.kill()
        command.wait()

    def stands_still():
        before = history.read_text()
        time.sleep(3)
        return history.read_text() == before

    wait_for(stands_still)


# The scripts.


def test_a_finished_run_is_recorded_in_another_folder(tmp_path, monkeypatch):
    row = {"recipe": A, "backend": "jax", "device": "cpu", "data_sha256": "d", "data_note": ""}
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
        ([A, "--results", f"{__file__}/results"], r"cannot write .*runs\.csv"),
        ([A, "--processes", "0"], "--processes"),
        ([A, "--seeds", "x"], "--seeds"),
        (["mnist-treeblock"], "mnist-three-block"),
        ([A, "--copies", "folder"], "2,000 cats and as many dogs, which"),
        (["cats-vs-dogs-second-edition-full", "--copies", "folder"], "2,000 cats and as many dogs"),
    ],
)
def test_a_wrong_option_is_refused_before_anything_is_trained(options, says, monkeypatch):
    monkeypatch.setattr(run_many, "find_device", lambda: "cpu")
    monkeypatch.setattr(run_many, "train_here", lambda *_: pytest.fail("it was trained"))
    with pytest.raises(UserError, match=says):
        run_seeds.main(options)


def test_a_cluster_trains_nothing_that_cannot_be_recorded_here(monkeypatch, tmp_path):
    monkeypatch.setattr(run_many, "jobs_left", lambda *_, **__: [digits(0)])
    monkeypatch.setattr(cluster, "train_on_cluster", lambda *_, **__: pytest.fail("it was trained"))
    write(tmp_path, "runs.csv", recipe=[A], seed=[1], data_sha256=["another"])
    with pytest.raises(UserError, match="on other images"):
        run_seeds.main([A, "--cluster", "--apart", "--results", str(tmp_path)])


def test_each_backend_has_run_directories_of_its_own(monkeypatch, tmp_path):
    places = set()
    for backend in devices.BACKENDS:
        monkeypatch.setattr(devices, "chosen_backend", lambda: backend)  # noqa: B023
        places.add(digits(0).directory(tmp_path))
    assert len(places) == 3
    assert runs.directory(tmp_path, A, 0) in places


def test_each_of_the_runs_at_once_has_two_cores(monkeypatch, tmp_path):
    at_once = []
    monkeypatch.setattr(run_many, "find_device", lambda: "cpu")
    monkeypatch.setattr(environment, "cores", lambda: 9)
    monkeypatch.setattr(run_many, "check_images", lambda *_: None)
    monkeypatch.setattr(run_many, "train_here", lambda jobs, out, n: at_once.append(n) or ())
    assert run_seeds.main([A, "--seeds", "0-9", "--results", str(tmp_path)]) == 0
    assert at_once == [4]


def test_recorded_runs_are_not_trained_again(device, capsys, monkeypatch):
    monkeypatch.setattr(run_many, "find_device", lambda: device)
    assert run_seeds.main([A, A, "--seeds", "0-1"]) == 0
    assert "runs still to be trained: 0" in capsys.readouterr().out
