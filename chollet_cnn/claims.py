"""The command ``python -m chollet_cnn.claims``: every published figure beside the recorded runs."""

from __future__ import annotations

import argparse
from pathlib import Path

from chollet_cnn.errors import run_cli
from chollet_cnn.evidence import records as recorded
from chollet_cnn.evidence.comparison import compare, write


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=prog,
        description="Put every figure that the book publishes beside the runs of its recipe.",
    )
    add = parser.add_argument
    add("--epochs", action="store_true", help="show the printed curves epoch by epoch too")
    add("--write", action="store_true", help="write claims.csv and README.md in results/ too")
    add(
        "--results",
        type=Path,
        default=recorded.RESULTS,
        metavar="DIR",
        help="the folder with runs.csv and histories/ (default: the checkout's results/)",
    )
    return parser


def main(argv: list[str] | None = None, prog: str = "python -m chollet_cnn.claims") -> int:
    """Run the command."""
    options = _parser(prog).parse_args(argv)
    records = recorded.read(options.results)

    from chollet_cnn.evidence import answers

    compared = compare(records.runs, records.curves)
    by_epoch = compared["epoch"].notna()
    print(answers.plain_table(compared if options.epochs else compared[~by_epoch]))
    print("\n" + answers.curves_in_short(compared[by_epoch]))
    if not options.epochs:
        print("(--epochs shows these curves figure by figure.)")
    if options.write:
        write(options.results)
    return 0


if __name__ == "__main__":
    run_cli(main)
