"""Download a file so that it either exists complete and checked, or not at all.

Own code, since pooch, the usual library for this, always begins again at the first byte, which is
too slow for an archive of 825 MB, and does not keep two processes from downloading one file.
"""

import http.client
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from filelock import FileLock, Timeout

from chollet_cnn.data.sources import is_whole
from chollet_cnn.drawing.progress import progress_bar
from chollet_cnn.errors import UserError, notify, parameter, replace_file

PATIENCE = 10  # seconds without an answer after which a server counts as out of reach
CHUNK = 1 << 20  # bytes read at a time


class Unreachable(UserError):  # noqa: N818
    """The file could not be downloaded this time; trying again may help."""

    def __init__(self, message: str, reason: str = "") -> None:
        """Keep the reason in a few words; the message says what to do as well."""
        super().__init__(message)
        self.reason = reason


class _Answer(NamedTuple):
    body: http.client.HTTPResponse
    start: int  # the position in the file of the first byte that the server sends
    total: int | None  # the length of the whole file, where the server tells


def download(url: str, destination: Path, size: int, sha256: str) -> Path:
    """Download a file, or resume an earlier download.

    Bytes are collected in ``<destination>.part``; only when size and checksum are right does the
    file get its own name. An incomplete ``destination`` is replaced. If another process is
    downloading the file, this one waits for it and uses the result.

    Args:
        url: where the file is.
        destination: the file to write; missing folders are created.
        size: how many bytes the file has.
        sha256: its checksum, in hexadecimal.

    Returns:
        ``destination``.

    Raises:
        Unreachable: the network or the server failed; what was received is kept for the next try.
        UserError: the destination cannot be written, or the file is not the expected one.
    """
    with _alone(destination):
        if not is_whole(destination, size, sha256):
            try:
                if destination.is_dir():
                    raise IsADirectoryError("it is a folder")
                _fetch(url, destination, size, sha256)
            except OSError as problem:
                raise _unwritable(destination, problem) from problem
    return destination


@contextmanager
def _alone(file: Path) -> Iterator[None]:
    """Create a file's folder, and keep other processes from downloading the file meanwhile."""
    lock = FileLock(file.with_name(f".{file.name}.lock"))
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            notify(f"waiting for another process that downloads {file}")
            lock.acquire()
    except OSError as problem:
        raise _unwritable(file, problem) from problem
    with lock:
        lock.release()  # of the two times that it is held now
        yield
        # Nobody writes any more; after a failure others may wait for this very lock file.
        with suppress(OSError):  # Windows keeps the files that are open
            os.unlink(lock.lock_file)


def _fetch(url: str, destination: Path, size: int, sha256: str) -> None:
    """Download as :func:`download` describes, in one process at a time."""
    part = destination.with_name(destination.name + ".part")
    collected = part.stat().st_size if part.is_file() else 0
    if collected != size:
        _collect(url, part, collected if collected < size else 0, size)
    if not is_whole(part, size, sha256):
        part.unlink()
        raise UserError(
            f"the download from {url} is not the expected file (its size or SHA-256 is wrong) and "
            "was deleted: run the same command again, and if that fails too get the file elsewhere"
        )
    replace_file(part, destination)


def _collect(url: str, part: Path, collected: int, size: int) -> None:
    """Download what is missing from ``part`` and leave it on the disk."""
    try:
        answer = _ask(url, collected)
    except (OSError, ValueError, http.client.HTTPException) as problem:  # or a redirect to nonsense
        raise Unreachable(
            f"cannot download {url} ({_reason(problem)}): "
            "check the network and run the same command again",
            _reason(problem),
        ) from problem
    with answer.body:
        if answer.total not in (None, size):
            part.unlink(missing_ok=True)
            raise UserError(
                f"{url} is now a file of {answer.total:,} bytes, not the expected {size:,}: "
                "get the file elsewhere"
            )
        _write(answer, part, size)
    reached = part.stat().st_size
    if reached < size:
        raise Unreachable(
            f"the download of {url} broke off at {reached:,} of {size:,} bytes: "
            "run the same command again to resume it",
            "it broke off",
        )


def _ask(url: str, start: int) -> _Answer:
    """Request a file from byte ``start`` on; the server may begin at 0 instead."""
    headers = {"Range": f"bytes={start}-"} if start else {}
    try:
        body = urlopen(Request(url, headers=headers), timeout=PATIENCE)
    except HTTPError as refusal:
        if refusal.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE and start:
            return _ask(url, 0)
        raise
    if body.status == http.client.PARTIAL_CONTENT:
        span, _, total = body.headers.get("Content-Range", "").partition("/")
        if span.startswith(f"bytes {start}-"):
            return _Answer(body, start, _number(total))
        body.close()
        if not start:
            raise http.client.HTTPException("the server sends a part that was not asked for")
        return _ask(url, 0)
    if body.headers.get_content_type() == "text/html":  # of a proxy or a portal, not the file
        body.close()
        raise http.client.HTTPException("a web page was sent instead of the file")
    return _Answer(body, 0, _number(body.headers.get("Content-Length", "")))


def _number(text: str) -> int | None:
    """Return the number in a header, or None where a server sends something else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None


def _write(answer: _Answer, part: Path, size: int) -> None:
    """Append the server's bytes to ``part`` until they end, break off, or are too many."""
    with part.open("r+b" if answer.start else "wb") as file:
        file.seek(answer.start)
        with progress_bar(part.stem, size, answer.start, in_bytes=True) as advance:
            while (chunk := _next_chunk(answer.body)) and file.tell() <= size:
                file.write(chunk)
                advance(len(chunk))
        file.flush()
        os.fsync(file.fileno())


def _unwritable(file: Path, problem: OSError) -> UserError:
    return UserError(
        f"cannot write {file} ({_reason(problem)}): name another folder with "
        f"{parameter('data_dir')}, or set CHOLLET_CNN_DATA to one"
    )


def _next_chunk(body: http.client.HTTPResponse) -> bytes:
    """Read on; a broken connection looks like a finished one, and the length tells them apart."""
    try:
        return body.read(CHUNK)
    except http.client.IncompleteRead as broken:
        return broken.partial
    except (OSError, http.client.HTTPException):
        return b""


def _reason(problem: Exception) -> str:
    """Say in a few words what failed."""
    if isinstance(problem, HTTPError):
        return f"the server answered {problem.code} {problem.reason}"
    reason = getattr(problem, "reason", problem)
    return getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
