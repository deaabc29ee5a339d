"""Write a file whole or not at all: beside its place, flushed to the disk, then renamed."""

from __future__ import annotations

import contextlib
import io
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from filelock import FileLock

from chollet_cnn.errors import UserError, replace_file

UNFINISHED = ".chollet-cnn-"
"""How the names of files begin that are being written; short, so that any name can be written."""
SECONDS_TO_WAIT = 600
"""How long a folder may be held, which takes a minute, before the lock counts as left behind."""
SECONDS_OF_A_LEFTOVER = 3600
"""How long nothing was written to an unfinished file before it is taken for a leftover."""


def write(path: Path, content: str | bytes | Callable[[io.BufferedWriter], None]) -> None:
    """Write a file; whoever reads it meanwhile, or after a crash, finds the old one or the new.

    Args:
        path: the file; folders above it are made.
        content: text, bytes, or a function that writes into the open file.

    Raises:
        UserError: if it cannot be written; nothing is left half-written.
    """
    # A name of its own, so that two processes that write one file do not write into each other's.
    beside = path.parent / f"{UNFINISHED}{os.getpid()}-{threading.get_ident()}.part"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for leftover in leftovers(path.parent, f"{UNFINISHED}*.part"):
            leftover.unlink(missing_ok=True)
        with open(beside, "wb") as file:
            if callable(content):
                content(file)
            else:
                file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        replace_file(beside, path)
    except OSError as problem:
        raise unwritable(path, problem) from problem
    finally:
        with contextlib.suppress(OSError):
            beside.unlink()


def check_writable(path: Path) -> None:
    """Refuse a place before minutes of work for it, and not after; folders above it are made.

    Raises:
        UserError: if a file cannot be written there.
    """
    probe = path.with_name(f"{UNFINISHED}probe")
    try:
        write(probe, "")
    except UserError as refused:
        raise unwritable(path, refused.__cause__) from refused
    probe.unlink(missing_ok=True)


def leftovers(folder: Path, pattern: str) -> list[Path]:
    """Return what a process that was killed left in a folder: nothing was written to it for long.

    Args:
        folder: the folder.
        pattern: of the names, as in :meth:`pathlib.Path.glob`.
    """
    found = []
    for path in folder.glob(pattern):
        with contextlib.suppress(OSError):  # its process has just finished
            if os.lstat(path).st_mtime < time.time() - SECONDS_OF_A_LEFTOVER:
                found.append(path)
    return found


@contextlib.contextmanager
def held(folder: Path) -> Iterator[None]:
    """Keep other processes that hold the same folder waiting, to read and write in it as one.

    The folder is made if need be. Where its hidden lock file cannot be written or locked, nobody
    waits.

    Raises:
        UserError: if the folder cannot be made.
    """
    lock = FileLock(folder / ".lock")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise unwritable(folder, problem) from problem
    with contextlib.suppress(OSError, NotImplementedError):
        lock.acquire(timeout=SECONDS_TO_WAIT)
    try:
        yield
    finally:
        lock.release()


def unwritable(path: Path, problem: OSError | ValueError) -> UserError:
    """Return the error that says that a place cannot be written to, or cannot be a path at all."""
    why = getattr(problem, "strerror", None) or problem
    return UserError(f"cannot write {path} ({why}); free the place or choose another")
