"""Make the tutorial page from your runs: ``python -m chollet_cnn.report [RUN...]``.

From Python use :func:`chollet_cnn.page.build.report`.
"""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Callable, Iterator

from chollet_cnn.drawing.progress import progress_bar, spinner
from chollet_cnn.errors import UserError, integer, run_cli

FORMATS = ("png", "svg", "pdf")


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=prog,
        description="Make the tutorial page: what a convolutional network does, number by number, "
        "with your own runs in it.",
    )
    add = parser.add_argument
    add(
        "runs", metavar="RUN", nargs="*",
        help="run directories; the newest finished run of each recipe under runs/ if left out",
    )  # fmt: skip
    add("--picture", metavar="FILE", help="an image of yours to send through the networks")
    add("--data-dir", metavar="DIR", help="where to look for the runs' test images first")
    add("--out", default="report", metavar="DIR", help="where to write (default: report)")
    add("--figures-only", action="store_true", help="write the figures and no page")
    add("--format", choices=FORMATS, default="png", help="of the figures' files (default: png)")
    add("--width", type=float, metavar="INCHES", help="of the figures' files")
    add("--dpi", type=integer, help="of PNG files, and of the images inside SVG and PDF files")
    add("--quiet", action="store_true", help="print no progress")
    return parser


@contextlib.contextmanager
def _progress(quiet: bool) -> Iterator[Callable[[str, float], None]]:
    """Lend a function that prints a line, above a bar where a person is watching."""
    if quiet:
        with spinner("", shown=False):
            yield lambda line, done: None
        return
    shown = 0
    with progress_bar("", total=100, stays=False) as advance:

        def say(line: str, done: float) -> None:
            nonlocal shown
            print(line, flush=True)
            advance(round(100 * done) - shown)
            shown = round(100 * done)

        yield say


def main(argv: list[str] | None = None, prog: str = "python -m chollet_cnn.report") -> int:
    """Run the command; status 1 says that something was left out."""
    options = _parser(prog).parse_args(argv)
    for name in ("width", "dpi"):
        if (size := getattr(options, name)) is not None and size <= 0:
            raise UserError(f"--{name} {size:g} is not positive; give a number above 0")
    with _progress(options.quiet) as say:
        say("loading ...", 0)
        from chollet_cnn.page import build  # takes seconds; --help must not

        runs = options.runs or build.newest_runs()
        if not options.runs:
            say(f"runs: {', '.join(map(str, runs)) or 'none finished under runs/'}", 0)
        made = build.report(
            runs,
            options.picture,
            options.out,
            figures_only=options.figures_only,
            format=options.format,
            width=options.width,
            dpi=options.dpi,
            data_dir=options.data_dir,
            say=say,
        )
    return 1 if made.problems else 0


if __name__ == "__main__":
    run_cli(main)
