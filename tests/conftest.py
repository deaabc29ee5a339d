"""What every test can rely on: caches of its own, and the real data sets where they are present."""

import os
from pathlib import Path

import pytest

from chollet_cnn.data import archives, mnist
from chollet_cnn.errors import UserError


@pytest.fixture(scope="session", autouse=True)
def own_caches(tmp_path_factory):
    """Keep the caches of whoever runs the tests out of them; CHOLLET_CNN_DATA stays as it is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERAS_HOME", str(tmp_path_factory.mktemp("keras")))
        patch.setenv("CHOLLET_CNN_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def data_folder():
    folder = os.environ.get("CHOLLET_CNN_DATA")
    if not folder:
        pytest.skip("CHOLLET_CNN_DATA does not name a folder with the real data")
    return Path(folder)


@pytest.fixture(scope="session")
def real_mnist_dir(data_folder):
    if not mnist.find_in(data_folder):
        pytest.skip(f"MNIST is not in {data_folder}")
    return data_folder


@pytest.fixture(scope="session")
def real_mnist_run(real_mnist_dir, tmp_path_factory):
    """The three-block network after one epoch on real MNIST."""
    from chollet_cnn.training import trainer

    out = tmp_path_factory.mktemp("real-runs")
    return trainer.train(dataset="mnist", data_dir=real_mnist_dir, epochs=1, out=out)


@pytest.fixture(scope="session")
def real_cats_dir(data_folder, own_caches):
    try:
        archives.find(data_folder)
    except UserError:
        pytest.skip(f"no cats and dogs are in {data_folder}")
    return data_folder


@pytest.fixture(scope="session")
def noisy_pets():
    """A writer of pictures, dark noise as cats and light noise as dogs: ``(folder, count, size)``.

    A network can tell them apart at once, and training on them is short.
    """
    import numpy as np
    from PIL import Image

    def write(folder, count, size):
        random = np.random.default_rng(0)
        for number in range(count):
            for name, level in (("cat", 90), ("dog", 160)):
                pixels = random.normal(level, 40, (*size, 3)).clip(0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(folder / f"{name}.{number}.jpg")

    return write
