"""A command has no traceback where its streams or its surroundings are missing or odd."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(os.name != "posix", reason="redirects as a POSIX shell does")
LIST = ("chollet_cnn.train", "--list")
CLAIMS = ("chollet_cnn.claims", "--wide")
WRONG = ("chollet_cnn.train", "no-such-recipe")
ODD = {
    "C locale": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "Windows console": {"PYTHONIOENCODING": "cp1252"},
}


def run(module, redirect="", environment=None, without=()):
    kept = {name: value for name, value in os.environ.items() if name not in without}
    return subprocess.run(
        ["sh", "-c", f'exec "$@" {redirect}', "sh", sys.executable, "-m", *module],
        capture_output=True, check=False, env=kept | (environment or {}),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("module", "redirect", "status"),
    [(LIST, ">&-", 0), (LIST, "2>&-", 0), (LIST, ">&- 2>&-", 0), (LIST, ">/dev/full", 2),
     (WRONG, "2>&-", 2), (WRONG, "2>/dev/full", 2)],
)  # fmt: skip
def test_streams_that_are_closed_or_full(module, redirect, status):
    done = run(module, redirect)
    assert done.returncode == status
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("module", [LIST, CLAIMS])
@pytest.mark.parametrize("odd", ODD)
def test_what_a_console_cannot_show_is_escaped(module, odd):
    done = run(module, environment=ODD[odd])
    assert (done.returncode, done.stderr) == (0, b"")
    done.stdout.decode("ascii" if odd == "C locale" else "cp1252")


def test_nobody_has_a_home():
    done = run(("chollet_cnn.data", "where"), without={"HOME", "USERPROFILE"})
    assert done.returncode == 0
    assert b"Traceback" not in done.stderr
