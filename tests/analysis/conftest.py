"""The networks of the book, for the tests of what is listed and drawn of any network."""

import pytest

from chollet_cnn.book import networks

NAMES = [name for name in dir(networks) if name.startswith(("mnist_", "cats_vs_dogs_"))]
AUGMENTED = [f"{name} augmented" for name in NAMES if name.startswith("cats")]


@pytest.fixture(scope="session", params=NAMES + AUGMENTED)
def book_network(request):
    options = {"augmentation": True, "dropout": 0.5} if "augmented" in request.param else {}
    return getattr(networks, request.param.split()[0])(**options)
