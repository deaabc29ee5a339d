"""The Keras side of a run: build the network, run its epochs, test it, write what came out."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
import math
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras

from chollet_cnn import data, files
from chollet_cnn.book import legacy_keras, networks, published
from chollet_cnn.book.recipes import Recipe
from chollet_cnn.data import Dataset, Split, sources
from chollet_cnn.data.sources import NotFound
from chollet_cnn.drawing.progress import progress_bar, spinner
from chollet_cnn.errors import UserError, first_line, notify
from chollet_cnn.training import (
    backend,
    console,
    devices,
    distribution,
    loop,
    run_files,
    runs,
    seeding,
)
from chollet_cnn.training.loop import Score, Steps
from chollet_cnn.training.plan import Diverged, Plan
from chollet_cnn.training.resuming import (
    EXTEND,
    FINISHED,
    NEW,
    OVERWRITE,
    RESUME,
    Request,
    how_to_begin,
)
from chollet_cnn.training.state import Job, State

FEW_WEIGHTS = 1_000_000
"""A network with no more weights than this keeps them after every epoch, 4 MB each."""
SAME_VERSIONS = ("keras", "jax", "jaxlib", "numpy")
"""Packages of which all processes of a run must have one version."""


def fit(request: Request) -> runs.Run:
    """Carry out a request that :func:`~chollet_cnn.training.trainer.train_network` has checked."""
    group = request.group
    backend.use_deterministic_gpu_operations()
    if group is None:
        chosen = devices.choose(request.plan.device)
        images = _load_data(request)
    else:  # loading may take minutes, which the processes do not wait for once they are joined
        images = _load_data(request)
        distribution.join(group, request.plan.seeds.run)
        chosen = devices.choose(request.plan.device)
    plan = dataclasses.replace(request.plan, dataset=images.name)
    shares = distribution.divide(chosen.kind, request.devices, plan.recipe.batch_size)
    with contextlib.ExitStack() as stack:
        stack.enter_context(devices.precision(plan.precision))
        stack.enter_context(shares.scope() if shares else chosen.scope())
        if group:
            stack.enter_context(distribution.losing_a_process())
        surroundings = backend.describe() | {
            "device": chosen.kind,
            "device_name": chosen.name,
            "devices": shares.count if shares else 1,
            "processes": group.size if group else 1,
            "data": images.fingerprint,
        }
        begun = _begin(request, plan, surroundings, stack)
        if begun["beginning"] == FINISHED:
            if not request.quiet:
                print(f"{request.path} is finished already.", flush=True)
            return runs.Run(request.path, **begun["run"])
        decided = {name: begun[name] for name in ("beginning", "keep_weights")}
        asked = vars(request) | {"plan": plan} | decided
        return _fit(Job(**asked, data=images, environment=surroundings, shares=shares))


def _load_data(request: Request) -> Dataset:
    """Load what a plan trains on; embedded digits stand in for an MNIST that was not asked for."""
    folder, plan = request.data_dir, request.plan
    if folder is not None:
        sources.search_path(folder)  # raises if it does not exist; digits would not look there
    options = plan.recipe.options_for(plan.dataset)
    try:
        with spinner("loading the images"):
            return data.load_dataset(plan.dataset, folder, **options)
    except NotFound as problem:
        named = folder is not None and sources.expand_user(folder).is_file()
        if request.dataset or named or plan.dataset != "mnist":
            raise
        reason = getattr(problem.__cause__, "reason", problem)
        notify(
            f"MNIST was not found and could not be downloaded ({reason}), so this "
            "run uses scikit-learn's 1,797 small digits instead: digits (embedded)."
        )
        return data.load_dataset("digits")


def _begin(
    request: Request, plan: Plan, surroundings: dict[str, Any], stack: contextlib.ExitStack
) -> dict[str, Any]:
    """Return how the run begins, as the first process decides, and what it is if it is finished.

    Its folder is locked until the end of ``stack``, unless it is finished: it may be read-only.

    Raises:
        UserError: if the first process trains something else than this one.
    """
    versions = {f"version of {name}": surroundings["versions"].get(name) for name in SAME_VERSIONS}
    trained = plan.settings() | versions
    trained |= {"epochs": plan.recipe.epochs, "backend": surroundings["backend"]}
    trained |= {"data": surroundings["data"]["sha256"], "splits": surroundings["data"]["pictures"]}
    begun: dict[str, Any] = {}
    if request.first:
        path, how = request.path, (plan, request.resume, request.overwrite, surroundings)
        beginning = how_to_begin(path, *how) if runs.is_finished(path) else None
        if beginning != FINISHED:
            stack.enter_context(runs.locked(path))
            beginning = how_to_begin(path, *how)  # another process may have trained it meanwhile
        keep = request.keep_weights or plan.recipe.parameters <= FEW_WEIGHTS
        if beginning in (RESUME, EXTEND):
            keep = bool(run_files.read(path, "config").get("keep_weights"))
        begun = {"beginning": beginning, "keep_weights": keep, "trained": trained}
        if beginning == FINISHED:
            run = runs.load_run(path)
            parts = {"config": run.config, "environment": run.environment, "metrics": run.metrics}
            begun["run"] = parts
    begun = json.loads(distribution.from_first(json.dumps(begun).encode()))
    if differing := [name for name in trained if begun["trained"].get(name) != trained[name]]:
        raise UserError(
            f"the first process trains something else ({', '.join(differing)} differ); give all "
            "processes the same options, the same images and the same versions"
        )
    return begun


def build(recipe: Recipe) -> keras.Model:
    """Return the untrained network of a recipe."""
    builder = getattr(networks, recipe.network, None)
    if builder is None:
        raise UserError(f"chollet_cnn.book.networks has no builder {recipe.network!r}")
    size = recipe.data_options.get("image_size")  # none for digits
    options = ({"image_size": size} if size else {}) | recipe.network_options
    try:
        return builder(**options)
    except (TypeError, ValueError) as problem:
        told = " ".join(f"{name}={value!r}" for name, value in options.items()) or "no options"
        raise UserError(
            f"the network {recipe.network} cannot be built with {told}: {first_line(problem)}"
        ) from problem


def make_optimizer(recipe: Recipe) -> keras.Optimizer:
    """Return a new optimizer with the settings of a recipe."""
    return legacy_keras.make_optimizer(recipe.optimizer, recipe.learning_rate)


def _fit(job: Job) -> runs.Run:
    """Build the network, run the epochs that are left, and write the results."""
    run_files.check_config(job.config)
    recipe, seeds = job.plan.recipe, job.plan.seeds
    model = build(recipe)
    seeding.set_starting_weights(model, seeds.weights)
    seeding.seed_random_layers(model, seeds.run)
    optimizer = make_optimizer(recipe)
    if job.beginning == NEW and job.first:  # and not before it is known that it can be trained
        runs.begin(job.path, job.config, job.environment)
    steps = loop.compile_steps(model, optimizer)
    state = State(job, model, optimizer)
    if job.beginning in (RESUME, EXTEND):
        state.restore()
    if job.beginning == RESUME and job.first:
        runs.reopen(job.path, job.config, job.environment)
        if state.checkpoint.rows:  # the interruption may have come between the two files
            runs.write_history(job.path, state.checkpoint.rows)
    if not job.quiet:
        print(console.opening(recipe, job.config, job.environment, job.path), flush=True)
    diverged = _run_epochs(job, state, steps)
    state.open_run()  # if there was no epoch left to run
    return _finish(job, state, steps, diverged)


def _feed(job: Job, split: Split) -> loop.Feed:
    if job.shares:
        return job.shares.feed_from(split.images, split.labels)
    return loop.feed_from(split.images, split.labels, job.environment["device"])


def _evaluation(job: Job, steps: Steps, split: Split) -> Callable[..., Score]:
    count = job.shares.count if job.shares else 1
    return loop.evaluation(steps.evaluate, split, _feed(job, split), devices=count)


def _run_epochs(job: Job, state: State, steps: Steps) -> int | None:
    """Run the epochs that are left; return the one that diverged, if there was one."""
    train, monitored = job.data.train, job.data.validation or job.data.test
    feed, evaluate = _feed(job, train), _evaluation(job, steps, monitored)
    begun, epochs = len(state.checkpoint.rows), job.plan.recipe.epochs
    for epoch in range(begun, epochs):
        began = time.perf_counter()
        batches = state.batches(epoch)
        total, title = sum(map(len, batches)) + len(monitored), f"epoch {epoch + 1}/{epochs}"
        with progress_bar(title, total, stays=False) as on_progress:
            score = loop.run_epoch(steps.train, feed, batches, on_progress)
            check = evaluate(on_progress)
        if not (math.isfinite(score.loss + check.loss) and state.is_finite()):
            # Until its first epoch is written, such a run leaves the finished one in its place.
            replaces = job.beginning in (OVERWRITE, EXTEND)
            if epoch == begun and (replaces or not begun):
                if job.first and not replaces:
                    runs.clear(job.path)
                kept = "is as it was" if replaces else "holds no network"
                raise Diverged.in_epoch(epoch + 1, job.plan, f"{job.path} {kept}")
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
        if job.tensorboard and job.first:
            # The epochs before may have been trained without it, or cut off before it.
            anew = epoch == begun
            _write_tensorboard(job.path, state.checkpoint.rows if anew else [row], anew=anew)
        if not job.quiet:
            print(console.epoch_line(row, epochs, job.config), flush=True)
    return None


def _finish(job: Job, state: State, steps: Steps, diverged: int | None) -> runs.Run:
    """Test the network and write the results."""
    evaluate = _evaluation(job, steps, job.data.test)
    passes = 2 if state.checkpoint.best_weights else 1
    total = passes * len(job.data.test)
    with progress_bar("testing", total, stays=False) as on_progress:
        test = last = evaluate(on_progress)
        if state.checkpoint.best_weights:
            state.model.set_weights(state.checkpoint.best_weights)
            test = evaluate(on_progress)
    metrics = _metrics(job, state, test, last)
    if diverged:
        metrics |= {"diverged_epoch": diverged, "published": None}
    if not job.first:
        return runs.Run(job.path, job.config, job.environment, metrics)
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


def _write_tensorboard(path: Path, rows: list[dict[str, float]], *, anew: bool) -> None:
    """Write the figures of epochs as Keras's own callback names them, ``anew`` in place of all."""
    from tensorboard.summary import Writer

    folder = path / "tensorboard"
    try:
        if anew:
            shutil.rmtree(folder, ignore_errors=True)
        for split, prefix in (("train", ""), ("validation", "val_")):
            writer = Writer(str(folder / split))
            for row, name in itertools.product(rows, ("loss", "accuracy")):
                writer.add_scalar(f"epoch_{name}", row[prefix + name], step=row["epoch"])
            writer.close()
    except Exception as problem:  # TensorFlow, where it is installed, has errors of its own
        raise files.unwritable(folder, problem) from problem
