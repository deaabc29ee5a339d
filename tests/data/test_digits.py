import numpy as np
from sklearn.datasets import load_digits

from chollet_cnn.data import digits, load_dataset


def test_the_embedded_digits_never_pass_for_mnist():
    dataset = load_dataset("digits")
    assert dataset.title == dataset.fingerprint["dataset"] == "digits (embedded)"
    assert dataset.name == "digits"


def test_all_1797_digits_are_used_once_and_a_fifth_of_each_class_for_the_test():
    dataset = load_dataset("digits")
    # The class counts of the UCI test set, as its description lists them.
    expected = [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    tested = np.bincount(dataset.test.labels)
    assert (np.bincount(dataset.train.labels) + tested).tolist() == expected
    assert tested.tolist() == [count // 5 for count in expected]


def test_the_fifth_zero_is_in_the_test_and_the_first_four_are_not():
    source = load_digits()
    zeros = source.images[source.target == 0]
    dataset = load_dataset("digits")
    first_test_zero = dataset.test.images[dataset.test.labels == 0][0, ..., 0]
    assert np.array_equal(first_test_zero, digits.enlarge(zeros[4]))


def test_a_digit_fills_the_middle_20_by_20_of_28_by_28_as_in_mnist():
    images = load_dataset("digits").train.images
    assert (images.shape[1:], images.dtype) == ((28, 28, 1), np.uint8)
    images[:, 4:24, 4:24] = 0
    assert not images.any()
    assert digits.enlarge(np.full((8, 8), 16.0)).sum() == 20 * 20 * 255


def test_every_load_gives_the_same_pictures():
    one, other = load_dataset("digits"), load_dataset("digits")
    assert np.array_equal(one.train.images, other.train.images)
    assert len({one, other, one.train, other.train}) == 4  # arrays cannot be compared as a whole
    assert one.fingerprint == other.fingerprint
    assert len(one.fingerprint["sha256"]) == 64
