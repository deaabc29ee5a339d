import pytest
from small_runs import DIGITS, SMALL


@pytest.fixture(scope="session")
def alone(train_once):
    """Three epochs on one device; all workers share them."""
    return train_once("alone", epochs=3, **SMALL)


@pytest.fixture(scope="session")
def run(train_once):
    """Two epochs on the digits; all workers share them: copy them before changing anything."""
    return train_once("digits-seed-4", seed=4, **DIGITS)
