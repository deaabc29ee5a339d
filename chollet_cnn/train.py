"""Train one of the book's networks: recipe -> data -> network -> epochs -> run directory.

From the shell ``python -m chollet_cnn.train``, from Python :func:`train`.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from chollet_cnn import claims, devices, recipes, runs, summary
from chollet_cnn.errors import UserError, run_door
from chollet_cnn.recipes import LOWEST_VALIDATION_LOSS, Recipe

if TYPE_CHECKING:
    from collections.abc import Callable

    import keras

    from chollet_cnn.data import Dataset, Split
    from chollet_cnn.fitting import Score

EVALUATION_BATCH = 100
FEW_WEIGHTS = 1_000_000
"""A network with no more weights than that keeps them after every epoch (4 MB an epoch)."""


class Seeds(NamedTuple):
    """What decides the randomness of a run: one seed, unless a part is given another."""

    run: int
    weights: int
    order: int


def train(
    recipe: str = recipes.DEFAULT,
    *,
    dataset: str | None = None,
    data_dir: str | Path | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    optimizer: str | None = None,
    augmentation: str | None = None,
    seed: int = 0,
    weights_seed: int | None = None,
    order_seed: int | None = None,
    out: str | Path = "runs",
    device: str = "auto",
    precision: str = "float32",
    resume: bool = False,
    overwrite: bool = False,
    keep_weights: bool = False,
    tensorboard: bool = False,
    quiet: bool = True,
) -> runs.Run:
    """Train the network of a recipe and return the finished run.

    Args:
        recipe: a name from :data:`chollet_cnn.recipes.RECIPES`.
        dataset: ``mnist``, ``digits`` or ``cats-vs-dogs``. Left out, it is the recipe's; and where
            that is MNIST and MNIST cannot be had, it is the embedded ``digits``, which the run then
            says.
        data_dir: where the data are looked for first.
        epochs: other than the recipe's; this, ``batch_size``, ``learning_rate``, ``optimizer`` and
            ``augmentation`` make it a changed recipe, which is not compared with the book.
        batch_size: pictures in a training batch, other than the recipe's.
        learning_rate: other than the recipe's.
        optimizer: other than the recipe's, a key of :data:`chollet_cnn.recipes.OPTIMIZERS`.
        augmentation: ``2017`` to change training pictures as the Keras of the first edition did,
            for its augmented recipe alone. Keras can load such a network only with this package,
            as :meth:`chollet_cnn.runs.Run.load_model` does.
        seed: decides the starting weights, the order of the pictures, dropout and augmentation.
        weights_seed: another seed for the starting weights alone, to tell what they do from what
            the order does.
        order_seed: another seed for the order of the pictures alone.
        out: the run lies in ``out/<recipe>/seed-<seed>/``.
        device: ``auto``, ``cpu`` or ``gpu``.
        precision: ``float32``, or ``bfloat16`` to compute with 16 bits and keep the weights in 32;
            that changes the recipe.
        resume: go on from the last finished epoch of an interrupted run. A run that was never begun
            begins; a finished one is returned as it is, if it is what would be trained.
        overwrite: replace the run that is there.
        keep_weights: keep the weights after every epoch, also those of a network with more than
            :data:`FEW_WEIGHTS`. A resumed run keeps them if it did so from the beginning.
        tensorboard: write curves for TensorBoard into the run directory too.
        quiet: print nothing but warnings.

    Raises:
        UserError: for anything that the caller can put right; nothing is left half-written.
    """
    asked = recipes.get(recipe)
    plan = recipes.changed(
        asked,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        optimizer=optimizer,
        augmentation=augmentation,
    )
    seeds = _seeds(seed, weights_seed, order_seed)
    if tensorboard and not find_spec("tensorboard"):
        raise UserError("--tensorboard needs TensorBoard; install it: pip install tensorboard")
    say = (lambda line: None) if quiet else (lambda line: print(line, flush=True))

    devices.check(device, precision)
    path = runs.directory(out, plan.name, seed)
    if resume and runs.is_begun(path):
        _refuse_other_settings(path, plan, precision, seeds)
    if runs.is_begun(path) and not (resume or overwrite):
        state = "a finished" if runs.is_finished(path) else "an unfinished"
        way = "" if runs.is_finished(path) else "--resume goes on with it, "
        raise UserError(
            f"{path} holds {state} run; {way}--overwrite replaces it, --out puts this one elsewhere"
        )

    from chollet_cnn import determinism

    devices.start_keras()
    determinism.use_deterministic_gpu_operations()
    chosen = devices.choose(device)
    data = _load_data(plan, dataset, data_dir, say)
    config = runs.as_json(
        {
            "recipe": plan.name,
            "title": plan.title,
            "seed": seed,
            "dataset": data.title,
            "classes": list(data.classes),
            "changed": _differences(asked, plan, data, precision) | _other_seeds(seeds),
            "precision": precision,
            "keep_weights": keep_weights or plan.parameters <= FEW_WEIGHTS,
            "watched": "validation set" if data.validation else "test set",
            "settings": dataclasses.asdict(plan),
        }
    )
    environment = determinism.environment()
    environment |= {"device": chosen.kind, "device_name": chosen.name, "data": data.fingerprint}
    if resume and runs.is_begun(path):
        _refuse_another_environment(path, environment)
        if runs.is_finished(path):
            say(f"{path} is finished already.")
            return runs.read(path)
        config["keep_weights"] = runs.read_json(path / "config.json").get("keep_weights", False)
    else:
        runs.begin(path, config)
    runs.write_json(path / "environment.json", environment)
    say(summary.opening(plan, config, environment, path))

    with chosen.scope(), devices.precision(precision):
        return _fit(plan, data, seeds, chosen.kind, path, config, tensorboard, quiet)


def _fit(
    plan: Recipe,
    data: Dataset,
    seeds: Seeds,
    device: str,
    path: Path,
    config: dict,
    tensorboard: bool,
    quiet: bool,
) -> runs.Run:
    """Run the epochs still to run, keep a checkpoint after each, and write what came out."""
    from chollet_cnn import determinism, fitting, optimizers
    from chollet_cnn.data.progress import progress_bar

    model = build(plan)
    determinism.set_starting_weights(model, seeds.weights)
    determinism.seed_random_layers(model, seeds.run)
    optimizer = optimizers.make(plan.optimizer, plan.learning_rate)
    steps = fitting.compile_steps(model, optimizer)
    state = [*model.variables, *optimizer.variables]
    feed = fitting.feed_from(data.train.images, data.train.labels, device)
    watched = data.validation or data.test
    evaluate = evaluation(steps.evaluate, watched, device)

    checkpoint = runs.read_checkpoint(path) or runs.Checkpoint([], [], [])
    rows, best_weights = checkpoint.rows, checkpoint.best_weights
    for variable, array in zip(state, checkpoint.variables, strict=bool(checkpoint.variables)):
        variable.assign(array)

    for epoch in range(len(rows), plan.epochs):
        began = time.perf_counter()
        batches = determinism.batches(
            seeds.order, epoch, len(data.train), plan.batch_size, plan.steps_per_epoch
        )
        pictures = sum(map(len, batches)) + len(watched)
        title = f"epoch {epoch + 1}/{plan.epochs}"
        with progress_bar(title, pictures, shown=not quiet, stays=False) as on_progress:
            score = fitting.run_epoch(steps.train, feed, batches, on_progress)
            watch = evaluate(on_progress)
        row = {
            "epoch": epoch + 1,
            "loss": score.loss,
            "accuracy": score.accuracy,
            "val_loss": watch.loss,
            "val_accuracy": watch.accuracy,
            "seconds": round(time.perf_counter() - began, 3),
        }
        if plan.judged_by == LOWEST_VALIDATION_LOSS and watch.loss < _lowest_loss(rows):
            best_weights = model.get_weights()
        rows.append(row)
        runs.write_history(path, rows)
        if config["keep_weights"]:
            runs.write_epoch_weights(path, epoch + 1, model.get_weights())
        # Last, so that a run cut off in between does this epoch again instead of losing its row.
        arrays = [_as_array(variable) for variable in state]
        runs.write_checkpoint(path, runs.Checkpoint(rows, arrays, best_weights))
        if tensorboard:
            _write_tensorboard(path, row)
        if not quiet:
            print(summary.epoch_line(row, plan, config), flush=True)

    evaluate = evaluation(steps.evaluate, data.test, device)
    test = last = evaluate()
    if best_weights:
        model.set_weights(best_weights)
        test = evaluate()
    run = runs.finish(path, model, _metrics(plan, data, config, rows, test, last, model))
    if not quiet:
        print("\n" + summary.table(run))
    return run


def _metrics(
    plan: Recipe,
    data: Dataset,
    config: dict,
    rows: list[dict],
    test: Score,
    last: Score,
    model: keras.Model,
) -> dict[str, object]:
    """Return what came out of a run, as ``metrics.json`` has it.

    ``test`` is the score of the weights that the recipe tests, ``last`` of those after the last
    epoch, which can be the same ones.
    """
    from chollet_cnn import determinism

    best = min(rows, key=lambda row: row["val_loss"])
    judged = best if plan.judged_by == LOWEST_VALIDATION_LOSS else rows[-1]
    claim = None if config["changed"] else claims.published(plan.name)
    validated = data.validation is not None
    return {
        "test_accuracy": test.accuracy,
        "test_loss": test.loss,
        "last_epoch_test_accuracy": last.accuracy,
        "val_accuracy": judged["val_accuracy"] if validated else None,
        "val_loss": judged["val_loss"] if validated else None,
        "parameters": model.count_params(),
        "epochs": len(rows),
        "judged_epoch": judged["epoch"],
        "best_epoch": best["epoch"] if validated else None,
        "train_seconds": round(sum(row["seconds"] for row in rows), 3),
        "published": dataclasses.asdict(claim) if claim else None,
        "dataset": data.title,
        "test_pictures": len(data.test),
        "weights_sha256": determinism.sha256_of_weights(model),
    }


def _refuse_other_settings(path: Path, plan: Recipe, precision: str, seeds: Seeds) -> None:
    """Raise if the run that is there, finished or not, was begun with other settings or seeds."""
    config = runs.read_json(path / "config.json")
    words = ("title", "notes")  # which may be put better without making it another run
    settings = {
        name: (config.get("settings", {}).get(name), value)
        for name, value in runs.as_json(dataclasses.asdict(plan)).items()
        if name not in words
    }
    then_and_now = settings | {
        "precision": (config.get("precision"), precision),
        **{
            name: (config.get("changed", {}).get(name), _other_seeds(seeds).get(name))
            for name in ("weights_seed", "order_seed")
        },
    }
    if (path / "environment.json").is_file():
        devices.start_keras()
        import keras

        before = runs.read_json(path / "environment.json")
        then_and_now["backend"] = before["backend"], keras.backend.backend()
    _refuse(path, then_and_now)


def _refuse_another_environment(path: Path, environment: dict) -> None:
    """Raise if a run was begun on other pictures or another device than would train it now.

    An unfinished one also where its next epoch would come out otherwise.
    """
    if not (path / "environment.json").is_file():
        return
    before = runs.read_json(path / "environment.json")
    then_and_now = {"device": (before.get("device"), environment["device"])}
    if not runs.is_finished(path):
        for name in ("processor", "processor_kind", "threads"):
            then_and_now[name] = before.get(name), environment.get(name)
        for name in ("keras", environment["backend"], "numpy"):
            then_and_now[name] = before["versions"].get(name), environment["versions"].get(name)
    then_and_now["data"] = before["data"]["sha256"], environment["data"]["sha256"]
    _refuse(path, then_and_now)


def _refuse(path: Path, then_and_now: dict[str, tuple[object, object]]) -> None:
    """Raise if something is not as it was when the run in ``path`` was begun."""
    other = [name.replace("_", " ") for name, (then, now) in then_and_now.items() if then != now]
    if other:
        raise UserError(
            f"the run in {path} was begun with other settings ({', '.join(other)}); resume it with "
            "what it was begun with (config.json and environment.json there say), put this one "
            "elsewhere with --out, or use --overwrite"
        )


def build(recipe: Recipe) -> keras.Model:
    """Return the untrained network of a recipe."""
    from chollet_cnn import networks

    return getattr(networks, recipe.network)(**recipe.network_options)


def evaluation(steps: Callable, split: Split, device: str = "cpu") -> Callable[..., Score]:
    """Return a function that gives the loss and accuracy over a split, in its pictures' order."""
    import numpy as np

    from chollet_cnn import fitting

    feed = fitting.feed_from(split.images, split.labels, device)
    batches = np.split(np.arange(len(split)), range(EVALUATION_BATCH, len(split), EVALUATION_BATCH))
    return lambda on_progress=lambda samples: None: fitting.run_epoch(
        steps, feed, batches, on_progress
    )


def _as_array(variable: keras.Variable) -> object:
    from keras import ops

    return ops.convert_to_numpy(variable.value)


def _lowest_loss(rows: list[dict[str, float]]) -> float:
    return min((row["val_loss"] for row in rows), default=math.inf)


def _seeds(seed: int, weights_seed: int | None, order_seed: int | None) -> Seeds:
    """Return the seeds of a run, each a whole number that 32 bits hold."""
    options = {"--seed": seed, "--weights-seed": weights_seed, "--order-seed": order_seed}
    for option, number in options.items():
        if number is None and option != "--seed":
            continue
        if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number < 2**32:
            raise UserError(f"{option} is a whole number from 0 to 4294967295, not {number}")
    parts = (seed if number is None else number for number in (weights_seed, order_seed))
    return Seeds(seed, *parts)


def _other_seeds(seeds: Seeds) -> dict[str, dict[str, object]]:
    """Return which parts of a run have another seed, in the form of :func:`_differences`."""
    parts = {"weights_seed": seeds.weights, "order_seed": seeds.order}
    return {
        name: {"recipe": seeds.run, "run": part}
        for name, part in parts.items()
        if part != seeds.run
    }


def _differences(
    book: Recipe, plan: Recipe, data: Dataset, precision: str
) -> dict[str, dict[str, object]]:
    """Return what of a run is not as the recipe has it, ``{what: {"recipe": ..., "run": ...}}``."""
    changed = {
        name: {"recipe": getattr(book, name), "run": getattr(plan, name)}
        for name in ("epochs", "batch_size", "learning_rate", "optimizer")
        if getattr(book, name) != getattr(plan, name)
    }
    then, now = (of.network_options.get("augmentation") for of in (book, plan))
    if then != now:
        changed["augmentation"] = {"recipe": "Keras 3's layers", "run": now}
    if data.name != book.dataset:
        changed["dataset"] = {"recipe": book.dataset, "run": data.name}
    if precision != "float32":
        changed["precision"] = {"recipe": "float32", "run": precision}
    return changed


def _load_data(
    recipe: Recipe, dataset: str | None, data_dir: str | Path | None, say: Callable[[str], None]
) -> Dataset:
    """Load what a recipe trains on; embedded digits stand in for an MNIST that nobody named."""
    from chollet_cnn import data
    from chollet_cnn.data.sources import NotFound

    fitting_ones = ("cats-vs-dogs",) if recipe.dataset == "cats-vs-dogs" else ("mnist", "digits")
    if dataset is not None and dataset not in fitting_ones:
        raise UserError(
            f"the recipe {recipe.name} cannot train on {dataset!r}; its --dataset is "
            f"{' or '.join(fitting_ones)}"
        )
    wanted = dataset or recipe.dataset
    try:
        options = recipe.data_options if wanted == recipe.dataset else {}
        return data.load(wanted, data_dir, **options)
    except NotFound:
        if dataset or wanted != "mnist":
            raise
        say(
            "MNIST is neither on this machine nor within reach, so this run uses scikit-learn's "
            "1,797 small digits instead: digits (embedded)."
        )
        return data.load("digits")


def _write_tensorboard(path: Path, row: dict[str, float]) -> None:
    """Write an epoch's figures as Keras's own callback names them."""
    from tensorboard.summary import Writer

    for folder, prefix in (("train", ""), ("validation", "val_")):
        writer = Writer(str(path / "tensorboard" / folder))
        for name in ("loss", "accuracy"):
            writer.add_scalar(f"epoch_{name}", row[prefix + name], step=row["epoch"])
        writer.close()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m chollet_cnn.train",
        description="Train a network of Chollet's Deep Learning with Python, as the book does.",
    )
    add = parser.add_argument
    add("recipe", nargs="?", default=recipes.DEFAULT, help="which recipe (default: %(default)s)")
    add("--list", action="store_true", help="list the recipes and end")
    add("--dataset", help="mnist, digits or cats-vs-dogs (default: the recipe's)")
    add("--data-dir", metavar="DIR", help="where to look for the data first")
    add("--epochs", type=int, metavar="N", help="train for N epochs instead of the recipe's")
    add("--batch-size", type=int, metavar="N", help="N pictures in a training batch")
    add("--learning-rate", type=float, metavar="X", help="step size of the optimizer")
    add("--optimizer", choices=recipes.OPTIMIZERS, help="how weights are moved; those with a year "
        "as Keras did it then")  # fmt: skip
    add("--augmentation", choices=recipes.AUGMENTATIONS, help="how training pictures are changed: "
        "2017 as Keras did it then, for cats-vs-dogs-first-edition-augmented")  # fmt: skip
    add("--seed", type=int, default=0, metavar="N", help="decides all that is random (default: 0)")
    add("--weights-seed", type=int, metavar="N", help="another seed for the starting weights")
    add("--order-seed", type=int, metavar="N", help="another seed for the order of the pictures")
    add("--out", default="runs", metavar="DIR", help="where run directories go (default: runs)")
    add("--device", choices=devices.CHOICES, default="auto", help="default: a GPU if there is one")
    add("--precision", choices=devices.PRECISIONS, default="float32", help="default: float32")
    add("--resume", action="store_true", help="go on with an interrupted run")
    add("--overwrite", action="store_true", help="replace the run that is there")
    add("--keep-weights", action="store_true", help="keep the weights after every epoch, as small "
        "networks do anyway")  # fmt: skip
    add("--tensorboard", action="store_true", help="write curves for TensorBoard too")
    add("--quiet", action="store_true", help="print nothing but warnings")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the command."""
    options = vars(_parser().parse_args(argv))
    if options.pop("list"):
        print(summary.table_of_recipes())
        return 0
    try:
        train(**options)
    except KeyboardInterrupt:
        print(
            "interrupted; the same command with --resume goes on from the last finished epoch",
            file=sys.stderr,
        )
        return 130
    return 0


if __name__ == "__main__":
    run_door(main)
