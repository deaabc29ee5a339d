"""Make the tutorial page from your runs: every figure, the numbers behind it, and one HTML file.

From the shell ``python -m chollet_cnn.report [RUN...]``, from Python :func:`report`.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from chollet_cnn.errors import UserError, run_door

if TYPE_CHECKING:
    from chollet_cnn.chapters.page import Chapter
    from chollet_cnn.chapters.subject import Subject

FORMATS = ("png", "svg", "pdf")
Say = Callable[[str], None]


def report(
    runs: Sequence[str | Path] = (),
    picture: str | Path | None = None,
    out: str | Path = "report",
    figures_only: bool = False,
    format: str = "png",
    quiet: bool = True,
    data_dir: str | Path | None = None,
) -> Path:
    """Draw every figure and write the page.

    Args:
        runs: run directories; without one the page has the chapters on operations alone.
        picture: a file of yours to send through the networks; a cat or a test digit without it.
        out: a folder for ``index.html`` and, in ``figures/``, each figure and its numbers as CSV.
        figures_only: write no page.
        format: of the figures' files: ``png``, ``svg`` or ``pdf``. The page has copies
            of its own inside, as WebP.
        quiet: print no progress. A run that is left out is named on standard error either way.
        data_dir: where the runs' test pictures are looked for first.

    Returns:
        The page, or the folder if no page was asked for.

    Raises:
        UserError: the picture cannot be read, the folder not written or ``data_dir`` is not there;
            nothing is left behind.
    """
    page, _ = _report(runs, picture, Path(out), figures_only, format, quiet, data_dir)
    return page


def _report(
    paths: Sequence[str | Path],
    picture: str | Path | None,
    out: Path,
    figures_only: bool,
    file_format: str,
    quiet: bool,
    data_dir: str | Path | None,
) -> tuple[Path, list[str]]:
    """Do as :func:`report` does; return also what was left out, and why."""
    if file_format not in FORMATS:
        raise UserError(f"--format is {', '.join(FORMATS[:-1])} or {FORMATS[-1]}")
    say = (lambda line: None) if quiet else (lambda line: print(line, flush=True))
    if picture is not None:
        from chollet_cnn.data import image_files

        image_files.read(picture)  # before anything takes time
    if data_dir is not None:
        from chollet_cnn.data import sources

        sources.search_path(data_dir)
    with _written_whole(out) as folder:
        subjects, problems = _subjects(paths, picture, data_dir, say)
        laid_out = []
        for place, make in enumerate(_chapters(subjects), start=1):
            began = time.perf_counter()
            chapter = make()
            _write_figures(chapter, folder / "figures", file_format)
            if not figures_only:
                from chollet_cnn.chapters import page

                html = page.render_chapter(chapter)
                laid_out.append((replace(chapter, content={}), html))  # its figures may go
            say(f"{place:2}  {chapter.title}, {time.perf_counter() - began:.1f} s")
        if not figures_only:
            from chollet_cnn.chapters import networks, page

            html = page.render_page(laid_out, networks.opening(subjects), problems)
            (folder / "index.html").write_text(html, encoding="utf-8")
    written = out if figures_only else out / "index.html"
    say(f"written: {written}")
    return written, problems


def _subjects(
    paths: Sequence[str | Path],
    picture: str | Path | None,
    data_dir: str | Path | None,
    say: Say,
) -> tuple[list[Subject], list[str]]:
    """Read the runs; one that cannot be read is named and left out."""
    if not paths:
        return [], []
    from chollet_cnn import devices
    from chollet_cnn.chapters import subject

    devices.start_keras()
    found, problems = [], []
    for path in paths:
        try:
            taken = {other.slug for other in found}
            found.append(subject.read(path, taken, picture, data_dir))
        except UserError as problem:
            problems.append(str(problem))
            print(f"left out: {problem}", file=sys.stderr)
        else:
            say(f"    read {path}")
    return found, problems


def _chapters(subjects: Sequence[Subject]) -> Iterator[Callable[[], Chapter]]:
    """Yield what makes each chapter, in the order of the page."""
    from chollet_cnn.chapters import (
        inside,
        layers,
        looking,
        networks,
        operations,
        reproduction,
        shrinking,
    )

    yield from operations.chapters()
    yield from shrinking.chapters()
    yield from layers.chapters()
    yield from networks.chapters(subjects)
    yield from inside.chapters(subjects)
    yield from looking.chapters(subjects)
    yield from reproduction.chapters()


def _write_figures(chapter: Chapter, folder: Path, file_format: str) -> None:
    """Write each figure of a chapter, and beside it the numbers that it was drawn from."""
    folder.mkdir(exist_ok=True)
    for picture in chapter.pictures:
        picture.numbers.to_csv(folder / f"{picture.name}.csv", index=False)
        file = folder / f"{picture.name}.{file_format}"
        if file_format == "png":
            file.write_bytes(picture.png)
        else:
            picture.figure.savefig(file)


@contextmanager
def _written_whole(out: Path) -> Iterator[Path]:
    """Lend a folder to write in; when all went well its files move to ``out``, the page last."""
    was_there = os.path.exists(out)
    try:
        out.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=out))
    except OSError as problem:
        raise _unwritable(out, problem) from problem
    try:
        yield folder
        files = sorted(p.relative_to(folder) for p in folder.rglob("*") if p.is_file())
        for file in sorted(files, key=lambda file: file.name == "index.html"):
            (out / file).parent.mkdir(exist_ok=True)
            os.replace(folder / file, out / file)
    except BrokenPipeError:  # whoever read what is printed has gone; nothing is wrong with out
        raise
    except OSError as problem:
        raise _unwritable(out, problem) from problem
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if not was_there:
            with contextlib.suppress(OSError):  # it holds the page
                out.rmdir()


def _unwritable(out: Path, problem: OSError) -> UserError:
    return UserError(
        f"cannot write into {out} ({problem.strerror or problem}); free the place or name another "
        "folder with --out"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m chollet_cnn.report",
        description="Make the tutorial page: what a convolutional network does, number by number, "
        "with your own runs in it.",
    )
    add = parser.add_argument
    add("runs", metavar="RUN", nargs="*", help="run directories, as runs/mnist-three-block/seed-0")
    add("--picture", metavar="FILE", help="your picture, to send through the networks")
    add("--data-dir", metavar="DIR", help="where to look for the runs' test pictures first")
    add("--out", default="report", metavar="DIR", help="where to write (default: report)")
    add("--figures-only", action="store_true", help="write the figures and no page")
    add("--format", choices=FORMATS, default="png", help="of the figures' files (default: png)")
    add("--quiet", action="store_true", help="print no progress")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the command; status 1 says that a run was left out."""
    options = _parser().parse_args(argv)
    _, problems = _report(
        options.runs,
        options.picture,
        Path(options.out),
        options.figures_only,
        options.format,
        options.quiet,
        options.data_dir,
    )
    return 1 if problems else 0


if __name__ == "__main__":
    run_door(main)
