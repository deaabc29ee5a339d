"""Make the tutorial page from your runs: ``python -m chollet_cnn.report [RUN...]``.

From Python use :func:`chollet_cnn.page.build.write_report`.
"""

import argparse

import chollet_cnn
from chollet_cnn.drawing.progress import silenced, spinner
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


def _refuse_without_a_run(paths: list[str]) -> None:
    """Raise what is wrong with the first of the runs named, if none of them can be read.

    Reading a run takes no Keras; one that is wrong among others is left out of the page.
    """
    problems = []
    for path in paths:
        try:
            chollet_cnn.load_run(path)
        except UserError as problem:
            problems.append(problem)
    if problems and len(problems) == len(paths):
        raise problems[0]


def main(argv: list[str] | None = None, prog: str = "python -m chollet_cnn.report") -> int:
    """Run the command; status 1 says that something was left out."""
    options = _parser(prog).parse_args(argv)
    with silenced(options.quiet), spinner("loading the package"):
        _refuse_without_a_run(options.runs)
        from chollet_cnn.page import build  # takes seconds; --help must not

    def say(line: str, _done: float = 0) -> None:
        if not options.quiet:
            print(line, flush=True)

    runs = options.runs or build.newest_runs()
    if not options.runs:
        say(f"runs: {', '.join(map(str, runs)) or 'none finished under runs/'}")
    with silenced(options.quiet):
        made = build.write_report(
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
