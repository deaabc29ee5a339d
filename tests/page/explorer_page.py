"""What the tests of the explorer's page share: asking it, and asking Keras for the same.

The tests skip where there is no ``chromium`` with its ``chromedriver``, or no selenium. They print
what they measured (``pytest -s``).
"""

from base64 import b64decode, b64encode

import chromium
import numpy as np
from selenium.webdriver.support.ui import WebDriverWait

from chollet_cnn.analysis import gradients, model_graph


def open_page(browser, page, size=chromium.WIDE, scheme="light", address=""):
    chromium.open_page(browser, page.as_uri() + address, size, scheme)
    wait_for(browser, "return window.explorer !== undefined")


def wait_for(browser, script, seconds=60):
    return WebDriverWait(browser, seconds, 0.02).until(lambda b: b.execute_script(script))


AS_TEXT = """
const asText = (arrays) => new Promise((resolve) => {
  const reader = new FileReader();
  reader.onload = () => resolve(reader.result.split(",")[1]);
  reader.readAsDataURL(new Blob(arrays.map((values) => Float32Array.from(values))));
});
"""
"""A function of the page that returns arrays of numbers as base64."""
FORWARD = (
    AS_TEXT
    + """
const [pixels, shape] = [Uint8Array.from(atob(arguments[0]), (c) => c.charCodeAt(0)), 784];
const parts = [];
for (let at = 0; at < pixels.length; at += shape) {
  const pass = explorer.forward(explorer.state.layers, pixels.subarray(at, at + shape));
  parts.push(...(arguments[1] ? pass.values : pass.values.slice(-1)));
}
asText(parts).then(arguments[2]);
"""
)


def ask(browser, images, every_layer=False):
    """Return what the page's network gives for images: its last layer, or every layer in a row."""
    found = []
    for start in range(0, len(images), 20 if every_layer else 1000):
        some = images[start : start + (20 if every_layer else 1000)]
        text = b64encode(np.ascontiguousarray(some).tobytes()).decode()
        got = browser.execute_async_script(FORWARD, text, every_layer)
        found.append(np.frombuffer(b64decode(got), "<f4").reshape(len(some), -1))
    return np.concatenate(found)


def layer_values(model, images):
    """Return what Keras gives for images: every layer's values, by its name."""
    names = list(model_graph.layers_of(model))
    outputs = gradients.compiled(model, lambda x: model_graph.layer_outputs(model, x, names))
    return outputs(model_graph.as_batch(model, images))


def every_layer(model, images):
    found = layer_values(model, images).values()
    return np.concatenate([values.reshape(len(images), -1) for values in found], axis=1)


def press(browser, selector):
    browser.execute_script("document.querySelector(arguments[0]).click()", selector)


def heat(browser, target):
    """Return the page's Grad-CAM of what it shows."""
    return browser.execute_script(
        "const { layers, pass } = explorer.state;"
        "return Array.from(explorer.gradCam(layers, pass, arguments[0]).heat)",
        target,
    )


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
