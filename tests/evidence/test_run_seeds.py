"""Seeds that are recorded are not trained again; the others are, here or on a cluster."""

import importlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pytest

from chollet_cnn.errors import UserError
from chollet_cnn.evidence import records as recorded
from chollet_cnn.training import environment

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture
def run_seeds(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    yield importlib.import_module("run_seeds")
    for name in ("run_seeds", "update_results", "cluster"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize(
    ("text", "seeds"),
    [("0-3", [0, 1, 2, 3]), ("7", [7]), ("1,4,7-8", [1, 4, 7, 8]), ("1-2,0-1", [0, 1, 2])],
)
def test_seeds_are_listed_as_people_write_them(run_seeds, text, seeds):
    assert run_seeds.seeds_of(text) == seeds


@pytest.mark.parametrize("text", ["", "a", "1-", "-1", "1..3", "5-3"])
def test_what_is_no_list_of_seeds_is_refused(run_seeds, text):
    with pytest.raises(UserError, match="--seeds"):
        run_seeds.seeds_of(text)


def job(recipe, seed, **more):
    return {"recipe": recipe, "dataset": "mnist", "seed": seed} | more


def record_of(results, name, **columns):
    pd.DataFrame(columns).to_csv(results / name, index=False)


@pytest.fixture
def results(run_seeds, tmp_path, monkeypatch):
    """A folder of results in the place of the checkout's."""
    (tmp_path / "histories").mkdir()
    for module in (run_seeds, sys.modules["update_results"]):
        monkeypatch.setattr(module, "RESULTS", tmp_path)
    return tmp_path


A, B = "mnist-three-block", "mnist-first-edition"


def test_only_what_no_run_is_recorded_of_is_trained_by_seed_and_backend(run_seeds, results):
    backends = ["tensorflow", "tensorflow", "jax"]
    record_of(results, "runs.csv", recipe=[A, B, A], seed=[0, 0, 1], backend=backends)
    left = run_seeds.jobs_left([A, B], [0, 1], "tensorflow")
    assert left == [job(A, 1), job(B, 1)]
    left = run_seeds.jobs_left([A, B], [0, 1], "jax")
    assert left == [job(A, 0), job(B, 0), job(B, 1)]


def test_a_run_on_a_gpu_does_not_stand_for_one_on_the_cpu(run_seeds, results):
    record_of(
        results, "runs.csv", recipe=[A, A], seed=[0, 1], backend=["jax"] * 2, device=["cpu", "gpu"]
    )
    assert run_seeds.jobs_left([A], [0, 1], "jax", device="cpu") == [job(A, 1)]
    assert run_seeds.jobs_left([A], [0, 1], "jax", device="gpu") == [job(A, 0)]
    assert run_seeds.jobs_left([A], [0, 1], "jax") == []


def test_a_keras_that_does_not_start_is_no_cpu(run_seeds, monkeypatch):
    def answering(returncode, stdout, stderr=""):
        told = subprocess.CompletedProcess([], returncode, stdout, stderr)
        monkeypatch.setattr(run_seeds.subprocess, "run", lambda *_, **__: told)
        return run_seeds.device_here

    assert answering(0, "some notice\ngpu\n")() == "gpu"
    assert answering(0, "cpu\n")() == "cpu"
    with pytest.raises(UserError, match="Keras did not start: no such backend"):
        answering(1, "", "Traceback\nno such backend\n")()


def test_with_weights_or_order_held_seed_0_is_the_run_that_is_there(run_seeds, results):
    record_of(results, "runs.csv", recipe=[A, A], seed=[0, 1], backend=["tensorflow"] * 2)
    whole = [job(A, 1, order_seed=0), job(A, 2, order_seed=0)]
    assert run_seeds.jobs_left([A], [0, 1, 2], "tensorflow", variant="same-order") == whole
    record_of(
        results, "variants.csv", variant=["same-order", "same-weights"], recipe=[A, A],
        seed=[1, 2], backend=["tensorflow"] * 2,
    )  # fmt: skip
    assert run_seeds.jobs_left([A], [0, 1, 2], "tensorflow", variant="same-order") == whole[1:]
    left = run_seeds.jobs_left([A], [0, 1, 2], "tensorflow", variant="same-weights")
    assert left == [job(A, 1, weights_seed=0)]
    left = run_seeds.jobs_left([A], [0], "tensorflow", variant="bfloat16")
    assert left == [job(A, 0, precision="bfloat16")]


def test_the_time_left_goes_by_each_recipe_and_by_how_many_run_at_once(run_seeds):
    seconds = {A: [60.0, 60.0], B: [600.0]}
    # 720 s of training in 360 s: two at once. 60 + 600 s are left, so 330 s.
    told = run_seeds.time_left([job(A, 3), job(B, 3)], seconds, 360)
    assert told == "2 left, about 6 min"
    told = run_seeds.time_left([job(A, 3), job("mnist-third-edition", 3)], seconds, 720)
    assert told == "2 left, about 1 min, not counting 1 of a recipe not timed yet"
    assert run_seeds.time_left([], seconds, 720) == "none left"


def test_the_time_left_after_a_run_that_went_on_is_that_of_whole_runs(run_seeds):
    # The first run took 600 s in all, 60 of them after the command was started again.
    jobs, seconds = [job(B, 1), job(B, 2)], {B: [600.0]}
    assert run_seeds.time_left(jobs, seconds, 60, at_once=1) == "2 left, about 20 min"
    assert run_seeds.time_left(jobs, seconds, 60, at_once=2) == "2 left, about 10 min"
    assert run_seeds.time_left(jobs[:1], seconds, 60, at_once=2) == "1 left, about 10 min"


def digits(seed, **more):
    """Return a job that is short; the embedded digits are no recipe of the book's."""
    return {"recipe": A, "dataset": "digits", "epochs": 1, "seed": seed} | more


def test_two_runs_are_trained_at_once_with_the_cores_shared(run_seeds, tmp_path):
    jobs = [digits(0), digits(1)]
    finished = dict(
        (asked["seed"], outcome)
        for asked, outcome in run_seeds.train_here(jobs, str(tmp_path), processes=2)
    )
    cores = environment.cores()
    for seed in (0, 1):
        row = finished[seed]["row"]
        assert (row["recipe"], row["seed"]) == (A, seed)
        assert row["machine"].endswith(f"{min(2, max(1, cores // 2))} threads")
        assert finished[seed]["history"].startswith("epoch,loss")


def test_a_run_that_cannot_be_trained_ends_the_rest_with_one_sentence(run_seeds, tmp_path):
    with pytest.raises(UserError, match="seed 5 was not trained, for the reason above"):
        list(run_seeds.train_here([digits(5, epochs=0), digits(6)], str(tmp_path), 1))
    assert not (tmp_path / A / "seed-6").exists()


def outcome_of(seed, changed=(), **row):
    row = {
        "recipe": A, "seed": seed, "backend": "tensorflow", "device": "cpu", "data_sha256": "ours"
    } | row  # fmt: skip
    return {"row": row, "history": "epoch,loss\n", "changed": {key: {} for key in changed}}


def test_a_run_is_recorded_once_with_its_learning_curve(results):
    record = sys.modules["update_results"].record
    for accuracy in (0.97, 0.98):
        record(outcome_of(1, test_accuracy=accuracy))
    rows = pd.read_csv(results / "runs.csv")
    assert rows["test_accuracy"].tolist() == [0.98]
    curve = results / "histories" / f"{A}-seed-1-tensorflow-cpu.csv"
    assert curve.read_text() == "epoch,loss\n"


def test_runs_on_other_pictures_are_recorded_in_another_folder_and_counted_there(
    run_seeds, results, tmp_path
):
    record = sys.modules["update_results"].record
    record(outcome_of(1))
    with pytest.raises(UserError, match="--results"):
        record(outcome_of(2, data_sha256="theirs"))
    with pytest.raises(UserError, match=r"runs\.csv has runs of .* on other pictures"):
        record(outcome_of(1, ["order_seed"], data_sha256="theirs"), "same-order")
    elsewhere = tmp_path / "theirs"
    record(outcome_of(2, data_sha256="theirs"), results=elsewhere)
    assert pd.read_csv(results / "runs.csv")["seed"].tolist() == [1]
    assert pd.read_csv(elsewhere / "runs.csv")["seed"].tolist() == [2]
    left = run_seeds.jobs_left([A], [1, 2], "tensorflow", results=elsewhere)
    assert [job["seed"] for job in left] == [1]


def test_runs_that_are_recorded_at_once_all_stay(results):
    record = sys.modules["update_results"].record
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(record, map(outcome_of, range(40))))
    assert pd.read_csv(results / "runs.csv")["seed"].tolist() == list(range(40))
    assert not list(results.rglob("*.part"))


def test_a_finished_run_is_recorded_in_another_folder_by_name(results, tmp_path, monkeypatch):
    module = sys.modules["update_results"]
    monkeypatch.setattr(module.runs, "read", lambda path: path)
    monkeypatch.setattr(module.recorded, "outcome", lambda path: outcome_of(int(path)))
    elsewhere = tmp_path / "theirs"
    assert module.main(["3", "5", "--results", str(elsewhere)]) == 0
    assert pd.read_csv(elsewhere / "runs.csv")["seed"].tolist() == [3, 5]
    assert not (results / "runs.csv").exists()


def test_a_changed_recipe_is_not_recorded_and_a_variant_only_where_it_belongs(results):
    record = sys.modules["update_results"].record
    for changed, variant in (("epochs", None), ("order_seed", None), ("epochs", "same-order")):
        with pytest.raises(UserError, match="changed its recipe"):
            record(outcome_of(1, [changed]), variant)
    assert not (results / "runs.csv").exists()
    record(outcome_of(1, ["order_seed"], test_accuracy=0.9), "same-order")
    record(outcome_of(1, ["weights_seed"], test_accuracy=0.8), "same-weights")
    rows = recorded.read_variants(results)
    assert rows[["variant", "test_accuracy"]].to_numpy().tolist() == [
        ["same-order", 0.9], ["same-weights", 0.8],
    ]  # fmt: skip
    assert not (results / "runs.csv").exists()


def test_ray_trains_the_runs_where_it_is_installed(run_seeds, tmp_path):
    pytest.importorskip("ray")
    cluster = importlib.import_module("cluster")
    jobs = [digits(0), digits(1)]
    there = {asked["seed"]: outcome for asked, outcome in cluster.train_on("local", jobs)}
    here = {
        asked["seed"]: outcome
        for asked, outcome in run_seeds.train_here(jobs, str(tmp_path), processes=1)
    }
    assert there.keys() == here.keys() == {0, 1}
    for seed in (0, 1):
        assert there[seed]["row"]["test_accuracy"] == here[seed]["row"]["test_accuracy"]
        assert there[seed]["changed"].keys() == {"dataset", "epochs"}


def test_a_cluster_that_is_not_there_is_one_sentence_at_once(run_seeds):
    pytest.importorskip("ray")
    cluster = importlib.import_module("cluster")
    with pytest.raises(UserError, match=r"no Ray cluster is reached at 127\.0\.0\.1:9"):
        list(cluster.train_on("127.0.0.1:9", [digits(0)]))


def test_a_run_that_ray_could_not_train_says_why_in_one_sentence(run_seeds):
    pytest.importorskip("ray")
    cluster = importlib.import_module("cluster")
    with pytest.raises(UserError, match="seed 3 was not trained: epochs must be a whole number"):
        list(cluster.train_on("local", [digits(3, epochs=0)]))
