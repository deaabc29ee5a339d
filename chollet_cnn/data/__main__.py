"""The command ``python -m chollet_cnn.data``: get a data set, or see which ones are here."""

import argparse
from pathlib import Path

from chollet_cnn.data import NAMES, archives, cats_vs_dogs, mnist
from chollet_cnn.data.sources import NotFound, download_folder, is_whole, search_path
from chollet_cnn.errors import UserError, run_cli

FETCHABLE = ("mnist", "cats-vs-dogs")
FIRST_RECIPE = {"mnist": "mnist-three-block", "cats-vs-dogs": "cats-vs-dogs-first-edition"}


def main(argv: list[str] | None = None, prog: str = "python -m chollet_cnn.data") -> int:
    """Run the command with these arguments, or with those of the command line."""
    arguments = _parser(prog).parse_args(argv)
    if arguments.command == "fetch":
        fetch(arguments.dataset, arguments.data_dir)
    else:
        show_where(arguments.data_dir)
    return 0


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=prog,
        description="Get the data sets that the networks learn from, or see which ones are here.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    fetching = commands.add_parser("fetch", help="download a data set, or go on with a download")
    fetching.add_argument("dataset", choices=FETCHABLE)
    where = commands.add_parser("where", help="say which data sets are found, and where")
    for command, use in (
        (fetching, "the folder to put it in"),
        (where, "a folder to look in first"),
    ):
        command.add_argument("--data-dir", type=Path, metavar="DIR", help=use)
    return parser


def fetch(dataset: str, data_dir: Path | None = None) -> None:
    """Download a data set unless it is there and whole, and say how to train with it."""
    folder = download_folder(data_dir)
    module = {"mnist": mnist, "cats-vs-dogs": cats_vs_dogs}[dataset]
    file = folder / module.FILE
    if is_whole(file, module.FILE_SIZE, module.FILE_SHA256) or _is_good_mnist(dataset, file):
        print(f"{file} is already there, and whole")
    else:
        print(f"{dataset} now lies in {module.fetch(folder)}")
    option = f" --data-dir {data_dir}" if data_dir else ""
    print(f"train with it: python -m chollet_cnn.train {FIRST_RECIPE[dataset]}{option}")


def _is_good_mnist(dataset: str, file: Path) -> bool:
    """Tell whether MNIST's arrays are right although the file is packed otherwise than Keras's."""
    if dataset != "mnist" or not file.is_file():
        return False
    try:
        mnist.read((file,))
    except UserError:
        return False
    return True


def show_where(data_dir: Path | None = None) -> None:
    """Print, for each data set, the place where it is found; nothing is downloaded."""
    for name in NAMES:
        print(f"{name:13} {_place(name, data_dir)}")
    print("looked in:", *search_path(data_dir), sep="\n  ")


def _place(name: str, data_dir: Path | None) -> str:
    if name == "digits":
        return "part of scikit-learn"
    try:
        if name == "mnist":
            return ", ".join(map(str, mnist.find(data_dir))) or "not found"
        archive, pictures = archives.find(data_dir)
        return f"{archive} ({len(pictures):,} pictures)"
    except NotFound:
        return "not found"
    except UserError as problem:
        return str(problem)


if __name__ == "__main__":
    run_cli(main)
