"""A run directory is there whole or not at all, and reads back what was written."""

import dataclasses
import json
import math
import os
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
from filelock import SoftFileLock

from chollet_cnn import errors, files
from chollet_cnn.book import networks
from chollet_cnn.errors import UserError
from chollet_cnn.training import run_files, runs, seeding

CONFIG = {
    "recipe": "mnist-three-block", "title": "MNIST", "seed": 3, "dataset": "MNIST",
    "classes": list("0123456789"), "changed": {}, "watched": "test set",
    "settings": {"dataset": "mnist", "epochs": 2},
}  # fmt: skip
ENVIRONMENT = {
    "device": "cpu", "device_name": "CPU", "processor": "fast", "data": {"sha256": "of images"}
}  # fmt: skip
METRICS = {
    "test_accuracy": 0.5, "test_pictures": 10, "parameters": 60_554, "epochs": 2,
    "train_seconds": 2.5, "published": None, "dataset": "MNIST",
}  # fmt: skip
FIGURES = {"loss": 0.1 + 0.2, "accuracy": 1 / 3, "val_loss": 2e-17, "val_accuracy": 0.5}
ROWS = [{"epoch": number, **FIGURES, "seconds": 1.25} for number in (1, 2)]


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    path = runs.directory(tmp_path_factory.mktemp("runs"), "mnist-three-block", 3)
    runs.begin(path, CONFIG, ENVIRONMENT)
    runs.write_history(path, ROWS)
    return runs.finish(path, networks.mnist_three_block(), METRICS)


@pytest.fixture
def finished(original, tmp_path):
    """A copy of the run that a test may change."""
    shutil.copytree(original.path.parents[1], tmp_path, dirs_exist_ok=True)
    return runs.load_run(tmp_path / original.path.relative_to(original.path.parents[1]))


def test_a_run_s_directory_is_named_after_its_recipe_and_seed(original):
    assert original.path.parts[-2:] == ("mnist-three-block", "seed-3")


def test_a_folder_may_begin_with_the_home_folder(finished, monkeypatch):
    for home in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(home, str(finished.path.parents[1]))
    short = f"~/{finished.path.parent.name}/{finished.path.name}"
    assert runs.load_run(short).path == finished.path
    assert runs.directory("~", finished.path.parent.name, 3).parent == finished.path.parent


@pytest.mark.parametrize(
    "name", ["../x", "/etc", "a/b", "a\\b", ".hidden", "", "a\n", "x" * 101, None, "é"]
)
def test_a_name_that_leads_elsewhere_is_refused(name, tmp_path):
    with pytest.raises(UserError, match="cannot be the name of a recipe"):
        runs.directory(tmp_path, name, 0)


def test_the_network_reads_back_with_the_weights_of_the_run(finished):
    model = finished.load_model()
    assert model.count_params() == 60_554
    sha256 = {"weights_sha256": seeding.sha256_of_weights(model)}
    assert dataclasses.replace(finished, metrics=sha256).load_model()
    others = dataclasses.replace(finished, metrics={"weights_sha256": "0" * 64})
    with pytest.raises(UserError, match=r"model\.keras .*its weights are not those of the run"):
        others.load_model()
    (finished.path / "model.keras").write_bytes(b"PK not a network")
    with pytest.raises(UserError, match=r"model\.keras cannot be read"):
        finished.load_model()
    (finished.path / "model.keras").unlink()
    with pytest.raises(UserError, match=r"model\.keras cannot be read"):
        finished.load_model()


@pytest.mark.parametrize(
    ("match", "split", "told"),
    [
        (3998, "numbers", "the book's pictures: 3,998 of 4,000 match"),
        (12, "numbers", "not the book's pictures: 12 of 4,000 match"),
        (4000, "folders", "the book's pictures: 4,000 of 4,000 match; not the book's split"),
    ],
)
def test_the_table_of_a_run_says_whether_its_pictures_are_the_book_s(finished, match, split, told):
    assert "match" not in str(finished)
    fingerprint = {"book_pictures": {"match": match, "of": 4000}, "split": split}
    finished.environment["data"] |= fingerprint
    runs.write_json(finished.path / "environment.json", finished.environment)
    assert re.search(rf"^  images +{told}$", str(runs.load_run(finished.path)), re.MULTILINE)


def test_the_history_reads_back_bit_for_bit(finished):
    assert finished.history.to_dict("records") == ROWS
    assert list(finished.history.columns) == list(runs.COLUMNS)


HOLD = """
import pathlib, sys
from chollet_cnn.training import runs
with runs.locked(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_process_is_refused_until_the_first_ends_even_by_a_kill(tmp_path):
    path = tmp_path / "run"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout.readline() == "held\n"
    leftover = path / "epochs" / ".chollet-cnn-1-2.part"
    leftover.parent.mkdir()
    leftover.touch()
    with pytest.raises(UserError, match=f"process {holder.pid} is training"), runs.locked(path):
        pass
    assert leftover.exists()
    holder.kill()
    holder.communicate()
    with runs.locked(path):
        assert not leftover.exists()
        with (
            pytest.raises(UserError, match=f"process {os.getpid()} is training"),
            runs.locked(path),
        ):
            pass


def test_a_lock_is_given_back_where_the_disk_is_full(tmp_path, monkeypatch):
    full = files.unwritable(tmp_path, OSError(28, "No space left on device"))
    with monkeypatch.context() as patch:
        patch.setattr(files, "write", Mock(side_effect=full))
        with pytest.raises(UserError, match="No space left") as kept, runs.locked(tmp_path):
            pass
    with runs.locked(tmp_path):  # although a notebook keeps the error and its frames
        assert kept


def test_where_a_file_system_has_no_locks_a_file_left_behind_can_be_deleted(tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "FileLock", SoftFileLock)  # as filelock does there by itself
    (tmp_path / ".lock").touch()
    with pytest.raises(UserError, match=r"if none is, delete .*/\.lock"), runs.locked(tmp_path):
        pass


def test_files_of_one_s_own_in_a_run_s_folder_stay(tmp_path):
    own = [tmp_path / name for name in ("office.party.jpg", "predictions/mine.part", "a.part")]
    own.append(tmp_path / "report.parts" / "b.part")
    for file in own:
        file.parent.mkdir(exist_ok=True)
        file.write_text("mine")
    with runs.locked(tmp_path):
        pass
    assert all(file.read_text() == "mine" for file in own)


def test_in_a_folder_that_cannot_be_locked_nobody_waits(tmp_path):
    (tmp_path / ".lock").mkdir()
    with files.held(tmp_path), files.held(tmp_path):
        files.write(tmp_path / "a", "")


@pytest.mark.parametrize(("system", "wait", "asked"), [("nt", 2, 2), ("nt", -1, 1), ("", 2, 1)])
def test_windows_is_asked_again_while_a_file_is_open(tmp_path, monkeypatch, system, wait, asked):
    rename = Mock(side_effect=[PermissionError, None])
    monkeypatch.setattr(errors, "os", SimpleNamespace(name=system, replace=rename))
    monkeypatch.setattr(errors, "SECONDS_TO_REPLACE", wait)
    with pytest.raises(UserError) if asked == 1 else nullcontext():
        files.write(tmp_path / "a", "new")
    assert (rename.call_count, list(tmp_path.iterdir())) == (asked, [])


def test_two_that_write_one_file_do_not_get_into_each_other_s_way(tmp_path):
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: files.write(tmp_path / "a", str(n) * 9999), [1, 2, 3, 4] * 20))
    assert len(set((tmp_path / "a").read_text())) == 1
    assert [file.name for file in tmp_path.iterdir()] == ["a"]


def test_what_a_killed_process_left_beside_a_file_is_removed_an_hour_later(tmp_path):
    names = (".chollet-cnn-1-2.part", ".chollet-cnn-3-4.part", "another.part")
    old, new, another = (tmp_path / name for name in names)
    for leftover, seconds in ((old, 3660), (new, 3540), (another, 3660)):
        leftover.touch()
        os.utime(leftover, (time.time() - seconds,) * 2)
    longest = tmp_path / ("a" * 255)
    files.write(longest, "text")
    assert sorted(tmp_path.iterdir()) == [new, longest, another]


def test_nan_and_infinities_are_null_in_json(tmp_path):
    content = {"loss": math.nan, "losses": [1.5, math.inf], "settings": {"rate": 1e30}}
    runs.write_json(tmp_path / "metrics.json", content)
    assert run_files.read_json(tmp_path / "metrics.json") == {
        "loss": None, "losses": [1.5, None], "settings": {"rate": 1e30}
    }  # fmt: skip


def test_a_folder_without_permission_holds_no_run(tmp_path, monkeypatch):
    def closed(path, **_):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "stat", closed)  # as root may look everywhere
    assert not runs.is_begun(tmp_path)
    assert not runs.is_finished(tmp_path)


def test_an_unfinished_run_is_told_from_none(tmp_path):
    with pytest.raises(UserError, match="is not a run directory"):
        runs.load_run(tmp_path)
    runs.begin(tmp_path / "run", {"recipe": "x"})
    with pytest.raises(UserError, match=r"unfinished.*resume=True"):
        runs.load_run(tmp_path / "run")


@pytest.mark.parametrize(
    ("file", "change", "field"),
    [("config", {"recipe": "../../x"}, "recipe"), ("config", {"recipe": ["x"]}, "recipe"),
     ("config", {"seed": "/x"}, "seed"), ("config", {"seed": -1}, "seed"),
     ("environment", {"backend": "../x"}, "backend"), ("environment", {"device": "/x"}, "device"),
     ("environment", {"data": ENVIRONMENT["data"] | {"book_pictures": {"match": "9", "of": 9}}},
      "data.book_pictures.match"),
     ("config", {"classes": ["one"]}, "classes"), ("config", {"classes": ["a", "a"]}, "classes"),
     ("config", {"title": "\x1b[31m"}, "title"), ("config", {"title": "\ud800"}, "title"),
     ("config", {"changed": [1]}, "changed"), ("config", {"changed": {"a": 1}}, "changed.a"),
     ("config", {"changed": {"weights_seed": {"recipe": 0, "run": "x"}}}, "changed.weights_seed"),
     ("config", {"settings": CONFIG["settings"] | {"epochs": 0}}, "settings.epochs"),
     ("config", {"settings": CONFIG["settings"] | {"optimizer": "x"}}, "settings.optimizer"),
     ("config", {"settings": CONFIG["settings"] | {"data_options": {"resize": "nearest"}}},
      "settings.data_options"),
     ("config", {"settings": CONFIG["settings"] | {"data_options": {"image_size": [0, 100_000]}}},
      "settings.data_options.image_size.0"),
     ("config", {"more": [{"deep": 10**400}]}, "deep"),
     ("environment", {"data": None}, "data"), ("environment", {"data": {}}, "data.sha256"),
     ("metrics", {"test_accuracy": True}, "test_accuracy"),
     ("metrics", {"test_accuracy": 1.5}, "test_accuracy"),
     ("metrics", {"epochs": None}, "judged_epoch|epochs"),
     ("metrics", {"best_epoch": 9}, "best_epoch"),
     ("metrics", {"published": {"quantity": "val_accuracy", "value": 0.5}}, "val_accuracy"),
     ("metrics", {"weights_sha256": "x"}, "weights_sha256")],
)  # fmt: skip
def test_what_a_file_must_not_hold_is_refused_by_its_field(finished, file, change, field):
    path = finished.path / f"{file}.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(UserError, match=rf"{file}\.json cannot be read \(.*({field})"):
        runs.load_run(finished.path)


@pytest.mark.parametrize("key", sorted(CONFIG | ENVIRONMENT | METRICS))
def test_a_field_that_is_missing_is_named(finished, key):
    for name in ("config", "environment", "metrics"):
        file = finished.path / f"{name}.json"
        file.write_text(
            json.dumps({k: v for k, v in json.loads(file.read_text()).items() if k != key})
        )
    with pytest.raises(UserError, match=rf"cannot be read \({key}: Field required"):
        runs.load_run(finished.path)


def test_keys_of_newer_versions_are_kept(finished):
    runs.write_json(finished.path / "metrics.json", METRICS | {"new": [1]})
    assert runs.load_run(finished.path).metrics["new"] == [1]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda text: text + "3,1,1,1,1,1\n", "3 rows, and metrics.json 2 epochs"),
        (lambda text: text.replace("val_loss", "other"), "0.val_loss"),
        (lambda text: text.replace("1.25", "nan"), "0.seconds"),
        (lambda text: text.replace("1.25", "1e999"), "0.seconds"),
        (lambda text: text.replace("1.25", "\u0663"), "0.seconds"),
        (lambda text: text.replace("2,", "3,", 1), "epochs are not 1, 2, 3"),
        (lambda text: text.replace("1.25", '"' + "x" * 200_000), "field larger|0.seconds"),
    ],
)
def test_a_damaged_history_is_refused(finished, change, says):
    file = finished.path / "history.csv"
    file.write_text(change(file.read_text()))
    with pytest.raises(UserError, match=rf"history\.csv cannot be read \(.*({says})"):
        _ = finished.history


def test_a_network_that_contradicts_its_config_is_refused(finished):
    options = {"image_size": [28, 28], "resize": "nearest"}
    for change, says in (
        ({"classes": ["a", "b"]}, "2 classes"),
        ({"settings": CONFIG["settings"] | {"data_options": options}}, "it takes images"),
    ):
        runs.write_json(finished.path / "config.json", CONFIG | change)
        with pytest.raises(UserError, match=rf"model\.keras cannot be read \(.*{says}"):
            runs.load_run(finished.path).load_model()


def test_what_cannot_be_printed_is_not_written(finished):
    odd = CONFIG | {"title": "a\x1b\udcff\tb"}
    runs.write_json(finished.path / "config.json", odd)
    assert runs.load_run(finished.path).config["title"] == "a??\tb"


def test_a_damaged_file_is_named(finished):
    for text in ('{"recipe": ', "[]", "[" * 100_000):
        (finished.path / "config.json").write_text(text)
        with pytest.raises(UserError, match=r"config\.json cannot be read"):
            runs.load_run(finished.path)


@pytest.mark.parametrize("name", ["file/run", "nul\0", "surrogate\ud800"])
def test_a_place_that_cannot_be_written_is_named(tmp_path, name):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(UserError, match="free the place or choose another"),
        runs.locked(tmp_path / name),
    ):
        pass


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_pipes_are_not_waited_for_and_odd_names_are_no_epochs(finished):
    for epoch in (1, 2, 1000):
        runs.write_epoch_weights(finished.path, epoch, [])
    for name in ("weights-1.npz", "weights-\u0663\u0663\u0663.npz", f"weights-{'9' * 99}.npz"):
        (finished.path / "epochs" / name).touch()
    for file in (finished.path / "model.keras", finished.path / "epochs" / "weights-002.npz"):
        file.unlink()
        os.mkfifo(file)
    assert finished.kept_epochs == [1, 1000]
    with pytest.raises(UserError, match=r"weights-002\.npz cannot be read"):
        finished.read_epoch_weights(2)
    with pytest.raises(UserError, match=r"model\.keras cannot be read"):
        finished.load_model()


def test_beginning_again_leaves_nothing_of_the_old_run(finished):
    runs.begin(finished.path, {"recipe": "again"})
    assert [file.name for file in finished.path.iterdir()] == ["config.json"]
    assert json.loads((finished.path / "config.json").read_text()) == {"recipe": "again"}


def test_a_run_from_before_figures_had_a_step_reads(finished):
    metrics = run_files.read_json(finished.path / "metrics.json")
    metrics["published"] = {"quantity": "test_accuracy", "value": 0.9913}
    runs.write_json(finished.path / "metrics.json", metrics)
    assert runs.load_run(finished.path).metrics["published"]["step"] == 0.0001
