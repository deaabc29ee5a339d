"""What the page is made of: chapters, their pictures, and the templates that lay them out."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chollet_cnn.drawing import numbers

if TYPE_CHECKING:
    import jinja2
    import pandas as pd
    from matplotlib.figure import Figure
    from PIL.Image import Image

TEMPLATES = Path(__file__).parent / "templates"
SCREEN = 100
"""CSS pixels to the inch of a figure."""
SHARP = 170
"""Dots to the inch of a figure on the page: sharp on a screen with small pixels, and in print."""
LARGE = 120_000
"""Bytes: a picture that is larger without loss is a photograph, and need not be exact."""


@dataclass(frozen=True, eq=False)
class Picture:
    """A figure with what belongs to it: a file name, its numbers, and words for who cannot see."""

    name: str
    """The name of its file, without the ending."""
    figure: Figure
    numbers: pd.DataFrame
    """What it was drawn from; written beside it as CSV."""
    alt: str
    """What the picture shows, in a sentence."""
    caption: str
    """What to look at, and what was lost or found."""

    @cached_property
    def png(self) -> bytes:
        """The figure as the bytes of a PNG file."""
        buffer = io.BytesIO()
        self.figure.savefig(buffer, format="png", dpi=SHARP)
        return buffer.getvalue()

    @property
    def source(self) -> str:
        """The figure as an address that holds the picture itself.

        WebP without loss is half the size of PNG; photographs, which stay large, lose a little.
        """
        from PIL import Image

        with Image.open(io.BytesIO(self.png)) as image:
            picture = image.convert("RGB")
        exact = _as_webp(picture, lossless=True, method=2)
        small = exact if len(exact) <= LARGE else _as_webp(picture, quality=85)
        return "data:image/webp;base64," + base64.b64encode(min(exact, small, key=len)).decode()

    @property
    def size(self) -> tuple[int, int]:
        """Width and height on the page, in CSS pixels."""
        width, height = self.figure.get_size_inches() * SCREEN
        return round(width), round(height)

    @property
    def tall(self) -> bool:
        """Whether it needs a page of its own in print."""
        width, height = self.size
        return height > 1.4 * width


@dataclass(frozen=True, eq=False)
class Chapter:
    """One question and its answer: a template of the chapter's name, and what is filled into it."""

    slug: str
    """Its address on the page, and the name of its template."""
    title: str
    short: str
    """The title in the list of contents."""
    question: str
    """What a student would ask."""
    content: Mapping[str, Any] = field(default_factory=dict)
    """What the template shows: numbers, tables, pictures, code."""

    @property
    def pictures(self) -> list[Picture]:
        """Every picture in the chapter, in order."""
        return [item for item in _walk(self.content) if isinstance(item, Picture)]

    @property
    def calls(self) -> list[Call]:
        """Every piece of code that the chapter shows."""
        return [item for item in _walk(self.content) if isinstance(item, Call)]


@dataclass(frozen=True)
class Call:
    """Python code that the page shows; a test runs every one of them."""

    code: str


def program(imports: Iterable[str], *lines: str) -> Call:
    """Return a small program: its imports, each ``from module import name``, and what it does."""
    names: dict[str, set[str]] = {}
    for line in imports:
        module, name = line.split(" import ")
        names.setdefault(module, set()).add(name)
    ordered = [f"{module} import {', '.join(sorted(names[module]))}" for module in sorted(names)]
    return Call("\n".join([*ordered, "", *lines]))


def _as_webp(picture: Image, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "webp", **options)
    return buffer.getvalue()


def _walk(content: object) -> Iterator[object]:
    yield content
    if isinstance(content, Mapping):
        content = list(content.values())
    if isinstance(content, list | tuple):
        for item in content:
            yield from _walk(item)


@cache
def templates() -> jinja2.Environment:
    """Return the templates; whatever is filled into them is text and never markup."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": number, "whole": whole, "percent": percent}
    return environment


def number(value: float) -> str:
    """Write a number with a true minus sign and at most four digits that count."""
    return numbers.format_number(float(f"{value:.4g}"))


def whole(value: int) -> str:
    """Write a large whole number in groups of three digits."""
    return f"{value:,}".replace("-", numbers.MINUS)


def percent(share: float, digits: int = 0) -> str:
    """Write a share of 1 as a percentage."""
    return f"{share:.{digits}%}".replace("-", numbers.MINUS)


def sum_of_products(weights: Sequence[float], values: Sequence[float]) -> str:
    """Write out the products of a window: each weight, a dot, and the cell under it."""
    terms = [f"{number(w)}·{number(v)}" for w, v in zip(weights, values, strict=True)]
    return " + ".join(terms).replace(f"+ {numbers.MINUS}", f"{numbers.MINUS} ")


def render_chapter(chapter: Chapter) -> str:
    """Fill a chapter's content into its template."""
    return templates().get_template(f"{chapter.slug}.html").render(chapter.content)


def render_page(
    chapters: Sequence[tuple[Chapter, str]], opening: Mapping[str, Any], problems: Sequence[str]
) -> str:
    """Put the laid-out chapters into one page that needs nothing else.

    Args:
        chapters: each chapter and its layout.
        opening: what the first screen says, see :func:`chollet_cnn.page.networks.opening`.
        problems: runs that were left out, and why.
    """
    from markupsafe import Markup

    # Chapters come out of templates that escaped their content; style and script are our own files.
    laid_out = [(chapter, Markup(html)) for chapter, html in chapters]
    own = {name: Markup((TEMPLATES / f"page.{name}").read_text("utf-8")) for name in ("css", "js")}
    template = templates().get_template("page.html")
    return template.render(chapters=laid_out, opening=opening, problems=problems, **own)
