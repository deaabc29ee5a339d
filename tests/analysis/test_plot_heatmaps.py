"""A heatmap is drawn over its image, on a scale that shows what matters."""

import numpy as np
import pandas as pd
import pytest

from chollet_cnn.analysis import activations, heatmaps, mistakes
from chollet_cnn.analysis.receptive_fields import CellGrid
from chollet_cnn.concepts.figures.geometry import plot_receptive_fields
from chollet_cnn.concepts.figures.images import plot_channels

RANDOM = np.random.default_rng(0)


def test_a_photograph_as_keras_loads_it_is_drawn_in_its_colours():
    photograph = RANDOM.integers(0, 256, (8, 8, 3))
    figure = heatmaps.plot_heatmaps(photograph.astype("float32"), np.eye(8))
    assert (figure.axes[0].images[0].get_array() == photograph.astype(np.uint8)).all()


def test_every_heatmap_is_drawn_beside_the_picture_with_its_paper():
    image = RANDOM.integers(0, 256, (8, 8, 1)).astype(np.uint8)
    heats = {"Grad-CAM": np.eye(8), "occlusion": np.zeros((8, 8)), "mine": np.eye(8)}
    figure = heatmaps.plot_heatmaps(image, heats, title="why")
    first, *titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert first == "the image"
    papers = ["Grad-CAM\nSelvaraju et al. 2017", "occlusion\nZeiler, Fergus 2014", "mine"]
    assert titles == papers
    assert (figure.axes[0].images[0].get_array() == image[..., 0]).all()
    marked = figure.axes[1].images[0].get_array()
    assert np.ptp(marked[0, 0]) > 100  # vermilion
    assert np.ptp(marked[0, 1]) == 0  # grey
    assert np.ptp(figure.axes[2].images[0].get_array(), axis=-1).max() == 0


def test_one_glaring_pixel_does_not_hide_the_rest_of_a_saliency_map():
    heat = np.zeros((20, 20))
    heat[5, 5], heat[10, :] = 100, 1
    fine, coarse = (
        heatmaps.plot_heatmaps(np.zeros((20, 20, 1)), {name: heat}, title="").axes[1].images[0]
        for name in ("saliency", "occlusion")
    )
    assert np.ptp(fine.get_array()[10, 3].astype(int)) > 150  # vermilion
    assert np.ptp(coarse.get_array()[10, 3].astype(int)) < 5  # all but grey: nothing is cut off


LEVELS = RANDOM.integers(0, 256, (3, 8, 8, 3)).astype(np.uint8)
TOP = pd.DataFrame({"channel": [0], "rank": [1], "image": [1], "activation": [2.0]})
ERRORS = pd.DataFrame({"image": [1], "predicted": ["7"], "probability": [0.9], "true": ["1"]})


@pytest.mark.parametrize(
    "plot",
    [
        lambda images, **options: heatmaps.plot_heatmaps(images[1], np.eye(8), **options),
        lambda images, **options: activations.plot_strongest_channel(
            images[1], np.ones((4, 4, 2)), "conv", CellGrid(0.5, 0.5, 2, 2), **options
        ),
        lambda images, **options: activations.plot_top_activating_images(
            TOP, images, "conv", **options
        ),
        lambda images, **options: mistakes.plot_most_confident_errors(ERRORS, images, **options),
        lambda images, **options: plot_channels(images[1], **options),
        lambda images, **options: plot_receptive_fields(image=images[1], **options),
    ],
    ids=["heatmaps", "strongest channel", "top activating images", "errors", "channels", "fields"],
)
def test_images_of_another_range_are_drawn_as_they_are_or_refused(plot):
    def drawn(images, **options):
        return np.asarray(plot(images, **options).axes[0].images[0].get_array())

    expected = drawn(LEVELS)
    shares = LEVELS / 255
    assert (drawn(shares, pixel_range=(0, 1)) == expected).all()
    assert (drawn(2 * shares - 1, pixel_range=(-1, 1)) == expected).all()
    for wrong in (shares, (2 * shares - 1).astype(np.float16), LEVELS - 110.0):
        with pytest.raises(ValueError, match=r"black is 0 and white 255; pass pixel_range="):
            drawn(wrong)
    around_0 = LEVELS / 60.0 - 2  # dark ones of these may all be below 1
    drawn(np.minimum(around_0, 0.9), pixel_range=(-2, 2.25))
    with pytest.raises(ValueError, match="the smaller first"):
        drawn(LEVELS, pixel_range=(255, 0))
    with pytest.raises(ValueError, match="black is 0 and white 1;"):
        drawn(LEVELS, pixel_range=(0, 1))
