"""Every number that the explorer shows is Keras's, and its sums add up to the last digit."""

import shutil
from contextlib import contextmanager
from decimal import Decimal

import numpy as np
import pytest
from chromium import webdriver
from explorer_page import (
    ask,
    every_layer,
    heat,
    layer_values,
    open_page,
    press,
    select,
    show,
    texts,
    wait_for,
)

from chollet_cnn.analysis import heatmaps, mistakes
from chollet_cnn.book import recipes
from chollet_cnn.concepts import kernels
from chollet_cnn.data import digits
from chollet_cnn.page import trained_model
from chollet_cnn.page.explorer import export
from chollet_cnn.training import seeding, trainer

pytestmark = pytest.mark.slow

NETWORKS = [name for name in recipes.RECIPES if name.startswith("mnist-")]


def number(text):
    return Decimal(text.replace("\N{MINUS SIGN}", "-").strip("%"))


def lines_of(browser):
    return dict(
        zip(texts(browser, ".line span"), map(number, texts(browser, ".line b")), strict=True)
    )


@pytest.mark.parametrize("recipe", NETWORKS)
def test_every_number_of_every_network_is_keras_s(browser, images, recipe, tmp_path):
    run = trainer.train_network(recipe, dataset="digits", epochs=2, out=tmp_path)
    model = run.load_model()
    page = export.write_explorer(trained_model.read(run.path), tmp_path / "explorer.html")
    open_page(browser, page)
    off_by = np.abs(ask(browser, images) - mistakes.predictions(model, images)).max()
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


def test_the_sum_shown_adds_up_to_the_cell(browser, explorer, network, images):
    open_page(browser, explorer)
    random = np.random.default_rng(0)
    layers = browser.execute_script(
        "return explorer.state.layers.map(({ name, kind, shape }) => [name, kind, shape])"
    )
    checked = dict.fromkeys(("convolution", "max pooling", "dense"), 0)
    for _ in range(12):
        image = images[random.integers(len(images))]
        show(browser, image)
        outputs = layer_values(network, image)
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
    press(browser, "summary")
    assert sum(number(text) for text in texts(browser, "details[open] .product")) == subtotals[0]


def test_the_softmax_table_adds_up_to_one(browser, explorer, images):
    open_page(browser, explorer)
    show(browser, images[3])
    select(browser, 8, 3, 0, 0)
    cells = np.array([text for text in texts(browser, ".softmax tbody td")]).reshape(10, 3)
    total, hundred = texts(browser, ".softmax tfoot td")[1:]
    # What is too small for four decimals is written as a power of ten and rounds to zero.
    assert sum(number(text) for text in cells[:, 1] if "·10" not in text) == number(total)
    assert sum(number(text) for text in cells[:, 2]) == number(hundred) == 100
    shares = browser.execute_script("return Array.from(explorer.state.pass.values.at(-1))")
    assert [float(number(text)) / 100 for text in cells[:, 2]] == pytest.approx(shares, abs=1e-4)


def check_predictions(browser, model, images):
    expected = mistakes.predictions(model, images)
    np.testing.assert_allclose(ask(browser, images), expected, atol=1e-5)


@contextmanager
def without(layer, channels):
    """Set kernels of a layer and their biases to zero, and put them back at the end."""
    kernel, bias = layer.get_weights()
    changed = kernel.copy(), bias.copy()
    changed[0][..., channels] = 0
    changed[1][channels] = 0
    layer.set_weights(changed)
    yield
    layer.set_weights((kernel, bias))


def test_a_switched_off_channel_is_a_kernel_and_bias_of_zero(browser, explorer, network, images):
    open_page(browser, explorer)
    learned = mistakes.predictions(network, images)
    for index, channel in ((1, 4), (5, 9)):
        layer = network.layers[index]
        select(browser, index, channel, 0, 0)
        press(browser, "#channel-on")
        with without(layer, [channel]):
            assert np.abs(mistakes.predictions(network, images) - learned).max() > 1e-4, layer.name
            check_predictions(browser, network, images)
        assert f"{layer.name} channel {channel} off" in texts(browser, "#changes-list")[0]
        press(browser, "#undo-changes")
        check_predictions(browser, network, images)


def test_what_a_change_costs_is_counted_by_class(browser, explorer, network):
    open_page(browser, explorer)
    test = digits.load().test

    def right():
        return mistakes.predictions(network, test.images).argmax(axis=1) == test.labels

    for channel in range(12):  # twelve channels off, so that something is lost
        select(browser, 5, channel, 0, 0)
        press(browser, "#channel-on")
    before = right()
    with without(network.layers[5], range(12)):
        after = right()
    press(browser, "#cost")
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


def test_a_replaced_kernel_and_an_entered_number_are_followed(browser, explorer, network, images):
    open_page(browser, explorer)
    select(browser, 1, 6, 0, 0)
    layer = network.layers[1]
    learned, bias = layer.get_weights()
    try:
        changed = learned.copy()
        for name in ("sharpen", "edge", "Sobel horizontal", "Sobel vertical"):
            browser.execute_script(
                "[...document.querySelectorAll('.about button')]"
                ".find((b) => b.textContent === arguments[0]).click()",
                name,
            )
            changed[:, :, 0, 6] = kernels.GALLERY[name]
            layer.set_weights((changed, bias))
            check_predictions(browser, network, images)

        field = browser.find_elements("css selector", ".kernel input")[4]
        browser.execute_script(
            "arguments[0].value = '-1.5'; arguments[0].dispatchEvent(new Event('change'))", field
        )
        changed[1, 1, 0, 6] = -1.5
        layer.set_weights((changed, bias))
        check_predictions(browser, network, images)

        field = browser.find_elements("css selector", ".kernel input")[0]
        browser.execute_script("arguments[0].scrollIntoView({ block: 'center' })", field)
        drag = webdriver.ActionChains(browser).click_and_hold(field)
        drag.move_by_offset(0, -20).move_by_offset(0, -20).release().perform()
        value = float(
            browser.find_elements("css selector", ".kernel input")[0].get_attribute("value")
        )
        assert value == pytest.approx(-1 + 0.4, abs=0.011)
        changed[0, 0, 0, 6] = value
        layer.set_weights((changed, bias))
        check_predictions(browser, network, images)
    finally:
        layer.set_weights((learned, bias))


def test_a_strength_stays_when_the_kernel_is_replaced_and_its_slider_while_it_is_dragged(
    browser, explorer
):
    open_page(browser, explorer)
    select(browser, 1, 6, 0, 0)
    dragged = browser.execute_script(
        """
        const slider = document.getElementById("strength");
        return ["1.1", "1", "0.5", "0", "0.5"].map((value) => {
          slider.value = value;
          slider.dispatchEvent(new Event("input"));
          return slider.isConnected;
        });
        """
    )
    assert dragged == [True] * 5
    browser.find_element("xpath", "//button[text()='Sobel vertical']").click()
    assert texts(browser, "#changes-list")[0].endswith("channel 6 another kernel, at 50%.")
    for words in ("0%", "100%"):
        press(browser, "#channel-on")
        assert texts(browser, ".switches output") == [words]
    assert texts(browser, "#changes-list")[0].endswith("channel 6 another kernel.")


def test_the_epoch_slider_gives_what_keras_gives_with_those_weights(
    browser, explorer, trained, images
):
    open_page(browser, explorer)
    untrained, kept = trained.load_model(), trained.load_model()
    seeding.set_starting_weights(untrained, trained.config["seed"])
    places = browser.execute_script("return explorer.epochs.map(({ epoch }) => epoch)")
    assert places == [0, 1, 2, 3, 4]
    for place in places:
        browser.execute_async_script(
            "const [place, done] = arguments; const slider = document.getElementById('epoch');"
            "slider.value = place; slider.dispatchEvent(new Event('input'));"
            "explorer.epochs[place].weights().then(() => setTimeout(done, 100))",
            place,
        )
        if place == 0:
            expected = mistakes.predictions(untrained, images)
        elif place == 4:
            expected = mistakes.predictions(trained.load_model(), images)
        else:  # kept in 16 bits
            weights = [
                w.astype(np.float16).astype(np.float32) for w in trained.read_epoch_weights(place)
            ]
            kept.set_weights(weights)
            expected = mistakes.predictions(kept, images)
        np.testing.assert_allclose(ask(browser, images), expected, atol=1e-5)


def test_a_run_without_kept_weights_has_a_slider_of_two_ends(browser, trained, tmp_path):
    old = shutil.copytree(trained.path, tmp_path / "old")
    shutil.rmtree(old / "epochs")
    open_page(browser, export.write_explorer(trained_model.read(old), tmp_path / "explorer.html"))
    assert browser.execute_script("return explorer.epochs.map(({ epoch }) => epoch)") == [0, 4]


def test_grad_cam_is_that_of_the_package(browser, explorer, network, images):
    open_page(browser, explorer)
    for image, target in zip(images[:10], range(10), strict=True):
        show(browser, image)
        expected = heatmaps.compute_grad_cam(network, image, target).ravel()
        within = 1e-4 * max(1, expected.max())
        np.testing.assert_allclose(heat(browser, target), expected, atol=within)
