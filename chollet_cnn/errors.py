"""Errors that the user can fix, and how a command ends: its exit status and one line that says why.

A message names the parameters of a library function; in a command they are shown as its flags.
"""

import argparse
import contextlib
import gc
import multiprocessing
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

UNPRINTABLE = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""Characters that a terminal obeys, tabs and line breaks aside, and bytes that are not UTF-8.

Names of files may have them.
"""
PARAMETER = re.compile(r"\0(\w+)(=True)?\0")
"""A parameter in a message, see :func:`parameter`; no file's name has the character around it."""
TRAINING_INTERRUPTED = (
    "interrupted; the same command with --resume, and without --overwrite, goes on from the last "
    "finished epoch"
)
SECONDS_TO_STOP = 1.5
"""How long a command that was interrupted may clean up before its process is ended."""
SECONDS_TO_REPLACE = 2
"""How long Windows may refuse to rename a file that another process has open."""
_in_command = False


class UserError(Exception):
    """An error that the user can fix; the message says in one sentence what is wrong and how."""

    status = 2
    """The exit status of a command that ends with it."""

    def __str__(self) -> str:
        """Return the message, in a command :meth:`in_terms_of_flags`."""
        if _in_command:
            return self.in_terms_of_flags()
        return PARAMETER.sub(r"\1\2", super().__str__())

    def _render_traceback_(self) -> list[str]:
        """Return what a notebook shows: the message, without a traceback."""
        return [f"{type(self).__name__}: {self}"]

    def in_terms_of_flags(self) -> str:
        """Return the message with ``learning_rate`` as ``--learning-rate``, as a command shows it.

        >>> problem = UserError(f"pass {parameter('overwrite=True')} or another seed")
        >>> str(problem)
        'pass overwrite=True or another seed'
        >>> problem.in_terms_of_flags()
        'pass --overwrite or another seed'
        """
        return PARAMETER.sub(lambda found: f"--{found[1].replace('_', '-')}", super().__str__())


def parameter(name: str) -> str:
    """Mark a parameter in the message of a :class:`UserError`, so that a command shows its flag.

    Args:
        name: the parameter of the function that was called, with ``=True`` if that is meant.
    """
    return f"\0{name}\0"


def in_shell(path: str | Path, windows: bool = os.name == "nt") -> str:
    """Return a path as one types it in a command, in quotes if it needs them.

    >>> print(in_shell("my runs", windows=False), in_shell("my runs", windows=True))
    'my runs' "my runs"
    """
    return subprocess.list2cmdline([str(path)]) if windows else shlex.quote(str(path))


def printable(text: str) -> str:
    """Return a text on one line, with ``?`` for each character that cannot be printed."""
    return UNPRINTABLE.sub("?", text).replace("\n", " ")


def first_line(problem: Exception | str) -> str:
    """Return the beginning of a message of others, on one line; without one, the error's kind."""
    lines = str(problem).strip().splitlines() or [type(problem).__name__]
    return printable(lines[0][:200])


def notify(text: str) -> None:
    """Print one line on standard error, with nothing in it that a terminal would obey."""
    if sys.stderr:
        with contextlib.suppress(OSError):
            print(printable(text), file=sys.stderr, flush=True)


def show_cursor() -> None:
    """Show a terminal's cursor again: a progress bar hides it and may be cut off."""
    with contextlib.suppress(AttributeError, OSError, ValueError):
        if os.name == "posix" and sys.__stderr__.isatty():
            sys.__stderr__.write("\x1b[?25h")
            sys.__stderr__.flush()


def replace_file(path: Path, target: Path) -> None:
    """Rename a file or a folder as :func:`os.replace` does, on Windows after a refusal again.

    It refuses while another process, often a virus scanner, has the file or its target open.
    """
    until = time.monotonic() + SECONDS_TO_REPLACE
    while True:
        try:
            return os.replace(path, target)
        except PermissionError:
            if os.name != "nt" or time.monotonic() > until:
                raise
        time.sleep(0.05)


def integer(text: str) -> int:
    """Return the number of a flag, as argparse's ``type``; digits of other scripts are refused."""
    if not (text.isascii() and text.removeprefix("-").isdigit() and len(text) < 20):
        raise argparse.ArgumentTypeError(f"{text[:20]!r} is not a whole number that can be used")
    return int(text)


def end_with_parent(on_ctrl_c: signal.Handlers = signal.SIG_DFL) -> None:
    """Let this process end when the one that started it ends, and on Ctrl-C without a traceback."""
    signal.signal(signal.SIGINT, on_ctrl_c)

    def wait() -> None:
        multiprocessing.parent_process().join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def run_cli(
    main: Callable[[list[str] | None], int | None], interrupted: str = "interrupted"
) -> None:
    """Run a command's ``main`` and end the process.

    A :class:`UserError` becomes one line on standard error and its exit status. Ctrl-C ends with
    status 130 and SIGTERM with 143, within about two seconds, whatever is being computed. A closed
    pipe, as with ``head``, ends it silently.

    Args:
        main: takes the command's arguments, None for those of the process; returns its status.
        interrupted: the line that an interrupted command prints.
    """
    global _in_command
    _in_command = True
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, OSError, ValueError):
            stream.reconfigure(errors="backslashreplace")  # consoles that are not UTF-8
    if sys.stdout:
        sys.stdout = _Printable(sys.stdout)
    signals: list[int] = []
    with _signals_end_the_process(signals, interrupted):
        try:
            status = main(None)
            if sys.stdout:
                sys.stdout.flush()
        except UserError as problem:
            notify(f"error: {problem}")
            status = problem.status
        except BrokenPipeError:
            _discard(sys.stdout)
            status = 128 + 13  # as if SIGPIPE had ended it
        except BaseException as problem:
            if signals or isinstance(problem, KeyboardInterrupt):
                notify(interrupted)
                status = 128 + (signals[0] if signals else signal.SIGINT)
            elif isinstance(problem, OSError) and problem.filename is None and _is_full(sys.stdout):
                _discard(sys.stdout)
                notify(f"error: cannot write to standard output ({problem.strerror})")
                status = UserError.status
            else:
                raise
        finally:
            _in_command = False
    gc.freeze()  # the process ends: searching all that it holds for garbage would take a second
    sys.exit(status)


class _Printable:
    """A stream that shows a terminal nothing that it would obey."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        return self._stream.write(UNPRINTABLE.sub("?", text))

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)


@contextlib.contextmanager
def _signals_end_the_process(received: list[int], line: str) -> Iterator[None]:
    """Raise KeyboardInterrupt on SIGINT and SIGTERM, and end the process if that does not do it.

    Python handles a signal only between two instructions, which a long computation in a library
    can delay by minutes. The system tells a pipe at once; a thread reads it and waits a little.
    """
    if os.name == "nt":  # whose pipes cannot wake the thread
        signal.signal(signal.SIGINT, signal.default_int_handler)  # instead of that of the import
        yield
        return

    def stop(number: int, _frame: object) -> None:
        received.append(number)
        signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    def watch() -> None:
        number = os.read(reader, 1)[0]
        if number in before and not done.wait(SECONDS_TO_STOP):
            notify(line)
            show_cursor()
            os._exit(128 + number)

    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    done = threading.Event()
    hook, sys.unraisablehook = sys.unraisablehook, _silent_if_interrupted
    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    wakeup = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        done.set()
        signal.set_wakeup_fd(wakeup)
        os.write(writer, b"\0")  # lets the thread end
        for number, handler in before.items():
            signal.signal(number, handler)
        sys.unraisablehook = hook


def _silent_if_interrupted(unraisable: "sys.UnraisableHookArgs") -> None:
    if not issubclass(unraisable.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(unraisable)


def _is_full(stream: IO[str] | None) -> bool:
    """Return whether a stream takes no more, by a line break."""
    try:
        if stream:
            stream.write("\n")
            stream.flush()
    except OSError:
        return True
    return False


def _discard(stream: IO[str] | None) -> None:
    """Let a stream's buffer go nowhere; Python would write it at exit and complain."""
    if stream:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
