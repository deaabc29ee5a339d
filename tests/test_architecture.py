"""The house stands as the README draws it: who may import whom, and what is imported when."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import chollet_cnn

PACKAGE = Path(chollet_cnn.__file__).parent
ROOT = PACKAGE.parent
MODULES = sorted(PACKAGE.rglob("*.py"))

FLOORS = (
    {"errors"},
    {"files"},
    {"drawing"},
    {"book", "data", "concepts"},
    {"analysis"},
    {"training"},
    {"evidence"},
    {"page"},
    {"train", "predict", "report", "claims", "reproduce"},
    {"__main__"},
)
"""Who may import whom: each floor those below it. Type-checking imports count as well."""


def imports(module):
    """Yield every module that a file imports, inside functions and for type hints too."""
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            if node.module == "chollet_cnn":
                yield from (f"chollet_cnn.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


@pytest.mark.parametrize("module", MODULES, ids=lambda m: str(m.relative_to(PACKAGE)))
def test_imports_go_down_only(module):
    own = module.relative_to(PACKAGE).with_suffix("").parts[0]
    floor = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
    found = {name.split(".")[1] for name in imports(module) if name.startswith("chollet_cnn.")}
    for room in found - {own, "__version__"}:
        assert floor[room] < floor.get(own, 0), f"{own} imports {room}"


WITH_KERAS = {"book/legacy_keras.py", "book/networks.py", "training/loop.py"}
"""Modules that import Keras, and are imported inside functions for that reason."""


@pytest.mark.parametrize("module", MODULES, ids=lambda m: str(m.relative_to(PACKAGE)))
def test_no_module_imports_a_backend_at_import_time(module):
    if str(module.relative_to(PACKAGE)) in WITH_KERAS:
        return
    for node in ast.parse(module.read_text()).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module]
            assert not {n.split(".")[0] for n in names if n} & {
                "tensorflow",
                "jax",
                "torch",
                "keras",
            }


@pytest.mark.parametrize(("door", "option"), [("claims", "--write"), ("reproduce", "--quick")])
def test_help_answers_without_importing_numpy_or_pandas(door, option):
    script = (
        f"import sys\nfrom chollet_cnn import {door}\n"
        f"try: {door}.main(['--help'])\nexcept SystemExit: pass\n"
        "sys.exit(bool({'numpy', 'pandas', 'scipy', 'keras'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0
    assert option in done.stdout


def test_importing_the_whole_package_imports_no_backend():
    names = [
        ".".join(module.relative_to(ROOT).with_suffix("").parts)
        for module in MODULES
        if module.name not in ("__init__.py", "__main__.py")
        and str(module.relative_to(PACKAGE)) not in WITH_KERAS
    ]
    script = (
        f"import importlib, sys\nfor name in {names}: importlib.import_module(name)\n"
        "sys.exit(any(b in sys.modules for b in ('keras', 'tensorflow', 'jax', 'torch')))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


@pytest.mark.parametrize("module", MODULES, ids=lambda m: str(m.relative_to(PACKAGE)))
def test_no_file_is_longer_than_one_can_read_in_a_sitting(module):
    assert len(module.read_text().splitlines()) <= 500


def test_every_file_that_the_readme_draws_is_there():
    drawing = re.search(r"```\n(chollet_cnn/\n.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    for name in re.findall(r"\b[\w/]+(?:\.py|/)", drawing[1]):
        assert (PACKAGE / name).exists() or (ROOT / name).exists(), name


def test_the_constraints_are_names_and_versions_only():
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        assert re.fullmatch(r"#.*|[\w.-]+==[\w.+]+", line), line
