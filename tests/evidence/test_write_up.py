"""What results/ and the README show is made from the recorded runs."""

import dataclasses
import json
import re
from pathlib import Path

import pandas as pd
import pytest
import run_seeds
import update_results
from rows import records_of, runs_of

from chollet_cnn.book.published import CLAIMS, CURVES
from chollet_cnn.book.recipes import RECIPES
from chollet_cnn.errors import UserError
from chollet_cnn.evidence import comparison, overview, statistics, studies, write_up
from chollet_cnn.evidence import records as recorded
from chollet_cnn.evidence.comparison import Answer

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "results"
FIRST = "mnist-first-edition"
TEMPLATES = [*write_up.TEMPLATES.glob("*.md"), *studies.FOLDER.glob("*.md")]


@pytest.fixture(scope="module")
def records():
    return recorded.read(RESULTS)


@pytest.fixture(scope="module")
def readme():
    return (ROOT / "README.md").read_text()


def between_marks(text, name):
    return re.search(rf"<!-- {name} -->\n(.*?)\n<!-- end of {name} -->", text, re.DOTALL)[1]


def test_everything_written_is_up_to_date(records, readme):
    assert between_marks(readme, "table") == overview.recipe_table(records.of_most_runs())
    drawn = [path.stem for path in (RESULTS / "figures").glob("*.png")]
    assert (RESULTS / "README.md").read_text() == write_up.render(records, drawn), (
        "python scripts/update_results.py writes it again"
    )
    written = pd.read_csv(RESULTS / "claims.csv")
    ours = comparison.to_table(comparison.compare(CLAIMS, records))
    assert list(written) == list(ours)
    assert list(written["verdict"]) == list(ours["verdict"])
    for column in written.select_dtypes("number"):
        values = pd.to_numeric(ours[column]).to_numpy(float, na_value=float("nan"))
        assert written[column].to_numpy(float) == pytest.approx(values, rel=1e-9, nan_ok=True)


def test_answer_json_has_every_figure_once_and_each_printed_curve(records):
    answer = json.loads((RESULTS / "answer.json").read_text())
    whole = [claim for claim in CLAIMS if claim.epoch is None and not claim.slip]
    assert [(f["recipe"], f["published"]) for f in answer["figures"]] == [
        (claim.recipe, claim.value) for claim in whole
    ]
    for curve in (*answer["printed_curves"], *answer["printed_curves_of_variants"]):
        counted = [curve[verdict] for verdict in statistics.VERDICTS]
        assert sum(counted) == curve["printed_numbers"]
    changed = answer["printed_curves_of_variants"]
    assert {(curve["recipe"], curve["variant"]) for curve in changed} == {
        (recipe, variant)
        for recipe in CURVES
        for variant in records.of_most_runs().variants.query("recipe == @recipe")["variant"]
    }
    family = [*answer["figures"], *answer["printed_curves"]]
    known = [item for item in family if item["p_value"] is not None]
    assert all(item["p_value_holm"] >= item["p_value"] for item in known)


def test_answer_json_has_the_intervals_and_p_values_of_each_figure(records):
    answer = Answer(records)
    written = json.loads((RESULTS / "answer.json").read_text())
    told = iter(written["figures"]), iter(written["printed_curves"])
    for item, adjusted in answer.family:
        line = next(told[isinstance(item, comparison.PrintedCurve)])
        assert line["recipe"] == (getattr(item, "recipe", None) or item.claim.recipe)
        assert [line["p_value"], line["p_value_holm"]] == pytest.approx([item.p_value, adjusted])
        if not isinstance(item, comparison.PrintedCurve):
            for name in ("prediction_interval", "confidence_interval"):
                assert line[name] == pytest.approx(getattr(item.sample, name))


def test_results_readme_answers_in_one_screen(records):
    first, _ = (RESULTS / "README.md").read_text().split("[answer.json]")
    bullets = re.findall(r"^- (.*)", first, re.MULTILINE)
    assert len(bullets) <= 8
    assert all(bullet.find(". ") == -1 and bullet.endswith(".") for bullet in bullets)
    answer = Answer(records)
    assert first.count("\n|") == 2 + len(overview.in_short(answer))
    for recipe in ("mnist-first-edition", "cats-vs-dogs-first-edition"):
        curve = answer.curve(recipe)
        inside, total = curve.count(statistics.INSIDE), len(curve.comparisons)
        assert re.search(rf"{inside} of (its )?{total} numbers", first)


def test_links_of_results_readme_lead_somewhere():
    text = (RESULTS / "README.md").read_text()
    heads = {
        re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-")
        for head in re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    }
    assert set(re.findall(r"\]\(#(.+?)\)", text)) <= heads
    for path in re.findall(r"\]\(([^#)]+?)\)", text):
        assert (RESULTS / path).exists(), path


def first_seeds(records, count):
    """Return what would be recorded if every recipe had been trained with so many seeds."""
    tables = ("runs", "variants", "copies", "curves", "variant_curves")
    cut = {name: getattr(records, name).query(f"seed < {count}") for name in tables}
    return dataclasses.replace(records, **cut)


def test_recipes_that_were_given_more_runs_are_named(records):
    added = "cats-vs-dogs-second-edition"
    first, _ = overview.EXTENDED[added, ""]
    more = runs_of(added, [0.7] * (first + 1))
    assert overview.extended(first_seeds(records, 1)) == []
    ((title, now, before, _),) = overview.extended(records_of([more]))
    assert (title, now, before) == (RECIPES[added].title, first + 1, first)
    variant = runs_of("cats-vs-dogs-first-edition-augmented", [0.7] * 2, variant="keras-2017")
    ((title, *_),) = overview.extended(records_of(variants=[variant]))
    assert title == "Cats vs dogs, first edition, augmented, keras-2017"


def test_a_recipe_has_one_table_for_each_kind_of_run_in_a_terminal():
    kinds = [runs_of(FIRST, [0.99] * 3, backend=backend) for backend in ("tensorflow", "jax")]
    text = overview.terminal(records_of(kinds))
    assert text.count(f": {FIRST}\n") == 2


def test_recipes_without_a_published_figure_are_listed_in_a_terminal():
    own = records_of([runs_of("mnist-three-block", [0.98, 0.99])])
    for wide in (False, True):
        text = overview.terminal(own, wide=wide)
        assert re.search(r"MNIST, three blocks +2 +98\.50%", text)
    assert "without a figure" not in overview.terminal(records_of([runs_of(FIRST, [0.99])]))


def test_a_folder_of_one_s_own_is_not_told_the_history_of_the_recorded_runs(records, tmp_path):
    heading = "### What was decided before and after the data were seen"
    records.runs.to_csv(tmp_path / "runs.csv", index=False)
    assert heading in write_up.render(records)
    assert heading not in write_up.render(dataclasses.replace(records, folder=tmp_path))


@pytest.mark.parametrize("missing", ["variants", "copies", "runs"])
def test_the_answer_is_written_while_a_kind_of_runs_is_missing(records, missing):
    tables = [missing, "variant_curves"] if missing == "variants" else [missing]
    empty = {name: getattr(records, name).head(0) for name in tables}
    assert "published figures" in write_up.render(dataclasses.replace(records, **empty))


def test_a_folder_with_digits_alone_says_nothing_of_cats_and_dogs(records):
    none = {
        name: getattr(records, name).head(0) for name in ("variants", "variant_curves", "copies")
    }
    own = records.runs.query("recipe == 'mnist-three-block'")
    text = write_up.render(dataclasses.replace(records, runs=own, **none))
    assert "None of the 12 published figures has enough runs yet." in text
    assert "Our runs on cats and dogs" not in text


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_with_few_runs_nothing_is_said_that_they_do_not_show(records, count):
    text = write_up.render(first_seeds(records, count))
    text = re.sub(r"^(```.*?```$|[| !].*?$)", "", text, flags=re.DOTALL | re.MULTILINE)
    # Where a number is missing there is a gap, a NaN or a plural of one.
    assert not re.findall(r".*(?:\S  \S|\( |\bnan\b| [;.,] |\b0 runs|\b0 pairs|\b1 runs).*", text)
    assert not re.search(r"\b1 runs", overview.terminal(first_seeds(records, count)))
    first = text.split("[answer.json]")[0]
    if count < statistics.MIN_RUNS_OUTSIDE:
        assert not re.search(r"comes back|differ|now learns more slowly", first)
        assert "Not enough runs yet." in text


def test_what_a_study_shows_is_what_leads_to_it(records):
    for study in studies.collect():
        titles = {RECIPES[name].title for name in study.recipes}
        for table in study.measure(records.of_most_runs()).values():
            if isinstance(table, pd.DataFrame) and "recipe" in table:
                shown = table["recipe"].str.removesuffix(", smaller test set")
                assert set(shown) - {"all of these"} <= titles, study.name


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_a_template_has_no_measured_figure_typed_by_hand(path):
    # "95% prediction interval" and the rounding of 71% in the rule are no measurements.
    text = re.sub(r"95%|71% is from 70\.5% to 71\.5%", "", path.read_text())
    assert not re.findall(r"\d+(?:\.\d+)?\s*%|\d\.\d{2,}(?!\d*\))", text)


def test_every_recorded_run_has_a_learning_curve_that_ends_in_its_figures(records):
    for run in records.runs.to_dict("records"):
        history = pd.read_csv(RESULTS / "histories" / recorded.history_name(run))
        history, recipe = history.set_index("epoch"), RECIPES[run["recipe"]]
        assert len(history) == run["epochs"] == recipe.epochs
        selected = history.loc[run["judged_epoch"]]
        monitored = "test_accuracy" if recipe.dataset == "mnist" else "val_accuracy"
        assert selected["val_accuracy"] == pytest.approx(run[monitored], abs=1e-9)


def test_the_learning_curves_of_all_variants_but_those_named_are_kept(records):
    lacking = {
        run["recipe"]
        for run in records.variants.to_dict("records")
        if not (RESULTS / "histories" / recorded.history_name(run)).exists()
    }
    assert lacking == {"mnist-second-edition"}  # as results/README.md says


def test_recorded_cats_and_dogs_say_which_images_they_used(records):
    pets = records.runs[records.runs["recipe"].str.startswith("cats")]
    assert pets["data_note"].eq("source pictures are all 200x200").all()


def test_the_readme_table_has_a_row_a_recipe():
    accuracies = [0.70, 0.71, 0.72, 0.71, 0.71]
    pets = runs_of("cats-vs-dogs-first-edition", [0.9] * 5, val_accuracy=0.7)
    pets = pets.assign(val_accuracy=accuracies, seconds=[500, 602, 700, 602, 602])
    digits = runs_of("mnist-three-block", [0.9911], seconds=51)
    lines = overview.recipe_table(records_of([pets, digits])).splitlines()[2:]
    assert lines == [
        "| mnist-three-block | | 1 | 99.11% | | | 51 s |",
        "| cats-vs-dogs-first-edition | 71% (validation) | 5 | 71.00% (validation) "
        "| 70.00% to 72.00% | inside the prediction interval | 8 min |",
    ]


def test_the_answer_has_no_errata_and_lists_the_studies_of_a_recipe():
    rows = runs_of("mnist-first-edition", [0.9910, 0.9911, 0.9912, 0.9913, 0.9914])
    table = overview.in_short(Answer(records_of([rows])))
    first = table.iloc[0].to_dict()
    assert first["the book"] == "99.13%"
    assert first["our mean (lowest to highest)"] == "99.12% (99.10% to 99.14%)"
    assert first["the book's figure is"] == statistics.INSIDE
    assert "99.3%" not in table["the book"].tolist()
    assert "[rmsprop](#the-optimizer-has-changed)" in first["see"]


def test_a_printed_curve_is_shown_in_steps_with_an_arrow_where_it_is_outside(records):
    shown = {
        "mnist-first-edition": [1, 2, 3, 4, 5],
        "cats-vs-dogs-first-edition": [1, 2, 3, 4, 5, 10, 15, 20, 25, 30],
        "cats-vs-dogs-first-edition-augmented": [1, 2, 3, 4, 5, 20, 40, 60, 80, 100],
    }
    for curve in Answer(records).curves:
        table = overview.curve_table(records, curve)
        assert list(table["epoch"]) == list(map(str, shown[curve.recipe]))
        cells = dict(zip(table["epoch"], table["training loss, the book"], strict=True))
        for item in curve.comparisons:
            epoch = str(item.claim.epoch)
            if item.claim.quantity == "loss" and epoch in cells:
                below = item.verdict == statistics.BELOW
                assert cells[epoch].endswith("↓") == below


def test_recipes_without_a_published_figure_show_what_their_test_set_explains():
    runs = [
        runs_of("cats-vs-dogs-third-edition-full", [0.75, 0.76, 0.77]),
        runs_of("mnist-three-block", [0.98, 0.99]),
        runs_of("mnist-first-edition", [0.99]),
    ]
    table = overview.unpublished(records_of(runs))
    assert list(table["recipe"]) == [
        "MNIST, three blocks",
        "Cats vs dogs, third edition, all images",
    ]
    assert list(table["lowest to highest"]) == ["98.00% to 99.00%", "75.00% to 77.00%"]
    # 24% wrong of 2,500 images: sqrt(0.24 / 5,000) = 0.69 points.
    assert table["standard deviation"][1] == "1.00 points"
    assert table["expected from the number of images"][1] == "0.69 points"


def test_processors_are_listed_apart():
    machines = {"machine": "AMD, 2 threads", "processor_kind": "family 25"}
    rows = runs_of("mnist-first-edition", [0.99] * 4, **machines)
    rows.loc[3, "processor_kind"] = "family 26"
    table = overview.machines(records_of([rows]))
    assert list(table["seeds"]) == ["0 to 2", "3"]


@pytest.mark.parametrize(("script", "arguments"), [(update_results, []), (run_seeds, [FIRST])])
def test_the_results_of_another_checkout_are_not_written(monkeypatch, tmp_path, script, arguments):
    """The package that Python imports need not be the one beside the script."""
    monkeypatch.setattr(update_results, "README", tmp_path / "README.md")
    with pytest.raises(UserError, match="not beside this script"):
        script.main(arguments)


def test_a_lost_mark_is_named(tmp_path):
    (tmp_path / "README.md").write_text("# nothing")
    with pytest.raises(UserError, match="lost its mark"):
        write_up.update_marked(tmp_path / "README.md", "table", "")


def test_the_readme_table_of_speeds_is_the_benchmarks(readme):
    table, written = between_marks(readme, "speed"), (RESULTS / "benchmark.md").read_text()
    assert table == written.split("\n\n")[1]
    measured = pd.read_csv(RESULTS / "benchmark.csv")
    kinds = measured.groupby(["backend", "device", "recipe", "contender"])
    for (_, device, recipe, contender), runs in kinds:
        middle = runs["epoch_seconds"].median()
        middle = f"{middle:.1f} " if middle >= 1 else f"{middle:.2f} "
        assert f"| {recipe} | {contender} | {middle}" in written
        if contender == "runner":
            assert (f"| {recipe} | {middle}" in table) == (device == "CPU")
