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
from chollet_cnn.concepts.kernels import GALLERY, gaussian_kernel, mean_kernel

SIDE_BY_SIDE = np.tile([0, 0, 0, 0, 100, 100, 100], (7, 1))  # one vertical edge
PICTURE = normal(0, 20, 24)


@pytest.mark.parametrize(
    ("kernel", "times"),
    [(mean_kernel(3), 1), (mean_kernel(4), 1), (gaussian_kernel(5, 1.3), 1), (kernels.SHARPEN, 1),
     (kernels.IDENTITY, 1), (kernels.EDGE, 0), (kernels.LAPLACE, 0), (kernels.SOBEL_VERTICAL, 0),
     (kernels.SOBEL_HORIZONTAL, 0)],
)  # fmt: skip
def test_an_even_picture_stays_as_it_is_or_gives_zero(kernel, times):
    even = np.full((7, 7), 200)
    np.testing.assert_allclose(cross_correlate2d(even, kernel), 200 * times, rtol=1e-12)


def test_each_sobel_kernel_answers_its_own_edges_and_ignores_the_others():
    for kernel, seen in (
        (kernels.SOBEL_VERTICAL, SIDE_BY_SIDE),
        (kernels.SOBEL_HORIZONTAL, SIDE_BY_SIDE.T),
    ):
        # Brighter to the right, or downwards: positive, (1 + 2 + 1) * 100.
        assert np.unique(cross_correlate2d(seen, kernel)).tolist() == [0, 400]
        assert not cross_correlate2d(seen.T, kernel).any()


@pytest.mark.parametrize(
    ("kernel", "theirs"),
    [
        (4 * kernels.IDENTITY, lambda picture: 4 * picture),
        (kernels.LAPLACE, scipy.ndimage.laplace),
        (kernels.SHARPEN, lambda picture: picture - scipy.ndimage.laplace(picture)),
        (kernels.SOBEL_HORIZONTAL / 4, skimage.filters.sobel_h),  # scikit-image divides by 4
        (kernels.SOBEL_VERTICAL / 4, skimage.filters.sobel_v),
    ],
)
def test_a_kernel_is_that_of_scipy_or_scikit_image(kernel, theirs):
    expected = theirs(PICTURE)[1:-1, 1:-1]
    np.testing.assert_allclose(cross_correlate2d(PICTURE, kernel), expected, atol=1e-12)


def test_the_laplace_kernel_ignores_an_even_slope():
    slope = np.add.outer(3 * np.arange(7), 5 * np.arange(7))
    assert not cross_correlate2d(slope, kernels.LAPLACE).any()


@pytest.mark.parametrize("name", GALLERY)
def test_only_the_sobel_kernels_tell_convolution_from_cross_correlation(name):
    kernel = GALLERY[name]
    same = np.allclose(convolve2d(PICTURE, kernel), cross_correlate2d(PICTURE, kernel))
    assert same == (not name.startswith("Sobel"))
    with pytest.raises(ValueError, match="read-only"):  # nobody changes it for everybody
        kernel[0, 0] = 7


@some
@given(st.integers(0, 6), st.floats(0.1, 100), seeds)
def test_the_two_blurs_are_scipys(radius, sigma, seed):
    size, picture = 2 * radius + 1, normal(seed, 15, 16)
    inside = np.s_[radius : 15 - radius, radius : 16 - radius]
    mean = scipy.ndimage.uniform_filter(picture, size)
    bell = scipy.ndimage.gaussian_filter(picture, sigma, radius=radius)
    for kernel, blurred in ((mean_kernel(size), mean), (gaussian_kernel(size, sigma), bell)):
        np.testing.assert_allclose(cross_correlate2d(picture, kernel), blurred[inside], atol=1e-12)


def test_a_gaussian_narrower_than_a_cell_leaves_the_nearest_cells():
    for sigma in (1e-3, 1e-170, 5e-324):  # the square of the last two is 0
        np.testing.assert_array_equal(gaussian_kernel(3, sigma), kernels.IDENTITY)
    np.testing.assert_allclose(gaussian_kernel(2, 1e-3), np.full((2, 2), 0.25))
