"""The convolutional networks of Chollet's *Deep Learning with Python*: train, inspect, compare.

For a notebook, one import is enough::

    import chollet_cnn as cc

    cc.list_recipes()                               # the book's networks, as a table
    run = cc.train_network("mnist-first-edition")   # or cc.load_run("runs/...")
    cc.plot_learning_curve(run.history)
    cc.predict_images(run, ["photo-of-a-seven.jpg"])

========================  ======================================================================
``list_recipes``          every recipe, with its network's size and the book's published figure
``train_network``         train a recipe and return the finished run
``load_run``              read a finished run from its directory
``load_dataset``          load MNIST, cats vs dogs or the embedded digits as arrays
``predict_images``        classify image files with a trained network
``plot_prediction``       what the network was given beside the most likely classes
``write_report``          write the tutorial page with your runs in it
``list_layers``           the layers of a model: output shape, parameters, receptive field
``plot_learning_curve``   accuracy or loss by epoch
``compute_activations``   the feature maps of an image, layer by layer
``plot_activations``      the feature maps of one layer as a grid
``first_kernels``         the kernels of the first convolution
``plot_kernels``          kernels as small images
``compute_grad_cam``      which parts of an image a prediction depends on (Grad-CAM)
``compute_occlusion``     the same, by covering one part of the image after another
``plot_heatmaps``         such heatmaps over the image
========================  ======================================================================

Each name is loaded on first use, so importing the package imports neither NumPy nor Keras. The
modules behind them hold more: :mod:`chollet_cnn.analysis`, :mod:`chollet_cnn.concepts`,
:mod:`chollet_cnn.evidence`.
"""

import os
from importlib import import_module

__version__ = "0.2.0"

# TensorFlow logs its start-up to the terminal unless this is set before it is imported.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

_LOADED_ON_USE = {
    "list_recipes": "book.recipe_table:list_recipes",
    "train_network": "training.trainer:train",
    "load_run": "training.runs:read",
    "load_dataset": "data:load",
    "predict_images": "predict:predict",
    "plot_prediction": "analysis.answers:plot_answer",
    "write_report": "page.build:report",
    "list_layers": "analysis.layer_table:layer_table",
    "plot_learning_curve": "analysis.learning_curves:plot_learning_curve",
    "compute_activations": "analysis.activations:activations",
    "plot_activations": "analysis.activations:plot_activations",
    "first_kernels": "analysis.filters:first_kernels",
    "plot_kernels": "analysis.filters:plot_kernels",
    "compute_grad_cam": "analysis.heatmaps:grad_cam",
    "compute_occlusion": "analysis.heatmaps:occlusion",
    "plot_heatmaps": "analysis.heatmaps:plot_heatmaps",
}
"""The names for a notebook, and the function that each stands for, as ``module:function``."""

__all__ = ["__version__", *_LOADED_ON_USE]


def __getattr__(name: str) -> object:
    """Load one of the names for a notebook when it is first used (PEP 562)."""
    if name not in _LOADED_ON_USE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, function = _LOADED_ON_USE[name].split(":")
    globals()[name] = found = getattr(import_module(f"{__name__}.{module}"), function)
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
