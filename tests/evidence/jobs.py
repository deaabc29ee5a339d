"""Short runs, and how to wait for them, for the tests of what trains many."""

import time

from chollet_cnn.evidence.records import Outcome
from chollet_cnn.evidence.run_many import Job
from chollet_cnn.training.plan import Diverged

RECIPE = "mnist-three-block"


def digits(seed, **more):
    """Return a short job; the embedded digits are not of the book."""
    return Job(RECIPE, seed, {"dataset": "digits", "epochs": 1} | more)


class Untrained(Job):
    """A job that trains nothing: it diverges, or finishes if that is its label."""

    def train(self, out, *, resume=False):
        if self.label == "finishes":
            return Outcome({}, "", ())
        raise Diverged("training diverged")


def wait_for(condition, command=None):
    """Wait until a condition holds, while a command runs if there is one; return what it gives."""
    until = time.monotonic() + 600
    while not (found := condition()):
        assert command is None or command.poll() is None, "the command has ended"
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.1)
    return found
