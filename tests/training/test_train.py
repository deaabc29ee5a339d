"""Training does what it says, and ends with the same bits every time."""

import dataclasses
import json
import os
import re
import subprocess
import sys
from types import SimpleNamespace
from unittest.mock import Mock

import numpy as np
import pytest
from pets import noisy_pets
from small_runs import DIGITS, curve

from chollet_cnn import train
from chollet_cnn.book import published, recipes
from chollet_cnn.errors import UserError
from chollet_cnn.training import console, facts, fitting, loop, runs, seeding, trainer
from chollet_cnn.training import environment as environments

FILES = {"config.json", "environment.json", "history.csv", "metrics.json", "model.keras",
         "checkpoint", "epochs"}  # fmt: skip


def pets(edition, **settings):
    """Return a recipe for photographs with 12 images of each class to train on."""
    book = recipes.get(f"cats-vs-dogs-{edition}")
    splits = {"train": (0, 12), "validation": (12, 16), "test": (16, 20)}
    return dataclasses.replace(
        book, data_options=book.data_options | {"splits": splits}, **settings
    )


def test_a_run_directory_holds_these_files_and_figures(run):
    assert {file.name for file in run.path.glob("[!.]*")} == FILES
    assert run.path.parts[-2:] == ("mnist-three-block", "seed-4")
    assert (run.metrics["parameters"], run.metrics["epochs"]) == (60_554, 2)
    assert run.history["epoch"].tolist() == [1, 2]


def test_a_run_on_the_embedded_digits_says_so_and_never_mnist(run):
    assert run.metrics["dataset"] == run.config["dataset"] == "digits (embedded)"
    assert run.environment["data"]["dataset"] == "digits (embedded)"
    assert "digits (embedded)" in str(run)


def test_a_changed_recipe_is_marked_and_not_compared_with_the_book(tmp_path):
    run = trainer.train_network("mnist-first-edition", out=tmp_path, **(DIGITS | {"epochs": 1}))
    assert run.config["changed"]["epochs"] == {"recipe": 5, "run": 1}
    assert run.config["changed"]["dataset"] == {"recipe": "mnist", "run": "digits"}
    assert run.metrics["published"] is None
    assert "not compared" in str(run)
    assert "percentage points" not in str(run)


def test_an_unchanged_recipe_is_compared_with_the_book(run):
    claim = dataclasses.asdict(published.published_figure("mnist-first-edition"))
    metrics = run.metrics | {"published": claim, "test_accuracy": 0.9893, "test_pictures": 10_000}
    table = str(runs.Run(run.path, run.config, run.environment, metrics))
    assert "99.13%" in table
    assert "-0.20 percentage points" in table
    assert "107 of 10,000 wrong" in table
    claim = dataclasses.asdict(published.published_figure("cats-vs-dogs-first-edition"))
    metrics |= {"published": claim, "val_accuracy": 0.70, "test_accuracy": 0.80}
    table = str(runs.Run(run.path, run.config, run.environment, metrics))
    assert "-1.00 percentage points" in table  # from the 71% of the validation set


def test_the_test_set_is_monitored_but_selects_nothing(run):
    assert run.config["watched"] == "test set"
    assert run.metrics["best_epoch"] is None
    assert run.metrics["val_accuracy"] is None
    assert run.metrics["test_accuracy"] == run.history["val_accuracy"].iloc[-1]


def test_another_process_ends_with_the_same_bits_whatever_keras_json_says_and_never_warns(
    tmp_path, run
):
    # The process that runs the tests has computed other things before.
    (tmp_path / "keras.json").write_text(
        '{"floatx": "float16", "epsilon": 0.1, "image_data_format": "channels_first"}'
    )
    command = [sys.executable, "-m", "chollet_cnn.train", "--dataset", "digits", "--epochs", "2"]
    done = subprocess.run(
        [*command, "--seed", "4", "--out", tmp_path], capture_output=True, text=True, check=False,
        env=os.environ | {"KERAS_HOME": str(tmp_path), "PYTHONWARNINGS": "error"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    other = runs.load_run(tmp_path / "mnist-three-block" / "seed-4")
    assert other.metrics["weights_sha256"] == run.metrics["weights_sha256"]
    assert curve(other) == curve(run)
    assert other.environment["numerics"] == run.environment["numerics"]


def test_starting_weights_and_order_can_have_seeds_of_their_own(tmp_path, run):
    # The same two seeds by two ways: the weights of 4 and the order of 5.
    one = trainer.train_network(out=tmp_path / "one", seed=5, weights_seed=4, **DIGITS)
    two = trainer.train_network(out=tmp_path / "two", seed=4, order_seed=5, **DIGITS)
    assert one.metrics["weights_sha256"] == two.metrics["weights_sha256"]
    assert one.metrics["weights_sha256"] != run.metrics["weights_sha256"]
    assert one.config["changed"]["weights_seed"] == {"recipe": 5, "run": 4}
    assert two.config["changed"]["order_seed"] == {"recipe": 4, "run": 5}
    # To ask for what is so anyway changes nothing.
    same = trainer.train_network(
        out=tmp_path / "same", seed=4, weights_seed=4, order_seed=4, **DIGITS
    )
    assert same.metrics["weights_sha256"] == run.metrics["weights_sha256"]
    assert same.config == run.config


def test_the_test_accuracies_of_the_selected_and_the_last_epoch_are_both_kept(tmp_path, capsys):
    book = recipes.get("mnist-three-block")
    # Steps so large that it gets worse now and then; the digits have no validation set, so the test
    # set is watched, and the history tells what either epoch's weights reach on it.
    plan = dataclasses.replace(
        book, name="hasty", judged_by=recipes.LOWEST_VALIDATION_LOSS, learning_rate=0.01, epochs=7
    )
    for seed in range(10):  # until the last epoch is not the best, most often at once
        run = trainer.train_network(plan, dataset="digits", seed=seed, out=tmp_path, quiet=False)
        assert "test set is monitored and selects the epoch" in capsys.readouterr().out
        if run.metrics["judged_epoch"] < 7:
            break
    watched = run.history.set_index("epoch")["val_accuracy"]
    judged = run.metrics["judged_epoch"]
    assert judged < 7
    assert run.metrics["test_accuracy"] == pytest.approx(watched[judged])
    assert run.metrics["last_epoch_test_accuracy"] == pytest.approx(watched[7])
    assert re.search(rf"after the last epoch +{watched[7]:.2%} test accuracy", str(run))


@pytest.mark.slow
def test_a_network_with_legacy_augmentation_loads_in_another_process(tmp_path):
    small = pets("first-edition-augmented", epochs=1, steps_per_epoch=2, batch_size=4)
    noisy_pets(tmp_path, 20, (60, 60))
    run = trainer.train_network(
        small, augmentation="2017", data_dir=tmp_path, out=tmp_path / "runs"
    )
    assert run.config["changed"]["augmentation"]["run"] == "2017"
    ask = (
        "from chollet_cnn.training import runs\n"
        f"print(runs.load_run({str(run.path)!r}).load_model().layers)"
    )
    told = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    assert "RandomAffine" in told.stdout


def test_the_weights_with_the_lowest_validation_loss_are_tested(tmp_path):
    noisy_pets(tmp_path, 20, (60, 60))
    small = pets("second-edition-augmented", name="tiny", epochs=5, batch_size=8)
    run = trainer.train_network(small, data_dir=tmp_path, out=tmp_path / "runs")
    history = run.history.set_index("epoch")
    assert run.metrics["judged_epoch"] == history["val_loss"].idxmin() == run.metrics["best_epoch"]
    model, data = run.load_model(), run.load_dataset(tmp_path)
    scores = np.asarray(model(np.asarray(data.validation.images), training=False))[:, 0]
    loss = -np.log(np.where(data.validation.labels == 1, scores, 1 - scores)).mean()
    assert loss == pytest.approx(history["val_loss"].min(), rel=1e-3)
    loss, accuracy = model.evaluate(np.asarray(data.test.images), data.test.labels, verbose=0)
    assert loss == pytest.approx(run.metrics["test_loss"], rel=1e-3)
    assert accuracy == pytest.approx(run.metrics["test_accuracy"])


def test_the_figures_of_a_recipe_that_tests_its_last_epoch_are_that_epoch_s():
    keys = ("epoch", "val_loss", "val_accuracy", "seconds")
    rows = [dict(zip(keys, row, strict=True)) for row in ((1, 0.5, 0.7, 2.0), (2, 0.6, 0.8, 3.0))]
    plan = SimpleNamespace(recipe=recipes.get("cats-vs-dogs-first-edition"))
    images = SimpleNamespace(title="", validation=[1], test=[1])
    job = SimpleNamespace(plan=plan, config={"changed": {}}, data=images)
    model = SimpleNamespace(count_params=int, get_weights=list)
    state = SimpleNamespace(checkpoint=SimpleNamespace(rows=rows), selects=False, model=model)
    found = fitting._metrics(job, state, *[loop.Score(0.4, 0.72)] * 2)
    wanted = {"val_accuracy": 0.8, "val_loss": 0.6, "judged_epoch": 2, "best_epoch": 1}
    assert found | wanted | {"train_seconds": 5.0} == found
    assert found["published"]["value"] == 0.71


def test_random_layers_follow_the_seed_of_the_run(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(seeding, "seed_random_layers", lambda model, seed: asked.append(seed))
    seeds = {"seed": 5, "weights_seed": 4, "order_seed": 3}
    trainer.train_network(out=tmp_path, **seeds, **DIGITS | {"epochs": 1})
    assert asked == [5]


def test_every_setting_that_decides_the_bits_is_compared():
    names = ("device_name", "processor", "processor_kind", "threads")
    packages = ("keras", "jax", "jaxlib", "numpy")
    gpu = {"device": "gpu", "backend": "jax"}
    one, two = (
        dict.fromkeys(names, n) | gpu | {"versions": dict.fromkeys(packages, n)} for n in "ab"
    )
    found = set(environments.differing_settings(one, two))
    assert found == {*names, *(f"version of {name}" for name in packages)}


def test_each_printed_number_stands_in_its_place(run):
    metrics = run.metrics | {"val_accuracy": 0.7, "test_accuracy": 0.8, "train_seconds": 125.2}
    told = facts.facts(run.config, run.environment, metrics)
    assert (told["validation accuracy"], told["time"]) == ("70.00%", "2 min 5 s")
    row = {"epoch": 7, "loss": 0.1, "accuracy": 0.2, "val_loss": 0.3, "val_accuracy": 0.4}
    line = console.epoch_line(row | {"seconds": 5}, 10, {"watched": "validation set"})
    assert [float(n) for n in re.findall(r"\d\.\d+", line)] == [0.1, 0.2, 0.3, 0.4, 5.0]


@pytest.mark.parametrize(
    "wrong",
    [
        {"network_options": {"padding": "same"}},
        {"network": "no_such_network"},
        {"network": "cats_vs_dogs_second_edition", "data_options": {"image_size": (40, 40)}},
    ],
)
def test_a_network_that_cannot_be_built_leaves_its_place_free(wrong, tmp_path):
    own = dataclasses.replace(recipes.get("mnist-three-block"), name="own", epochs=1)
    with pytest.raises(UserError, match=r"cannot be built with|has no builder"):
        trainer.train_network(dataclasses.replace(own, **wrong), dataset="digits", out=tmp_path)
    assert not list(tmp_path.rglob("config.json"))
    trainer.train_network(own, dataset="digits", out=tmp_path)


def test_a_larger_network_keeps_its_weights_of_every_epoch_if_asked(tmp_path, monkeypatch):
    monkeypatch.setattr("chollet_cnn.training.fitting.FEW_WEIGHTS", 60_000)  # below this network's
    for flags, kept in ([], []), (["--keep-weights"], [1, 2]):
        out = tmp_path / str(len(flags))
        train.main(["--dataset", "digits", "--epochs", "2", "--quiet", "--out", str(out), *flags])
        assert runs.load_run(out / "mnist-three-block" / "seed-0").kept_epochs == kept


@pytest.fixture
def no_mnist(monkeypatch):
    """MNIST is neither on this machine nor to be downloaded."""
    monkeypatch.setattr("chollet_cnn.data.mnist.URL", "http://127.0.0.1:9/mnist.npz")
    monkeypatch.delenv("CHOLLET_CNN_DATA", raising=False)


def test_mnist_by_name_never_falls_back(tmp_path, no_mnist):
    with pytest.raises(UserError, match=r"MNIST is not in .* downloaded \(Connection refused\)"):
        trainer.train_network(dataset="mnist", out=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_mnist_that_nobody_named_falls_back_to_the_digits_and_says_so(tmp_path, no_mnist, capsys):
    run = trainer.train_network(out=tmp_path, epochs=1)  # which is quiet, but for warnings
    assert run.metrics["dataset"] == "digits (embedded)"
    said = capsys.readouterr().err
    assert "could not be downloaded (Connection refused), so" in said
    assert "instead: digits (embedded)." in said


def test_a_file_that_is_named_and_is_no_mnist_does_not_fall_back(tmp_path, no_mnist):
    (tmp_path / "mnist.tar.gz").write_bytes(b"\x1f\x8b")
    with pytest.raises(UserError, match="MNIST is not in"):
        trainer.train_network(data_dir=tmp_path / "mnist.tar.gz", out=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_a_damaged_mnist_does_not_fall_back(tmp_path):
    (tmp_path / "mnist.npz").write_bytes(b"PK but no archive")
    with pytest.raises(UserError, match=r"mnist\.npz is damaged"):
        trainer.train_network(data_dir=tmp_path, out=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["mnist-4th-edition"], "unknown recipe"),
        (["--epochs", "0"], "--epochs must be a whole number at least 1, got 0"),
        (["--batch-size", "-1"], "--batch-size"),
        (["--batch-size", "٣"], "--batch-size"),
        (["--resume", "--overwrite"], "--resume and --overwrite contradict"),
        (["--dataset", "digits", "--data-dir", "/nowhere/at/all"], "--data-dir /nowhere/at/all"),
        (["--learning-rate", "nan"], "--learning-rate"),
        (["--seed", "-1"], "--seed"),
        (["--weights-seed", "-1"], "--weights-seed"),
        (["--order-seed", "4294967296"], "--order-seed"),
        (["--devices", "some"], "--devices"),
        (["--devices", "0"], "--devices must be a whole number at least 1"),
        (["--processes", "2"], "need --processes, at least 2, and --coordinator, "),
        (["--epochs", "many"], "--epochs"),
        (["--dataset", "cifar"], "mnist or digits"),
        (["cats-vs-dogs-first-edition", "--dataset", "mnist"], "cats-vs-dogs"),
        (["--data-dir", "/nowhere/at/all"], "/nowhere/at/all"),
        (["--dataset", "digits", "--data-dir", "x" * 5000], "is too long for a name"),
        (["--dataset", "digits", "--out", f"{__file__}/nowhere"], "nowhere"),
    ],
)
def test_a_mistake_is_one_sentence_in_terms_of_flags(arguments, says, tmp_path, capsys):
    with pytest.raises((UserError, SystemExit)) as caught:  # the latter from argparse
        train.main(["--out", str(tmp_path / "runs"), *arguments])
    told = capsys.readouterr()
    sentence = told.err or caught.value.in_terms_of_flags()
    assert says in sentence
    assert len(sentence.strip().splitlines()[-1]) > 20
    assert told.out == ""
    assert not (tmp_path / "runs").exists()


def test_the_list_has_every_recipe_and_the_book_s_figure(capsys):
    assert train.main(["--list"]) == 0
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()[1:])
    assert list(lines) == list(recipes.RECIPES)
    assert lines["mnist-second-edition"].endswith(" 99.1% test")


@pytest.mark.parametrize("backend", ["nonsense", "openvino"])
def test_a_backend_that_is_not_there_is_named(backend, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "chollet_cnn.train", "--out", tmp_path / "runs"],
        env=os.environ | {"KERAS_BACKEND": backend}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert backend in done.stderr
    assert "Traceback" not in done.stderr


def test_the_curves_are_written_for_tensorboard(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util.tensor_util import make_ndarray

    run = trainer.train_network(out=tmp_path, tensorboard=True, **DIGITS)
    events = EventAccumulator(str(run.path / "tensorboard" / "validation"))
    events.Reload()
    scalars = events.Tensors("epoch_accuracy")
    values = [float(make_ndarray(scalar.tensor_proto)) for scalar in scalars]
    assert values == pytest.approx(run.history["val_accuracy"].tolist())


def test_a_run_that_goes_on_has_all_its_epochs_in_tensorboard(tmp_path, monkeypatch):
    pytest.importorskip("tensorboard")
    import tensorboard.summary
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    trainer.train_network(out=tmp_path, **DIGITS)
    longer = DIGITS | {"epochs": DIGITS["epochs"] + 1, "resume": True, "tensorboard": True}
    run = trainer.train_network(out=tmp_path, **longer)
    events = EventAccumulator(str(run.path / "tensorboard" / "train"))
    events.Reload()
    steps = [scalar.step for scalar in events.Tensors("epoch_loss")]
    assert steps == run.history["epoch"].tolist()
    monkeypatch.setattr(tensorboard.summary, "Writer", Mock(side_effect=RuntimeError("disk full")))
    with pytest.raises(UserError, match=r"cannot write .*tensorboard \(disk full\)"):
        trainer.train_network(out=tmp_path, **longer | {"epochs": longer["epochs"] + 1})


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"steps_per_epoch": 0}, "settings.steps_per_epoch: Input should be greater"),
        ({"title": "x" * 1001}, "title: String should have at most 1000"),
        ({"batch_size": 2**63}, "batch_size: it is too large"),
    ],
)
def test_what_could_not_be_read_again_is_not_trained(changed, why, tmp_path):
    own = dataclasses.replace(recipes.RECIPES["mnist-three-block"], name="own", **changed)
    with pytest.raises(UserError, match=f"cannot be recorded .{why}"):
        trainer.train_network(own, out=tmp_path, **DIGITS)
    assert not list(tmp_path.rglob("config.json"))


def test_a_run_in_bfloat16_computes_in_16_bits(tmp_path):
    run = trainer.train_network(dataset="digits", epochs=1, precision="bfloat16", out=tmp_path)
    assert run.config["changed"]["precision"]["run"] == "bfloat16"
    assert run.load_model().layers[1].compute_dtype == "bfloat16"


def test_the_environment_names_what_the_bits_depend_on(run):
    environment = run.environment
    assert environment["versions"]["keras"].startswith("3.")
    assert environment["device"] == "cpu"
    assert environment["cores"] >= 1
    assert len(environment["data"]["sha256"]) == 64
    assert json.loads(json.dumps(environment)) == environment
    assert environment["numerics"]["floatx"] == "float32"
    changed = environments.differing_settings(
        environment,
        environment | {"threads": 99, "numerics": environment["numerics"] | {"tf32": "another"}},
    )
    assert set(changed) == {"threads", "tf32"}
    assert changed["threads"] == (environment["threads"], 99)
    before = {name: value for name, value in environment.items() if name != "processor_kind"}
    assert environments.differing_settings(before, environment) == {}
    assert environments.changed_numerics(environment) == environments.DEFAULTS
    numerics = environment["numerics"] | {"onednn": False, "XLA_FLAGS": "--x"}
    named = environments.changed_numerics(environment | {"numerics": numerics})
    assert named == "XLA_FLAGS=--x, oneDNN off"
    everything = {"numerics": dict.fromkeys(environments.VARIABLES, "x")}
    assert environments.changed_numerics(everything).count("=x") == len(environments.VARIABLES)


@pytest.mark.slow
def test_on_real_mnist_the_three_block_network_passes_97_percent_after_one_epoch(real_mnist_run):
    assert real_mnist_run.metrics["dataset"] == "MNIST"
    assert real_mnist_run.metrics["test_pictures"] == 10_000
    assert real_mnist_run.metrics["test_accuracy"] >= 0.97
