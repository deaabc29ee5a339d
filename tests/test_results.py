"""What the README shows is what results/ holds."""

import re
from pathlib import Path

import pandas as pd
import pytest

from chollet_cnn import answers, claims
from chollet_cnn import recorded as results_folder
from chollet_cnn.recipes import RECIPES

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def recorded():
    return results_folder.read_runs(ROOT / "results")


@pytest.fixture(scope="module")
def compared(recorded):
    return claims.compare(recorded, results_folder.read_curves(recorded, ROOT / "results"))


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


def test_what_results_readme_says_of_the_runs_is_what_runs_csv_gives(recorded, compared):
    text = (ROOT / "results" / "README.md").read_text()
    assert text == answers.renewed(text, recorded, compared, claims.SLIPS), (
        "python -m chollet_cnn.claims --write brings it up to date"
    )


def test_claims_csv_is_what_runs_csv_gives(compared):
    written = pd.read_csv(ROOT / "results" / "claims.csv")
    assert list(written["verdict"]) == list(compared["verdict"])
    for column in ("published", "n", "mean", "sd", "run_low", "run_high", "test_set_sd"):
        ours = pd.to_numeric(compared[column])
        assert written[column].to_numpy(float) == pytest.approx(
            ours.to_numpy(float, na_value=float("nan")), rel=1e-9, nan_ok=True
        )


def test_outside_the_marks_results_readme_types_no_measured_figure_by_hand():
    text = (ROOT / "results" / "README.md").read_text()
    by_hand = re.sub(r"<!-- ([\w ]+) -->\n.*?<!-- end of \1 -->", "", text, flags=re.DOTALL)
    assert not re.findall(r"\d+(?:\.\d+)?\s*%|\d\.\d{2,}(?!\d*\))", by_hand)


def test_a_changed_run_changes_what_results_readme_says(recorded, compared):
    text = (ROOT / "results" / "README.md").read_text()
    other = recorded.assign(test_accuracy=recorded["test_accuracy"] - 0.01)
    assert text != answers.renewed(text, recorded, claims.compare(other), claims.SLIPS)


def test_the_figures_of_many_seeds_are_drawn_where_there_are_many(recorded):
    drawn = (ROOT / "results" / "figures" / "seeds.png").is_file()
    assert drawn == (recorded["recipe"].value_counts().max() > 1)


def test_the_readme_s_table_of_speeds_is_the_benchmark_s():
    readme = (ROOT / "README.md").read_text()
    table = re.search(r"<!-- speed -->\n(.*?)\n<!-- end of speed -->", readme, re.DOTALL)[1]
    assert table == (ROOT / "results" / "benchmark.md").read_text().strip()
    measured = pd.read_csv(ROOT / "results" / "benchmark.csv")
    for (recipe, contender), runs in measured.groupby(["recipe", "contender"]):
        assert f"| {recipe} | {contender} | {runs['epoch_seconds'].median():.1f} (" in table
