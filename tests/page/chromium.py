"""Debian's Chromium without a screen, for every test of a page, and axe-core to look for faults.

The tests skip where there is no ``chromium`` with its ``chromedriver``, or no selenium. Those of
accessibility need axe-core from npm; ``AXE_CORE`` names the folder in which ``axe.min.js`` is.
"""

import base64
import json
import os
from pathlib import Path

import pytest
from take_screenshots import NARROW, WIDE, open_page, start_chromium  # noqa: F401

from chollet_cnn.errors import UserError

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")


def start(folder):
    """Start Chromium with a profile in a folder; its log of the page and of the network is on."""
    try:
        return start_chromium(folder)
    except UserError as reason:
        pytest.skip(str(reason))


def requests(browser):
    """Return the addresses that the open page has asked for, but for those of data in it."""
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked_for = {
        message["params"]["request"]["url"]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
    }
    return {url for url in asked_for if not url.startswith(("data:", "about:", "blob:"))}


def printed_pages(browser):
    """Return how many pages of A4 the open page is printed on."""
    printed = browser.execute_cdp_cmd("Page.printToPDF", {"paperWidth": 8.27, "paperHeight": 11.69})
    return base64.b64decode(printed["data"]).count(b"/Type /Page\n")


def wider_than_the_screen(browser, may_slide):
    """Return the elements that stick out of a phone's screen, but for some that may."""
    return browser.execute_script(
        """
        return [...document.body.querySelectorAll("*")].filter((e) => {
          const box = e.getBoundingClientRect();
          const apart = box.right > 390.5 || box.left < -0.5;
          return apart && box.width > 0 && !e.closest(arguments[0]);
        }).map((e) => e.outerHTML.slice(0, 120));
        """,
        may_slide,
    )


def serious_faults(browser):
    """Return the faults of the open page that axe-core calls serious or critical."""
    folder = os.environ.get("AXE_CORE")
    found = sorted(Path(folder).rglob("axe.min.js")) if folder else []
    if not found:
        pytest.skip("AXE_CORE does not name a folder with axe.min.js (npm's package axe-core)")
    browser.execute_script(found[0].read_text(encoding="utf-8"))
    violations = browser.execute_async_script(
        "const done = arguments[0]; axe.run().then((found) => done(found.violations))"
    )
    return [
        (fault["id"], [node["html"][:120] for node in fault["nodes"][:3]])
        for fault in violations
        if fault["impact"] in ("serious", "critical")
    ]
