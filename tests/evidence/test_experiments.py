"""What was varied to find out why is told from its rows, and only where there are some."""

import math

import pandas as pd
from rows import runs_of

from chollet_cnn.book import published
from chollet_cnn.evidence import experiments
from chollet_cnn.evidence import records as recorded


def test_whose_spread_it_is_counts_seed_0_with_the_held_ones():
    rows = runs_of("mnist-second-edition", [0.98, 0.99, 1.0])
    variants = pd.concat(
        [
            runs_of("mnist-second-edition", [0.96, 0.97], variant="same-weights").assign(
                seed=[1, 2]
            ),
            runs_of("mnist-second-edition", [0.99, 1.0], variant="same-order").assign(seed=[1, 2]),
        ]
    )
    everything, order, weights = experiments.whose_spread(rows, variants).splitlines()[2:]
    assert (
        "| everything differs | 3 | 99.00% | 98.00% to 100.00% | 1.000 points | 0.521 to "
        in everything
    )
    assert everything.endswith(" | 0.071 points |")  # sqrt(0.01 / 20,000)
    seed_0 = "starting weights are seed 0's | 3 | 97.00% | 96.00% to 98.00% | 1.000"
    assert f"the order differs, the {seed_0}" in order
    seed_0 = "order is seed 0's | 3 | 99.00% | 98.00% to 100.00% | 1.000"
    assert f"the starting weights differ, the {seed_0}" in weights
    assert experiments.whose_spread(rows, variants.iloc[:0]) == "Not enough such runs yet."
    assert experiments.whose_spread(rows, variants.iloc[1:]) == "Not enough such runs yet."


def test_how_far_the_book_was_after_the_steps_that_are_left():
    # 2,000 pictures in batches of 32 are 63 steps, and 100 epochs of them 6,300 of 10,000: as many
    # as the notebook's first 63 epochs. From epoch 59, 0.8099, to 67, 0.8325, are nine.
    words = experiments.cut_short()
    assert "Of 100 steps an epoch 63 are left, in 100 epochs 6,300 of 10,000." in words
    curve = published.CURVES["cats-vs-dogs-first-edition-augmented"]["val_accuracy"]
    assert (curve[58], curve[66]) == (0.8099, 0.8325)
    assert f"after epoch 63: its validation accuracy is {sum(curve[58:67]) / 9:.2%} on" in words
    assert words.endswith("and 82.77% over the last 20.")


def test_what_sixteen_bits_do_stands_beside_what_the_seeds_do():
    rows = runs_of("mnist-second-edition", [0.98, 0.99, 1.0])
    variants = runs_of("mnist-second-edition", [0.97, 0.97, 0.99], variant="bfloat16")
    whole, half, _, words = experiments.sixteen_bits(rows, variants).splitlines()[2:]
    title = "MNIST, second edition (tensorflow, cpu)"
    # One of a hundred wrong of 10,000 pictures: sqrt(0.01 / 20,000) = 0.07 points.
    assert whole == f"| {title} | 32 | 3 | 99.00% | 1.00 points | 0.07 points | 98.00% to 100.00% |"
    assert half == f"| {title} | 16 | 3 | 97.67% | 1.15 points | 0.11 points | 97.00% to 99.00% |"
    # The differences are -1, -2, -1: a mean of -4/3, a standard deviation of the root of 1/3; that
    # over the root of 3 is 1/3, times t of 2 degrees of freedom, 4.303, is 1.43.
    paired = (
        "-1.33 points of test accuracy on average, 97.67% and 99.00% over the 3 seeds that both "
        "have (seed by seed; 95%: -2.77 to +0.10)"
    )
    assert words == f"{title}: 16 bits minus 32 bits is {paired}."
    assert experiments.sixteen_bits(rows, variants.iloc[:0]) == "No such run yet."


def test_nothing_is_said_to_be_nan_where_one_run_alone_was_varied():
    rows = runs_of("mnist-second-edition", [0.98])
    variants = runs_of("mnist-second-edition", [0.97], variant="same-weights").assign(seed=1)
    assert "nan" not in experiments.whose_spread(rows, variants)
    half = runs_of("mnist-second-edition", [0.97], variant="bfloat16")
    assert "nan" not in experiments.sixteen_bits(rows, half)
    assert "nan" not in experiments.sixteen_bits(rows.iloc[:0], half)


def test_an_optimizer_of_the_book_s_time_stands_below_today_s():
    kind = {"recipe": "mnist-first-edition", "backend": "tensorflow", "device": "cpu"}
    rows = runs_of("mnist-first-edition", [0.98, 0.99, 1.0], val_accuracy=math.nan,
                   best_epoch=math.nan)  # fmt: skip
    then = runs_of("mnist-first-edition", [0.97, 0.97, 0.99], variant="rmsprop-2017",
                   val_accuracy=math.nan, best_epoch=math.nan)  # fmt: skip
    curves = pd.concat(
        pd.DataFrame({"epoch": [1, 2], "loss": loss, "accuracy": 0.98, "seed": seed, **kind})
        for seed, loss in enumerate(([0.16, 0.04], [0.17, 0.04], [0.18, 0.04]))
    )
    old_curves = curves.assign(loss=curves["loss"] - 0.01, variant="rmsprop-2017")
    records = recorded.Records(rows, then, pd.DataFrame(), curves, old_curves)
    heads, _, book, now, old, _, words = experiments.optimizers(records).splitlines()
    assert heads == (
        "| recipe | optimizer | seeds | test accuracy | training loss after epoch 1 | training "
        "loss after epoch 2 | training loss after epoch 5 |"  # no column that is empty
    )
    title = "MNIST, first edition (tensorflow, cpu)"
    assert book == f"| {title} | the book's output | 1 |  | 0.1766 | 0.0462 | 0.0187 |"
    assert now == (
        f"| {title} | rmsprop | 3 | 99.00% (98.00% to 100.00%) | 0.1700 (0.1600 to 0.1800) | "
        "0.0400 (0.0400 to 0.0400) |  |"
    )
    assert old == (
        f"| {title} | rmsprop-2017 | 3 | 97.67% (97.00% to 99.00%) | 0.1600 (0.1500 to 0.1700) | "
        "0.0300 (0.0300 to 0.0300) |  |"
    )
    # Runs with mean losses of 0.1, 0.105, 0.11: 0.005 x sqrt(4/3) x 4.303 is 0.0248 to either side.
    paired = (
        "-1.33 points of test accuracy on average, 97.67% and 99.00% over the 3 seeds that both "
        "have (seed by seed; 95%: -2.77 to +0.10)"
    )
    assert words == (
        f"- {title}: rmsprop-2017 minus rmsprop is {paired}. Averaged over its 5 epochs the book's "
        "training loss is 0.0596; one more run is expected from 0.0802 to 0.1298 with rmsprop, "
        "from 0.0702 to 0.1198 with rmsprop-2017."
    )
    records = recorded.Records(rows, then.iloc[:0], pd.DataFrame(), curves, old_curves)
    assert experiments.optimizers(records) == "No such run yet."


def test_the_augmented_first_edition_stands_beside_itself_as_its_keras_computed_it():
    recipe = "cats-vs-dogs-first-edition-augmented"
    kind = {"recipe": recipe, "backend": "tensorflow", "device": "cpu"}
    rows = runs_of(recipe, [0.77, 0.79], val_accuracy=0.78, best_epoch=90)
    then = runs_of(recipe, [0.82], variant="keras-2017", val_accuracy=0.83, best_epoch=98)
    other = runs_of("cats-vs-dogs-first-edition", [0.7], variant="rmsprop-2017")
    late = {"accuracy": 0.8, "val_accuracy": 0.78, "val_loss": 0.45}

    def history(seed, **columns):
        epochs = pd.DataFrame({"epoch": range(1, 101), "seed": seed, **kind, **late | columns})
        epochs.loc[epochs["epoch"] <= 80, "accuracy"] = 0.0  # not of the last twenty
        return epochs

    curves = pd.concat([history(0), history(1, accuracy=0.82)])
    old = history(0, accuracy=0.84, val_accuracy=0.83).assign(variant="keras-2017")
    records = recorded.Records(rows, pd.concat([then, other]), pd.DataFrame(), curves, old)
    told = experiments.augmentation(records).splitlines()
    assert not any("One more run" in line for line in told)  # two are too few to say
    title, _, heads, _, book, now, both, _, means = told
    assert title == "Cats vs dogs, first edition, augmented (tensorflow, cpu):"
    assert heads == (
        "| computed with | seeds | training accuracy over the last 20 epochs | validation "
        "accuracy over the last 20 epochs | validation loss over the last 20 epochs | epoch of the "
        "lowest validation loss | test accuracy |"
    )
    assert book.startswith("| the book's output | 1 | 84.53% | 82.77% | 0.3978 | 99 |  |")
    assert now == (
        "| today's Keras | 2 | 81.00% (80.00% to 82.00%) | 78.00% (78.00% to 78.00%) | 0.4500 "
        "(0.4500 to 0.4500) | 90 (90 to 90) | 78.00% (77.00% to 79.00%) |"
    )
    assert both == (
        "| the RMSprop and the augmentation of 2017 | 1 | 84.00% | 83.00% | 0.4500 | 98 | 82.00% |"
    )
    # Twenty epochs of 80 and of 82% after eighty of nothing are 16 and 16.4% on average.
    book_s = published.CURVES[recipe]
    assert means == (
        f"Averaged over all 100 epochs: the book {sum(book_s['accuracy']) / 100:.2%} in training "
        f"and {sum(book_s['val_accuracy']) / 100:.2%} in validation; today's Keras 16.20% (16.00% "
        "to 16.40%) in training and 78.00% (78.00% to 78.00%) in validation; the RMSprop and the "
        "augmentation of 2017 16.80% in training and 83.00% in validation."
    )
    # Three runs of 78, 79 and 80%: one point x sqrt(4/3) x 4.303 is 4.97 to either side of 79%.
    third = [history(seed, val_accuracy=0.78 + seed / 100) for seed in range(3)]
    records = recorded.Records(
        rows, pd.concat([then, other]), pd.DataFrame(), pd.concat(third), old
    )
    assert (
        "One more run with today's Keras is expected to have a validation accuracy from 74.03% to "
        "83.97% over the last 20 epochs, where the book's output has 82.77%."
    ) in experiments.augmentation(records)
    records = recorded.Records(rows, other, pd.DataFrame(), curves, old.iloc[:0])
    assert experiments.augmentation(records) == "No such run yet."


def test_the_choice_of_the_epoch_is_told_only_where_the_recipe_makes_one():
    chosen = runs_of("cats-vs-dogs-second-edition", [0.70, 0.72]).assign(
        last_epoch_test_accuracy=[0.71, 0.70], judged_epoch=[8, 11], val_accuracy=[0.67, 0.69]
    )
    last = runs_of("mnist-first-edition", [0.99], last_epoch_test_accuracy=0.99, judged_epoch=5)
    curves = pd.DataFrame(
        {"epoch": range(1, 31), "val_accuracy": [0.5] * 20 + [0.74, 0.76] * 5,
         "val_loss": [0.9] * 7 + [0.6, 0.8, 0.8, 0.61] + [0.9] * 19,
         "recipe": "cats-vs-dogs-second-edition", "backend": "tensorflow", "device": "cpu",
         "seed": 1}
    )  # fmt: skip
    assert experiments.choice_of_epoch(pd.concat([chosen, last]), curves) == (
        "- Cats vs dogs, second edition (2 seeds, tensorflow, cpu): +0.50 points on average "
        "(-1.00 to +2.00), 71.00% (70.00% to 72.00%) where the last epoch has 70.50% (70.00% to "
        "71.00%). In 1 of 2 the last epoch did better. Epochs 8 to 11 of 30 had the lowest "
        "validation loss; validation accuracy was 68.00% there, 75.00% over the last 10 epochs. "
        "The closest call: with seed 1 epoch 8 was kept for a loss of 0.6000, epoch 11 had 0.6100; "
        "their validation accuracy is 50.00% and 50.00%."
    )
    assert experiments.choice_of_epoch(last, curves) == "No such run yet."
    # With another recipe's run, of +5 points: -1, 2 and 5 as below.
    other = chosen.iloc[:1].assign(
        recipe="cats-vs-dogs-third-edition", test_accuracy=0.75, last_epoch_test_accuracy=0.70
    )
    elsewhere = other.assign(device="gpu")  # never mixed with the others
    *_, together = experiments.choice_of_epoch(
        pd.concat([chosen, other, elsewhere]), curves
    ).splitlines()
    assert together == (
        "- All of these (tensorflow, cpu): +2.00 points on average, of endlessly many from -5.45 "
        "to +9.45 (95%). In 1 of 3 the last epoch did better."
    )
    # 70, 72 and 74%, and 71, 70 and 69%: differences of -1, 2 and 5 points. Their standard
    # deviation, 3, over the root of 3, times t of 2 degrees of freedom, 4.303, is 7.45.
    third = chosen.iloc[:1].assign(seed=2, test_accuracy=0.74, last_epoch_test_accuracy=0.69)
    assert (
        "Of endlessly many runs it lies from -5.45 to +9.45 points on average (95%). The standard "
        "deviation is 2.00 points, after the last epoch 1.00; by the number of pictures 0.84 and "
        "0.87. In 1 of 3 the last epoch did better. "
    ) in experiments.choice_of_epoch(pd.concat([chosen, third]), curves)


def test_a_run_that_is_stopped_early_keeps_the_best_epoch_so_far():
    recipe = "cats-vs-dogs-second-edition-augmented"
    curves = pd.concat(
        pd.DataFrame(
            {"epoch": range(1, 101), "val_accuracy": [0.7] * 24 + [late] * 76,
             "val_loss": [0.6] * 24 + [0.5 - step] + [0.7] * 75, "recipe": recipe,
             "backend": "tensorflow", "device": "cpu", "seed": seed}
        )
        for seed, (late, step) in enumerate([(0.79, 0), (0.80, 0), (0.83, -0.2)])
    )  # fmt: skip
    lines = experiments.stopped_early(curves, recipe, 0.80).splitlines()
    assert lines[0] == "Cats vs dogs, second edition, augmented, 3 seeds (tensorflow, cpu):"
    assert lines[4] == "| 10 epochs | 1 | 70.00% (70.00% to 70.00%) | 3 of 3 |"
    # The last run's epoch 25 has a loss of 0.7, so that its first is still the best.
    assert lines[6] == "| 30 epochs | 1 to 25 | 76.33% (70.00% to 80.00%) | 2 of 3 |"
    assert experiments.stopped_early(curves.iloc[:0], recipe, 0.80) == "No such run yet."
