"""The contenders of scripts/benchmark.py: each trains one network, in a process of its own.

python scripts/contenders.py runner mnist-second-edition --epochs 2

prints one line of JSON: backend and device; seconds of each epoch, the first with compilation, and
those of them that ``fit`` took to return after its epoch had ended; CPU seconds, of which two busy
cores use two per second; seconds from the start of the process, and from the end of Keras's import,
to the end of the first step; peak memory in MiB.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import count, pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from chollet_cnn import data
from chollet_cnn.book import recipes
from chollet_cnn.book.recipes import Recipe
from chollet_cnn.errors import UserError, integer, run_cli
from chollet_cnn.training import devices, seeding

if TYPE_CHECKING:
    import keras
    import tensorflow as tf
    import torch

    from chollet_cnn.data import Dataset

STARTED = float(os.environ.get("BENCHMARK_STARTED", time.time()))
VALIDATED = 100
"""How many images of each class validate and test while memory is measured."""
Action = Callable[[], None]
Epoch = Callable[[], float | None]
"""Trains one epoch; ``fit`` returns how many seconds it took to return when that had ended."""
Load = Callable[[], "Dataset"]
# A contender prepares one epoch and returns the function that trains it; it tells when a step ends.


def inputs_as_in_the_book(recipe: Recipe, load: Load) -> dict[str, object]:
    """Return what ``fit`` is given in the book: arrays, or folders of JPEG files."""
    if recipe.dataset == "mnist":
        train = load().train
        return {"x": train.images, "y": train.labels, "batch_size": recipe.batch_size}
    return {
        use: _from_folder(recipe, name, batch_size=recipe.batch_size)
        for use, name in (("x", "train"), ("validation_data", "validation"))
    }


def tuned_inputs(recipe: Recipe, load: Load) -> dict[str, object]:
    """Return the fastest inputs for ``fit``: tf.data pipelines of images that are kept in memory.

    The images of cats vs dogs are decoded once, as the book does not do. The pipelines are not
    tuned while they run: with TensorFlow 2.21 an epoch that has ended often waits until the thread
    that tunes them wakes up, 10, 20, 41 or 82 seconds after it began.
    """
    import tensorflow as tf

    if recipe.dataset == "mnist":
        train = load().train
        images = {"x": tf.data.Dataset.from_tensor_slices((train.images, train.labels))}
    else:
        images = {
            use: _from_folder(recipe, name, batch_size=None, shuffle=False)
            .map(lambda image, label: (tf.cast(tf.round(image), tf.uint8), label))
            .cache()
            for use, name in (("x", "train"), ("validation_data", "validation"))
        }
    images["x"] = images["x"].shuffle(60_000, reshuffle_each_iteration=True)
    as_they_are = tf.data.Options()
    as_they_are.autotune.enabled = False
    inputs = {
        use: one.batch(recipe.batch_size).prefetch(4).with_options(as_they_are)
        for use, one in images.items()
    }
    return inputs | {"shuffle": False}  # the pipeline does


def _from_folder(recipe: Recipe, use: str, **options: object) -> tf.data.Dataset:
    """Read the JPEG files of one split, which benchmark.py laid out, as the book does."""
    import keras

    folder = Path(os.environ["BENCHMARK_FOLDERS"], use)
    size = tuple(recipe.data_options["image_size"])
    return keras.utils.image_dataset_from_directory(
        folder, image_size=size, verbose=False, **options
    )


def fit(
    make_inputs: Callable[[Recipe, Load], dict[str, object]],
    recipe: Recipe,
    model: keras.Model,
    load: Load,
    step_done: Action,
    **options: object,
) -> Epoch:
    """Train with Keras: compile with its defaults or these options, then ``model.fit``."""
    import keras

    from chollet_cnn.training import fitting

    one_unit = model.output_shape[-1] == 1
    model.compile(
        fitting.make_optimizer(recipe),
        "binary_crossentropy" if one_unit else "sparse_categorical_crossentropy",
        metrics=["accuracy"],
        **options,
    )
    inputs = make_inputs(recipe, load)
    ends = []
    at_end = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: ends.append(time.perf_counter())
    )
    notes = [keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: step_done())]

    def epoch() -> float:
        model.fit(**inputs, epochs=1, verbose=0, callbacks=[at_end, *notes])
        notes.clear()  # a callback costs time in every step
        return time.perf_counter() - ends[-1]

    return epoch


def runner(recipe: Recipe, model: keras.Model, load: Load, step_done: Action) -> Action:
    """Train as this package does; cats and dogs are validated in each epoch, as the book does."""
    from chollet_cnn.training import fitting, loop

    images, device = load(), devices.choose().kind
    seeding.set_starting_weights(model, seed=0)
    seeding.seed_random_layers(model, seed=0)
    steps = loop.compile_steps(model, fitting.make_optimizer(recipe))

    def feed_from(split: data.Split) -> loop.Feed:
        return loop.feed_from(split.images, split.labels, device)

    feed, monitored = feed_from(images.train), images.validation
    evaluate = monitored and loop.evaluation(steps.evaluate, monitored, feed_from(monitored))
    numbers = count()

    def epoch() -> None:
        number = next(numbers)
        batches = seeding.batches(0, number, len(images.train), recipe.batch_size)
        if number == 0:  # a first piece of a single step, to know when the first step ended
            loop.run_epoch(steps.train, feed, batches[:1])
            step_done()
            batches = batches[1:]
        loop.run_epoch(steps.train, feed, batches)
        if evaluate:
            evaluate()

    return epoch


def torch_loop(recipe: Recipe, model: keras.Model, load: Load, step_done: Action) -> Action:
    """Train with plain PyTorch: the same layers, RMSprop or Adam with Keras's settings.

    PyTorch adds RMSprop's epsilon to the root, Keras 3 under it; both take as long. On a GPU the
    network is compiled and the images are kept there, as its users would have it.
    """
    import torch
    from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

    place = torch.device("cuda" if devices.choose().kind == "gpu" else "cpu")
    network = _torch_network(model).to(place)
    if place.type == "cuda":
        network = torch.compile(network)
    kinds = {"rmsprop": partial(torch.optim.RMSprop, alpha=0.9), "adam": torch.optim.Adam}
    optimizer = kinds[recipe.optimizer](network.parameters(), recipe.learning_rate, eps=1e-7)
    images = load()
    one_unit = len(images.classes) == 2

    def loader(split: data.Split, shuffle: bool) -> torch.utils.data.DataLoader:
        pixels = torch.from_numpy(np.array(split.images)).permute(0, 3, 1, 2).to(place)
        labels = torch.from_numpy(split.labels).to(place)
        both = torch.utils.data.TensorDataset(pixels, labels)
        return torch.utils.data.DataLoader(both, recipe.batch_size, shuffle=shuffle)

    def loss_of(pixels: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        scores = network(pixels.float() / 255)
        if one_unit:
            return binary_cross_entropy_with_logits(scores[:, 0], labels.float())
        return cross_entropy(scores, labels)

    training = loader(images.train, shuffle=True)
    monitored = loader(images.validation, shuffle=False) if images.validation else ()

    def wait() -> None:
        if place.type == "cuda":
            torch.cuda.synchronize()

    def epoch() -> None:
        for number, batch in enumerate(training):
            optimizer.zero_grad()
            loss_of(*batch).backward()
            optimizer.step()
            if number == 0:
                wait()
            step_done()
        with torch.no_grad():
            for batch in monitored:
                loss_of(*batch)
        wait()

    return epoch


def passes_alone(
    recipe: Recipe, model: keras.Model, load: Load, step_done: Action, *, backward: bool = True
) -> Action:
    """Do nothing but forward and backward passes, as many as an epoch has, on one batch."""
    import tensorflow as tf

    from chollet_cnn.training.loop import _mean_loss

    split = load()
    batches = seeding.batches(0, 0, len(split.train), recipe.batch_size)
    images = tf.constant(split.train.images[batches[0]])
    labels = tf.constant(split.train.labels[batches[0]].astype(np.int32))
    validated = 0 if split.validation is None else len(split.validation) // len(batches[0])

    @tf.function(jit_compile=False)
    def passes(count: tf.Tensor, validated: tf.Tensor) -> tf.Tensor:
        total = 0.0
        # A training step waits for the one before it, and so must these: TensorFlow would otherwise
        # run several at once, which training cannot do.
        for _ in tf.range(count):
            tf.autograph.experimental.set_loop_options(parallel_iterations=1)
            with tf.control_dependencies([total]), tf.GradientTape() as tape:
                loss = _mean_loss(labels, model(images, training=True))
            if backward:
                gradients = tape.gradient(loss, model.trainable_variables)
                # Touch every gradient, so that none is optimised away.
                total += sum(tf.reshape(gradient, [-1])[0] for gradient in gradients)
            else:
                total += loss
        for _ in tf.range(validated):
            tf.autograph.experimental.set_loop_options(parallel_iterations=1)
            with tf.control_dependencies([total]):
                total += _mean_loss(labels, model(images, training=False))
        return total

    def run(steps: int, validation_steps: int) -> None:
        passes(tf.constant(steps), tf.constant(validation_steps)).numpy()

    run(1, 0)
    step_done()
    return partial(run, len(batches), validated)


def matrix_product_rate() -> float:
    """Return the device's rate for float32 matrix products, in GFLOP/s: median of seven."""
    from keras import ops, random

    size, products = (8192, 16) if devices.choose().kind == "gpu" else (2048, 1)
    matrix = random.normal((size, size), seed=0) / size**0.5
    rates = []
    for _ in range(8):
        began = time.perf_counter()
        product = matrix
        for _ in range(products):
            product = ops.matmul(product, matrix)
        float(product[0, 0])  # waits until it is computed
        rates.append(2 * products * size**3 / (time.perf_counter() - began) / 1e9)
    return float(np.median(rates[1:]))


def _torch_network(model: keras.Model) -> torch.nn.Sequential:
    """Return the same layers in PyTorch, with starting weights of its own; scores come out."""
    from torch import nn

    layers, shape = [], model.input_shape[1:]
    for layer in model.layers:
        match type(layer).__name__:
            case "Conv2D":
                layers += [nn.Conv2d(shape[-1], layer.filters, 3), nn.ReLU()]
            case "MaxPooling2D":
                layers.append(nn.MaxPool2d(2))
            case "GlobalAveragePooling2D":
                layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
            case "Flatten":
                layers.append(nn.Flatten())
            case "Dense":
                layers += [nn.Linear(shape[-1], layer.units), nn.ReLU()]
            case "Dropout":
                layers.append(nn.Dropout(layer.rate))
            case "InputLayer" | "Rescaling":
                pass
            case kind:
                raise UserError(f"the PyTorch loop has no layer like {kind}; leave torch out")
        shape = layer.output.shape[1:]
    return nn.Sequential(*layers[:-1])  # the last layer's scores, without an activation


CONTENDERS = {
    "keras": partial(fit, inputs_as_in_the_book),
    "no-xla": partial(fit, inputs_as_in_the_book, jit_compile=False),
    "tuned": partial(fit, tuned_inputs, jit_compile=False, steps_per_execution=64),
    "runner": runner,
    "bfloat16": runner,
    "torch": torch_loop,
    "forward": partial(passes_alone, backward=False),
    "floor": passes_alone,
}
TENSORFLOW_ONLY = {"no-xla", "tuned", "forward", "floor"}


def with_images(recipe: Recipe, images: int) -> Recipe:
    """Return a cats-vs-dogs recipe that trains on so many images, numbered from 0."""
    ends = (0, images // 2, images // 2 + VALIDATED // 2, images // 2 + VALIDATED)
    splits = dict(zip(("train", "validation", "test"), pairwise(ends), strict=True))
    return replace(recipe, data_options=recipe.data_options | {"splits": splits})


def peak_mib() -> float:
    """Return the peak memory of this process in MiB; NaN on Windows, which does not tell it."""
    try:
        import resource
    except ImportError:
        return float("nan")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)  # macOS counts bytes, Linux KiB


def main(argv: list[str] | None = None) -> int:
    """Measure one contender and print what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("contender", choices=CONTENDERS)
    parser.add_argument("recipe")
    parser.add_argument("--epochs", type=integer, default=2)
    parser.add_argument("--dataset", help="instead of the recipe's, to try the benchmark itself")
    parser.add_argument("--data-dir")
    parser.add_argument("--train-images", type=integer, metavar="N", help="train on N images")
    options = parser.parse_args(argv)
    recipe, images = recipes.get(options.recipe), options.train_images
    if images and recipe.dataset == "cats-vs-dogs":
        recipe = with_images(recipe, images)
    devices.start_keras()
    imported = time.time()
    from chollet_cnn.training import fitting

    def load() -> Dataset:
        whole = data.load_dataset(
            options.dataset or recipe.dataset, options.data_dir, **recipe.data_options
        )
        train = whole.train
        return replace(whole, train=data.Split(train.images[:images], train.labels[:images]))

    step_ends, seconds, waiting, processor_seconds = [], [], [], []
    with devices.precision("bfloat16" if options.contender == "bfloat16" else "float32"):
        contend = CONTENDERS[options.contender]
        epoch = contend(recipe, fitting.build(recipe), load, lambda: step_ends.append(time.time()))
        for _ in range(1 + options.epochs):
            began, computed = time.perf_counter(), time.process_time()
            waiting.append(epoch())
            seconds.append(time.perf_counter() - began)
            processor_seconds.append(time.process_time() - computed)
    rate = matrix_product_rate() if options.contender in ("floor", "runner") else None
    result = {
        "backend": devices.chosen_backend(),
        "device": devices.choose().name,
        "epochs": seconds,
        "waiting_seconds": waiting,
        "processor_seconds": processor_seconds,
        "first_step": step_ends[0] - STARTED,
        "first_step_after_import": step_ends[0] - imported,
        "peak_mib": peak_mib(),
        "matrix_product_gflops": rate,
    }
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    run_cli(main)
