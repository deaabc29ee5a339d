"""The whole way in one sitting: train on the embedded digits, look inside, see where it looked.

    python scripts/from_train_to_heatmap.py FOLDER

The cells are as one would run them in a notebook, where each figure shows itself.
"""

# %% Where the run and the figures go
import sys
from pathlib import Path

from chollet_cnn.data import digits
from chollet_cnn.training.trainer import train_network

folder = Path(sys.argv[1] if len(sys.argv) > 1 else "from-train-to-heatmap")

# %% Train the three-block network for a few epochs on scikit-learn's small digits
run = train_network(dataset="digits", epochs=8, out=folder, overwrite=True, quiet=False)
model = run.load_model()

# %% How it learned
# ruff: noqa: E402, training has started Keras, without the notes that TensorFlow would print here
from chollet_cnn.analysis import activations, heatmaps, learning_curves, receptive_fields

curve = learning_curves.plot_learning_curve(run.history, monitored="test")
curve.savefig(folder / "learning-curve.png", dpi=150)

# %% What the first layer makes of a digit
picture = digits.load().test.images[3]
maps = activations.compute_activations(model, picture)
first = next(iter(maps))
mosaic = activations.plot_activations(maps[first][0], first)
mosaic.savefig(folder / "feature-maps.png", dpi=150)

# %% Where it looked
place = receptive_fields.cell_grid_of(model)
heats = {
    "Grad-CAM": place.resize_to_image(heatmaps.compute_grad_cam(model, picture), picture.shape[:2]),
    "occlusion": heatmaps.compute_occlusion(model, picture),
}
answer = run.config["classes"][heatmaps.predicted_class(model, picture)]
heatmap = heatmaps.plot_heatmaps(picture, heats, title=f"Why it says {answer}")
heatmap.savefig(folder / "heatmap.png", dpi=150)
print(f"It says {answer}; the figures are in {folder}")
