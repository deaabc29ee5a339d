"""The explorer in a real browser: every number that it shows is Keras's.

The tests skip where there is no ``chromium`` with its ``chromedriver``, or no selenium. They print
what they measured (``pytest -s``). ``CHOLLET_CNN_EXPLORER_DIGITS`` is the number of test digits
that each network is asked about, 200 unless given; with real MNIST in ``CHOLLET_CNN_DATA`` they are
its test digits, else scikit-learn's.
"""

import json
import os
import shutil
from base64 import b64decode, b64encode
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from chollet_cnn import determinism, recipes, train
from chollet_cnn.analysis import errors, gradients, heatmaps
from chollet_cnn.concepts import kernels
from chollet_cnn.data import digits, mnist, pictures
from chollet_cnn.page.explorer import export

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")

NETWORKS = [name for name in recipes.RECIPES if name.startswith("mnist-")]
COUNT = int(os.environ.get("CHOLLET_CNN_EXPLORER_DIGITS", "200"))
WIDE, NARROW = (1280, 900), (390, 844)
QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    from selenium.webdriver.chrome.service import Service

    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not program or not driver:
        pytest.skip("there is no chromium with a chromedriver on this machine")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for flag in (*QUIET, f"--user-data-dir={tmp_path_factory.mktemp('browser')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    browser = webdriver.Chrome(options=options, service=Service(driver))
    browser.set_script_timeout(300)
    yield browser
    browser.quit()


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return train.train(
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
    return Path(__file__).parents[1] / "results" / "explorer.html"


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
    names = list(gradients.layers_of(model))
    outputs = gradients.compiled(model, lambda x: gradients.layer_outputs(model, x, names))
    found = outputs(gradients.as_batch(model, images))
    return np.concatenate([found[name].reshape(len(images), -1) for name in names], axis=1)


@pytest.mark.parametrize("recipe", NETWORKS)
def test_every_number_of_every_network_is_keras_s(browser, images, recipe, tmp_path):
    run = train.train(recipe, dataset="digits", epochs=2, out=tmp_path)
    model = run.load_model()
    page = export.write_explorer(run, tmp_path / "explorer.html")
    open_page(browser, page)
    off_by = np.abs(ask(browser, images) - errors.predictions(model, images)).max()
    some = images if model.count_params() < 200_000 else images[::5]
    apart = max(
        np.abs(ask(browser, batch, every_layer=True) - every_layer(model, batch)).max()
        for batch in np.array_split(some, -(-len(some) // 100))
    )
    size = page.stat().st_size
    print(
        f"{recipe}: {len(images)} digits, probabilities within {off_by:.1e}; {len(some)} digits, "
        f"every layer within {apart:.1e}; {size / 1e6:.2f} MB"
    )
    assert off_by < 1e-5
    assert apart < 1e-4
    assert size < export.LARGEST_PAGE


def number(text):
    return Decimal(text.replace("\N{MINUS SIGN}", "-").strip("%"))


def texts(browser, selector):
    script = "return [...document.querySelectorAll(arguments[0])].map((e) => e.textContent)"
    return browser.execute_script(script, selector)


def lines_of(browser):
    return dict(
        zip(texts(browser, ".line span"), map(number, texts(browser, ".line b")), strict=True)
    )


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


def test_the_sum_shown_adds_up_to_the_cell(browser, page, model, images):
    open_page(browser, page)
    random = np.random.default_rng(0)
    layers = browser.execute_script(
        "return explorer.state.layers.map(({ name, kind, shape }) => [name, kind, shape])"
    )
    checked = dict.fromkeys(("convolution", "max pooling", "dense"), 0)
    for _ in range(12):
        image = images[random.integers(len(images))]
        show(browser, image)
        outputs = gradients.compiled(
            model,
            lambda x: gradients.layer_outputs(model, x, list(gradients.layers_of(model))),
        )(gradients.as_batch(model, image))
        for index, (name, kind, shape) in enumerate(layers):
            if kind in ("rescaling", "flatten"):
                continue
            values = outputs[name][0].reshape(1, 1, -1) if len(shape) == 1 else outputs[name][0]
            row, column, channel = (random.integers(side) for side in values.shape)
            select(browser, index, channel, row, column)
            shown = number(texts(browser, ".cell b")[0])
            assert float(shown) == pytest.approx(values[row, column, channel], abs=1e-4), name
            check_panel(browser, kind, shown, last=index == len(layers) - 1)
            checked[kind] += 1
    print(f"cells whose sums were added up: {checked}")


def check_panel(browser, kind, shown, last):
    lines = lines_of(browser)
    if kind == "max pooling":
        four = [number(text.removesuffix("largest")) for text in texts(browser, ".pooled td")]
        assert max(four) == shown == lines["the largest of the 4"]
        return
    total = lines["score"] if last else lines["sum"]
    parts = [
        value
        for words, value in lines.items()
        if words not in ("sum", "score") and "ReLU" not in words
    ]
    assert sum(parts) == total
    if not last:
        assert max(total, 0) == shown
    if kind == "dense":
        contributions = [number(text) for text in texts(browser, ".contribution b")]
        assert sum(contributions) == next(
            v for words, v in lines.items() if words.startswith("these")
        )
        return
    subtotals = [number(text) for text in texts(browser, "summary b")]
    if not subtotals:  # the first layer: nine products
        assert (
            sum(number(text) for text in texts(browser, ".product"))
            == lines["sum of the 9 products"]
        )
        return
    assert sum(subtotals) == next(v for words, v in lines.items() if "subtotals" in words)
    browser.execute_script("document.querySelector('summary').click()")
    assert sum(number(text) for text in texts(browser, "details[open] .product")) == subtotals[0]


def test_the_softmax_table_adds_up_to_one(browser, page, images):
    open_page(browser, page)
    show(browser, images[3])
    select(browser, 8, 3, 0, 0)
    cells = np.array([text for text in texts(browser, ".softmax tbody td")]).reshape(10, 3)
    total, hundred = texts(browser, ".softmax tfoot td")[1:]
    # What is too small for four decimals is written as a power of ten and rounds to zero.
    assert sum(number(text) for text in cells[:, 1] if "·10" not in text) == number(total)
    assert sum(number(text) for text in cells[:, 2]) == number(hundred) == 100
    shares = browser.execute_script("return Array.from(explorer.state.pass.values.at(-1))")
    assert [float(number(text)) / 100 for text in cells[:, 2]] == pytest.approx(shares, abs=1e-4)


def without(model, layer, channel):
    """Set one kernel and its bias to zero, and return what puts them back."""
    kernel, bias = model.get_layer(layer).get_weights()
    changed = kernel.copy(), bias.copy()
    changed[0][..., channel] = 0
    changed[1][channel] = 0
    model.get_layer(layer).set_weights(changed)
    return lambda: model.get_layer(layer).set_weights((kernel, bias))


def test_a_switched_off_channel_is_a_kernel_and_bias_of_zero(browser, page, model, images):
    open_page(browser, page)
    for index, layer, channel in ((1, "conv2d", 4), (5, "conv2d_2", 9)):
        name = [name for name in gradients.layers_of(model)][index]
        select(browser, index, channel, 0, 0)
        browser.execute_script("document.getElementById('channel-on').click()")
        put_back = without(model, name, channel)
        expected = errors.predictions(model, images)
        put_back()
        assert np.abs(expected - errors.predictions(model, images)).max() > 1e-4, layer
        np.testing.assert_allclose(ask(browser, images), expected, atol=1e-5)
        assert f"{name} channel {channel} off" in texts(browser, "#changes-list")[0]
        browser.execute_script("document.getElementById('undo-changes').click()")
        np.testing.assert_allclose(
            ask(browser, images), errors.predictions(model, images), atol=1e-5
        )


def test_what_a_change_costs_is_counted_by_class(browser, page, run, model):
    open_page(browser, page)
    test = digits.load().test
    layer = [name for name in gradients.layers_of(model)][5]
    select(browser, 5, 0, 0, 0)
    for channel in range(12):  # twelve channels off, so that something is lost
        select(browser, 5, channel, 0, 0)
        browser.execute_script("document.getElementById('channel-on').click()")
    before = errors.predictions(model, test.images).argmax(axis=1) == test.labels
    put_back = [without(model, layer, channel) for channel in range(12)]
    after = errors.predictions(model, test.images).argmax(axis=1) == test.labels
    for one in reversed(put_back):
        one()
    browser.execute_script("document.getElementById('cost').click()")
    wait_for(browser, "return document.querySelector('.cost') !== null")
    rows = np.array(texts(browser, ".cost tbody td")).reshape(11, 4)
    everything = [(before, after, np.ones(len(test.labels), bool))]
    for was, now, chosen in everything + [(before, after, test.labels == k) for k in range(10)]:
        shown, rows = rows[0], rows[1:]
        assert number(shown[0]) == round(Decimal(100 * was[chosen].mean()), 1)
        assert number(shown[1]) == round(Decimal(100 * now[chosen].mean()), 1)
        assert int(number(shown[2])) == int(now[chosen].sum()) - int(was[chosen].sum())
        assert int(shown[3].replace(",", "")) == chosen.sum()
    assert before.sum() > after.sum()


def test_a_replaced_kernel_and_an_entered_number_are_followed(browser, page, model, images):
    open_page(browser, page)
    select(browser, 1, 6, 0, 0)
    name = [name for name in gradients.layers_of(model)][1]
    learned, bias = model.get_layer(name).get_weights()
    try:
        browser.execute_script(
            "[...document.querySelectorAll('.about button')]"
            ".find((b) => b.textContent === 'Sobel vertical').click()"
        )
        changed = learned.copy()
        changed[:, :, 0, 6] = kernels.SOBEL_VERTICAL
        model.get_layer(name).set_weights((changed, bias))
        np.testing.assert_allclose(
            ask(browser, images), errors.predictions(model, images), atol=1e-5
        )

        field = browser.find_elements("css selector", ".kernel input")[4]
        browser.execute_script(
            "arguments[0].value = '-1.5'; arguments[0].dispatchEvent(new Event('change'))", field
        )
        changed[1, 1, 0, 6] = -1.5
        model.get_layer(name).set_weights((changed, bias))
        np.testing.assert_allclose(
            ask(browser, images), errors.predictions(model, images), atol=1e-5
        )

        field = browser.find_elements("css selector", ".kernel input")[0]
        browser.execute_script("arguments[0].scrollIntoView({ block: 'center' })", field)
        drag = webdriver.ActionChains(browser).click_and_hold(field)
        drag.move_by_offset(0, -20).move_by_offset(0, -20).release().perform()
        value = float(
            browser.find_elements("css selector", ".kernel input")[0].get_attribute("value")
        )
        assert value == pytest.approx(-1 + 0.4, abs=0.011)
        changed[0, 0, 0, 6] = value
        model.get_layer(name).set_weights((changed, bias))
        np.testing.assert_allclose(
            ask(browser, images), errors.predictions(model, images), atol=1e-5
        )
    finally:
        model.get_layer(name).set_weights((learned, bias))


def test_the_handmade_kernels_are_those_of_the_articles(browser, page):
    open_page(browser, page)
    select(browser, 1, 0, 0, 0)
    for name in ("sharpen", "edge", "Sobel horizontal", "Sobel vertical"):
        browser.execute_script(
            "[...document.querySelectorAll('.about button')]"
            ".find((b) => b.textContent === arguments[0]).click()",
            name,
        )
        shown = browser.execute_script(
            "return [...document.querySelectorAll('.kernel input')].map((i) => i.valueAsNumber)"
        )
        assert shown == kernels.GALLERY[name].ravel().tolist()


def test_the_epoch_slider_gives_what_keras_gives_with_those_weights(browser, page, run, images):
    open_page(browser, page)
    untrained, kept = run.load_model(), run.load_model()
    determinism.set_starting_weights(untrained, run.config["seed"])
    places = browser.execute_script("return explorer.epochs.map(({ epoch }) => epoch)")
    assert places == [0, 1, 2, 3, 4]
    for place in places:
        browser.execute_async_script(
            "const [place, done] = arguments; const slider = document.getElementById('epoch');"
            "slider.value = place; slider.dispatchEvent(new Event('input')); setTimeout(done, 300)",
            place,
        )
        if place == 0:
            expected = errors.predictions(untrained, images)
        elif place == 4:
            expected = errors.predictions(run.load_model(), images)
        else:  # kept in 16 bits
            weights = [
                w.astype(np.float16).astype(np.float32) for w in run.read_epoch_weights(place)
            ]
            kept.set_weights(weights)
            expected = errors.predictions(kept, images)
        np.testing.assert_allclose(ask(browser, images), expected, atol=1e-5)


def test_a_run_without_kept_weights_has_a_slider_of_two_ends(browser, run, tmp_path):
    old = shutil.copytree(run.path, tmp_path / "old")
    shutil.rmtree(old / "epochs")
    open_page(browser, export.write_explorer(old, tmp_path / "explorer.html"))
    assert browser.execute_script("return explorer.epochs.map(({ epoch }) => epoch)") == [0, 4]


def test_grad_cam_is_that_of_the_package(browser, page, model, images):
    open_page(browser, page)
    for image, target in zip(images[:10], range(10), strict=True):
        show(browser, image)
        found = browser.execute_script(
            "const { layers, pass } = explorer.state;"
            "return Array.from(explorer.gradCam(layers, pass, arguments[0]).heat)",
            target,
        )
        expected = heatmaps.grad_cam(model, image, target)
        np.testing.assert_allclose(found, expected.ravel(), atol=1e-4 * max(1, expected.max()))


def test_a_drawing_is_brought_to_mnist_s_look_as_predict_does_it(browser, page):
    open_page(browser, page)
    draw(browser, [[(60, 60), (220, 60), (130, 240)]])
    ink = browser.execute_script(
        "return Array.from(explorer.input.pad.ink(), (v) => Math.round(255 * v))"
    )
    grey = np.array(ink, np.float64).reshape(280, 280) / 255
    expected = pictures._centre(pictures._fit_into_box(pictures._crop(grey)))
    found = browser.execute_script("return Array.from(explorer.state.pixels)")
    np.testing.assert_allclose(np.reshape(found, (28, 28)), expected, atol=1)


def draw(browser, strokes):
    """Draw on the pad by pointer events; strokes are points in its 280x280 units."""
    pad = browser.find_element("id", "pad")
    browser.execute_script("arguments[0].scrollIntoView({ block: 'center' })", pad)
    browser.execute_script("document.getElementById('clear').click()")
    scale = pad.rect["width"] / 280
    actions = webdriver.ActionChains(browser, duration=15)
    for first, *others in strokes:
        move = [round((place - 140) * scale) for place in first]
        actions.move_to_element_with_offset(pad, *move).click_and_hold()
        for point in others:
            actions.move_to_element_with_offset(pad, *(round((p - 140) * scale) for p in point))
        actions.release()
    actions.perform()
    next_frame(browser)


def next_frame(browser):
    browser.execute_async_script("requestAnimationFrame(() => requestAnimationFrame(arguments[0]))")


def circle(x, y, radius_x, radius_y, start=0.0, turn=1.0):
    angles = 2 * np.pi * (start + turn * np.linspace(0, 1, 17))
    return [(x + radius_x * np.sin(a), y - radius_y * np.cos(a)) for a in angles]


STROKES = {
    0: [circle(140, 140, 65, 95)],
    1: [[(150, 40), (140, 140), (130, 240)]],
    3: [circle(135, 90, 55, 50, -0.2, 0.7), circle(135, 190, 60, 50, 0, 0.7)],
    4: [[(90, 40), (80, 140), (200, 140)], [(180, 60), (175, 150), (170, 245)]],
    7: [[(70, 55), (140, 50), (210, 50), (170, 140), (130, 240)]],
}


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_strokes_by_a_pointer_are_recognized(browser, recorded, size):
    open_page(browser, recorded, size)
    for digit, strokes in STROKES.items():
        draw(browser, strokes)
        best = texts(browser, ".bars .best .class")
        assert best == [str(digit)]


def test_a_digit_can_be_drawn_by_keyboard(browser, recorded):
    from selenium.webdriver.common.keys import Keys

    open_page(browser, recorded)
    pad = browser.find_element("id", "pad")
    pad.send_keys(Keys.DELETE)
    next_frame(browser)
    assert (
        browser.execute_script("return explorer.state.pixels.some((value) => value > 0)") is False
    )
    pad.send_keys(*[Keys.ARROW_UP] * 9, " ", *[Keys.ARROW_DOWN] * 18, " ")
    next_frame(browser)
    assert texts(browser, ".bars .best .class") == ["1"]
    canvas = browser.find_element("css selector", ".row canvas")
    canvas.send_keys(Keys.ARROW_RIGHT, Keys.ARROW_DOWN, Keys.ENTER)
    chosen = browser.execute_script("return explorer.state.selected")
    focused = browser.switch_to.active_element
    assert "cells" in focused.get_attribute("aria-label")
    focused.send_keys(Keys.ARROW_UP)
    after = browser.execute_script("return explorer.state.selected")
    assert after["row"] == max(0, chosen["row"] - 1)
    assert f"row {after['row']}, column {after['column']}" in texts(browser, "#spoken")[0]


def test_from_a_stroke_to_all_maps_drawn_takes_less_than_33_milliseconds(browser, recorded):
    open_page(browser, recorded)
    times = browser.execute_async_script(
        """
        const done = arguments[0], times = [];
        const { state, update, input: { pad } } = explorer;
        pad.clear();
        for (let i = 0; i < 60; i++) {
          pad.show(state.images.pixels.subarray(784 * i, 784 * (i + 1)));
          const before = performance.now();
          update();
          times.push(performance.now() - before);
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
        done(times);
        """
    )
    print(f"from the pad to every map and sum: median {np.median(times):.1f} ms, "
          f"95% below {np.quantile(times, 0.95):.1f} ms")  # fmt: skip
    assert np.median(times) < 33


def test_no_request_leaves_the_page_and_the_console_stays_empty(browser, page):
    browser.get("about:blank")
    browser.get_log("browser"), browser.get_log("performance")
    open_page(browser, page)
    for index, channel in ((1, 0), (2, 3), (3, 5), (5, 1), (7, 2), (8, 4)):
        select(browser, index, channel, 0, 0)
    browser.execute_script("document.getElementById('heat').click()")
    select(browser, 1, 0, 0, 0)
    browser.execute_script("document.getElementById('channel-on').click()")
    browser.execute_script("document.getElementById('cost').click()")
    wait_for(browser, "return document.querySelector('.cost') !== null")
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked_for = [
        message["params"]["request"]["url"]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
    ]
    own = ("data:", "about:", "blob:", page.as_uri())
    assert [url for url in asked_for if not url.startswith(own)] == []
    assert browser.get_log("browser") == []
    refused = browser.execute_async_script(
        "const done = arguments[0];"
        "fetch('https://example.org/').then(() => done('sent'), () => done('refused'))"
    )
    assert refused == "refused"
    browser.get_log("browser"), browser.get_log("performance")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_a_phone(browser, page, scheme):
    open_page(browser, page, NARROW, scheme)
    for index in (1, 3, 7, 8):
        select(browser, index, 2, 0, 0)
        wide = browser.execute_script(
            """
            return [...document.body.querySelectorAll("*")].filter((e) => {
              const box = e.getBoundingClientRect();
              const apart = box.right > 390.5 || box.left < -0.5;
              return !e.closest(".strip, .unseen") && box.width > 0 && apart;
            }).map((e) => e.outerHTML.slice(0, 80));
            """
        )
        assert wide == []


def test_an_address_opens_a_layer_and_channel(browser, page):
    open_page(browser, page, address="#conv2d/3")
    layer = texts(browser, "#inspector-title")[0]
    assert layer.endswith("channel 3")


def test_without_a_script_a_static_picture_stands_there(browser, page):
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.get("about:blank")
        browser.get(page.as_uri())
        still = browser.find_elements("css selector", ".still img")
        assert len(still) == 6  # the image, and five layers with maps
        assert all(image.is_displayed() for image in still)
        assert not browser.find_element("tag name", "main").is_displayed()
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def axe_core():
    folder = os.environ.get("AXE_CORE")
    found = sorted(Path(folder).rglob("axe.min.js")) if folder else []
    if not found:
        pytest.skip("AXE_CORE does not name a folder with axe.min.js (npm's package axe-core)")
    return found[0].read_text(encoding="utf-8")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_axe_finds_no_serious_fault(browser, page, size, scheme):
    script = axe_core()
    open_page(browser, page, size, scheme)
    select(browser, 3, 2, 0, 0)
    browser.execute_script(script)
    violations = browser.execute_async_script(
        "const done = arguments[0]; axe.run().then((found) => done(found.violations))"
    )
    serious = [
        (fault["id"], [node["html"][:120] for node in fault["nodes"][:3]])
        for fault in violations
        if fault["impact"] in ("serious", "critical")
    ]
    assert serious == []
