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


def in_new_process(script):
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)


def command(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "chollet_cnn", *arguments], capture_output=True, text=True
    )


def test_importing_the_package_imports_nothing_heavy():
    done = in_new_process(
        "import sys, chollet_cnn as cc\n"
        "heavy = {'numpy', 'pandas', 'matplotlib', 'keras', 'tensorflow', 'argparse'}\n"
        "assert dir(cc) and not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", cc.__all__)
def test_each_notebook_name_is_a_documented_function_and_hides_no_module(name):
    assert getattr(cc, name).__name__ == name
    assert getattr(cc, name).__doc__
    assert find_spec(f"chollet_cnn.{name}") is None
    assert re.search(rf"\bcc\.{name}\b", cc.__doc__)


@pytest.mark.parametrize("name", ["train_netwrk", "train"])
def test_an_unknown_name_and_that_of_a_command_are_attribute_errors(name):
    script = f"import chollet_cnn as cc\nprint({name!r} in dir(cc))\ncc.{name}"
    done = in_new_process(script)
    assert done.stdout == "False\n"
    assert re.search(rf"AttributeError: .*\b{name}\b", done.stderr)


def test_list_recipes_has_the_published_accuracy_of_listing_8_5():
    recipes = cc.list_recipes()
    assert recipes.loc["mnist-second-edition", "parameters"] == 104_202
    assert recipes.loc["mnist-second-edition", "book"] == "99.1% test"
    assert recipes.loc["mnist-three-block", "book"] == ""


def test_a_few_lines_in_a_notebook_go_from_training_to_a_heatmap(digits_run):
    run = cc.load_run(digits_run)
    image = cc.load_dataset("digits").test.images[0]
    heatmap = cc.compute_grad_cam(run.load_model(), image)
    assert heatmap.max() > 0
    assert cc.plot_learning_curve(run.history).axes


@pytest.mark.parametrize(("arguments", "status"), [(["--help"], 0), ([], 2)])
def test_the_command_names_its_commands(arguments, status):
    shown = command(*arguments)
    assert shown.returncode == status
    for name in command_line.COMMANDS:
        assert f"\n  {name} " in shown.stdout


def test_the_command_says_its_version():
    assert command("--version").stdout == f"chollet-cnn {cc.__version__}\n"


@pytest.mark.parametrize("name", command_line.COMMANDS)
def test_each_command_shows_its_own_options_under_the_name_it_was_called_by(name, capsys):
    with pytest.raises(SystemExit) as ended:
        command_line.main([name, "--help"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: chollet-cnn {name} ")


def test_a_mistake_ends_a_command_with_one_sentence_and_status_2(tmp_path):
    done = command("predict", str(tmp_path / "no-run"), "image.png")
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr


def test_the_citation_and_the_changelog_name_this_version():
    assert f"\nversion: {cc.__version__}\n" in (ROOT / "CITATION.cff").read_text()
    assert f"\n## {cc.__version__}" in (ROOT / "CHANGELOG.md").read_text()
