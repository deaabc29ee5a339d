"""What was varied is measured from its own runs, and only where there are some."""

import dataclasses
import math

import pandas as pd
import pytest
from rows import KIND, curve_of, records_of, runs_of

from chollet_cnn.book.recipes import RECIPES
from chollet_cnn.errors import UserError
from chollet_cnn.evidence import records, statistics, studies, write_up
from chollet_cnn.evidence.comparison import CURVES
from chollet_cnn.evidence.studies import copies, weights_or_order

FIRST, SECOND = "mnist-first-edition", "mnist-second-edition"
PETS = "cats-vs-dogs-second-edition"
AUGMENTED = "cats-vs-dogs-first-edition-augmented"
BY_NAME = {study.name: study for study in studies.collect()}
NEEDS_NO_RUN = {"steps_per_epoch"}


def measure(name, **records):
    return BY_NAME[name].measure(records_of(**records))


def cells(table, row=0):
    """Return the cells of a row that are not empty."""
    return {head: cell for head, cell in table.iloc[row].items() if cell}


@pytest.mark.parametrize("study", studies.collect(), ids=lambda study: study.name)
def test_a_study_is_about_known_recipes_and_measures_nothing_without_runs(study):
    assert set(study.recipes) <= set(RECIPES)
    records = records_of()
    assert bool(study.measure(records)) == (study.name in NEEDS_NO_RUN)
    assert study.figure(records) is None
    assert not study.figure_name or study.caption


def test_a_new_module_is_a_new_study_without_any_other_file(tmp_path, monkeypatch):
    text = 'TITLE, RECIPES = "Learning rate", ("mnist-first-edition",)\n'
    text += 'VARIANTS = {"slow": {"learning_rate": 1e-5}}\ndef measure(records): return {}\n'
    (tmp_path / "learning_rate.py").write_text(text)
    monkeypatch.setattr(studies, "FOLDER", tmp_path)
    monkeypatch.setattr(studies, "__path__", [*studies.__path__, str(tmp_path)])
    studies.collect.cache_clear()
    try:
        (study,) = studies.collect()
        assert (study.title, study.anchor) == ("Learning rate", "learning-rate")
        assert studies.variants() == {"slow": {"learning_rate": 1e-5}}
    finally:
        studies.collect.cache_clear()


def test_every_variant_belongs_to_one_study():
    names = [name for study in studies.collect() for name in study.variants]
    assert len(names) == len(set(names)) == len(studies.variants())


def test_weights_or_order_counts_seed_0_with_the_held_ones():
    held = [
        runs_of(SECOND, [0.96, 0.97], variant="same-weights").assign(seed=[1, 2]),
        runs_of(SECOND, [0.99, 1.0], variant="same-order").assign(seed=[1, 2]),
    ]
    runs = [runs_of(SECOND, [0.98, 0.99, 1.0])]
    table = measure("weights_or_order", runs=runs, variants=held)["spread"]
    assert list(table["mean"]) == ["99.00%", "97.00%", "99.00%"]
    assert list(table["standard deviation"]) == ["1.000 points"] * 3
    assert table["its 95% confidence interval"][0].startswith("0.521 to ")
    # One of a hundred wrong of 10,000 images: sqrt(0.01 / 20,000) = 0.071 points.
    assert table["expected from the number of images"][0] == "0.071 points"
    assert list(weights_or_order.CAUSES.values()) == list(table["what differs"])
    assert measure("weights_or_order", runs=runs, variants=[held[0]]) == {}


def test_bfloat16_is_compared_seed_by_seed():
    runs, half = [runs_of(SECOND, [0.98, 0.99, 1.0])], runs_of(SECOND, [0.97, 0.97, 0.99])
    found = measure("bfloat16", runs=runs, variants=[half.assign(variant="bfloat16")])
    assert list(found["accuracies"]["mean"]) == ["99.00%", "97.67%"]
    # The differences are -1, -2, -1: a mean of -4/3, a standard deviation of the root of 1/3; that
    # over the root of 3 is 1/3, times t of 2 degrees of freedom, 4.303, is 1.43.
    row = cells(found["differences"])
    assert (row["pairs"], row["difference"]) == ("3", "-1.33 points")
    assert row["95% confidence interval of the mean difference"] == "-2.77 to +0.10"
    assert found["apart"] == []
    half["test_accuracy"] = [0.97, 0.98, 0.99]
    found = measure("bfloat16", runs=runs, variants=[half.assign(variant="bfloat16")])
    assert found["apart"] == [RECIPES[SECOND].title]


def test_one_varied_run_gives_no_nan():
    one = runs_of(SECOND, [0.97], variant="bfloat16")
    for runs in ([runs_of(SECOND, [0.98])], []):
        found = measure("bfloat16", runs=runs, variants=[one])
        assert "nan" not in found["accuracies"].to_string()
        assert "differences" not in found


def test_legacy_rmsprop_is_compared_with_current_and_with_the_book():
    nothing = {"val_accuracy": math.nan, "best_epoch": math.nan}
    legacy = runs_of(FIRST, [0.97, 0.97, 0.99], variant="rmsprop-2017", **nothing)
    losses = [[0.16, 0.04], [0.17, 0.04], [0.18, 0.04]]
    curves = [curve_of(FIRST, seed, epoch=[1, 2], loss=loss) for seed, loss in enumerate(losses)]
    old = [c.assign(loss=c["loss"] - 0.01, variant="rmsprop-2017") for c in curves]
    found = measure(
        "rmsprop", runs=[runs_of(FIRST, [0.98, 0.99, 1.0], **nothing)], variants=[legacy],
        curves=curves, variant_curves=old,
    )  # fmt: skip
    first, table = "training loss after epoch 1", found["by_epoch"]
    assert list(table["optimizer"]) == ["the book's output", "rmsprop", "rmsprop-2017"]
    assert list(table[first]) == [
        "0.1766",
        "0.1700 (0.1600 to 0.1800)",
        "0.1600 (0.1500 to 0.1700)",
    ]
    assert list(table["test accuracy"])[2] == "97.67% (97.00% to 99.00%)"
    # Runs with mean losses of 0.1, 0.105, 0.11: 0.005 x sqrt(4/3) x 4.303 is 0.0248 to either side.
    losses = found["mean_losses"]
    assert list(losses["mean training loss of the book"]) == ["0.0596"] * 2
    assert list(losses["95% prediction interval for one new run"]) == [
        "0.0802 to 0.1298", "0.0702 to 0.1198",
    ]  # fmt: skip
    row = cells(found["differences"])
    assert (row["test accuracy, legacy"], row["current"]) == ("97.67%", "99.00%")
    assert (row["difference"], row["pairs"]) == ("-1.33 points", "3")


NEAR, FAR = (0.990, 0.991, 0.992), (0.970, 0.971, 0.972)  # the book's figure is 99.1%


@pytest.mark.parametrize(
    ("legacy", "current", "outside"),
    [
        (NEAR, NEAR, "neither"),
        (NEAR, FAR, "that of current RMSprop only"),
        (FAR, NEAR, "that of legacy RMSprop only"),
        (FAR, FAR, "both"),
    ],
)
def test_a_published_test_accuracy_is_beside_legacy_and_current_rmsprop(legacy, current, outside):
    recorded = records.read()
    three = records.matching(recorded.runs, {"recipe": SECOND} | KIND).head(3)
    runs, variants = (three.assign(test_accuracy=way) for way in (current, legacy))
    variants = variants.assign(variant="rmsprop-2021")
    text = write_up.render(dataclasses.replace(recorded, runs=runs, variants=variants))
    ways = {NEAR: "98.60% to 99.60% (3 runs)", FAR: "96.60% to 97.60% (3 runs)"}  # 4.303 x 0.116
    assert (
        f"(test accuracy), 99.1%: {ways[legacy]} with legacy RMSprop, {ways[current]} with current "
        f"RMSprop; it is outside {outside}." in text
    )


def test_legacy_keras_is_compared_over_the_last_twenty_epochs():
    def history(seed, **columns):
        late = {"accuracy": 0.8, "val_accuracy": 0.78, "val_loss": 0.45} | columns
        curve = curve_of(AUGMENTED, seed, epoch=range(1, 101), **late)
        curve.loc[curve["epoch"] <= 80, "accuracy"] = 0.0  # not of the last twenty
        return curve

    legacy = runs_of(AUGMENTED, [0.82], variant="keras-2017", val_accuracy=0.83, best_epoch=98)
    records = {
        "runs": [runs_of(AUGMENTED, [0.77, 0.79], val_accuracy=0.78, best_epoch=90)],
        "variants": [legacy, runs_of("cats-vs-dogs-first-edition", [0.7], variant="rmsprop-2017")],
        "variant_curves": [
            history(0, accuracy=0.84, val_accuracy=0.83).assign(variant="keras-2017")
        ],
    }
    found = measure("augmentation", curves=[history(0), history(1, accuracy=0.82)], **records)
    late = "training accuracy over the last 20 epochs"
    assert list(found["late"][late]) == ["84.53%", "81.00% (80.00% to 82.00%)", "84.00%"]
    assert list(found["late"]["test accuracy"]) == ["", "78.00% (77.00% to 79.00%)", "82.00%"]
    assert found["late"]["epoch of the lowest validation loss"][0] == "99"
    # Twenty epochs of 80 and of 82% after eighty of nothing are 16 and 16.4% on average.
    whole = found["whole"]["training accuracy over all epochs"]
    assert whole[1] == "16.20% (16.00% to 16.40%)"
    assert whole[0] == f"{sum(CURVES[AUGMENTED]['accuracy']) / 100:.2%}"
    interval = "95% prediction interval, last 20 epochs"
    assert interval not in found["whole"]  # two runs are too few
    # Three runs of 78, 79 and 80%: one point x sqrt(4/3) x 4.303 is 4.97 to either side of 79%.
    third = [history(seed, val_accuracy=0.78 + seed / 100) for seed in range(3)]
    found = measure("augmentation", curves=third, **records)
    assert found["whole"][interval][1] == "74.03% to 83.97%"


def test_each_change_to_the_augmented_recipe_is_told_alone_once_it_has_three_pairs():
    recorded = records.read()
    both = {"recipe": AUGMENTED, "variant": "keras-2017"}
    alone = ["augmentation-2017", "rmsprop-2017"]

    def with_pairs(count):
        """As if each change alone had so many runs, and the curves of both changes together."""
        tables = {}
        for name in ("variants", "variant_curves"):
            table = getattr(recorded, name)
            table = table[(table["recipe"] != AUGMENTED) | ~table["variant"].isin(alone)]
            rows = records.matching(table, both)
            rows = rows[rows["seed"] < count]
            tables[name] = pd.concat([table, *(rows.assign(variant=way) for way in alone)])
        return dataclasses.replace(recorded, **tables)

    moved = BY_NAME["augmentation"].measure(with_pairs(3))["moved_by"]
    change = f"{100 * moved['rmsprop-2017'].mean:+.2f} points"
    text = write_up.render(with_pairs(3))
    assert f"legacy augmentation alone changes it by {change} (95% confidence interval" in text
    assert f", 3 pairs) and legacy RMSprop alone by {change} (95% confidence interval" in text
    for way in ("legacy augmentation alone", "legacy RMSprop alone"):
        assert f"by {change} with {way} (95% confidence interval" in text
    assert ", 3 pairs), by" in text
    assert "points with both (95% confidence interval" in text
    for change in ("legacy RMSprop", "legacy augmentation"):  # here both ways are the same runs
        assert f"already made, {change} adds +0.00 points" in text
    assert "legacy RMSprop alone" not in write_up.render(with_pairs(2))


def test_the_steps_that_are_left_are_63_of_100():
    # 2,000 images in batches of 32 are 63 steps, and 100 epochs of them 6,300 of 10,000: as many
    # as the notebook's first 63 epochs. From epoch 59, 0.8099, to 67, 0.8325, are nine.
    found = measure("steps_per_epoch")
    assert (found["left"], found["steps"], found["reached"]) == (63, 6300, 63)
    curve = CURVES[AUGMENTED]["val_accuracy"]
    assert (curve[58], curve[66]) == (0.8099, 0.8325)
    assert found["accuracy_there"] == pytest.approx(sum(curve[58:67]) / 9)
    assert f"{found['accuracy_last']:.2%}" == "82.77%"


def test_checkpoint_selection_is_measured_only_of_recipes_that_select():
    chosen = runs_of(PETS, [0.70, 0.72, 0.74], val_accuracy=0.68).assign(
        last_epoch_test_accuracy=[0.71, 0.70, 0.69], judged_epoch=[8, 11, 8]
    )
    last = runs_of(FIRST, [0.99], last_epoch_test_accuracy=0.99, judged_epoch=5)
    losses = [0.9] * 7 + [0.6, 0.8, 0.8, 0.61] + [0.9] * 19
    curve = curve_of(
        PETS, 1, epoch=range(1, 31), val_accuracy=[0.5] * 20 + [0.74, 0.76] * 5, val_loss=losses
    )
    found = measure("checkpoint_selection", runs=[chosen, last], curves=[curve])
    # -1, 2 and 5 points: their standard deviation, 3, over the root of 3, times 4.303, is 7.45.
    row = cells(found["accuracies"])
    assert (row["difference"], row["seeds"]) == ("+2.00 points", "3")
    assert row["95% confidence interval of the mean difference"] == "-5.45 to +9.45"
    assert row["last epoch better"] == "1 of 3"
    assert row["its standard deviation (last)"] == "1.00 points"
    assert row["expected from the number of images (selected)"] == "0.84 points"
    row = cells(found["epochs"])
    assert (row["selected epochs"], row["over the last 10 epochs"]) == ("8 to 11 of 30", "75.00%")
    row = cells(found["closest"])
    assert (row["selected epoch"], row["next best epoch"]) == ("8", "11")
    assert measure("checkpoint_selection", runs=[last]) == {}
    other = chosen.iloc[:1].assign(recipe="cats-vs-dogs-third-edition")
    found = measure("checkpoint_selection", runs=[chosen, other], curves=[curve])
    assert list(found["accuracies"]["recipe"])[-1] == "all of these"
    assert found["all"].n == 4


def test_the_epoch_in_the_text_is_judged_by_runs_of_both_editions():
    third = runs_of("cats-vs-dogs-third-edition", [0.76, 0.77, 0.78]).assign(
        best_epoch=[22, 24, 26]
    )
    second = runs_of(PETS, [0.7] * 5).assign(best_epoch=[9, 10, 12, 13, 11])
    found = measure("epoch_in_the_text", runs=[third, second])
    assert found["epochs"]["epoch 10 is"].tolist() == [statistics.BELOW, statistics.INSIDE]
    assert found["epochs"]["images in a batch"].tolist() == ["64", "32"]
    assert not found["halved"].values
    halved = third.assign(variant="batch-32", best_epoch=[9, 10, 11])
    found = measure("epoch_in_the_text", runs=[third, second], variants=[halved])
    assert found["epochs"]["seeds"].tolist() == ["3", "3", "5"]
    assert found["halved"].verdict == statistics.TOO_FEW
    assert measure("epoch_in_the_text", runs=[third]) == {}


def test_rmsprop_is_studied_where_it_is_the_optimizer_and_in_pairs():
    adam = [
        runs_of("mnist-third-edition", [0.99] * 3),
        runs_of("mnist-third-edition", [0.98] * 3, variant="rmsprop-2017"),
    ]
    assert measure("rmsprop", runs=adam[:1], variants=adam[1:]) == {}
    legacy = runs_of(FIRST, [0.99] * 3, variant="rmsprop-2017")
    curves = [curve_of(FIRST, seed, epoch=range(1, 6)) for seed in range(3)]
    found = measure(
        "rmsprop",
        variants=[legacy],
        variant_curves=[c.assign(variant="rmsprop-2017") for c in curves],
    )
    assert "rmsprop" not in found["by_epoch"]["optimizer"].tolist()
    assert "nan" not in found["mean_losses"].to_string()


def test_a_run_that_is_stopped_early_keeps_the_best_epoch_so_far():
    recipe = f"{PETS}-augmented"
    curves = [
        curve_of(recipe, seed, epoch=range(1, 101), val_accuracy=[0.7] * 24 + [late] * 76,
                 val_loss=[0.6] * 24 + [0.5 - step] + [0.7] * 75)
        for seed, (late, step) in enumerate([(0.79, 0), (0.80, 0), (0.83, -0.2)])
    ]  # fmt: skip
    found = measure("early_stopping", runs=[runs_of(recipe, [0.79, 0.81, 0.82])], curves=curves)
    rows = found["stopped"].to_numpy().tolist()
    assert rows[0] == ["10 epochs", "1", "70.00% (70.00% to 70.00%)", "3 of 3"]
    # The last run's epoch 25 has a loss of 0.7, so that its first is still the best.
    assert rows[2] == ["30 epochs", "1 to 25", "76.33% (70.00% to 80.00%)", "2 of 3"]
    assert (found["n"], found["below"], found["limit"]) == (3, 1, 0.80)


def test_copies_are_compared_with_originals_seed_by_seed():
    pairs = pd.DataFrame(
        {
            "recipe": "cats-vs-dogs-first-edition",
            "pictures": ["originals", "copies"] * 4,
            "seed": [0, 0, 1, 1, 2, 2, 3, 4],  # the last two are no pair
            "val_accuracy": [0.70, 0.71, 0.72, 0.71, 0.71, 0.71, 0.9, 0.1],
            "test_accuracy": [0.70, 0.72, 0.71, 0.72, 0.71, 0.725, 0.9, 0.1],
        }
    ).assign(**KIND)
    # Over both epochs the mean loss of copies is 0, 0.05 and 0.1 higher.
    losses = [
        curve_of(recipe, seed, epoch=[1, 2], loss=[0.4, loss]).assign(pictures=kind)
        for recipe in ("cats-vs-dogs-first-edition", PETS)
        for seed in range(3)
        for kind, loss in (("originals", 0.2), ("copies", 0.2 + seed / 10 if recipe != PETS else 9))
    ]
    found = measure("copies", copies=[pairs], copy_curves=losses)
    validation, test = found["pairs"].to_dict("records")
    assert (validation["on originals"], validation["on copies"]) == ("71.00%", "71.00%")
    assert validation["lowest to highest difference"] == "-1.00 to +1.00"
    assert (test["difference"], test["pairs"]) == ("+1.50 points", "3")
    assert found["moved"].n == found["moved_loss"].n == 3
    assert found["moved_loss"].mean == pytest.approx(0.05)
    assert measure("copies", copies=[pairs[pairs["seed"] < 2]]) == {}  # too few for an interval


def test_the_pairs_of_all_recipes_are_also_taken_together():
    def pairs(recipe, on_originals, on_copies):
        each = [("originals", value) for value in on_originals]
        each += [("copies", value) for value in on_copies]
        rows = pd.DataFrame(each, columns=["pictures", "val_accuracy"])
        seeds = [*range(len(on_originals)), *range(len(on_copies))]
        return rows.assign(recipe=recipe, seed=seeds, test_accuracy=0.7, **KIND)

    first = pairs("cats-vs-dogs-first-edition", [0.70, 0.70, 0.70], [0.71, 0.72, 0.73])
    second = pairs(f"{PETS}-smaller-test-set", [0.80, 0.80, 0.80], [0.80, 0.81, 0.79])
    few = pairs("cats-vs-dogs-third-edition-smaller-test-set", [0.1, 0.1], [0.9, 0.9])
    found = measure("copies", copies=[first, second, few])
    rows = found["pairs"].query("accuracy == 'validation accuracy'").to_dict("records")
    assert [(row["recipe"], row["pairs"], row["difference"]) for row in rows] == [
        ("Cats vs dogs, first edition", "3", "+2.00 points"),
        ("Cats vs dogs, second edition, smaller test set", "3", "+0.00 points"),
        ("all of these", "6", "+1.00 points"),
    ]
    assert (rows[-1]["on originals"], rows[-1]["on copies"]) == ("75.00%", "76.00%")
    assert (found["moved"].n, round(found["moved"].mean, 4)) == (6, 0.01)
    assert [(title, moved.n) for title, moved in found["few"]] == [
        ("Cats vs dogs, third edition, smaller test set", 2)
    ]


def test_verdicts_are_told_again_with_the_effect_of_copies_taken_off():
    def pairs(effect, on_validation=None):
        other = effect if on_validation is None else on_validation
        return pd.DataFrame({
            "recipe": "cats-vs-dogs-first-edition", "pictures": ["originals", "copies"] * 3,
            "seed": [0, 0, 1, 1, 2, 2],
            "val_accuracy": [0.7, 0.7 + other] * 3, "test_accuracy": [0.7, 0.7 + effect] * 3,
        } | KIND)  # fmt: skip

    # The book has 69.5%; nearly the same of five runs, and 10 points more.
    runs = [runs_of(PETS, [0.690, 0.693, 0.695, 0.697, 0.700])]
    for effect, expected in ((0.0, "inside"), (-0.1, "below"), (0.1, "above")):
        found = measure("copies", copies=[pairs(effect)], runs=runs)
        (verdicts,) = [told for figure, told in found["corrected"] if figure.claim.recipe == PETS]
        assert [verdict.split()[0] for verdict in verdicts] == [expected]
        others = len(found["corrected"]) - 1  # without runs there are too few either way
        assert found["kept"] == others + (expected == "inside")
    # A test accuracy is corrected by the effect on test accuracies, whatever else there is.
    found = measure("copies", copies=[pairs(-0.1, on_validation=0.0)], runs=runs)
    (verdicts,) = [told for figure, told in found["corrected"] if figure.claim.recipe == PETS]
    assert [verdict.split()[0] for verdict in verdicts] == ["below"]


def test_recipes_are_fitted_to_the_images_of_the_two_archives():
    assert copies.recipe_for("cats-vs-dogs-first-edition") == "cats-vs-dogs-first-edition"
    recipe = copies.recipe_for(PETS)
    assert recipe.name == f"{PETS}-smaller-test-set"
    assert recipe.title == "Cats vs dogs, second edition, smaller test set"
    assert recipe.data_options["splits"] == {
        "train": (0, 1000), "validation": (1000, 1500), "test": (1500, 2000)
    }  # fmt: skip
    legacy = copies.recipe_for(AUGMENTED, studies.variants()["keras-2017"])
    assert (legacy.optimizer, legacy.network_options["augmentation"]) == ("rmsprop-2017", "2017")
    assert legacy.name == f"{AUGMENTED}-rmsprop-2017-augmentation-2017"
    with pytest.raises(UserError, match="no variant that changes precision"):
        copies.recipe_for(PETS, {"precision": "bfloat16"})
