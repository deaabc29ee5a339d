"""Write the explorer of a run: one HTML file with the network, its weights and test images in it.

From Python :func:`write_explorer`. The page computes with plain JavaScript modules, which stand
beside this file and are put into the page when it is written.
"""

from __future__ import annotations

import hashlib
import json
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
import numpy as np
from markupsafe import Markup

from chollet_cnn import files
from chollet_cnn.analysis import activations, errors, filters
from chollet_cnn.errors import UserError
from chollet_cnn.page.explorer import packing, still
from chollet_cnn.page.explorer.layers import describe_layers
from chollet_cnn.page.explorer.test_images import find_test_images
from chollet_cnn.runs import Run, read

if TYPE_CHECKING:
    import keras

FOLDER = Path(__file__).parent
MODULES = (
    "numbers", "mnist_look", "network", "changes", "starting_weights", "data", "explain",
    "grad_cam", "evaluate", "drawing_pad", "pictures", "layer_rows", "sums", "channel", "inspector",
    "explorer",
)  # fmt: skip
"""The page's JavaScript modules, each after those that it imports."""
LARGEST = 2_000_000
"""Bytes that the page may have. Weights of epochs in between are left out rather than exceed it."""
MOST_WEIGHTS = 1_000_000
STORED = 1000
"""Test images in the page, on which the cost of a change is measured."""
CONFIDENT_ERRORS = 10
STRONGEST = 5
"""Test images shown for each channel."""
GREY_LEVELS = 16
"""Of the gradient-ascent images; fewer levels deflate better and look the same."""


def write_explorer(
    run_or_path: Run | str | Path, out: str | Path, data_dir: str | Path | None = None
) -> Path:
    """Write the explorer of a run whose network tells digits apart.

    Args:
        run_or_path: a finished run, or its directory.
        out: the HTML file.
        data_dir: where the test images are looked for first. Where they are not found, images of
            scikit-learn's digits take their place, and the page says so.

    Returns:
        The file.

    Raises:
        UserError: the run cannot be read, its network is of a kind that the explorer cannot
            compute, or the file cannot be written.
    """
    run = run_or_path if isinstance(run_or_path, Run) else read(run_or_path)
    page = render(describe_run(run, data_dir))
    files.write(Path(out), page)
    return Path(out)


def describe_run(run: Run, data_dir: str | Path | None = None) -> dict[str, Any]:
    """Return all that the page needs to know of a run, ready for JSON."""
    model = run.load_model()
    layers = describe_layers(model)
    if model.input_shape[1:] != (28, 28, 1) or model.count_params() > MOST_WEIGHTS:
        raise UserError(
            f"the explorer shows networks for 28x28 digits with up to {MOST_WEIGHTS:,} weights; "
            f"{run.path} holds another network"
        )
    test = find_test_images(run, data_dir)
    probabilities = errors.predictions(model, test.images)
    stored = np.arange(len(test.labels))[:: max(1, len(test.labels) // STORED)][:STORED]
    changed = run.config.get("changed", {})
    described = {
        "title": run.config["title"],
        "seed": run.config["seed"],
        "weightsSeed": changed.get("weights_seed", {}).get("run", run.config["seed"]),
        "dataset": run.metrics["dataset"],
        "accuracy": run.metrics["test_accuracy"],
        "testImages": run.metrics["test_pictures"],
        "parameters": model.count_params(),
        "classes": run.config["classes"],
        "layers": layers,
        "weights": packing.pack(flat_weights(model.get_weights())),
        "testedEpoch": run.metrics["judged_epoch"],
        "lastEpoch": run.metrics["epochs"],
        "images": {
            "source": test.source,
            "places": packing.pack(stored.astype(np.uint16)),
            "pixels": packing.pack(test.images[stored]),
            "labels": packing.pack(test.labels[stored].astype(np.uint8)),
        },
        "mistakes": confident_errors(test.images, test.labels, probabilities, run),
        "channels": describe_channels(model, test.images[stored]),
        "still": still.draw(model, layers, test.images[stored[0]]),
    }
    room = LARGEST - len(render(described))
    return described | {"epochs": epochs_between(run, room)}


def flat_weights(weights: Sequence[np.ndarray]) -> np.ndarray:
    """Return a network's weights as one array, in the order of ``model.get_weights()``."""
    return np.concatenate([array.ravel() for array in weights]).astype(np.float32)


def confident_errors(
    images: np.ndarray, labels: np.ndarray, probabilities: np.ndarray, run: Run
) -> dict[str, Any]:
    """Return the test images that the network got wrong with the highest probabilities."""
    table = errors.surest_mistakes(labels, probabilities, run.config["classes"], CONFIDENT_ERRORS)
    return {
        "pixels": packing.pack(images[table["picture"].to_numpy(int)]),
        "list": [
            {"place": int(row.picture), "true": row.true, "given": row.given}
            for row in table.itertuples()
        ],
    }


def describe_channels(model: keras.Model, images: np.ndarray) -> dict[str, dict[str, Any]]:
    """Return, for each convolution, what excites its channels: test images and gradient ascent."""
    from keras import layers

    found = {}
    for layer in model.layers:
        if not isinstance(layer, layers.Conv2D):
            continue
        table = activations.most_exciting(model, images, layer.name, count=STRONGEST)
        ascent = filters.exciting_inputs(model, layer.name)[..., 0]
        levels = np.rint(ascent / 255 * (GREY_LEVELS - 1)).astype(np.uint8)
        found[layer.name] = {
            "strongest": packing.pack(table["picture"].to_numpy(np.uint16)),
            "largest": packing.pack(table["activation"].to_numpy(np.float32)),
            "ascent": packing.pack(levels),
            "ascentLevels": GREY_LEVELS,
        }
    return found


def epochs_between(run: Run, room: int) -> list[dict[str, Any]]:
    """Return the kept weights of the epochs other than the tested one, as many as there is room.

    They are rounded to 16 bits. Where not all of them fit, they are taken at even distances.
    """
    kept = [epoch for epoch in run.kept_epochs if epoch != run.metrics["judged_epoch"]]
    if not kept:
        return []
    rounded = {
        epoch: packing.pack(flat_weights(run.read_epoch_weights(epoch)).astype(np.float16))
        for epoch in kept
    }
    size = max(len(json.dumps(packed)) for packed in rounded.values()) + 50
    fitting = min(len(kept), max(0, room // size))
    chosen = sorted({kept[round(i)] for i in np.linspace(0, len(kept) - 1, fitting)})
    return [{"epoch": epoch, "weights": rounded[epoch]} for epoch in chosen]


def render(described: Mapping[str, Any]) -> str:
    """Return the page: the template with style, script and data filled in."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    script = bundle_script()
    hashed = b64encode(hashlib.sha256(script.encode()).digest()).decode()
    data = {name: value for name, value in described.items() if name != "still"}
    # "<" is escaped so that no text in the data can end the script element.
    embedded = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    return environment.get_template("explorer.html").render(
        run=described,
        style=Markup((FOLDER / "explorer.css").read_text(encoding="utf-8")),
        script=Markup(script),
        script_hash=hashed,
        data=Markup(embedded),
    )


def bundle_script() -> str:
    """Return the modules as one script: imports and the word ``export`` are taken out."""
    parts = []
    for name in MODULES:
        code = (FOLDER / f"{name}.js").read_text(encoding="utf-8")
        code = re.sub(r"^import [^;]*;\n", "", code, flags=re.MULTILINE)
        parts.append(re.sub(r"^export ", "", code, flags=re.MULTILINE).strip())
    return '"use strict";\n' + "\n\n".join(parts) + "\n"
