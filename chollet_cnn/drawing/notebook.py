"""Whether this process runs the cells of a notebook."""

import sys


def in_notebook() -> bool:
    """Return whether a Jupyter kernel runs this, so that what is displayed appears below a cell."""
    ipython = sys.modules.get("IPython")  # a kernel has imported it
    shell = ipython.get_ipython() if ipython else None
    return hasattr(shell, "kernel")
