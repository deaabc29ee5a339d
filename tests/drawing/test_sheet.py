"""Every figure has one width, a title and a note; every number is written in one way."""

import re
from pathlib import Path

import numpy as np
import pytest
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.texmanager import TexManager

from chollet_cnn.drawing import mosaics, sheet, style
from chollet_cnn.page.chapter import template_text


@pytest.mark.parametrize("make", [sheet.sheet, sheet.panels])
def test_a_long_title_is_wrapped_and_stays_within_the_figure(make):
    figure = make(3, "A title of many words " * 8, "and a note $of$ many more " * 12)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    title, note = (text.get_window_extent(canvas.get_renderer()) for text in figure.texts)
    assert figure.get_figwidth() == sheet.WIDTH
    assert max(title.x1, note.x1) <= figure.bbox.width
    assert title.y0 >= note.y1


def test_subplots_have_the_height_that_was_asked_for_below_the_title():
    figure = sheet.panels(2.0, "a title", "a note")
    axes = figure.add_subplot()
    FigureCanvasAgg(figure).draw()
    assert axes.get_tightbbox().y1 <= 2.0 * figure.dpi


def contrast(*colors):
    channels = np.array([to_rgb(color) for color in colors])
    linear = np.where(channels <= 0.03928, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    dark, light = sorted(linear @ (0.2126, 0.7152, 0.0722) + 0.05)
    return light / dark


def test_text_has_the_contrast_that_small_type_needs():
    """WCAG 2.1, 1.4.3."""
    for fill in [(grey,) * 3 for grey in np.linspace(0, 1, 101)]:
        assert contrast(fill, style.contrasting(fill)) > 4.5
    for color in (style.DATA, style.POINTED_AT, *style.OTHERS, style.GREY):
        assert contrast(style.ink(color), "white") >= 4.5
    for theme in template_text("theme.css").split("@media")[:2]:  # light, dark
        colors = dict(re.findall(r"--(\w+): (#\w{6});", theme))
        for text in ("ink", "soft", "data", "pointed", "third"):
            for ground in ("paper", "shade", "card"):
                assert contrast(colors[text], colors[ground]) >= 4.5, (text, ground)


def test_show_opens_the_image_viewer_or_says_that_there_is_none(monkeypatch):
    shown = []
    monkeypatch.setattr(sheet.ImageShow, "show", lambda image: shown.append(image.size) or True)
    sheet.panels(2.0).show()
    assert shown == [(1400, 400)]
    monkeypatch.setattr(sheet.ImageShow, "show", lambda image: False)
    with pytest.raises(RuntimeError, match="savefig"):
        sheet.panels(2.0).show()


def test_a_matplotlibrc_that_asks_for_latex_changes_no_figure(monkeypatch):
    def no_latex(*_):
        raise RuntimeError("latex could not be found")

    monkeypatch.setattr(TexManager, "make_dvi", no_latex)
    with rc_context({"text.usetex": True}):
        figure = sheet.panels(2, "A title with 50%_ and $\\frac$", "a note of $\\frac$")
        axes = figure.subplots()
        axes.plot([0, 1], [0.25, 0.75], label="a_b $\\frac$")  # an error, were it mathematics
        axes.set_xticks([0, 1], ["$\\frac$", "b"])
        axes.legend()
        assert figure._repr_png_()[0].startswith(b"\x89PNG")


def test_powers_of_ten_are_written_as_such():
    figure = sheet.panels(2)
    axes = figure.subplots()
    axes.plot([1, 2], [0.001, 1])
    axes.set_yscale("log")
    axes.set_xticks([1, 2], ["$x$", "b"])
    FigureCanvasAgg(figure).draw()
    labels = [label for label in axes.get_yticklabels() if "10^" in label.get_text()]
    assert labels
    assert all(label.get_parse_math() for label in labels)
    assert not any(label.get_parse_math() for label in axes.get_xticklabels())


def test_images_stand_upright_whatever_a_matplotlibrc_says():
    with rc_context({"image.origin": "lower"}):
        axes = sheet.panels(2).subplots()
        sheet.draw_image(axes, np.zeros((4, 4)))
        mosaic = mosaics.plot_mosaic(np.zeros((2, 4, 4)), ["0", "1"], columns=2, title="")
    assert [one.images[0].origin for one in (axes, mosaic.axes[0])] == ["upper", "upper"]


def test_every_array_is_drawn_by_the_function_that_keeps_it_upright():
    package = Path(sheet.__file__).parents[1]
    calls = [file.name for file in package.rglob("*.py") if ".imshow(" in file.read_text("utf-8")]
    assert calls == ["sheet.py"]


def test_bytes_a_little_below_black_are_black():
    levels = sheet.to_grey_levels(np.array([[12, 16, 235]], np.uint8), (16, 235))
    assert levels.tolist() == [[pytest.approx(-255 * 4 / 219), 0, 255]]
