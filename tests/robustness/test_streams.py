"""A command has no traceback where its streams or its surroundings are missing or odd."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from chollet_cnn import errors
from chollet_cnn.analysis import answers
from chollet_cnn.data import image_files, mnist, sources
from chollet_cnn.errors import UserError
from chollet_cnn.training import backend

pytestmark = pytest.mark.skipif(os.name != "posix", reason="redirects as a POSIX shell does")
LIST = ("chollet_cnn.train", "--list")
WHERE = ("chollet_cnn.data", "where")
CLAIMS = ("chollet_cnn.claims", "--wide")
WRONG = ("chollet_cnn.train", "no-such-recipe")
ODD = {
    "C locale": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "Windows console": {"PYTHONIOENCODING": "cp1252"},
}


def run(module, redirect="", environment=None):
    return subprocess.run(
        ["sh", "-c", f'exec "$@" {redirect}', "sh", sys.executable, "-m", *module],
        capture_output=True, check=False, env=os.environ | (environment or {}),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("module", "redirect", "status"),
    [(WHERE, "<&-", 0), (LIST, ">&-", 0), (LIST, "2>&-", 0), (LIST, ">&- 2>&-", 0),
     (LIST, ">/dev/full", 2), (WRONG, "2>&-", 2), (WRONG, "2>/dev/full", 2)],
)  # fmt: skip
def test_streams_that_are_closed_or_full(module, redirect, status):
    if "/dev/full" in redirect and not os.path.exists("/dev/full"):
        pytest.skip("this system has no /dev/full")
    done = run(module, redirect)
    assert done.returncode == status
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("module", [LIST, CLAIMS])
@pytest.mark.parametrize("odd", ODD)
def test_what_a_console_cannot_show_is_escaped(module, odd):
    done = run(module, environment=ODD[odd])
    assert (done.returncode, done.stderr) == (0, b"")
    done.stdout.decode("ascii" if odd == "C locale" else "cp1252")


@pytest.mark.parametrize("environment", [{}, *ODD.values()], ids=["UTF-8", *ODD])
def test_standard_output_may_be_closed_while_any_terminal_shows_progress(environment):
    code = "from chollet_cnn.drawing.progress import *\nwith progress_bar('x', 1) as a: a(1)"
    ours, terminal = os.openpty()
    command = ["sh", "-c", 'exec "$@" >&-', "sh", sys.executable, "-c", code]
    done = subprocess.run(command, stderr=terminal, check=False, env=os.environ | environment)
    os.close(terminal)
    shown = b""
    with contextlib.suppress(OSError):  # EIO: everything is read
        while piece := os.read(ours, 100_000):
            shown += piece
    os.close(ours)
    assert (done.returncode, b"Traceback" in shown, b"1/1" in shown) == (0, False, True)


def where_without_variables(monkeypatch, account):
    """Run WHERE where nothing names a folder, and the user's account is this."""
    for name in ("HOME", "KERAS_HOME", "CHOLLET_CNN_DATA", "CHOLLET_CNN_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    code = (
        f"import os, pwd, runpy, types\npwd.getpwuid = {{{account}}}.__getitem__\n"
        f"runpy.run_module({WHERE[0]!r}, run_name='__main__', alter_sys=True)"
    )
    command = [sys.executable, "-c", code, *WHERE[1:]]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_without_variables_the_home_is_that_of_the_account(monkeypatch, tmp_path):
    home = f"os.getuid(): types.SimpleNamespace(pw_dir={str(tmp_path)!r})"
    done = where_without_variables(monkeypatch, home)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(f"looked in:\n  {tmp_path / '.keras/datasets'}\n")


def test_without_a_home_data_are_looked_for_where_keras_would_put_them(monkeypatch):
    done = where_without_variables(monkeypatch, account="")
    assert (done.returncode, done.stderr) == (0, "")
    assert "/tmp/.keras/datasets" in done.stdout
    with pytest.raises(UserError, match="that ~nobody-here/data begins with is unknown"):
        sources.expand_user("~nobody-here/data")


@pytest.mark.parametrize("content", ["[]", "null", '{"floatx": ["x"]}', '{"backend": 3}', None])
def test_a_keras_json_that_keras_cannot_use(tmp_path, content):
    (tmp_path / "keras.json").mkdir() if content is None else (
        (tmp_path / "keras.json").write_text(content)
    )
    code = (
        "from chollet_cnn import errors; from chollet_cnn.training import devices;"
        "errors.run_cli(lambda _: devices.start_keras())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False,
        env=os.environ | {"KERAS_HOME": str(tmp_path)},
    )  # fmt: skip
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert done.stderr.startswith("error: Keras cannot start (")
    assert "check KERAS_BACKEND and keras.json" in done.stderr


def test_whatever_is_printed_on_standard_error_goes_through_the_one_that_cleans_it():
    package = Path(errors.__file__).parent
    files = [file for file in package.rglob("*.py") if "file=sys.stderr" in file.read_text("utf-8")]
    assert files == [package / "errors.py"]


LONG = "x" * 5000
READERS = {
    "an image": lambda: image_files.read(LONG),
    "the data folder": lambda: sources.search_path(LONG),
    "a folder to download to": lambda: sources.is_whole(sources.download_folder(LONG), 1, ""),
    "the folder of a variable": mnist.find,
}


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
def test_a_name_of_five_thousand_characters(monkeypatch, reader):
    monkeypatch.setenv("CHOLLET_CNN_DATA", LONG)
    with pytest.raises(UserError, match=r"check its (name|spelling)") as problem:
        reader()
    assert len(str(problem.value)) < 400
    assert list(answers._find_images([LONG])) == [LONG]  # read later, and refused there


def test_a_number_of_threads_that_is_none(monkeypatch):
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "abc")
    with pytest.raises(UserError, match="must be a whole number, got 'abc'; unset it"):
        backend._threads_by_variable()
