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

GROUND = {
    "concepts",
    "data",
    "recipes",
    "networks",
    "optimizers",
    "augmentation",
    "determinism",
    "devices",
    "analysis",
    "fitting",
    "errors",
    "files",
    "style",
}
MAY_IMPORT = {name: {"errors", "files", "style"} for name in GROUND} | {
    "networks": {"augmentation"},
    "runs": {"errors", "files", "recipes", "augmentation"},
    "recorded": {"errors"},
    "experiments": {"printed", "quantities", "recipes", "spread"},
    "answers": {"errors", "recipes", "spread", "quantities", "experiments"},
    "claims": {
        "errors",
        "files",
        "recipes",
        "recorded",
        "spread",
        "answers",
        "quantities",
        "printed",
    },
    "summary": {"recipes", "claims", "quantities"},
    "train": {*GROUND, "runs", "claims", "summary"},
    "predict": {*GROUND, "runs", "claims"},
    "chapters": {
        *GROUND,
        "runs",
        "recorded",
        "claims",
        "printed",
        "quantities",
        "summary",
        "spread",
    },
    "reproduce": {*GROUND, "runs", "recorded", "spread", "train"},
    "report": {"chapters", "data", "devices", "errors"},
}


def imports(module):
    """Yield every module that a file imports, inside functions too, but for type hints' sake."""
    tree = ast.parse(module.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            if node.module == "chollet_cnn":
                yield from (f"chollet_cnn.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


@pytest.mark.parametrize("module", MODULES, ids=lambda m: str(m.relative_to(PACKAGE)))
def test_a_module_imports_only_what_the_house_allows(module):
    place = module.relative_to(PACKAGE).with_suffix("").parts[0]
    rooms = {name.split(".")[1] for name in imports(module) if name.startswith("chollet_cnn.")}
    rooms -= {place, "__version__", "__init__"}
    assert rooms <= MAY_IMPORT.get(place, set()), f"{place} imports {rooms}"


@pytest.mark.parametrize("module", MODULES, ids=lambda m: str(m.relative_to(PACKAGE)))
def test_no_module_imports_a_backend_at_import_time(module):
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
