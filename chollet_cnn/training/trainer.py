"""Train one of the book's networks: recipe -> data -> network -> epochs -> run directory.

From the shell ``python -m chollet_cnn.train``, from Python :func:`train_network`.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from chollet_cnn import data
from chollet_cnn.book import published, recipes
from chollet_cnn.book.recipes import Recipe
from chollet_cnn.data.sources import NotFound
from chollet_cnn.drawing.notebook import in_notebook
from chollet_cnn.drawing.progress import progress_bar, spinner
from chollet_cnn.errors import UserError
from chollet_cnn.training import console, devices, environment, plan, run_files, runs, seeding
from chollet_cnn.training.plan import Plan
from chollet_cnn.training.resuming import EXTEND, FINISHED, NEW, RESUME, how_to_begin
from chollet_cnn.training.state import Job, State

if TYPE_CHECKING:
    import keras

    from chollet_cnn.data import Dataset
    from chollet_cnn.training.loop import Score, Steps


FEW_WEIGHTS = 1_000_000
"""A network with no more weights than this keeps them after every epoch, 4 MB each."""


class Diverged(UserError):  # noqa: N818
    """The loss of an epoch was infinite or not a number, and training stopped.

    The run directory holds what the epochs before it reached, if there were any.
    """

    status = 1


def train_network(
    recipe: str | Recipe = recipes.DEFAULT,
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
    quiet: bool | None = None,
) -> runs.Run:
    """Train the network of a recipe and return the finished run.

    A run that is finished already is returned as it is, if nothing about it was changed.

    Args:
        recipe: a name from :data:`chollet_cnn.book.recipes.RECIPES`, or a recipe of your own, which
            is not compared with the book.
        dataset: ``mnist``, ``digits`` or ``cats-vs-dogs``; by default the recipe's. If that is
            MNIST and MNIST is neither found nor downloaded, it is the embedded ``digits``, and the
            run says so.
        data_dir: the folder in which to look for the data first.
        epochs: instead of the recipe's; this, ``batch_size``, ``learning_rate``, ``optimizer`` and
            ``augmentation`` change the recipe, so that it is not compared with the book.
        batch_size: images in a training batch, instead of the recipe's.
        learning_rate: instead of the recipe's.
        optimizer: instead of the recipe's, a key of :data:`chollet_cnn.book.recipes.OPTIMIZERS`.
        augmentation: ``2017`` to augment as the Keras of the first edition did, for its augmented
            recipe alone. Keras can load such a network only with this package, as
            :meth:`chollet_cnn.training.runs.Run.load_model` does.
        seed: of the starting weights, the order of the images, dropout and augmentation.
        weights_seed: another seed for the starting weights alone.
        order_seed: another seed for the order of the images alone.
        out: the run directory is ``out/<recipe>/seed-<seed>/``.
        device: ``auto``, ``cpu`` or ``gpu``.
        precision: ``float32``, or ``bfloat16`` to compute with 16 bits and keep the weights in 32,
            which changes the recipe.
        resume: go on from the last finished epoch, with more epochs if ``epochs`` says so. A run
            that was not begun begins.
        overwrite: replace the run that is there, once the first epoch of the new one is finished.
        keep_weights: keep the weights after every epoch, as networks of up to a million weights
            (:data:`FEW_WEIGHTS`) do anyway. A resumed run goes on as it began.
        tensorboard: write curves for TensorBoard into the run directory too.
        quiet: print nothing but warnings. By default a notebook shows a line an epoch and a
            progress bar, and other programs print nothing.

    Raises:
        UserError: for anything that the user can fix; nothing is left half-written.
        Diverged: if the loss became infinite or not a number.
    """
    planned = plan.make(
        recipe, dataset=dataset, epochs=epochs, batch_size=batch_size, learning_rate=learning_rate,
        optimizer=optimizer, augmentation=augmentation, seed=seed, weights_seed=weights_seed,
        order_seed=order_seed, device=device, precision=precision,
    )  # fmt: skip
    if resume and overwrite:
        raise UserError(
            "resume=True and overwrite=True contradict each other; pass one of them",
            "resume",
            "overwrite",
        )
    if tensorboard and not find_spec("tensorboard"):
        raise UserError("tensorboard=True needs TensorBoard; install it: pip install tensorboard")
    quiet = not in_notebook() if quiet is None else quiet
    path = runs.directory(out, planned.recipe.name, planned.seeds.run)
    how_to_begin(path, planned, resume, overwrite)  # refuses early, before anything is loaded

    say = (lambda line: None) if quiet else (lambda line: print(line, flush=True))
    with spinner("loading the images", shown=not quiet):
        devices.start_keras()
        environment.use_deterministic_gpu_operations()
        chosen = devices.choose(planned.device)
        images = _load_data(planned, dataset, data_dir, say)
    planned = dataclasses.replace(planned, dataset=images.name)
    with devices.precision(planned.precision), chosen.scope():
        surroundings = environment.describe() | {
            "device": chosen.kind,
            "device_name": chosen.name,
            "data": images.fingerprint,
        }
        with runs.locked(path):
            beginning = how_to_begin(path, planned, resume, overwrite, surroundings)
            if beginning == FINISHED:
                say(f"{path} is finished already.")
                run = runs.load_run(path)
            else:
                keep = keep_weights or planned.recipe.parameters <= FEW_WEIGHTS
                if beginning in (RESUME, EXTEND):
                    keep = bool(run_files.read_config(path).get("keep_weights"))
                job = Job(planned, images, path, surroundings, beginning, keep, tensorboard, quiet)
                run = _fit(job)
        if not in_notebook():  # which displays the run itself
            say(f"\n{run}")
    if diverged := run.metrics.get("diverged_epoch"):
        raise _diverged(diverged, planned, f"{path} holds the network of epoch {diverged - 1}")
    return run


def _load_data(
    planned: Plan, dataset: str | None, data_dir: str | Path | None, say: Callable[[str], None]
) -> Dataset:
    """Load what a plan trains on; embedded digits stand in for an MNIST that was not asked for."""
    if data_dir is not None and not Path(data_dir).expanduser().exists():
        raise UserError(
            f"the data_dir {data_dir} does not exist; check its spelling, or omit it", "data_dir"
        )
    base = planned.base
    options = base.data_options if planned.dataset == base.dataset else {}
    try:
        return data.load_dataset(planned.dataset, data_dir, **options)
    except NotFound:
        if dataset or planned.dataset != "mnist":
            raise
        say(
            "MNIST was not found and could not be downloaded, so this run uses scikit-learn's "
            "1,797 small digits instead: digits (embedded)."
        )
        return data.load_dataset("digits")


def build(recipe: Recipe) -> keras.Model:
    """Return the untrained network of a recipe."""
    from chollet_cnn.book import networks

    builder = getattr(networks, recipe.network, None)
    if builder is None:
        raise UserError(f"chollet_cnn.book.networks has no builder {recipe.network!r}")
    return builder(**recipe.network_options)


def make_optimizer(recipe: Recipe) -> keras.Optimizer:
    """Return a new optimizer with the settings of a recipe."""
    from chollet_cnn.book import legacy_keras

    return legacy_keras.make_optimizer(recipe.optimizer, recipe.learning_rate)


def _fit(job: Job) -> runs.Run:
    """Build the network, run the epochs that are left, and write the results."""
    from chollet_cnn.training import loop

    if job.beginning == NEW:
        runs.begin(job.path, job.config, job.environment)
    recipe, seeds = job.plan.recipe, job.plan.seeds
    model = build(recipe)
    seeding.set_starting_weights(model, seeds.weights)
    seeding.seed_random_layers(model, seeds.run)
    optimizer = make_optimizer(recipe)
    steps = loop.compile_steps(model, optimizer)
    state = State(job, model, optimizer)
    if job.beginning in (RESUME, EXTEND):
        state.restore()
    if job.beginning == RESUME:
        runs.reopen(job.path, job.config, job.environment)
    if not job.quiet:
        print(console.opening(recipe, job.config, job.environment, job.path), flush=True)
    diverged = _run_epochs(job, state, steps)
    state.open_run()  # if there was no epoch left to run
    return _finish(job, state, steps, diverged)


def _run_epochs(job: Job, state: State, steps: Steps) -> int | None:
    """Run the epochs that are left; return the one whose loss was not finite, if there was one."""
    from chollet_cnn.training import loop

    train, device = job.data.train, job.environment["device"]
    monitored = job.data.validation or job.data.test
    feed = loop.feed_from(train.images, train.labels, device)
    evaluate = loop.evaluation(steps.evaluate, monitored, device)
    epochs = job.plan.recipe.epochs
    for epoch in range(len(state.checkpoint.rows), epochs):
        began = time.perf_counter()
        batches = state.batches(epoch)
        total, title = sum(map(len, batches)) + len(monitored), f"epoch {epoch + 1}/{epochs}"
        with progress_bar(title, total, shown=not job.quiet, stays=False) as on_progress:
            score = loop.run_epoch(steps.train, feed, batches, on_progress)
            check = evaluate(on_progress)
        if not (math.isfinite(score.loss) and math.isfinite(check.loss)):
            if not state.checkpoint.rows:
                raise _diverged(1, job.plan, f"nothing was kept in {job.path}")
            state.assign()
            return epoch + 1
        row = {
            "epoch": epoch + 1,
            "loss": score.loss,
            "accuracy": score.accuracy,
            "val_loss": check.loss,
            "val_accuracy": check.accuracy,
            "seconds": round(time.perf_counter() - began, 3),
        }
        state.save(row)
        if job.tensorboard:
            _write_tensorboard(job.path, row)
        if not job.quiet:
            print(console.epoch_line(row, epochs, job.config), flush=True)
    return None


def _diverged(epoch: int, planned: Plan, kept: str) -> Diverged:
    rate = planned.recipe.learning_rate
    return Diverged(
        f"training diverged in epoch {epoch}, its loss is not finite; try a learning_rate below "
        f"{rate:g} ({kept})",
        "learning_rate",
    )


def _finish(job: Job, state: State, steps: Steps, diverged: int | None) -> runs.Run:
    """Test the network and write the results."""
    from chollet_cnn.training import loop

    evaluate = loop.evaluation(steps.evaluate, job.data.test, job.environment["device"])
    passes = 2 if state.checkpoint.best_weights else 1
    total = passes * len(job.data.test)
    with progress_bar("testing", total, shown=not job.quiet, stays=False) as on_progress:
        test = last = evaluate(on_progress)
        if state.checkpoint.best_weights:
            state.model.set_weights(state.checkpoint.best_weights)
            test = evaluate(on_progress)
    metrics = _metrics(job, state, test, last)
    if diverged:
        metrics |= {"diverged_epoch": diverged, "published": None}
    return runs.finish(job.path, state.model, metrics)


def _metrics(job: Job, state: State, test: Score, last: Score) -> dict[str, object]:
    """Return the results of a run, as ``metrics.json`` has them.

    ``test`` is the score of the weights of the selected epoch, ``last`` that of the last epoch's.
    """
    rows = state.checkpoint.rows
    best = min(rows, key=lambda row: row["val_loss"])
    selected = best if state.selects else rows[-1]
    name = job.plan.recipe.name
    claim = None if job.config["changed"] else published.published_figure(name)
    validated = job.data.validation is not None
    return {
        "test_accuracy": test.accuracy,
        "test_loss": test.loss,
        "last_epoch_test_accuracy": last.accuracy,
        "val_accuracy": selected["val_accuracy"] if validated else None,
        "val_loss": selected["val_loss"] if validated else None,
        "parameters": state.model.count_params(),
        "epochs": len(rows),
        "judged_epoch": selected["epoch"],
        "best_epoch": best["epoch"] if validated else None,
        "train_seconds": round(sum(row["seconds"] for row in rows), 3),
        "published": dataclasses.asdict(claim) if claim else None,
        "dataset": job.data.title,
        "test_pictures": len(job.data.test),
        "weights_sha256": seeding.sha256_of_weights(state.model),
    }


def _write_tensorboard(path: Path, row: dict[str, float]) -> None:
    """Write an epoch's figures as Keras's own callback names them."""
    from tensorboard.summary import Writer

    for folder, prefix in (("train", ""), ("validation", "val_")):
        writer = Writer(str(path / "tensorboard" / folder))
        for name in ("loss", "accuracy"):
            writer.add_scalar(f"epoch_{name}", row[prefix + name], step=row["epoch"])
        writer.close()
