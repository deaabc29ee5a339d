"""A progress bar for work that takes a while, drawn only on a terminal."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


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
    """Show the progress of a piece of work on standard error, if that is a terminal.

    Args:
        title: what is being done, in a few words.
        total: how many steps there are.
        done: how many of them were done before.
        in_bytes: steps are bytes, shown as MB with their speed.
        shown: ``False`` draws nothing, terminal or not.
        stays: ``False`` removes the bar when the work is done.

    Yields:
        A function to call with the number of steps that were just done.
    """
    if not (shown and sys.stderr.isatty()):
        yield lambda _steps: None
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
