"""The command ``chollet-cnn``: every command of the package under one name.

``chollet-cnn train ...`` does what ``python -m chollet_cnn.train ...`` does.
"""

from __future__ import annotations

import argparse
import sys
from importlib import import_module

from chollet_cnn import __version__
from chollet_cnn.errors import TRAINING_INTERRUPTED, run_cli

COMMANDS = {
    "train": "train a network of the book",
    "predict": "classify your own images with a trained network",
    "report": "write the tutorial page, with your runs in it",
    "claims": "compare the book's published figures with the recorded runs",
    "reproduce": "train recorded runs again and compare",
    "data": "find or download the data sets",
}


def _parser() -> argparse.ArgumentParser:
    width = max(map(len, COMMANDS))
    parser = argparse.ArgumentParser(
        prog="chollet-cnn",
        description="The convolutional networks of Chollet's Deep Learning with Python.",
        epilog="commands:\n"
        + "\n".join(f"  {name:{width}}  {what}" for name, what in COMMANDS.items())
        + "\n\nchollet-cnn COMMAND --help lists the options of a command.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    parser.add_argument(
        "command", metavar="COMMAND", nargs="?", choices=COMMANDS, help="one of those below"
    )
    parser.add_argument("arguments", metavar="...", nargs=argparse.REMAINDER, help="its options")
    return parser


def main(argv: list[str] | None = None) -> int | None:
    """Run the command that is named, and import no other."""
    parser = _parser()
    options = parser.parse_args(argv)
    if options.command is None:
        parser.print_help()
        return 2
    module = "data.__main__" if options.command == "data" else options.command
    command = import_module(f"chollet_cnn.{module}")
    return command.main(options.arguments, prog=f"chollet-cnn {options.command}")


def run() -> None:
    """Run the installed command ``chollet-cnn``."""
    trains = sys.argv[1:2] == ["train"]
    run_cli(main, TRAINING_INTERRUPTED if trains else "interrupted")


if __name__ == "__main__":
    run()
