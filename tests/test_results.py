"""What the README shows is what results/ holds."""

import re
from pathlib import Path

import pandas as pd
import pytest

from chollet_cnn import claims
from chollet_cnn.recipes import RECIPES

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def recorded():
    return pd.read_csv(ROOT / "results" / "runs.csv")


def test_the_readme_s_table_is_made_from_the_recorded_runs(recorded):
    readme = (ROOT / "README.md").read_text()
    table = re.search(r"<!-- table -->\n(.*?)\n<!-- end of table -->", readme, re.DOTALL)[1]
    assert table == claims.markdown_table(recorded[recorded["seed"] == 0])


def test_every_recorded_run_has_a_learning_curve_that_ends_in_its_figures(recorded):
    for run in recorded.to_dict("records"):
        name = f"{run['recipe']}-seed-{run['seed']}-{run['backend']}-{run['device']}.csv"
        history = pd.read_csv(ROOT / "results" / "histories" / name).set_index("epoch")
        assert len(history) == run["epochs"] == RECIPES[run["recipe"]].epochs
        judged = history.loc[run["judged_epoch"]]
        if RECIPES[run["recipe"]].dataset == "mnist":  # the test set was watched
            assert judged["val_accuracy"] == pytest.approx(run["test_accuracy"], abs=1e-9)
        else:
            assert judged["val_accuracy"] == pytest.approx(run["val_accuracy"], abs=1e-9)


def test_a_table_line_shows_the_difference_from_the_book_in_percentage_points():
    run = {
        "recipe": "cats-vs-dogs-first-edition",
        "seed": 2,
        "test_accuracy": 0.7195,
        "val_accuracy": 0.704,
        "seconds": 602,
        "machine": "a processor, 2 threads",
        "backend": "jax",
    }
    line = claims.markdown_table(pd.DataFrame([run])).splitlines()[-1]
    assert line == (
        "| cats-vs-dogs-first-edition | 2 | 71.95% | 70.40% "
        "| 71.00% validation | -0.60 | 10.0 min | a processor, 2 threads, jax |"
    )


def test_recorded_cats_and_dogs_say_what_pictures_they_were(recorded):
    pets = recorded[recorded["recipe"].str.startswith("cats")]
    assert len(pets)
    assert pets["data_note"].eq("source pictures are all 200x200").all()
