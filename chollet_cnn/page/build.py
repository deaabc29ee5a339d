"""Build the tutorial page from runs: every figure, the data behind it, and one HTML file."""

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import matplotlib as mpl

from chollet_cnn import files
from chollet_cnn.data import image_files, sources
from chollet_cnn.drawing.progress import share_bar
from chollet_cnn.errors import UserError, notify, parameter, printable, replace_file
from chollet_cnn.page import first_screen, trained_model
from chollet_cnn.page.chapter import Chapter, template_text, templates
from chollet_cnn.page.chapters import (
    activations,
    convolution_in_one_dimension,
    convolution_in_two_dimensions,
    dense_layers,
    does_it_reproduce,
    feature_maps_of_a_picture,
    images_are_arrays,
    kernels_made_by_hand,
    padding_stride_and_size,
    pooling,
    receptive_fields,
    scores_to_probabilities,
    shared_weights,
    the_networks_trained,
    the_whole_network,
    volumes,
    what_a_filter_looks_for,
    where_the_network_looked,
    why_pooling_helps,
)
from chollet_cnn.page.explorer import export
from chollet_cnn.page.figure import FORMATS, LOOK
from chollet_cnn.page.trained_model import TrainedModel, sections
from chollet_cnn.training import runs
from chollet_cnn.training.runs import Run

OPERATIONS = (
    images_are_arrays,
    convolution_in_one_dimension,
    convolution_in_two_dimensions,
    kernels_made_by_hand,
    padding_stride_and_size,
    pooling,
    why_pooling_helps,
    receptive_fields,
    shared_weights,
    volumes,
    dense_layers,
    activations,
    scores_to_probabilities,
)
"""The chapters on the operations, in the page's order."""
NETWORKS = (
    the_whole_network,
    the_networks_trained,
    feature_maps_of_a_picture,
    what_a_filter_looks_for,
    where_the_network_looked,
)
"""The chapters on the reader's own networks."""
READING = 0.2
"""Share of the work, roughly, that is done when the runs are read."""
LARGEST = {"width": 100, "dpi": 2400}
"""Of the figures' files: inches, and dots per inch."""


@dataclass(frozen=True, eq=False, repr=False)
class Report:
    """A page that was built."""

    path: Path
    """The page, or its folder if only the figures were asked for."""
    chapters: list[Chapter]
    problems: list[str]
    """Runs, or parts of them, that were left out, and why."""

    def __repr__(self) -> str:
        """Return where the page is, its chapters and what was left out."""
        chapters = f"{len(self.chapters)} chapters"
        return f"<Report in {'; '.join([f'{self.path}, {chapters}', *self.problems])}>"


def write_report(
    paths: str | Path | Run | Sequence[str | Path | Run] = (),
    picture: str | Path | None = None,
    out: str | Path = "report",
    *,
    figures_only: bool = False,
    format: str = "png",
    width: float | None = None,
    dpi: int | None = None,
    data_dir: str | Path | None = None,
    say: Callable[[str, float], None] = lambda line, done: None,
) -> Report:
    """Draw every figure and write the page.

    Args:
        paths: run directories or runs, or one; without one the page has only the chapters on the
            operations.
        picture: an image file of yours to send through the networks; without it a test digit or a
            cat is used.
        out: a folder for ``index.html`` and, in ``figures/``, each figure and its data.
        figures_only: write no page.
        format: of the figures' files: ``png``, ``svg`` or ``pdf``. The page has its own copies
            inside.
        width: of the figures' files, in inches.
        dpi: of PNG files, and of the images inside SVG and PDF files.
        data_dir: where the runs' test images are looked for first.
        say: is called with each line of progress, and the share of the work that is done, 0..1.

    Returns:
        Where it was written, the chapters, and what was left out.

    Raises:
        ValueError: ``format`` is unknown.
        UserError: ``width`` or ``dpi`` is not positive or too large, the picture cannot be read,
            the folder cannot be written or ``data_dir`` does not exist; nothing is left behind.
    """
    out = sources.expand_user(out)
    paths = [paths] if isinstance(paths, str | Path | Run) else paths
    paths = [run.path if isinstance(run, Run) else run for run in paths]
    if format not in FORMATS:
        raise ValueError(f"format is {', '.join(FORMATS[:-1])} or {FORMATS[-1]}, not {format!r}")
    for (name, most), size in zip(LARGEST.items(), (width, dpi), strict=True):
        if size is not None and not 0 < size <= most:
            raise UserError(f"{parameter(name)} is above 0 and at most {most}, not {size:g}")
    if picture is not None:
        image_files.read(picture)  # before anything takes time
    if data_dir is not None:
        sources.search_path(data_dir)
    with (
        share_bar("writing the page") as move,
        _written_whole(out) as folder,
        mpl.rc_context(LOOK),
    ):

        def tell(line: str, done: float) -> None:
            say(line, done)
            move(done)

        (folder / "figures").mkdir()
        models, problems = _read(paths, picture, data_dir, tell)
        if not figures_only:
            models = [_with_explorer(model, folder, tell, problems) for model in models]
        chapters = []
        for chapter in make_chapters(models, tell):
            problems += chapter.problems
            if not figures_only:
                chapter.html  # noqa: B018, with the page's own copies of the figures, not yet scaled
            for figure in chapter.figures:
                figure.write(folder / "figures", format, width, dpi)
            chapters.append(chapter)
        screens = sections(models, first_screen.facts)
        problems += [
            f"{screen['name']}: {screen['problem']}" for screen in screens if screen["problem"]
        ]
        if not figures_only:
            page = render(chapters, screens, problems)  # with figures that are not yet scaled
            (folder / "index.html").write_text(page, encoding="utf-8")
        for screen in screens:
            if screen.get("glance"):
                screen["glance"].write(folder / "figures", format, width, dpi)
    written = out if figures_only else out / "index.html"
    say(f"written: {written}", 1)
    return Report(written, chapters, problems)


def newest_runs(folder: str | Path = "runs") -> list[Path]:
    """Return the newest finished run of each recipe below a folder, in the recipes' order."""
    newest: dict[str, Path] = {}
    for file in sorted(
        Path(folder).glob("*/*/metrics.json"), key=lambda file: file.stat().st_mtime
    ):
        if runs.is_finished(file.parent):
            newest[file.parent.parent.name] = file.parent
    return [newest[recipe] for recipe in sorted(newest)]


def make_chapters(
    models: Sequence[TrainedModel],
    say: Callable[[str, float], None] = lambda line, done: None,
) -> Iterator[Chapter]:
    """Make the chapters, in the page's order.

    Without a run, one that says how to get a run takes the place of those on networks.
    """
    every = [(module, ()) for module in OPERATIONS]
    every += [(module, (models,)) for module in NETWORKS] if models else [(None, ())]
    every += [(does_it_reproduce, (models,))]
    for number, (module, about) in enumerate(every, start=1):
        began = time.perf_counter()
        name = module.__name__.rpartition(".")[2] if module else "train_one"
        chapter = Chapter(name.replace("_", "-"), module.content(*about) if module else {})
        yield chapter
        title = chapter.slug.replace("-", " ").capitalize()  # is laid out only if there is a page
        line = f"{number:2}  {title}, {time.perf_counter() - began:.1f} s"
        say(line, READING + (1 - READING) * number / len(every))


def render(
    chapters: Sequence[Chapter], screens: Sequence[dict[str, Any]], problems: Sequence[str]
) -> str:
    """Put chapters into one page that needs no other file.

    Args:
        chapters: in the page's order.
        screens: what the first screen says of each run, from :func:`first_screen.facts`.
        problems: what was left out, and why.
    """
    return (
        templates()
        .get_template("page.html")
        .render(
            chapters=chapters,
            runs=screens,
            problems=problems,
            style=template_text("theme.css") + template_text("page.css"),
            script=template_text("page.js"),
        )
    )


def _read(
    paths: Sequence[str | Path],
    picture: str | Path | None,
    data_dir: str | Path | None,
    say: Callable[[str, float], None],
) -> tuple[list[TrainedModel], list[str]]:
    """Read the runs; one that cannot be read is named and left out."""
    found, problems = [], []
    for number, path in enumerate(paths, start=1):
        try:
            taken = {other.slug for other in found}
            found.append(trained_model.read(path, taken, picture, data_dir))
        except UserError as problem:
            problems.append(printable(str(problem)))
            notify(f"left out: {problems[-1]}")
        else:
            say(f"    read {path}", READING * number / len(paths))
    return found, problems


def _with_explorer(
    model: TrainedModel, folder: Path, say: Callable[[str, float], None], problems: list[str]
) -> TrainedModel:
    """Write the explorer of a run, or name the run and return it without one."""
    say(f"    {model.explorer}", READING)
    try:
        export.write_explorer(model, folder / model.explorer)
    except Exception as problem:  # whatever is odd about a network, its page is still made
        problems.append(printable(f"{model.name}: {problem}"))
        notify(f"left out of {model.run.path}: {problem}")
        return replace(model, explorer="")
    return model


@contextmanager
def _written_whole(out: Path) -> Iterator[Path]:
    """Lend a folder to write in; when all went well its files move to ``out``, the page last."""
    was_there = os.path.exists(out)
    try:
        out.mkdir(parents=True, exist_ok=True)
        for leftover in files.leftovers(out, ".unfinished-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        with tempfile.TemporaryDirectory(
            prefix=".unfinished-", dir=out, ignore_cleanup_errors=True
        ) as name:
            folder = Path(name)
            yield folder
            written = sorted(p.relative_to(folder) for p in folder.rglob("*") if p.is_file())
            for file in sorted(written, key=lambda file: file.name == "index.html"):
                (out / file).parent.mkdir(exist_ok=True)
                replace_file(folder / file, out / file)
    except BrokenPipeError:  # whoever read what is printed has gone; nothing is wrong with out
        raise
    except OSError as problem:
        raise UserError(
            f"cannot write into {out} ({problem.strerror or problem}); make room, or pass another "
            f"folder as {parameter('out')}"
        ) from problem
    finally:
        if not was_there:
            with contextlib.suppress(OSError):  # it holds the page
                out.rmdir()
