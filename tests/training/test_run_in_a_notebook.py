"""What a finished run gives in a notebook: a table, an image, a network to go on with, its data."""

import dataclasses
import shlex
import shutil

import keras
import pytest

from chollet_cnn import data, train
from chollet_cnn.book import legacy_keras, recipes
from chollet_cnn.data.sources import NotFound
from chollet_cnn.errors import UserError
from chollet_cnn.training import facts, runs, trainer


@pytest.fixture(scope="module")
def run(digits_run):
    return runs.load_run(digits_run)


def changed(run, **settings):
    config = run.config | {"settings": run.config["settings"] | settings}
    return dataclasses.replace(run, config=config)


def test_str_is_the_table_and_repr_is_short(run):
    table = str(run).splitlines()
    assert table[0] == run.config["title"]
    assert any(f"{run.metrics['test_accuracy']:.2%}" in line for line in table)
    assert table[-1].endswith(str(run.path))
    assert len(repr(run)) < 100 + len(str(run.path))


def test_html_has_the_facts_and_the_learning_curve_once(run):
    html = run._repr_html_()
    assert html.count("<img ") == html.count("data:image/png;base64,iVBOR") == 1
    assert html.count("<tr>") == len(str(run).splitlines()) - 1
    assert f"{run.history['val_accuracy'].iloc[-1]:.2%} on the test set" in html


def test_a_machine_with_one_core_has_no_cores(run):
    alone = run.environment | {"device": "cpu", "devices": 1, "cores": 1}
    assert ", 1 core)" in facts.facts(run.config, alone, run.metrics)["device"]


def test_test_images_that_selected_the_epoch_are_told(run):
    settings = run.config["settings"] | {"judged_by": recipes.LOWEST_VALIDATION_LOSS}
    config = run.config | {"settings": settings, "watched": "test set"}
    told = facts.facts(config, run.environment, run.metrics)["epochs"]
    assert "of the lowest test loss: selected on the test images" in told
    told = facts.facts(config | {"watched": "validation set"}, run.environment, run.metrics)
    assert told["epochs"].endswith("of the lowest validation loss")


def test_html_escapes_what_a_run_says_of_itself(run):
    title = "<script>alert(1)</script>"
    assert title not in facts.as_html(title, {"a<b": "c<d"}, run.history)


def test_the_loaded_network_evaluates_to_the_test_accuracy_of_the_run(run):
    loss, accuracy = run.load_model().evaluate(*run.test_data(), verbose=0)
    assert accuracy == pytest.approx(run.metrics["test_accuracy"], abs=1e-6)
    assert loss == pytest.approx(run.metrics["test_loss"], rel=1e-4)


def test_a_run_from_before_its_data_set_was_named_finds_its_data_too(run):
    config = {name: value for name, value in run.config.items() if name != "dataset_name"}
    old = dataclasses.replace(run, config=config)
    assert (old.test_data()[1] == run.test_data()[1]).all()


@pytest.mark.parametrize("optimizer", ["rmsprop", "adam", "rmsprop-2017", "rmsprop-2021"])
def test_the_loaded_network_fits_on_with_the_optimizer_of_its_recipe(run, optimizer, tmp_path):
    model = changed(run, optimizer=optimizer, learning_rate=0.0005).load_model()
    digits = data.load_dataset("digits").train
    model.fit(digits.images[:64], digits.labels[:64], verbose=0)
    assert float(model.optimizer.learning_rate) == pytest.approx(0.0005)
    legacy = optimizer in recipes.LEGACY_EPSILON
    assert isinstance(model.optimizer, legacy_keras.LegacyRMSprop) == legacy
    model.save(tmp_path / "fitted.keras")
    again = keras.models.load_model(tmp_path / "fitted.keras")
    assert type(again.optimizer) is type(model.optimizer)
    assert again.optimizer.epsilon == model.optimizer.epsilon


def test_the_test_images_are_not_downloaded(run, tmp_path, monkeypatch):
    monkeypatch.setenv("CHOLLET_CNN_DATA", str(tmp_path))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    on_mnist = dataclasses.replace(run, config=run.config | {"dataset_name": "mnist"})
    with pytest.raises(NotFound, match=r"MNIST is not in .*.datasets: put mnist\.npz"):
        on_mnist.test_data()


def test_other_images_than_those_of_the_run_are_refused(run):
    environment = run.environment | {"data": run.environment["data"] | {"sha256": "0" * 64}}
    with pytest.raises(UserError, match="not those that the run"):
        dataclasses.replace(run, environment=environment).test_data()


def test_training_prints_nothing_in_a_program_that_does_not_ask(digits_run, capsys):
    assert (
        trainer.train_network(dataset="digits", epochs=6, out=digits_run.parents[1]).path
        == digits_run
    )
    assert capsys.readouterr().out == ""


def test_the_command_ends_with_the_table_and_the_next_two_commands(digits_run, tmp_path, capsys):
    out = shutil.copytree(digits_run.parents[1], tmp_path / "my runs")
    run = str(out / digits_run.relative_to(digits_run.parents[1]))
    command = ["--dataset", "digits", "--epochs", "6", "--out", str(out)]
    train.main(command, prog="chollet-cnn train")
    lines = capsys.readouterr().out.splitlines()
    assert "\n".join(lines[:-4]).endswith(str(runs.load_run(run)))
    assert [shlex.split(line) for line in lines[-2:]] == [
        ["chollet-cnn", "predict", run, "IMAGE"],
        ["chollet-cnn", "report", run],
    ]
    train.main([*command, "--quiet"])
    assert capsys.readouterr().out == ""
