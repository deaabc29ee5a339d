"""What is shown while work takes its time, on a terminal and in a notebook."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib.util import find_spec

from rich import progress
from rich.console import Console

from chollet_cnn.drawing.notebook import in_notebook

_consoles: list[Console | None] = []
"""Where spinners and bars are drawn now, the outermost first; None where they are silenced."""


@contextmanager
def progress_bar(
    title: str,
    total: int,
    done: int = 0,
    *,
    in_bytes: bool = False,
    stays: bool = True,
) -> Iterator[Callable[[int], None]]:
    """Show the progress of a piece of work: on standard error if that is a terminal, or in a cell.

    A notebook draws the bar with ipywidgets; where they are not installed there is no bar.

    Args:
        title: what is being done, in a few words.
        total: how many steps there are.
        done: how many of them were done before.
        in_bytes: steps are bytes, shown as MB with their speed.
        stays: ``False`` removes the bar when the work is done.

    Yields:
        A function to call with the number of steps that were just done.
    """
    amount = (
        (progress.DownloadColumn(), progress.TransferSpeedColumn())
        if in_bytes
        else (progress.MofNCompleteColumn(),)
    )
    columns = (progress.BarColumn(), *amount, progress.TimeRemainingColumn())
    with _drawn(columns, title, total, done, stays) as advance:
        yield advance


@contextmanager
def spinner(title: str) -> Iterator[None]:
    """Show that work goes on, and for how long, where its end cannot be told.

    Args:
        title: what is being done, in a few words.
    """
    with _drawn((progress.TimeElapsedColumn(),), f"{title} ...", None, 0, stays=False):
        yield


@contextmanager
def share_bar(title: str) -> Iterator[Callable[[float], None]]:
    """Show how much of a piece of work is done; yields a function that takes the share, 0..1."""
    percent = 0

    def move(share: float) -> None:
        nonlocal percent
        advance(round(100 * share) - percent)
        percent = round(100 * share)

    with progress_bar(title, 100, stays=False) as advance:
        yield move


@contextmanager
def silenced(quiet: bool) -> Iterator[None]:
    """Show no spinner and no bar inside it, if ``quiet``."""
    with ExitStack() as stack:
        if quiet:
            _consoles.append(None)
            stack.callback(_consoles.pop)
        yield


@contextmanager
def _drawn(
    columns: Iterable[progress.ProgressColumn],
    title: str,
    total: int | None,
    done: int,
    stays: bool,
) -> Iterator[Callable[[int], None]]:
    """Draw these columns on the terminal, below what is drawn already, or a widget in a cell."""
    if in_notebook() and None not in _consoles and find_spec("ipywidgets"):
        with _widget(title, total, done, stays) as advance:
            yield advance
        return
    with _terminal() as console:
        if console is None:
            yield lambda _steps: None
            return
        with progress.Progress(
            progress.SpinnerColumn(),
            progress.TextColumn("{task.description}", markup=False),
            *columns,
            console=console,
            transient=not stays,
            redirect_stdout=bool(sys.stdout) and sys.stdout.isatty(),
        ) as bar:
            plain = "".join(c if c.isprintable() else "?" for c in title)  # it may name a folder
            task = bar.add_task(plain, total=total, completed=done)
            yield lambda steps: bar.advance(task, steps)


@contextmanager
def _terminal() -> Iterator[Console | None]:
    """Lend a console on standard error, or None where it is not a terminal or is silenced."""
    with ExitStack() as stack:
        console = None
        if _consoles:
            console = _consoles[-1]
        elif sys.stderr and sys.stderr.isatty():
            # A copy of the descriptor, which stays when devices.start_keras() holds back the other.
            # Its encoding may lack what Rich draws.
            with suppress(OSError):  # IDLE's window has no descriptor
                descriptor, encoding = os.dup(sys.stderr.fileno()), sys.stderr.encoding
                copy = os.fdopen(descriptor, "w", encoding=encoding, errors="replace")
                console = Console(file=stack.enter_context(copy))
        _consoles.append(console)
        stack.callback(_consoles.pop)
        yield console


@contextmanager
def _widget(title: str, total: int | None, done: int, stays: bool) -> Iterator[Callable]:
    """Show a widget below a notebook's cell; Rich's own would leave an empty line each time."""
    import ipywidgets
    from IPython.display import display

    style = {"description_width": "initial"}
    if total is None:
        widget = ipywidgets.Label(description=title, style=style, value="")
    else:
        widget = ipywidgets.IntProgress(description=title, style=style, value=done, max=total)

    def advance(steps: int) -> None:
        widget.value += steps

    display(widget)
    try:
        yield advance
    finally:
        if not stays:
            widget.close()
