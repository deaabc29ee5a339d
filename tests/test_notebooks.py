"""In a real kernel: what a cell displays, and that the notebooks run and their exercises check."""

import struct
import sys
from base64 import b64decode
from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed: pip install nbformat")
pytest.importorskip("nbclient", reason="nbclient is not installed: pip install nbclient")
pytest.importorskip("ipykernel", reason="ipykernel is not installed: pip install ipykernel")

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "scripts"))
import execute_notebooks  # noqa: E402

sys.path.remove(str(ROOT / "scripts"))

CELLS = {
    "import": "import chollet_cnn as cc\nfrom chollet_cnn.drawing import sheet",
    "figure": "figure = sheet.panels(2.0, 'a title')\nfigure.subplots()\nfigure",
    "show": "figure.show()",
    "inline": "%matplotlib inline\nfigure",
    "train": "run = cc.train_network(dataset='digits', epochs=2)",
    "run": "run",
    "again": "run = cc.train_network(dataset='digits', epochs=2)",
    "quiet": "run = cc.train_network(dataset='digits', epochs=2, quiet=True)",
}
ANSWERS = (
    "sixth = (9 + 10 + 1) / 3",
    "windows = 12 * 12",
    "value = 5 * window[1, 1] - window[0, 1] - window[1, 0] - window[1, 2] - window[2, 1]",
    "def correlate(image, kernel):\n"
    "    return np.array([[(kernel * image[r : r + 3, c : c + 3]).sum() for c in range(14)]\n"
    "                     for r in range(14)])",
    "turned = np.rot90(kernel, 2)",
    "def max_pool(image):\n    return image.reshape(7, 2, 7, 2).max(axis=(1, 3))",
    "in_convolution = 64 * (3 * 3 * 32 + 1)",
    "in_dense = 1024 * (512 + 1)",
)


@pytest.fixture(autouse=True)
def kernels_import_this_package(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


@pytest.fixture(scope="module")
def displayed(tmp_path_factory):
    """Run the cells in one kernel; return the outputs of each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        notebook = nbformat.v4.new_notebook(
            cells=list(map(nbformat.v4.new_code_cell, CELLS.values()))
        )
        execute_notebooks.execute(notebook, tmp_path_factory.mktemp("kernel"))
    return {name: cell.outputs for name, cell in zip(CELLS, notebook.cells, strict=True)}


def stored(name):
    return nbformat.read(execute_notebooks.NOTEBOOKS / f"{name}.ipynb", 4)


def printed(cell):
    return "".join(output.get("text", "") for output in cell.outputs)


def images(notebook):
    """Return the mime types that each cell displays."""
    return [
        [sorted(output["data"]) for output in cell.get("outputs", ()) if "data" in output]
        for cell in notebook.cells
    ]


def test_a_figure_shows_once_with_two_pixels_for_each_of_the_screen(displayed):
    (output,) = displayed["figure"]
    width, height = struct.unpack(">II", b64decode(output["data"]["image/png"])[16:24])
    size = output["metadata"]["image/png"]
    assert (width, size["width"]) == (1400, 700)
    assert height == pytest.approx(2 * size["height"], abs=1)


@pytest.mark.parametrize("cell", ["show", "inline"])
def test_a_figure_shows_once_when_asked_to_and_with_matplotlib_inline(displayed, cell):
    (output,) = displayed[cell]
    assert "image/png" in output["data"]


def test_training_shows_a_line_an_epoch_and_a_second_call_only_that_it_is_finished(displayed):
    lines = "".join(output["text"] for output in displayed["train"]).splitlines()
    assert [line.split()[1] for line in lines if line.startswith("epoch ")] == ["1/2", "2/2"]
    (output,) = displayed["again"]
    assert output["text"].endswith("seed-0 is finished already.\n")
    assert displayed["quiet"] == []


def test_a_run_displays_its_facts_and_its_learning_curve(displayed):
    (output,) = displayed["run"]
    assert output["data"]["text/html"].count("<img ") == 1
    assert len(output["data"]["text/plain"]) < 200


def test_a_progress_bar_is_a_widget_that_goes_when_the_work_is_done(tmp_path):
    from nbclient import NotebookClient

    pytest.importorskip("ipywidgets", reason="ipywidgets is not installed: pip install ipywidgets")
    cell = nbformat.v4.new_code_cell(
        "from chollet_cnn.drawing.progress import progress_bar\n"
        "with progress_bar('work', 3, stays=False) as advance:\n    advance(3)"
    )
    client = NotebookClient(nbformat.v4.new_notebook(cells=[cell]), timeout=60)
    client.execute()
    (output,) = cell.outputs
    bar = output["data"][execute_notebooks.WIDGET]["model_id"]
    assert client.widget_state[bar]["value"] == client.widget_state[bar]["max"] == 3


@pytest.mark.parametrize("name", ["train-and-look-inside", "convolution-by-hand"])
def test_a_notebook_runs_and_displays_what_is_stored_in_it(name, tmp_path):
    now = execute_notebooks.execute(stored(name), tmp_path)
    assert images(now) == images(stored(name))
    assert any(map(bool, images(now)))


def test_the_notebook_of_records_runs_and_places_the_reader_s_run(tmp_path, real_mnist_dir):
    now = execute_notebooks.execute(stored("does-the-number-come-back"), tmp_path)
    assert images(now) == images(stored("does-the-number-come-back"))
    text = "".join(printed(cell) for cell in now.cells if cell.cell_type == "code")
    assert "your run after epoch 1: 9" in text


def checks(notebook):
    return [printed(cell) for cell in notebook.cells if "\ncheck(" in f"\n{cell.source}"]


def test_the_checks_of_the_exercises_wait_for_an_answer_and_accept_the_right_one(tmp_path):
    empty = stored("convolution-by-hand")
    assert checks(empty) == ["Not answered yet.\n"] * len(ANSWERS)
    solved = execute_notebooks.execute(empty, tmp_path, ANSWERS)
    assert checks(solved) == ["Right.\n"] * len(ANSWERS)


def test_a_wrong_answer_is_not_accepted(tmp_path):
    wrong = ["sixth = 1", "windows = 25", "value = 0", "correlate = lambda image, kernel: image"]
    wrong += ["turned = kernel.T", "max_pool = lambda image: image[::2, ::2]"]
    wrong += ["in_convolution = 64 * 9 * 32", "in_dense = 512 * 1024"]
    now = execute_notebooks.execute(stored("convolution-by-hand"), tmp_path, wrong)
    assert len(checks(now)) == len(wrong)
    assert all(line.startswith("Not yet") for line in checks(now))


@pytest.mark.parametrize(
    "path", sorted(execute_notebooks.NOTEBOOKS.glob("*.ipynb")), ids=lambda p: p.stem
)
def test_a_stored_notebook_is_valid_small_and_begins_by_installing_the_package(path):
    notebook = nbformat.read(path, 4)
    nbformat.validate(notebook)
    assert path.stat().st_size < 600_000
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert "%pip install" in code[0].source
    assert not code[0].outputs
    assert not [o for cell in code for o in cell.outputs if o.output_type == "error"]
