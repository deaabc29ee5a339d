"""The benchmark's tables hold what was measured, and its contenders train the same network."""

import json
import subprocess
import sys

import benchmark
import compare_backends
import contenders
import keras
import pandas as pd
import pytest
import scaling
from pets import noisy_pets

from chollet_cnn import data
from chollet_cnn.book import recipes
from chollet_cnn.errors import UserError
from chollet_cnn.evidence import records
from chollet_cnn.training import fitting


def test_ratios_are_taken_repeat_by_repeat():
    # A machine that is half as fast in the second repeat slows both; the ratio stays 0.5.
    rows = pd.DataFrame({
        "contender": ["keras", "runner"] * 3, "repeat": [0, 0, 1, 1, 2, 2],
        "epoch_seconds": [8.0, 4.0, 16.0, 8.0, 8.0, 5.0],
    })  # fmt: skip
    ratio = benchmark._ratio
    assert ratio(rows, "runner", "keras") == "0.50 (0.50 to 0.62)"
    assert ratio(rows, "keras", "keras") == ratio(rows, "runner", "torch") == ""
    other_repeat = rows.iloc[:1].assign(contender="torch", repeat=7)
    assert ratio(pd.concat([rows, other_repeat]), "keras", "torch") == ""
    assert ratio(rows.iloc[:2], "runner", "keras") == "0.50"


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (["mnist-second-edition", "mnist-secnd"], "unknown recipe 'mnist-secnd'"),
        (["--repeats", "0"], "--repeats"),
        (["--epochs", "0"], "--epochs"),
    ],
)
def test_a_mistake_is_told_before_anything_is_measured(asked, says, monkeypatch, tmp_path):
    monkeypatch.setattr(benchmark, "measure", lambda *_: pytest.fail("it was measured"))
    with pytest.raises(UserError, match=says):
        benchmark.main([*asked, "--out", str(tmp_path)])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("script", "options"),
    [
        (benchmark, ["--out"]),
        (benchmark, ["--memory", "20", "--out"]),
        (scaling, ["--out"]),
        (scaling, ["--devices", "--out"]),
        (compare_backends, ["--results"]),
    ],
)
def test_a_place_that_cannot_be_written_is_refused_before_anything_is_measured(
    script, options, monkeypatch, tmp_path
):
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("it was measured"))
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"cannot write .*\.csv \(Not a directory\)"):
        script.main([*options, str(tmp_path / "file" / "results")])


def test_an_earlier_version_s_table_is_refused_before_anything_is_measured(monkeypatch, tmp_path):
    monkeypatch.setattr(benchmark, "measure", lambda *_: pytest.fail("it was measured"))
    table = tmp_path / "benchmark.csv"
    table.write_text("recipe,contender,repeat\nmnist-second-edition,keras,0\n")
    with pytest.raises(UserError, match=r"benchmark\.csv has no column backend or device, as"):
        benchmark.main(["--add", "--out", str(tmp_path)])
    assert table.read_text().count("\n") == 2


def test_what_was_measured_is_written_recipe_by_recipe(monkeypatch, tmp_path):

    def measure(contender, name, *_):
        if name == "mnist-third-edition":
            raise UserError("it broke off")
        return {"backend": "jax", "device": device} | dict.fromkeys(benchmark.FLOATS, 1 / 3)

    device = "CPU"
    monkeypatch.setattr(benchmark, "measure", measure)
    asked = ["mnist-second-edition", "mnist-third-edition", "--contenders", "keras", "runner"]
    with pytest.raises(UserError, match="it broke off"):
        benchmark.main([*asked, "--repeats", "1", "--out", str(tmp_path)])
    kept = pd.read_csv(tmp_path / "benchmark.csv")
    assert kept["contender"].tolist() == ["keras", "runner"]
    assert set(kept["recipe"]) == {"mnist-second-edition"}
    again = ["mnist-second-edition", "--contenders", "runner", "tuned", "--repeats", "1"]
    for flags, repeats in ((["--add"], [0, 0, 1, 1]), ([], [0, 0])):
        benchmark.main([*again, *flags, "--out", str(tmp_path)])
        assert pd.read_csv(tmp_path / "benchmark.csv")["repeat"].tolist() == repeats
    before, device = (tmp_path / "benchmark.csv").read_text(), "A GPU"
    benchmark.main([*again, "--repeats", "2", "--out", str(tmp_path)])
    after = (tmp_path / "benchmark.csv").read_text()
    assert after.startswith(before)  # every bit of the rows of another device
    assert after.count(",A GPU,") == 2 * 2  # runner and tuned, two repeats each


def test_the_summary_has_a_row_a_recipe_and_empty_cells_where_nothing_was_measured():
    rows = pd.DataFrame({
        "recipe": ["a"] * 5 + ["b"] * 2, "repeat": 0,
        "contender": ["keras", "tuned", "runner", "torch", "floor", "keras", "runner"],
        "epoch_seconds": [10.0, 4.0, 8.0, 16.0, 7.0, 20.0, 15.0],
        "processor_seconds": [None, None, 16.0, None, None, None, None],
        "first_step_after_import": 1.25, "peak_mib": [1000.0, 1, 1234.5, 1, 1, 2000, 1234.5],
    })  # fmt: skip
    a, b = benchmark.summary(rows).to_numpy().tolist()
    assert a == [
        "a", "8.0", "2.0", "0.80", "2.00",
        "0.70", "0.50", "0.44", "", "1.2 s",
        "1,234 MiB", "1.23",
    ]  # fmt: skip
    assert b == [
        "b", "15.0", "", "0.75", *[""] * 5, "1.2 s", "1,234 MiB",
        "0.62",
    ]  # fmt: skip
    ((*_, passes, _, fit, runner),) = benchmark.budget(rows).to_numpy().tolist()
    assert passes == "7.0"
    assert (fit, runner) == ("+3.0", "+1.0")


def test_how_much_of_the_lead_comes_from_doing_without_xla():
    names = ["keras", "no-xla", "tuned", "runner"]
    rows = pd.DataFrame({
        "recipe": "a", "repeat": 0, "contender": names, "epoch_seconds": [12.0, 7, 8, 6],
        "waiting_seconds": [2.0, 0, 0, None], "processor_seconds": [6.0, 5, 5, 6],
    })  # fmt: skip
    # A repeat without the others, when the machine was faster, is no part of it.
    other = pd.DataFrame({
        "recipe": "a", "repeat": 1, "contender": ["keras", "runner"], "epoch_seconds": [2.0, 1],
    })  # fmt: skip
    lead = benchmark.lead
    by_clock, by_processor = lead(pd.concat([rows, other])).to_dict("records")
    assert by_clock["XLA's share of the lead"] == "75%"
    assert by_clock["runner against tuned"] == "0.75"
    assert by_processor["XLA's share of the lead"] == ""  # there is no lead
    assert lead(rows.replace({7.0: 11.0}))["XLA's share of the lead"][0] == "none"
    assert lead(rows[1:]).empty


def test_an_epoch_costs_a_fixed_part_and_each_of_its_images():
    rows = pd.DataFrame({"pictures": [1000, 4000, 60_000]})
    rows["processor_seconds"] = 0.5 + rows["pictures"] * 2e-4
    assert scaling.epoch_cost(rows) == pytest.approx((0.5, 2e-4))


def test_a_study_takes_as_many_rounds_as_its_seeds_need():
    speeds = pd.DataFrame({
        "recipe": ["mnist-second-edition"] * 2, "contender": ["runner", "keras"],
        "first_step": [10.0, 99.0], "epoch_seconds": [10.0, 99.0],
    })  # fmt: skip
    (line,) = scaling.study_cost(speeds).to_dict("records")
    # A run: 10 s and five epochs of 10 s. Ten seeds on 1, 2, 5, 10 and 20 nodes: 10, 5, 2, 1, 1.
    assert list(line.values())[1:] == [
        "1.0 min", "16.7%", "10.0 min", "5.0 min", "2.0 min", "1.0 min", "1.0 min"
    ]  # fmt: skip


def test_two_cores_are_held_against_one_core_that_trains_alone():
    rows = pd.DataFrame({
        "batch_size": [64, 64, 64], "processes": [1, 2, 1], "cores": [1, 1, 2],
        "epoch_seconds": [100.0, 62.5, 80.0],
    })  # fmt: skip
    _, together, one = scaling.device_gain(rows).to_dict("records")
    assert list(together.values()) == ["64", "2", "1", "62.5", "1.60", "80%"]
    assert list(one.values()) == ["64", "1", "2", "80.0", "1.25", "62%"]
    # 938 steps of 0.107 s; a million gradients, there and back, are 8 MB of 125 MB a second.
    (line,) = scaling.sending(rows, 1_000_000).to_dict("records")
    assert list(line.values()) == ["64", "0.107 s", "0.0640 s", "2"]


def test_backends_and_devices_are_never_mixed(tmp_path):
    numbers = {
        "pictures": 1000, "first_epoch": 3.0, "first_step": 1.0, "first_step_after_import": 0.5,
        "waiting_seconds": None, "processor_seconds": 3.0, "peak_mib": 100.0,
        "matrix_product_gflops": 60.0, "repeat": 0,
    }  # fmt: skip
    kinds = [("tensorflow", "CPU", [8.0, 4.0, 6.0]), ("jax", "Some GPU", [0.5, 0.125])]
    rows = pd.DataFrame([
        {"recipe": "mnist-second-edition", "contender": contender, "backend": backend}
        | {"device": device, "epoch_seconds": seconds} | numbers
        for backend, device, times in kinds
        for contender, seconds in zip(["keras", "runner", "floor"], times, strict=False)
    ])  # fmt: skip
    for order in (rows, rows[::-1]):
        benchmark.write(order, tmp_path / "benchmark.csv")
        text = (tmp_path / "benchmark.md").read_text()
        here, elsewhere = text.split("With JAX on one GPU (Some GPU)")
        assert "| mnist-second-edition | 4.0 | 0.8 | 0.50 |" in here
        assert "| runner | 0.12 |" in elsewhere
        assert "0.25" in elsewhere
        assert "No GPU was measured" not in text


def test_the_share_of_the_matrix_rate_counts_the_passes():
    rows = pd.DataFrame({
        "recipe": "r", "contender": ["runner", "forward"], "repeat": 0, "pictures": 1000,
        "epoch_seconds": [2.0, 1.0], "waiting_seconds": None, "processor_seconds": 3.0,
        "first_epoch": 3.0,
        "first_step": 1.0, "first_step_after_import": 0.5, "peak_mib": 100.0,
        "matrix_product_gflops": [60.0, None],
    })  # fmt: skip
    # 500 images per second, 10 million products each: 2 x 3 x 5 GFLOP/s of 60.
    runner, forward = benchmark.table(rows, {"r": 10_000_000}).to_dict("records")
    told = ("images per second", "share of matrix rate", "cores busy")
    assert [runner[key] for key in told] == ["500", "50%", "1.5"]
    assert forward["share of matrix rate"] == "33%"  # a third of the products, twice as fast


def test_what_windows_does_not_tell_is_an_empty_cell(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "resource", None)  # as if it were not there
    peak = contenders.peak_mib()
    rows = pd.read_csv(records.RESULTS / "benchmark.csv").assign(peak_mib=peak)
    tables = benchmark.table(rows, dict.fromkeys(rows["recipe"], 1)), benchmark.summary(rows)
    cells = pd.concat(tables)[["peak memory", "memory against `fit`"]]
    assert set(cells.fillna("").to_numpy().ravel()) == {""}
    monkeypatch.setattr(benchmark, "write_images", lambda *_: None)
    monkeypatch.setattr(benchmark, "measure", lambda *_, **__: {"peak_mib": peak})
    with pytest.raises(UserError, match="use Linux or macOS"):
        benchmark.main(["--memory", "20", "--out", str(tmp_path)])


@pytest.mark.parametrize("name", ["mnist-second-edition", "cats-vs-dogs-third-edition"])
def test_the_plain_torch_network_has_as_many_weights(name):
    pytest.importorskip("torch")
    recipe = recipes.get(name)
    network = contenders._torch_network(fitting.build(recipe))
    assert sum(weight.numel() for weight in network.parameters()) == recipe.parameters


@pytest.mark.slow
def test_a_contender_tells_each_epoch_s_time_and_when_its_first_step_ended(capsys):
    arguments = ["mnist-second-edition", "--dataset", "digits", "--epochs", "2"]
    for contender in ("keras", "no-xla", "tuned", "runner", "bfloat16", "forward", "floor"):
        contenders.main([contender, *arguments])
        told = json.loads(capsys.readouterr().out.splitlines()[-1])
        assert (told["backend"], told["device"]) == (keras.backend.backend(), "CPU")
        assert len(told["epochs"]) == 3  # the first, with compilation, and two more
        assert min(told["epochs"]) > 0
        if contender not in ("forward", "floor"):  # which compile before their first epoch
            assert told["epochs"][0] > min(told["epochs"][1:])
        assert len(told["processor_seconds"]) == 3
        assert min(told["processor_seconds"]) > 0
        assert 0 < told["first_step_after_import"] < told["first_step"]
        assert told["peak_mib"] > 100


def test_the_texts_are_made_from_the_measured_rows(tmp_path):
    measured = {
        name: benchmark.read(records.RESULTS / f"{name}.csv")
        for name in ("scaling", "devices", "benchmark")
    }
    scaling.write(measured["scaling"], measured["devices"], tmp_path)
    benchmark.write(measured["benchmark"], tmp_path / "benchmark.csv")
    for name in ("scaling.md", "benchmark.md"):
        assert (tmp_path / name).read_text() == (records.RESULTS / name).read_text(), name
    for name in measured:  # nothing is rounded when a row is added
        file = f"{name}.csv"
        assert (tmp_path / file).read_bytes() == (records.RESULTS / file).read_bytes(), name


def test_memory_is_measured_on_as_many_images_as_asked_for(monkeypatch, tmp_path):
    (tmp_path / "few").mkdir()
    noisy_pets(tmp_path / "few", 2, (20, 20))
    trained = []

    def measure(contender, name, folder, *options, **environment):
        recipe = contenders.with_images(
            recipes.get(name), options[options.index("--train-images") + 1]
        )
        loaded = data.load_dataset("cats-vs-dogs", folder, **recipe.data_options)
        trained.append(len(loaded.train))
        return {"peak_mib": 1000.0 + len(loaded.train)}

    monkeypatch.setattr(benchmark, "measure", measure)
    benchmark.main(
        ["--memory", "20", "60", "--data-dir", str(tmp_path / "few"), "--out", str(tmp_path)]
    )
    assert trained == [20, 60]
    written = pd.read_csv(tmp_path / "memory.csv")
    assert written.to_numpy().tolist() == [[20, 1020, 1.0], [60, 1060, 1.039]]
