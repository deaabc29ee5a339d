"""SECURITY.md names a test for each promise, and every one of them is there."""

import ast
import re
from pathlib import Path

import pytest

from robustness.conftest import BEGIN, END

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
ROWS = [line for line in TEXT.partition(BEGIN)[0].splitlines() if line.startswith("| ")][2:]
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", TEXT)


def test_every_promise_names_a_test():
    assert len(ROWS) >= 15
    assert [row for row in ROWS if "::test_" not in row] == []


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_a_test_that_holds_a_promise_is_there(file, name):
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_the_figures_are_those_of_a_run_with_every_attack_and_no_fault():
    figures = TEXT.partition(BEGIN)[2].partition(END)[0]
    rows = re.findall(r"^\| (.+) \| ([\d,]+) \| (\d+) \|$", figures, re.MULTILINE)
    attacks = {
        node.name.removeprefix("test_").replace("_", " ")
        for file in Path(__file__).parent.glob("test_*.py")
        for node in ast.parse(file.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef)
        and {"attack", "count"} & {argument.arg for argument in node.args.args}
    }
    assert {re.sub(r"\[.*", "", name) for name, _, _ in rows} == attacks
    assert [name for name, _, faults in rows if faults != "0"] == []
    total = re.search(r"([\d,]+) inputs tried", figures)[1]
    assert sum(int(count.replace(",", "")) for _, count, _ in rows) == int(total.replace(",", ""))
