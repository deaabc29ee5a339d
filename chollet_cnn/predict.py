"""Ask a trained network about your own images.

From the shell ``python -m chollet_cnn.predict RUN IMAGE...``, from Python :func:`predict_images`.
What it returns is drawn and listed by :mod:`chollet_cnn.analysis.answers`.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from chollet_cnn import files
from chollet_cnn.drawing.progress import spinner
from chollet_cnn.errors import UserError, integer, notify, printable, run_cli

if TYPE_CHECKING:
    from chollet_cnn.analysis.answers import Answer
    from chollet_cnn.training import runs


def predict_images(
    run: runs.Run | str | Path,
    images: str | Path | Iterable[str | Path],
    errors: Literal["raise", "keep"] = "raise",
) -> list[Answer]:
    """Let a run's network predict what is in each image.

    Photographed or scanned digits are found and brought to MNIST's look first (light on dark,
    28x28, centred); other images are resized as the network's training images were.

    Args:
        run: a finished run, or its directory.
        images: one path or any number of them: image files of any usual format and size, and
            folders, whose images are taken in the order of their names.
        errors: ``"raise"``, or ``"keep"`` to go on after an image that cannot be read or has no
            digit in it; its answer says so in ``error``.

    Returns:
        One answer for each image.

    Raises:
        UserError: the run or one of the images cannot be read, or the run's training diverged, so
            that its predictions are NaN.
        ValueError: ``errors`` is neither "raise" nor "keep".
    """
    from chollet_cnn.analysis import answers
    from chollet_cnn.training import runs

    run = run if isinstance(run, runs.Run) else runs.load_run(run)
    prepared = answers.prepare_images(images, run.config["settings"]["data_options"], errors)
    seen = [image for one in prepared for image in one.seen]
    if not seen:
        return prepared
    model = run.load_model()
    from chollet_cnn.analysis.mistakes import predictions  # imports Keras, started by load_model

    try:
        probabilities = predictions(model, seen)
    except UserError as problem:
        raise UserError(f"{run.path}: {problem}") from problem
    return answers.with_probabilities(prepared, probabilities, run.config["classes"])


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=prog,
        description="Ask a trained network what is in your own images. Several digits in one image "
        "are read from left to right.",
    )
    add = parser.add_argument
    add("run", metavar="RUN", help="a run directory, such as runs/mnist-three-block/seed-0")
    add("images", metavar="IMAGE", nargs="+", help="image files, or folders of them")
    top = {"type": integer, "default": 3, "metavar": "N"}
    add("--top", help="the N likeliest classes (default: 3)", **top)
    add("--json", action="store_true", help="print the answers as JSON")
    add("--csv", metavar="FILE", help="write the answers to FILE as a table")
    add("--show", action="store_true", help="write what the network saw, beside its answer, as PNG")
    add("--out", metavar="DIR", help="where --show writes (default: RUN/predictions)")
    return parser


def main(argv: list[str] | None = None, prog: str = "python -m chollet_cnn.predict") -> int:
    """Run the command; the exit status is 1 where some of several images have no answer."""
    options = _parser(prog).parse_args(argv)
    if options.top < 1:
        raise UserError(f"--top is a whole number of at least 1, not {options.top}")
    with spinner("asking the network"):
        answers = predict_images(options.run, options.images, errors="keep")
    from chollet_cnn.analysis.answers import save_figures, table
    from chollet_cnn.data.sources import expand_user

    failed = [answer for answer in answers if answer.error]
    answered = [answer for answer in answers if not answer.error]
    if failed and len(answers) == 1:
        raise UserError(failed[0].error)
    if options.json:
        print(json.dumps([answer.to_dict(options.top) for answer in answers], indent=2))
    else:
        for answer in answered:
            print(answer.in_words(options.top))
    written = []
    if options.show:
        out = expand_user(options.out or os.path.join(options.run, "predictions"))
        written += save_figures(answered, out, options.top)
    if options.csv:
        named = expand_user(options.csv)
        text = table(answers).to_csv(index=False)
        is_usual = os.path.isfile(named) or os.path.isdir(named)
        if os.path.exists(named) and not is_usual:  # a device or a pipe
            try:
                named.write_text(text, encoding="utf-8")
            except BrokenPipeError:
                raise
            except OSError as problem:
                raise files.unwritable(named, problem) from problem
        else:
            files.write(Path(os.path.realpath(named)), text)
        written.append(named)
    for file in written:
        (notify if options.json else print)(f"written: {printable(str(file))}")
    for answer in failed:
        notify(f"error: {answer.error}")
    return 1 if failed else 0


if __name__ == "__main__":
    run_cli(main)
