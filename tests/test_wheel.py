"""The wheel and the source archive hold all that the installed commands need."""

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
READ = ("backends.csv", "copies.csv", "quick.csv", "runs.csv", "variants.csv")
"""The tables that an installed package reads; the others are only written, or read by scripts."""


def built(tmp_path, source, kind):
    """Build without a network, with the build backend that is installed here."""
    pytest.importorskip("hatchling", reason="hatchling is not installed: pip install hatchling")
    build = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(tmp_path)]
    subprocess.run(build, cwd=source, check=True, capture_output=True)
    (archive,) = tmp_path.glob("*.whl" if kind == "wheel" else "*.tar.gz")
    return archive


def wheel_of(source, folder):
    """Return the files of the wheel that is built from a folder, with their contents."""
    with zipfile.ZipFile(built(folder, source, "wheel")) as wheel:
        return {n: wheel.read(n) for n in wheel.namelist() if n.startswith("chollet_cnn/")}


def test_the_wheel_holds_the_package_and_the_recorded_runs_and_the_checkout_stays_clean(tmp_path):
    before = sorted(path for path in ROOT.iterdir())
    wheel = wheel_of(ROOT, tmp_path / "wheel")
    assert sorted(path for path in ROOT.iterdir()) == before

    package = {
        f"chollet_cnn/{path.relative_to(ROOT / 'chollet_cnn').as_posix()}": path.read_bytes()
        for path in (ROOT / "chollet_cnn").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    results = ROOT / "results"
    records = {
        f"chollet_cnn/evidence/results/{path.relative_to(results).as_posix()}": path.read_bytes()
        for path in [*(results / name for name in READ), *results.glob("histories/*.csv")]
    }
    assert wheel == package | records


def test_a_wheel_built_from_the_source_archive_is_the_same(tmp_path):
    archive = built(tmp_path, ROOT, "sdist")
    with tarfile.open(archive) as source:
        source.extractall(tmp_path, filter="data")
    (unpacked,) = (path for path in tmp_path.iterdir() if path.is_dir())
    assert wheel_of(unpacked, tmp_path / "one") == wheel_of(ROOT, tmp_path / "two")
