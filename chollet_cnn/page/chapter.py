"""What the page is made of: chapters, each a question with its answer.

A chapter is a pair of files of one name in :mod:`chollet_cnn.page.chapters`: the template has all
its words, ``title``, ``short`` (the title in the list of contents) and ``question`` first; the
module has a function ``content`` that computes its numbers, tables and figures, of the reader's
own networks if the chapter is about them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pandas as pd
from markupsafe import Markup

from chollet_cnn.drawing import numbers
from chollet_cnn.page.figure import Figure

FOLDER = Path(__file__).parent


@dataclass(frozen=True, eq=False)
class Chapter:
    """One question and its answer: a template, and what is filled into it."""

    slug: str
    """Its address on the page."""
    content: Mapping[str, Any]
    """What the template shows: numbers, tables, figures."""

    @cached_property
    def laid_out(self) -> jinja2.environment.TemplateModule:
        """The filled template, with what it sets: ``title``, ``short`` and ``question``."""
        template = templates().get_template(f"{self.slug.replace('-', '_')}.html")
        return template.make_module(dict(self.content))

    @property
    def html(self) -> Markup:
        """Its words and figures; templates escape what is filled into them."""
        return Markup(str(self.laid_out))

    @property
    def figures(self) -> list[Figure]:
        """Every figure in the chapter, in order."""
        return list(_figures(self.content))

    @property
    def problems(self) -> list[str]:
        """What could not be said of a run."""
        sections = self.content.get("sections", [])
        return [f"{s['name']}: {s['problem']}" for s in sections if s.get("problem")]


def cells(array: np.ndarray, name: str = "value") -> pd.DataFrame:
    """List the cells of an array ``(rows, columns)``: row, column, value."""
    rows, columns = np.indices(array.shape)
    return pd.DataFrame({"row": rows.ravel(), "column": columns.ravel(), name: array.ravel()})


def _figures(content: object) -> Iterator[Figure]:
    if isinstance(content, Figure):
        yield content
    elif isinstance(content, Mapping | list | tuple):
        for item in content.values() if isinstance(content, Mapping) else content:
            yield from _figures(item)


def template_text(name: str) -> Markup:
    """Return the text of one of the package's own styles or scripts, ``theme.css`` for one."""
    return Markup((FOLDER / "templates" / name).read_text(encoding="utf-8"))


@cache
def templates() -> jinja2.Environment:
    """Return the templates; whatever is filled into them is text and never markup."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(
            [FOLDER / name for name in ("chapters", "templates", "explorer")]
        ),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": number,
        "whole": numbers.format_integer,
        "counted": numbers.format_count,
        "percent": numbers.format_percent,
        "probability": probability,
    }
    return environment


def number(value: float) -> str:
    """Write a number with a true minus sign and at most four significant digits.

    >>> number(-60.0), number(3.14159)
    ('−60', '3.142')
    """
    return numbers.format_number(float(f"{value:.4g}"))


def probability(share: float) -> str:
    """Write a probability; one that is nearly 0 or 1 is not rounded to certainty.

    >>> probability(0.953), probability(0.99999)
    ('95.3%', 'more than 99.9%')
    """
    if share > 0.9995:
        return "more than 99.9%"
    return "less than 0.1%" if share < 0.0005 else numbers.format_percent(share, 1)
