"""The command ``python -m chollet_cnn.train``: train one of the book's networks.

Training is imported when it begins, so that ``--help`` and ``--list`` are fast.
"""

from __future__ import annotations

import argparse

from chollet_cnn.book import recipes
from chollet_cnn.drawing.progress import silenced, spinner
from chollet_cnn.errors import TRAINING_INTERRUPTED, in_shell, integer, run_cli
from chollet_cnn.training import console, plan


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=prog,
        description="Train a network of Chollet's Deep Learning with Python, as the book does.",
    )
    add = parser.add_argument
    add("recipe", nargs="?", default=recipes.DEFAULT, help="which recipe (default: %(default)s)")
    add("--list", action="store_true", help="list the recipes and exit")
    add("--dataset", help="mnist, digits or cats-vs-dogs (default: the recipe's)")
    add("--data-dir", metavar="DIR", help="where to look for the data first")
    number = {"type": integer, "metavar": "N"}
    add("--epochs", **number, help="train for N epochs instead of the recipe's")
    add("--batch-size", **number, help="N images in a training batch")
    add("--learning-rate", type=float, metavar="X", help="step size of the optimizer")
    add("--optimizer", choices=recipes.OPTIMIZERS, help="another optimizer; those with a year are "
        "as in the Keras of that time")  # fmt: skip
    add("--augmentation", choices=recipes.AUGMENTATIONS, help="another augmentation: 2017 is as in "
        "the Keras of that time, for cats-vs-dogs-first-edition-augmented")  # fmt: skip
    add("--splits", choices=("folders",), help="split cats and dogs as the folders train, "
        "validation and test do")  # fmt: skip
    add("--seed", **number, default=0, help="of everything random (default: 0)")
    add("--weights-seed", **number, help="another seed for the starting weights")
    add("--order-seed", **number, help="another seed for the order of the images")
    add("--out", default="runs", metavar="DIR", help="where run directories go (default: runs)")
    add("--device", choices=plan.DEVICES, default="auto", help="default: a GPU if there is one")
    add("--devices", type=_devices, default=1, metavar="N|all", help="share every batch among N "
        "devices, with Keras on JAX (default: 1)")  # fmt: skip
    add("--coordinator", metavar="HOST:PORT", help="with --processes: where the first process "
        "listens; start the same command on each machine, with its own "
        "--process-index")  # fmt: skip
    add("--processes", **number, default=1, help="processes that train the run together, with "
        "Keras on JAX (default: 1)")  # fmt: skip
    add("--process-index", type=integer, default=0, metavar="I",
        help="which of them this is; 0 is the first, which writes the run")  # fmt: skip
    add("--precision", choices=plan.PRECISIONS, default="float32", help="default: float32")
    add("--resume", action="store_true", help="go on with an interrupted run, or to more epochs")
    add("--overwrite", action="store_true", help="replace the run that is there")
    add("--keep-weights", action="store_true", help="keep the weights after every epoch, as small "
        "networks do anyway")  # fmt: skip
    add("--tensorboard", action="store_true", help="write curves for TensorBoard too")
    add("--quiet", action="store_true", help="print nothing but warnings")
    return parser


def _devices(text: str) -> int | str:
    return text if text == "all" else integer(text)


def main(argv: list[str] | None = None, prog: str = "python -m chollet_cnn.train") -> int:
    """Run the command."""
    options = vars(_parser(prog).parse_args(argv))
    if options.pop("list"):
        print(console.table_of_recipes())
        return 0
    with silenced(options["quiet"]), spinner("loading the package"):
        from chollet_cnn.training.trainer import train_network

    run = train_network(**options)
    if not (options["quiet"] or options["process_index"]):
        other, path = prog.removesuffix("train"), in_shell(run.path)
        print(
            "\nNow ask it about your own images, or look inside it:\n"
            f"  {other}predict {path} IMAGE\n  {other}report {path}"
        )
    return 0


if __name__ == "__main__":
    run_cli(main, TRAINING_INTERRUPTED)
