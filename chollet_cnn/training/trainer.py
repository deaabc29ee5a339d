"""Train one of the book's networks: recipe -> data -> network -> epochs -> run directory.

From the shell ``python -m chollet_cnn.train``, from Python :func:`train_network`.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from chollet_cnn.book import recipes
from chollet_cnn.book.recipes import Recipe
from chollet_cnn.drawing.notebook import in_notebook
from chollet_cnn.drawing.progress import silenced
from chollet_cnn.errors import UserError, parameter
from chollet_cnn.training import devices as keras_devices
from chollet_cnn.training import machines, plan, runs
from chollet_cnn.training.plan import Diverged
from chollet_cnn.training.resuming import Request, how_to_begin

NEXT_CELLS = """
Now ask it about an image of your own, in a cell:
  (answer,) = cc.predict_images(run, "photo.jpg")
  cc.plot_prediction(answer)

and see which part of the image the answer depends on:
  heatmap = cc.compute_occlusion(run.load_model(), answer.seen[0])
  cc.plot_heatmaps(answer.seen[0], {"occlusion": heatmap})
"""
"""What a notebook prints after training, where the package is imported as ``cc``."""


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
    splits: str | None = None,
    seed: int = 0,
    weights_seed: int | None = None,
    order_seed: int | None = None,
    out: str | Path = "runs",
    device: str = "auto",
    devices: int | str = 1,
    coordinator: str | None = None,
    processes: int = 1,
    process_index: int = 0,
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
        epochs: instead of the recipe's; this, ``batch_size``, ``learning_rate``, ``optimizer``,
            ``augmentation`` and ``splits`` change the recipe, so that it is not compared with the
            book.
        batch_size: images in a training batch, instead of the recipe's.
        learning_rate: instead of the recipe's.
        optimizer: instead of the recipe's, a key of :data:`chollet_cnn.book.recipes.OPTIMIZERS`.
        augmentation: ``2017`` to augment as the Keras of the first edition did, for its augmented
            recipe alone. Keras can load such a network only with this package, as
            :meth:`chollet_cnn.training.runs.Run.load_model` does.
        splits: ``folders`` to split cats and dogs as the folders train, validation and test do.
        seed: of the starting weights, the order of the images, dropout and augmentation.
        weights_seed: another seed for the starting weights alone.
        order_seed: another seed for the order of the images alone.
        out: the run directory is ``out/<recipe>/seed-<seed>/``.
        device: ``auto``, ``cpu`` or ``gpu``.
        devices: how many GPUs, or virtual CPU devices, share each batch, or ``all``; more than one
            needs Keras on JAX. The result is that of one device, up to rounding.
        coordinator: with several processes, mostly one a machine, that train one run together, the
            address of the first as ``host:port``. Each is started with the same arguments but
            ``process_index``, trains with ``devices`` of its own and reads its own images; the
            first alone writes the run. The computing is then done in a child process.
        processes: how many processes there are.
        process_index: which of them this one is, counted from 0.
        precision: ``float32``, or ``bfloat16`` to compute with 16 bits and keep the weights in 32,
            which changes the recipe.
        resume: go on from the last finished epoch, with more epochs if ``epochs`` says so. A run
            that was not begun begins.
        overwrite: replace the run that is there, once the first epoch of the new one is finished.
        keep_weights: keep the weights after every epoch, as networks of up to a million weights
            (:data:`chollet_cnn.training.fitting.FEW_WEIGHTS`) do anyway. A resumed run goes on as
            it began.
        tensorboard: write curves for TensorBoard into the run directory too.
        quiet: print nothing but warnings. By default a notebook shows one line per epoch and a
            progress bar, and other programs print nothing.

    Raises:
        UserError: for anything that the user can fix; nothing is left half-written.
        ProcessLost: if another one of several processes ended; ``resume`` goes on.
        Diverged: if the loss or a weight became infinite or not a number.
    """
    planned = plan.make(
        recipe, dataset=dataset, epochs=epochs, batch_size=batch_size, learning_rate=learning_rate,
        optimizer=optimizer, augmentation=augmentation, splits=splits, seed=seed,
        weights_seed=weights_seed, order_seed=order_seed, device=device, precision=precision,
    )  # fmt: skip
    if resume and overwrite:
        raise UserError(
            f"{parameter('resume=True')} and {parameter('overwrite=True')} contradict each other; "
            "pass one of them"
        )
    if tensorboard and not find_spec("tensorboard"):
        raise UserError(
            f"{parameter('tensorboard=True')} needs TensorBoard; install it: "
            "pip install tensorboard"
        )
    quiet = not in_notebook() if quiet is None else quiet
    request = Request(
        planned, dataset, data_dir, runs.directory(out, planned.recipe.name, planned.seeds.run),
        plan.devices(devices), machines.group(coordinator, processes, process_index),
        resume, overwrite, keep_weights, tensorboard, quiet or process_index > 0,
    )  # fmt: skip
    if request.first:  # refuse early, before anything is loaded
        how_to_begin(request.path, planned, resume, overwrite)
    elif not quiet:
        print(f"process {process_index} of {processes}; process 0 writes the run", flush=True)
    run = machines.call_in_child(_run, request) if request.group else _run(request)
    if diverged := run.metrics.get("diverged_epoch"):
        kept = f"{run.path} holds the network of epoch {run.metrics['judged_epoch']}"
        raise Diverged.in_epoch(diverged, planned, kept)
    if not request.quiet and in_notebook():
        print(NEXT_CELLS, end="")
    return run


def _run(request: Request) -> runs.Run:
    """Start Keras and train."""
    with silenced(request.quiet):
        keras_devices.start_keras()
        from chollet_cnn.training import fitting  # which imports Keras

        run = fitting.fit(request)
    if not request.quiet and not in_notebook():  # which displays the run itself
        print(f"\n{run}", flush=True)
    return run
