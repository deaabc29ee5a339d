"""What the README shows is what results/ holds."""

import re
from pathlib import Path

import pandas as pd
import pytest

from chollet_cnn.book import published
from chollet_cnn.book.recipes import RECIPES
from chollet_cnn.evidence import answers, comparison
from chollet_cnn.evidence import records as results_folder

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def records():
    return results_folder.read(ROOT / "results")


@pytest.fixture(scope="module")
def recorded(records):
    return records.runs


@pytest.fixture(scope="module")
def compared(records):
    return comparison.compare(records.runs, records.curves)


def test_the_readme_s_table_is_made_from_the_recorded_runs(recorded):
    readme = (ROOT / "README.md").read_text()
    table = re.search(r"<!-- table -->\n(.*?)\n<!-- end of table -->", readme, re.DOTALL)[1]
    ours = recorded[(recorded["backend"] == "tensorflow") & (recorded["device"] == "cpu")]
    assert table == comparison.markdown_table(ours)


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


def test_a_table_line_lays_the_runs_of_a_recipe_beside_the_book():
    first = {"recipe": "cats-vs-dogs-first-edition", "test_accuracy": 0.9}
    runs = [
        first | {"val_accuracy": accuracy, "seconds": seconds}
        for accuracy, seconds in ((0.70, 500), (0.71, 602), (0.72, 700), (0.71, 602), (0.71, 602))
    ]
    digits = {"recipe": "mnist-third-edition", "test_accuracy": 0.9911, "seconds": 51}
    lines = comparison.markdown_table(pd.DataFrame([*runs, digits])).splitlines()[2:]
    assert lines == [
        "| mnist-third-edition |  | 1 | 99.11% |  |  | 51 s |",
        "| cats-vs-dogs-first-edition | 71% (validation) | 5 | 71.00% (validation) "
        "| 70.00% to 72.00% | within what one run gives | 8 min |",
    ]


def test_recorded_cats_and_dogs_say_what_pictures_they_were(recorded):
    pets = recorded[recorded["recipe"].str.startswith("cats")]
    assert len(pets)
    assert pets["data_note"].eq("source pictures are all 200x200").all()


def test_what_results_readme_says_of_the_runs_is_what_runs_csv_gives(records, compared):
    text = (ROOT / "results" / "README.md").read_text()
    assert text == answers.renewed(text, records, compared, published.ERRATA), (
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


def test_a_changed_run_changes_what_results_readme_says(records):
    text = (ROOT / "results" / "README.md").read_text()
    other = records.runs.assign(test_accuracy=records.runs["test_accuracy"] - 0.01)
    assert text != answers.renewed(text, records, comparison.compare(other), published.ERRATA)


def test_the_figures_of_many_seeds_are_drawn_where_there_are_many(recorded):
    drawn = (ROOT / "results" / "figures" / "seeds.png").is_file()
    assert drawn == (recorded["recipe"].value_counts().max() > 1)


def test_the_readme_s_table_of_speeds_is_the_benchmark_s():
    readme = (ROOT / "README.md").read_text()
    table = re.search(r"<!-- speed -->\n(.*?)\n<!-- end of speed -->", readme, re.DOTALL)[1]
    written = (ROOT / "results" / "benchmark.md").read_text()
    assert table == written.split("\n\n")[0]
    measured = pd.read_csv(ROOT / "results" / "benchmark.csv")
    for (recipe, contender), runs in measured.groupby(["recipe", "contender"]):
        middle = f"{runs['epoch_seconds'].median():.1f} ("
        assert f"| {recipe} | {contender} | {middle}" in written
        if contender == "runner":
            assert f"| {recipe} | {middle}" in table
