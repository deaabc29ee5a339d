"""The explorer's page in a browser: what the tests of it share.

The tests skip where there is no ``chromium`` with its ``chromedriver``, or no selenium. They print
what they measured (``pytest -s``). ``CHOLLET_CNN_EXPLORER_DIGITS`` is the number of test digits
that each network is asked about, 200 unless given; with real MNIST in ``CHOLLET_CNN_DATA`` they are
its test digits, else scikit-learn's.
"""

import os
from base64 import b64decode, b64encode
from pathlib import Path

import numpy as np
import pytest
from chromium import NARROW, WIDE

from chollet_cnn.analysis import gradients, model_graph
from chollet_cnn.data import digits, mnist
from chollet_cnn.page.explorer import export
from chollet_cnn.training import trainer

COUNT = int(os.environ.get("CHOLLET_CNN_EXPLORER_DIGITS", "200"))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return trainer.train_network(
        "mnist-first-edition", dataset="digits", epochs=4, out=tmp_path_factory.mktemp("runs")
    )


@pytest.fixture(scope="module")
def model(run):
    return run.load_model()


@pytest.fixture(scope="module")
def page(run, tmp_path_factory):
    return export.write_explorer(run, tmp_path_factory.mktemp("explorer") / "explorer.html")


@pytest.fixture(scope="module")
def recorded():
    """The explorer of a recorded run of the first edition's network on MNIST."""
    return Path(__file__).parents[2] / "results" / "explorer.html"


@pytest.fixture(scope="module")
def images():
    folder = Path(os.environ.get("CHOLLET_CNN_DATA", "nowhere"))
    if mnist.find_in(folder):
        found, name = mnist.load(folder).test.images, "MNIST test digits"
    else:
        found, name = digits.load().test.images, "test digits of scikit-learn"
    found = found[:: max(1, len(found) // COUNT)][:COUNT]
    print(f"\n{len(found)} {name}")
    return found


def open_page(browser, page, size=WIDE, scheme="light", address=""):
    width, height = size
    browser.set_script_timeout(300)
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": size == NARROW},
    )
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    browser.get("about:blank")
    browser.get(page.as_uri() + address)
    wait_for(browser, "return window.explorer !== undefined")


def wait_for(browser, script, seconds=60):
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(browser, seconds, 0.02).until(lambda b: b.execute_script(script))


FORWARD = """
const [pixels, shape] = [Uint8Array.from(atob(arguments[0]), (c) => c.charCodeAt(0)), 784];
const parts = [];
for (let at = 0; at < pixels.length; at += shape) {
  const pass = explorer.forward(explorer.state.layers, pixels.subarray(at, at + shape));
  const wanted = arguments[1] ? pass.values : pass.values.slice(-1);
  for (const values of wanted) parts.push(Float32Array.from(values));
}
const bytes = new Uint8Array(await new Blob(parts).arrayBuffer());
let text = "";
for (let at = 0; at < bytes.length; at += 30000)
  text += String.fromCharCode(...bytes.subarray(at, at + 30000));
arguments[2](btoa(text));
"""


def ask(browser, images, every_layer=False):
    """Return what the page's network gives for images: its last layer, or every layer in a row."""
    found = []
    for start in range(0, len(images), 20 if every_layer else 1000):
        some = images[start : start + (20 if every_layer else 1000)]
        text = b64encode(np.ascontiguousarray(some).tobytes()).decode()
        got = browser.execute_async_script(FORWARD, text, every_layer)
        found.append(np.frombuffer(b64decode(got), "<f4").reshape(len(some), -1))
    return np.concatenate(found)


def every_layer(model, images):
    names = list(model_graph.layers_of(model))
    outputs = gradients.compiled(model, lambda x: model_graph.layer_outputs(model, x, names))
    found = outputs(model_graph.as_batch(model, images))
    return np.concatenate([found[name].reshape(len(images), -1) for name in names], axis=1)


def texts(browser, selector):
    script = "return [...document.querySelectorAll(arguments[0])].map((e) => e.textContent)"
    return browser.execute_script(script, selector)


def select(browser, *place):
    layer, channel, row, column = map(int, place)
    browser.execute_script(
        "const [l, c, row, column] = arguments; explorer.select(l, c, { row, column })",
        layer, channel, row, column,
    )  # fmt: skip


def show(browser, image):
    browser.execute_script(
        "explorer.showImage(Uint8Array.from(arguments[0]), '')", image.ravel().tolist()
    )


def next_frame(browser):
    browser.execute_async_script("requestAnimationFrame(() => requestAnimationFrame(arguments[0]))")
