"""Ask a trained network about your own images.

From the shell ``python -m chollet_cnn.predict RUN IMAGE...``, from Python :func:`predict_images`.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from chollet_cnn import files
from chollet_cnn.drawing.progress import spinner
from chollet_cnn.errors import UserError, integer, run_cli

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from matplotlib.figure import Figure

    from chollet_cnn.training import runs

BATCH = 32
SHOWN_AT_MOST = 12  # digits in one figure
LONGEST_STEM = 120  # bytes of a file's name in a figure's name; file systems allow 255 in all


@dataclass(frozen=True)
class Answer:
    """What a network predicts for one image: a class, or a row of digits.

    The lists have one entry for each digit that was found, in reading order; for an image that is
    classified as a whole they have one entry and there are no boxes.
    """

    file: str
    """The image file."""
    answer: str | None
    """The most likely class, or the digits in a row, such as ``"22"``; None after an error."""
    probabilities: list[dict[str, float]] = field(default_factory=list)
    """Each class and its probability, the most likely first."""
    boxes: list[tuple[int, int, int, int]] = field(default_factory=list)
    """Left, top, right and bottom edge of each digit, in pixels of the upright image."""
    seen: list[np.ndarray] = field(default_factory=list, repr=False)
    """``(height, width, channels)`` uint8, what the network was given."""
    error: str | None = None
    """Why there is no answer."""


def predict_images(
    run: runs.Run | str | Path,
    images: str | Path | Iterable[str | Path],
    errors: str = "raise",
) -> list[Answer]:
    """Let a run's network predict what is in each image.

    Photographed or scanned digits are found and brought to MNIST's look first (light on dark,
    28x28, centred); other images are resized as the network's training images were.

    Args:
        run: a finished run, or its directory.
        images: one path or any number of them: image files of any format and size that Pillow
            reads, and folders, whose images are taken in the order of their names.
        errors: ``"raise"``, or ``"keep"`` to return an :class:`Answer` with ``error`` for an image
            that cannot be read or has no digit in it, and go on.

    Returns:
        One answer for each image.

    Raises:
        UserError: the run or one of the images cannot be read, or the run's training diverged, so
            that its predictions are NaN.
        ValueError: ``errors`` is neither "raise" nor "keep".
    """
    import numpy as np

    from chollet_cnn.analysis.mistakes import predictions
    from chollet_cnn.training import devices, runs

    if errors not in ("raise", "keep"):
        raise ValueError(f"unknown errors {errors!r}; choose 'raise' or 'keep'")
    paths = [images] if isinstance(images, (str, os.PathLike)) else list(images)
    if not paths:
        return []
    run = run if isinstance(run, runs.Run) else runs.load_run(run)
    prepared = []
    for path in _find_images(paths):
        try:
            prepared.append((path, *_prepare(run, path), None))
        except UserError as problem:
            if errors == "raise":
                raise
            prepared.append((path, [], [], str(problem)))
    seen = [image for _, images, _, _ in prepared for image in images]
    if not seen:
        return [Answer(str(path), None, error=error) for path, _, _, error in prepared]
    devices.start_keras()
    model = run.load_model()
    try:
        rows = iter(predictions(model, np.stack(seen), batch_size=BATCH).tolist())
    except UserError as problem:
        raise UserError(f"{run.path}: {problem}") from problem
    answers = []
    for path, images, boxes, error in prepared:
        ranked = [_rank(run.config["classes"], next(rows)) for _ in images]
        text = "".join(next(iter(one)) for one in ranked) or None
        answers.append(Answer(str(path), text, ranked, boxes, images, error))
    return answers


def _rank(classes: list[str], probabilities: list[float]) -> dict[str, float]:
    pairs = zip(classes, probabilities, strict=True)
    return dict(sorted(pairs, key=lambda pair: -pair[1]))


def _find_images(paths: Iterable[str | Path]) -> Iterable[str | Path]:
    """Yield the paths, and for each folder the images below it."""
    from PIL import Image

    for path in paths:
        if not Path(path).is_dir():
            yield path
            continue
        known = Image.registered_extensions()
        inside = sorted(file for file in Path(path).rglob("*") if file.suffix.lower() in known)
        if not inside:
            raise UserError(f"there are no images in the folder {path}: name another")
        yield from inside


def _prepare(
    run: runs.Run, path: str | Path
) -> tuple[list[np.ndarray], list[tuple[int, int, int, int]]]:
    """Read an image; return what the network is to see of it, and the boxes of the digits."""
    from chollet_cnn.data import handwriting, image_files, scaling

    image = image_files.read(path)
    options = run.config["settings"]["data_options"]
    if options:
        return [scaling.scale(image, tuple(options["image_size"]), options["resize"])], []
    try:
        digits = handwriting.find_digits(image)
    except UserError as problem:
        raise UserError(f"{path}: {problem}") from problem
    return [digit.image for digit in digits], [digit.box for digit in digits]


def plot_prediction(answer: Answer, photograph: np.ndarray | None = None, top: int = 5) -> Figure:
    """Draw what the network was given beside the most likely classes.

    Args:
        answer: the answer, with at least one prediction.
        photograph: ``(height, width, 3)`` uint8, the image that the digits were found in; it is
            drawn with their boxes.
        top: how many classes are drawn.
    """
    from chollet_cnn.drawing import sheet, style

    shown = min(len(answer.seen), SHOWN_AT_MOST)
    with_boxes = photograph is not None and bool(answer.boxes)
    hidden = len(answer.seen) - shown
    note = f"and {hidden} more digits" if hidden else ""
    figure = sheet.panels(max(3.2, 1.8 * shown + 0.5), note=note)
    axes = figure.subplot_mosaic(
        [["photograph"] * with_boxes + [f"seen {n}", f"bars {n}"] for n in range(shown)],
        width_ratios=[1.4] * with_boxes + [1, 1.2],
    )
    if with_boxes:
        axes["photograph"].imshow(photograph)
        axes["photograph"].set_axis_off()
        for left, upper, right, lower in answer.boxes:
            across, down = [left, right, right, left, left], [upper, upper, lower, lower, upper]
            axes["photograph"].plot(across, down, color=style.POINTED_AT, linewidth=1.5)
    for place in range(shown):
        likeliest = list(answer.probabilities[place].items())[:top]
        seen, bars = axes[f"seen {place}"], axes[f"bars {place}"]
        seen.imshow(answer.seen[place].squeeze(), cmap=style.MAP, vmin=0, vmax=255)
        seen.set_axis_off()
        names, shares = zip(*likeliest, strict=True)
        drawn = bars.barh(range(len(names)), shares, color=style.DATA)
        bars.set_yticks(range(len(names)), names, parse_math=False)
        bars.bar_label(drawn, [f"{share:.1%}" for share in shares], padding=4)
        bars.set_xlim(0, 1.25)
        bars.invert_yaxis()
        bars.spines[:].set_visible(False)
        bars.tick_params(length=0, labelbottom=False)
    height, width = answer.seen[0].shape[:2]
    axes["seen 0"].set_title(f"what the network saw, {width} x {height}", fontsize=10)
    title = f"its answer: {shorten(answer.answer, 20)}"
    axes["bars 0"].set_title(title, fontsize=10, parse_math=False)
    _write_name_above(figure, Path(answer.file).name)
    return figure


def _write_name_above(figure: Figure, name: str) -> None:
    """Write a file's name as the title, shortened to the figure's width."""
    from matplotlib import font_manager

    font = font_manager.get_font(font_manager.findfont(font_manager.FontProperties()))
    name = "".join(c if font.get_char_index(ord(c)) else "?" for c in printable(name))
    # A file's name may have dollars in it, between which matplotlib would read a formula.
    title = figure.suptitle(name, fontsize=11, parse_math=False)
    for length in range(min(len(name), 120), 8, -2):
        title.set_text(shorten(name, length))
        if title.get_window_extent().width < 0.96 * figure.bbox.width:
            break


def printable(name: str) -> str:
    """Replace what cannot be printed: control characters and bytes of another encoding."""
    return "".join(c if c.isprintable() else "?" for c in name)


def shorten(text: str, length: int) -> str:
    """Shorten a text in its middle to at most ``length`` characters."""
    if len(text) <= length:
        return text
    end = (length - 1) // 2
    return f"{text[: length - 1 - end]}…{text[-end:]}"


def _save_figures(answers: list[Answer], out: Path, top: int) -> list[Path]:
    from chollet_cnn.data import image_files

    written = []
    for answer in answers:
        stem = (
            Path(answer.file).stem.encode(errors="replace")[:LONGEST_STEM].decode(errors="ignore")
        )
        file = out / f"{printable(stem)}-seen.png"
        while file in written:  # two images of one name, from two folders
            file = file.with_stem(f"{file.stem}-{len(written) + 1}")
        photograph = image_files.read(answer.file) if answer.boxes else None
        figure = plot_prediction(answer, photograph, top)
        files.write(file, partial(figure.savefig, format="png", dpi=150))
        written.append(file)
    return written


def table(answers: list[Answer]) -> pd.DataFrame:
    """Return one row an image: file, answer, a probability and a box for each digit, error."""
    import pandas as pd

    rows = [
        {
            "file": printable(answer.file),
            "answer": answer.answer,
            "probabilities": " ".join(f"{max(one.values()):.4f}" for one in answer.probabilities),
            "boxes": "; ".join(" ".join(map(str, box)) for box in answer.boxes),
            "error": answer.error and printable(answer.error),
        }
        for answer in answers
    ]
    return pd.DataFrame(rows, dtype="object")


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=prog,
        description="Ask a trained network what is in your own images. Several digits in one image "
        "are read from left to right.",
    )
    add = parser.add_argument
    add("run", metavar="RUN", help="a run directory, such as runs/mnist-three-block/seed-0")
    add("images", metavar="IMAGE", nargs="+", help="image files, or folders of them")
    add(
        "--top",
        type=integer,
        default=3,
        metavar="N",
        help="the N likeliest classes (default: 3)",
    )
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
    failed = [answer for answer in answers if answer.error]
    if failed and len(answers) == 1:
        raise UserError(printable(failed[0].error))
    answered = [answer for answer in answers if not answer.error]
    written = []
    if options.show:
        out = Path(options.out) if options.out else Path(options.run) / "predictions"
        written += _save_figures(answered, out, options.top)
    if options.csv:
        files.write(Path(options.csv), table(answers).to_csv(index=False))
        written.append(Path(options.csv))
    if options.json:
        print(json.dumps([_as_json(answer, options.top) for answer in answers], indent=2))
    else:
        for answer in answered:
            print(_in_words(answer, options.top))
    for file in written:
        print(f"written: {printable(str(file))}", file=sys.stderr if options.json else sys.stdout)
    for answer in failed:
        print(f"error: {printable(answer.error)}", file=sys.stderr)
    return 1 if failed else 0


def _in_words(answer: Answer, top: int) -> str:
    if len(answer.probabilities) == 1:
        shown = list(answer.probabilities[0].items())[:top]
        words = ", ".join(f"{name} {share:.1%}" for name, share in shown)
    else:
        likeliest = [next(iter(one.items())) for one in answer.probabilities]
        each = ", ".join(f"{name} {share:.1%}" for name, share in likeliest)
        words = f"{answer.answer} ({each})"
    return f"{printable(answer.file)}: {words}"


def _as_json(answer: Answer, top: int) -> dict[str, object]:
    return {
        "file": answer.file,
        "answer": answer.answer,
        "probabilities": [dict(list(one.items())[:top]) for one in answer.probabilities],
        "boxes": answer.boxes,
        **({"error": answer.error} if answer.error else {}),
    }


if __name__ == "__main__":
    run_cli(main)
