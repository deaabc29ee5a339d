"""Take the README's screenshots again, with Chromium and its chromedriver.

python scripts/take_screenshots.py         explorer.png, of results/explorer.html
python scripts/take_screenshots.py RUN     and page.png, of the page of a run
"""

from __future__ import annotations

import argparse
import base64
import io
import math
import shutil
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from chollet_cnn import files
from chollet_cnn.errors import UserError, run_cli

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

RESULTS = Path(__file__).parents[1] / "results"
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
LAYER, CHANNEL, CELL = "conv2d_1", 12, {"row": 0, "column": 3}
"""What is selected in the explorer."""


def start_chromium(folder: str | Path) -> Chrome:
    """Start Chromium with a profile in a folder; its log of the page and of the network is on."""
    try:
        from selenium import webdriver
    except ImportError as error:
        raise UserError(
            'selenium is not installed; pip install -c constraints.txt -e ".[test]" installs it'
        ) from error
    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not program or not driver:
        raise UserError("there is no chromium with a chromedriver on this machine; install both")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for flag in (*QUIET, f"--user-data-dir={folder}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))


def open_page(
    browser: Chrome, address: str, size: tuple[int, int] = WIDE, scheme: str = "light"
) -> None:
    """Open an address on a screen of a size, in the light or in the dark."""
    width, height = size
    browser.set_script_timeout(300)
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": size == NARROW},
    )
    media = {"prefers-color-scheme": scheme, "prefers-reduced-motion": "reduce"}
    features = [{"name": name, "value": value} for name, value in media.items()]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    browser.get("about:blank")
    browser.get_log("browser"), browser.get_log("performance")
    browser.get(address)


def drawn_three(points: int = 27) -> Iterator[tuple[float, float]]:
    """Return the points of a 3: two arcs, as shares of the pad's width and height."""
    arcs = [((0.5, 0.32), (0.18, 0.18), (-160, 90)), ((0.5, 0.69), (0.22, 0.20), (-90, 170))]
    for (x, y), (wide, high), (first, last) in arcs:
        for point in range(points):
            angle = math.radians(first + (last - first) * point / (points - 1))
            yield x + wide * math.cos(angle), y + high * math.sin(angle)


def explorer(browser: Chrome, page: Path) -> None:
    """Open the explorer, draw a 3 and open the largest of the subtotals behind one cell."""
    open_page(browser, page.as_uri(), (1320, 880))
    browser.execute_async_script(
        "const done = arguments[0];"
        "const look = () => (window.explorer ? done() : setTimeout(look, 20)); look();"
    )
    pad = browser.execute_script(
        "[...document.querySelectorAll('button')].find((b) => b.textContent === 'Clear').click();"
        "return document.querySelector('canvas').getBoundingClientRect().toJSON();"
    )

    def mouse(what: str, at: tuple[float, float], pressed: int) -> None:
        browser.execute_cdp_cmd("Input.dispatchMouseEvent", {
            "type": what, "button": "left", "buttons": pressed, "clickCount": 1,
            "x": pad["x"] + at[0] * pad["width"], "y": pad["y"] + at[1] * pad["height"],
        })  # fmt: skip

    first, *others = drawn_three()
    mouse("mousePressed", first, 1)
    for point in others:
        mouse("mouseMoved", point, 1)
    mouse("mouseReleased", point, 0)
    browser.execute_async_script(
        "const [name, channel, cell, done] = arguments;"
        "const at = explorer.state.layers.findIndex((layer) => layer.name === name);"
        "explorer.select(at, channel, cell);"
        "const painted = (then) => requestAnimationFrame(() => requestAnimationFrame(then));"
        "painted(() => {"
        "  document.querySelector('.inspector summary').click();"
        "  painted(done);"
        "});",
        LAYER, CHANNEL, CELL,
    )  # fmt: skip


def screenshot(browser: Chrome) -> Image.Image:
    """Return what the screen shows, in at most 256 colours."""
    taken = base64.b64decode(browser.execute_cdp_cmd("Page.captureScreenshot", {})["data"])
    return Image.open(io.BytesIO(taken)).convert("RGB").quantize(dither=Image.Dither.NONE)


def main(argv: list[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", nargs="?", metavar="RUN", help="a run directory; for page.png too")
    parser.add_argument(
        "--out", type=Path, default=RESULTS / "figures", metavar="DIR", help="default: %(default)s"
    )
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        browser = start_chromium(f"{scratch}/profile")
        try:
            browser.execute_cdp_cmd("Emulation.setScrollbarsHidden", {"hidden": True})
            explorer(browser, RESULTS / "explorer.html")
            taken = {"explorer.png": screenshot(browser)}
            if options.run:
                from chollet_cnn.page import build  # this takes seconds to import

                report = build.write_report(options.run, out=f"{scratch}/report")
                if report.problems:
                    raise UserError(report.problems[0])
                open_page(browser, f"{report.path.as_uri()}#convolution-in-two-dimensions")
                taken["page.png"] = screenshot(browser)
        finally:
            browser.quit()
    for name, image in taken.items():
        files.write(options.out / name, partial(image.save, format="PNG", optimize=True))
        print(f"written: {options.out / name}")
    return 0


if __name__ == "__main__":
    run_cli(main)
