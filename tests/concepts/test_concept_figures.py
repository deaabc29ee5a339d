"""The tutorial's figures show the numbers that the computations give, and can be read."""

import inspect

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

MODULES = (images, convolution, kernels, pooling, geometry, neurons)
TUTORIAL = [
    function
    for module in MODULES
    for name, function in inspect.getmembers(module, inspect.isfunction)
    if name.startswith("plot_")
]


ARRAYS = {"image", "signal", "truth", "scores", "values", "kernel", "digit"}
TAKING_ARRAYS = [draw for draw in TUTORIAL if ARRAYS & inspect.signature(draw).parameters.keys()]


@pytest.mark.parametrize("draw", TAKING_ARRAYS, ids=lambda draw: draw.__name__)
@pytest.mark.parametrize("side", [4, 5, 7])
def test_arrays_of_one_s_own_are_drawn_as_lists_too(draw, side):
    image = np.arange(side**2).reshape(side, side)
    given = {"image": image, "signal": image.ravel(), "truth": image.ravel(), "scores": image[0]}
    given |= {"values": image, "kernel": image[:3, :3], "digit": np.kron(image, np.ones((8, 8)))}
    if draw is images.plot_channels:
        given["image"] = image[..., None] * [1, 2, 3]
    given = {name: given[name] for name in inspect.signature(draw).parameters if name in given}
    lists = {name: value.tolist() for name, value in given.items()}
    assert words(draw(**given)) == words(draw(**lists))
    # Sums of bytes do not overflow.
    many = {name: (5 * np.asarray(value)).astype(np.uint8) for name, value in given.items()}
    assert words(draw(**many)) == words(draw(**{n: v.astype(int) for n, v in many.items()}))


def test_a_grid_of_0_to_1_is_drawn_from_black_to_white():
    corners = np.eye(5) * 0.75 + 0.25
    for figure in (images.plot_pixel_values(corners), convolution.plot_sliding_kernel(corners)):
        shades = {cell.get_facecolor()[0] for cell in figure.axes[0].patches}
        assert max(shades) == 1
        assert 0 < min(shades - {0.0}) < 0.6


@pytest.mark.parametrize(
    ("draw", "words"),
    [
        (lambda: convolution.plot_sliding_kernel(stops=[(9, 9)]), r"no window at \(9, 9\)"),
        (lambda: convolution.plot_sharpened_and_pooled(block=(9, 9)), r"no block at \(9, 9\)"),
        (lambda: images.plot_channels(pixel=(500, 0)), r"no pixel at \(500, 0\); rows are 0 to 1"),
        (lambda: geometry.plot_receptive_fields(layers=[]), "list of layers is empty"),
    ],
)
def test_a_place_that_is_not_there_is_refused(draw, words):
    with pytest.raises(ValueError, match=words):
        draw()


def test_a_single_shift_is_drawn_and_a_light_grey_image_is_light():
    assert len(pooling.plot_shifted_digit(shifts=(2,)).axes) == 4
    drawn = geometry.plot_receptive_fields(image=np.full((28, 28), 200.0)).axes[0].images[0]
    assert drawn.get_clim() == (0, 255)


def test_a_convolution_is_drawn_as_the_cross_correlation_that_its_signs_say():
    figure = convolution.plot_convolution_beside_correlation()
    signs = [text.get_text() for text in figure.texts if text.get_text() in "⋆∗"]
    assert signs == ["⋆", "⋆"]
    for row, kernel in enumerate(("kernel", "kernel, turned")):
        image, laid, result = (
            cells(named(figure, f"{n} {row}")) for n in ("image", kernel, "result")
        )
        np.testing.assert_array_equal(cross_correlate2d(image, laid), result)


def named(figure, label):
    """Return the axes of that label."""
    (axes,) = [axes for axes in figure.axes if axes.get_label() == label]
    return axes


def cells(axes):
    """Read the numbers that are written in a grid; an empty cell is NaN."""
    columns, rows = (round(max(ends) + 0.5) for ends in (axes.get_xlim(), axes.get_ylim()))
    found = np.full((rows, columns), np.nan)
    for text in axes.texts:
        if text.get_text():
            column, row = text.get_position()
            found[round(row), round(column)] = float(text.get_text().replace("−", "-"))
    return found


@pytest.mark.parametrize("draw", TUTORIAL, ids=lambda function: function.__name__)
def test_every_figure_has_one_width_and_all_its_texts_can_be_read(draw):
    figure = draw()
    assert figure.get_figwidth() == sheet.WIDTH
    assert_readable(figure)


TURNED = convolution.LOPSIDED[::-1, ::-1]


@pytest.mark.parametrize(
    ("figure", "grids", "written"),
    [
        (images.plot_pixel_values(), {"image": IMAGE}, set()),
        (images.plot_pixel_values(np.eye(3, 4)), {"image": np.eye(3, 4)}, set()),
        (
            convolution.plot_sharpened_and_pooled(),
            {
                "response": ARTICLE["filter_matrix_14x14"],
                "pooled": ARTICLE["max_pooled_7x7"],
            },
            {"533, −214, −184, 50", "is 533"},
        ),
        (
            convolution.plot_convolution_beside_correlation(),
            {
                "result 0": TURNED,
                "kernel, turned 1": TURNED,
                "result 1": convolution.LOPSIDED,
            },
            {"cross-correlation, as in Conv2D"},
        ),
        (
            pooling.plot_max_beside_average(),
            {
                "the largest": [[533, 481], [113, 438]],
                "the mean": [[46.25, 266.75], [14.75, 259.5]],
            },
            {"533", "−214", "90", "139"},
        ),
        (
            convolution.plot_sliding_kernel(),
            {"sums 2": [[-60, 110, 438], [-104, 113, 118], [276, 192, 512]]},
            {"−1·116 − 1·255 + 5·116 − 1·153 − 1·116 = −60"},
        ),
        (geometry.plot_padding_and_stride(), {}, {"(7 − 3 + 2·1) / 2 + 1 = 4"}),
    ],
)
def test_the_numbers_in_a_figure_s_grids_are_the_article_s(figure, grids, written):
    for label, expected in grids.items():
        assert np.array_equal(cells(named(figure, label)), expected)
    assert written <= set(words(figure))


def test_a_dark_cell_has_white_numbers_and_a_light_cell_dark_ones():
    axes = images.plot_pixel_values(np.array([[0, 255]])).axes[0]
    assert [text.get_color() for text in axes.texts] == [style.WHITE, style.BLACK]
    assert [to_hex(patch.get_facecolor()) for patch in axes.patches] == ["#000000", "#ffffff"]


def test_each_channel_stands_alone_on_one_scale_with_the_pixel_s_three_numbers():
    image = np.zeros((20, 30, 3), np.uint8)
    image[4, 20] = (11, 22, 33)
    figure = images.plot_channels(image, (4, 20))
    whole, *channels = [axes.images[0] for axes in figure.axes]
    assert np.array_equal(whole.get_array(), image)
    for channel, picture in enumerate(channels):
        assert np.array_equal(picture.get_array(), image[..., channel])
        assert picture.get_clim() == (0, 255)
    assert {"red 11", "green 22", "blue 33"} <= set(words(figure))


def test_a_sliding_kernel_fills_its_sums_in_reading_order_and_shows_its_numbers_under_pixels():
    figure = convolution.plot_sliding_kernel(stops=((0, 0), (0, 1), (1, 2)))
    counts = [np.isfinite(cells(named(figure, f"sums {i}"))).sum() for i in range(3)]
    assert counts == [1, 2, 6]
    factors = {
        (round(y - 0.25), x): float(text.get_text()[1:].replace("−", "-"))
        for text in named(figure, "image 2").texts
        for x, y in [text.get_position()]
        if text.get_text().startswith("×")
    }
    assert factors == {(1 + r, 2 + c): SHARPEN[r, c] for r in range(3) for c in range(3)}


def test_the_smoothed_curve_is_the_running_mean_and_the_note_says_how_much_noise_is_left():
    signal = np.random.default_rng(1).normal(size=60)
    measured, smoothed = convolution.plot_smoothed_signal(signal, size=5).axes[0].lines
    assert (measured.get_label(), smoothed.get_label()) == ("measured", "smoothed")
    assert np.array_equal(measured.get_ydata(), signal)
    assert smoothed.get_xdata().tolist() == list(range(2, 58))
    assert np.allclose(smoothed.get_ydata(), [signal[i - 2 : i + 3].mean() for i in range(2, 58)])
    figure = convolution.plot_smoothed_signal(np.tile([1.0, -1.0], 20), np.zeros(40), size=2)
    assert any("1.00 before, 0.00 after" in text for text in words(figure))


def test_the_gallery_shows_every_kernel_on_both_photographs():
    figure = kernels.plot_kernel_gallery()
    assert len(figure.axes) == 3 * len(GALLERY) == 24
    photo = photographs.grey(photographs.grace_hopper(kernels.SIZE))
    for name, kernel in GALLERY.items():
        scale = 1 if np.array_equal(kernel, kernel.round()) else 100
        assert np.allclose(cells(named(figure, name)), scale * kernel, atol=0.51)
        shown = named(figure, f"{name}, Grace Hopper").images[0]
        assert np.allclose(shown.get_array(), cross_correlate2d(photo, kernel))
        low, high = shown.get_clim()
        assert low == -high if abs(kernel.sum()) < 1e-9 else (low, high) == (0, 255)


def test_a_dot_that_moves_changes_everything_without_pooling_and_nothing_within_its_block():
    dot = np.zeros((8, 8))
    dot[4, 0] = 1
    figure = pooling.plot_shifted_digit(dot, np.ones((1, 1)), (0, 1, 2, 4))
    by_poolings = [list(line.get_ydata()) for line in figure.axes[-1].lines]
    assert by_poolings == [[0, 1, 1, 1], [0, 0, 1, 1], [0, 0, 0, 1], [0, 0, 0, 0]]


def test_the_digit_s_pooled_responses_change_less_at_every_shift_and_are_the_ones_shown():
    figure = pooling.plot_shifted_digit()
    moves = np.array([line.get_ydata() for line in figure.axes[-1].lines])
    assert moves.shape == (4, 5)
    assert (moves[:, 0] == 0).all()
    assert (np.diff(moves[:, 1:], axis=0) < 0).all()
    shown = [axes.images[0].get_array() for axes in figure.axes[:15]]
    assert [picture.shape for picture in shown] == [(32, 32)] * 10 + [(8, 8)] * 5
    assert np.array_equal(shown[3][:, 3:], photographs.digit(32)[:, :-3])


def test_windows_are_numbered_and_padded_cells_are_hatched():
    figure = geometry.plot_padding_and_stride()
    written = [[t.get_text() for t in axes.texts if t.get_text()] for axes in figure.axes]
    assert [len(numbers) for numbers in written] == [5**2, 7**2, 3**2, 4**2]
    assert written[2] == list("123456789")
    figure = geometry.plot_padding_and_stride(5, 3, ((1, 1),))
    assert sum(bool(patch.get_hatch()) for patch in figure.axes[0].patches) == 7**2 - 5**2
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
    written = cells(axes)
    fills = np.array([to_hex(p.get_facecolor()) for p in axes.patches]).reshape(shape)
    assert np.isfinite(written).sum() == (fills != "#ffffff").sum() == places
    assert len(set(fills[fills != "#ffffff"])) == kernel.size  # also where two weights are equal
    picture = np.atleast_2d(np.arange(shape[1]).reshape(inputs))
    expected = cross_correlate2d(picture, np.atleast_2d(kernel)).ravel()
    assert np.array_equal(np.nan_to_num(written) @ np.arange(shape[1]), expected)


def test_each_slope_is_the_slope_of_the_curve_it_stands_with():
    for axes in neurons.plot_activations().axes:
        curve, slope = axes.lines
        x, y = curve.get_data()
        middle = (x[1:] + x[:-1]) / 2
        away = np.abs(middle) > 0.05  # ReLU has a corner at 0
        drawn = np.interp(middle, x, slope.get_ydata())
        assert np.allclose((np.diff(y) / np.diff(x))[away], drawn[away], atol=1e-3)
        assert (curve.get_linestyle(), slope.get_linestyle()) == ("-", "--")


def test_softmax_bars_sum_to_one_and_sigmoid_bars_need_not():
    left, right = neurons.plot_softmax_beside_sigmoids((0.0, np.log(3)), ("no", "yes")).axes
    assert np.allclose([bar.get_width() for bar in left.patches], [0.25, 0.75])
    assert np.allclose([bar.get_width() for bar in right.patches], [0.5, 0.75])
    assert left.get_title("left") == "softmax: sum 100%"
    assert right.get_title("left") == "a sigmoid each: sum 125%"
