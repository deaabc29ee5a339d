"""Debian's Chromium without a screen, for every test of a page, and axe-core to look for faults.

The tests skip where there is no ``chromium`` with its ``chromedriver``, or no selenium. Those of
accessibility need axe-core from npm; ``AXE_CORE`` names the folder in which ``axe.min.js`` is.
"""

import os
import shutil
from pathlib import Path

import pytest

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")

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


def start(folder):
    """Start Chromium with a profile in a folder; its log of the page and of the network is on."""
    from selenium.webdriver.chrome.service import Service

    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not program or not driver:
        pytest.skip("there is no chromium with a chromedriver on this machine")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for flag in (*QUIET, f"--user-data-dir={folder}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return webdriver.Chrome(options=options, service=Service(driver))


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
