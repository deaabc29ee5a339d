"""Figures for the page follow its theme; figures for others are fit for print."""

import dataclasses
import re
import zlib

import matplotlib as mpl
import matplotlib.figure
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from chollet_cnn.drawing import sheet, style
from chollet_cnn.page.figure import LOOK, Figure


@pytest.fixture
def figure():
    with mpl.rc_context(LOOK):
        drawing = matplotlib.figure.Figure(figsize=(4, 2), layout="constrained")
        sheet.write(drawing, 0.1, 0.2, "a title", fontsize=6)
        axes = drawing.subplots()
        axes.imshow(np.arange(12.0).reshape(3, 4), cmap="gray")
    return Figure("a-figure", drawing, pd.DataFrame({"x": [1]}), {"image": np.arange(12)})


def test_text_stays_text_and_follows_the_theme(figure):
    assert "a title</text>" in figure.svg
    assert f"var(--ink, {style.INK})" in figure.svg
    assert set(re.findall("(?:font-family|font):[^;]*?var\\((.*?)\\)", figure.svg)) == {"--sans"}
    assert "DejaVu" not in figure.svg
    assert "#ffffff" not in figure.svg.lower()


def test_ids_are_the_figures_own(figure):
    assert all(name.startswith("a-figure-") for name in re.findall(r' id="([^"]+)"', figure.svg))


def test_an_image_keeps_its_own_pixels(figure):
    (width,) = re.findall(r'<image [^>]*width="([\d.]+)"', figure.svg)
    assert float(width) == 4


def test_small_letters_make_a_figure_slide_on_a_phone(figure):
    assert figure.least_width == pytest.approx(9 * 4 * 72 / 6, abs=2)


def test_width_and_dpi_decide_the_pixels_of_a_file(figure, tmp_path):
    figure.write(tmp_path, "png", width=2, dpi=100)
    with Image.open(tmp_path / "a-figure.png") as image:
        assert image.size == (200, 100)


def test_a_name_is_no_pattern_of_a_replacement(figure):
    svg = dataclasses.replace(figure, name=r"a\d").svg
    assert r"url(#a\d-" in svg


def test_the_markers_of_an_enlarged_figure_grow_with_it(figure, tmp_path):
    ring = figure.drawing.axes[0].scatter([1], [1], s=20)
    figure.write(tmp_path, "png", width=12)
    assert ring.get_sizes().tolist() == [180]


def test_what_was_drawn_is_beside_the_file(figure, tmp_path):
    figure.write(tmp_path, "svg")
    assert pd.read_csv(tmp_path / "a-figure.csv")["x"].tolist() == [1]
    assert np.load(tmp_path / "a-figure.npz")["image"].tolist() == list(range(12))


def test_a_pdf_has_type_42_fonts(figure, tmp_path):
    figure.write(tmp_path, "pdf")
    pdf = (tmp_path / "a-figure.pdf").read_bytes()
    parts = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL)
    text = pdf + b"".join(zlib.decompressobj().decompress(p) for p in parts if p[:1] == b"x")
    assert b"/FontFile2" in text
    assert b"/Subtype /Type3" not in text


def test_a_cell_keeps_the_colour_that_its_number_is_written_for():
    drawing = sheet.sheet(2, "a title")
    axes = sheet.place(drawing, 0.1, 0.7, 1, 1, "cells")
    sheet.draw_grid(axes, np.array([[0.0, 204.0]]), limits=(0, 255))  # #cccccc, as a grid's line
    svg = Figure("cells", drawing, pd.DataFrame()).svg
    assert "fill: #cccccc" in svg
    assert "fill: var(--pale" not in svg
    assert "stroke: var(--pale, #cccccc)" in svg
