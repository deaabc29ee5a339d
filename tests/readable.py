"""Where the texts of a figure are, and whether all of them can be read."""

from itertools import combinations

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text


def drawn_texts(figure):
    """Draw a figure and return where each of its texts is, in pixels."""
    canvas = FigureCanvasAgg(figure)
    draw, drawn = Text.draw, {}

    def remembered(text, renderer):
        draw(text, renderer)
        if text.get_visible() and text.get_text().strip():
            drawn[text] = text.get_window_extent(renderer)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Text, "draw", remembered)
        canvas.draw()
    return drawn


def words(figure):
    return [text.get_text() for text in figure.findobj(Text)]


def assert_readable(figure):
    """Assert that no text is smaller than 8 points, overlaps another, or leaves the figure."""
    boxes = drawn_texts(figure)
    width, height = figure.canvas.get_width_height()
    assert min(text.get_fontsize() for text in boxes) >= 8
    for text, box in boxes.items():
        inside = box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height
        assert inside, text.get_text()
    for (one, first), (other, second) in combinations(boxes.items(), 2):
        assert not first.overlaps(second), (one.get_text(), other.get_text())
