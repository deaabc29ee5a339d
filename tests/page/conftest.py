"""One page for all tests, made from runs of which some are broken, ill-meant or unusual."""

import pytest

from chollet_cnn import report as command
from chollet_cnn.page import build, trained_model
from chollet_cnn.training import runs, trainer

HOSTILE = r"<img src=x onerror=alert(1)> $\x_1$"


def plain_network(size=24):
    """Return a small network for photographs."""
    import keras
    from keras import layers

    return keras.Sequential(
        [
            keras.Input((size, size, 3)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(4, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(6, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(1, activation="sigmoid"),
        ]
    )


def branching_network(size=24):
    """Return a network with a branch and a layer that the layer table does not know."""
    import keras
    from keras import layers

    image = keras.Input((size, size, 3))
    start = layers.Conv2D(4, 3, padding="same", activation="relu")(layers.Rescaling(1 / 255)(image))
    branch = layers.LayerNormalization()(layers.Conv2D(4, 3, padding="same")(start))
    pooled = layers.GlobalAveragePooling2D()(layers.Add()([start, branch]))
    return keras.Model(image, layers.Dense(1, activation="sigmoid")(pooled))


def dense_network(size=24):
    """Return a network without a convolution."""
    import keras
    from keras import layers

    return keras.Sequential(
        [
            keras.Input((size, size, 3)),
            layers.Rescaling(1 / 255),
            layers.Flatten(),
            layers.Dense(1, activation="sigmoid"),
        ]
    )


def write_run(path, title, recipe, classes=("cat", "dog"), network=plain_network, size=24):
    """Write the run of a network for photographs that was never trained."""
    model = network(size)
    settings = {
        "dataset": "cats-vs-dogs",
        "epochs": 1,
        "data_options": {"image_size": [size, size], "resize": "bilinear"},
    }
    runs.begin(
        path,
        {"recipe": recipe, "title": title, "seed": 0, "dataset": "cats vs dogs", "changed": {},
         "classes": list(classes), "watched": "validation set", "settings": settings},
    )  # fmt: skip
    runs.write_json(
        path / "environment.json",
        {"device": "cpu", "processor": HOSTILE, "device_name": "CPU", "backend": "tensorflow",
         "data": {"sha256": "of no pictures that are here"}},
    )  # fmt: skip
    row = {"epoch": 1, "loss": 0.7, "accuracy": 0.5, "val_loss": 0.7, "val_accuracy": 0.5}
    runs.write_history(path, [row | {"seconds": 1.0}])
    runs.finish(
        path,
        model,
        {"test_accuracy": 0.5, "test_pictures": 1000, "parameters": model.count_params(),
         "epochs": 1, "train_seconds": 1.0, "published": None, "dataset": "cats vs dogs"},
    )  # fmt: skip
    return path


@pytest.fixture(scope="session")
def digits_run(tmp_path_factory):
    return trainer.train_network(
        dataset="digits", epochs=2, out=tmp_path_factory.mktemp("digits")
    ).path


@pytest.fixture(scope="session")
def hostile_run(tmp_path_factory):
    path = tmp_path_factory.mktemp("hostile") / HOSTILE.replace("/", "")
    return write_run(path, HOSTILE, "hostile", classes=(HOSTILE, "dog"))


@pytest.fixture(scope="session")
def made(digits_run, hostile_run, tmp_path_factory):
    """The page of a run on the embedded digits, of ill-meant and unusual ones, and of no run."""
    folder = tmp_path_factory.mktemp("page")
    branching = write_run(folder / "branching", "Branching", "branching", network=branching_network)
    dense = write_run(folder / "dense", "Dense", "dense", network=dense_network)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CHOLLET_CNN_DATA", str(tmp_path_factory.mktemp("no-data")))
        return build.write_report(
            [digits_run, hostile_run, branching, dense, "no-such-run"], out=folder / "report"
        )


@pytest.fixture(scope="session")
def without_runs(tmp_path_factory):
    """The folder that the command fills where no run is finished, with figures as PDF."""
    folder = tmp_path_factory.mktemp("without-runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert command.main(["--format", "pdf", "--dpi", "200", "--width", "5"]) == 0
    return folder / "report"


@pytest.fixture(scope="session")
def html(made):
    return made.path.read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def chapters(made):
    return {chapter.slug: chapter for chapter in made.chapters}


@pytest.fixture(scope="session")
def digits_model(digits_run):
    return trained_model.read(digits_run)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    import chromium  # skips where selenium is not installed

    browser = chromium.start(tmp_path_factory.mktemp("browser"))
    yield browser
    browser.quit()
