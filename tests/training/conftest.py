"""A run of two epochs on the embedded digits, which all tests of training share."""

import pytest


@pytest.fixture(scope="session")
def run(train_once):
    """The run of seed 4 after two epochs; copy it before changing anything in it."""
    return train_once("digits-seed-4", dataset="digits", epochs=2, seed=4)


@pytest.fixture(scope="session")
def curve():
    """A function that returns the learning curve of a run, without the times."""
    return lambda run: run.history.drop(columns="seconds").to_dict("records")
