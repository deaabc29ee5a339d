"""Answers: what a network predicts for image files, as a table and as figures.

Nothing here needs Keras: an image without a digit in it is told before that has started.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib import font_manager
from matplotlib.figure import Figure
from PIL import Image

from chollet_cnn import files
from chollet_cnn.concepts.checks import whole_number
from chollet_cnn.data import containers, handwriting, image_files, scaling, sources
from chollet_cnn.data.layouts import is_picture
from chollet_cnn.drawing import sheet, style
from chollet_cnn.drawing.numbers import format_count
from chollet_cnn.errors import UserError, printable

SHOWN_AT_MOST = 12  # digits in one figure
LONGEST_STEM = 120  # bytes of a file's name in a figure's name; file systems allow 255 in all


@dataclass(frozen=True, eq=False, repr=False)
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
    seen: list[np.ndarray] = field(default_factory=list)
    """``(height, width, channels)`` uint8, what the network was given."""
    error: str | None = None
    """Why there is no answer."""

    def __repr__(self) -> str:
        """Return the file and its likeliest classes, or why there is no answer."""
        return f"<Answer {self.in_words()}>"

    def in_words(self, top: int = 3) -> str:
        """Return one line: the file and its ``top`` likeliest classes, the row of its digits, or
        why there is no answer.
        """
        if self.error:
            return self.error
        one = len(self.probabilities) == 1
        words = ", ".join(
            f"{name} {share:.1%}"
            for shares in self.probabilities
            for name, share in list(shares.items())[: top if one else 1]
        )
        return f"{printable(self.file)}: {words if one else f'{self.answer} ({words})'}"

    def to_dict(self, top: int = 3) -> dict[str, object]:
        """Return what is written as JSON, with the ``top`` likeliest classes."""
        return {
            "file": self.file,
            "answer": self.answer,
            "probabilities": [dict(list(one.items())[:top]) for one in self.probabilities],
            "boxes": self.boxes,
            **({"error": self.error} if self.error else {}),
        }


def prepare_images(
    images: str | Path | Iterable[str | Path],
    options: Mapping[str, Any],
    errors: Literal["raise", "keep"] = "raise",
) -> list[Answer]:
    """Read images, and make of each what a network is to see; the answers are still None.

    Args:
        images: one path or any number of them; of a folder all images below it are taken.
        options: what the network's training images were loaded with: ``image_size`` and ``resize``;
            empty for digits, which are found in the image and brought to MNIST's look.
        errors: whether an image without a digit in it, or one that cannot be read, is raised or
            kept in ``error``.

    Raises:
        UserError: an image cannot be used, or there are no images in a folder.
        ValueError: ``errors`` is neither "raise" nor "keep".
        TypeError: ``images`` is an array or an opened image.
    """
    if errors not in ("raise", "keep"):
        raise ValueError(f"unknown errors {errors!r}; choose 'raise' or 'keep'")
    one = isinstance(images, (str, os.PathLike, np.ndarray, Image.Image))
    paths = [images] if one else images
    prepared = []
    for path in _find_images(paths):
        try:
            prepared.append(_prepare(path, options))
        except UserError as problem:
            if errors == "raise":
                raise
            prepared.append(Answer(str(path), None, error=str(problem)))
    return prepared


def _find_images(paths: Iterable[str | Path]) -> Iterator[str | Path]:
    """Yield the paths, and for each folder the images below it that are not hidden."""
    for path in paths:
        if not isinstance(path, (str, os.PathLike)):
            raise TypeError(
                "images are named by their paths; save them to files and pass the paths"
            )
        folder = sources.expand_user(path)
        if not os.path.isdir(folder):  # which takes a name of any length
            yield path
            continue
        if not os.access(folder, os.R_OK | os.X_OK):
            raise UserError(f"the folder {path} may not be read: check its permissions")
        known = image_files.suffixes()
        below = (file for file in containers.walk(folder) if is_picture(file.name, known))
        inside = sorted(file for file in below if os.path.isfile(file))
        if not inside:
            raise UserError(f"there are no images in the folder {path}: name another")
        yield from inside


def _prepare(path: str | Path, options: Mapping[str, Any]) -> Answer:
    image = image_files.read(path)
    if options:
        scaled = scaling.scale(image, tuple(options["image_size"]), options["resize"])
        return Answer(str(path), None, seen=[scaled])
    try:
        digits = handwriting.find_digits(image)
    except UserError as problem:
        raise UserError(f"{path}: {problem}") from problem
    boxes = [digit.box for digit in digits]
    return Answer(str(path), None, boxes=boxes, seen=[digit.image for digit in digits])


def with_probabilities(
    prepared: Sequence[Answer], probabilities: np.ndarray, classes: Sequence[str]
) -> list[Answer]:
    """Return the answers of a network.

    Args:
        prepared: from :func:`prepare_images`.
        probabilities: ``(n, classes)``, a row for each of all that was ``seen``, in this order.
        classes: their names.
    """
    rows = iter(probabilities.tolist())
    answers = []
    for one in prepared:
        pairs = [zip(classes, next(rows), strict=True) for _ in one.seen]
        ranked = [dict(sorted(shares, key=lambda pair: -pair[1])) for shares in pairs]
        text = "".join(next(iter(shares)) for shares in ranked) or None
        answers.append(replace(one, answer=text, probabilities=ranked))
    return answers


def plot_prediction(answer: Answer, photograph: np.ndarray | None = None, top: int = 5) -> Figure:
    """Draw what the network was given beside the most likely classes.

    Args:
        answer: the answer, with at least one prediction.
        photograph: ``(height, width, 3)`` uint8, the image that the digits were found in; it is
            drawn with their boxes.
        top: how many classes are drawn.

    Returns:
        The figure.

    Raises:
        TypeError: it is not one answer.
        ValueError: the image could not be answered, or no class is to be drawn.
    """
    if not isinstance(answer, Answer):
        raise TypeError(
            "one answer is drawn at a time; pass one of those that predict_images gives"
        )
    whole_number(top, "number of classes")
    if not answer.probabilities:
        raise ValueError(f"there is no prediction to draw: {answer.error or answer.file}")
    shown = min(len(answer.seen), SHOWN_AT_MOST)
    hidden = len(answer.seen) - shown
    note = f"and {format_count(hidden, 'more digit')}" if hidden else ""
    figure = sheet.panels(max(3.2, 1.8 * shown + 0.5), note=note)
    with_boxes = photograph is not None and bool(answer.boxes)
    axes = figure.subplot_mosaic(
        [["photograph"] * with_boxes + [f"seen {n}", f"bars {n}"] for n in range(shown)],
        width_ratios=[1.4] * with_boxes + [1, 1.2],
    )
    if with_boxes:
        sheet.draw_pixels(axes["photograph"], photograph)
        axes["photograph"].set_axis_off()
        for left, upper, right, lower in answer.boxes:
            across, down = [left, right, right, left, left], [upper, upper, lower, lower, upper]
            axes["photograph"].plot(across, down, color=style.POINTED_AT, linewidth=1.5)
    for place in range(shown):
        seen, bars = axes[f"seen {place}"], axes[f"bars {place}"]
        sheet.draw_pixels(seen, answer.seen[place].squeeze(), vmin=0, vmax=255)
        seen.set_axis_off()
        likeliest = list(answer.probabilities[place].items())[:top]
        names, shares = zip(*likeliest, strict=True)
        drawn = bars.barh(range(len(names)), shares, color=style.DATA)
        bars.set_yticks(range(len(names)), names)
        bars.bar_label(drawn, [f"{share:.1%}" for share in shares], padding=4)
        bars.set_xlim(0, 1.25)
        bars.invert_yaxis()
        bars.spines[:].set_visible(False)
        bars.tick_params(length=0, labelbottom=False)
    height, width = answer.seen[0].shape[:2]
    axes["seen 0"].set_title(f"what the network saw\n{width} x {height} pixels", fontsize=10)
    title = f"its answer: {shorten(answer.answer, 20)}"
    axes["bars 0"].set_title(title, fontsize=10)
    _write_name_above(figure, Path(answer.file).name)
    return figure


def _write_name_above(figure: Figure, name: str) -> None:
    """Write a file's name as the title, shortened to the figure's width."""
    font = font_manager.get_font(font_manager.findfont(font_manager.FontProperties()))
    name = "".join(c if font.get_char_index(ord(c)) else "?" for c in printable(name))
    # It is measured before it is drawn, and dollars in a name would be read as a formula.
    title = figure.suptitle(name, fontsize=11, parse_math=False, usetex=False)
    for length in range(min(len(name), 120), 8, -2):
        title.set_text(shorten(name, length))
        if title.get_window_extent().width < 0.96 * figure.bbox.width:
            break


def shorten(text: str, length: int) -> str:
    """Shorten a text in its middle to at most ``length`` characters."""
    if len(text) <= length:
        return text
    end = (length - 1) // 2
    return f"{text[: length - 1 - end]}…{text[-end:]}"


def save_figures(answers: Iterable[Answer], folder: Path, top: int = 5) -> list[Path]:
    """Write the figure of each answer into a folder, with the boxes of the digits.

    Args:
        answers: those of images that have one.
        folder: where to write; it is made if it is not there.
        top: how many classes are drawn.

    Returns:
        The files, named after the images.

    Raises:
        UserError: a file cannot be written.
    """
    written, taken = [], set()
    for answer in answers:
        name = Path(answer.file).stem.encode(errors="replace")
        stem = name[:LONGEST_STEM].decode(errors="ignore")
        file = folder / f"{printable(stem)}-seen.png"
        # Two images of one name, from two folders; file systems may not tell A from a.
        while str(file).casefold() in taken:
            file = file.with_stem(f"{file.stem}-{len(written) + 1}")
        photograph = image_files.read(answer.file) if answer.boxes else None
        figure = plot_prediction(answer, photograph, top)
        files.write(file, partial(figure.savefig, format="png", dpi=150))
        written.append(file)
        taken.add(str(file).casefold())
    return written


def table(answers: list[Answer]) -> pd.DataFrame:
    """Return one row per image: file, answer, a probability and a box for each digit, error."""
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
