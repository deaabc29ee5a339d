import pytest
from divided import SMALL


@pytest.fixture(scope="session")
def alone(train_once):
    """Three epochs on one device; all workers share them."""
    return train_once("alone", epochs=3, **SMALL)
