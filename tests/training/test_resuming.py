"""A finished, unfinished or damaged run is gone on with, replaced or refused."""

import json
import shutil

import numpy as np
import pytest
from small_runs import DIGITS, curve

from chollet_cnn.errors import UserError
from chollet_cnn.training import checkpoints, fitting, loop, resuming, runs, state, trainer


def test_a_second_call_with_nothing_changed_returns_the_finished_run(run):
    before = (run.path / "metrics.json").stat().st_mtime_ns
    for resume in (False, True):
        again = trainer.train_network(out=run.path.parents[1], seed=4, resume=resume, **DIGITS)
        assert (again.metrics, again.config) == (run.metrics, run.config)
    assert (run.path / "metrics.json").stat().st_mtime_ns == before


def test_a_run_that_is_overwritten_meanwhile_is_not_gone_on_with_unlocked(copy, monkeypatch):
    """A process that found it finished did not lock its folder, and may not train in it."""

    def found(*how):
        beginning = resuming.how_to_begin(*how)
        (copy.path / "metrics.json").unlink(missing_ok=True)  # as another process would
        return beginning

    monkeypatch.setattr(fitting, "how_to_begin", found)
    with pytest.raises(UserError, match="is unfinished"):
        trainer.train_network(out=copy.path.parents[1], seed=4, resume=True, **DIGITS)
    assert not runs.is_finished(copy.path)


def test_a_finished_run_may_be_read_only(run, monkeypatch):
    monkeypatch.setattr(runs, "locked", lambda path: pytest.fail("it was locked"))
    again = trainer.train_network(out=run.path.parents[1], seed=4, **DIGITS)
    assert again.metrics == run.metrics


@pytest.mark.parametrize(
    ("other", "name"),
    [({"epochs": 1}, "epochs"), ({"precision": "bfloat16"}, "precision"),
     ({"order_seed": 5}, "order seed"), ({"weights_seed": 5}, "weights seed"),
     ({"optimizer": "adam"}, "optimizer")],
)  # fmt: skip
@pytest.mark.parametrize("resume", [False, True])
def test_a_finished_run_is_not_returned_for_one_with_other_settings(run, other, name, resume):
    before = (run.path / "metrics.json").read_bytes()
    asked = {"seed": 4, **DIGITS, **other}
    with pytest.raises(UserError, match=rf"other settings \({name}\); overwrite=True replaces"):
        trainer.train_network(out=run.path.parents[1], resume=resume, **asked)
    assert (run.path / "metrics.json").read_bytes() == before


@pytest.fixture
def copy(run, tmp_path):
    """A copy of the finished run that a test may change."""
    shutil.copytree(run.path, runs.directory(tmp_path, "mnist-three-block", 4))
    return runs.load_run(runs.directory(tmp_path, "mnist-three-block", 4))


def interrupted(*arguments):
    raise KeyboardInterrupt


def again(run, **options):
    return trainer.train_network(out=run.path.parents[1], **{"seed": 4, **DIGITS, **options})


@pytest.mark.parametrize(
    "other",
    [
        {"device": "gpu"},
        {"backend": "another"},
        {"data": {"sha256": "others"}},
        {"data": {"pictures": {"train": 1400, "test": 397}}},  # the same images, split otherwise
    ],
)
def test_a_finished_run_is_not_returned_for_one_on_other_images_or_another_device(copy, other):
    runs.write_json(copy.path / "environment.json", copy.environment | {"processor": "another"})
    assert again(copy).metrics == copy.metrics  # its bits are there
    if "data" in other:
        other = {"data": copy.environment["data"] | other["data"]}
    runs.write_json(copy.path / "environment.json", copy.environment | other)
    with pytest.raises(UserError, match=rf"other settings \({next(iter(other))}\)"):
        again(copy)


def test_a_finished_run_is_not_made_shorter(copy):
    with pytest.raises(UserError, match=r"\(epochs\)[^,]*, another out puts this one elsewhere$"):
        again(copy, epochs=1)


def test_an_interrupted_run_is_not_made_shorter(copy):
    (copy.path / "metrics.json").unlink()
    with pytest.raises(UserError, match=r"epoch 2 of .* is finished already; epochs must .* 2, or"):
        again(copy, epochs=1, resume=True)


def test_a_finished_run_goes_on_to_more_epochs_with_the_bits_of_a_longer_one(copy, tmp_path):
    with pytest.raises(UserError, match=r"\(epochs\).*resume=True trains on to more epochs"):
        again(copy, epochs=3)
    longer = again(copy, epochs=3, resume=True)
    whole = trainer.train_network(out=tmp_path / "whole", seed=4, **DIGITS | {"epochs": 3})
    assert curve(longer) == curve(whole)
    assert longer.metrics["weights_sha256"] == whole.metrics["weights_sha256"]
    assert longer.config == whole.config


def test_an_extended_run_stays_finished_until_it_has_a_new_epoch_and_then_resumes(
    copy, tmp_path, monkeypatch
):
    whole = trainer.train_network(out=tmp_path / "whole", seed=4, **DIGITS | {"epochs": 4})
    before = contents(copy.path)
    with monkeypatch.context() as patch:
        patch.setattr(loop, "run_epoch", interrupted)
        with pytest.raises(KeyboardInterrupt):
            again(copy, epochs=4, resume=True)
    assert contents(copy.path) == before
    real = state.State.save
    with monkeypatch.context() as patch:
        patch.setattr(state.State, "save", lambda *a: (real(*a), interrupted()))
        with pytest.raises(KeyboardInterrupt):
            again(copy, epochs=4, resume=True)
    assert not runs.is_finished(copy.path)
    assert len((copy.path / "history.csv").read_text().splitlines()) == 1 + 3
    longer = again(copy, epochs=4, resume=True)
    assert longer.metrics["weights_sha256"] == whole.metrics["weights_sha256"]
    shutil.rmtree(copy.path / "checkpoint")
    with pytest.raises(UserError, match="no checkpoint to go on from; overwrite=True"):
        again(copy, epochs=5, resume=True)


@pytest.mark.parametrize("name", ["config", "environment"])
@pytest.mark.parametrize("text", ["[]", "{}", '{"settings": 1}', '{"settings": {"epochs": "x"}}',
                                  '{"numerics": 1, "versions": 2, "data": 3}'])  # fmt: skip
def test_a_damaged_file_of_a_run_is_named_or_differs(copy, name, text):
    (copy.path / f"{name}.json").write_text(text)
    with pytest.raises(UserError, match=rf"{name}\.json cannot be read|other settings"):
        again(copy, epochs=3, resume=True)


def test_training_does_not_go_on_under_settings_that_change_the_bits(copy):
    numerics = copy.environment["numerics"] | {"onednn": "another"}
    runs.write_json(copy.path / "environment.json", copy.environment | {"numerics": numerics})
    with pytest.raises(UserError, match=r"other settings \(onednn\)"):
        again(copy, epochs=3, resume=True)
    (copy.path / "environment.json").unlink()
    with pytest.raises(UserError, match=r"environment\.json cannot be read \(there is no such"):
        again(copy, epochs=3, resume=True)


@pytest.mark.parametrize("owner", [{"seed": 5}, {"learning_rate": 0.5}])
def test_a_checkpoint_of_another_run_is_never_gone_on_from(copy, owner, tmp_path):
    other = trainer.train_network(out=tmp_path / "other", **{"seed": 4, **DIGITS, **owner})
    shutil.copy(other.path / checkpoints.FILE, copy.path / checkpoints.FILE)
    with pytest.raises(UserError, match=f"belongs to another run: {next(iter(owner))}"):
        again(copy, epochs=3, resume=True)
    assert again(copy).metrics == copy.metrics


def test_a_checkpoint_with_more_epochs_than_it_was_trained_for_is_refused(copy):
    with np.load(copy.path / checkpoints.FILE) as file:
        arrays = dict(file)
    rows = json.loads(arrays["rows"].tobytes())
    rows += [rows[-1] | {"epoch": 3}]
    arrays["rows"] = np.frombuffer(json.dumps(rows).encode(), np.uint8)
    np.savez(copy.path / checkpoints.FILE, **arrays)
    with pytest.raises(UserError, match="steps are not those of epoch 3"):
        again(copy, epochs=4, resume=True)


def contents(path):
    files = {file for file in path.rglob("*") if file.is_file() and file.name[0] != "."}
    return {file.relative_to(path): file.read_bytes() for file in files}


def test_an_overwritten_run_is_whole_until_the_new_one_has_an_epoch(copy, monkeypatch):
    before = contents(copy.path)
    with monkeypatch.context() as patch:
        patch.setattr(loop, "run_epoch", interrupted)
        with pytest.raises(KeyboardInterrupt):
            again(copy, learning_rate=0.01, overwrite=True)
    with pytest.raises(trainer.Diverged):
        again(copy, learning_rate=1e30, overwrite=True)
    for wrong in ({"precision": "half"}, {"device": "tpu"}, {"epochs": 0.5}, {"seed": 4.5}):
        with pytest.raises(UserError, match=" must be "):
            again(copy, overwrite=True, **wrong)
    assert contents(copy.path) == before
    new = again(copy, learning_rate=0.01, overwrite=True)
    assert new.config["settings"]["learning_rate"] == 0.01
    assert new.metrics["weights_sha256"] != copy.metrics["weights_sha256"]


def test_weights_of_an_overwritten_run_never_pass_for_those_of_the_new_one(copy, monkeypatch):
    assert (copy.path / runs.EPOCHS).is_dir()
    with monkeypatch.context() as patch:
        patch.setattr(runs, "write_json", interrupted)  # killed while config.json is written
        with pytest.raises(KeyboardInterrupt):
            again(copy, learning_rate=0.01, overwrite=True)
    assert not (copy.path / runs.EPOCHS).exists()


@pytest.mark.parametrize("name", ["checkpoint", "checkpoint/state.npz"])
def test_overwriting_never_goes_on_from_the_old_checkpoint(copy, name, tmp_path, train_once):
    (copy.path / name).rename(tmp_path / "elsewhere")
    (copy.path / name).symlink_to(tmp_path / "elsewhere")
    fresh = train_once("digits-fast", seed=4, learning_rate=0.01, **DIGITS)
    over = again(copy, learning_rate=0.01, overwrite=True)
    assert over.metrics["weights_sha256"] == fresh.metrics["weights_sha256"]


def test_an_unfinished_run_says_how_to_go_on(tmp_path, run):
    tmp_path /= "{out}"  # a folder may be called like a parameter
    path = runs.directory(tmp_path, "mnist-three-block", 0)
    runs.begin(path, {"recipe": "mnist-three-block", "settings": {"epochs": 7}})
    with pytest.raises(UserError) as unfinished:
        trainer.train_network(out=tmp_path, **DIGITS)
    assert str(unfinished.value) == (
        f"{path} holds an unfinished run; resume=True goes on with it, overwrite=True replaces it, "
        "another out puts this one elsewhere"
    )
    assert unfinished.value.in_terms_of_flags() == (
        f"{path} holds an unfinished run; --resume goes on with it, --overwrite replaces it, "
        "another --out puts this one elsewhere"
    )
    with pytest.raises(UserError, match=r"config\.json cannot be read \(title: Field required"):
        trainer.train_network(out=tmp_path, resume=True, **DIGITS)
    begun = run.config | {"seed": 0, "settings": run.config["settings"] | {"learning_rate": 0.5}}
    (path / "config.json").write_text(json.dumps(begun))
    with pytest.raises(UserError, match=r"begun with other settings \(learning rate\)"):
        trainer.train_network(out=tmp_path, resume=True, **DIGITS)


@pytest.mark.parametrize("rate", [1e30, 1e3])  # with the second, the loss stays finite
def test_a_run_that_diverges_in_its_first_epoch_leaves_its_place_free(rate, tmp_path):
    with pytest.raises(trainer.Diverged, match=r"in epoch 1, .* holds no network"):
        trainer.train_network(out=tmp_path, learning_rate=rate, **DIGITS)
    with pytest.raises(UserError, match=r"has no metrics\.json"):
        runs.load_run(tmp_path / "mnist-three-block" / "seed-0")
    again = trainer.train_network(out=tmp_path, **DIGITS)
    with pytest.raises(trainer.Diverged, match=r"in epoch 1, .* is as it was"):
        trainer.train_network(out=tmp_path, learning_rate=rate, overwrite=True, **DIGITS)
    assert runs.load_run(again.path).metrics == again.metrics


def test_an_unfinished_run_that_diverges_in_its_first_epoch_leaves_its_place_free(
    tmp_path, monkeypatch
):
    asked = {"out": tmp_path, "learning_rate": 1e30, **DIGITS}
    with monkeypatch.context() as patch:
        patch.setattr(loop, "run_epoch", interrupted)
        with pytest.raises(KeyboardInterrupt):
            trainer.train_network(**asked)
    with pytest.raises(trainer.Diverged, match=r"in epoch 1, .* holds no network"):
        trainer.train_network(resume=True, **asked)
    trainer.train_network(**asked | {"learning_rate": None})  # as the message advises


def test_a_resumed_run_keeps_weights_as_it_began(tmp_path, monkeypatch):
    monkeypatch.setattr(fitting, "FEW_WEIGHTS", 60_000)  # below this network's
    trainer.train_network(out=tmp_path, keep_weights=True, **DIGITS)
    longer = trainer.train_network(out=tmp_path, resume=True, **DIGITS | {"epochs": 3})
    assert longer.kept_epochs == [1, 2, 3]


def test_weights_that_an_interruption_came_before_are_kept_on_resuming(copy, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(state.State, "open_run", interrupted)  # only the checkpoint is written
        with pytest.raises(KeyboardInterrupt):
            again(copy, epochs=3, resume=True)
    assert again(copy, epochs=3, resume=True).kept_epochs == [1, 2, 3]


def test_an_extension_that_diverges_at_once_leaves_the_finished_run(copy, monkeypatch):
    before = contents(copy.path)
    monkeypatch.setattr(loop, "run_epoch", lambda *_: loop.Score(float("nan"), 0.1))
    with pytest.raises(trainer.Diverged, match=r"in epoch 3, .* is as it was"):
        again(copy, epochs=5, resume=True)
    assert contents(copy.path) == before


def test_a_resumed_run_has_the_history_of_its_checkpoint_also_if_no_epoch_is_left(copy):
    history = copy.path / "history.csv"
    whole = history.read_bytes()
    history.write_bytes(b"".join(whole.splitlines(keepends=True)[:-1]))
    (copy.path / "metrics.json").unlink()
    run = again(copy, resume=True)
    assert history.read_bytes() == whole
    assert run.metrics == copy.metrics


def test_a_diverged_run_keeps_its_last_good_epoch(tmp_path, monkeypatch):
    good = trainer.train_network(out=tmp_path / "good", **DIGITS)
    real, calls = loop.run_epoch, []

    def diverging(steps, feed, batches, on_progress=lambda samples: None):
        score = real(steps, feed, batches, on_progress)
        if len(batches) > 20:  # an epoch of training, not of evaluation
            calls.append(score)
        return loop.Score(float("nan"), 0.1) if len(calls) == 3 else score

    monkeypatch.setattr(loop, "run_epoch", diverging)
    with pytest.raises(
        trainer.Diverged, match=r"in epoch 3, .* learning_rate below 0.001 .*epoch 2"
    ):
        trainer.train_network(out=tmp_path, **DIGITS | {"epochs": 4})
    monkeypatch.undo()
    run = runs.load_run(tmp_path / "mnist-three-block" / "seed-0")
    assert (run.metrics["diverged_epoch"], run.metrics["epochs"]) == (3, 2)
    assert curve(run) == curve(good)
    assert run.metrics["weights_sha256"] == good.metrics["weights_sha256"]
    assert run.load_model()
    assert "in epoch 3, where training stopped" in str(run)
    with pytest.raises(trainer.Diverged):  # and says so again
        trainer.train_network(out=tmp_path, **DIGITS | {"epochs": 4})
