"""What was varied to find out why a figure comes back or does not: one module a study.

A study is a module of this package. Adding the module adds it to ``results/README.md`` and to
``scripts/run_seeds.py --variant``. It defines

- ``TITLE``, its heading, and ``RECIPES``, the names of the recipes that it is about;
- ``measure(records)``, which returns its tables (DataFrames of strings) and numbers by name, and
  nothing where it has no runs;
- if runs are changed for it, ``VARIANTS``: arguments of ``train`` by the name of the variant;
- if it has one, ``figure(records)`` with ``FIGURE``, the file's name, and ``CAPTION``.

The Markdown file of the same name beside it holds its text, a Jinja template to which the tables
and numbers are passed; without one only the tables are shown.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from chollet_cnn.book import recipes
from chollet_cnn.evidence.records import Records

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Study:
    """One study: what its module defines."""

    name: str
    title: str
    recipes: tuple[str, ...]
    measure: Callable[[Records], dict[str, Any]]
    variants: dict[str, dict[str, Any]]
    figure: Callable[[Records], Figure | None]
    figure_name: str | None
    caption: str

    @property
    def subject(self) -> str:
        """What it is about, in the words of its module's name."""
        return self.name.replace("_", " ")

    @property
    def anchor(self) -> str:
        """The anchor of its heading."""
        return re.sub(r"[^\w -]", "", self.title.lower()).replace(" ", "-")

    @property
    def template(self) -> str | None:
        """The name of the template with its text, if it has one."""
        return f"{self.name}.md" if (FOLDER / f"{self.name}.md").is_file() else None


@cache
def collect() -> tuple[Study, ...]:
    """Return every study, in the order of the recipes that they are about."""
    found = []
    for _, name, _ in pkgutil.iter_modules([str(FOLDER)]):
        module = importlib.import_module(f"{__name__}.{name}")
        defaults = {"VARIANTS": {}, "figure": lambda records: None, "FIGURE": None, "CAPTION": ""}
        optional = (getattr(module, key, default) for key, default in defaults.items())
        found.append(Study(name, module.TITLE, module.RECIPES, module.measure, *optional))
    order = list(recipes.RECIPES)
    return tuple(sorted(found, key=lambda study: (order.index(study.recipes[0]), study.name)))


def variants() -> dict[str, dict[str, Any]]:
    """Return what every variant changes: arguments of ``train`` by the name of the variant."""
    return {name: change for study in collect() for name, change in study.variants.items()}
