"""Say where a training step's time goes: the same loop with one part more each time.

python scripts/profile_epoch.py mnist-second-edition cats-vs-dogs-first-edition

Compiled loops of TensorFlow, from gathering the pictures to the whole step of the runner, take
turns; the difference between two neighbours is what the added part costs, so a part that costs next
to nothing can come out below zero. The table goes to results/profile.csv and to the screen.
"""

from __future__ import annotations

import argparse
import logging
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from chollet_cnn import data, files
from chollet_cnn.book import recipes
from chollet_cnn.book.recipes import Recipe
from chollet_cnn.errors import run_cli
from chollet_cnn.training import devices, seeding, trainer
from chollet_cnn.training import loop as training_loop

RESULTS = Path(__file__).parents[1] / "results"


def loops(recipe: Recipe) -> dict[str, Callable]:
    """Return a compiled loop for each part of a step; each does the one before it as well."""
    import tensorflow as tf

    model, optimizer = (
        trainer.build(recipe),
        trainer.make_optimizer(recipe),
    )
    seeding.set_starting_weights(model, seed=0)
    seeding.seed_random_layers(model, seed=0)
    steps = training_loop.compile_steps(model, optimizer)
    weights = model.trainable_variables
    augmenting = [layer for layer in model.layers if type(layer).__name__.startswith("Random")]

    def gather(pixels: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        return tf.reduce_sum(tf.cast(pixels[0], tf.float32))

    def augment(pixels: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        pictures = tf.cast(pixels, tf.float32)
        for layer in augmenting:
            pictures = layer(pictures, training=True)
        return tf.reduce_sum(pictures)

    def forward(pixels: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        return training_loop._mean_loss(labels, model(pixels, training=True))

    def backward(pixels: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            loss = forward(pixels, labels)
        gradients = tape.gradient(loss, weights)
        # Touch every gradient, so that none is optimised away.
        return loss + sum(tf.reshape(gradient, [-1])[0] for gradient in gradients)

    def loop(step: Callable) -> Callable:
        @tf.function(jit_compile=False, reduce_retracing=True)
        def run(pixels: tf.Tensor, labels: tf.Tensor, places: tf.Tensor) -> tf.Tensor:
            total = 0.0
            for number in tf.range(tf.shape(places)[0]):
                tf.autograph.experimental.set_loop_options(parallel_iterations=1)
                chosen = places[number]
                total += step(tf.gather(pixels, chosen), tf.gather(labels, chosen))
            return total

        return lambda *arrays: run(*arrays).numpy()

    parts = {"gather": loop(gather)}
    if augmenting:
        parts["augment"] = loop(augment)
    return parts | {
        "forward": loop(forward),
        "backward": loop(backward),
        "update and metrics": steps.train,
    }


def profile(recipe: Recipe, steps: int, repeats: int, data_dir: str | None) -> pd.DataFrame:
    """Time each part's loop and return milliseconds a step, and the share of the whole step."""
    pictures = data.load(recipe.dataset, data_dir, **recipe.data_options).train
    batches = seeding.batches(0, 0, len(pictures), recipe.batch_size)[:steps]
    piece = next(iter(training_loop.feed_from(pictures.images, pictures.labels)(batches)))
    parts = loops(recipe)
    times = {name: [] for name in parts}
    for run in parts.values():
        run(*piece)  # compiles
    for _ in range(repeats):
        for name, run in parts.items():
            began = time.perf_counter()
            run(*piece)
            times[name].append(1000 * (time.perf_counter() - began) / len(piece[2]))
    whole = pd.Series({name: float(np.median(values)) for name, values in times.items()})
    # What is not measured on top of the part before it stands on its own.
    added = whole.diff().fillna(whole)
    if "augment" in whole:
        added["forward"] = whole["forward"] - whole["augment"]
    return pd.DataFrame(
        {
            "recipe": recipe.name,
            "part": added.index,
            "milliseconds_a_step": added.round(3).to_numpy(),
            "share": (added / whole.iloc[-1]).round(3).to_numpy(),
        }
    )


def main(argv: list[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("recipes", nargs="*", default=["mnist-second-edition"], metavar="RECIPE")
    parser.add_argument("--steps", type=int, default=128)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--data-dir", help="where the data lie")
    parser.add_argument("--out", type=Path, default=RESULTS / "profile.csv")
    options = parser.parse_args(argv)
    devices.start_keras()
    # TensorFlow warns of functions compiled again and again; here each is another part of a step.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    table = pd.concat(
        profile(recipes.get(name), options.steps, options.repeats, options.data_dir)
        for name in options.recipes
    )
    before = pd.read_csv(options.out) if options.out.is_file() else table.iloc[:0]
    others = before[~before["recipe"].isin(options.recipes)]
    files.write(options.out, pd.concat([others, table]).to_csv(index=False))
    print(table.to_string(index=False))
    return 0


if __name__ == "__main__":
    run_cli(main)
