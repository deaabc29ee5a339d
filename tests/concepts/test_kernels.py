"""Each kernel answers to what it says and ignores what it says."""

import numpy as np
import pytest
import scipy.ndimage
import skimage.filters
from examples import normal, seeds, some
from hypothesis import given
from hypothesis import strategies as st

from chollet_cnn.concepts import kernels
from chollet_cnn.concepts.convolution import convolve2d, cross_correlate2d

EVEN = np.full((7, 7), 200)
SIDE_BY_SIDE = np.tile([0, 0, 0, 0, 100, 100, 100], (7, 1))  # one vertical edge
PICTURE = normal(0, 20, 24)


def test_the_identity_changes_nothing():
    np.testing.assert_array_equal(
        cross_correlate2d(PICTURE, kernels.IDENTITY, padding="same"), PICTURE
    )


@pytest.mark.parametrize(
    "kernel",
    [
        kernels.mean_kernel(3),
        kernels.mean_kernel(4),
        kernels.gaussian_kernel(5, 1.3),
        kernels.SHARPEN,
        kernels.IDENTITY,
    ],
    ids=["mean 3", "mean 4", "Gaussian", "sharpen", "identity"],
)
def test_an_even_picture_stays_as_it_is(kernel):
    np.testing.assert_allclose(cross_correlate2d(EVEN, kernel), 200, rtol=1e-12)


@pytest.mark.parametrize("name", ["EDGE", "LAPLACE", "SOBEL_HORIZONTAL", "SOBEL_VERTICAL"])
def test_an_edge_kernel_gives_zero_on_an_even_picture(name):
    assert not cross_correlate2d(EVEN, getattr(kernels, name)).any()


def test_each_sobel_kernel_answers_its_own_edges_and_ignores_the_others():
    vertical, horizontal = SIDE_BY_SIDE, SIDE_BY_SIDE.T
    # Brighter to the right, or downwards: positive, (1 + 2 + 1) * 100.
    assert cross_correlate2d(vertical, kernels.SOBEL_VERTICAL).max() == 400
    assert cross_correlate2d(horizontal, kernels.SOBEL_HORIZONTAL).max() == 400
    assert cross_correlate2d(vertical, kernels.SOBEL_VERTICAL).min() == 0
    assert not cross_correlate2d(vertical, kernels.SOBEL_HORIZONTAL).any()
    assert not cross_correlate2d(horizontal, kernels.SOBEL_VERTICAL).any()


def test_the_sobel_kernels_are_scikit_images():
    # scikit-image divides by 4.
    for kernel, theirs in [
        (kernels.SOBEL_HORIZONTAL, skimage.filters.sobel_h),
        (kernels.SOBEL_VERTICAL, skimage.filters.sobel_v),
    ]:
        np.testing.assert_allclose(
            cross_correlate2d(PICTURE, kernel) / 4, theirs(PICTURE)[1:-1, 1:-1], atol=1e-12
        )


def test_the_laplace_kernel_is_scipys_and_ignores_an_even_slope():
    np.testing.assert_allclose(
        cross_correlate2d(PICTURE, kernels.LAPLACE),
        scipy.ndimage.laplace(PICTURE)[1:-1, 1:-1],
        atol=1e-12,
    )
    slope = np.add.outer(3 * np.arange(7), 5 * np.arange(7))
    assert not cross_correlate2d(slope, kernels.LAPLACE).any()


def test_sharpening_takes_the_laplace_away():
    np.testing.assert_array_equal(kernels.SHARPEN, kernels.IDENTITY - kernels.LAPLACE)


@pytest.mark.parametrize("name", kernels.GALLERY)
def test_only_the_sobel_kernels_tell_convolution_from_cross_correlation(name):
    kernel = kernels.GALLERY[name]
    same = np.allclose(convolve2d(PICTURE, kernel), cross_correlate2d(PICTURE, kernel))
    assert same == (not name.startswith("Sobel"))
    with pytest.raises(ValueError, match="read-only"):  # nobody changes it for everybody
        kernel[0, 0] = 7


@some
@given(st.integers(0, 6), st.floats(0.1, 100), seeds)
def test_the_two_blurs_are_scipys(radius, sigma, seed):
    size, picture = 2 * radius + 1, normal(seed, 15, 16)
    inside = np.s_[radius : 15 - radius, radius : 16 - radius]
    for kernel, blurred in (
        (kernels.mean_kernel(size), scipy.ndimage.uniform_filter(picture, size)),
        (
            kernels.gaussian_kernel(size, sigma),
            scipy.ndimage.gaussian_filter(picture, sigma, radius=radius),
        ),
    ):
        np.testing.assert_allclose(cross_correlate2d(picture, kernel), blurred[inside], atol=1e-12)


def test_a_gaussian_narrower_than_a_cell_leaves_the_nearest_cells():
    for sigma in (1e-3, 1e-170, 5e-324):  # the square of the last two is 0
        np.testing.assert_array_equal(kernels.gaussian_kernel(3, sigma), kernels.IDENTITY)
    np.testing.assert_allclose(kernels.gaussian_kernel(2, 1e-3), np.full((2, 2), 0.25))


@pytest.mark.parametrize("size", [0, -3, 2.5])
def test_a_kernel_needs_a_size(size):
    for make in (kernels.mean_kernel, lambda size: kernels.gaussian_kernel(size, 1.0)):
        with pytest.raises(ValueError, match="size of the kernel must be a whole number of at le"):
            make(size)


@pytest.mark.parametrize("sigma", [0, -1, np.nan, np.inf, "a", None])
def test_sigma_is_above_zero(sigma):
    with pytest.raises(ValueError, match="sigma is a distance in cells and must be above 0"):
        kernels.gaussian_kernel(3, sigma)
