"""A mosaic holds every picture once, in reading order."""

import numpy as np
import pytest

from chollet_cnn.drawing import mosaics


def numbered(count, height=2, width=3):
    return np.arange(count, dtype=np.uint8)[:, None, None] * np.ones((height, width), np.uint8)


def test_pictures_are_laid_out_from_left_to_right_and_from_top_to_bottom():
    sheet = mosaics.mosaic(numbered(3), columns=2, margin=(0, 0), fill=9)
    assert sheet.tolist() == [[0, 0, 0, 1, 1, 1]] * 2 + [[2, 2, 2, 9, 9, 9]] * 2
    assert sheet.dtype == np.uint8


def test_margins_stand_above_and_to_the_left():
    sheet = mosaics.mosaic(numbered(1, 1, 1), columns=1, margin=(2, 1), fill=7)
    assert sheet.tolist() == [[7, 7], [7, 7], [7, 0]]


def test_what_holds_no_picture_is_drawn_as_nothing():
    sheet = mosaics.mosaic(numbered(3), columns=2)
    assert np.isnan(sheet[0]).all()
    assert np.isnan(sheet[-1, -3:]).all()


@pytest.mark.parametrize(("count", "columns"), [(1, 1), (4, 2), (5, 3), (32, 6)])
def test_a_mosaic_is_about_square_if_nothing_else_is_asked(count, columns):
    rows = -(-count // columns)
    assert mosaics.mosaic(numbered(count)).shape == (rows * 3, columns * 4)


def test_every_picture_is_found_again_at_its_corner():
    pictures = np.random.default_rng(0).integers(0, 256, (7, 4, 5, 3)).astype(np.uint8)
    sheet = mosaics.mosaic(pictures, 3, margin=(2, 1), fill=0)
    corners = mosaics.corners(7, 4, 5, 3, margin=(2, 1))
    for picture, (top, left) in zip(pictures, corners, strict=True):
        assert (sheet[top : top + 4, left : left + 5] == picture).all()


@pytest.mark.parametrize("wrong", [np.zeros((3, 3)), np.zeros((0, 3, 3))])
def test_what_are_no_pictures_is_answered_with_its_shape(wrong):
    with pytest.raises(ValueError, match=str(wrong.shape).replace("(", r"\(").rstrip(")")):
        mosaics.mosaic(wrong)


def test_every_picture_has_its_label_and_the_marked_one_is_vermilion():
    figure = mosaics.plot_mosaic(
        numbered(3), ["a", "b", "c"], columns=2, title="see", highlighted=[False, True, False]
    )
    axes = figure.axes[0]
    assert [text.get_text() for text in axes.texts] == ["a", "b", "c"]
    assert [text.get_color() == "#b84f00" for text in axes.texts] == [False, True, False]
    assert figure.get_figwidth() == 7


def test_weights_are_written_into_their_cells():
    kernel = np.array([[[0.25, -0.5], [0.001, 1.0]]])
    figure = mosaics.plot_mosaic(
        kernel, ["0"], columns=1, title="", limits=(-1, 1), write_values=True
    )
    cells = [text.get_text() for text in figure.axes[0].texts[1:]]
    assert cells == [".25", "\N{MINUS SIGN}.50", ".00", "1.00"]


def test_a_heat_turns_a_picture_vermilion_where_it_is_highest_and_nowhere_else():
    picture = np.full((2, 2, 3), 255, np.uint8)
    heat = np.array([[0.0, 1.0], [-5.0, 0.5]])
    over = mosaics.overlay(picture, heat).astype(int)
    assert over[0, 0].tolist() == over[1, 0].tolist() == [255, 255, 255]
    assert over[0, 1] == pytest.approx([0.9 * c + 25.5 for c in (0xD5, 0x5E, 0x00)], abs=1)
    assert over[1, 1] == pytest.approx((over[0, 0] + over[0, 1]) / 2, abs=1)


def test_a_heat_of_another_size_is_answered_with_both_sizes():
    with pytest.raises(ValueError, match=r"\(3, 3\) and the image \(2, 2\)"):
        mosaics.overlay(np.zeros((2, 2, 1)), np.zeros((3, 3)))
