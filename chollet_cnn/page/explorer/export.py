"""Write the explorer of a run: an HTML file with the network, its weights and test images in it.

From Python :func:`write_explorer`. The page computes with plain JavaScript modules, which stand
beside this file and are put into the page when it is written.
"""

import hashlib
import json
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup
from skimage.transform import resize

from chollet_cnn import files
from chollet_cnn.analysis import activations, filters, mistakes
from chollet_cnn.concepts.figures import photographs
from chollet_cnn.data import Split, digits, scaling
from chollet_cnn.page.chapter import template_text, templates
from chollet_cnn.page.explorer import packing, still
from chollet_cnn.page.explorer.layers import describe_layers
from chollet_cnn.page.trained_model import TrainedModel
from chollet_cnn.training.runs import Run

FOLDER = Path(__file__).parent
MODULES = (
    "numbers", "mnist_look", "network", "changes", "starting_weights", "data", "explain",
    "grad_cam", "evaluate", "background", "pictures", "drawing_pad", "digit_input", "photo_input",
    "epochs", "prediction", "cost", "layer_rows", "sums", "dense_sums", "channel", "inspector",
    "explorer",
)  # fmt: skip
"""The page's JavaScript modules, each after those that it imports."""
LARGEST_PAGE = 2_000_000
"""Bytes. Where page and weights together are larger, the weights go into a file beside the page."""
LARGEST = 12_000_000
"""Bytes of both. Weights of some of the epochs are left out rather than exceed it."""
LOADED_AT_ONCE = 6_000_000
"""Bytes of a file of weights that the page loads unasked."""
MOST_EXACT = 1_000_000
"""Weights of a network up to which they are given to the page in 32 bits, above in 16."""
STORED_DIGITS, STORED_PHOTOGRAPHS = 1000, 32
"""Test images in the page, on which the cost of a change is measured."""
CONFIDENT_ERRORS = 10
STRONGEST = 5
"""Test images shown for each channel."""
LEVELS = 16
"""Of a colour in the gradient-ascent images; fewer levels deflate better and look the same."""
SMALLEST_ASCENT, SHOWN_ASCENT = 16, 20
"""Pixels: the least side of a gradient-ascent image of colours, and the largest in the page."""
MOST_ASCENT = 200_000
"""Pixels of all gradient-ascent images of a layer; more would take minutes."""


def write_explorer(model: TrainedModel, out: str | Path) -> Path:
    """Write the explorer of a run.

    Args:
        model: what :func:`chollet_cnn.page.trained_model.read` returns. Where its test images are
            not on this machine, images that come with scikit-learn and scikit-image take their
            place; the page calls these example images, and lists no errors. The cost of a change is
            measured on them only if the network has their classes.
        out: the HTML file. The weights of a large network are written beside it, into a file of
            its name with ``-weights.js`` at the end.

    Returns:
        The HTML file.

    Raises:
        UserError: the network has a layer that the page cannot compute, or a file cannot be
            written.
        ValueError: the layers do not form one line, or no gradient passes them.
    """
    out = Path(out)
    described, weights = describe(model, f"{out.stem}-weights.js")
    if weights is not None:
        files.write(out.parent / f"{out.stem}-weights.js", weights)
    files.write(out, render(described))
    return out


def describe(model: TrainedModel, weights_name: str) -> tuple[dict[str, Any], str | None]:
    """Return all that the page needs to know of a run, ready for JSON.

    Returns:
        What goes into the page; and the content of the file of weights beside it, or None where the
        weights are in the page.
    """
    run, network = model.run, model.model
    layers = describe_layers(network)
    test, classes, source, probabilities = _test_images(model)
    most = STORED_DIGITS if model.of_digits else STORED_PHOTOGRAPHS
    stored = np.linspace(0, len(test) - 1, min(most, len(test))).round().astype(int)
    described = {
        "title": run.config["title"],
        "seed": run.config["seed"],
        "weightsSeed": model.weights_seed,
        "dataset": run.metrics["dataset"],
        "accuracy": run.metrics["test_accuracy"],
        "testImages": run.metrics["test_pictures"],
        "parameters": network.count_params(),
        "multiplications": int(model.layers["multiply_accumulates"].sum()),
        "bits": 32 if network.count_params() <= MOST_EXACT else 16,
        "classes": run.config["classes"],
        "layers": layers,
        "testedEpoch": run.metrics["judged_epoch"],
        "lastEpoch": run.metrics["epochs"],
        "images": {
            "source": source,
            "noun": "example image" if model.test is None else "test image",
            "places": packing.pack(stored.astype(np.uint16)),
            "pixels": packing.pack(test.images[stored]),
            "labels": packing.pack(test.labels[stored].astype(np.uint8)),
            "classes": classes,
        },
        "mistakes": confident_errors(model),
        "channels": describe_channels(model, test.images[stored]),
        "still": still.draw(network, layers, test.images[stored[0]], probabilities[stored[0]]),
    }
    exact = np.float32 if described["bits"] == 32 else np.float16
    tested = packing.pack(flat_weights(network.get_weights()).astype(exact))
    page = len(render(described | {"weights": {"tested": tested, "epochs": []}}))
    weights = {"tested": tested, "epochs": pack_epochs(run, LARGEST - page)}
    text = json.dumps(weights, separators=(",", ":"))
    if len(render(described | {"weights": weights})) <= LARGEST_PAGE:
        return described | {"weights": weights}, None
    file = {"name": weights_name, "bytes": len(text), "onDemand": len(text) > LOADED_AT_ONCE}
    return described | {"weightsFile": file}, f"window.networkWeights = {text};\n"


def flat_weights(weights: Sequence[np.ndarray]) -> np.ndarray:
    """Return a network's weights as one array, in the order of ``model.get_weights()``."""
    return np.concatenate([array.ravel() for array in weights])


def _test_images(model: TrainedModel) -> tuple[Split, list[str], str, np.ndarray]:
    """Return test images, their classes, where they are from, and the network's probabilities.

    Images that take their place have classes of their own, which the network may not have.
    """
    if model.test is not None:
        sources = {"MNIST": "MNIST's test set", digits.TITLE: "scikit-learn's digits"}
        source = sources.get(model.run.config["dataset"], "the test set")
        return model.test, model.classes, source, model.probabilities
    if model.of_digits:
        dataset = digits.load()
        test, classes, source = dataset.test, list(dataset.classes), "scikit-learn's digits"
    else:
        size = model.model.input_shape[1:3]
        resize = model.run.config["settings"]["data_options"]["resize"]
        cat = scaling.scale(photographs.cat(), size, resize)
        test, classes, source = Split(cat[None], np.zeros(1, np.int64)), ["cat"], "scikit-image"
    return test, classes, source, mistakes.predictions(model.model, test.images)


def confident_errors(model: TrainedModel) -> dict[str, Any]:
    """Return the test images that the network got wrong with the highest probabilities."""
    if model.test is None:
        return {"pixels": packing.pack(np.zeros(0, np.uint8)), "list": []}
    table = mistakes.most_confident_errors(
        model.test.labels, model.probabilities, model.classes, CONFIDENT_ERRORS
    )
    return {
        "pixels": packing.pack(model.test.images[table["image"].to_numpy(int)]),
        "list": [
            {"place": int(row.image), "truth": row.true, "given": row.predicted}
            for row in table.itertuples()
        ],
    }


def describe_channels(model: TrainedModel, images: np.ndarray) -> dict[str, dict[str, Any]]:
    """Return what activates each convolution's channels most: test images and gradient ascent."""
    found = {}
    every = activations.channel_maxima(model.model, images, model.convolutions, batch_size=16)
    for layer, maxima in every.items():
        strongest = np.argsort(-maxima, axis=0, kind="stable")[:STRONGEST]
        largest = np.take_along_axis(maxima, strongest, axis=0)
        found[layer] = {
            "strongest": packing.pack(strongest.T.astype(np.uint16)),
            "largest": packing.pack(largest.T.astype(np.float32)),
        }
        ascent = _ascend(model, layer)
        levels = np.rint(ascent / 255 * (LEVELS - 1)).astype(np.uint8)
        found[layer] |= {"ascent": packing.pack(levels), "ascentLevels": LEVELS}
        found[layer]["ascentSide"] = ascent.shape[1]
    return found


def _ascend(model: TrainedModel, layer: str) -> np.ndarray:
    """Return the images that gradient ascent makes for the first channels of a layer, 0..255.

    For a network of photographs they are as large as what one unit sees, and made smaller for the
    page: whole images would take minutes, and more room than the network.
    """
    if model.of_digits:
        return filters.maximize_activation(model.model, layer)
    seen = int(np.max(model.receptive_field(layer)))  # rows and columns may differ
    size = min(max(SMALLEST_ASCENT, seen), max(model.model.input_shape[1:3]))
    channels = range(min(model.model.get_layer(layer).filters, MOST_ASCENT // size**2 or 1))
    images = filters.maximize_activation(model.model, layer, channels, size=size)
    shown = min(size, SHOWN_ASCENT)
    return resize(images, (len(images), shown, shown, 3), preserve_range=True)


def pack_epochs(run: Run, room: int) -> list[dict[str, Any]]:
    """Return the kept weights of the epochs other than the tested one, as many as there is room.

    They are rounded to 16 bits. Where not all of them fit, they are taken at even distances.
    """
    kept = [epoch for epoch in run.kept_epochs if epoch != run.metrics["judged_epoch"]]

    def pack(epoch: int) -> dict[str, Any]:
        weights = flat_weights(run.read_epoch_weights(epoch)).astype(np.float16)
        return {"epoch": epoch, "weights": packing.pack(weights)}

    if not kept:
        return []
    fitting = min(len(kept), max(0, room // (len(json.dumps(pack(kept[-1]))) + 1000)))
    chosen = sorted({kept[round(i)] for i in np.linspace(0, len(kept) - 1, fitting)})
    return [pack(epoch) for epoch in chosen]


def render(described: Mapping[str, Any]) -> str:
    """Return the page: the template with style, script and data filled in."""
    script = bundle_script()
    hashed = b64encode(hashlib.sha256(script.encode()).digest()).decode()
    # "<" is escaped so that no text in the data can end the script element.
    embedded = json.dumps(described, separators=(",", ":")).replace("<", "\\u003c")
    of_digits = described["layers"][0]["inputShape"][-1] == 1
    return (
        templates()
        .get_template("explorer.html")
        .render(
            run=described,
            heading="Draw a digit; your network answers" if of_digits else "Show it a photograph",
            style=template_text("theme.css") + Markup((FOLDER / "explorer.css").read_text("utf-8")),
            script=Markup(script),
            script_hash=hashed,
            data=Markup(embedded),
        )
    )


def read_description(page: str) -> dict[str, Any]:
    """Return what :func:`render` made a page from."""
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    return json.loads(found[1])


def bundle_script() -> str:
    """Return the modules as one script: imports and the word ``export`` are taken out."""
    parts = []
    for name in MODULES:
        code = (FOLDER / f"{name}.js").read_text(encoding="utf-8")
        code = re.sub(r"^import [^;]*;\n", "", code, flags=re.MULTILINE)
        parts.append(re.sub(r"^export ", "", code, flags=re.MULTILINE).strip())
    return '"use strict";\n' + "\n\n".join(parts) + "\n"
