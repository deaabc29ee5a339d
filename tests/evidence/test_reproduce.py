"""A recorded run is reproduced bit for bit where it should be, otherwise inside its range."""

from pathlib import Path

import pandas as pd
import pytest
from pets import put_folder, split_pictures

from chollet_cnn import reproduce
from chollet_cnn.data.sources import NotFound
from chollet_cnn.errors import UserError
from chollet_cnn.evidence import records, reproduction
from chollet_cnn.training import plan
from chollet_cnn.training.plan import Diverged

HERE = {
    "versions": "keras 3.15.1",
    "machine": "a processor, 2 threads",
    "backend": "tensorflow",
    "device": "cpu",
    "data_sha256": "d",
}


def record_of(accuracy, seed=0, **other):
    run = {"recipe": "mnist-three-block", "seed": seed, "epochs": 5, "test_accuracy": accuracy}
    return run | HERE | {"weights_sha256": "w", "history": "h", "test_pictures": 10_000} | other


def compared(now, *others):
    record = record_of(0.98)
    return reproduction.compare(record, now, pd.DataFrame([record, *others]))


# What is the same, and what it is held to where it is not.


def test_equal_weights_and_curves_hold_even_on_another_machine():
    for machine in (HERE["machine"], "another processor, 8 threads"):
        line = compared(record_of(0.98, machine=machine))
        assert (line["verdict"], line["holds"]) == (reproduction.SAME_BITS, True)


@pytest.mark.parametrize(
    ("changed", "named"), [({"weights_sha256": "x"}, "weights"), ({"history": "x"}, "curve")]
)
def test_other_bits_in_the_same_environment_do_not_hold(changed, named):
    line = compared(record_of(0.98, **changed))
    assert not line["holds"]
    assert not line["same_bits"]
    assert named in line["why"]
    assert "code has changed" in line["why"]


def test_other_bits_do_not_hold_where_the_kind_of_processor_is_unknown(tmp_path):
    """As on a Mac: an empty cell of the record is no other kind than none."""
    unknown = {"processor_kind": "", "data_note": ""}
    pd.DataFrame([record_of(0.98, **unknown)]).to_csv(tmp_path / "runs.csv", index=False)
    recorded = records.read_table(tmp_path, "runs.csv")
    now = record_of(0.98, weights_sha256="x", **unknown)
    line = reproduction.compare(recorded.iloc[0].to_dict(), now, recorded)
    assert not line["holds"]
    assert "code has changed" in line["why"]


@pytest.mark.parametrize(
    ("what", "named"),
    [
        ({"versions": "keras 3.16.0"}, "other versions: keras 3.16.0, recorded keras 3.15.1"),
        ({"machine": "a processor, 4 threads"}, "other processor and threads: a processor, 4"),
        ({"device": "gpu"}, "other device: gpu, recorded cpu"),
        ({"data_sha256": "e"}, "other images"),
        ({"numerics": "oneDNN off"}, "of the backend: oneDNN off, recorded the defaults"),
    ],
)
def test_a_different_setting_is_named_as_the_likely_cause(what, named):
    line = compared(record_of(0.981, weights_sha256="x", **what))
    assert named in line["why"]
    assert line["holds"]


@pytest.mark.parametrize(("weights", "holds"), [("w", True), ("x", False)])
def test_without_a_recorded_curve_the_weights_decide(weights, holds):
    record = record_of(0.98, history="")
    now = record_of(0.98, weights_sha256=weights)
    assert reproduction.compare(record, now, pd.DataFrame([record]))["holds"] is holds


def test_with_one_seed_the_limit_follows_from_the_test_set():
    # 2% wrong of 10,000: sqrt(0.02 / 20000) = 0.1 points, so from 97.7% to 98.3%.
    record = record_of(0.98)
    limits = reproduction.allowed(record, pd.DataFrame([record]))
    assert limits == pytest.approx((0.977, 0.983))
    for accuracy, holds in ((0.9772, True), (0.9768, False), (0.9832, False)):
        now = record_of(accuracy, weights_sha256="x", versions="keras 3.16.0")
        assert compared(now)["holds"] == holds


def test_with_five_seeds_their_own_deviation_sets_the_limit():
    seeds = [record_of(0.96 + seed / 100, seed) for seed in range(5)]
    low, high = reproduction.allowed(seeds[0], pd.DataFrame(seeds))
    assert (low, high) == pytest.approx((0.98 - 3 * 0.0158114, 0.98 + 3 * 0.0158114))


@pytest.mark.parametrize(
    "kind", [{"device": "gpu"}, {"backend": "jax"}, {"epochs": 1}, {"data_sha256": "e"}]
)
def test_runs_of_another_kind_do_not_widen_the_range(kind):
    record, other = record_of(0.98), record_of(0.5, 1, **kind)
    alone = reproduction.allowed(record, pd.DataFrame([record]))
    assert reproduction.allowed(record, pd.DataFrame([record, other])) == alone


# For real, on the embedded digits.


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """A folder with one short run on the digits, recorded here and now."""
    folder = tmp_path_factory.mktemp("results")
    short = [("mnist-three-block", "digits", 1)]
    reproduction.record_quick(results=folder, short_runs=short, seeds=range(2))
    return folder


def changed(results, tmp_path, **columns):
    records.read_table(results, records.QUICK).assign(**columns).to_csv(
        tmp_path / "quick.csv", index=False
    )
    return ["--quick", "--results", str(tmp_path)]


def test_a_recorded_run_is_bit_identical_and_the_status_is_0(results, capsys):
    assert reproduce.main(["--quick", "--results", str(results)]) == 0
    printed = capsys.readouterr().out
    assert reproduction.SAME_BITS in printed
    assert "Everything holds." in printed


@pytest.fixture
def trained_before(monkeypatch, train_once):
    """The run that was recorded is not trained again, only compared."""
    run = train_once("digits-one-epoch", dataset="digits", epochs=1)
    monkeypatch.setattr(reproduction, "_train", lambda *_: run)


def test_another_hash_in_the_same_environment_gives_status_1_and_the_cause(
    results, tmp_path, capsys, trained_before
):
    assert reproduce.main(changed(results, tmp_path, weights_sha256="0" * 64)) == 1
    printed = capsys.readouterr().out
    assert reproduction.OTHER_BITS in printed
    assert "the weights differ" in printed
    assert "code has changed" in printed


def test_a_record_of_another_version_is_compared_with_its_range(results, tmp_path, trained_before):
    other = {"weights_sha256": "0" * 64, "versions": "keras 0.0.1"}
    reproduce_it = changed(results, tmp_path, **other)
    (line,) = reproduction.reproduce(quick=True, results=tmp_path).to_dict("records")
    assert line["verdict"] == reproduction.INSIDE
    assert line["holds"]
    assert "recorded keras 0.0.1" in line["why"]
    changed(results, tmp_path, **other, test_accuracy=0.999)
    assert reproduce.main(reproduce_it) == 1


@pytest.mark.slow
def test_the_recorded_short_runs_hold_here():
    table = reproduction.reproduce(quick=True)
    assert len(table) == len(reproduction.QUICK)
    assert table["holds"].all(), reproduction.to_text(table)


# What is recorded, and what can be asked for.


def test_the_short_runs_have_enough_seeds_for_a_range():
    runs = records.read_table(records.RESULTS, records.QUICK)
    counts = runs.groupby(["recipe", "dataset", "epochs"])["seed"].nunique()
    assert set(counts.index) == set(reproduction.QUICK)
    assert (counts >= 5).all()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "--all or --quick"),
        (
            ["mnist-three-block", "--seed", "4000000"],
            "no run of mnist-three-block with seed 4000000",
        ),
        (["mnist-treeblock"], "mnist-three-block"),
        (["--record"], "--record goes with --quick"),
        (["--quick", "--record", "mnist-three-block"], "name no recipe or seed"),
    ],
)
def test_a_wrong_request_is_one_sentence(arguments, says):
    with pytest.raises(UserError, match=says):
        reproduce.main(arguments)


def test_a_place_that_cannot_be_written_is_refused_before_anything_is_trained(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"cannot write .*quick\.csv"):
        reproduce.main(["--quick", "--record", "--results", str(tmp_path / "file" / "results")])


def test_of_a_recipe_the_first_seed_is_trained_and_with_all_every_one():
    rows = pd.DataFrame(
        [
            record_of(0.98, seed, dataset="mnist", backend=backend)
            for seed in (1, 0, 2)
            for backend in ("torch", "tensorflow")
        ]
    )
    for names, seed, every, chosen in (
        (["mnist-three-block"], None, False, [0]),
        (["mnist-three-block"], 2, False, [2]),
        ([], None, True, [0, 1, 2]),
    ):
        found = reproduction._choose(rows, names, seed, every, Path("runs.csv"))
        assert [run["seed"] for run in found] == chosen
        assert {run["backend"] for run in found} == {"tensorflow"}


def test_images_that_folders_split_are_not_trained_on(tmp_path, monkeypatch):
    put_folder(tmp_path, split_pictures("{split}/{kind}s/{kind}.{number}.jpg"))
    monkeypatch.setattr(reproduction, "train_network", lambda *_, **__: pytest.fail("it trained"))
    found = reproduction.reproduce(["cats-vs-dogs-first-edition"], data_dir=tmp_path)
    assert found["verdict"].tolist() == [reproduction.OTHER_SPLIT]
    assert not found["holds"].any()
    assert "make the split, not the book's numbers" in reproduction.to_text(found)


def test_a_run_that_diverges_does_not_hold_and_the_next_is_trained(monkeypatch):
    def diverges(*arguments):
        raise Diverged.in_epoch(3, plan.make("mnist-first-edition"), "/tmp/x holds epoch 2")

    monkeypatch.setattr(reproduction, "_train", diverges)
    found = reproduction.reproduce(["mnist-first-edition"], every=True)
    assert len(found) == 10
    assert not found["holds"].any()
    said = reproduction.to_text(found)
    assert "training diverged" in said
    assert "/tmp/x" not in said  # which is gone by then


def test_a_run_that_cannot_be_trained_does_not_hold_and_the_next_is_trained(monkeypatch):
    def refuses(record, *_):
        raise UserError(f"seed {record['seed']} cannot be trained")

    monkeypatch.setattr(reproduction, "_train", refuses)
    found = reproduction.reproduce(["mnist-first-edition"], every=True)
    assert found["verdict"].tolist() == [reproduction.NOT_TRAINED] * 10
    assert not found["holds"].any()
    assert "seed 9 cannot be trained" in reproduction.to_text(found)


def test_missing_data_do_not_hold_for_a_whole_run(monkeypatch):
    def not_here(*arguments):
        raise NotFound("no cats and dogs here")

    monkeypatch.setattr(reproduction, "_train", not_here)
    (line,) = reproduction.reproduce(["cats-vs-dogs-first-edition"]).to_dict("records")
    assert not line["holds"]
    assert "no cats and dogs here" in line["why"]
    assert reproduction.reproduce(quick=True)["holds"].all()  # the short runs go where they can
