"""Chapters on what a network is built of: shared weights, volumes, dense layers, probabilities."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

from chollet_cnn.concepts import convolution, geometry, kernels, neurons
from chollet_cnn.concepts.figures import neurons as neuron_figures
from chollet_cnn.concepts.figures import photographs
from chollet_cnn.page import drawings
from chollet_cnn.page.chapter import Call, Chapter, Picture, number, sum_of_products

SCORES = {"cat": 2.0, "dog": 1.0, "fox": 0.5, "car": -1.0}


def chapters() -> Iterator[Callable[[], Chapter]]:
    """Yield what makes each chapter, in the order of the page."""
    yield shared_weights
    yield volumes
    yield dense_layers
    yield activations
    yield probabilities


def shared_weights() -> Chapter:
    """A convolution is a dense layer with most connections cut and the others shared."""
    kernel, picture = np.array([[1, 2], [3, 4]]), np.arange(16).reshape(4, 4)
    matrix = neurons.convolution_matrix(kernel, (4, 4))
    product = matrix @ picture.ravel()
    connected = np.flatnonzero(matrix[0])
    return Chapter(
        slug="shared-weights",
        title="A convolution is a layer with shared weights",
        short="Shared weights",
        question="Where are the neurons in all this?",
        content={
            "matrix": Picture(
                "convolution-as-a-matrix",
                neuron_figures.plot_shared_weights(kernel),
                pd.DataFrame(matrix, columns=[f"input_{i}" for i in range(matrix.shape[1])]),
                "A table of 9 rows and 16 columns, mostly empty; the four weights of a kernel come "
                "back in every row, shifted.",
                "One colour is one weight. Each row is one neuron: it looks at four inputs, and "
                "all nine neurons use the same four weights.",
            ),
            "sum": sum_of_products(matrix[0, connected], picture.ravel()[connected]),
            "value": int(product[0]),
            "agree": bool(
                (product == convolution.cross_correlate2d(picture, kernel).ravel()).all()
            ),
            "places": matrix.size,
            "used": int((matrix != 0).sum()),
            "different": kernel.size,
            "dense": geometry.dense_parameters(28 * 28, 26 * 26),
            "shared": geometry.conv_parameters(3, 1, 1),
            "call": Call(
                "import numpy as np\n"
                "from chollet_cnn.concepts import neurons\n\n"
                "picture = np.arange(16).reshape(4, 4)\n"
                "matrix = neurons.convolution_matrix([[1, 2], [3, 4]], (4, 4))\n"
                f"(matrix @ picture.ravel())[0]   # {product[0]}"
            ),
        },
    )


def volumes() -> Chapter:
    """A kernel is as deep as what it is laid on; a layer has many kernels."""
    cat = photographs.cat(150).astype(int)
    kernel = np.stack([kernels.SOBEL_VERTICAL] * 3, axis=-1)
    answers = convolution.convolve_volume(cat, kernel[..., None])[..., 0]
    row, column = np.unravel_index(answers.argmax(), answers.shape)
    window = convolution.windows(cat, 3)[row, column]
    sums = [int((window[..., i] * kernel[..., i]).sum()) for i in range(3)]
    rows, columns, channels = np.indices(window.shape)
    return Chapter(
        slug="volumes",
        title="Volumes",
        short="Volumes",
        question="A colour picture has three sheets. Does the kernel slide over each of them?",
        content={
            "depth": Picture(
                "window-with-depth",
                drawings.plot_window_with_depth(window, kernel),
                pd.DataFrame(
                    {
                        "channel": np.array(drawings.CHANNELS)[channels.ravel()],
                        "row": rows.ravel(),
                        "column": columns.ravel(),
                        "pixel": window.ravel(),
                        "weight": kernel.ravel(),
                    }
                ),
                "Three windows of 3 by 3 pixels, red, green and blue, each beside a sheet of the "
                "kernel, and their sums added to one number.",
                f"The cat's sharpest upright edge, row {row}, column {column}. The kernel has a "
                "sheet for each channel: it does not slide in depth, it goes all the way through.",
            ),
            "sums": " + ".join(number(s) for s in sums).replace("+ −", "− "),
            "total": int(answers.max()),
            "parameters": geometry.conv_parameters(3, 3, 32),
            "second": geometry.conv_parameters(3, 32, 64),
            "call": Call(
                "from chollet_cnn.concepts import geometry\n\n"
                "geometry.conv_parameters(3, channels_in=3, channels_out=32)"
                f"   # {geometry.conv_parameters(3, 3, 32)}"
            ),
        },
    )


def dense_layers() -> Chapter:
    """In a dense layer every unit has a weight for every input, and that adds up."""
    convolutions = [
        (f"convolution {i + 1}", geometry.conv_parameters(3, before, after))
        for i, (before, after) in enumerate([(1, 32), (32, 64), (64, 128)])
    ]
    networks = {
        "with two poolings": [*convolutions, ("dense", geometry.dense_parameters(3 * 3 * 128, 10))],
        "without pooling": [*convolutions, ("dense", geometry.dense_parameters(22 * 22 * 128, 10))],
    }
    totals = [sum(count for _, count in layers) for layers in networks.values()]
    weights = [[1, 0, 1], [0, 1, 1]]
    bias = [0, 0, 10]
    result = neurons.dense([2, 3], weights, bias)
    return Chapter(
        slug="dense-layers",
        title="Dense layers and parameters",
        short="Dense layers",
        question="When the maps are small enough, who decides what is in the picture?",
        content={
            "bars": Picture(
                "parameters-with-and-without-pooling",
                drawings.plot_where_parameters_are(networks),
                pd.DataFrame(
                    [
                        {"network": name, "layer": layer, "parameters": count}
                        for name, layers in networks.items()
                        for layer, count in layers
                    ]
                ),
                "Bars of parameters by layer for the book's second-edition network with and "
                "without pooling; without, the dense layer has 619,530.",
                "The convolutions cost the same in both. Without pooling the last map is 22 × 22 "
                "instead of 3 × 3, and the dense layer pays for every cell.",
            ),
            "sum": f"2·1 + 3·1 + {bias[2]}",
            "value": int(result[2]),
            "example": geometry.dense_parameters(512, 1024),
            "totals": totals,
            "call": Call(
                "from chollet_cnn.concepts import geometry, neurons\n\n"
                "neurons.dense([2, 3], [[1, 0, 1],\n"
                "                       [0, 1, 1]], bias=[0, 0, 10])"
                f"   # {result.tolist()}\n"
                f"geometry.dense_parameters(512, 1024)   # {geometry.dense_parameters(512, 1024)}"
            ),
        },
    )


def activations() -> Chapter:
    """After the sum a bend: without it, layers on layers would be one layer."""
    x = np.linspace(-4, 4, 401)
    table = pd.DataFrame(
        {
            "x": x,
            **{
                name: getattr(neurons, name)(x)
                for kind in ("relu", "sigmoid", "tanh")
                for name in (kind, f"{kind}_derivative")
            },
        }
    )
    return Chapter(
        slug="activations",
        title="Activations",
        short="Activations",
        question="A sum of sums is only another sum. What makes a second layer worth having?",
        content={
            "curves": Picture(
                "activations-and-their-slopes",
                neuron_figures.plot_activations(),
                table,
                "Curves of ReLU, sigmoid and tanh from minus 4 to 4, each with its slope dashed.",
                "Look for where the dashed line lies on zero: there the network cannot tell which "
                "way to change a weight. ReLU is flat on one side, the other two at both ends.",
            ),
            "relu": [(v, int(neurons.relu(v))) for v in (-60, 110)],
            "half": float(neurons.sigmoid(0)),
            "slope": float(neurons.sigmoid_derivative(0)),
            "call": Call(
                "from chollet_cnn.concepts import neurons\n\n"
                f"neurons.relu([-60, 110])   # {neurons.relu([-60, 110]).tolist()}\n"
                f"float(neurons.sigmoid(0))  # {float(neurons.sigmoid(0))}"
            ),
        },
    )


def probabilities() -> Chapter:
    """Softmax shares out one whole among the classes; sigmoids answer one by one."""
    scores = list(SCORES.values())
    shares = neurons.softmax(scores)
    powers = np.exp(scores)
    return Chapter(
        slug="scores-to-probabilities",
        title="Scores to probabilities",
        short="Probabilities",
        question="The last layer gives a score of 2.0 for cat. How sure is that?",
        content={
            "bars": Picture(
                "softmax-beside-sigmoids",
                neuron_figures.plot_softmax_beside_sigmoids(scores, list(SCORES)),
                pd.DataFrame(
                    {
                        "class": list(SCORES),
                        "score": scores,
                        "softmax": shares,
                        "sigmoid": neurons.sigmoid(scores),
                    }
                ),
                "Bars for four classes: softmax gives cat 61 per cent and sums to 100, sigmoids "
                "sum to 250 per cent.",
                "The same four scores. Left the classes share one whole; right each stands for "
                "itself, fit for pictures that show several things.",
            ),
            "powers": [f"{p:.3f}" for p in powers],
            "sum": f"{powers.sum():.3f}",
            "first": float(shares[0]),
            "two": float(neurons.softmax([2.0, 1.0])[0]),
            "one": float(neurons.sigmoid(2.0 - 1.0)),
            "large": neurons.softmax([1000, 1000]).tolist(),
            "call": Call(
                "from chollet_cnn.concepts import neurons\n\n"
                f"neurons.softmax({scores}).round(3)   # {shares.round(3).tolist()}\n"
                f"neurons.softmax([1000, 1000])   # {neurons.softmax([1000, 1000]).tolist()}"
            ),
        },
    )
