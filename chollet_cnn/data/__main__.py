"""The command ``python -m chollet_cnn.data``: download a data set, or show which ones are found."""

import argparse
from pathlib import Path

from chollet_cnn.data import NAMES, archives, book_pictures, cats_vs_dogs, layouts, mnist
from chollet_cnn.data.sources import NotFound, download_folder, is_whole, search_path
from chollet_cnn.drawing.numbers import format_count
from chollet_cnn.drawing.progress import spinner
from chollet_cnn.errors import UserError, in_shell, run_cli

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
        description="Download the data sets, or show which ones are found and where.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    fetching = commands.add_parser("fetch", help="download a data set, or resume a download")
    fetching.add_argument("dataset", choices=FETCHABLE)
    where = commands.add_parser(
        "where", help="show which data sets are found, where, and whether they are the book's"
    )
    for command, use in (
        (fetching, "the folder to put it in"),
        (where, "a folder to look in first"),
    ):
        command.add_argument("--data-dir", type=Path, metavar="DIR", help=use)
    return parser


def fetch(dataset: str, data_dir: Path | None = None) -> None:
    """Download a data set unless it is there and complete, and say how to train with it."""
    folder = download_folder(data_dir)
    module = {"mnist": mnist, "cats-vs-dogs": cats_vs_dogs}[dataset]
    file = folder / module.FILE
    with spinner("looking for the file"):
        there = is_whole(file, module.FILE_SIZE, module.FILE_SHA256) or _is_good_mnist(
            dataset, file
        )
    if there:
        print(f"{file} is already there, and complete")
    else:
        with spinner(f"fetching {dataset}"):
            place = module.fetch(folder)
        print(f"{dataset} is now in {place}")
    option = f" --data-dir {in_shell(data_dir)}" if data_dir else ""
    print(f"train with it: python -m chollet_cnn.train {FIRST_RECIPE[dataset]}{option}")


def _is_good_mnist(dataset: str, file: Path) -> bool:
    """Tell whether MNIST's arrays are right although the file differs from Keras's."""
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
        return _describe_cats_and_dogs(*archives.find(data_dir, _has_nearly_all))
    except NotFound:
        return "not found"
    except UserError as problem:
        return str(problem)


def _has_nearly_all(pictures: list[layouts.Picture]) -> bool:
    return len(book_pictures.absent(pictures)) <= book_pictures.TOTAL // 100


def _describe_cats_and_dogs(archive: Path, pictures: list[layouts.Picture]) -> str:
    """Say where the pictures are, how many, and whether they are the book's."""
    found = f"{archive} ({format_count(len(pictures), 'image')})"
    if layouts.counts_each_split(pictures):
        return f"{found}: split by folder, not by the book's file numbers"
    match = book_pictures.count_in_archive(archive, pictures)
    absent = book_pictures.absent(pictures)
    found += f": {book_pictures.describe(match, book_pictures.TOTAL - len(absent))}"
    if not absent:
        return found
    missing = f"{len(absent):,} are missing (the first is {absent[0][0]} number {absent[0][1]})"
    if not _has_nearly_all(pictures):
        return f"{found}; not the book's split, of which {missing}"
    return f"{found}; {missing}"


if __name__ == "__main__":
    run_cli(main)
