"""Fixtures for every test: caches of its own, the real data sets where present, trained runs."""

import os
from pathlib import Path

# Two workers whose matrix products wait for each other's threads take twice as long.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# The expected numbers are a CPU's, and TensorFlow in one worker would take all of a GPU's memory.
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import pytest
from filelock import FileLock

from chollet_cnn.data import archives, mnist
from chollet_cnn.errors import UserError

LONGEST_FIRST = (
    "page/test_explorer_photographs",
    "evidence/test_cluster",
    "page/test_explorer_numbers",
    "test_readme",
    "page/test_report",
    "training/test_backends",
    "training/test_train",
    "training/test_resuming",
    "data/test_handwriting",
    "training/test_interrupts",
    "robustness/test_kills",
    "evidence/test_reproduce",
    "page/test_page_in_browser",
    "test_notebooks",
    "evidence/test_run_many",
    "test_predict",
)
"""Files that take long; whichever worker is free takes the next, so the last should be short."""
ONE_PAGE = {f"tests/page/test_{name}.py" for name in ("report", "chapters", "worked")}
"""Files about the chapters of one page, which the worker that made them holds."""


def pytest_addoption(parser):
    """Let tests/robustness/ try more, and record what it tried."""
    parser.addoption(
        "--robustness-full", action="store_true", help="attack every reader for minutes"
    )
    parser.addoption(
        "--robustness-figures",
        metavar="FILE",
        help="write how much was tried into FILE, such as SECURITY.md; use it with -n 0",
    )


def pytest_collection_modifyitems(items):
    """Put the tests of the longest files first; within a file the order stays."""
    rank = {name: number for number, name in enumerate(LONGEST_FIRST)}

    def place(item):
        file = item.path.relative_to(Path(__file__).parent).with_suffix("").as_posix()
        return rank.get(file, len(rank))

    items.sort(key=place)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Give the files about one page to one worker, and every other file whole, as loadfile does."""
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid):
            file = super()._split_scope(nodeid)
            return "one page" if file in ONE_PAGE else file

    return Scheduling(config, log)


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory):
    """A folder that all workers of pytest-xdist share, and all sessions with SHARED_BY_TESTS."""
    own = tmp_path_factory.getbasetemp()
    own = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    folder = Path(os.environ.get("SHARED_BY_TESTS", own / "shared"))
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session", autouse=True)
def own_caches(tmp_path_factory, shared_folder):
    """Keep the tests out of the user's caches; CHOLLET_CNN_DATA stays as it is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERAS_HOME", str(tmp_path_factory.mktemp("keras")))
        patch.setenv("CHOLLET_CNN_CACHE", str(shared_folder / "cache"))
        yield


@pytest.fixture(scope="session")
def made_once(shared_folder):
    """A function ``made_once(name, make)`` that returns a folder which ``make(folder)`` filled.

    The first worker that asks for the folder makes it, the others wait. A worker must not write
    into it afterwards.
    """

    def folder_of(name, make):
        folder = shared_folder / name
        finished = shared_folder / f"{name}.finished"
        with FileLock(shared_folder / f"{name}.lock"):
            if not finished.exists():
                make(folder)
                finished.touch()
        return folder

    return folder_of


@pytest.fixture(scope="session")
def train_once(made_once):
    """A function ``train_once(name, **options)`` that trains a run for all workers together."""
    from chollet_cnn.training import runs, trainer

    def trained(name, **options):
        folder = made_once(name, lambda out: trainer.train_network(out=out, **options))
        (path,) = folder.glob("*/seed-*")
        return runs.load_run(path)

    return trained


@pytest.fixture(scope="session")
def digits_run(train_once):
    """The run directory of the three-block network after six epochs on the embedded digits.

    All workers share it: copy it before changing anything in it.
    """
    return train_once("digits", dataset="digits", epochs=6).path


@pytest.fixture(scope="session")
def data_folder():
    folder = os.environ.get("CHOLLET_CNN_DATA")
    if not folder:
        pytest.skip("CHOLLET_CNN_DATA does not name a folder with the real data")
    return Path(folder)


@pytest.fixture(scope="session")
def real_mnist_dir(data_folder):
    if not mnist.find_in(data_folder):
        pytest.skip(f"MNIST is not in {data_folder}")
    return data_folder


@pytest.fixture(scope="session")
def real_mnist_run(real_mnist_dir, train_once):
    """The three-block network after one epoch on real MNIST; all workers share it."""
    return train_once("real-mnist", dataset="mnist", data_dir=real_mnist_dir, epochs=1)


@pytest.fixture(scope="session")
def real_cats_dir(data_folder, own_caches):
    try:
        archives.find(data_folder)
    except UserError:
        pytest.skip(f"cats vs dogs is not in {data_folder}")
    return data_folder
