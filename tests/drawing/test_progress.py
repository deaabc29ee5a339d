"""Spinners and bars on a pseudo-terminal: what a person sees while something takes its time."""

import io
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from chollet_cnn.drawing import progress

pty = pytest.importorskip("pty", reason="this system has no pseudo-terminals")

ROOT = Path(__file__).parents[2]
TEN_FRAMES = "time.sleep(1.2)"
BEGIN = "import sys, time\nfrom chollet_cnn.drawing.progress import *\n"


def on_a_terminal(*command, stdout_too=True):
    """Run a command whose standard error, at least, is a terminal; return what each stream got."""
    terminal, end = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, *command],
        stdout=end if stdout_too else subprocess.PIPE,
        stderr=end,
        env=os.environ | {"PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "100"},
    )
    os.close(end)
    shown = b""
    try:
        while chunk := os.read(terminal, 65536):
            shown += chunk
    except OSError:  # how a terminal ends
        pass
    os.close(terminal)
    stdout = process.stdout.read().decode() if process.stdout else ""
    assert process.wait() == 0, shown
    return re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", shown.decode()), stdout


def frames(text, title):
    """Return the spinner's characters that stood before a title, in their order."""
    return re.findall(rf"(\S) {title} \.\.\.", text)


def test_a_spinner_turns_and_a_line_printed_meanwhile_stays():
    script = f"{BEGIN}with spinner('work'): {TEN_FRAMES}; print('a line'); {TEN_FRAMES}"
    text, _ = on_a_terminal("-c", script)
    assert len(set(frames(text, "work"))) >= 5
    assert text.count("a line") == 1


def test_a_title_is_shown_as_it_is_without_what_a_terminal_obeys():
    script = f"{BEGIN}with spinner('into [red]a[/b]\\x1b]0;b'): {TEN_FRAMES}"
    text, _ = on_a_terminal("-c", script)
    assert "into [red]a[/b]?]0;b ..." in text


def test_what_is_printed_meanwhile_goes_where_standard_output_goes():
    script = f"{BEGIN}with spinner('work'): print('a line'); {TEN_FRAMES}"
    text, stdout = on_a_terminal("-c", script, stdout_too=False)
    assert frames(text, "work")
    assert (stdout, "a line" in text) == ("a line\n", False)


def test_a_spinner_shows_on_while_standard_error_is_held_back():
    script = (
        f"{BEGIN}import os, tempfile\n"
        "with spinner('work'), tempfile.TemporaryFile() as held:\n"
        f"    os.dup2(held.fileno(), 2); {TEN_FRAMES}"
    )
    assert len(set(frames(on_a_terminal("-c", script)[0], "work"))) >= 5


def test_a_bar_inside_a_spinner_is_shown_below_it():
    script = (
        f"{BEGIN}with spinner('all of it'), progress_bar('a part', 3) as advance:\n"
        f"    advance(2); {TEN_FRAMES}"
    )
    text, _ = on_a_terminal("-c", script)
    assert re.search(r"all of it \.\.\. .*\n.*a part .* 2/3", text)


@pytest.mark.parametrize("inner", ["spinner('inner')", "progress_bar('inner', 3)"])
def test_nothing_is_shown_inside_a_silenced_spinner(inner):
    script = f"{BEGIN}with silenced(True), spinner('outer'), {inner}: {TEN_FRAMES}"
    assert on_a_terminal("-c", script) == ("", "")


def test_a_window_without_a_descriptor_is_no_terminal(monkeypatch):
    window = io.StringIO()  # as IDLE's: it says that it is a terminal
    window.isatty = lambda: True
    monkeypatch.setattr(sys, "stderr", window)
    with progress.spinner("work"):
        pass
    assert window.getvalue() == ""


def test_nothing_is_drawn_where_standard_error_is_not_a_terminal(capfd):
    from chollet_cnn.drawing.progress import progress_bar, spinner

    with spinner("work"), progress_bar("bar", 2) as advance:
        advance(2)
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
def test_training_turns_a_spinner_until_the_first_epoch_and_quiet_shows_nothing(tmp_path):
    train = ("-m", "chollet_cnn.train", "--dataset", "digits", "--epochs", "1", "--out", tmp_path)
    text, _ = on_a_terminal(*train)
    assert len(set(frames(text.partition("epoch 1/1")[0], "loading Keras and tensorflow"))) >= 3
    assert on_a_terminal(*train, "--quiet") == ("", "")  # where the run is finished already


def test_a_share_moves_a_bar_of_a_hundred_steps():
    script = f"{BEGIN}with share_bar('page') as move: move(0.3); move(0.755); {TEN_FRAMES}"
    assert re.search(r"page .* 76/100", on_a_terminal("-c", script)[0])
