"""Figures of kernels: sliding over an image, smoothing a signal, turned by 180 degrees."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from chollet_cnn.concepts.checks import as_array, cell_in, widened
from chollet_cnn.concepts.convolution import convolve1d, convolve2d, cross_correlate2d
from chollet_cnn.concepts.figures.images import PADLOCK
from chollet_cnn.concepts.kernels import SHARPEN
from chollet_cnn.concepts.pooling import max_pool2d
from chollet_cnn.drawing import sheet, style
from chollet_cnn.drawing.numbers import format_number, format_sum_of_products

LOPSIDED = np.array([[1, 2, 3], [4, 5, 6], [7, 8, 9]])
"""A kernel that is not symmetric, for which convolution and cross-correlation differ."""


def plot_sliding_kernel(
    image: np.ndarray | None = None,
    kernel: np.ndarray | None = None,
    stops: Sequence[tuple[int, int]] | None = None,
) -> Figure:
    """Draw a kernel at a few places of an image, and the sums computed so far.

    Args:
        image: a small grey image, about 5x5, 0 to 255 or 0 to 1; by default a corner of the
            padlock.
        kernel: a small square kernel; the sharpening one by default.
        stops: the ``(row, column)`` of the window's top left cell, in order; by default the first
            two places and the last.
    """
    image = as_array(PADLOCK[4:9, 4:9] if image is None else image, "image", (2,))
    kernel = as_array(SHARPEN if kernel is None else kernel, "kernel", (2,))
    result = cross_correlate2d(image, kernel)
    (rows, columns), (out_rows, out_columns) = image.shape, result.shape
    if stops is None:
        last = (out_rows - 1, out_columns - 1)
        stops = tuple(dict.fromkeys([(0, 0), (0, min(1, last[1])), last]))
    stops = [cell_in(stop, result.shape, "window") for stop in stops]
    gap = 0.9
    cell = min(0.5, (sheet.WIDTH - 2 * sheet.EDGE - gap) / (columns + out_columns))
    frame_height = rows * cell + 0.75
    figure = sheet.sheet(
        0.75 + len(stops) * frame_height,
        f"Multiply, add, move on: {rows} × {columns} pixels become {out_rows} × {out_columns} sums",
        "the small number under a pixel is the kernel's at that place",
    )
    for index, (row, column) in enumerate(stops):
        top = 0.75 + index * frame_height
        axes = sheet.place(figure, sheet.EDGE, top, columns * cell, rows * cell, f"image {index}")
        _draw_window(axes, image, kernel, (row, column))
        written = np.arange(result.size).reshape(result.shape) <= row * out_columns + column
        left = sheet.EDGE + columns * cell + gap
        middle = top + (rows - out_rows) * cell / 2
        axes = sheet.place(
            figure, left, middle, out_columns * cell, out_rows * cell, f"sums {index}"
        )
        limits = (result.min(), result.max())
        sheet.draw_grid(axes, np.where(written, result, np.nan), limits=limits)
        sheet.mark(axes, (row, column), (1, 1))
        arrow = {"ha": "center", "fontsize": 18, "color": style.GREY, "va": "center"}
        sheet.write(figure, left - gap / 2, top + rows * cell / 2, "→", **arrow)
        _write_sum(figure, top + rows * cell + 0.27, image, kernel, (row, column))
    return figure


def _draw_window(
    axes: Axes, image: np.ndarray, kernel: np.ndarray, corner: tuple[int, int]
) -> None:
    """Draw an image with the kernel on it: under each pixel the number it is multiplied by."""
    limits = sheet.grey_limits(image)
    sheet.draw_grid(axes, image, limits=limits)
    for (row, column), pixel in zip(np.ndindex(image.shape), axes.texts[:], strict=True):
        inside = (row - corner[0], column - corner[1])
        if all(0 <= i < n for i, n in zip(inside, kernel.shape, strict=True)):
            pixel.set_y(row - 0.17)
            axes.text(
                column, row + 0.25, f"× {format_number(kernel[inside])}", fontsize=sheet.SMALL,
                color=pixel.get_color(), ha="center", va="center_baseline",
            )  # fmt: skip
    sheet.mark(axes, corner, kernel.shape)


def _write_sum(
    figure: Figure, top: float, image: np.ndarray, kernel: np.ndarray, corner: tuple[int, int]
) -> None:
    """Write the products of one window that are not zero, and their sum."""
    row, column = corner
    window = image[row : row + kernel.shape[0], column : column + kernel.shape[1]]
    used = kernel != 0
    line = format_sum_of_products(kernel[used], window[used])
    line = f"{line} = {format_number((widened(window) * kernel).sum())}"
    sheet.write(figure, sheet.EDGE, top, line, color=style.ink(style.POINTED_AT), fontweight="bold")


def plot_sharpened_and_pooled(
    image: np.ndarray | None = None, block: tuple[int, int] | None = None
) -> Figure:
    """Draw the sharpened image and the result of 2x2 max pooling.

    Args:
        image: ``(height, width)``; the padlock by default.
        block: the cell ``(row, column)`` of the pooled map that is marked with its four numbers; by
            default that in row 1 and column 2, or as near as there is one.
    """
    image = as_array(PADLOCK if image is None else image, "image", (2,))
    response = cross_correlate2d(image, SHARPEN)
    pooled = max_pool2d(response)
    if block is None:
        block = (min(1, pooled.shape[0] - 1), min(2, pooled.shape[1] - 1))
    block = cell_in(block, pooled.shape, "block")
    (rows, columns), (small_rows, small_columns) = response.shape, pooled.shape
    lost = image.shape[0] - rows
    cell = (sheet.WIDTH - 2 * sheet.EDGE) / columns
    top = 0.95
    small_top = top + rows * cell + 0.35
    limits = (response.min(), response.max())
    figure = sheet.sheet(
        small_top + small_rows * cell + sheet.EDGE,
        f"The kernel costs {lost} rows and columns,\n"
        "pooling keeps the largest of every four numbers",
        f"one grey scale for both maps: black is {format_number(limits[0])}, "
        f"white is {format_number(limits[1])}",
    )
    size = min(sheet.BODY, 22 * cell)
    axes = sheet.place(figure, sheet.EDGE, top, columns * cell, rows * cell, "response")
    sheet.draw_grid(axes, response, limits=limits, fontsize=size)
    row, column = block
    sheet.mark(axes, (2 * row, 2 * column), (2, 2), width=3)
    axes = sheet.place(
        figure, sheet.EDGE, small_top, small_columns * cell, small_rows * cell, "pooled"
    )
    sheet.draw_grid(axes, pooled, limits=limits, fontsize=size)
    sheet.mark(axes, block, (1, 1), width=3)
    four = response[2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
    numbers = ", ".join(format_number(value) for value in four.flat)
    left = sheet.EDGE + small_columns * cell + 0.25
    shape = f"{image.shape[0]} × {image.shape[1]}"
    sizes = (
        f"{rows} × {columns} above, {small_rows} × {small_columns} here",
        f"of an image of {shape}",
    )
    largest = ("the largest of", numbers, f"is {format_number(pooled[block])}")
    for index, line in enumerate((*sizes, "", *largest)):
        options = {"color": style.ink(style.POINTED_AT), "fontweight": "bold"} if index > 2 else {}
        sheet.write(figure, left, small_top + 0.2 + 0.25 * index, line, **options)
    return figure


def plot_smoothed_signal(
    signal: np.ndarray | None = None, truth: np.ndarray | None = None, size: int = 15
) -> Figure:
    """Draw a noisy signal and the result of a mean kernel.

    Args:
        signal: ``(n,)``, measured with noise; two turns of a sine by default.
        truth: ``(n,)``, the signal without noise, if it is known.
        size: the number of neighbours that the kernel averages.
    """
    if signal is None:
        truth = np.sin(np.linspace(0, 4 * np.pi, 200))
        signal = truth + np.random.default_rng(0).normal(0, 0.3, 200)
    signal = as_array(signal, "signal", (1,))
    if not 1 <= size <= len(signal):
        raise ValueError(f"the size is from 1 to the signal's {len(signal)} numbers, not {size}")
    smooth = convolve1d(signal, np.full(size, 1 / size), mode="valid")
    first = (size - 1) // 2
    position = np.arange(len(signal))
    kept = position[first : first + len(smooth)]
    note = f"each point of the line is the mean of {size} dots; {size - 1} are lost at the ends"
    if truth is not None:
        truth = as_array(truth, "truth", (1,))
        before = np.sqrt(np.mean((widened(signal) - truth)[kept] ** 2))
        after = np.sqrt(np.mean((smooth - truth[kept]) ** 2))
        note += f"\ntypical distance from the truth: {before:.2f} before, {after:.2f} after"
    title = "The mean of neighbours removes the noise and keeps the wave"
    figure = sheet.panels(3.4, title, note)
    axes = style.plain_axes(figure.subplots())
    axes.plot(position, signal, "o", color=style.DATA, markersize=3, alpha=0.6, label="measured")
    if truth is not None:
        axes.plot(position, truth, "--", color=style.GREY, lw=1.6, label="without noise")
    axes.plot(kept, smooth, color=style.POINTED_AT, lw=2.4, label="smoothed")
    axes.set_xlabel("position", fontsize=sheet.BODY)
    axes.tick_params(labelsize=sheet.SMALL)
    axes.margins(x=0.01)
    options = {"loc": "lower left", "bbox_to_anchor": (-0.02, 1.0), "handlelength": 1.6}
    axes.legend(frameon=False, fontsize=sheet.BODY, ncols=3, **options)
    return figure


def plot_convolution_beside_correlation(kernel: np.ndarray | None = None) -> Figure:
    """Draw the convolution and the cross-correlation of one bright pixel.

    Args:
        kernel: a small kernel that is not symmetric; by default 1 to 9.
    """
    kernel = as_array(LOPSIDED if kernel is None else kernel, "kernel", (2,))
    image = np.pad([[1.0]], [(side - 1, side - 1) for side in kernel.shape])
    rows = (
        ("cross-correlation, as in Conv2D", "kernel", kernel, cross_correlate2d(image, kernel)),
        ("convolution", "kernel, turned", kernel[::-1, ::-1], convolve2d(image, kernel)),
    )
    columns = image.shape[1] + kernel.shape[1] + rows[0][3].shape[1]
    gap = 0.5
    cell = (sheet.WIDTH - 2 * sheet.EDGE - 2 * gap) / columns
    height = image.shape[0] * cell + 0.7
    figure = sheet.sheet(
        0.7 + 2 * height,
        "Convolution gives the kernel back, cross-correlation gives it turned",
        "by 180°: follow the framed cell; on a kernel that the turn leaves unchanged the two agree",
    )
    for index, (name, kernel_name, laid, result) in enumerate(rows):
        top = 1.2 + index * height
        sheet.write(figure, sheet.EDGE, top - 0.3, name, fontweight="bold")
        left = sheet.EDGE
        for label, sign, values in (
            ("image", "", image),
            (kernel_name, "⋆", laid),  # a convolution is this with the kernel turned
            ("result", "=", result),
        ):
            if sign:
                middle = top + image.shape[0] * cell / 2
                size = 40 if sign == "⋆" else 22  # it is drawn small
                options = {"ha": "center", "va": "center", "fontsize": size, "color": style.GREY}
                sheet.write(figure, left + gap / 2, middle, sign, **options)
                left += gap
            width, tall = values.shape[1] * cell, values.shape[0] * cell
            down = top + (image.shape[0] * cell - tall) / 2
            axes = sheet.place(figure, left, down, width, tall, f"{label} {index}")
            shades = 1 - 0.4 * np.clip(values / max(values.max(), 1), 0, 1)
            sheet.draw_grid(axes, values, fills=np.repeat(shades[..., None], 3, axis=2))
            if values is not image:
                sheet.write(figure, left, down - 0.08, label, color=style.GREY)
                first = (0, 0) if (values is laid) != bool(index) else (-1, -1)
                sheet.mark(axes, [i % n for i, n in zip(first, values.shape, strict=True)], (1, 1))
            left += width
    return figure
