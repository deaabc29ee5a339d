from .analysis.activations import compute_activations, plot_activations
from .analysis.answers import Answer, plot_prediction
from .analysis.filters import first_kernels, plot_kernels
from .analysis.heatmaps import compute_grad_cam, compute_occlusion, plot_heatmaps
from .analysis.layer_table import list_layers
from .analysis.learning_curves import plot_learning_curve
from .analysis.model_graph import UnsupportedModelError
from .book.recipe_table import list_recipes
from .data import Dataset, load_dataset
from .errors import UserError
from .page.build import write_report
from .predict import predict_images
from .training.devices import start_keras
from .training.runs import Run, load_run
from .training.trainer import train_network

__all__ = [
    "Answer",
    "Dataset",
    "Run",
    "UnsupportedModelError",
    "UserError",
    "compute_activations",
    "compute_grad_cam",
    "compute_occlusion",
    "first_kernels",
    "list_layers",
    "list_recipes",
    "load_dataset",
    "load_run",
    "plot_activations",
    "plot_heatmaps",
    "plot_kernels",
    "plot_learning_curve",
    "plot_prediction",
    "predict_images",
    "start_keras",
    "train_network",
    "write_report",
]
__version__: str
