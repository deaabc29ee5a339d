"""The sentences that lay our runs beside the book say what the rows say."""

import math
import re

import pandas as pd
import pytest
from rows import of, runs_of

from chollet_cnn.book import published
from chollet_cnn.errors import UserError
from chollet_cnn.evidence import answers, comparison
from chollet_cnn.evidence import records as recorded


def test_a_sentence_says_what_the_book_gives_and_what_came_out():
    rows = runs_of("cats-vs-dogs-second-edition", [0.73, 0.735, 0.74, 0.745, 0.75])
    (claim,) = of(comparison.compare(rows), "cats-vs-dogs-second-edition")
    assert claim["verdict"] == "below every run"
    assert answers.sentence(claim) == (
        "Cats vs dogs, second edition, test accuracy: the book 69.5% (text, 2nd ed., "
        "chapter 8); 5 seeds gave 74.00% on average, from 73.00% to 75.00%, so the mean lies 4.50 "
        "points above the book's figure. All runs so far lie above the book's figure. One more run "
        "is expected from 71.60% to 76.40%. The book's figure is probably not the average of all "
        "such runs, which lies from 73.02% to 74.98% (95%)."
    )


@pytest.mark.parametrize(
    ("accuracies", "said"),
    [
        ([0.80, 0.81], "None of them lies below 80%."),
        ([0.7995, 0.81], "1 of them lies below 80%."),
        ([0.7995, 0.75, 0.85], "2 of them lie below 80%. One more"),
        ([0.75, 0.76, 0.80, 0.84, 0.85], "2 of them lie below 80%, where 50% of new runs are"),
    ],
)
def test_what_readers_report_is_counted_among_our_runs(accuracies, said):
    recipe = "cats-vs-dogs-second-edition-augmented"
    (claim,) = of(comparison.compare(runs_of(recipe, accuracies)), recipe)
    assert f"book's figure. {said}" in answers.sentence(claim)


def test_a_printed_curve_stands_beside_ours_with_the_test_figures_that_it_lacks():
    curves = pd.concat(
        pd.DataFrame(
            {"epoch": [1, 2], "accuracy": [first, 0.985], "loss": [0.17, 0.04],
             "val_accuracy": [0.98, 0.99], "val_loss": [0.06, 0.03]}
        ).assign(recipe="mnist-first-edition", seed=seed, backend="tensorflow", device="cpu",
                 data_note="")
        for seed, first in enumerate((0.94, 0.95, 0.96))
    )  # fmt: skip
    compared = comparison.compare(runs_of("mnist-first-edition", [0.99] * 3), curves)
    by_epoch = compared[compared["epoch"].notna()]
    words, _, _, _, first, _ = answers.curve(by_epoch, curves).splitlines()
    assert words.startswith("MNIST, first edition, 3 seeds (tensorflow, cpu), means")
    assert first == (
        "| 1 | 94.40% | 95.00% (94.00% to 96.00%) | 0.1766 ↑ | 0.1700 (0.1700 to 0.1700) | 98.00% "
        "(98.00% to 98.00%) | 0.0600 (0.0600 to 0.0600) |"
    )


@pytest.mark.parametrize(
    ("recipe", "shown"),
    [
        ("cats-vs-dogs-first-edition", [1, 2, 3, 4, 5, 10, 15, 20, 25, 30]),
        ("cats-vs-dogs-first-edition-augmented", [1, 2, 3, 4, 5, 20, 40, 60, 80, 100]),
    ],
)
def test_a_long_curve_is_shown_in_steps_to_its_end_and_whole_where_asked(recipe, shown):
    count = shown[-1]
    kind = {"recipe": recipe, "backend": "tensorflow", "device": "cpu", "data_note": ""}
    curves = pd.DataFrame(
        {"epoch": range(1, count + 1), **{name: 0.5 for name in published.QUANTITIES}}
    ).assign(seed=0, **kind)
    compared = comparison.compare(runs_of(recipe, [0.7]), curves)
    by_epoch = compared[compared["epoch"].notna()]

    def epochs(text):
        return [int(line.split("|")[1]) for line in text.splitlines() if re.match(r"\| \d", line)]

    assert epochs(answers.curve(by_epoch, curves)) == shown
    assert epochs(answers.curve(by_epoch, curves, every=1)) == list(range(1, count + 1))
    assert "figures there are not enough seeds." in answers.curve(by_epoch, curves)


def test_a_lost_mark_is_named():
    records = recorded.read()
    with pytest.raises(UserError, match="lost its mark"):
        answers.renewed("# nothing", records, comparison.compare(records.runs), published.ERRATA)


def test_a_slip_of_the_text_is_told_apart_and_counts_neither_way():
    rows = runs_of("mnist-first-edition", [0.9910, 0.9911, 0.9912, 0.9913, 0.9914])
    compared = comparison.compare(rows)
    told = answers.answer(compared, compared.iloc[:0])
    assert "**Came back: 1.**" in told
    assert "**Did not come back: none.**" in told
    counted, apart = told.split("**Slips of the text, not counted: 2.**")
    assert "99.3%" not in counted
    assert "99.3%" in apart


def test_printed_curves_are_counted_by_themselves_and_a_figure_beyond_all_runs_is_said_to_be():
    rows = runs_of("mnist-first-edition", [0.9908, 0.9909, 0.9910, 0.9911, 0.9912])
    kind = {"recipe": "mnist-first-edition", "backend": "tensorflow", "device": "cpu"}
    curves = pd.concat(
        pd.DataFrame({"epoch": [1], "accuracy": 0.94 + seed / 1000, "loss": 0.18, "seed": seed,
                      "val_accuracy": math.nan, "val_loss": math.nan, "data_note": "", **kind})
        for seed in range(5)
    )  # fmt: skip
    compared = comparison.compare(rows, curves)
    whole, by_epoch = (compared[compared["epoch"].isna()], compared[compared["epoch"].notna()])
    counted, curve = answers.answer(whole, by_epoch).split(
        "**Printed curves, counted by themselves"
    )
    assert "Came back: 1." in counted
    assert "below the book's figure. All runs so far lie below the book's figure." in counted
    assert curve.startswith(" below: 1.**")
    assert "- MNIST, first edition, the printed curve (tensorflow, cpu): Of the " in curve
    within = runs_of("mnist-first-edition", [0.9911, 0.9912, 0.9913, 0.9914, 0.9915])
    of = comparison.compare(within)
    told = answers.answer(of[of["kind"] == published.PRINTED], of.iloc[:0])
    assert "All runs" not in told.split("**Slips")[0]
    assert "Printed curves" not in told


def test_in_short_there_is_a_line_for_each_accuracy_of_the_book():
    rows = runs_of("mnist-first-edition", [0.9910, 0.9911, 0.9912, 0.9913, 0.9914])
    compared = comparison.compare(rows)
    lines = answers.in_short(compared[compared["epoch"].isna()]).splitlines()
    assert len(lines) == 2 + 6
    other = comparison.compare(pd.concat([rows, rows.assign(device="gpu")]))
    named = answers.in_short(other[other["epoch"].isna()])
    assert "| MNIST, first edition (tensorflow, gpu) |" in named
    assert "| MNIST, first edition (tensorflow, cpu) |" in named
    assert lines[2].startswith(
        "| MNIST, first edition | 99.13% | 99.12% (99.10% to 99.14%) | 5 | within what one run "
    )
    assert lines[5].startswith("| Cats vs dogs, first edition, augmented | 82% (validation) |  | 0")
    readme = (recorded.RESULTS / "README.md").read_text()
    heads = {
        re.sub(r"[^\w -]", "", line[3:].lower()).replace(" ", "-")
        for line in readme.splitlines()
        if line.startswith("## ")
    }
    for words in answers.SEE.values():
        assert re.fullmatch(r"\[.+\]\(#(.+)\)", words)[1] in heads


def test_runs_further_apart_than_their_test_set_explains_are_told_from_others():
    # By the test set's size alone sqrt(0.01 / 20,000) = 0.07 points.
    far = runs_of("mnist-first-edition", [0.985, 0.990, 0.995, 0.985, 0.995])
    near = runs_of("mnist-second-edition", [0.9895, 0.9900, 0.9905, 0.9900, 0.9900])
    first, second = answers.luck(comparison.compare(pd.concat([far, near]))).splitlines()
    assert first.startswith("- MNIST, first edition, test accuracy (5 runs): 0.50 points (0.30 to")
    assert first.endswith(
        "by the number of pictures 0.07: some runs are probably better than others."
    )
    assert second.endswith("0.07: none need be better than another.")


def test_a_recipe_without_a_figure_is_told_with_what_its_test_set_explains():
    rows = pd.concat(
        [
            runs_of("cats-vs-dogs-third-edition", [0.75, 0.76, 0.77]),
            runs_of("mnist-third-edition", [0.98, 0.99]),
            runs_of("mnist-first-edition", [0.99]),
        ]
    )
    # 24% wrong of 2,000 pictures: sqrt(0.24 / 4,000) = 0.77 points.
    assert answers.without_figure(rows, {"mnist-first-edition"}).splitlines() == [
        "- MNIST, third edition (2 seeds, tensorflow, cpu): 98.50%, from 98.00% to 99.00%",
        "- Cats vs dogs, third edition (3 seeds, tensorflow, cpu): 76.00%, from 75.00% to 77.00%; "
        "a standard deviation of 1.00 points, by the number of pictures 0.77",
    ]
