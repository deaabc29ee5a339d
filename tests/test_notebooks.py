"""In a real kernel: what a cell displays, and that the notebooks run and their exercises check."""

import re
import shutil
import struct
from base64 import b64decode
from pathlib import Path
from textwrap import dedent

import pytest

from chollet_cnn.training.trainer import NEXT_CELLS

pytestmark = pytest.mark.slow

nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed: pip install nbformat")
pytest.importorskip("nbclient", reason="nbclient is not installed: pip install nbclient")
pytest.importorskip("ipykernel", reason="ipykernel is not installed: pip install ipykernel")

ROOT = Path(__file__).parents[1]
import execute_notebooks  # noqa: E402

CELLS_SHOWN = map(dedent, re.findall(r"(?:^  .*\n)+", NEXT_CELLS, re.MULTILINE))
CELLS = {
    "import": "import chollet_cnn as cc\nfrom chollet_cnn.drawing import sheet",
    "figure": "figure = sheet.panels(2.0, 'a title')\nfigure.subplots()\nfigure",
    "show": "figure.show()",
    "inline": "%matplotlib inline\nfigure",
    "train": "run = cc.train_network(dataset='digits', epochs=2)",
    "run": "run",
    "again": "run = cc.train_network(dataset='digits', epochs=2)",
    "package": "cc",
    **dict(zip(("prediction", "heatmap"), CELLS_SHOWN, strict=True)),
    "answers": "cc.predict_images(run, 'photo.jpg')",
    "mistake": "cc.train_network('mnist-frist-edition')",
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
WRONG = (
    "sixth = 1", "windows = 25", "value = 0", "correlate = lambda image, kernel: image",
    "turned = kernel.T", "max_pool = lambda image: image[::2, ::2]",
    "in_convolution = 64 * 9 * 32", "in_dense = 512 * 1024",
)  # fmt: skip


@pytest.fixture(autouse=True, scope="module")
def kernels_import_this_package():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        yield


@pytest.fixture(scope="module")
def displayed(tmp_path_factory):
    """Run the cells in one kernel; return the outputs of each."""
    folder = tmp_path_factory.mktemp("kernel")
    shutil.copy(execute_notebooks.NOTEBOOKS / "seven.jpg", folder / "photo.jpg")
    cells = {name: nbformat.v4.new_code_cell(source) for name, source in CELLS.items()}
    cells["mistake"].metadata.tags = ["raises-exception"]
    execute_notebooks.execute(nbformat.v4.new_notebook(cells=list(cells.values())), folder)
    return {name: cell.outputs for name, cell in cells.items()}


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
    assert lines[-len(NEXT_CELLS.splitlines()) :] == NEXT_CELLS.splitlines()
    again = "".join(output["text"] for output in displayed["again"])
    assert again.endswith(f"seed-0 is finished already.\n{NEXT_CELLS}")
    assert displayed["quiet"] == []


def test_a_mistake_is_one_sentence_below_the_cell_and_no_traceback(displayed):
    (output,) = displayed["mistake"]
    assert output["traceback"] == [f"UserError: {output['evalue']}"]
    assert "did you mean mnist-first-edition" in output["evalue"]


def test_a_run_displays_its_facts_and_its_learning_curve(displayed):
    (output,) = displayed["run"]
    assert output["data"]["text/html"].count("<img ") == 1
    assert len(output["data"]["text/plain"]) < 200


def test_the_cells_lead_from_the_package_to_a_heatmap_of_the_reader_s_own_image(displayed):
    assert "run = cc.train_network(" in displayed["package"][0]["data"]["text/html"]
    assert displayed["answers"][0]["data"]["text/plain"].startswith("[<Answer photo.jpg: ")
    for cell in ("prediction", "heatmap"):
        assert "image/png" in displayed[cell][-1]["data"]


def test_a_progress_bar_is_a_widget_that_goes_when_the_work_is_done():
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


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("train-and-look-inside", "% of 355 test images are classified correctly"),
        ("does-the-number-come-back", "your run after epoch 1: 9"),
    ],
)
def test_a_notebook_runs_and_displays_what_is_stored_in_it(name, text, tmp_path, request):
    if name == "does-the-number-come-back":
        request.getfixturevalue("real_mnist_dir")
    now = execute_notebooks.execute(stored(name), tmp_path)
    assert images(now) == images(stored(name))
    assert any(map(bool, images(now)))
    assert text in "".join(printed(cell) for cell in now.cells if cell.cell_type == "code")


@pytest.mark.parametrize(
    ("answers", "said"), [((), "Not answered yet."), (ANSWERS, "Right."), (WRONG, "Not yet")]
)
def test_the_checks_of_the_exercises_wait_for_an_answer_and_accept_only_the_right_one(
    answers, said, tmp_path
):
    notebook = execute_notebooks.execute(stored("convolution-by-hand"), tmp_path, answers)
    checks = [printed(cell) for cell in notebook.cells if "\ncheck(" in f"\n{cell.source}"]
    assert len(checks) == len(ANSWERS)
    assert all(line.startswith(said) for line in checks)
    assert images(notebook) == images(stored("convolution-by-hand"))
    assert any(map(bool, images(notebook)))


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
