"""Ask a trained network about your own pictures.

From the shell ``python -m chollet_cnn.predict RUN PICTURE...``, from Python :func:`predict`.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from chollet_cnn import files
from chollet_cnn.drawing import sheet, style
from chollet_cnn.errors import UserError, run_cli
from chollet_cnn.training import devices, runs

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure

BATCH = 32


@dataclass(frozen=True)
class Answer:
    """What a network says of one picture."""

    picture: str
    """The picture's file."""
    probabilities: dict[str, float]
    """Each class and how likely the network holds it to be, the likeliest first."""
    seen: np.ndarray
    """``(height, width, channels)`` uint8, the picture as the network saw it."""


def predict(run: runs.Run | str | Path, pictures: list[str | Path]) -> list[Answer]:
    """Let a run's network say what is in each picture.

    A photographed or scanned digit is first brought to MNIST's look (light on dark, 28x28,
    centred); other pictures are scaled as the pictures that the network was trained on.

    Args:
        run: a finished run, or its directory.
        pictures: files of any format and size that Pillow reads.

    Raises:
        UserError: if the run or one of the pictures cannot be read, or if the run's training
            diverged, so that it has no answer.
    """
    import numpy as np

    from chollet_cnn.analysis.mistakes import predictions

    if not pictures:
        return []
    run = run if isinstance(run, runs.Run) else runs.read(run)
    seen = [_prepare(run, picture) for picture in pictures]
    devices.start_keras()
    model = run.load_model()
    try:
        rows = predictions(model, np.stack(seen), batch_size=BATCH)
    except UserError as problem:
        raise UserError(f"{run.path}: {problem}") from problem
    answers = []
    for picture, image, row in zip(pictures, seen, rows.tolist(), strict=True):
        ranked = sorted(zip(run.config["classes"], row, strict=True), key=lambda pair: -pair[1])
        answers.append(Answer(str(picture), dict(ranked), image))
    return answers


def _prepare(run: runs.Run, picture: str | Path) -> np.ndarray:
    """Read a picture and bring it to the size and look that the run's network was trained on."""
    from chollet_cnn.data import pictures

    image = pictures.read(picture)
    options = run.config["settings"]["data_options"]
    if options:
        return pictures.scale(image, tuple(options["image_size"]), options["resize"])
    try:
        return pictures.as_digit(image)
    except UserError as problem:
        raise UserError(f"{picture}: {problem}") from problem


def plot_answer(answer: Answer, top: int = 5) -> Figure:
    """Draw the picture as the network saw it beside its likeliest classes."""
    likeliest = list(answer.probabilities.items())[:top]
    names = [name for name, _ in likeliest]
    shares = [share for _, share in likeliest]
    figure = sheet.panels(3.2)
    left, right = figure.subplots(1, 2)
    left.imshow(answer.seen.squeeze(), cmap=style.MAP, vmin=0, vmax=255)
    height, width = answer.seen.shape[:2]
    left.set_title(f"what the network saw, {width} x {height}", fontsize=10)
    left.set_axis_off()
    bars = right.barh(names, shares, color=style.DATA)
    right.bar_label(bars, [f"{share:.1%}" for share in shares], padding=4)
    right.set_xlim(0, 1.25)
    right.invert_yaxis()
    right.spines[:].set_visible(False)
    right.tick_params(length=0, labelbottom=False)
    # A file's name may have dollars in it, between which matplotlib would read a formula.
    name = Path(answer.picture).name
    right.set_title(f"its answer for {name}", fontsize=10, parse_math=False)
    return figure


def _save_figures(answers: list[Answer], out: Path, top: int) -> list[Path]:
    written = []
    for answer in answers:
        file = out / f"{Path(answer.picture).stem}-seen.png"
        while file in written:  # two pictures of one name, from two folders
            file = file.with_stem(f"{file.stem}-{len(written) + 1}")
        figure = plot_answer(answer, top)
        files.write(file, partial(figure.savefig, format="png", dpi=150))
        written.append(file)
    return written


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=prog,
        description="Ask a trained network what is in your own pictures.",
    )
    add = parser.add_argument
    add("run", metavar="RUN", help="a run directory, such as runs/mnist-three-block/seed-0")
    add("pictures", metavar="PICTURE", nargs="+", help="picture files")
    add("--top", type=int, default=3, metavar="N", help="the N likeliest classes (default: 3)")
    add("--json", action="store_true", help="print the answers as JSON")
    add("--show", action="store_true", help="write what the network saw, beside its answer, as PNG")
    add("--out", default=".", metavar="DIR", help="where --show writes (default: here)")
    return parser


def main(argv: list[str] | None = None, prog: str = "python -m chollet_cnn.predict") -> int:
    """Run the command."""
    options = _parser(prog).parse_args(argv)
    if options.top < 1:
        raise UserError(f"--top is a whole number of at least 1, not {options.top}")
    answers = predict(options.run, options.pictures)
    files = _save_figures(answers, Path(options.out), options.top) if options.show else []
    if options.json:
        print(json.dumps([_as_json(answer, options.top) for answer in answers], indent=2))
        return 0
    for answer in answers:
        likeliest = list(answer.probabilities.items())[: options.top]
        print(f"{answer.picture}: " + ", ".join(f"{name} {share:.1%}" for name, share in likeliest))
    for file in files:
        print(f"written: {file}")
    return 0


def _as_json(answer: Answer, top: int) -> dict[str, object]:
    likeliest = list(answer.probabilities.items())[:top]
    return {
        "picture": answer.picture,
        "answers": [{"class": name, "probability": share} for name, share in likeliest],
    }


if __name__ == "__main__":
    run_cli(main)
