"""A figure of the page: drawn once, written into the page as SVG and beside it as a file."""

import base64
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import matplotlib as mpl
import matplotlib.figure
import numpy as np
import pandas as pd
from markupsafe import Markup
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.collections import Collection, PathCollection
from matplotlib.colors import to_hex, to_rgba
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text
from PIL import Image

from chollet_cnn.drawing import style

FORMATS = ("png", "svg", "pdf")
DPI = 170
"""Dots to the inch of a PNG file, unless the reader asks for others."""
EMBEDDED_DPI = 300
"""Dots to the inch of the images inside an SVG or a PDF file, unless the reader asks for others."""
LEGIBLE = 9
"""CSS pixels: on a phone no letter of a figure is smaller; a figure that would be slides."""
LARGE = 60_000
"""Bytes: an embedded image that is larger without loss is a photograph, and need not be exact."""
LOOK = {
    **dict.fromkeys(
        ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), style.INK
    ),
    "text.parse_math": False,  # a class or a layer may have dollars in its name
    "text.usetex": False,
    "svg.fonttype": "none",
    "pdf.fonttype": 42,
    "ps.fonttype": 42,
}
"""matplotlib's settings while figures are drawn: ink that can follow dark mode, and real text."""
THEMED = {
    style.INK: "ink",
    style.GREY: "soft",
    style.PALE: "pale",
    style.DATA: "data",
    style.ink(style.POINTED_AT): "pointed",
    style.ink(style.THIRD): "third",
    "#ebebeb": "line",
    "#e6e6e6": "line",
    "#cccccc": "pale",
}
"""Colours that follow the page's theme, and the CSS variable that each becomes."""
GRID_LINE = "stroke: #cccccc"


@dataclass(frozen=True, eq=False)
class Figure:
    """A drawing, the name of its file, and what was drawn."""

    name: str
    """The name of its file, without the ending."""
    drawing: matplotlib.figure.Figure
    data: pd.DataFrame
    """What was drawn; written beside it as CSV."""
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)
    """Images and feature maps that were drawn, too large for a CSV; written beside it as NPZ."""
    tiles: bool = False
    """Whether it is a mosaic, whose images are enlarged one by one."""

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in points, the units of its SVG."""
        width, height = self.drawing.get_size_inches() * 72
        return round(width, 1), round(height, 1)

    @property
    def tall(self) -> bool:
        """Whether it needs a page of its own in print."""
        width, height = self.size
        return height > 1.4 * width

    @property
    def least_width(self) -> int:
        """CSS pixels below which its smallest letters could not be read."""
        sizes = re.findall(r"font(?:-size)?: [^;\"]*?([\d.]+)px", self.svg)
        return round(LEGIBLE * self.size[0] / min(map(float, sizes))) + 1 if sizes else 0

    @cached_property
    def svg(self) -> Markup:
        """The inside of its ``<svg>``: real text, themed colours, images with their own pixels."""
        for axes in self.drawing.axes:
            if to_rgba(axes.get_facecolor()) == (1, 1, 1, 1):
                axes.set_facecolor("none")
            for image in axes.images:
                image.set_interpolation("none")  # embeds the image's own pixels
            if self.tiles:
                for patch in axes.patches:
                    patch.set_gid("tile")
        buffer = io.StringIO()
        salt = {"svg.hashsalt": self.name, "svg.fonttype": "none"}
        self.drawing.patch.set_visible(False)
        with mpl.rc_context(salt):
            # Unlike savefig, a canvas does not draw everything once before, to find the layout.
            FigureCanvasSVG(self.drawing).print_svg(buffer, metadata={"Date": None})
        self.drawing.patch.set_visible(True)
        self.drawing.set_layout_engine("none")  # which found the places of all parts; this is slow
        inner = re.search(r"<svg[^>]*>(.*)</svg>", buffer.getvalue(), re.DOTALL)[1]
        inner = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", inner, flags=re.DOTALL)
        return Markup(_compact(_themed(_own_ids(inner, self.name))))

    def write(
        self, folder: Path, file_format: str, width: float | None = None, dpi: int | None = None
    ) -> None:
        """Write the figure as a file, and beside it what was drawn.

        Args:
            folder: where to.
            file_format: ``png``, ``svg`` or ``pdf``.
            width: inches; letters and lines grow with the figure. Its own width if left out.
            dpi: of a PNG file, and of the images inside the others.
        """
        self.data.to_csv(folder / f"{self.name}.csv", index=False)
        if self.arrays:
            np.savez_compressed(folder / f"{self.name}.npz", **self.arrays)
        if width is not None:
            _scale(self.drawing, width / self.drawing.get_figwidth())
        file = folder / f"{self.name}.{file_format}"
        with mpl.rc_context(LOOK):
            if file_format == "png":
                self.drawing.set_dpi(dpi or DPI)
                FigureCanvasAgg(self.drawing).print_png(file, pil_kwargs={"compress_level": 3})
            else:
                self.drawing.savefig(file, dpi=dpi or EMBEDDED_DPI)


def _scale(figure: matplotlib.figure.Figure, factor: float) -> None:
    """Enlarge a figure with its letters, lines and markers."""
    for text in figure.findobj(Text):
        text.set_fontsize(text.get_fontsize() * factor)
    for line in figure.findobj(Line2D):
        line.set(linewidth=line.get_linewidth() * factor)
        line.set(markersize=line.get_markersize() * factor)
    for patch in figure.findobj(Patch):
        patch.set_linewidth(patch.get_linewidth() * factor)
    for collection in figure.findobj(Collection):
        collection.set_linewidth(np.asarray(collection.get_linewidth()) * factor)
        if isinstance(collection, PathCollection):
            collection.set_sizes(np.asarray(collection.get_sizes()) * factor**2)  # areas
    figure.set_size_inches(figure.get_size_inches() * factor)


def _own_ids(svg: str, name: str) -> str:
    """Keep the ids that are referred to, and make them the figure's own; the page has many."""
    used = set(re.findall(r'(?:url\(|href=")#([^)"]+)', svg))

    def renamed(found: re.Match) -> str:
        if found[1] == "tile":
            return ' class="tile"'
        return f' id="{name}-{found[1]}"' if found[1] in used else ""

    svg = re.sub(r' id="([^"]*)"', renamed, svg)
    return re.sub(r'(url\(|href=")#', lambda found: f"{found[1]}#{name}-", svg)


def _themed(svg: str) -> str:
    """Let ink, grey and the named colours follow the page's theme, and its font.

    The cells of a grid, known by their line, keep their fill: it is what the number in them says,
    and that number is black or white to fit it.
    """

    def follow(found: re.Match) -> str:
        kind = "stroke" if GRID_LINE in found[0] else "fill|stroke"
        text = found[0]
        for color, variable in THEMED.items():
            text = re.sub(
                rf"({kind}): {to_hex(color)}", rf"\1: var(--{variable}, {color})", text, flags=re.I
            )
        return text

    svg = re.sub(r'style="[^"]*"', follow, svg)
    svg = svg.replace("stroke: #ffffff", "stroke: var(--card, #ffffff)")  # gaps show the paper
    svg = re.sub(r"font: ([^;\"]*?[\d.]+px) [^;\"]*", r"font: \1 var(--sans)", svg)
    return re.sub(r"font-family: [^;\"]*", "font-family: var(--sans)", svg)


def _compact(svg: str) -> str:
    """Round coordinates to what a screen can show, and store images as small as they get."""
    svg = re.sub(r' d="[^"]*"', lambda d: re.sub(r"(\.\d\d)\d+", r"\1", d[0]), svg)
    svg = re.sub(r"<image [^>]*>", lambda image: _small_image(image[0]), svg)
    return re.sub(r"\s*\n\s*", "\n", svg)


def _small_image(element: str) -> str:
    """Store an embedded image as WebP, smoothed by the browser where it is drawn smaller."""
    encoded = re.search(r'"data:image/png;base64,\s*([^"]+)"', element)
    with Image.open(io.BytesIO(base64.b64decode(encoded[1]))) as opened:
        image = opened.convert("RGBA" if opened.convert("RGBA").getextrema()[3][0] < 255 else "RGB")
    exact = _as_webp(image, lossless=True, method=3)
    small = exact if len(exact) <= LARGE else min(exact, _as_webp(image, quality=85), key=len)
    data = base64.b64encode(small).decode()
    across = re.search(r"matrix\(([\d.]+)", element)
    if across and float(across[1]) < 0.75:  # points to a pixel of the image
        element = re.sub(r' style="[^"]*"', "", element)
    return element.replace(encoded[0], f'"data:image/webp;base64,{data}"')


def _as_webp(image: Image.Image, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "webp", **options)
    return buffer.getvalue()
