"""A progress bar for work that takes a while, drawn on a terminal and in a notebook."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from chollet_cnn.drawing.notebook import in_notebook


@contextmanager
def progress_bar(
    title: str,
    total: int,
    done: int = 0,
    *,
    in_bytes: bool = False,
    shown: bool = True,
    stays: bool = True,
) -> Iterator[Callable[[int], None]]:
    """Show the progress of a piece of work: on standard error if that is a terminal, or in a cell.

    A notebook draws the bar with ipywidgets; where they are not installed there is no bar.

    Args:
        title: what is being done, in a few words.
        total: how many steps there are.
        done: how many of them were done before.
        in_bytes: steps are bytes, shown as MB with their speed.
        shown: ``False`` draws nothing, wherever this runs.
        stays: ``False`` removes the bar when the work is done.

    Yields:
        A function to call with the number of steps that were just done.
    """
    if not (shown and _can_be_drawn()):
        yield lambda _steps: None
        return
    if in_notebook():
        with _widget(title, total, done, stays) as advance:
            yield advance
        return
    from rich import progress
    from rich.console import Console

    amount = (
        (progress.DownloadColumn(), progress.TransferSpeedColumn())
        if in_bytes
        else (progress.MofNCompleteColumn(),)
    )
    columns = (
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        *amount,
        progress.TimeRemainingColumn(),
    )
    with progress.Progress(*columns, console=Console(stderr=True), transient=not stays) as bar:
        task = bar.add_task(title, total=total, completed=done)
        yield lambda steps: bar.advance(task, steps)


@contextmanager
def _widget(title: str, total: int, done: int, stays: bool) -> Iterator[Callable[[int], None]]:
    """Show a bar below a notebook's cell; Rich's own would leave an empty line each time."""
    from IPython.display import display
    from ipywidgets import IntProgress

    bar = IntProgress(done, max=total, description=title, style={"description_width": "initial"})
    display(bar)

    def advance(steps: int) -> None:
        bar.value += steps

    try:
        yield advance
    finally:
        if not stays:
            bar.close()


def _can_be_drawn() -> bool:
    return bool(find_spec("ipywidgets")) if in_notebook() else sys.stderr.isatty()
