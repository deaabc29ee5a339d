"""What can go wrong in a way that the person at the keyboard can put right."""

import os
import sys
from collections.abc import Callable


class UserError(Exception):
    """Something that the reader can put right; the message is one sentence that says how."""


def run_cli(main: Callable[[list[str] | None], int | None]) -> None:
    """Run a command's ``main`` and leave the process as a command should.

    A :class:`UserError` becomes one line on standard error and exit status 2; a key press of
    Ctrl-C ends with status 130, as shells expect; a reader such as ``head`` that has read enough
    ends it without a word.
    """
    try:
        status = main(None)
        sys.stdout.flush()
        sys.exit(status)
    except UserError as problem:
        print(f"error: {problem}", file=sys.stderr)
        sys.exit(2)
    except BrokenPipeError:
        # Python would try to write out the rest when it ends, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)  # as if the signal had ended it
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
