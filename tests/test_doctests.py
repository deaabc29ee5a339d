"""Every example in the concepts' docstrings is true, and every function has one."""

import doctest
import importlib
import inspect
import pkgutil

import pytest

from chollet_cnn import concepts


def concept_modules():
    """Find the modules of concepts, those in sub-packages too, but none that draws."""
    found = pkgutil.walk_packages(concepts.__path__, prefix="chollet_cnn.concepts.")
    return [module.name for module in found if "figures" not in module.name.split(".")]


@pytest.mark.parametrize("name", concept_modules())
def test_the_examples_in_the_docstrings_are_true(name):
    results = doctest.testmod(importlib.import_module(name))
    assert results.failed == 0
    assert results.attempted > 0


@pytest.mark.parametrize("name", concept_modules())
def test_every_public_function_has_a_worked_example(name):
    module = importlib.import_module(name)
    for function_name, function in inspect.getmembers(module, inspect.isfunction):
        if function.__module__ == name and not function_name.startswith("_"):
            assert ">>>" in function.__doc__, f"{function_name} shows no example"


def test_the_six_modules_of_the_concepts_are_all_read():
    six = {"images", "convolution", "kernels", "pooling", "geometry", "neurons"}
    assert six <= {name.rsplit(".", 1)[1] for name in concept_modules()}
