"""The command ``python -m chollet_cnn.train``: train one of the book's networks."""

from __future__ import annotations

import argparse
import sys

from chollet_cnn.book import recipes
from chollet_cnn.errors import run_cli
from chollet_cnn.training import console, devices
from chollet_cnn.training.trainer import train

__all__ = ["main", "train"]


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=prog,
        description="Train a network of Chollet's Deep Learning with Python, as the book does.",
    )
    add = parser.add_argument
    add("recipe", nargs="?", default=recipes.DEFAULT, help="which recipe (default: %(default)s)")
    add("--list", action="store_true", help="list the recipes and end")
    add("--dataset", help="mnist, digits or cats-vs-dogs (default: the recipe's)")
    add("--data-dir", metavar="DIR", help="where to look for the data first")
    add("--epochs", type=int, metavar="N", help="train for N epochs instead of the recipe's")
    add("--batch-size", type=int, metavar="N", help="N pictures in a training batch")
    add("--learning-rate", type=float, metavar="X", help="step size of the optimizer")
    add("--optimizer", choices=recipes.OPTIMIZERS, help="how weights are moved; those with a year "
        "as Keras did it then")  # fmt: skip
    add("--augmentation", choices=recipes.AUGMENTATIONS, help="how training pictures are changed: "
        "2017 as Keras did it then, for cats-vs-dogs-first-edition-augmented")  # fmt: skip
    add("--seed", type=int, default=0, metavar="N", help="decides all that is random (default: 0)")
    add("--weights-seed", type=int, metavar="N", help="another seed for the starting weights")
    add("--order-seed", type=int, metavar="N", help="another seed for the order of the pictures")
    add("--out", default="runs", metavar="DIR", help="where run directories go (default: runs)")
    add("--device", choices=devices.CHOICES, default="auto", help="default: a GPU if there is one")
    add("--precision", choices=devices.PRECISIONS, default="float32", help="default: float32")
    add("--resume", action="store_true", help="go on with an interrupted run")
    add("--overwrite", action="store_true", help="replace the run that is there")
    add("--tensorboard", action="store_true", help="write curves for TensorBoard too")
    add("--quiet", action="store_true", help="print nothing but warnings")
    return parser


def main(argv: list[str] | None = None, prog: str = "python -m chollet_cnn.train") -> int:
    """Run the command."""
    options = vars(_parser(prog).parse_args(argv))
    if options.pop("list"):
        print(console.table_of_recipes())
        return 0
    try:
        train(**options)
    except KeyboardInterrupt:
        print(
            "interrupted; the same command with --resume goes on from the last finished epoch",
            file=sys.stderr,
        )
        return 130
    return 0


if __name__ == "__main__":
    run_cli(main)
