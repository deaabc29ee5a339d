"""One page for all tests, made from runs of which some are broken, ill-meant or unusual.

``CHOLLET_CNN_EXPLORER_DIGITS`` is the number of test digits that each network is asked about by
the tests of the explorer, 200 unless given; with real MNIST in ``CHOLLET_CNN_DATA`` they are its
test digits, else scikit-learn's.
"""

import json
import os
from pathlib import Path

import matplotlib as mpl
import pytest
from untrained_runs import HOSTILE, branching_network, plain_network, sequential, write_run

from chollet_cnn import report as command
from chollet_cnn.data import digits, mnist
from chollet_cnn.page import build, trained_model
from chollet_cnn.page.explorer import export
from chollet_cnn.page.figure import LOOK

COUNT = int(os.environ.get("CHOLLET_CNN_EXPLORER_DIGITS", "200"))


@pytest.fixture(scope="session")
def hostile_run(tmp_path_factory):
    path = tmp_path_factory.mktemp("hostile") / HOSTILE.replace("/", "")
    return write_run(path, plain_network(), HOSTILE, classes=(HOSTILE, "dog"))


BUILT = []
"""The chapters of the page below, in the worker that made it."""


@pytest.fixture(scope="session")
def report_folder(made_once, digits_run, hostile_run):
    """The page of a run on the embedded digits, of ill-meant and unusual ones, and of no run.

    All workers share it. What was left out is in ``problems.json``.
    """

    def make(folder):
        branching = write_run(folder / "branching", branching_network(), "Branching")
        dense = write_run(folder / "dense", sequential(), "Dense")
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("CHOLLET_CNN_DATA", str(folder))
            paths = [digits_run, hostile_run, branching, dense, "no-such-run"]
            made = build.write_report(paths, out=folder / "report")
        (folder / "report" / "problems.json").write_text(json.dumps(made.problems))
        BUILT.extend(made.chapters)

    return made_once("page", make) / "report"


@pytest.fixture(scope="session")
def html(report_folder):
    return (report_folder / "index.html").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def chapters(report_folder, digits_run, hostile_run):
    """The chapters of that page, by their addresses."""
    if BUILT:
        return {chapter.slug: chapter for chapter in BUILT}
    others = [report_folder.parent / name for name in ("branching", "dense")]
    with pytest.MonkeyPatch.context() as patch, mpl.rc_context(LOOK):
        patch.setenv("CHOLLET_CNN_DATA", str(report_folder))
        models = []
        for path in (digits_run, hostile_run, *others):
            models.append(trained_model.read(path, {model.slug for model in models}))
        return {chapter.slug: chapter for chapter in build.make_chapters(models)}


@pytest.fixture(scope="session")
def without_runs(tmp_path_factory):
    """The folder that the command fills where no run is finished, with figures as PDF."""
    folder = tmp_path_factory.mktemp("without-runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert command.main(["--format", "pdf", "--dpi", "200", "--width", "5"]) == 0
    return folder / "report"


@pytest.fixture(scope="session")
def digits_model(digits_run):
    return trained_model.read(digits_run)


@pytest.fixture(scope="session")
def trained(train_once):
    """The first edition's network after four epochs on the embedded digits."""
    options = {"recipe": "mnist-first-edition", "dataset": "digits", "epochs": 4}
    return train_once("first-edition-digits", **options)


@pytest.fixture(scope="session")
def network(trained):
    return trained.load_model()


@pytest.fixture(scope="session")
def explorer(trained, made_once):
    """The explorer of that run; all workers share the file."""

    def make(folder):
        folder.mkdir()
        model = trained_model.read(trained.path)
        export.write_explorer(model, folder / "explorer.html")

    return made_once("explorer", make) / "explorer.html"


@pytest.fixture(scope="session")
def recorded():
    """The explorer of a recorded run of the first edition's network on MNIST."""
    return Path(__file__).parents[2] / "results" / "explorer.html"


@pytest.fixture(scope="session")
def images():
    folder = Path(os.environ.get("CHOLLET_CNN_DATA", "nowhere"))
    if mnist.find_in(folder):
        found, name = mnist.load(folder).test.images, "MNIST test digits"
    else:
        found, name = digits.load().test.images, "test digits of scikit-learn"
    found = found[:: max(1, len(found) // COUNT)][:COUNT]
    print(f"\n{len(found)} {name}")
    return found


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    import chromium  # skips where selenium is not installed

    browser = chromium.start(tmp_path_factory.mktemp("browser"))
    yield browser
    browser.quit()
