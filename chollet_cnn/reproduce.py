"""The command ``python -m chollet_cnn.reproduce``: train recorded runs again and compare."""

from __future__ import annotations

import argparse
from pathlib import Path

from chollet_cnn.drawing.progress import spinner
from chollet_cnn.errors import UserError, integer, run_cli


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=prog,
        description="Train recorded runs again and compare.",
    )
    add = parser.add_argument
    add("recipes", nargs="*", metavar="RECIPE", help="train its first recorded seed")
    add("--seed", type=integer, metavar="N", help="this seed instead of the first")
    add("--all", action="store_true", help="every recorded seed, of the recipes named or of all")
    add("--quick", action="store_true", help="the short runs of results/quick.csv, two minutes")
    add("--record", action="store_true", help="with --quick: record the short runs anew")
    add("--data-dir", metavar="DIR", help="where to look for the data first")
    add("--results", type=Path, metavar="DIR",
        help="the folder with the recorded runs (default: those of this project)")  # fmt: skip
    return parser


def main(argv: list[str] | None = None, prog: str = "python -m chollet_cnn.reproduce") -> int:
    """Run the command: status 0 if everything holds, 1 if not."""
    options = _parser(prog).parse_args(argv)

    with spinner("loading the package"):
        from chollet_cnn.data.sources import expand_user  # after --help
        from chollet_cnn.evidence import records, reproduction

    results = expand_user(options.results or records.RESULTS)

    def say(line: str) -> None:
        print(line, flush=True)

    if options.record:
        if not options.quick:
            raise UserError("--record goes with --quick; scripts/run_seeds.py records whole runs")
        if options.recipes or options.seed is not None or options.all:
            raise UserError("--quick --record records all short runs; name no recipe or seed")
        say(f"{reproduction.record_quick(options.data_dir, results, say=say)} is written")
        return 0
    compared = reproduction.reproduce(
        options.recipes,
        seed=options.seed,
        every=options.all,
        quick=options.quick,
        data_dir=options.data_dir,
        results=results,
        say=say,
        quiet=options.quick,
    )
    print(f"\n{reproduction.to_text(compared)}")
    holds = bool(compared["holds"].all())
    skipped = compared["verdict"].eq(reproduction.NO_DATA).any()
    everything = "Everything that could be trained" if skipped else "Everything"
    print(f"{everything} holds." if holds else "Not everything holds.")
    return 0 if holds else 1


if __name__ == "__main__":
    run_cli(main)
