"""A Ray cluster trains every seed once, whatever happens to its nodes and to the command."""

import dataclasses
import os
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pandas as pd
import pytest
from jobs import RECIPE, digits, wait_for

from chollet_cnn.errors import UserError
from chollet_cnn.evidence import cluster, records
from chollet_cnn.evidence.cluster import Node, kept, train_on_cluster
from chollet_cnn.evidence.run_many import train_here
from chollet_cnn.training import runs

pytestmark = pytest.mark.slow

# Ray's processes give way to all others, which beside busy tests means that they stand still.
os.environ.setdefault("RAY_worker_niceness", "0")

pytest.importorskip("ray")
psutil = pytest.importorskip("psutil")
from ray.cluster_utils import Cluster  # noqa: E402

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def three_nodes():
    """A cluster of three nodes on loopback, each with the cores for one run."""
    system = {"health_check_period_ms": 500, "health_check_failure_threshold": 4}
    started = Cluster(initialize_head=True, head_node_args={
        "num_cpus": 2, "include_dashboard": False, "_system_config": system
    })  # fmt: skip
    for _ in range(2):
        started.add_node(num_cpus=2)
    yield started
    started.shutdown()


def kill(cluster, node):
    """End a node and everything on it at once, as a power failure does."""
    processes = psutil.Process(raylet_of(node)).children(recursive=True)
    cluster.remove_node(node, allow_graceful=False)
    for process in processes:
        with suppress(psutil.Error):
            process.kill()


def raylet_of(node):
    return node.all_processes["raylet"][0].process.pid


def seeds_on(node):
    """Return the seeds that a node trains now, by the titles that Ray gives the processes."""
    found = []
    for process in psutil.Process(raylet_of(node)).children(recursive=True):
        with suppress(psutil.Error):  # it has just ended
            title = " ".join(process.cmdline())
            if title.startswith(f"ray::{RECIPE} seed "):
                found.append(int(title.split()[2]))
    return found


def test_every_seed_is_trained_once_though_a_node_and_the_command_are_killed(three_nodes, tmp_path):
    script = tmp_path / "command.py"
    script.write_text(
        "from chollet_cnn.errors import run_cli\n"
        "from chollet_cnn.evidence import studies\n"
        "tiny = {'tiny': {'dataset': 'digits', 'epochs': 8}}\n"
        "studies.variants = lambda: tiny\n"
        "import run_seeds\n"
        "run_cli(run_seeds.main)\n"
    )
    results, out = tmp_path / "results", tmp_path / "out"
    command = [
        sys.executable, script, RECIPE, "--seeds", "0-2", "--variant", "tiny",
        "--cluster", three_nodes.address, "--results", results, "--out", out,
    ]  # fmt: skip
    path = os.pathsep.join([str(ROOT), str(ROOT / "scripts"), os.environ.get("PYTHONPATH", "")])

    def start():
        return subprocess.Popen(
            command, env=os.environ | {"PYTHONPATH": path}, stdout=subprocess.PIPE, text=True
        )

    def table():
        if not (results / records.VARIANTS).is_file():
            return pd.DataFrame({"seed": []})
        return records.read_table(results, records.VARIANTS)

    def checkpoint_of(seed):
        run = out / "tiny" / RECIPE / f"seed-{seed}"
        there = (run / "checkpoint" / "state.npz").is_file()
        return (run / "history.csv").read_text() if there else None

    first = start()
    victim = next(iter(three_nodes.worker_nodes))
    wait_for(lambda: any(map(checkpoint_of, seeds_on(victim))), first)
    (cut_off,) = seeds_on(victim)
    kill(three_nodes, victim)
    curve_before = checkpoint_of(cut_off).splitlines()
    assert len(curve_before) < 1 + 8
    wait_for(lambda: len(table()), first)
    first.kill()
    said = first.communicate()[0]
    assert said.count("works, with 2 cores") == 3

    before = table()
    assert len(before) < 3
    second = start()
    said = second.communicate(timeout=600)[0]
    assert second.returncode == 0, said
    assert f"runs still to be trained: {3 - len(before)}" in said
    assert said.count("works, with 2 cores") == 2
    after = table()
    assert after["seed"].tolist() == [0, 1, 2]
    # What was recorded is not trained again: even the seconds are the same.
    pd.testing.assert_frame_equal(
        after[after["seed"].isin(before["seed"])].reset_index(drop=True), before
    )
    # The run of the killed node continued: its first epoch was not trained twice.
    curve = (out / "tiny" / RECIPE / f"seed-{cut_off}" / "history.csv").read_text().splitlines()
    assert curve[:2] == curve_before[:2]
    assert len(curve) == 1 + 8


def test_a_node_that_differs_is_not_used_or_recorded_apart(three_nodes, tmp_path, capsys):
    # The metadata that a package of another version would have.
    other = tmp_path / "other" / "keras-1.2.3.dist-info"
    other.mkdir(parents=True)
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: keras\nVersion: 1.2.3\n")
    path = os.pathsep.join([str(other.parent), os.environ.get("PYTHONPATH", "")])
    odd = three_nodes.add_node(num_cpus=2, env_vars={"PYTHONPATH": path})
    try:
        jobs = [digits(0)]
        ((_, there),) = train_on_cluster(three_nodes.address, jobs)
        said = capsys.readouterr().out.splitlines()
        (line,) = (line for line in said if "not used" in line)
        assert "keras 1.2.3 instead of" in line
        ((_, here),) = train_here(jobs, tmp_path, 1)
        for key in ("weights_sha256", "test_accuracy", "val_loss"):  # bit for bit
            assert there.row[key] == here.row[key]
        assert set(there.changed) == {"dataset", "epochs"}
        jobs = [digits(seed, epochs=3) for seed in range(len(said))]  # one for each node
        for job, outcome in train_on_cluster(three_nodes.address, jobs, apart=True):
            job.record(outcome, tmp_path / "results")
    finally:
        three_nodes.remove_node(odd)
    own = records.read_table(tmp_path / "results", records.RUNS)
    (folder,) = (tmp_path / "results" / "apart").iterdir()
    apart = records.read_table(folder, records.RUNS)
    assert "keras 1.2.3" in apart["versions"].iloc[0]
    assert "keras 1.2.3" not in own["versions"].iloc[0]
    assert sorted([*own["seed"], *apart["seed"]]) == [job.seed for job in jobs]


def test_where_nodes_have_gpus_each_trains_one_run(three_nodes, capsys, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")  # the tests hide all others
    with_gpus = three_nodes.add_node(num_cpus=8, num_gpus=2)  # Ray only counts them
    at_once, done = [], threading.Event()

    def watch():
        while not done.wait(0.2):
            at_once.append(len(seeds_on(with_gpus)))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        jobs = [digits(seed) for seed in range(3)]
        trained = list(train_on_cluster(three_nodes.address, jobs))
    finally:
        done.set()
        watcher.join()
        three_nodes.remove_node(with_gpus)
    assert sorted(job.seed for job, _ in trained) == [0, 1, 2]
    assert max(at_once) == 2  # the third waited, though there are cores for four
    said = capsys.readouterr().out
    assert said.count("works, with 2 GPUs") == 1
    assert said.count("it has no GPU") == said.count("\n") - 1


def test_a_run_that_ray_could_not_train_says_why_in_one_sentence(three_nodes):
    with pytest.raises(UserError, match=r"seed 3 was not trained: .*epochs"):
        list(train_on_cluster(three_nodes.address, [digits(3, epochs=0)]))


def test_a_cluster_that_is_not_there_is_one_sentence_at_once():
    with pytest.raises(UserError, match=r"no Ray cluster is reached at 127\.0\.0\.1:9"):
        list(train_on_cluster("127.0.0.1:9", [digits(0)]))


def test_a_storage_that_cannot_be_opened_is_refused_before_anything_is_trained():
    with pytest.raises(UserError, match="--out names nosuch://runs"):
        list(train_on_cluster("127.0.0.1:9", [digits(0)], out="nosuch://runs"))


HERE = {"keras": "3.15.1", "processor kind": "family 25", "images of a": "0123"}


@pytest.mark.parametrize(
    ("nodes", "used", "says"),
    [
        ([(2, 0, {}), (1, 0, {})], [0], "fewer than the 2 cores"),
        ([(8, 0, {}), (8, 1, {})], [1], "it has no GPU"),
        ([(8, 0, {}), (8, 2, {"keras": "4.0"})], [0], "keras 4.0 instead of 3.15.1"),
        ([(2, 0, {}), (2, 0, {"images of a": "4567"})], [0], "images of a 4567 instead of 0123"),
        ([(2, 0, {}), (2, 0, {"processor kind": "family 26"})], [0], "kind family 26 instead of"),
        ([(2, 0, {}), (2, 0, {"it does not work": "no pandas"})], [0], "no pandas"),
    ],
)
def test_which_nodes_are_used_is_said(nodes, used, says, capsys):
    all_of_them = [
        Node(str(place), f"node {place}", cores, gpus, HERE | facts)
        for place, (cores, gpus, facts) in enumerate(nodes)
    ]
    chosen = cluster._choose_nodes(all_of_them, HERE, False)
    assert [int(node.id) for node in chosen] == used
    said = capsys.readouterr().out.splitlines()
    assert [line for line in said if "is not used" in line and says in line], said
    assert not [line for line in said if line.endswith("1 GPUs")]
    only = dataclasses.replace(all_of_them[0], facts=HERE | {"keras": "2.0"})
    with pytest.raises(UserError, match="no node of the cluster can be used"):
        cluster._choose_nodes([only], HERE, False)


def test_a_node_keeps_its_name_whatever_else_is_trained():
    job = digits(0)
    here = {"keras": "3.15.1", f"images of {RECIPE}": "a", "images of b": "b"}

    def kind(**facts):
        return Node("1", "node", 2, 0, here | facts).kind(job, here)

    assert kind() == ""
    assert kind(**{"images of b": "others"}) == ""
    other = kind(keras="4.0")
    assert other
    assert kind(keras="4.0", **{"images of b": "others"}) == other
    assert Node("1", "node", 2, 0, {"keras": "4.0", f"images of {RECIPE}": "a"}).kind(
        job, {"keras": "3.15.1", f"images of {RECIPE}": "a"}
    ) == other  # fmt: skip
    assert kind(**{f"images of {RECIPE}": "others"}) not in {"", other}


def test_a_run_is_kept_in_a_storage_and_fetched_from_it(tmp_path):
    url = f"memory://{tmp_path.name}/seed-0"
    job = digits(0)
    with kept(job.directory(tmp_path / "a"), url):
        first = job.train(tmp_path / "a")
    copy = job.directory(tmp_path / "b")
    with kept(copy, url):
        assert runs.is_finished(copy)
        assert job.train(tmp_path / "b", resume=True) == first  # as it is, nothing is trained
    files = {path.relative_to(copy) for path in copy.rglob("[!.]*")}
    original = job.directory(tmp_path / "a")
    assert files == {path.relative_to(original) for path in original.rglob("[!.]*")}
