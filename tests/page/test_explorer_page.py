"""The explorer as a page: drawing, keyboard, phone, no network, no script."""

import re
from pathlib import Path

import keras
import numpy as np
import pytest
import take_screenshots
from chromium import (
    NARROW,
    WIDE,
    printed_pages,
    requests,
    serious_faults,
    webdriver,
    wider_than_the_screen,
)
from explorer_page import next_frame, open_page, press, select, texts, wait_for
from keras import layers
from PIL import Image
from untrained_runs import write_run

from chollet_cnn.analysis.layer_table import list_layers
from chollet_cnn.book import recipes
from chollet_cnn.data import handwriting
from chollet_cnn.page import trained_model
from chollet_cnn.page.explorer import export
from chollet_cnn.training import fitting

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    "stroke", [[(60, 60), (220, 60), (130, 240)], [(140, 50), (140, 230)]], ids=["seven", "bar"]
)
def test_a_drawing_is_brought_to_mnist_s_look_as_predict_does_it(browser, explorer, stroke):
    open_page(browser, explorer)
    draw(browser, [stroke])
    ink = browser.execute_script(
        "return Array.from(explorer.input.pad.ink(), (v) => Math.round(255 * v))"
    )
    grey = np.array(ink, np.float64).reshape(280, 280) / 255
    expected = handwriting._centre(handwriting._fit_into_box(handwriting._crop(grey)[0]))
    found = browser.execute_script("return Array.from(explorer.state.pixels)")
    np.testing.assert_allclose(np.reshape(found, (28, 28)), expected, atol=1)


def draw(browser, strokes):
    """Draw on the pad by pointer events; strokes are points in its 280x280 units."""
    pad = browser.find_element("id", "pad")
    browser.execute_script("arguments[0].scrollIntoView({ block: 'center' })", pad)
    press(browser, "#clear")
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


SAID = """
const spoken = document.getElementById("spoken"), best = document.querySelector(".best .class");
if (!spoken.textContent.startsWith(`Prediction ${best.textContent}, `)) return false;
spoken.textContent = "";
return true;
"""


def test_a_digit_can_be_drawn_by_keyboard(browser, recorded):
    open_page(browser, recorded)
    wait_for(browser, SAID)
    pad = browser.find_element("id", "pad")
    pad.send_keys(webdriver.Keys.DELETE)
    wait_for(browser, SAID)
    assert not browser.execute_script("return explorer.state.pixels.some((value) => value > 0)")
    pad.send_keys(*[webdriver.Keys.ARROW_UP] * 9, " ")
    assert texts(browser, "#spoken") == ["pen down"]
    pad.send_keys(*[webdriver.Keys.ARROW_DOWN] * 18, " ")
    wait_for(browser, SAID)
    assert texts(browser, ".bars .best .class") == ["1"]
    with_cells = texts(browser, ".row:has([aria-label*='Enter goes to its cells']) h3")
    assert with_cells == [words for words in texts(browser, ".row h3") if "feature maps" in words]
    canvas = browser.find_element("css selector", ".row canvas")
    canvas.send_keys(webdriver.Keys.ARROW_RIGHT, webdriver.Keys.ARROW_DOWN, webdriver.Keys.ENTER)
    chosen = browser.execute_script("return explorer.state.selected")
    focused = browser.switch_to.active_element
    assert "cells" in focused.get_attribute("aria-label")
    focused.send_keys(webdriver.Keys.ARROW_UP)
    after = browser.execute_script("return explorer.state.selected")
    assert after["row"] == max(0, chosen["row"] - 1)
    assert f"row {after['row']}, column {after['column']}" in texts(browser, "#spoken")[0]


def test_a_prediction_that_a_control_changes_is_said(browser, recorded):
    open_page(browser, recorded)
    draw(browser, STROKES[3])
    select(browser, 5, 0, 0, 0)
    wait_for(browser, SAID)
    for slider in ("#strength", "#epoch"):
        browser.find_element("css selector", slider).send_keys(webdriver.Keys.ARROW_LEFT)
        wait_for(browser, SAID)
    for control in ("#centre", "#undo", "#clear", "#channel-on"):
        press(browser, control)
        wait_for(browser, SAID)


def test_from_a_stroke_to_all_maps_drawn_takes_less_than_33_milliseconds(browser, recorded):
    open_page(browser, recorded)
    times = browser.execute_async_script(
        """
        const done = arguments[0], times = [];
        const { state, update, input: { pad } } = explorer;
        pad.clear();
        for (let i = 0; i < 100; i++) {
          pad.show(state.images.pixels.subarray(784 * i, 784 * (i + 1)));
          const before = performance.now();
          update();
          times.push(performance.now() - before);
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
        done(times);
        """
    )
    # Whatever else the machine does can only make it slower: the quietest of five batches counts.
    batches = np.median(np.reshape(times, (5, 20)), axis=1)
    print(
        f"from the pad to every map and sum: median {np.median(times):.1f} ms of 100, "
        f"{batches.min():.1f} ms in the quietest 20"
    )
    assert batches.min() < 33


def test_no_request_leaves_the_page_and_the_console_stays_empty(browser, explorer):
    open_page(browser, explorer)
    for index, channel in ((1, 0), (2, 3), (3, 5), (5, 1), (7, 2), (8, 4)):
        select(browser, index, channel, 0, 0)
    press(browser, "#heat")
    select(browser, 1, 0, 0, 0)
    press(browser, "#channel-on")
    press(browser, "#cost")
    wait_for(browser, "return document.querySelector('.cost') !== null")
    assert requests(browser) == {explorer.as_uri()}
    assert browser.get_log("browser") == []
    refused = browser.execute_async_script(
        "const done = arguments[0];"
        "fetch('https://example.org/').then(() => done('sent'), () => done('refused'))"
    )
    assert refused == "refused"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_a_phone(browser, explorer, scheme):
    open_page(browser, explorer, NARROW, scheme)
    for index in (1, 3, 7, 8):
        select(browser, index, 2, 0, 0)
        assert wider_than_the_screen(browser, ".strip, .unseen") == []


def test_the_open_panel_leaves_no_room_on_paper(browser, recorded):
    open_page(browser, recorded)
    toggle = "return document.body.classList.toggle('inspecting')"
    pages = {browser.execute_script(toggle): printed_pages(browser) for _ in range(2)}
    assert pages[True] == pages[False]


def test_an_address_opens_a_layer_and_channel(browser, explorer):
    open_page(browser, explorer)
    itself = texts(browser, "#inspector-title")[0].split(",")[0]
    names = browser.execute_script("return explorer.state.layers.map((layer) => layer.name)")
    other = next(name for name in names if name.startswith("conv") and name != itself)
    open_page(browser, explorer, address=f"#{other}/3")
    title = texts(browser, "#inspector-title")[0]
    assert (title.split(",")[0], title.endswith("channel 3")) == (other, True)


@pytest.mark.parametrize("size", [NARROW, (640, 450), (1000, 700)], ids=["phone", "zoom", "tablet"])
def test_the_row_that_an_address_names_is_seen_above_the_panel(browser, recorded, size):
    open_page(browser, recorded, size, address="#conv2d_1/7")
    bottom, panel = browser.execute_script(
        "const box = (e) => e.getBoundingClientRect();"
        "const row = [...document.querySelectorAll('.row')].find("
        "(e) => e.querySelector('h3').textContent.startsWith('conv2d_1'));"
        "const panel = document.querySelector('.inspector');"
        "return [box(row.querySelector('h3')).bottom, box(panel).top]"
    )
    assert 0 < bottom < panel


def test_nine_weights_can_be_typed_in_a_row(browser, explorer):
    open_page(browser, explorer)
    select(browser, 1, 0, 0, 0)
    browser.find_element("css selector", ".kernel input").send_keys("")
    for number in range(9):
        focused = browser.switch_to.active_element
        label = f"weight in row {number // 3}, column {number % 3}"
        assert focused.get_attribute("aria-label") == label
        focused.send_keys(webdriver.Keys.CONTROL, "a", webdriver.Keys.NULL, f"0.{number}")
        focused.send_keys(webdriver.Keys.TAB)
        next_frame(browser)
    ((_, changed),) = browser.execute_script("return [...explorer.state.changes]")
    assert changed["kernel"] == [number / 10 for number in range(9)]


@pytest.mark.parametrize("control", ["#undo-changes", "#cost"])
def test_no_control_throws_the_focus_away(browser, explorer, control):
    open_page(browser, explorer)
    select(browser, 1, 0, 0, 0)
    press(browser, "#channel-on")
    browser.find_element("css selector", control).send_keys(webdriver.Keys.ENTER)
    next_frame(browser)
    assert browser.execute_script("return document.activeElement !== document.body")


def test_on_a_phone_the_focus_goes_to_the_first_row_where_no_layer_is_open(browser, explorer):
    open_page(browser, explorer, NARROW)
    select(browser, 1, 0, 0, 0)
    press(browser, "#channel-on")
    press(browser, ".inspector .close")
    browser.find_element("css selector", "#undo-changes").send_keys(webdriver.Keys.ENTER)
    next_frame(browser)
    focused = browser.switch_to.active_element.get_attribute("aria-label")
    first = browser.execute_script("return explorer.state.layers[1].name")
    assert focused.startswith(f"{first}: ")
    assert browser.get_log("browser") == []


def test_an_undone_stroke_leaves_the_test_image_as_it_was(browser, recorded):
    open_page(browser, recorded)
    look = "return [Array.from(explorer.state.pixels), document.getElementById('step').textContent]"
    before = browser.execute_script(look)
    assert "unchanged" in before[1]
    pad = browser.find_element("id", "pad")
    pad.send_keys(" ", *[webdriver.Keys.ARROW_DOWN] * 4, " ")
    next_frame(browser)
    drawn = browser.execute_script(look)
    assert drawn[0] != before[0]
    assert "unchanged" not in drawn[1]
    press(browser, "#undo")
    next_frame(browser)
    assert browser.execute_script(look) == before


def test_a_network_of_one_s_own_without_test_images(browser, tmp_path, monkeypatch):
    monkeypatch.setenv("CHOLLET_CNN_DATA", str(tmp_path))
    stack = [layers.Rescaling(1 / 127.5, -1), layers.Conv2D(4, 3, activation="relu")]
    last = [layers.Flatten(), layers.Dense(1, activation="sigmoid")]
    model = keras.Sequential([keras.Input((24, 24, 3)), *stack, *last])
    read = trained_model.read(write_run(tmp_path / "run", model))
    open_page(browser, export.write_explorer(read, tmp_path / "explorer.html"))
    assert texts(browser, "#samples-title") == ["Start from an example image"]
    assert not browser.find_element("id", "mistakes-block").is_displayed()
    select(browser, 1, 0, 20, 20)
    (about, *_) = texts(browser, ".exciting figcaption")
    assert "1 stored example image" in about
    # The picture that the window lies on has the image's own brightness.
    (reads, *_) = texts(browser, ".figures figcaption")
    colour = ["red", "green", "blue"].index(reads.split()[-1])
    shown = browser.execute_script(
        "const context = document.querySelector('.figures canvas').getContext('2d');"
        "return [...Array(12).keys()].map((at) => context.getImageData(10 * at + 5, 5, 1, 1).data)"
    )
    assert [pixel[0] for pixel in shown] == read.image[0, :12, colour].tolist()


@pytest.mark.parametrize(
    ("classes", "measured"), [(["cat", "dog"], True), (["rose", "tulip"], False)]
)
def test_an_image_that_stands_in_keeps_its_own_class(
    browser, tmp_path, monkeypatch, classes, measured
):
    monkeypatch.setenv("CHOLLET_CNN_DATA", str(tmp_path))
    stack = [layers.Conv2D(2, 3), layers.Flatten(), layers.Dense(1, activation="sigmoid")]
    model = keras.Sequential([keras.Input((24, 24, 3)), *stack])
    read = trained_model.read(write_run(tmp_path / "run", model, classes=classes))
    open_page(browser, export.write_explorer(read, tmp_path / "explorer.html"))
    assert texts(browser, "#samples button") == ["cat"]
    select(browser, 0, 0, 3, 3)
    (activates, *_) = browser.find_elements("css selector", ".exciting button")
    assert activates.accessible_name.startswith("Class cat,")
    # What a change costs is measured where the network has the images' classes.
    assert browser.find_element("id", "cost").get_property("hidden") != measured


def test_a_click_right_after_typing_a_weight_is_a_click(browser, explorer):
    open_page(browser, explorer)
    select(browser, 1, 0, 0, 0)
    field = browser.find_element("css selector", ".kernel input")
    field.send_keys(webdriver.Keys.CONTROL, "a", webdriver.Keys.NULL, "0.7")
    browser.find_element("xpath", "//button[text()='edge']").click()
    next_frame(browser)
    ((_, changed),) = browser.execute_script("return [...explorer.state.changes]")
    assert changed["kernel"] == [-1, -1, -1, -1, 8, -1, -1, -1, -1]
    field = browser.find_element("css selector", ".kernel input")
    field.send_keys(webdriver.Keys.CONTROL, "a", webdriver.Keys.NULL, "0.7")
    browser.find_element("css selector", "#samples button").click()
    next_frame(browser)
    ((_, changed),) = browser.execute_script("return [...explorer.state.changes]")
    assert changed["kernel"] == [0.7, -1, -1, -1, 8, -1, -1, -1, -1]


@pytest.mark.parametrize("reset", ["learned", "Undo all changes"])
def test_a_click_that_undoes_right_after_typing_a_weight_undoes_it_too(browser, explorer, reset):
    open_page(browser, explorer)
    select(browser, 1, 1, 0, 0)
    press(browser, "#channel-on")  # so that there is a change to undo
    select(browser, 1, 0, 0, 0)
    field = browser.find_element("css selector", ".kernel input")
    field.send_keys(webdriver.Keys.CONTROL, "a", webdriver.Keys.NULL, "0.7")
    browser.find_element("xpath", f"//button[text()='{reset}']").click()
    next_frame(browser)
    next_frame(browser)
    kernels = browser.execute_script(
        "return [...explorer.state.changes.values()].map(({ kernel }) => kernel ?? null)"
    )
    assert set(kernels) <= {None}


def test_clicks_hit_what_is_under_them_on_a_page_that_is_zoomed_out(browser, explorer):
    half = "Object.defineProperty(window, 'devicePixelRatio', { value: 0.5 });"
    added = browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": half})
    try:
        open_page(browser, explorer)
        assert browser.execute_script("return devicePixelRatio") == 0.5
        for canvas in browser.find_elements("css selector", ".row canvas"):
            box = browser.execute_script(
                "const c = arguments[0], b = c.getBoundingClientRect();"
                "return [c.width / b.width, c.height / b.height]",
                canvas,
            )
            assert box[0] == pytest.approx(box[1], rel=0.02)
    finally:
        browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)


def test_no_network_for_digits_is_so_large_that_a_pass_leaves_the_page():
    code = (export.FOLDER / "explorer.js").read_text(encoding="utf-8")
    heavy = int(re.search(r"HEAVY = ([\d_]+);", code)[1])
    for name in recipes.RECIPES:
        if name.startswith("mnist-"):
            table = list_layers(fitting.build(recipes.get(name)))
            assert table["multiply_accumulates"].sum() < heavy, name


def test_the_title_of_the_panel_is_what_is_said(browser, recorded):
    open_page(browser, recorded)
    last = browser.execute_script("return explorer.state.layers.length - 1")
    browser.execute_script("explorer.select(arguments[0], 7, null, true)", last)
    assert texts(browser, "#spoken")[0].startswith(f"{texts(browser, '#inspector-title')[0]}, ")


def test_a_pen_that_is_up_changes_nothing(browser, recorded):
    open_page(browser, recorded)
    before = browser.execute_script("return Array.from(explorer.state.pixels)")
    browser.find_element("id", "pad").send_keys(webdriver.Keys.ARROW_LEFT)
    next_frame(browser)
    assert browser.execute_script("return Array.from(explorer.state.pixels)") == before


def test_after_an_odd_address_strokes_are_still_recognized(browser, recorded):
    for address in ("#%", "#conv2d/-1", "#conv2d/0.5", "#flatten", "#rescaling"):
        open_page(browser, recorded, address=address)
        draw(browser, STROKES[1])
        assert texts(browser, ".bars .best .class") == ["1"]
    assert browser.get_log("browser") == []


def test_without_a_script_a_static_picture_stands_there(browser, explorer):
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.get("about:blank")
        browser.get(explorer.as_uri())
        still = browser.find_elements("css selector", ".still img")
        assert len(still) == 6  # the image, and five layers with maps
        assert all(image.is_displayed() for image in still)
        assert not browser.find_element("tag name", "main").is_displayed()
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_axe_finds_no_serious_fault(browser, explorer, size, scheme):
    open_page(browser, explorer, size, scheme)
    select(browser, 3, 2, 0, 0)
    assert serious_faults(browser) == []


def test_the_readme_s_screenshot_shows_the_page_as_it_looks_today(browser, tmp_path):
    assert take_screenshots.main(["--out", str(tmp_path)]) == 0
    recorded, today = (
        np.asarray(Image.open(folder / "explorer.png").convert("L"), float)
        for folder in (ROOT / "results" / "figures", tmp_path)
    )
    assert today.shape == recorded.shape == (880, 1320)
    assert np.abs(today - recorded).mean() < 4  # of 255; the letters may differ a little
