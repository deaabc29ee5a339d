"""Write a file whole or not at all: beside its place, flushed to the disk, then renamed."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Callable
from pathlib import Path

from chollet_cnn.errors import UserError


def write(path: Path, content: str | bytes | Callable[[io.BufferedWriter], None]) -> None:
    """Write a file; whoever reads it meanwhile, or after a crash, finds the old one or the new.

    Args:
        path: the file; folders above it are made.
        content: text, bytes, or a function that writes into the open file.

    Raises:
        UserError: if it cannot be written; nothing is left half-written.
    """
    beside = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(beside, "wb") as file:
            if callable(content):
                content(file)
            else:
                file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except OSError as problem:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise unwritable(path, problem) from problem


def unwritable(path: Path, problem: OSError) -> UserError:
    """Return the error that says that a place cannot be written to."""
    return UserError(
        f"cannot write {path} ({problem.strerror or problem}); free the place or choose another"
    )
