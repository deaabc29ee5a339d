"""What `import chollet_cnn` and the command `chollet-cnn` give."""

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import chollet_cnn as cc
from chollet_cnn import __main__ as command_line

ROOT = Path(cc.__file__).parents[1]


SCRIPTS = [path for path in sorted((ROOT / "scripts").glob("*.py")) if path.stem != "contenders"]


def python(*arguments, cwd=None):
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, cwd=cwd)


def command(*arguments):
    return python("-m", "chollet_cnn", *arguments)


@pytest.mark.parametrize("name", ["compute_grad_cam", "write_report"])
def test_a_name_whose_module_imports_keras_is_loaded_without_the_notes_of_its_backend(name):
    done = python("-c", f"import sys, chollet_cnn as cc\ncc.{name}\nassert 'keras' in sys.modules")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", cc.__all__)
def test_each_notebook_name_is_a_documented_function_and_hides_no_module(name):
    assert getattr(cc, name).__name__ == name
    assert getattr(cc, name).__doc__
    assert find_spec(f"chollet_cnn.{name}") is None
    assert re.search(rf"\bcc\.{name}\b", cc.__doc__)


@pytest.mark.parametrize("name", ["train_netwrk", "train"])
def test_an_unknown_name_and_that_of_a_command_are_attribute_errors(name):
    done = python("-c", f"import chollet_cnn as cc\nprint({name!r} in dir(cc))\ncc.{name}")
    assert done.stdout == "False\n"
    assert re.search(rf"AttributeError: .*\b{name}\b", done.stderr)


def test_list_recipes_has_the_published_accuracy_of_listing_8_5():
    recipes = cc.list_recipes()
    assert recipes.loc["mnist-second-edition", "parameters"] == 104_202
    assert recipes.loc["mnist-second-edition", "book"] == "99.1% test"
    assert recipes.loc["mnist-three-block", "book"] == ""


@pytest.mark.parametrize(("arguments", "status"), [(["--help"], 0), ([], 2)])
def test_the_command_names_its_commands(arguments, status):
    shown = command(*arguments)
    assert shown.returncode == status
    for name in command_line.COMMANDS:
        assert f"\n  {name} " in shown.stdout


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_says_how_it_is_used_and_does_nothing_else(script, tmp_path):
    done = python(script, "--help", cwd=tmp_path)
    assert (done.returncode, done.stdout[:6]) == (0, "usage:")
    assert not list(tmp_path.iterdir())


def test_the_command_says_its_version():
    assert command("--version").stdout == f"chollet-cnn {cc.__version__}\n"


def test_a_mistake_ends_a_command_with_one_sentence_and_status_2(tmp_path):
    done = command("predict", str(tmp_path / "no-run"), "image.png")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1


def test_the_citation_and_the_changelog_name_this_version():
    assert f"\nversion: {cc.__version__}\n" in (ROOT / "CITATION.cff").read_text()
    assert f"\n## {cc.__version__}" in (ROOT / "CHANGELOG.md").read_text()
