"""Receptive fields: which pixels the units of a layer see, and where its cells are in the image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import keras
import numpy as np
from scipy.ndimage import map_coordinates

from chollet_cnn.analysis.model_graph import full_name, last_feature_layer, walk
from chollet_cnn.concepts.geometry import padding_amounts


class Window(NamedTuple):
    """The window of a layer along one axis, in cells of its input."""

    size: int
    """From the first cell of the kernel to the last, the holes of a dilated kernel included."""
    stride: int
    padding: int
    """Cells that are added before the input."""


def windows_of(layer: keras.Layer, input_shape: tuple[int | None, ...]) -> list[Window] | None:
    """Return the windows of a layer along rows and columns, or None if it slides none.

    Args:
        layer: any layer, or a node of :mod:`keras.ops`.
        input_shape: ``(n, rows, columns, channels)``.
    """
    if type(layer).__name__ == "ZeroPadding2D":
        return [Window(1, 1, before) for before, _ in layer.padding]
    kernel = pair(getattr(layer, "kernel_size", None) or getattr(layer, "pool_size", None) or ())
    if len(kernel) != 2 or "Transpose" in type(layer).__name__ or not hasattr(layer, "strides"):
        return None
    holes, strides = pair(getattr(layer, "dilation_rate", 1)), pair(layer.strides or kernel)
    windows = []
    for cells, size, hole, stride in zip(input_shape[1:3], kernel, holes, strides, strict=True):
        wide = hole * (size - 1) + 1
        padding, _ = padding_amounts(cells or stride, wide, stride, layer.padding)
        windows.append(Window(wide, stride, padding))
    return windows


def pair(value: int | tuple[int, ...]) -> tuple[int, ...]:
    """Return a number for both axes as a pair; layers have pairs, nodes of keras.ops may not."""
    return (value, value) if isinstance(value, int) else tuple(value)


class SeenPixels(NamedTuple):
    """The first and the last pixel that each unit of a layer sees along one axis."""

    first: np.ndarray
    last: np.ndarray
    jump: int
    """Pixels from what one unit sees to what the next one sees."""

    @property
    def size(self) -> int:
        """The largest number of pixels that a unit sees."""
        return int((self.last - self.first).max()) + 1

    def through(self, window: Window, count: int) -> SeenPixels:
        """Return what the units of the next layer see; padding shows nothing."""
        start = window.stride * np.arange(count) - window.padding
        first = self.first.take(start, mode="clip")
        last = self.last.take(start + window.size - 1, mode="clip")
        return SeenPixels(first, last, self.jump * window.stride)


@dataclass(frozen=True)
class CellGrid:
    """The centres of the cells of a layer's feature maps, in pixels of the image, from 0.

    A convolution without padding loses the border, so its feature maps show less than the whole
    image. If they were resized to all of it, a heatmap would be beside what caused it.
    """

    row: float
    """The centre of the first row of cells."""
    column: float
    row_step: float
    """From the centre of one row to that of the next."""
    column_step: float
    image_size: tuple[int, int] | None = None
    """Height and width of the image, if it is a certain one."""

    def resize_to_image(self, heatmap: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """Resize a heatmap ``(rows, columns)`` to an image of that height and width.

        Between the centres of cells values are interpolated linearly; beyond the outermost centres
        they are constant.

        Raises:
            ValueError: the image has another size than the one that the grid belongs to.
        """
        if self.image_size not in (None, size):
            (height, width), (other_height, other_width) = self.image_size, size
            raise ValueError(
                f"the heatmap is one of an image of {width}×{height} pixels, and this one has "
                f"{other_width}×{other_height}; draw it over the image that it was computed for"
            )
        rows = (np.arange(size[0]) - self.row) / self.row_step
        columns = (np.arange(size[1]) - self.column) / self.column_step
        where = np.meshgrid(rows, columns, indexing="ij")
        return map_coordinates(np.asarray(heatmap, float), where, order=1, mode="nearest")


class CellHeatmap(np.ndarray):
    """A heatmap ``(rows, columns)`` of a layer's cells that knows where they are in the image."""

    grid: CellGrid | None = None
    """The place of the cells; None after an operation that changed the shape."""

    def __array_finalize__(self, source: object) -> None:
        """Keep the grid of the array that this one was computed from."""
        if getattr(source, "shape", None) == self.shape:
            self.grid = getattr(source, "grid", None)

    def __array_wrap__(
        self, array: np.ndarray, context: object = None, return_scalar: bool = False
    ) -> np.ndarray | np.generic:
        """Return numbers, such as the maximum, as NumPy does for other arrays."""
        return array[()] if return_scalar else super().__array_wrap__(array, context)


def cell_grid_of(model: keras.Model, layer: str | None = None) -> CellGrid:
    """Return where the cells of a layer's feature maps are, from strides and paddings before it.

    Feature maps that are added or joined are taken to have one grid. A layer that slides no window
    and has another output size, such as UpSampling2D or Conv2DTranspose, is taken to stretch its
    input, where both sizes are known; a cropping to cut it.

    Args:
        model: the network.
        layer: the layer's name; by default the one that
            :func:`~chollet_cnn.analysis.heatmaps.compute_grad_cam` chooses.
    """
    name = last_feature_layer(model) if layer is None else full_name(model, layer)
    found = {}

    def visit(at: str, layer: keras.Layer, *args: object, **options: object) -> CellGrid:
        leaves = keras.tree.flatten([args, options])
        grid = next(leaf for leaf in leaves if isinstance(leaf, CellGrid))
        (down, row_step), (right, column_step) = _places(layer)
        grid = CellGrid(
            grid.row + down * grid.row_step,
            grid.column + right * grid.column_step,
            grid.row_step * row_step,
            grid.column_step * column_step,
        )
        found.setdefault(at, grid)  # of a layer that is used more than once, its first use
        return grid

    walk(model, CellGrid(0.0, 0.0, 1.0, 1.0), visit)
    return found[name]


def _places(layer: keras.Operation) -> list[tuple[float, float]]:
    """Return where a layer's first cell is in its input, and the step to the next, for both axes.

    Both are in cells of the input, counted between centres.
    """
    before, after = (tuple(getattr(at, "shape", ())) for at in (layer.input, layer.output))
    if windows := windows_of(layer, before):
        return [((window.size - 1) / 2 - window.padding, window.stride) for window in windows]
    if type(layer).__name__ == "Cropping2D":
        return [(cropped, 1) for cropped, _ in layer.cropping]
    if len(before) != 4 or len(after) != 4 or None in before[1:3] + after[1:3]:
        return [(0, 1)] * 2
    sizes = list(zip(before[1:3], after[1:3], strict=True))
    if type(layer).__name__ == "CenterCrop" and all(cells >= kept for cells, kept in sizes):
        return [((cells - kept) // 2, 1) for cells, kept in sizes]
    return [((cells / kept - 1) / 2, cells / kept) for cells, kept in sizes]
