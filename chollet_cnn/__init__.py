"""The convolutional networks of Chollet's *Deep Learning with Python*: train, inspect, compare.

For a notebook, one import is enough::

    import chollet_cnn as cc

    cc.list_recipes()                               # the book's networks, as a table
    run = cc.train_network("mnist-first-edition")   # or cc.load_run("runs/...")
    cc.plot_learning_curve(run.history)
    cc.write_report(run)                            # the tutorial page, with your run in it

    (answer,) = cc.predict_images(run, "photo-of-a-seven.jpg")
    cc.plot_prediction(answer)
    model, image = run.load_model(), answer.seen[0] # or cc.load_dataset("mnist").test.images[0]
    heatmap = cc.compute_occlusion(model, image)    # or cc.compute_grad_cam
    cc.plot_heatmaps(image, {"occlusion": heatmap})

    cc.list_layers(model)                           # output shapes, parameters, receptive fields
    cc.plot_kernels(cc.first_kernels(model))
    layer, maps = next(iter(cc.compute_activations(model, image).items()))
    cc.plot_activations(maps[0], layer)

They return a ``cc.Run``, ``cc.Dataset`` or list of ``cc.Answer``, a NumPy array, a pandas table or
a matplotlib figure. What you can mend outside your code, such as a missing file, and any mistake in
what is to be trained or loaded, is a ``cc.UserError``; a network that an analysis does not support
is a ``cc.UnsupportedModelError``, and an argument of an analysis or a figure that makes no sense a
ValueError.

``cc.start_keras()`` imports Keras without TensorFlow's notes; what needs Keras calls it. Each name
is loaded on first use, from the module that ``__init__.pyi`` names, so importing the package
imports neither NumPy nor Keras. Those modules hold more.
"""

import os
import signal
import sys
from html import escape
from typing import Any

import lazy_loader


def _end(number: int, _frame: object) -> None:
    """End a command that is interrupted while it is still importing what it needs."""
    try:
        os.write(2, b"interrupted\n")
    finally:
        os._exit(128 + number)


# During the import of python -m chollet_cnn.train, say; later errors.run_cli takes over.
if sys.argv[:1] == ["-m"] and any(word.startswith(__name__) for word in sys.orig_argv):
    for _signal in (signal.SIGINT, signal.SIGTERM):
        signal.signal(_signal, _end)

__version__ = "0.2.0"

# TensorFlow logs its start-up to the terminal unless this is set before it is imported.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

_load, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

_IMPORT_KERAS = {
    "UnsupportedModelError",
    "compute_activations",
    "compute_grad_cam",
    "compute_occlusion",
    "first_kernels",
    "list_layers",
    "plot_activations",
    "plot_heatmaps",
    "plot_kernels",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401
    """Load a name; where that imports Keras, without the notes that TensorFlow prints."""
    if name in _IMPORT_KERAS:
        _load("start_keras")()
    return _load(name)


def _repr_html_() -> str:
    """Return what a notebook displays of the package: what can be done with it."""
    return f"<pre>{escape(__doc__)}</pre>"
