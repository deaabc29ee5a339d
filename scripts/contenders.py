"""The contenders of scripts/benchmark.py: each trains one network, in a process of its own.

python scripts/contenders.py runner mnist-second-edition --epochs 2

prints one line of JSON: seconds of each epoch, the first with compilation; processor seconds, of
which two busy cores use two a second; seconds from the start of the process, and from the end of
Keras's import, to the end of the first step; peak memory in MiB.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from chollet_cnn import data
from chollet_cnn.book import recipes
from chollet_cnn.book.recipes import Recipe
from chollet_cnn.errors import UserError, integer
from chollet_cnn.training import devices, seeding

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

    from chollet_cnn.data import Dataset

STARTED = float(os.environ.get("BENCHMARK_STARTED", time.time()))
VALIDATED = 100
"""How many images of each class validate and test while memory is measured."""


class Clock:
    """Notes when the first step ended and how long each epoch took."""

    def __init__(self) -> None:
        """Start with nothing noted."""
        self.imported = self.first_step = 0.0
        self.epochs: list[float] = []
        self.processor: list[float] = []

    def step_done(self) -> None:
        """Note the end of the first step; later calls change nothing."""
        self.first_step = self.first_step or time.time()

    def epoch(self, run: Callable[[], None]) -> None:
        """Run and time one epoch."""
        began, computed = time.perf_counter(), time.process_time()
        run()
        self.epochs.append(time.perf_counter() - began)
        self.processor.append(time.process_time() - computed)


def keras_fit(
    recipe: Recipe,
    dataset: Callable[[], Dataset],
    epochs: int,
    clock: Clock,
    **options: Any,  # noqa: ANN401
) -> None:
    """Train as the book does: compile with the defaults or these options, then ``model.fit``."""
    if recipe.dataset == "mnist":
        train = dataset().train
        inputs = {"x": train.images, "y": train.labels, "batch_size": recipe.batch_size}
    else:
        inputs = {"x": _from_folder(recipe, "train", batch_size=recipe.batch_size)}
        inputs["validation_data"] = _from_folder(recipe, "validation", batch_size=recipe.batch_size)
    _fit(recipe, inputs, epochs, clock, **options)


def tuned_fit(recipe: Recipe, dataset: Callable[[], Dataset], epochs: int, clock: Clock) -> None:
    """Train with the fastest options of ``model.fit``: no XLA, 64 steps per execution, tf.data.

    The images of cats vs dogs are decoded once, as the book does not do, and kept in memory.
    """
    import tensorflow as tf

    if recipe.dataset == "mnist":
        train = dataset().train
        images = {"x": tf.data.Dataset.from_tensor_slices((train.images, train.labels))}
    else:
        images = {
            use: _from_folder(recipe, name, batch_size=None, shuffle=False)
            .map(lambda image, label: (tf.cast(tf.round(image), tf.uint8), label))
            .cache()
            for use, name in (("x", "train"), ("validation_data", "validation"))
        }
    images["x"] = images["x"].shuffle(60_000, reshuffle_each_iteration=True)
    inputs = {
        use: one.batch(recipe.batch_size).prefetch(tf.data.AUTOTUNE) for use, one in images.items()
    }
    inputs["shuffle"] = False  # the pipeline does
    _fit(recipe, inputs, epochs, clock, jit_compile=False, steps_per_execution=64)


def _from_folder(recipe: Recipe, use: str, **options: Any) -> tf.data.Dataset:  # noqa: ANN401
    """Read the JPEG files of one split as the book does."""
    import keras

    # benchmark.py lays the files out beforehand.
    folder = Path(os.environ["BENCHMARK_FOLDERS"], use)
    size = tuple(recipe.data_options["image_size"])
    return keras.utils.image_dataset_from_directory(
        folder, image_size=size, verbose=False, **options
    )


def _fit(
    recipe: Recipe,
    inputs: dict[str, object],
    epochs: int,
    clock: Clock,
    **options: Any,  # noqa: ANN401
) -> None:
    """Compile the network with these options, call ``fit`` and note each epoch's time."""
    import keras

    from chollet_cnn.training import fitting

    class Note(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
            clock.step_done()

    model = fitting.build(recipe)
    one_unit = model.output_shape[-1] == 1
    model.compile(
        fitting.make_optimizer(recipe),
        "binary_crossentropy" if one_unit else "sparse_categorical_crossentropy",
        metrics=["accuracy"],
        **options,
    )
    clock.epoch(lambda: model.fit(**inputs, epochs=1, verbose=0, callbacks=[Note()]))
    for _ in range(epochs):
        clock.epoch(lambda: model.fit(**inputs, epochs=1, verbose=0))


def runner(recipe: Recipe, dataset: Callable[[], Dataset], epochs: int, clock: Clock) -> None:
    """Train as this package does; cats and dogs are validated in each epoch, as the book does."""
    from chollet_cnn.training import fitting, loop

    pictures = dataset()
    device = devices.choose()
    model = fitting.build(recipe)
    seeding.set_starting_weights(model, seed=0)
    seeding.seed_random_layers(model, seed=0)
    steps = loop.compile_steps(model, fitting.make_optimizer(recipe))
    feed = loop.feed_from(pictures.train.images, pictures.train.labels, device.kind)
    evaluate = pictures.validation and loop.evaluation(
        steps.evaluate, pictures.validation, device.kind
    )

    def one(epoch: int) -> None:
        batches = seeding.batches(0, epoch, len(pictures.train), recipe.batch_size)
        if epoch == 0:  # a first piece of a single step, to know when the first step ended
            loop.run_epoch(steps.train, feed, batches[:1])
            clock.step_done()
            batches = batches[1:]
        loop.run_epoch(steps.train, feed, batches)
        if evaluate:
            evaluate()

    for epoch in range(1 + epochs):
        clock.epoch(lambda epoch=epoch: one(epoch))


def runner_in_16_bits(
    recipe: Recipe, dataset: Callable[[], Dataset], epochs: int, clock: Clock
) -> None:
    """Train as this package does with ``--precision bfloat16``."""
    with devices.precision("bfloat16"):
        runner(recipe, dataset, epochs, clock)


def torch_loop(recipe: Recipe, dataset: Callable[[], Dataset], epochs: int, clock: Clock) -> None:
    """Train with plain PyTorch: the same layers, RMSprop or Adam with Keras's settings.

    PyTorch adds RMSprop's epsilon to the root, Keras 3 under it; both take as long. On a GPU the
    network is compiled and the pictures lie there, as its users would have it.
    """
    import torch
    from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

    from chollet_cnn.training import fitting

    pictures = dataset()
    place = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network = _torch_network(fitting.build(recipe)).to(place)
    if place.type == "cuda":
        network = torch.compile(network)
    kinds = {
        "rmsprop": lambda w: torch.optim.RMSprop(w, recipe.learning_rate, alpha=0.9, eps=1e-7),
        "adam": lambda w: torch.optim.Adam(w, recipe.learning_rate, eps=1e-7),
    }
    optimizer = kinds[recipe.optimizer](network.parameters())
    one_unit = len(pictures.classes) == 2

    def loader(split: data.Split, shuffle: bool) -> torch.utils.data.DataLoader:
        images = torch.from_numpy(np.array(split.images)).permute(0, 3, 1, 2)
        labels = torch.from_numpy(split.labels)
        both = torch.utils.data.TensorDataset(images.to(place), labels.to(place))
        return torch.utils.data.DataLoader(both, recipe.batch_size, shuffle=shuffle)

    def loss_of(images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        scores = network(images.float() / 255)
        if one_unit:
            return binary_cross_entropy_with_logits(scores[:, 0], labels.float())
        return cross_entropy(scores, labels)

    training = loader(pictures.train, shuffle=True)
    watched = loader(pictures.validation, shuffle=False) if pictures.validation else ()

    def one() -> None:
        for images, labels in training:
            optimizer.zero_grad()
            loss_of(images, labels).backward()
            optimizer.step()
            clock.step_done()
        with torch.no_grad():
            for images, labels in watched:
                loss_of(images, labels)

    for _ in range(1 + epochs):
        clock.epoch(one)


def passes_alone(
    recipe: Recipe,
    dataset: Callable[[], Dataset],
    epochs: int,
    clock: Clock,
    *,
    backward: bool = True,
) -> None:
    """Do nothing but forward and backward passes, as many as an epoch has, on one batch."""
    import tensorflow as tf

    from chollet_cnn.training import fitting
    from chollet_cnn.training.loop import _mean_loss

    split = dataset()
    model = fitting.build(recipe)
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

    passes(tf.constant(1), tf.constant(0)).numpy()
    clock.step_done()
    for _ in range(1 + epochs):
        clock.epoch(lambda: passes(tf.constant(len(batches)), tf.constant(validated)).numpy())


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


def _torch_network(model: keras.Model):  # noqa: ANN202
    """Return the same layers in PyTorch, with starting weights of its own; scores come out."""
    from torch import nn

    layers, shape = [], model.input_shape[1:]
    for layer in model.layers:
        kind = type(layer).__name__
        if kind == "Conv2D":
            layers += [nn.Conv2d(shape[-1], layer.filters, 3), nn.ReLU()]
        elif kind == "MaxPooling2D":
            layers.append(nn.MaxPool2d(2))
        elif kind == "GlobalAveragePooling2D":
            layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
        elif kind == "Flatten":
            layers.append(nn.Flatten())
        elif kind == "Dense":
            layers.append(nn.Linear(shape[-1], layer.units))
            layers += [nn.ReLU()] if layer is not model.layers[-1] else []
        elif kind == "Dropout":
            layers.append(nn.Dropout(layer.rate))
        elif kind not in ("InputLayer", "Rescaling"):
            raise UserError(f"the PyTorch loop has no layer like {kind}; leave torch out")
        shape = layer.output.shape[1:]
    return nn.Sequential(*layers)


CONTENDERS = {
    "keras": keras_fit,
    "no-xla": partial(keras_fit, jit_compile=False),
    "tuned": tuned_fit,
    "runner": runner,
    "bfloat16": runner_in_16_bits,
    "torch": torch_loop,
    "forward": partial(passes_alone, backward=False),
    "floor": passes_alone,
}
TENSORFLOW_ONLY = {"no-xla", "tuned", "forward", "floor"}


def with_images(recipe: Recipe, count: int) -> Recipe:
    """Return a cats-vs-dogs recipe that trains on ``count`` images, numbered from 0."""
    ends = (0, count // 2, count // 2 + VALIDATED // 2, count // 2 + VALIDATED)
    splits = dict(zip(("train", "validation", "test"), pairwise(ends), strict=True))
    return replace(recipe, data_options=recipe.data_options | {"splits": splits})


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
    recipe, count = recipes.get(options.recipe), options.train_images
    if count and recipe.dataset == "cats-vs-dogs":
        recipe = with_images(recipe, count)
    clock = Clock()
    devices.start_keras()
    clock.imported = time.time()

    def dataset() -> Dataset:
        whole = data.load_dataset(
            options.dataset or recipe.dataset, options.data_dir, **recipe.data_options
        )
        train = whole.train
        return replace(whole, train=data.Split(train.images[:count], train.labels[:count]))

    CONTENDERS[options.contender](recipe, dataset, options.epochs, clock)
    # Linux counts in KiB, macOS in bytes.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    rate = matrix_product_rate() if options.contender in ("floor", "runner") else None
    result = {
        "epochs": clock.epochs,
        "processor_seconds": clock.processor,
        "first_step": clock.first_step - STARTED,
        "first_step_after_import": clock.first_step - clock.imported,
        "peak_mib": peak / (2**20 if sys.platform == "darwin" else 2**10),
        "matrix_product_gflops": rate,
    }
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
