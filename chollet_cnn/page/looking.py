"""Chapters on what a trained network looks for, and where it looked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
import pandas as pd

from chollet_cnn.analysis import activations, filters, heatmaps, mistakes, receptive_fields
from chollet_cnn.page.chapter import Chapter, Picture, program
from chollet_cnn.page.operations import cells
from chollet_cnn.page.trained_model import TrainedModel, file_name

PAINTED = {0: 16, 1: 16}
"""Channels of each convolution that are painted; 8 of the deeper ones, which take longer."""


def chapters(subjects: Sequence[TrainedModel]) -> Iterator[Callable[[], Chapter]]:
    """Yield what makes each chapter, in the order of the page."""
    if subjects:
        yield partial(what_filters_look_for, subjects)
        yield partial(where_it_looked, subjects)


def what_filters_look_for(subjects: Sequence[TrainedModel]) -> Chapter:
    """The first layer's kernels, and for deeper layers the picture that excites a channel most."""
    return Chapter(
        slug="what-a-filter-looks-for",
        title="What a filter looks for",
        short="Filters",
        question="Nobody told it which kernels to use. Which ones did it learn?",
        content={"sections": [_filters(subject) for subject in subjects]},
    )


def _filters(subject: TrainedModel) -> dict[str, object]:
    kernels = filters.first_kernels(subject.model)
    rows, columns, colours, count = np.indices(kernels.shape)
    names = subject.convolutions
    total = kernels.sum(axis=(0, 1, 2))
    nearest = int(np.abs(total).argmin())
    sheet = kernels[..., nearest].sum(axis=-1).ravel()
    section = {
        "name": subject.name,
        "kernels": Picture(
            f"{subject.slug}-first-kernels",
            filters.plot_kernels(kernels),
            pd.DataFrame(
                {
                    "kernel": count.ravel(),
                    "row": rows.ravel(),
                    "column": columns.ravel(),
                    "colour": colours.ravel(),
                    "weight": kernels.ravel(),
                }
            ),
            f"The {kernels.shape[-1]} kernels of the first layer as small squares of "
            f"{kernels.shape[0]} by {kernels.shape[1]} cells.",
            "Look for one that is bright on one side and dark on the other: it answers to an edge, "
            "as Sobel's kernels do, and nobody drew it.",
        ),
        "painted": [_painted(subject, place, layer) for place, layer in enumerate(names)],
        "near_zero": int((np.abs(total) < 0.1).sum()),
        "count": kernels.shape[-1],
        "nearest": nearest,
        "colours": kernels.shape[2],
        "kernel_sum": " + ".join(f"{v:.3f}" for v in sheet).replace("+ -", "− ").replace("-", "−"),
        "kernel_total": f"{total[nearest]:.3f}".replace("-", "−"),
        "call": program(
            ["from chollet_cnn.training import runs", "from chollet_cnn.analysis import filters"],
            subject.model_code,
            f"painted = filters.maximize_activation(model, {names[0]!r}, [0, 1], size=16)",
            f"painted.shape   # {(2, 16, 16, kernels.shape[2])}",
        ),
    }
    if subject.test is not None:
        section["exciting"] = _exciting(subject, names[-1])
    return section


def _painted(subject: TrainedModel, place: int, layer: str) -> Picture:
    """Paint what excites some channels of a layer, on a canvas a little larger than they see."""
    table = subject.layers.set_index("layer")
    sees, channels = table.loc[layer, "receptive_field"], table.loc[layer, "output_shape"][-1]
    side = min(subject.picture.shape[0], 2 * sees + 10)
    chosen = list(range(min(channels, PAINTED.get(place, 8))))
    painted = filters.maximize_activation(subject.model, layer, chosen, size=side)
    return Picture(
        f"{subject.slug}-{file_name(layer)}-exciting-inputs",
        filters.plot_activation_maximization(painted, layer, chosen),
        pd.DataFrame(
            {"channel": chosen, "mean_activation": filters.mean_activation(
                subject.model, layer, painted, chosen)}
        ),
        f"{len(chosen)} painted textures, each the one that excites a channel of {layer} most.",
        f"One unit here sees {sees} × {sees} pixels. The first {len(chosen)} of {channels} "
        "channels.",
    )  # fmt: skip


def _exciting(subject: TrainedModel, layer: str) -> Picture:
    sample = subject.sample
    every = activations.top_activating_images(subject.model, sample, layer, count=6)
    best = every[every["rank"] == 1]
    lit = best[best["activation"] > 0]  # a channel that no picture lights has nothing to show
    shown = (best if lit.empty else lit)["channel"].head(8)
    table = every[every["channel"].isin(shown)]
    return Picture(
        f"{subject.slug}-{file_name(layer)}-most-exciting-pictures",
        activations.plot_top_activating_images(table, sample, layer),
        table,
        f"For {len(shown)} channels of {layer} the six test pictures that excite each most.",
        "A row is a channel. What do its pictures have in common? In some rows a person can say; "
        "in many only the network can.",
    )


def where_it_looked(subjects: Sequence[TrainedModel]) -> Chapter:
    """Which parts of the picture decided the answer: four ways to ask."""
    return Chapter(
        slug="where-the-network-looked",
        title="Where the network looked",
        short="Where it looked",
        question="It says what it sees. What in the picture made it say so?",
        content={"sections": [_looked(subject) for subject in subjects]},
    )


def _looked(subject: TrainedModel) -> dict[str, object]:
    model, picture = subject.model, subject.picture
    place = receptive_fields.cell_grid_of(model)
    said, second = (int(i) for i in subject.shares.argsort()[::-1][:2])
    names = subject.classes

    raw, other = (heatmaps.grad_cam(model, picture, target) for target in (said, second))
    on_picture, for_second = (
        place.resize_to_image(heat, picture.shape[:2]) for heat in (raw, other)
    )
    occlusion = heatmaps.occlusion(model, picture, said)
    pixels = {
        "saliency": heatmaps.saliency(model, picture, said),
        "SmoothGrad": heatmaps.smooth_grad(model, picture, said, samples=24),
    }
    return {
        "name": subject.name,
        "picture_words": subject.picture_words,
        "said": names[said],
        "second": names[second],
        "sure": float(subject.shares[said]),
        "regions": _heat(
            subject,
            "grad-cam-and-occlusion",
            {"Grad-CAM": on_picture, "occlusion": occlusion},
            f"The parts of the picture that made it say {names[said]}",
            "The more vermilion, the more a place counted. The two ask differently and need not "
            "agree; where they do, trust them more.",
        ),
        "pixels": _heat(
            subject,
            "saliency-and-smoothgrad",
            pixels,
            f"The pixels that would change {names[said]} most",
            "Single pixels, and so full of grain; the mean over noisy copies is calmer.",
        ),
        "sides": _heat(
            subject,
            "for-and-against",
            {f"for {names[said]}": on_picture, f"for {names[second]}": for_second},
            f"What speaks for {names[said]}, and what for {names[second]}",
            f"Grad-CAM again, asked for {names[said]} and for {names[second]}, the next likeliest.",
        ),
        "hidden": _hidden(subject, occlusion),
        "call": subject.program(
            "from chollet_cnn.analysis import heatmaps",
            f"heatmaps.grad_cam(model, picture).shape   # {raw.shape}",
        ),
    }


def _heat(
    subject: TrainedModel, name: str, heats: dict[str, np.ndarray], title: str, caption: str
) -> Picture:
    first, *others = heats
    numbers = cells(heats[first], first).assign(**{other: heats[other].ravel() for other in others})
    return Picture(
        f"{subject.slug}-{name}",
        heatmaps.plot_heatmaps(subject.picture, heats, title=title),
        numbers,
        f"{subject.picture_words}, and over it in vermilion: {' and '.join(heats)}.",
        caption,
    )


def _hidden(subject: TrainedModel, fall: np.ndarray) -> dict[str, object]:
    """Cover the place that counts most with the picture's mean, and ask again."""
    picture = subject.picture
    side = picture.shape[0] // 5
    row, column = np.unravel_index(fall.argmax(), fall.shape)
    top, left = (int(np.clip(at - side // 2, 0, picture.shape[0] - side)) for at in (row, column))
    covered = picture.copy()
    covered[top : top + side, left : left + side] = picture.mean(axis=(0, 1)).astype(np.uint8)
    before, after = mistakes.predictions(subject.model, np.stack([picture, covered]))
    said = int(before.argmax())
    return {
        "side": side,
        "row": top,
        "column": left,
        "before": f"{before[said]:.3f}",
        "after": f"{after[said]:.3f}",
        "fall": f"{round(before[said], 3) - round(after[said], 3):.3f}".replace("-", "−"),
        "still": int(after.argmax()) == said,
        "instead": subject.classes[int(after.argmax())],
    }
