"""A mosaic holds every picture once, in reading order."""

import numpy as np
import pytest

from chollet_cnn.drawing import mosaics


def drawn(images, labels, **options):
    """Draw a mosaic; return its axes, its pixels, and the pixels of each outlined image."""
    axes = mosaics.plot_mosaic(np.array(images), labels, title="see", **options).axes[0]
    pixels = np.ma.filled(axes.images[0].get_array(), np.nan)
    outlines = [patch.get_bbox().extents + 0.5 for patch in axes.patches]
    tiles = [pixels[int(y) : int(y1), int(x) : int(x1)] for x, y, x1, y1 in outlines]
    return axes, pixels, tiles


@pytest.mark.parametrize("colours", [(), (3,)])
@pytest.mark.parametrize("type_", ["uint8", "float32"])
def test_every_picture_is_drawn_once_in_reading_order(colours, type_):
    images = np.random.default_rng(0).integers(0, 256, (3, 4, 32, *colours))
    axes, pixels, tiles = drawn(images.astype(type_), ["a", "b", "c"], columns=2)
    assert not colours or pixels.dtype == np.uint8  # floats matplotlib would take for 0 to 1
    for image, tile in zip(images, tiles, strict=True):
        assert (tile == image.repeat(2, 0).repeat(2, 1)).all()  # enlarged to 64 pixels
    (left, top), (right, other), (below, under) = (patch.get_xy() for patch in axes.patches)
    assert (left, top) == (below, other)
    assert left < right
    assert top < under
    outside = pixels[int(under) :, int(right) :]  # two columns have room for a fourth
    assert (outside == 255).all() if colours else np.isnan(outside).all()


def test_every_picture_has_its_label_and_the_marked_one_is_vermilion():
    options = {"columns": 2, "highlighted": [False, True, False]}
    axes, _, _ = drawn(np.zeros((3, 2, 3)), ["a", "b", "c"], **options)
    assert [text.get_text() for text in axes.texts] == ["a", "b", "c"]
    assert [text.get_color() == "#b84f00" for text in axes.texts] == [False, True, False]
    assert axes.figure.get_figwidth() == 7


def test_weights_are_written_into_their_cells():
    options = {"columns": 1, "limits": (-1, 1), "write_values": True}
    axes, _, _ = drawn([[[0.25, -0.5], [0.001, 1.0]]], ["0"], **options)
    cells = [text.get_text() for text in axes.texts[1:]]
    assert cells == [".25", "\N{MINUS SIGN}.50", ".00", "1.00"]


def test_a_heat_turns_a_picture_vermilion_where_it_is_highest_and_nowhere_else():
    picture = np.full((2, 2, 3), 255, np.uint8)
    heat = np.array([[0.0, 1.0], [-5.0, 0.5]])
    over = mosaics.overlay(picture, heat).astype(int)
    assert over[0, 0].tolist() == over[1, 0].tolist() == [255, 255, 255]
    assert over[0, 1] == pytest.approx([0.9 * c + 25.5 for c in (0xD5, 0x5E, 0x00)], abs=1)
    assert over[1, 1] == pytest.approx((over[0, 0] + over[0, 1]) / 2, abs=1)
    nowhere_zero = mosaics.overlay(picture, np.array([[0.5, 1.0], [0.5, 0.5]]))
    assert (nowhere_zero[[0, 0, 1], [0, 1, 1]] == over[[1, 0, 1], [1, 1, 1]]).all()


def test_a_heat_of_another_size_is_answered_with_both_sizes():
    with pytest.raises(ValueError, match=r"\(3, 3\) and the image \(2, 2\)"):
        mosaics.overlay(np.zeros((2, 2, 1)), np.zeros((3, 3)))
