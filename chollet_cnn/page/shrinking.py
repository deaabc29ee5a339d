"""Chapters on what gets smaller and what is seen: borders, strides, pooling, receptive fields."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

from chollet_cnn.concepts import convolution, geometry, kernels, pooling
from chollet_cnn.concepts.figures import convolution as convolution_figures
from chollet_cnn.concepts.figures import geometry as geometry_figures
from chollet_cnn.concepts.figures import photographs
from chollet_cnn.concepts.figures import pooling as pooling_figures
from chollet_cnn.concepts.figures.images import PADLOCK
from chollet_cnn.page.chapter import Call, Chapter, Picture, number
from chollet_cnn.page.operations import cells


def chapters() -> Iterator[Callable[[], Chapter]]:
    """Yield what makes each chapter, in the order of the page."""
    yield padding_and_stride
    yield pooling_chapter
    yield why_pooling
    yield receptive_fields


def padding_and_stride() -> Chapter:
    """A window cannot stand on the border; padding lets it, a stride lets it jump."""
    cases = ((1, 0), (1, 1), (2, 0), (2, 1))
    table = pd.DataFrame(
        [
            {"size": 7, "kernel": 3, "stride": s, "padding": p,
             "places": geometry.output_size(7, 3, s, p)}
            for s, p in cases
        ]
    )  # fmt: skip
    every_other = convolution.cross_correlate2d(
        PADLOCK, kernels.SHARPEN, stride=(1, 2), padding="same"
    )
    try:
        geometry.output_size(10, 3, stride=2)
    except geometry.ImpossibleGeometry as problem:
        refusal = str(problem)
    return Chapter(
        slug="padding-stride-and-size",
        title="Padding, stride, output size",
        short="Padding and stride",
        question="Why is the map smaller than the picture, and can I choose how large it gets?",
        content={
            "places": Picture(
                "padding-and-stride",
                geometry_figures.plot_padding_and_stride(7, 3, cases),
                table,
                "Four copies of a 7 by 7 grid with the places where a 3 by 3 window can stand: 5, "
                "7, 3 and 4 in a row.",
                "Top left the border is lost. A frame of zeros brings it back; a stride of 2 "
                "leaves every second place out.",
            ),
            "losses": [(k, geometry.output_size(16, k), k - 1) for k in (3, 5, 7)],
            "rounded": geometry.keras_output_size(10, 3, stride=2),
            "refusal": refusal,
            "call": Call(
                "from chollet_cnn.concepts import convolution, geometry, kernels\n"
                "from chollet_cnn.concepts.figures.images import PADLOCK\n\n"
                f"geometry.output_size(16, 3)               # {geometry.output_size(16, 3)}\n"
                "geometry.output_size(16, 3, padding=1)    "
                f"# {geometry.output_size(16, 3, padding=1)}\n"
                "geometry.keras_output_size(10, 3, stride=2)   "
                f"# {geometry.keras_output_size(10, 3, stride=2)}, rounded down\n"
                'geometry.keras_output_size(10, 3, stride=2, padding="same")   '
                f"# {geometry.keras_output_size(10, 3, stride=2, padding='same')}\n\n"
                "convolution.cross_correlate2d(PADLOCK, kernels.SHARPEN,\n"
                '                              stride=(1, 2), padding="same").shape   '
                f"# {every_other.shape}"
            ),
        },
    )


def pooling_chapter() -> Chapter:
    """Of four neighbours keep the largest, or the mean."""
    response = convolution.cross_correlate2d(PADLOCK, kernels.SHARPEN)
    pooled, averaged = pooling.max_pool2d(response), pooling.average_pool2d(response)
    block = (1, 2)
    four = response[2 * block[0] : 2 * block[0] + 2, 2 * block[1] : 2 * block[1] + 2].ravel()
    deep = np.zeros((100, 100, 16))
    small = response[2:6, 4:8]
    return Chapter(
        slug="pooling",
        title="Pooling",
        short="Pooling",
        question="The map has almost as many numbers as the picture. Which of them can go?",
        content={
            "pooled": Picture(
                "padlock-sharpened-and-pooled",
                convolution_figures.plot_sharpened_and_pooled(block=block),
                cells(pooled, "largest").assign(mean=averaged.ravel()),
                "The sharpened padlock as 14 by 14 numbers, and below it 7 by 7: the largest of "
                "each block of four.",
                "Three of four numbers are gone and the outline is still there. Lost is where in "
                "its block the largest one stood.",
            ),
            "both": Picture(
                "max-beside-average-pooling",
                pooling_figures.plot_max_beside_average(small),
                cells(pooling.max_pool2d(small), "largest").assign(
                    mean=pooling.average_pool2d(small).ravel()
                ),
                "A map of 4 by 4 numbers and what is left of it: the largest of each block of 2 "
                "by 2, and the mean of each.",
                "The largest keeps one strong answer whole. In the mean it is watered down by its "
                "neighbours.",
            ),
            "four": [number(value) for value in four],
            "total": int(four.sum()),
            "largest": int(pooled[block]),
            "mean": float(averaged[block]),
            "deep": pooling.max_pool2d(deep).shape,
            "call": Call(
                "from chollet_cnn.concepts import convolution, kernels, pooling\n"
                "from chollet_cnn.concepts.figures.images import PADLOCK\n\n"
                "sharper = convolution.cross_correlate2d(PADLOCK, kernels.SHARPEN)\n"
                f"pooling.max_pool2d(sharper)[{block[0]}, {block[1]}]       # {pooled[block]}\n"
                f"pooling.average_pool2d(sharper)[{block[0]}, {block[1]}]   # {averaged[block]}"
            ),
        },
    )


def why_pooling() -> Chapter:
    """A digit moves by a few pixels; after pooling its answers move less."""
    digit = photographs.digit(32).astype(float)
    table = pd.DataFrame(
        [
            {"shift": shift, "poolings": times, "changed": _changed(digit, shift, times)}
            for times in pooling_figures.POOLINGS
            for shift in range(5)
        ]
    )
    far = table[table["shift"] == 4].set_index("poolings")["changed"]
    before, after = np.array([[5, 0, 0, 0]]), np.array([[0, 5, 0, 0]])
    pooled = [pooling.max_pool2d(line, (1, 2)) for line in (before, after)]
    return Chapter(
        slug="why-pooling-helps",
        title="Why pooling helps",
        short="Why pooling helps",
        question="I write my fives a little further to the right. Does the network mind?",
        content={
            "shifted": Picture(
                "shifted-digit-with-and-without-pooling",
                pooling_figures.plot_shifted_digit(digit),
                table,
                "A five moved by up to 4 pixels, the edge kernel's answers, and curves of how many "
                "answers changed with 0 to 3 poolings.",
                "Follow the last points: the more often the answers are pooled, the less of them a "
                "move of four pixels changes.",
            ),
            "far_unpooled": float(far[0]),
            "far_pooled": float(far[3]),
            "before": before[0].tolist(),
            "after": after[0].tolist(),
            "pooled": pooled[0][0].tolist(),
            "unpooled_change": pooling_figures.moved_share(before, after),
            "pooled_change": pooling_figures.moved_share(*pooled),
            "call": Call(
                "from chollet_cnn.concepts import kernels\n"
                "from chollet_cnn.concepts.figures import photographs, pooling\n\n"
                "digit = photographs.digit(32).astype(float)\n"
                "moved = pooling.shift_right(digit, 4)\n"
                "before, after = (pooling.responses(d, kernels.EDGE, poolings=3)\n"
                "                 for d in (digit, moved))\n"
                f"pooling.moved_share(before, after)   # {far[3]:.2f}"
            ),
        },
    )


def _changed(digit: np.ndarray, shift: int, times: int) -> float:
    still, moved = (
        pooling_figures.responses(d, kernels.EDGE, times)
        for d in (digit, pooling_figures.shift_right(digit, shift))
    )
    return pooling_figures.moved_share(still, moved)


def receptive_fields() -> Chapter:
    """Each layer looks through the one before it, so each sees more of the picture."""
    layers = geometry_figures.THREE_BLOCK
    fields = geometry.receptive_field([(window, stride) for _, window, stride in layers])
    table = pd.DataFrame(
        [
            {
                "layer": name,
                "window": window,
                "stride": stride,
                "sees": seen.size,
                "jump": seen.jump,
            }
            for (name, window, stride), seen in zip(layers, fields, strict=True)
        ]
    )
    return Chapter(
        slug="receptive-fields",
        title="Receptive fields",
        short="Receptive fields",
        question="A window of three pixels is tiny. How can a network ever see a whole digit?",
        content={
            "fields": Picture(
                "receptive-fields-three-block",
                geometry_figures.plot_receptive_fields(layers),
                table,
                "A handwritten five six times, with a frame that grows from 3 to 22 pixels layer "
                "by layer.",
                "The frame is what one number of that layer was computed from. After the last "
                "pooling one number knows 22 of 28 pixels across; it never sees the rim at the "
                "right and below.",
            ),
            "rows": table.to_dict("records"),
            "stacked": [f.size for f in geometry.receptive_field([(3, 1), (3, 1), (3, 1)])],
            "call": Call(
                "from chollet_cnn.concepts import geometry\n\n"
                "layers = [(3, 1), (2, 2), (3, 1), (2, 2), (3, 1), (2, 2)]   # window, stride\n"
                "[field.size for field in geometry.receptive_field(layers)]\n"
                f"# {[f.size for f in fields]}"
            ),
        },
    )
