"""Who may import whom, what is imported when, and that the README and CI name files that exist."""

import ast
import re
import subprocess
import sys
from collections import Counter
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import chollet_cnn
from chollet_cnn.__main__ import COMMANDS

PACKAGE = Path(chollet_cnn.__file__).parent
ROOT = PACKAGE.parent
BACKENDS = {"keras", "tensorflow", "jax", "torch"}
ANALYSIS = {"pandas", "scipy", "matplotlib", "skimage", "sklearn"}
SLOW = BACKENDS | ANALYSIS | {"numpy", "jinja2"}

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
"""Who may import whom: each floor those before it, and no room another one of its floor."""


@cache
def modules():
    """Return the syntax tree of every module of the package, by its full name."""
    return {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): ast.parse(
            path.read_text(encoding="utf-8")
        )
        for path in sorted(PACKAGE.rglob("*.py"))
    }


@cache
def imports():
    """Return the modules that each module imports, in functions and for type hints too."""
    found = {name: set() for name in modules()}
    for name, tree in modules().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                found[name] |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                for full in (f"{node.module}.{alias.name}" for alias in node.names):
                    found[name].add(full if full in found else node.module)
        found[name] = found[name] & found.keys() - {name, "chollet_cnn"}
    return found


def room(name):
    return name.split(".")[1] if "." in name else name


def test_imports_go_down_only():
    floor = {name: number for number, names in enumerate(FLOORS) for name in names}
    assert set(map(room, modules())) - {"chollet_cnn"} == set(floor)
    assert [
        f"{importer} imports {imported}"
        for importer, others in imports().items()
        for imported in others
        if room(importer) != room(imported) and floor[room(imported)] >= floor[room(importer)]
    ] == []


def test_no_modules_import_each_other_in_a_circle():
    try:
        TopologicalSorter(imports()).prepare()
    except CycleError as problem:
        pytest.fail(" imports ".join(problem.args[1]))


def test_imports_stand_at_the_top_of_a_file_with_few_exceptions():
    inside = {
        (name, statement.lineno)
        for name, tree in modules().items()
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for statement in ast.walk(function)
        if isinstance(statement, ast.Import | ast.ImportFrom)
    }
    per_module = Counter(name for name, _ in inside)
    assert len(inside) <= 25, f"{len(inside)} imports inside functions: {per_module.most_common()}"


def test_the_top_of_the_package_holds_at_most_eight_modules_and_eight_packages():
    files = [path.name for path in PACKAGE.glob("*.py") if path.name != "__init__.py"]
    assert len(files) <= 8, files
    assert len({path.parent for path in PACKAGE.glob("*/*.py")}) <= 8


def test_no_file_is_longer_than_one_can_read_in_a_sitting():
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for folder in (PACKAGE, ROOT / "scripts", ROOT / "tests")
        for path in folder.rglob("*.py")
    }
    assert {name: lines for name, lines in lengths.items() if lines > 500} == {}


def test_no_file_needs_a_module_of_unix_to_be_imported():
    needs = re.compile(r"^(?:import|from) (?:fcntl|grp|pty|pwd|resource|termios)\b", re.MULTILINE)
    files = [file for name in (PACKAGE, "scripts", "tests") for file in (ROOT / name).rglob("*.py")]
    assert [str(file) for file in files if needs.search(file.read_text(encoding="utf-8"))] == []


def run_without(slow, script):
    """Run a script in a process of its own that imports none of these; return what it prints."""
    script += f"\nimport sys; sys.exit(', '.join({slow} & set(sys.modules)) or None)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


NAMES_WITHOUT_KERAS = {*chollet_cnn.__all__} - chollet_cnn._IMPORT_KERAS - {"write_report"}
ROOMS_WITHOUT_BACKEND = [n for n in modules() if room(n) in {"data", "concepts", "drawing"}]
OPERATIONS = "convolution, geometry, images, kernels, neurons, pooling"
REPORT_OF_NO_RUN = """
from chollet_cnn import errors, report
try: report.main(["no-such-run", "--quiet"])
except errors.UserError as problem: assert "no-such-run is not a run directory" in str(problem)
else: raise AssertionError("a report was written")
"""


LATER = {
    "the package": (SLOW | {"argparse"}, "import chollet_cnn; assert dir(chollet_cnn)"),
    "its names that need no Keras": (
        {"keras"}, f"from chollet_cnn import {', '.join(NAMES_WITHOUT_KERAS)}"
    ),
    "data, concepts and drawing": (BACKENDS, f"import {', '.join(ROOMS_WITHOUT_BACKEND)}"),
    "the concepts, with NumPy alone": (
        BACKENDS | ANALYSIS, f"from chollet_cnn.concepts import {OPERATIONS}"
    ),
    "run_seeds.py, before it says that it starts": (
        {"numpy", "pandas", "ray"},
        f"import sys; sys.path.insert(0, {str(ROOT / 'scripts')!r}); import run_seeds",
    ),
    "the list of recipes": (SLOW, "from chollet_cnn import train; train.main(['--list'])"),
    "a report of a run that is not there": (
        {"keras", "tensorflow", "matplotlib"}, REPORT_OF_NO_RUN
    ),
}  # fmt: skip
"""What must not be imported by what."""


@pytest.mark.parametrize(("slow", "script"), LATER.values(), ids=LATER)
def test_imports_wait_until_they_are_needed(slow, script):
    run_without(slow, script)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_answers_without_importing_anything_slow(command):
    module, slow = ("data.__main__", SLOW - {"numpy"}) if command == "data" else (command, SLOW)
    printed = run_without(
        slow,
        "from chollet_cnn import __main__\n"
        f"from chollet_cnn.{module} import main\n"
        f"for start, words in ((main, []), (__main__.main, ['{command}'])):\n"
        "    try: start([*words, '--help'])\n    except SystemExit as end: assert not end.code",
    )
    assert printed.startswith(f"usage: python -m chollet_cnn.{command} ")
    assert f"\nusage: chollet-cnn {command} " in printed


DRAWN = re.search(r"```\n(chollet_cnn/\n.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)[1]


@pytest.mark.parametrize(
    "names",
    [
        re.findall(r"\b(?:tests|scripts)/[\w/]+\.py", (ROOT / ".ci" / "run").read_text()),
        re.findall(r"\b[\w/]+(?:\.py|/)", DRAWN),
    ],
    ids=["CI", "the README's layout"],
)
def test_every_file_that_is_named_is_there(names):
    assert names
    assert [n for n in names if not ((PACKAGE / n).exists() or (ROOT / n).exists())] == []


def test_the_constraints_are_names_and_versions_only():
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        assert re.fullmatch(r"#.*|[\w.-]+==[\w.+]+", line), line
