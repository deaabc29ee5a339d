"""The command ``python -m chollet_cnn.claims``: every published figure beside the recorded runs."""

from __future__ import annotations

import argparse
from pathlib import Path

from chollet_cnn import files
from chollet_cnn.drawing.progress import spinner
from chollet_cnn.errors import run_cli


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=prog,
        description="Compare every figure that the book publishes with the runs of its recipe.",
    )
    add = parser.add_argument
    add("--epochs", action="store_true", help="show the printed curves epoch by epoch too")
    add("--wide", action="store_true", help="show all columns, wider than 100 characters")
    add("--write", action="store_true",
        help="also write claims.csv, answer.json, README.md and figures/ there")  # fmt: skip
    add("--results", type=Path, metavar="DIR",
        help="the folder with runs.csv and histories/ (default: the recorded runs)")  # fmt: skip
    return parser


def main(argv: list[str] | None = None, prog: str = "python -m chollet_cnn.claims") -> int:
    """Run the command."""
    options = _parser(prog).parse_args(argv)

    with spinner("comparing"):
        from chollet_cnn.data.sources import expand_user  # after --help
        from chollet_cnn.evidence import overview, records, write_up

        results = expand_user(options.results or records.RESULTS)
        table = overview.terminal(records.read(results), epochs=options.epochs, wide=options.wide)
    print(table)
    if not options.epochs:
        print("(--epochs shows the printed curves number by number, --wide more columns.)")
    if options.write:
        with spinner(f"writing into {results}"), files.held(results):
            write_up.write(results)
    return 0


if __name__ == "__main__":
    run_cli(main)
