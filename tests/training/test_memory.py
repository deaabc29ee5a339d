"""Memory does not grow with the number of images: they are decoded and trained from a file."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from pets import jpeg

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
CHILD = """
import re, sys
from pathlib import Path

import keras

from chollet_cnn import data
from chollet_cnn.training import loop, seeding

archive, count = sys.argv[1], int(sys.argv[2])  # of each class
ends = (0, count * 8 // 10, count * 9 // 10, count)
splits = {name: ends[i : i + 2] for i, name in enumerate(("train", "validation", "test"))}
images = data.load_dataset("cats-vs-dogs", archive, image_size=(64, 64), splits=splits)
model = keras.Sequential([
    keras.Input((64, 64, 3)),
    keras.layers.Rescaling(1 / 255),
    keras.layers.Conv2D(4, 3),
    keras.layers.GlobalAveragePooling2D(),
    keras.layers.Dense(1, "sigmoid"),
])
steps = loop.compile_steps(model, keras.optimizers.RMSprop())
evaluate = loop.evaluation(steps.evaluate, images.validation)
feed = loop.feed_from(images.train.images, images.train.labels)
loop.run_epoch(steps.train, feed, seeding.batches(0, 0, len(images.train), 32))
evaluate()
peak = re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]
print(len(images.train), int(peak) / 1024)
"""


def peak_of(count, folder):
    """Return the MiB that training on ``count`` images of each class takes at most."""
    archive = folder / f"{count}.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for kind in ("cat", "dog"):
            contents = [jpeg(kind, number) for number in range(8)]
            for number in range(count):
                file.writestr(f"train/{kind}.{number}.jpg", contents[number % 8])
    variables = {"PYTHONPATH": str(ROOT), "CHOLLET_CNN_CACHE": str(folder / "cache")}
    told = subprocess.run(
        [sys.executable, "-c", CHILD, archive, str(count)],
        env=os.environ | variables, capture_output=True, text=True, check=True,
    )  # fmt: skip
    trained, peak = told.stdout.split()
    assert int(trained) == count * 16 // 10
    return float(peak)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux tells the peak")
def test_twelve_times_the_images_take_no_more_memory(tmp_path):
    few, all_of_them = peak_of(1_000, tmp_path), peak_of(12_500, tmp_path)
    decoded = 25_000 * 64 * 64 * 3 / 2**20
    assert decoded > 0.2 * few  # so that it would be seen if they were in memory
    assert all_of_them < 1.1 * few
