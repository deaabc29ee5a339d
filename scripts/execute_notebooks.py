"""Execute the notebooks under scripts/notebooks/ and store their outputs in them.

    python scripts/execute_notebooks.py

Each runs in a kernel and in an empty folder of its own. MNIST is looked for where the package looks
for it.
"""

from __future__ import annotations

import argparse
import io
import tempfile
from base64 import b64decode, b64encode
from collections.abc import Sequence
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from PIL import Image

NOTEBOOKS = Path(__file__).parent / "notebooks"
WIDGET = "application/vnd.jupyter.widget-view+json"


def execute(
    notebook: nbformat.NotebookNode, folder: Path, answers: Sequence[str] = ()
) -> nbformat.NotebookNode:
    """Execute a notebook's cells in a folder and store their outputs.

    Args:
        notebook: the notebook, which is changed.
        folder: where its cells read and write files.
        answers: what to run in place of the cells with the tag ``exercise``, in their order.

    Raises:
        CellExecutionError: a cell raised an exception.
    """
    exercises = [c for c in notebook.cells if "exercise" in c.metadata.get("tags", ())]
    for cell, answer in zip(exercises, answers, strict=bool(answers)):
        cell.source = answer
    client = NotebookClient(
        notebook, timeout=600, record_timing=False, resources={"metadata": {"path": str(folder)}}
    )
    client.execute()
    notebook.metadata.pop("widgets", None)
    for cell in notebook.cells:
        if cell.cell_type == "code":  # a progress bar that has gone leaves its widget behind
            cell.outputs = [o for o in cell.outputs if WIDGET not in o.get("data", ())]
    return notebook


def shrink(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Store a notebook's images in 256 colours each, less than half of their bytes."""
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            if png := output.get("data", {}).get("image/png"):
                image, file = Image.open(io.BytesIO(b64decode(png))).convert("RGB"), io.BytesIO()
                image.quantize(256, dither=Image.Dither.NONE).save(file, "PNG", optimize=True)
                output["data"]["image/png"] = b64encode(file.getvalue()).decode()
    return notebook


def main() -> None:
    """Execute all of them."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        print(f"executing {path.name}", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            nbformat.write(shrink(execute(nbformat.read(path, 4), Path(folder))), path)


if __name__ == "__main__":
    main()
