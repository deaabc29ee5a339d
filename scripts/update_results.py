"""Record finished runs in results/, and write every table and figure made from them.

    python scripts/update_results.py runs/mnist-first-edition/seed-0 ...

Without a run it only writes the tables and the figures again. A run whose recipe was changed, or
that used the embedded digits, is refused: results/ records the book's recipes.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from chollet_cnn import files
from chollet_cnn.errors import UserError, run_cli
from chollet_cnn.evidence import overview, records, write_up
from chollet_cnn.training import runs

README = Path(__file__).parents[1] / "README.md"


def update(results: Path = records.RESULTS, readme: Path = README) -> None:
    """Write everything made from the recorded runs, in a results folder and in the README."""
    with files.held(results):
        write_up.write(results)
        table = overview.recipe_table(records.read(results).of_most_runs())
        write_up.update_marked(readme, "table", table)
        speed = (results / "benchmark.md").read_text("utf-8").split("\n\n")[1]  # after the title
        write_up.update_marked(readme, "speed", speed)


def check_place(results: Path | None) -> None:
    """Refuse to record without ``--results`` where the imported package is another checkout's."""
    if results is None and records.RESULTS.parent != README.parent:
        raise UserError(
            f"the package that is imported records in {records.RESULTS}, not beside this script; "
            "install this checkout (pip install -e .) or name a folder with --results"
        )


def main(argv: list[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", nargs="*", metavar="RUN", help="a finished run's directory")
    parser.add_argument("--results", type=Path, metavar="DIR",
                        help="record in this folder, and write no table and no figure")  # fmt: skip
    options = parser.parse_args(argv)
    check_place(options.results)
    for path in options.runs:
        records.record(records.outcome(runs.load_run(path)), options.results or records.RESULTS)
    if options.results is None:
        update()
    return 0


if __name__ == "__main__":
    run_cli(main)
