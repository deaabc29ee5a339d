"""Copies of pictures are half as large, and both runs of a pair differ in their pictures alone."""

import dataclasses
import importlib
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from chollet_cnn.book import recipes
from chollet_cnn.evidence import experiments
from chollet_cnn.evidence import records as recorded
from chollet_cnn.training import trainer

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture
def try_copies(monkeypatch, tmp_path, noisy_pets):
    """The script, with ten small pictures of either kind to train on and a folder for results."""
    monkeypatch.syspath_prepend(str(SCRIPTS))
    module = importlib.import_module("try_copies")
    splits = {"train": (0, 6), "validation": (6, 8), "test": (8, 10)}
    options = module.BOOK.data_options | {"splits": splits}
    few = dataclasses.replace(module.BOOK, epochs=1, data_options=options)
    monkeypatch.setattr(module, "BOOK", few)
    monkeypatch.setattr(module, "RESULTS", tmp_path)
    monkeypatch.setattr(module, "write_table", lambda: None)
    monkeypatch.setenv("CHOLLET_CNN_CACHE", str(tmp_path / "cache"))
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    noisy_pets(pictures, 10, (60, 80))
    yield module
    recipes.RECIPES.pop(f"{module.BOOK.name}-at-half-size", None)
    for name in ("try_copies", "run_seeds", "update_results"):
        sys.modules.pop(name, None)


def test_the_recipe_at_half_size_differs_in_nothing_but_size(try_copies):
    half, book = try_copies.at_half_size(), recipes.get("cats-vs-dogs-first-edition")
    assert half.data_options["image_size"] == (75, 75)
    model = trainer.build(half)
    assert model.input_shape == (None, 75, 75, 3)
    layers = [type(layer).__name__ for layer in model.layers]
    assert layers == [type(layer).__name__ for layer in trainer.build(book).layers]
    same = ("optimizer", "learning_rate", "batch_size", "judged_by", "steps_per_epoch")
    assert [getattr(half, name) for name in same] == [getattr(book, name) for name in same]


def test_a_copy_is_half_as_large_and_looks_the_same(try_copies, tmp_path):
    copies = tmp_path / "copies"
    copies.mkdir()
    try_copies.copy_at_half_size(str(tmp_path / "pictures"), copies)
    assert len(list(copies.iterdir())) == 20
    with (
        Image.open(copies / "dog.3.jpg") as copy,
        Image.open(tmp_path / "pictures" / "dog.3.jpg") as original,
    ):
        assert copy.size == (40, 30)
        assert np.asarray(copy).mean() == pytest.approx(np.asarray(original).mean(), abs=2)


def test_every_seed_is_trained_once_on_either_and_not_again(try_copies, tmp_path, monkeypatch):
    pictures = str(tmp_path / "pictures")
    try_copies.main(["--seeds", "0-1", "--data-dir", pictures])
    pairs = recorded.read_copies(tmp_path)
    assert pairs[["pictures", "seed"]].to_numpy().tolist() == [
        ["originals", 0], ["copies", 0], ["originals", 1], ["copies", 1],
    ]  # fmt: skip
    originals, copies = (pairs[pairs["pictures"] == kind] for kind in ("originals", "copies"))
    assert set(originals["data_sha256"]).isdisjoint(copies["data_sha256"])
    assert set(originals["data_note"]) == {"source pictures are all 80x60"}
    assert set(copies["data_note"]) == {"source pictures are all 40x30"}

    monkeypatch.setattr(trainer, "train", lambda *_, **__: pytest.fail("trained again"))
    try_copies.main(["--seeds", "0-1", "--data-dir", pictures])


def test_what_copies_change_is_told_seed_by_seed():
    pairs = pd.DataFrame(
        {
            "pictures": ["originals", "copies"] * 2,
            "seed": [0, 0, 1, 1],
            "val_accuracy": [0.70, 0.71, 0.72, 0.71],
            "test_accuracy": [0.70, 0.72, 0.71, 0.72],
        }
    )
    validation, test = experiments.copies(pairs).splitlines()[2:]
    assert (
        "| validation accuracy | 2 | 71.00% | 71.00% | +0.00 points (-1.00 to +1.00)" in validation
    )
    assert "| test accuracy | 2 | 70.50% | 72.00% | +1.50 points (+1.00 to +2.00)" in test
    assert experiments.copies(pairs.iloc[:0]) == "No such run yet."
