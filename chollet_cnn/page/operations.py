"""Chapters on what is done to a picture: it is numbers, and windows slide over them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

from chollet_cnn.concepts import convolution, images, kernels
from chollet_cnn.concepts.figures import convolution as convolution_figures
from chollet_cnn.concepts.figures import images as image_figures
from chollet_cnn.concepts.figures import kernels as kernel_figures
from chollet_cnn.concepts.figures import photographs
from chollet_cnn.concepts.figures.images import PADLOCK
from chollet_cnn.drawing import style
from chollet_cnn.drawing.sheet import greys
from chollet_cnn.page.chapter import Call, Chapter, Picture, number, sum_of_products

WINDOW = (4, 4)
"""The window that the page works out: its top left cell in the padlock, and its cell in the map."""


def chapters() -> Iterator[Callable[[], Chapter]]:
    """Yield what makes each chapter, in the order of the page."""
    yield images_are_arrays
    yield convolution_1d
    yield convolution_2d
    yield kernels_by_hand


def cells(array: np.ndarray, name: str = "value") -> pd.DataFrame:
    """List the cells of a sheet of numbers: row, column, value."""
    rows, columns = np.indices(array.shape)
    return pd.DataFrame({"row": rows.ravel(), "column": columns.ravel(), name: array.ravel()})


def images_are_arrays() -> Chapter:
    """A picture is numbers in cells; a colour picture has three for each cell."""
    cat = photographs.cat(150)
    red, green, blue = images.split_channels(cat)
    place = WINDOW[0] * PADLOCK.shape[1] + WINDOW[1] + 1
    return Chapter(
        slug="images-are-arrays",
        title="Images are arrays",
        short="Images are arrays",
        question="What does a computer have of a picture, if it has no eyes?",
        content={
            "pixels": Picture(
                "padlock-pixel-values",
                image_figures.plot_pixel_values(),
                cells(PADLOCK),
                "A padlock drawn on 16 by 16 squares, with a number from 53 to 255 in each.",
                "Every cell has its number. Squint, and the padlock is there; read, and only "
                "numbers are.",
            ),
            "channels": Picture(
                "cat-in-three-channels",
                image_figures.plot_channels(cat, (119, 94)),
                cells(red, "red").assign(green=green.ravel(), blue=blue.ravel()),
                "A ginger cat in colour, and its red, green and blue channel as grey pictures; the "
                "red one is the brightest.",
                "The fur is ginger: bright in red, darker in green, darkest in blue. The framed "
                "pixel is three numbers.",
            ),
            "grey": images.feature_count(PADLOCK.shape),
            "colour": images.feature_count((*PADLOCK.shape, 3)),
            "side": PADLOCK.shape[0],
            "row": WINDOW[0],
            "column": WINDOW[1] + 1,
            "place": place,
            "value": int(images.unroll(PADLOCK)[place]),
            "call": Call(
                "from chollet_cnn.concepts import images\n"
                "from chollet_cnn.concepts.figures.images import PADLOCK\n\n"
                f"images.unroll(PADLOCK)[{place}]"
                f"                 # {images.unroll(PADLOCK)[place]}\n"
                f"images.feature_count((16, 16, 3))         # {images.feature_count((16, 16, 3))}"
            ),
        },
    )


def convolution_1d() -> Chapter:
    """A mean of neighbours slides along a noisy line; the kernel is turned around."""
    truth = np.sin(np.linspace(0, 4 * np.pi, 200))
    signal = truth + np.random.default_rng(0).normal(0, 0.3, 200)
    smooth = np.full(len(signal), np.nan)
    smooth[7:-7] = convolution.convolve1d(signal, np.full(15, 1 / 15), "valid")
    line = np.array([10, 9, 10, 9, 10, 1, 10, 9, 10, 8])
    every = convolution.convolve1d(line, [1 / 3] * 3)
    result = every[: len(line)]
    at = 6
    taken = line[at - 2 : at + 1]
    return Chapter(
        slug="convolution-in-one-dimension",
        title="Convolution in one dimension",
        short="One dimension",
        question="My measurements jump about. How do I see what lies under the jumps?",
        content={
            "smooth": Picture(
                "noisy-sine-smoothed",
                convolution_figures.plot_smoothed_signal(signal, truth, size=15),
                pd.DataFrame({"measured": signal, "without_noise": truth, "smoothed": smooth})
                .rename_axis("position")
                .reset_index(),
                "Scattered dots around two waves of a sine, and a line of means that follows the "
                "waves closely.",
                "The line never saw the sine, only the dots. At both ends it is missing: a dot "
                "there has no seven neighbours on each side.",
            ),
            "line": line.tolist(),
            "result": [f"{value:.2f}" for value in result],
            "every": len(every),
            "at": at,
            "taken": taken.tolist(),
            "turned": convolution.convolve1d([0, 1, 0], [7, 8, 9], "same").tolist(),
            "as_it_stands": convolution.cross_correlate1d([0, 1, 0], [7, 8, 9], "same").tolist(),
            "call": Call(
                "from chollet_cnn.concepts import convolution\n\n"
                f"convolution.convolve1d({line.tolist()}, [1/3, 1/3, 1/3])[{at}]"
                f"   # {number(result[at])}"
            ),
        },
    )


def convolution_2d() -> Chapter:
    """A sheet of nine numbers slides over the picture; each window becomes one number."""
    result = convolution.cross_correlate2d(PADLOCK, kernels.SHARPEN)
    row, column = WINDOW
    window = convolution.windows(PADLOCK, 3)[row, column]
    down, across = result.shape
    dot = np.zeros((5, 5))
    dot[2, 2] = 1
    lopsided = convolution_figures.LOPSIDED
    both = cells(convolution.cross_correlate2d(dot, lopsided), "cross_correlation").assign(
        convolution=convolution.convolve2d(dot, lopsided).ravel()
    )
    return Chapter(
        slug="convolution-in-two-dimensions",
        title="Convolution in two dimensions",
        short="Two dimensions",
        question="How does a sheet of nine numbers find an edge?",
        content={
            "sliding": Picture(
                "sharpening-kernel-sliding",
                convolution_figures.plot_sliding_kernel(),
                cells(convolution.cross_correlate2d(PADLOCK[4:9, 4:9], kernels.SHARPEN), "sum"),
                "Three stops of a 3 by 3 kernel on a corner of the padlock, the products under it "
                "and the sums written down so far.",
                "Three stops of the same nine numbers. Where neighbours differ from the middle, "
                "the sum can leave the range 0 to 255 that pixels have.",
            ),
            "slider": _slider(PADLOCK, kernels.SHARPEN, result, WINDOW),
            "window": window.tolist(),
            "sum": sum_of_products(kernels.SHARPEN.ravel(), window.ravel()),
            "value": int(result[WINDOW]),
            "windows": down * across,
            "size": down,
            "first": int(result[0, 0]),
            "lopsided": Picture(
                "convolution-beside-cross-correlation",
                convolution_figures.plot_convolution_beside_correlation(dot, lopsided),
                both,
                "One bright pixel under a kernel of the numbers 1 to 9: cross-correlation gives "
                "9 to 1, convolution gives 1 to 9.",
                "With the kernel turned first, one bright pixel gives the kernel itself. Laid on "
                "as it stands, it comes out turned.",
            ),
            "call": Call(
                "from chollet_cnn.concepts import convolution, kernels\n"
                "from chollet_cnn.concepts.figures.images import PADLOCK\n\n"
                "sharper = convolution.cross_correlate2d(PADLOCK, kernels.SHARPEN)\n"
                f"sharper[{row}, {column}], sharper.shape"
                f"   # {result[WINDOW]}, {result.shape}"
            ),
        },
    )


def _slider(
    picture: np.ndarray, kernel: np.ndarray, result: np.ndarray, at: tuple[int, int]
) -> dict[str, object]:
    """Return the three sheets of a sliding window, each cell with its number and its colours."""
    sheets = {
        name: {
            "rows": sheet.shape[0],
            "columns": sheet.shape[1],
            "cells": _painted(sheet, limits),
        }
        for name, sheet, limits in (
            ("picture", picture, (0, 255)),
            ("result", result, (result.min(), result.max())),
        )
    }
    return sheets | {
        "kernel": kernel.tolist(),
        "row": at[0],
        "column": at[1],
        "data": {"picture": picture.tolist(), "kernel": kernel.tolist(), "result": result.tolist()},
    }


def _painted(sheet: np.ndarray, limits: tuple[float, float]) -> list[dict[str, object]]:
    from matplotlib.colors import to_hex

    fills = greys(sheet.astype(float), limits)
    return [
        {
            "row": row,
            "column": column,
            "text": number(sheet[row, column]),
            "fill": to_hex(fills[row, column]),
            "ink": style.contrasting(fills[row, column]),
        }
        for row, column in np.ndindex(sheet.shape)
    ]


def kernels_by_hand() -> Chapter:
    """The same operation with other numbers blurs, sharpens or finds edges."""
    listed = pd.concat(
        [cells(kernel, "weight").assign(kernel=name) for name, kernel in kernels.GALLERY.items()]
    )[["kernel", "row", "column", "weight"]]
    bright_right = np.array([[0, 0, 9], [0, 0, 9], [0, 0, 9]])
    flat = np.full((3, 3), 100)

    def answer(picture: np.ndarray, kernel: np.ndarray) -> int:
        return int(convolution.cross_correlate2d(picture, kernel)[0, 0])

    return Chapter(
        slug="kernels-made-by-hand",
        title="Kernels made by hand",
        short="Kernels",
        question="Which numbers blur, which sharpen, which find an edge?",
        content={
            "gallery": Picture(
                "kernel-gallery",
                kernel_figures.plot_kernel_gallery(),
                listed,
                "Eight kernels and what each makes of a portrait of Grace Hopper and of a cat: "
                "unchanged, blurred twice, sharpened, and four kinds of edges.",
                "Compare the last two rows. The lines of the cap and the collar answer to the one "
                "that lies as they lie; the other hardly sees them.",
            ),
            "flat_edge": answer(flat, kernels.EDGE),
            "flat_sharpen": answer(flat, kernels.SHARPEN),
            "vertical": answer(bright_right, kernels.SOBEL_VERTICAL),
            "horizontal": answer(bright_right, kernels.SOBEL_HORIZONTAL),
            "doubled": answer(bright_right, 2 * kernels.SOBEL_VERTICAL),
            "vertical_sum": sum_of_products(kernels.SOBEL_VERTICAL[:, 2], bright_right[:, 2]),
            "horizontal_sum": sum_of_products(kernels.SOBEL_HORIZONTAL[:, 2], bright_right[:, 2]),
            "call": Call(
                "from chollet_cnn.concepts import convolution, kernels\n"
                "from chollet_cnn.concepts.figures import photographs\n\n"
                "cat = photographs.grey(photographs.cat(120))\n"
                "edges = convolution.cross_correlate2d(cat, kernels.SOBEL_VERTICAL)\n"
                "edges.shape   # (118, 118)"
            ),
        },
    )
