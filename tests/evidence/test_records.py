"""Runs are recorded once, where they belong, and read back bit for bit."""

from concurrent.futures import ThreadPoolExecutor

import pandas as pd
import pytest

from chollet_cnn.errors import UserError
from chollet_cnn.evidence import records
from chollet_cnn.evidence.records import COPIES, RUNS, VARIANTS, Outcome, record
from chollet_cnn.training.runs import Run

RECIPE = "mnist-three-block"
HISTORY = "epoch,loss,accuracy,val_loss,val_accuracy\n"
PETS = "cats-vs-dogs-first-edition"


def outcome_of(seed, changed=(), **row):
    kind = {"backend": "tensorflow", "device": "cpu", "data_sha256": "ours", "data_note": ""}
    return Outcome({"recipe": RECIPE, "seed": seed} | kind | row, HISTORY, tuple(changed))


def test_a_run_is_recorded_once_with_its_learning_curve(tmp_path):
    for accuracy in (0.97, 0.98):
        record(outcome_of(1, test_accuracy=accuracy), tmp_path)
    assert records.read_table(tmp_path, RUNS)["test_accuracy"].tolist() == [0.98]
    curve = tmp_path / "histories" / f"{RECIPE}-seed-1-tensorflow-cpu.csv"
    assert curve.read_text() == HISTORY


@pytest.mark.parametrize(
    "row",
    [
        {"recipe": "../../outside"},
        {"recipe": "/tmp/outside"},
        {"recipe": ["mnist-three-block"]},
        {"backend": "../tensorflow"},
        {"device": "cpu/../../x"},
        {"seed": "../1"},
    ],
)
def test_a_name_from_a_file_never_becomes_a_path(tmp_path, row):
    folder = tmp_path / "a" / "b"
    with pytest.raises(UserError, match=r"unknown recipe|is not a name"):
        record(outcome_of(**({"seed": 1} | row)), folder)
    assert not list(tmp_path.rglob("*.csv"))


def test_the_name_of_a_variant_is_checked_too(tmp_path):
    with pytest.raises(UserError, match="is not a name"):
        record(outcome_of(1), tmp_path, table=VARIANTS, label="../x")
    assert not list(tmp_path.rglob("*.csv"))


def test_a_run_that_diverged_is_not_recorded(tmp_path):
    run = Run(tmp_path, {}, {}, {"diverged_epoch": 3})
    with pytest.raises(UserError, match="training diverged in epoch 3, and such a run is not"):
        records.outcome(run)


def test_runs_on_other_images_are_refused(tmp_path):
    record(outcome_of(1), tmp_path)
    with pytest.raises(UserError, match=r"runs\.csv has runs of .* on other images"):
        record(outcome_of(2, data_sha256="theirs"), tmp_path)
    with pytest.raises(UserError, match=r"runs\.csv has runs of .* on other images"):
        record(outcome_of(1, data_sha256="theirs"), tmp_path, table=VARIANTS, label="same-order")
    record(outcome_of(2, data_sha256="theirs"), tmp_path / "theirs")
    assert records.read_table(tmp_path / "theirs", RUNS)["seed"].tolist() == [2]


def test_originals_and_copies_are_on_different_images_but_each_on_the_same(tmp_path):
    for kind, images in (("originals", "o"), ("copies", "c")):
        record(outcome_of(0, data_sha256=images), tmp_path, table=COPIES, label=kind)
    with pytest.raises(UserError, match="on other images"):
        record(outcome_of(1, data_sha256="c"), tmp_path, table=COPIES, label="originals")
    rows = records.read_table(tmp_path, COPIES)
    assert rows[["pictures", "data_sha256"]].to_numpy().tolist() == [
        ["copies", "c"], ["originals", "o"],
    ]  # fmt: skip
    assert len(list((tmp_path / "histories").iterdir())) == 2


def test_runs_recorded_at_once_are_all_kept(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda seed: record(outcome_of(seed), tmp_path), range(40)))
    assert records.read_table(tmp_path, RUNS)["seed"].tolist() == list(range(40))
    assert not list(tmp_path.rglob("*.part"))


def test_a_changed_recipe_is_recorded_only_as_the_variant_that_changes_it(tmp_path):
    variant = {"table": VARIANTS, "label": "same-order", "overrides": {"order_seed": 0}}
    for changed, where in (("epochs", {}), ("order_seed", {}), ("epochs", variant)):
        with pytest.raises(UserError, match="changed its recipe"):
            record(outcome_of(1, [changed]), tmp_path, **where)
    record(outcome_of(1, ["order_seed"]), tmp_path, **variant)
    assert records.read_table(tmp_path, VARIANTS)["variant"].tolist() == ["same-order"]
    assert not (tmp_path / RUNS).exists()


def test_numbers_are_read_back_bit_for_bit(tmp_path):
    record(outcome_of(0, test_loss=0.1 + 0.2, test_accuracy=1 / 3), tmp_path)
    row = records.read_table(tmp_path, RUNS).iloc[0]
    assert (row["test_loss"], row["test_accuracy"]) == (0.1 + 0.2, 1 / 3)


def test_a_folder_may_hold_variants_alone(tmp_path):
    recorded = records.read()
    recorded.variants.to_csv(tmp_path / VARIANTS, index=False)
    alone = records.read(tmp_path)
    assert (len(alone.runs), len(alone.variants)) == (0, len(recorded.variants))
    assert alone.main_kind == ("tensorflow", "cpu")
    assert len(alone.of_most_runs().variants) == len(recorded.variants)


@pytest.mark.parametrize("text", [None, "recipe,seed\n", "\0\0"])
def test_a_missing_or_damaged_table_is_one_sentence(tmp_path, text):
    if text is not None:
        (tmp_path / RUNS).write_text(text)
    with pytest.raises(UserError, match=r"runs\.csv cannot be read .*--results"):
        records.read(tmp_path)


def test_kinds_are_never_mixed():
    rows = [{"recipe": RECIPE, "seed": s, "backend": "jax", "device": "gpu"} for s in range(3)]
    rows += [rows[0] | {"device": "cpu"}]
    found = records.Records(*[pd.DataFrame(rows)] * 6)
    assert found.main_kind == ("jax", "gpu")
    assert found.of_most_runs().runs["seed"].tolist() == [0, 1, 2]
