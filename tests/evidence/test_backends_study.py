"""Backends are compared number by number, and only where they were measured."""

import json

import compare_backends
import numpy as np
import pandas as pd
import pytest
from rows import runs_of

from chollet_cnn.errors import UserError
from chollet_cnn.evidence import records
from chollet_cnn.evidence.studies import backends

RECIPE = backends.RECIPES[0]


def observed(backend, order="b", forward=0.0, weights=0.0, loss=0.0):
    facts = {"starting weights": "a", "batch order": order, "machine": "m"}
    facts["versions"] = f"keras 3.15.1, {backend} 1.2, numpy 2.4.6"
    return {
        "forward": np.array([[0.25, 0.75 + forward]]),
        "weights": np.array([1.0, 2.0 - weights]),
        "losses": np.linspace(2, 1, 250) + loss * (np.arange(250) == 200),
        "facts": np.array(json.dumps(facts)),
    }


@pytest.fixture
def folder(tmp_path):
    """A results folder with three runs on TensorFlow and two on JAX, and others on a GPU."""
    tables = [
        runs_of(RECIPE, [0.99, 0.98, 0.97]),
        runs_of(RECIPE, [0.992, 0.981], backend="jax"),
        runs_of(RECIPE, [0.5, 0.5, 0.5], device="gpu"),
    ]
    pd.concat(tables).to_csv(tmp_path / "runs.csv", index=False)
    return tmp_path


def test_what_differs_is_measured_against_tensorflow(folder):
    other = observed("jax", "c", forward=0.125, weights=0.5, loss=-0.25)
    table = compare_backends.compare({"tensorflow": observed("tensorflow"), "jax": other})
    table.to_csv(folder / backends.TABLE, index=False)
    found = backends.measure(records.read(folder))
    ours, theirs = found["differences"].to_dict("records")
    assert set(ours.values()) == {"TensorFlow", "every bit", "0.0e+00"}
    assert theirs == {
        "backend": "JAX", "starting weights": "every bit", "batch order": "other bits",
        "forward pass": "1.2e-01", "one step": "5.0e-01", "loss of a step": "2.5e-01",
    }  # fmt: skip
    assert found["losses"]["step"].tolist() == ["0", "100", "200"]
    assert (found["last_step"], found["versions"]) == (200, "TensorFlow 1.2, JAX 1.2")


def test_a_backend_that_cannot_be_trained_is_named(tmp_path):
    python = tmp_path / "no-python"
    with pytest.raises(UserError, match=r"tensorflow was not trained by .*no-python.*--python"):
        compare_backends.main(["--python", f"tensorflow={python}", "--results", str(tmp_path)])


def test_accuracies_are_compared_seed_by_seed_and_what_is_missing_is_named(folder):
    found = backends.measure(records.read(folder))
    assert found["missing"] == ["PyTorch"]
    assert found["accuracies"][["backend", "pairs", "difference"]].to_numpy().tolist() == [
        ["JAX", "2", "+0.15 points"]
    ]
    assert "differences" not in found
