"""The published figures stand as the book has them, and beside the runs of their own recipe."""

import math
import subprocess
import sys

import pandas as pd
import pytest
from rows import of, runs_of

from chollet_cnn import claims
from chollet_cnn.book import published
from chollet_cnn.book.recipes import RECIPES
from chollet_cnn.errors import UserError
from chollet_cnn.evidence import comparison
from chollet_cnn.evidence import records as recorded
from chollet_cnn.evidence import statistics as spread


@pytest.mark.parametrize(
    ("recipe", "quantity", "value"),
    [
        ("mnist-first-edition", "test_accuracy", 0.9913),
        ("mnist-second-edition", "test_accuracy", 0.991),
        ("cats-vs-dogs-first-edition", "val_accuracy", 0.71),
        ("cats-vs-dogs-first-edition-augmented", "val_accuracy", 0.82),
        ("cats-vs-dogs-second-edition", "test_accuracy", 0.695),
        ("cats-vs-dogs-second-edition-augmented", "test_accuracy", 0.835),
    ],
)
def test_the_book_gives_this_figure(recipe, quantity, value):
    claim = published.published_figure(recipe)
    assert (claim.quantity, claim.value) == (quantity, value)


@pytest.mark.parametrize("recipe", [name for name in RECIPES if "third" in name or "block" in name])
def test_no_figure_is_made_up_where_the_book_gives_none(recipe):
    assert published.published_figure(recipe) is None


def test_every_claim_is_about_a_recipe_that_exists():
    assert {claim.recipe for claim in published.CLAIMS} <= set(RECIPES)


@pytest.mark.parametrize(
    ("quantity", "printed"),
    [
        ("accuracy", {1: 0.9440, 2: 0.9855, 3: 0.9902, 4: 0.9926, 5: 0.9943}),
        ("loss", {1: 0.1766, 2: 0.0462, 3: 0.0322, 4: 0.0241, 5: 0.0187}),
    ],
)
def test_the_curve_that_the_notebook_prints_is_claimed_epoch_by_epoch(quantity, printed):
    found = {
        claim.epoch: claim.value
        for claim in published.CLAIMS
        if claim.recipe == "mnist-first-edition" and claim.quantity == quantity and claim.epoch
    }
    assert found == printed


@pytest.mark.parametrize(
    ("epoch", "loss", "accuracy", "val_loss", "val_accuracy"),
    [
        (1, 0.6898, 0.5285, 0.6724, 0.5950),
        (10, 0.3988, 0.8185, 0.5508, 0.7180),
        (30, 0.0387, 0.9895, 1.0139, 0.7240),
    ],
)
def test_the_curve_printed_for_cats_and_dogs_is_claimed_too(
    epoch, loss, accuracy, val_loss, val_accuracy
):
    found = {
        claim.quantity: claim.value
        for claim in published.CLAIMS
        if claim.recipe == "cats-vs-dogs-first-edition" and claim.epoch == epoch
    }
    assert found == {
        "loss": loss, "accuracy": accuracy, "val_loss": val_loss, "val_accuracy": val_accuracy
    }  # fmt: skip


@pytest.mark.parametrize("name", [name for name in published.CURVES if "cats" in name])
def test_a_printed_accuracy_is_that_of_a_whole_number_of_pictures(name):
    # A slip of a finger while copying a figure would hardly end on such a number.
    def is_of(share, *counts):
        return any(abs(round(share * n) / n - share) <= 0.00005 + 1e-9 for n in counts)

    seen = 3200 if name.endswith("augmented") else 2000
    # 1,000 pictures in batches of 32 end with a batch of 8; of 50 batches one or two are that one.
    validated = (50 * 32 - 24, 50 * 32 - 2 * 24) if name.endswith("augmented") else (1000,)
    curve = published.CURVES[name]
    assert all(is_of(share, seen) for share in curve["accuracy"])
    assert all(is_of(share, *validated) for share in curve.get("val_accuracy", ()))


def test_the_curve_printed_for_augmented_cats_and_dogs_has_a_hundred_epochs():
    curve = published.CURVES["cats-vs-dogs-first-edition-augmented"]
    assert {len(values) for values in curve.values()} == {100}
    assert [values[-1] for values in curve.values()] == [0.3280, 0.8491, 0.3776, 0.8439]
    assert published.best_epoch(curve) == 99
    whole = [
        (claim.quantity, claim.value, claim.kind)
        for claim in published.CLAIMS
        if claim.recipe.endswith("first-edition-augmented") and claim.epoch is None
    ]
    assert whole == [("val_accuracy", 0.82, "text"), ("best_epoch", 99, "printed output")]


def test_the_notebook_says_five_epochs_and_prints_the_lowest_loss_after_ten():
    epochs = {
        claim.kind: claim.value
        for claim in published.CLAIMS
        if (claim.recipe, claim.quantity) == ("cats-vs-dogs-first-edition", "best_epoch")
    }
    assert epochs == {"text": 5, "printed output": 10}
    losses = published.CURVES["cats-vs-dogs-first-edition"]["val_loss"]
    assert len(losses) == 30
    assert min(losses) == losses[9] == 0.5508
    assert any(
        "after epoch 10, at 0.5508; after epoch 5 it is 0.5726" in s.fact for s in published.ERRATA
    )


def test_the_slip_in_the_notebook_is_claimed_beside_what_it_prints():
    digits = [c for c in published.CLAIMS if c.recipe == "mnist-first-edition" and not c.epoch]
    assert [(c.value, c.kind) for c in digits] == [
        (0.9913, "printed output"),
        (0.993, "text"),
    ]
    assert any("99.3%" in slip.says and "99.13%" in slip.fact for slip in published.ERRATA)
    assert any("three poolings" in slip.says for slip in published.ERRATA)
    assert any("26x26" in slip.says and "28x28" in slip.fact for slip in published.ERRATA)


def test_a_claim_is_laid_beside_the_runs_of_its_own_recipe():
    rows = pd.concat(
        [
            runs_of("cats-vs-dogs-second-edition", [0.70, 0.71, 0.72, 0.73, 0.74]),
            runs_of("mnist-second-edition", [0.985, 0.986, 0.987]),
        ]
    )
    (pets,) = of(comparison.compare(rows), "cats-vs-dogs-second-edition")
    assert (pets["n"], pets["mean"]) == (5, pytest.approx(0.72))
    assert pets["difference"] == pytest.approx(0.025)  # 72% - 69.5%
    assert pets["test_set_sd"] == pytest.approx(math.sqrt(0.28 / 4000))
    assert pets["verdict"] == "within what one run gives"
    (digits,) = of(comparison.compare(rows), "mnist-second-edition")
    assert (digits["n"], digits["verdict"]) == (3, "not enough seeds")


_COLUMNS = [
    *("recipe", "seed", "backend", "device", "data_note"),
    *("test_accuracy", "val_accuracy", "best_epoch"),
]


def test_there_is_a_line_for_every_claim_even_without_a_run():
    compared = comparison.compare(runs_of("mnist-second-edition", []).reindex(columns=_COLUMNS))
    assert len(compared) == len(published.CLAIMS) == 10 + 5 * 2 + 30 * 4 + 100 * 4
    assert set(compared["n"]) == {0}
    assert set(compared["verdict"]) == {"not enough seeds"}


def test_runs_of_another_backend_device_or_data_are_kept_apart():
    name = "cats-vs-dogs-second-edition"
    rows = pd.concat(
        [
            runs_of(name, [0.70, 0.72]),
            runs_of(name, [0.80], device="gpu"),
            runs_of(name, [0.60], backend="jax"),
            runs_of(name, [0.50], data_note="copies"),
        ]
    )
    found = of(comparison.compare(rows), name)
    kinds = {(c["backend"], c["device"], c["data_note"]): c["mean"] for c in found}
    assert kinds == {
        ("tensorflow", "cpu", ""): pytest.approx(0.71),
        ("tensorflow", "gpu", ""): 0.80,
        ("jax", "cpu", ""): 0.60,
        ("tensorflow", "cpu", "copies"): 0.50,
    }


def test_a_printed_curve_is_laid_beside_the_same_epoch_of_every_run():
    rows = runs_of("mnist-first-edition", [0.991] * 5)
    curves = pd.DataFrame(
        [
            row | {"epoch": epoch, "accuracy": 0.9 + epoch / 100 + seed / 1000, "loss": 0.1,
                   "val_accuracy": 0.99, "val_loss": 0.1}
            for seed, row in enumerate(rows.to_dict("records"))
            for epoch in (1, 2)
        ]
    )  # fmt: skip
    compared = comparison.compare(rows, curves)
    compared = compared[compared["recipe"] == "mnist-first-edition"]
    compared = compared.set_index(["quantity", "epoch"])
    assert compared.loc[("accuracy", 2), "mean"].item() == pytest.approx(0.922)
    assert compared.loc[("loss", 1), "verdict"] == "above every run"  # 0.1766 against 0.1
    assert compared.loc[("accuracy", 5), "n"].item() == 0


def test_no_run_is_expected_to_be_best_after_its_last_epoch():
    rows = runs_of("cats-vs-dogs-first-edition", [0.7] * 5).assign(best_epoch=[10, 15, 20, 25, 30])
    compared = comparison.compare(rows)
    own = compared[(compared["quantity"] == "best_epoch") & (compared["n"] > 0)]
    assert own[["run_low", "run_high"]].to_numpy().tolist() == [[1, 30], [1, 30]]
    assert set(own["verdict"]) == {spread.WITHIN}


# The command.


def test_a_reader_that_has_read_enough_ends_the_command_without_a_traceback():
    done = subprocess.run(
        f"{sys.executable} -m chollet_cnn.claims | true", shell=True, capture_output=True, text=True
    )
    assert done.stderr == ""


def test_a_folder_without_runs_is_one_sentence_that_says_what_to_do(tmp_path):
    with pytest.raises(UserError, match="--results"):
        claims.main(["--results", str(tmp_path)])


def test_the_command_prints_every_claim_and_writes_the_table(tmp_path, capsys):
    rows = recorded.read_runs()
    rows.to_csv(tmp_path / "runs.csv", index=False)
    assert claims.main(["--results", str(tmp_path), "--write"]) == 0
    printed = capsys.readouterr().out
    whole = [claim for claim in published.CLAIMS if claim.epoch is None]
    assert sum(line.startswith(("mnist-", "cats-")) for line in printed.splitlines()) == len(whole)
    assert (
        "MNIST, first edition, the printed curve: For all 10 printed figures there are" in printed
    )
    assert claims.main(["--results", str(tmp_path), "--epochs"]) == 0
    printed = capsys.readouterr().out
    assert sum(line.startswith(("mnist-", "cats-")) for line in printed.splitlines()) == len(
        published.CLAIMS
    )
    assert len(pd.read_csv(tmp_path / "claims.csv")) >= len(published.CLAIMS)
