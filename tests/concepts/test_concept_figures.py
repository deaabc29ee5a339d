"""The tutorial's figures show the numbers that the computations give, and can be read."""

import numpy as np
import pytest
from examples import ARTICLE, IMAGE
from matplotlib.colors import to_hex
from readable import assert_readable, words

from chollet_cnn.concepts.convolution import cross_correlate2d
from chollet_cnn.concepts.figures import (
    convolution,
    geometry,
    images,
    kernels,
    neurons,
    photographs,
    pooling,
)
from chollet_cnn.concepts.geometry import ImpossibleGeometry
from chollet_cnn.concepts.kernels import GALLERY, SHARPEN
from chollet_cnn.drawing import sheet, style

TUTORIAL = [
    images.plot_pixel_values,
    images.plot_channels,
    convolution.plot_sliding_kernel,
    convolution.plot_sharpened_and_pooled,
    convolution.plot_smoothed_signal,
    convolution.plot_convolution_beside_correlation,
    kernels.plot_kernel_gallery,
    pooling.plot_max_beside_average,
    pooling.plot_shifted_digit,
    geometry.plot_padding_and_stride,
    geometry.plot_receptive_fields,
    neurons.plot_shared_weights,
    neurons.plot_activations,
    neurons.plot_softmax_beside_sigmoids,
]


def named(figure, label):
    """Return the axes of that label."""
    (axes,) = [axes for axes in figure.axes if axes.get_label() == label]
    return axes


def cells(axes, shape):
    """Read the numbers that are written in a grid; an empty cell is NaN."""
    found = np.full(shape, np.nan)
    for text in axes.texts:
        if text.get_text():
            column, row = text.get_position()
            found[round(row), round(column)] = float(text.get_text().replace("−", "-"))
    return found


@pytest.fixture(scope="module", params=TUTORIAL, ids=lambda function: function.__name__)
def tutorial_figure(request):
    return request.param()


def test_every_figure_has_one_width_and_all_its_texts_can_be_read(tutorial_figure):
    assert tutorial_figure.get_figwidth() == sheet.WIDTH
    assert_readable(tutorial_figure)


def test_the_padlock_is_the_article_s_picture():
    assert (images.PADLOCK == IMAGE).all()


def test_every_pixel_s_number_is_written_in_its_cell():
    figure = images.plot_pixel_values()
    assert np.array_equal(cells(named(figure, "image"), (16, 16)), images.PADLOCK)
    assert any("16 × 16 = 256" in text for text in words(figure))
    mine = np.arange(12).reshape(3, 4)
    assert np.array_equal(cells(named(images.plot_pixel_values(mine), "image"), (3, 4)), mine)


def test_a_dark_cell_has_white_numbers_and_a_light_cell_dark_ones():
    axes = images.plot_pixel_values(np.array([[0, 255]])).axes[0]
    assert [text.get_color() for text in axes.texts] == [style.WHITE, style.BLACK]
    assert [to_hex(patch.get_facecolor()) for patch in axes.patches] == ["#000000", "#ffffff"]


def test_each_channel_stands_alone_on_one_scale_with_the_pixel_s_three_numbers():
    image = np.zeros((20, 30, 3), np.uint8)
    image[4, 20] = (11, 22, 33)
    figure = images.plot_channels(image, (4, 20))
    shown = [axes.images[0] for axes in figure.axes]
    assert np.array_equal(shown[0].get_array(), image)
    for channel, picture in enumerate(shown[1:]):
        assert np.array_equal(picture.get_array(), image[..., channel])
        assert picture.get_clim() == (0, 255)
    assert {"red 11", "green 22", "blue 33"} <= set(words(figure))


def test_the_sums_of_a_sliding_kernel_fill_up_in_reading_order():
    figure = convolution.plot_sliding_kernel(stops=((0, 0), (0, 1), (1, 0), (2, 2)))
    written = [cells(named(figure, f"sums {i}"), (3, 3)) for i in range(4)]
    assert [np.isfinite(sums).sum() for sums in written] == [1, 2, 4, 9]
    assert written[3].tolist() == [[-60, 110, 438], [-104, 113, 118], [276, 192, 512]]
    assert "−1·116 − 1·255 + 5·116 − 1·153 − 1·116 = −60" in words(figure)


def test_under_each_pixel_of_the_window_stands_the_kernel_s_number():
    axes = named(convolution.plot_sliding_kernel(stops=((1, 2),)), "image 0")
    factors = {
        (round(y - 0.25), x): float(text.get_text()[1:].replace("−", "-"))
        for text in axes.texts
        for x, y in [text.get_position()]
        if text.get_text().startswith("×")
    }
    assert factors == {(1 + r, 2 + c): SHARPEN[r, c] for r in range(3) for c in range(3)}


def test_the_sharpened_map_and_its_pool_are_the_article_s():
    figure = convolution.plot_sharpened_and_pooled()
    response = cells(named(figure, "response"), (14, 14))
    pooled = cells(named(figure, "pooled"), (7, 7))
    assert response.tolist() == ARTICLE["filter_matrix_14x14"]
    assert pooled.tolist() == ARTICLE["max_pooled_7x7"]
    assert {"533, −214, −184, 50", "is 533"} <= set(words(figure))


def test_the_smoothed_curve_is_the_running_mean_over_its_own_positions():
    signal = np.random.default_rng(1).normal(size=60)
    axes = convolution.plot_smoothed_signal(signal, size=5).axes[0]
    curves = {line.get_label(): line for line in axes.lines}
    assert set(curves) == {"measured", "smoothed"}
    assert np.array_equal(curves["measured"].get_ydata(), signal)
    assert curves["smoothed"].get_xdata().tolist() == list(range(2, 58))
    means = [signal[i - 2 : i + 3].mean() for i in range(2, 58)]
    assert np.allclose(curves["smoothed"].get_ydata(), means)


def test_the_noise_that_is_left_is_the_one_that_the_note_gives():
    figure = convolution.plot_smoothed_signal(np.tile([1.0, -1.0], 20), np.zeros(40), size=2)
    assert any("1.00 before, 0.00 after" in text for text in words(figure))


def test_one_bright_pixel_gives_the_kernel_by_convolution_and_turned_by_correlation():
    figure = convolution.plot_convolution_beside_correlation()
    turned = [[9, 8, 7], [6, 5, 4], [3, 2, 1]]
    assert cells(named(figure, "result 0"), (3, 3)).tolist() == turned
    assert cells(named(figure, "kernel, turned 1"), (3, 3)).tolist() == turned
    assert cells(named(figure, "result 1"), (3, 3)).tolist() == convolution.LOPSIDED.tolist()


def test_the_gallery_shows_every_kernel_on_both_photographs():
    figure = kernels.plot_kernel_gallery()
    assert len(figure.axes) == 3 * len(GALLERY) == 24
    for name, kernel in GALLERY.items():
        written = cells(named(figure, name), kernel.shape)
        whole = np.array_equal(kernel, kernel.round())
        assert np.allclose(written, kernel if whole else 100 * kernel, atol=0.51)
        shown = named(figure, f"{name}, Grace Hopper").images[0]
        photo = photographs.grey(photographs.grace_hopper(kernels.SIZE))
        assert np.allclose(shown.get_array(), cross_correlate2d(photo, kernel))
        low, high = shown.get_clim()
        assert low == -high if abs(kernel.sum()) < 1e-9 else (low, high) == (0, 255)


def test_max_and_average_pooling_stand_beside_the_map_they_come_from():
    figure = pooling.plot_max_beside_average()
    assert cells(named(figure, "before"), (4, 4))[0].tolist() == [533, -214, 90, 139]
    assert cells(named(figure, "the largest"), (2, 2)).tolist() == [[533, 481], [113, 438]]
    assert cells(named(figure, "the mean"), (2, 2)).tolist() == [[46.25, 266.75], [14.75, 259.5]]


def test_a_dot_that_moves_changes_everything_without_pooling_and_nothing_within_its_block():
    dot = np.zeros((8, 8))
    dot[4, 0] = 1
    figure = pooling.plot_shifted_digit(dot, np.ones((1, 1)), (0, 1, 2, 4))
    unpooled, once, twice, thrice = (list(line.get_ydata()) for line in figure.axes[-1].lines)
    assert unpooled == [0, 1, 1, 1]
    assert once == [0, 0, 1, 1]
    assert twice == [0, 0, 0, 1]
    assert thrice == [0, 0, 0, 0]


def test_the_digit_s_pooled_answers_move_less_at_every_shift():
    lines = pooling.plot_shifted_digit().axes[-1].lines
    moves = np.array([line.get_ydata() for line in lines])
    assert moves.shape == (4, 5)
    assert (moves[:, 0] == 0).all()
    assert (np.diff(moves[:, 1:], axis=0) < 0).all()


def test_each_row_of_the_shift_figure_shows_what_was_measured():
    figure = pooling.plot_shifted_digit()
    digit = photographs.digit(32)
    shown = [axes.images[0].get_array() for axes in figure.axes[:15]]
    assert [picture.shape for picture in shown] == [(32, 32)] * 10 + [(8, 8)] * 5
    assert np.array_equal(shown[3][:, 3:], digit[:, :-3])


def test_windows_are_numbered_as_many_as_the_formula_says():
    figure = geometry.plot_padding_and_stride()
    written = [[t.get_text() for t in axes.texts if t.get_text()] for axes in figure.axes]
    assert [len(numbers) for numbers in written] == [5**2, 7**2, 3**2, 4**2]
    assert written[2] == list("123456789")
    assert "(7 − 3 + 2·1) / 2 + 1 = 4" in words(figure)


def test_padded_cells_are_hatched_and_no_others():
    figure = geometry.plot_padding_and_stride(5, 3, ((1, 1),))
    hatched = [patch for patch in figure.axes[0].patches if patch.get_hatch()]
    assert len(hatched) == 7**2 - 5**2


def test_windows_that_do_not_come_out_whole_are_not_drawn():
    with pytest.raises(ImpossibleGeometry):
        geometry.plot_padding_and_stride(6, 3, ((2, 0),))


def framed(axes):
    """Return the sides of the framed squares and where they begin, the unit's own first."""
    frames = [p for p in axes.patches if to_hex(p.get_edgecolor()) == style.POINTED_AT]
    return sorted((p.get_linestyle() != "-", p.get_x() + 0.5, p.get_width()) for p in frames)


def test_the_frames_are_the_receptive_fields_and_the_next_one_is_a_jump_away():
    figure = geometry.plot_receptive_fields()
    frames = [framed(axes) for axes in figure.axes]
    assert [frame[0][2] for frame in frames] == [3, 4, 8, 10, 18, 22]
    assert [frame[1][1] - frame[0][1] for frame in frames[:5]] == [1, 2, 2, 4, 4]
    assert len(frames[5]) == 1  # the last map is 1x1: there is no next unit
    assert any("22 of 28" in text for text in words(figure))


@pytest.mark.parametrize(
    ("kernel", "inputs", "shape", "places"),
    [(np.array([[1, 2], [3, 4]]), (4, 4), (9, 16), 36), (np.array([5, 5, 7]), 7, (5, 7), 15)],
)
def test_equal_weights_have_equal_colours_and_the_others_are_blank(kernel, inputs, shape, places):
    axes = named(neurons.plot_shared_weights(kernel, inputs), "matrix")
    written = cells(axes, shape)
    fills = np.array([to_hex(p.get_facecolor()) for p in axes.patches]).reshape(shape)
    assert np.isfinite(written).sum() == (fills != "#ffffff").sum() == places
    assert len(set(fills[fills != "#ffffff"])) == kernel.size  # also where two weights are equal
    rebuilt = np.nan_to_num(written) @ np.arange(shape[1])
    picture = np.arange(shape[1]).reshape(inputs)
    if kernel.ndim == 2:
        expected = cross_correlate2d(picture, kernel).ravel()
    else:
        expected = np.correlate(picture, kernel, "valid")
    assert np.array_equal(rebuilt, expected)


def test_each_slope_is_the_slope_of_the_curve_it_stands_with():
    for axes in neurons.plot_activations().axes:
        curve, slope = axes.lines
        x, y = curve.get_data()
        middle = (x[1:] + x[:-1]) / 2
        away = np.abs(middle) > 0.05  # ReLU has a corner at 0
        drawn = np.interp(middle, x, slope.get_ydata())
        assert np.allclose((np.diff(y) / np.diff(x))[away], drawn[away], atol=1e-3)
        assert slope.get_linestyle() == "--"
        assert curve.get_linestyle() == "-"


def test_softmax_bars_sum_to_one_and_sigmoid_bars_need_not():
    left, right = neurons.plot_softmax_beside_sigmoids((0.0, np.log(3)), ("no", "yes")).axes
    assert np.allclose([bar.get_width() for bar in left.patches], [0.25, 0.75])
    assert np.allclose([bar.get_width() for bar in right.patches], [0.5, 0.75])
    assert (left.get_title("left"), right.get_title("left")) == (
        "softmax: sum 100%",
        "a sigmoid each: sum 125%",
    )
