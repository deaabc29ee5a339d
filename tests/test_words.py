"""Texts use the field's standard terms: some words of the first version must not come back."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXTS = [
    *(ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "results" / "README.md"),
    *(
        path
        for folder in ("chollet_cnn", "scripts")
        for kind in ("py", "md", "html", "js")
        for path in sorted((ROOT / folder).rglob(f"*.{kind}"))
    ),
]
INSTEAD = {
    r"endlessly many": "95% confidence interval of the mean",
    r"(above|below) every run|within what one run gives": "above, below or inside the 95% "
    "prediction interval",
    r"surest": "most confident",
    r"judged by": "checkpoint selection, selected epoch",
    r"run_door": "run_cli",
    r"(cannot|can|to) be had\b": "not found, could not be downloaded, is not installed",
    r"can put right": "can fix",
    r"no whole (zip )?file": "truncated",
    r"learned by heart": "overfitting",
    r"dark channel|never lit": "inactive channel",
    r"exciting (input|image|picture)": "activation maximization",
    r"small number in RMSprop": "epsilon",
    r"(?<!there )\bis no (?!longer\b|more than\b)": "is not a",
    r"\blies\b": "is",
    r"\b(a|one) (row|line|number|list|table|value|comparison) an? (?!of )": "one row per run",
}
"""What must not be written, as a regular expression, and the term that readers search for."""


@pytest.mark.parametrize("old", INSTEAD)
def test_an_old_word_does_not_come_back(old):
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in TEXTS
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if re.search(old, line, re.IGNORECASE)
    ]
    assert not found, f"write {INSTEAD[old]!r} instead:\n" + "\n".join(found)
