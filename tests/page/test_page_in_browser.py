"""The page in a real browser: Debian's Chromium, without a screen and without a network."""

import pytest
from chromium import (
    NARROW,
    WIDE,
    open_page,
    printed_pages,
    requests,
    serious_faults,
    webdriver,
    wider_than_the_screen,
)

from chollet_cnn.page import build

pytestmark = pytest.mark.slow
CHAPTERS = len(build.OPERATIONS) + len(build.NETWORKS) + 1


@pytest.fixture(scope="module")
def address(report_folder):
    return (report_folder / "index.html").as_uri()


def test_it_opens_from_disk_without_a_network_or_an_error(browser, address):
    open_page(browser, address)
    asked_for = requests(browser)
    assert address in asked_for
    assert all(url.startswith("file:") for url in asked_for)
    assert browser.get_log("browser") == []


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_every_chapter_and_figure_is_there_and_seen(browser, address, size):
    open_page(browser, address, size)
    unseen = browser.execute_script(
        """
        const hidden = (e) => { const b = e.getBoundingClientRect();
          return b.width < 40 || b.height < 12 || getComputedStyle(e).visibility !== "visible"; };
        const parts = "section, h2, .question, figure, math, .slider svg";
        const found = [...document.querySelectorAll(parts)].filter(hidden)
          .map((e) => e.outerHTML.slice(0, 80));
        for (const drawing of document.querySelectorAll(".drawing"))
          if (hidden(drawing)) found.push(drawing.getAttribute("aria-label"));
        return found;
        """
    )
    assert unseen == []
    assert browser.execute_script("return document.querySelectorAll('section').length") == CHAPTERS


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_a_phone(browser, address, scheme):
    open_page(browser, address, NARROW, scheme)
    assert wider_than_the_screen(browser, ".table, .formula, .sheet, nav, .skip") == []
    assert browser.execute_script("return document.documentElement.scrollWidth") == 390


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_the_contents_list_jumps_to_its_chapters_and_marks_the_one_being_read(
    browser, address, size
):
    open_page(browser, address, size)
    slugs = browser.execute_script(
        "return [...document.querySelectorAll('nav li a')].map((a) => a.hash.slice(1))"
    )
    assert len(slugs) == CHAPTERS
    for slug in slugs[:-1]:
        top, marked = browser.execute_async_script(
            """
            const [slug, done] = arguments;
            document.querySelector(`nav a[href="#${slug}"]`).click();
            requestAnimationFrame(() => requestAnimationFrame(() => done([
              document.getElementById(slug).querySelector("h2").getBoundingClientRect().top,
              [...document.querySelectorAll("nav [aria-current]")].map((a) => a.hash.slice(1)),
            ])));
            """,
            slug,
        )
        assert 0 <= top < size[1] / 2, slug
        assert marked == [slug]


FAULTS = {
    "what slides in its box is out of reach of the keyboard": """
        [...document.querySelectorAll("main .table, main .formula")]
          .filter((e) => e.scrollWidth > e.clientWidth && e.tabIndex !== 0)""",
    "a letter of a figure is smaller than 9 pixels": """
        [...document.querySelectorAll("main svg text")].filter((text) => {
          const { a, b } = text.getScreenCTM();
          return parseFloat(getComputedStyle(text).fontSize) * Math.hypot(a, b) < 8.95; })""",
    "a card is light in the dark": """
        [...document.querySelectorAll(".card, .exercise, pre, dialog")].filter((e) =>
          getComputedStyle(e).backgroundColor.match(/\\d+/g).slice(0, 3).some((c) => c > 80)
          && getComputedStyle(e).backgroundColor !== "rgba(0, 0, 0, 0)")""",
    "code is cut": """
        [...document.querySelectorAll("pre")].filter((e) => e.scrollWidth > e.clientWidth)""",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_phone_in_the_dark_has_none_of_these_faults(browser, address, fault):
    open_page(browser, address, NARROW, "dark")
    found = f"return ({FAULTS[fault]}).map((e) => e.outerHTML.slice(0, 120))"
    assert browser.execute_script(found) == []


def test_the_window_its_cell_and_its_sum_are_visible_together_on_a_phone(browser, address):
    open_page(browser, address, NARROW)
    height = browser.execute_script(
        """
        const boxes = [...document.querySelectorAll(".slider > svg, #sum")]
          .map((e) => e.getBoundingClientRect());
        return Math.max(...boxes.map((b) => b.bottom)) - Math.min(...boxes.map((b) => b.top));
        """
    )
    assert height < NARROW[1] - 45  # the list of chapters stays above it


def test_no_ring_around_the_focus_is_cut_by_the_box_around_it(browser, address):
    open_page(browser, address)
    cut = browser.execute_script(
        """
        return [...document.querySelectorAll("nav a, .zoom")].filter((e) => {
          e.focus();
          if (!e.matches(":focus-visible")) return true;
          const { outlineOffset, outlineWidth } = getComputedStyle(e);
          const reach = parseFloat(outlineOffset) + parseFloat(outlineWidth) - 0.5;
          const [ring, box] = [e, e.closest("nav, .sheet")].map((e) => e.getBoundingClientRect());
          return ring.left - reach < box.left || ring.right + reach > box.right
            || ring.top - reach < box.top || ring.bottom + reach > box.bottom;
        }).map((e) => e.outerHTML.slice(0, 120));
        """
    )
    assert cut == []


def test_an_answer_folds_out(browser, address):
    open_page(browser, address)
    answer = "const e = document.querySelector('.exercise'); return e.open && e.offsetHeight"
    closed = browser.execute_script("return document.querySelector('.exercise').offsetHeight")
    browser.find_element("css selector", ".exercise summary").click()
    assert browser.execute_script(answer) > closed


def test_printed_it_is_a_handout_of_a_sensible_length(browser, address):
    open_page(browser, address)
    assert 10 < printed_pages(browser) < 100, "of four networks"


def test_printed_the_letters_of_every_figure_can_be_read(browser, address):
    open_page(browser, address, (680, 1000))  # A4 without its margins
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    smallest = browser.execute_script(
        """
        return [...document.querySelectorAll("svg.drawing, .drawing svg")].map((drawing) => {
          const [box, view] = [drawing.getBoundingClientRect(), drawing.viewBox.baseVal];
          const scale = Math.min(box.width / view.width, box.height / view.height);
          const sizes = [...drawing.querySelectorAll("text")].map(
            (text) => 0.75 * scale * parseFloat(getComputedStyle(text).fontSize));
          return Math.min(...sizes);
        });
        """
    )
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    assert len(smallest) > 20
    assert min(smallest) > 4.5  # points


def test_on_small_paper_no_figure_is_cut(browser, address):
    open_page(browser, address, (446, 700))  # A5 without its margins
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    cut = browser.execute_script(
        "return [...document.querySelectorAll('.sheet')]"
        ".filter((e) => e.scrollWidth > e.clientWidth).map((e) => e.innerHTML.slice(0, 120))"
    )
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    assert cut == []


def test_the_window_slides_by_arrow_keys_and_the_sum_follows(browser, address):
    open_page(browser, address)
    slider = browser.find_element("css selector", ".slider")
    line = browser.find_element("id", "sum")
    assert line.text.endswith("= −60")
    slider.send_keys(webdriver.Keys.SHIFT + webdriver.Keys.ARROW_RIGHT)
    assert line.text.endswith("= −60")  # arrows with another key are the browser's
    slider.send_keys(webdriver.Keys.ARROW_RIGHT)
    assert line.text.endswith("= 110")
    assert "5·153" in line.text
    slider.send_keys(webdriver.Keys.ARROW_UP * 20, webdriver.Keys.ARROW_LEFT * 20)
    assert line.text.endswith("= 255")


def test_a_figure_is_enlarged_and_closed_by_keyboard(browser, address):
    open_page(browser, address)
    button = browser.find_element("css selector", "figure button")
    button.send_keys(webdriver.Keys.ENTER)
    is_open = "return document.querySelector('dialog').open"
    assert browser.execute_script(is_open)
    browser.switch_to.active_element.send_keys(webdriver.Keys.ESCAPE)
    assert not browser.execute_script(is_open)


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_a_click_enlarges_the_one_feature_map_that_was_clicked(browser, address, size):
    open_page(browser, address, size)
    maps = "[data-name*=conv2d][data-name$=-maps]"
    tile = browser.find_element("css selector", f"{maps} .tile:nth-of-type(5)")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", tile)
    webdriver.ActionChains(browser).move_to_element(tile).click().perform()
    box = "return document.querySelector(arguments[0]).getAttribute('viewBox')"
    shown = browser.execute_script(box, "dialog svg")
    whole = browser.execute_script(box, maps)
    assert float(shown.split()[2]) < float(whole.split()[2]) / 4
    width = "return document.querySelector('dialog svg').getBoundingClientRect().width"
    assert browser.execute_script(width) <= 0.8 * size[0]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_axe_finds_no_serious_fault(browser, address, size, scheme):
    open_page(browser, address, size, scheme)
    assert serious_faults(browser) == []
