"""What can go wrong in a way that the person at the keyboard can put right."""

import sys
from collections.abc import Callable


class UserError(Exception):
    """Something that the reader can put right; the message is one sentence that says how."""


def run_door(main: Callable[[list[str] | None], int | None]) -> None:
    """Run a command's ``main`` and leave the process as a command should.

    A :class:`UserError` becomes one line on standard error and exit status 2; a key press of
    Ctrl-C ends with status 130, as shells expect.
    """
    try:
        sys.exit(main(None))
    except UserError as problem:
        print(f"error: {problem}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
