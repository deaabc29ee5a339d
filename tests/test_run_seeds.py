"""Seeds that are recorded are not trained again."""

import importlib
import sys
from pathlib import Path

import pandas as pd
import pytest

from chollet_cnn.errors import UserError

SCRIPTS = Path(__file__).parents[1] / "scripts"


@pytest.fixture
def run_seeds(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    yield importlib.import_module("run_seeds")
    for name in ("run_seeds", "update_results"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize(
    ("text", "seeds"), [("0-3", [0, 1, 2, 3]), ("7", [7]), ("1,4,7-8", [1, 4, 7, 8])]
)
def test_seeds_are_listed_as_people_write_them(run_seeds, text, seeds):
    assert run_seeds.seeds_of(text) == seeds


@pytest.mark.parametrize("text", ["", "a", "1-", "-1", "1..3"])
def test_what_is_no_list_of_seeds_is_refused(run_seeds, text):
    with pytest.raises(UserError, match="--seeds"):
        run_seeds.seeds_of(text)


def test_only_what_no_run_is_recorded_of_is_trained_by_seed_and_backend(run_seeds, monkeypatch):
    rows = pd.DataFrame(
        {"recipe": ["a", "b", "a"], "seed": [0, 0, 1], "backend": ["tensorflow"] * 2 + ["jax"]}
    )
    monkeypatch.setattr(run_seeds, "recorded", lambda: rows)
    assert run_seeds.missing(["a", "b"], [0, 1], "tensorflow") == [("a", 1), ("b", 1)]
    assert run_seeds.missing(["a", "b"], [0, 1], "jax") == [("a", 0), ("b", 0), ("b", 1)]
