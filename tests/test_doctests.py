"""Every example in a docstring is true, and every function of the concepts has one."""

import doctest
import inspect
from importlib import import_module
from pathlib import Path

import pytest

import chollet_cnn

PACKAGE = Path(chollet_cnn.__file__).parent


def names(paths):
    inside = (path.relative_to(PACKAGE.parent).with_suffix("") for path in sorted(paths))
    return [".".join(path.parts).removesuffix(".__init__") for path in inside]


@pytest.mark.parametrize(
    "name", names(path for path in PACKAGE.rglob("*.py") if ">>>" in path.read_text("utf-8"))
)
def test_the_examples_in_the_docstrings_are_true(name):
    results = doctest.testmod(import_module(name))
    assert results.failed == 0
    assert results.attempted > 0


@pytest.mark.parametrize("name", names(PACKAGE.glob("concepts/[!_]*.py")))
def test_every_public_function_has_a_worked_example(name):
    for function_name, function in inspect.getmembers(import_module(name), inspect.isfunction):
        if function.__module__ == name and not function_name.startswith("_"):
            assert ">>>" in function.__doc__, f"{function_name} shows no example"
