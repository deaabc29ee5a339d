"""The whole way in one sitting: train on the embedded digits, look inside, see where it looked.

    python scripts/from_train_to_heatmap.py FOLDER

The cells are as one would run them in a notebook, where each figure shows itself.
"""

# %% Where the run and the figures go
import argparse
from pathlib import Path

import chollet_cnn as cc

parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
parser.add_argument("folder", nargs="?", type=Path, default=Path("from-train-to-heatmap"))
folder = parser.parse_args().folder

# %% Train the three-block network for a few epochs on scikit-learn's small digits
run = cc.train_network(dataset="digits", epochs=8, out=folder, overwrite=True, quiet=False)
model = run.load_model()

# %% How it learned
curve = cc.plot_learning_curve(run.history)
curve.savefig(folder / "learning-curve.png", dpi=150)

# %% What the first layer makes of a digit
image = run.test_data()[0][3]
layer, maps = next(iter(cc.compute_activations(model, image).items()))
cc.plot_activations(maps[0], layer).savefig(folder / "feature-maps.png", dpi=150)

# %% Where it looked
heatmaps = {
    "Grad-CAM": cc.compute_grad_cam(model, image),
    "occlusion": cc.compute_occlusion(model, image),
}
answer = model.predict(image[None], verbose=0).argmax()
figure = cc.plot_heatmaps(image, heatmaps, title=f"Why it says {answer}")
figure.savefig(folder / "heatmap.png", dpi=150)
print(f"It says {answer}; the figures are in {folder}")
