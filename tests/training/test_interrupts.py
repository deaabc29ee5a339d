"""A command ends with one line and a status that says why, at any moment."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

import pytest

from chollet_cnn.training import runs

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name != "posix", reason="POSIX signals")]

BUSY = """
import sys, time
from chollet_cnn.errors import UserError, parameter, run_cli
def main(argv):
    print("busy", flush=True)
    {work}
run_cli(main)
"""
IN_PYTHON = "time.sleep(60)"
# One call into a library that a signal does not interrupt, as a long computation is.
IN_A_LIBRARY = "import hashlib; hashlib.pbkdf2_hmac('sha256', b'', b'', 2**31 - 1)"


def start(*command, **options):
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("work", [IN_PYTHON, IN_A_LIBRARY])
def test_a_signal_ends_a_command_with_one_line_whatever_it_computes(work, number, status):
    process = start(sys.executable, "-c", BUSY.format(work=work))
    assert process.stdout.readline() == "busy\n"
    time.sleep(0.5)  # until it is in the library
    began = time.perf_counter()
    process.send_signal(number)
    _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (status, "interrupted\n")
    assert time.perf_counter() - began < 10


def test_a_terminal_has_its_cursor_again_although_the_process_is_cut_off():
    terminal, end = os.openpty()
    command = [sys.executable, "-c", BUSY.format(work=IN_A_LIBRARY)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=end, text=True)
    os.close(end)
    assert process.stdout.readline() == "busy\n"
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 130
    shown = b""
    with suppress(OSError):  # how a terminal ends
        while chunk := os.read(terminal, 1000):
            shown += chunk
    assert shown.endswith(b"\x1b[?25h")
    process.stdout.close()
    os.close(terminal)


def test_ctrl_c_lets_a_command_clean_up_on_windows_too():
    windows = "import os, signal, types, chollet_cnn; from chollet_cnn import errors\n"
    windows += "signal.signal(signal.SIGINT, chollet_cnn._end)  # as an import of -m leaves it\n"
    windows += "errors.os = types.SimpleNamespace(name='nt')"
    work = "try: print('at work', flush=True); time.sleep(60)\n    finally: print('cleaned up')"
    code = BUSY.format(work=work).replace("(main)", "(main, 'stopped; --resume goes on')")
    process = start(sys.executable, "-c", windows + code)
    assert (process.stdout.readline(), process.stdout.readline()) == ("busy\n", "at work\n")
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=30) == ("cleaned up\n", "stopped; --resume goes on\n")
    assert process.returncode == 130


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_command_that_is_still_being_imported(tmp_path, number, status):
    slow = "import time; print('importing', flush=True); time.sleep(60)"
    (tmp_path / "rich.py").write_text(slow)
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    process = start(sys.executable, "-m", "chollet_cnn.train", "--list", env=environment)
    assert process.stdout.readline() == "importing\n"
    process.send_signal(number)
    assert process.communicate(timeout=30)[1] == "interrupted\n"
    assert process.returncode == status


@pytest.mark.parametrize(
    ("work", "status", "says"),
    [
        ("raise UserError('name\\x1b[31m: ' + parameter('name'))", 2, "error: name?[31m: --name\n"),
        ("print('\\u2713 \\x1b[2J \\x9b2J \\r')", 0, ""),
        ("print('x' * 100_000)", 2, "error: cannot write to standard output (No space left on "),
        ("raise BrokenPipeError", 141, ""),
        (
            "raise UserError(f'no page: {UserError(parameter(chr(97)))}')",
            2,
            "error: no page: --a\n",
        ),
        ("raise ValueError('ours')", 1, "Traceback"),
    ],
)
def test_other_ends_have_their_status(work, status, says, tmp_path):
    full = "100_000" in work
    if full and not os.path.exists("/dev/full"):
        pytest.skip("this system has no /dev/full")
    with open("/dev/full" if full else tmp_path / "out", "w") as out:
        done = subprocess.run(
            [sys.executable, "-c", BUSY.format(work=work).replace('print("busy", flush=True)', "")],
            stdout=out, stderr=subprocess.PIPE, text=True, check=False,
            env=os.environ | {"PYTHONIOENCODING": "cp1252"},
        )  # fmt: skip
    assert done.returncode == status
    assert done.stderr.startswith(says)
    assert says == "Traceback" or done.stderr.count("\n") == bool(says)
    assert full or (tmp_path / "out").read_text(encoding="cp1252").replace("\n", "").isprintable()


TRAIN = (sys.executable, "-m", "chollet_cnn.train", "--dataset", "digits", "--epochs", "40")


def test_an_interrupted_training_says_how_to_go_on_and_does(tmp_path):
    installed = (sys.executable, "-m", "chollet_cnn", "train", *TRAIN[3:])
    for command, number, status in ((TRAIN, signal.SIGINT, 130), (installed, signal.SIGTERM, 143)):
        process = start(*command, "--resume", "--out", tmp_path)
        for line in process.stdout:
            if line.startswith("epoch"):
                process.send_signal(number)
                break
        _, errors = process.communicate(timeout=120)
        assert process.returncode == status
        assert errors.startswith("interrupted; the same command with --resume, and without --ov")
        assert errors.count("\n") == 1
    path = tmp_path / "mnist-three-block" / "seed-0"
    assert not runs.is_finished(path)
    assert len((path / "history.csv").read_text().splitlines()) >= 3


def test_two_processes_that_resume_one_run_end_with_a_whole_run(tmp_path):
    command = (*TRAIN[:-1], "3", "--resume", "--quiet", "--out", tmp_path)
    both = [start(*command) for _ in range(2)]
    ends = [(process.communicate(timeout=300)[1], process.returncode) for process in both]
    assert 0 in {status for _, status in ends}
    for errors, status in ends:
        assert status == 0 or (status == 2 and "is training the run in" in errors), errors
    run = runs.load_run(tmp_path / "mnist-three-block" / "seed-0")
    assert run.load_model()
    assert run.metrics["epochs"] == 3
