import numpy as np
from sklearn.datasets import load_digits

from chollet_cnn.data import digits, load_dataset


def test_the_embedded_digits_never_pass_for_mnist():
    dataset = load_dataset("digits")
    assert dataset.title == "digits (embedded)"
    assert dataset.fingerprint["dataset"] == "digits (embedded)"
    assert dataset.name == "digits"


def test_all_1797_digits_are_used_once():
    dataset = load_dataset("digits")
    assert len(dataset.train) + len(dataset.test) == 1797
    counts = np.bincount(np.concatenate([dataset.train.labels, dataset.test.labels]))
    # The class counts of the UCI test set, as its description lists them.
    assert counts.tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


def test_each_class_gives_a_fifth_to_the_test():
    dataset = load_dataset("digits")
    assert np.bincount(dataset.test.labels).tolist() == [35, 36, 35, 36, 36, 36, 36, 35, 34, 36]


def test_the_fifth_zero_is_in_the_test_and_the_first_four_are_not():
    source = load_digits()
    zeros = source.images[source.target == 0]
    dataset = load_dataset("digits")
    first_test_zero = dataset.test.images[dataset.test.labels == 0][0, ..., 0]
    assert np.array_equal(first_test_zero, digits.enlarge(zeros[4]))


def test_a_digit_fills_the_middle_20_by_20_of_28_by_28_as_in_mnist():
    dataset = load_dataset("digits")
    images = dataset.train.images
    assert images.shape[1:] == (28, 28, 1)
    assert images.dtype == np.uint8
    assert not images[:, :4].any()
    assert not images[:, 24:].any()
    assert not images[:, :, :4].any()
    assert not images[:, :, 24:].any()
    assert digits.enlarge(np.full((8, 8), 16.0)).sum() == 20 * 20 * 255


def test_every_load_gives_the_same_pictures():
    one, other = load_dataset("digits"), load_dataset("digits")
    assert np.array_equal(one.train.images, other.train.images)
    assert one.fingerprint == other.fingerprint
    assert len(one.fingerprint["sha256"]) == 64
