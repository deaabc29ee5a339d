"""The README's commands, as they are written there, one after the other in an empty folder.

Those that take minutes or download much, by what the README says beside them, run only where the
environment variable ``CHOLLET_CNN_README`` is ``all``. ``pip`` and ``pytest`` are left to
``.ci/run``, which installs the package in a fresh environment by the README's own line.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from chollet_cnn.book import recipes
from chollet_cnn.training import runs

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
LONG = re.compile(r"#.*\b\d+ (min|MB)\b")
EVERYTHING = os.environ.get("CHOLLET_CNN_README") == "all"


def steps():
    """Yield each command as a list of words, whether it takes long, and what it should print."""
    for place, (language, text) in enumerate(BLOCKS):
        following, expected = BLOCKS[place + 1] if place + 1 < len(BLOCKS) else ("", "")
        expected = expected if following == "text" else ""
        if language == "python":
            yield ["python", "-c", text], False, expected
        elif not language:
            for line in text.splitlines():
                words = line.partition("#")[0].split()
                if words[0] == "python" and words[:3] != ["python", "-m", "pytest"]:
                    yield words, bool(LONG.search(line)), expected


def skipped(words, long, unmade):
    """Return whether a command takes minutes, or needs what such a one would have made."""
    if EVERYTHING or not (long or unmade & set(words)):
        return False
    unmade |= {words[place + 1] for place, word in enumerate(words) if word == "--results"}
    return True


def pattern(expected):
    """Return the lines as a regular expression in which any number may stand for a number."""
    lines = [re.sub(r"\d[\d.,]*", "0", line) for line in expected.splitlines()]
    lines = [re.sub(r"(device +)the CPU.*", r"\1DEVICE", line) for line in lines]
    return re.escape("\n".join(lines)).replace("0", r"\d[\d.,]*( min \d+)?").replace("DEVICE", ".*")


@pytest.fixture
def clone(tmp_path):
    """A folder with what a clone of the repository holds, and nothing that was made in it."""
    for name in ("chollet_cnn", "scripts", "tests", "README.md"):
        (tmp_path / name).symlink_to(ROOT / name)
    shutil.copytree(ROOT / "results", tmp_path / "results")
    return tmp_path


def test_the_commands_work_in_their_order_and_print_what_the_readme_shows(clone, real_mnist_dir):
    environment = os.environ | {"PYTHONPATH": str(clone), "CHOLLET_CNN_DATA": str(real_mnist_dir)}
    unmade, ran = set(), 0
    for words, long, expected in steps():
        if skipped(words, long, unmade):
            continue
        done = subprocess.run(
            [sys.executable, *words[1:]],
            cwd=clone, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, (words, done.stderr)
        assert re.search(pattern(expected), done.stdout), (words, done.stdout)
        ran += 1
    assert ran >= 6
    trained = runs.load_run(clone / "runs/mnist-three-block/seed-0")
    assert trained.metrics["dataset"] == "MNIST"
    assert trained.metrics["test_accuracy"] >= 0.982
    assert (clone / "report" / "explorer.html").is_file()
    assert (clone / "runs/mnist-three-block/seed-0/predictions/seven-seen.png").is_file()


def test_every_recipe_and_file_that_a_command_names_is_there(clone):
    named = {word for words, _, _ in steps() for word in words}
    for word in named:
        if re.fullmatch(r"(mnist|cats-vs-dogs)-[a-z-]+", word):
            recipes.get(word)
        if re.fullmatch(r"(scripts|results)/.*", word):
            assert (clone / word).is_file()


def test_what_takes_minutes_is_told_from_what_does_not():
    long = {" ".join(words): is_long for words, is_long, _ in steps()}
    assert long["python -m chollet_cnn.data fetch cats-vs-dogs"]
    assert long["python -m chollet_cnn.train mnist-first-edition"]
    assert not long["python -m chollet_cnn.train"]
    unmade = set()
    assert skipped(["python", "x.py", "--results", "mine"], True, unmade) is not EVERYTHING
    assert skipped(["python", "y.py", "mine"], False, unmade) is not EVERYTHING
