"""Train the first epoch of mnist-second-edition on every backend and record how they differ.

    python scripts/compare_backends.py
    python scripts/compare_backends.py --python jax=/path/to/python --python torch=/path/to/python

Each backend runs in a process of its own, with this Python or, if the backend is installed
elsewhere, with the one named. results/backends.csv gets the starting weights and the order of the
images (SHA-256), the largest differences from TensorFlow of a forward pass and of the weights after
one step, and the loss at every hundredth step. The study that shows them is
chollet_cnn/evidence/studies/backends.py.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from chollet_cnn import data, files
from chollet_cnn.book import recipes
from chollet_cnn.errors import UserError, integer, run_cli
from chollet_cnn.evidence import records
from chollet_cnn.evidence.run_many import last_line
from chollet_cnn.evidence.studies import backends
from chollet_cnn.training import devices

EVERY = 100
"""Steps from one recorded loss to the next."""
FORWARD = 100
"""Test images in the forward pass."""


def observe(out: Path, dataset: str, data_dir: str | None, steps: int | None) -> None:
    """Train on the backend of this process and write what is compared into an NPZ file."""
    devices.start_keras()
    with devices.precision("float32"), devices.choose("cpu").scope():
        _observe(out, dataset, data_dir, steps)


def _observe(out: Path, dataset: str, data_dir: str | None, steps: int | None) -> None:
    from chollet_cnn.training import backend, fitting, loop, seeding

    recipe = recipes.get(backends.RECIPES[0])
    images = data.load_dataset(dataset, data_dir)
    model = fitting.build(recipe)
    seeding.set_starting_weights(model, 0)
    start = seeding.sha256_of_weights(model)
    order = seeding.batches(0, 0, len(images.train), recipe.batch_size)[:steps]
    scores = model(images.test.images[:FORWARD], training=False)
    forward = fitting.keras.ops.convert_to_numpy(scores)
    compiled = loop.compile_steps(model, fitting.make_optimizer(recipe))
    feed = loop.feed_from(images.train.images, images.train.labels)
    losses = [compiled.train(*piece)[0] for piece in feed(order[:1])]
    weights = np.concatenate([array.ravel() for array in model.get_weights()])
    losses += [compiled.train(*piece)[0] for piece in feed(order[1:])]
    told = backend.describe()
    keep = ("python", "keras", backend.BACKEND, "numpy")
    facts = {
        "starting weights": start,
        "batch order": hashlib.sha256(np.concatenate(order).astype("<i8").tobytes()).hexdigest(),
        "machine": f"{told['processor']}, {told['threads']} threads",
        "versions": ", ".join(f"{name} {told['versions'][name]}" for name in keep),
    }
    np.savez(
        out,
        forward=forward,
        weights=weights,
        losses=np.concatenate(losses),
        facts=json.dumps(facts),
    )


def compare(observed: dict[str, dict[str, np.ndarray]]) -> pd.DataFrame:
    """Return the rows of ``backends.csv``.

    Args:
        observed: what :func:`observe` wrote, by backend; TensorFlow's is compared with.
    """
    rows = []
    for backend, arrays in observed.items():
        base = observed["tensorflow"]
        facts = json.loads(str(arrays["facts"]))
        values: list[tuple[str, int, object]] = [(n, 0, facts[n]) for n in backends.IDENTICAL]
        for name, key in (("forward pass", "forward"), ("one step", "weights")):
            values.append((name, 0, float(np.abs(arrays[key] - base[key]).max())))
        shown = enumerate(arrays["losses"])
        values += [(backends.LOSS, step, float(loss)) for step, loss in shown if step % EVERY == 0]
        same = {"backend": backend, "machine": facts["machine"], "versions": facts["versions"]}
        rows += [same | {"quantity": q, "step": step, "value": value} for q, step, value in values]
    return pd.DataFrame(rows)


def main(argv: list[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--python", action="append", default=[], metavar="BACKEND=PATH",
        help="the Python in which a backend is installed (default: this one)")  # fmt: skip
    add("--dataset", default="mnist", choices=("mnist", "digits"), help="digits to try it out")
    add("--data-dir", metavar="DIR", help="where to look for the data first")
    add("--steps", type=integer, metavar="N", help="of the epoch, the first N (default: all)")
    add("--results", type=Path, default=records.RESULTS, metavar="DIR")
    add("--observe", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.observe:
        observe(options.observe, options.dataset, options.data_dir, options.steps)
        return 0
    pythons = dict(text.partition("=")[::2] for text in options.python)
    if unknown := set(pythons) - set(devices.BACKENDS):
        raise UserError(f"--python names {', '.join(sorted(unknown))}, which is not a backend")
    flags = ["--dataset", options.dataset]
    flags += ["--data-dir", options.data_dir] if options.data_dir else []
    flags += ["--steps", str(options.steps)] if options.steps else []
    table = options.results / backends.TABLE
    files.check_writable(table)
    observed = {}
    with tempfile.TemporaryDirectory() as folder:
        for backend in devices.BACKENDS:
            out = Path(folder, f"{backend}.npz")
            print(f"{backend} ...", flush=True)
            python = pythons.get(backend, sys.executable)
            command = [python, __file__, "--observe", out, *flags]
            try:
                environment = os.environ | {"KERAS_BACKEND": backend}
                subprocess.run(command, env=environment, check=True)
            except (OSError, subprocess.CalledProcessError) as problem:
                raise UserError(
                    f"{backend} was not trained by {python} ({last_line(problem)}); install it "
                    f"there, or name the Python that has it with --python {backend}=PATH"
                ) from problem
            with np.load(out, allow_pickle=False) as arrays:
                observed[backend] = dict(arrays)
    files.write(table, compare(observed).to_csv(index=False))
    return 0


if __name__ == "__main__":
    run_cli(main)
