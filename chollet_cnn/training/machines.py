"""Several processes, mostly one a machine, that train one run together.

Each is started by a command of its own. What it computes runs in a child process: Keras must not
have computed anything before the processes find each other, and JAX ends a process from within,
with nothing that Python could catch, when another one of them is gone.
"""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from chollet_cnn.errors import UserError, end_with_parent, parameter, show_cursor
from chollet_cnn.training.plan import whole_number

MOST_PROCESSES = 10_000
ADDRESS = re.compile(r"(\[[0-9a-fA-F:]+\]|[^\s:\[\]]+):([0-9]{1,5})")


class ProcessLost(UserError):  # noqa: N818
    """Another process of the run ended or no longer answers; training can be resumed."""

    status = 1

    def __init__(self) -> None:
        """Say how to go on."""
        super().__init__(
            "another process of this run ended or no longer answers; see what it says, and start "
            f"all of them again with {parameter('resume=True')} to go on from the last finished "
            "epoch, with the same number of processes or another"
        )

    def __reduce__(self) -> tuple:
        """Pickle without the message, which is always the same."""
        return type(self), ()


@dataclass(frozen=True)
class Group:
    """The processes that train a run, and which of them this one is."""

    coordinator: str
    """Where the first process listens, as ``host:port``."""
    size: int
    index: int
    """Counted from 0; the first process alone writes the run and prints."""


def group(coordinator: str | None, processes: object, process_index: object) -> Group | None:
    """Check what was asked for and return the group of processes, None where there is only one.

    The arguments are those of :func:`chollet_cnn.training.trainer.train_network`.

    Raises:
        UserError: if they cannot be used, or do not belong together.
    """
    size = whole_number("processes", processes, 1, MOST_PROCESSES)
    index = whole_number("process_index", process_index, 0, size - 1)
    if size == 1 and coordinator is None:
        return None
    address = ADDRESS.fullmatch(coordinator) if isinstance(coordinator, str) else None
    if size == 1 or not (address and 0 < int(address[2]) < 2**16):
        raise UserError(
            f"several processes need {parameter('processes')}, at least 2, and "
            f"{parameter('coordinator')}, the address of the first as host:port, such as "
            f"192.168.0.2:9000; got {parameter('processes')}={size} and "
            f"{parameter('coordinator')}={coordinator}"
        )
    return Group(coordinator, size, index)


def call_in_child(function: Callable[..., Any], *arguments: object) -> Any:  # noqa: ANN401
    """Call a function in a child process and return what it returns, which must be picklable.

    The child ends when this process ends, and what libraries write to its terminal past Python is
    not shown.

    Raises:
        ProcessLost: the child was ended because another process of the group is gone.
        UserError: what the function raises.
        RuntimeError: any other error in the child; the message holds its traceback.
    """
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "log")
        child = context.Process(target=_work, args=(sender, log, function, arguments))
        _start_without_interrupts(child)
        sender.close()
        try:
            outcome = receiver.recv()
            if isinstance(outcome, BaseException):
                raise outcome
            child.join()  # JAX waits there for the other processes
        except EOFError as problem:
            child.join()
            said = log.read_text(errors="replace") if log.exists() else ""
            if "JAX distributed service" in said or child.exitcode == -9:  # POSIX's SIGKILL
                raise ProcessLost from problem
            raise RuntimeError(
                f"the process that trains ended with status {child.exitcode}\n{said}"
            ) from problem
        finally:
            child.kill()
            child.join()
            show_cursor()
    return outcome


def _start_without_interrupts(child: multiprocessing.Process) -> None:
    """Start a child that Ctrl-C does not reach: its parent ends it."""
    if threading.current_thread() is not threading.main_thread():
        child.start()
        return
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        child.start()
    finally:
        signal.signal(signal.SIGINT, handler)


def _work(
    sender: Connection, log: Path, function: Callable[..., Any], arguments: tuple[object, ...]
) -> None:
    """Call the function in the child and send what it returns or raises."""
    end_with_parent(signal.SIG_IGN)
    with open(log, "wb") as held:
        for name, number in (("stdout", 1), ("stderr", 2)):
            terminal = os.fdopen(os.dup(number), "w", buffering=1, errors="backslashreplace")
            setattr(sys, name, terminal)
            os.dup2(held.fileno(), number)
    try:
        outcome = function(*arguments)
    except UserError as problem:
        outcome = problem
    except OSError as problem:  # without a file it is of a stream, such as a closed pipe
        outcome = RuntimeError(traceback.format_exc()) if problem.filename else problem
    except Exception:
        outcome = RuntimeError(traceback.format_exc())
    sender.send(outcome)
