import gzip
import hashlib
import struct

import numpy as np
import pytest

from chollet_cnn.data import load, mnist, sources
from chollet_cnn.errors import UserError

PARTS = {"train": 6, "test": 4}


@pytest.fixture
def small(monkeypatch):
    """Ten made-up digits that pass for MNIST in this test."""
    draw = np.random.default_rng(1)
    arrays = {}
    for part, count in PARTS.items():
        arrays[f"x_{part}"] = draw.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        arrays[f"y_{part}"] = draw.integers(0, 10, count, dtype=np.uint8)
    hashes = {name: hashlib.sha256(array.tobytes()).hexdigest() for name, array in arrays.items()}
    assert hashes.keys() == mnist.ARRAY_SHA256.keys()
    monkeypatch.setattr(mnist, "ARRAY_SHA256", hashes)
    return arrays


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    monkeypatch.setattr(mnist, "URL", "http://127.0.0.1:9/mnist.npz")
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def nothing_else(monkeypatch):
    monkeypatch.delenv("CHOLLET_CNN_DATA", raising=False)


def idx(array):
    """Write an array as the original distribution does."""
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


def write_idx(folder, arrays, packed=False, dot=False):
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in arrays.items():
        part = {"train": "train", "test": "t10k"}[name[2:]]
        kind = {"x": "images-idx3-ubyte", "y": "labels-idx1-ubyte"}[name[0]]
        kind = kind.replace("-idx", ".idx") if dot else kind
        content = gzip.compress(idx(array), 1) if packed else idx(array)
        (folder / f"{part}-{kind}{'.gz' if packed else ''}").write_bytes(content)


def assert_is(dataset, arrays):
    for part, split in (("train", dataset.train), ("test", dataset.test)):
        assert np.array_equal(split.images[..., 0], arrays[f"x_{part}"])
        assert np.array_equal(split.labels, arrays[f"y_{part}"])


def test_keras_own_file_is_read(small, tmp_path):
    np.savez_compressed(tmp_path / "mnist.npz", **small)
    dataset = mnist.load(tmp_path)
    assert_is(dataset, small)
    assert dataset.train.images.shape == (6, 28, 28, 1)
    assert dataset.train.labels.dtype == np.int64
    assert dataset.validation is None
    assert dataset.fingerprint["source"] == "mnist.npz"


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzipped"])
@pytest.mark.parametrize("dot", [False, True], ids=["dash", "dot"])
@pytest.mark.parametrize("folder", [".", "mnist", "MNIST/raw"])
def test_the_four_idx_files_are_read(small, tmp_path, packed, dot, folder):
    write_idx(tmp_path / folder, small, packed, dot)
    assert_is(mnist.load(tmp_path), small)


def test_the_file_itself_can_be_named(small, tmp_path):
    np.savez(tmp_path / "copy.npz", **small)
    assert_is(mnist.load(tmp_path / "copy.npz"), small)


def test_the_same_digits_have_one_fingerprint_in_every_container(small, tmp_path):
    np.savez(tmp_path / "mnist.npz", **small)
    write_idx(tmp_path / "idx", small, packed=True)
    one, other = (mnist.load(place).fingerprint for place in (tmp_path, tmp_path / "idx"))
    assert one["sha256"] == other["sha256"]
    assert one["pictures"] == {"train": 6, "test": 4}


def test_pictures_as_rows_of_784_pixels_are_read_as_pictures(small, tmp_path):
    rows = {f"x_{part}": small[f"x_{part}"].reshape(-1, 784) for part in PARTS}
    np.savez(tmp_path / "mnist.npz", **small | rows)
    assert_is(mnist.load(tmp_path), small)


def test_a_single_array_under_the_name_of_the_archive_is_damaged(small, tmp_path):
    with (tmp_path / "mnist.npz").open("wb") as file:
        np.save(file, small["x_train"])
    with pytest.raises(UserError, match=r"not a complete \.npz file"):
        mnist.load(tmp_path)


def test_a_cut_npz_file_is_damaged_and_not_merely_missing(small, tmp_path):
    np.savez(tmp_path / "mnist.npz", **small)
    whole = (tmp_path / "mnist.npz").read_bytes()
    (tmp_path / "mnist.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=r"mnist\.npz is damaged") as problem:
        mnist.load(tmp_path)
    assert not isinstance(problem.value, sources.NotFound)


def test_a_flipped_pixel_is_noticed(small, tmp_path):
    small["x_test"][2, 14, 14] ^= 1
    np.savez(tmp_path / "mnist.npz", **small)
    with pytest.raises(UserError, match="values of x_test are not MNIST's"):
        mnist.load(tmp_path)


def test_an_npz_file_without_labels_is_named(small, tmp_path):
    del small["y_test"]
    np.savez(tmp_path / "mnist.npz", **small)
    with pytest.raises(UserError, match="has no y_test"):
        mnist.load(tmp_path)


def test_an_npz_file_of_python_objects_is_not_opened(tmp_path, small):
    small["x_train"] = np.array([{"a": "dict"}], dtype=object)
    np.savez(tmp_path / "mnist.npz", **small)
    with pytest.raises(UserError, match="damaged"):
        mnist.load(tmp_path)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda content: content[:-9], "truncated"),
        (lambda content: b"\0\0\x0d" + content[3:], "does not begin as an IDX file"),
        (lambda content: b"", "does not begin as an IDX file"),
    ],
    ids=["truncated", "floats", "empty"],
)
def test_a_damaged_idx_file_is_named(small, tmp_path, change, why):
    write_idx(tmp_path, small)
    file = tmp_path / "t10k-images-idx3-ubyte"
    file.write_bytes(change(file.read_bytes()))
    with pytest.raises(UserError, match=f"t10k-images-idx3-ubyte is damaged .*{why}"):
        mnist.load(tmp_path)


def test_a_cut_gzip_file_is_named(small, tmp_path):
    write_idx(tmp_path, small, packed=True)
    file = tmp_path / "train-images-idx3-ubyte.gz"
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(UserError, match=r"train-images-idx3-ubyte\.gz is damaged"):
        mnist.load(tmp_path)


def test_three_of_the_four_idx_files_are_not_enough(small, tmp_path):
    write_idx(tmp_path, small)
    (tmp_path / "train-labels-idx1-ubyte").unlink()
    with pytest.raises(UserError, match="put train-labels-idx1-ubyte beside"):
        mnist.find(tmp_path)


@pytest.mark.parametrize("download", [True, False])
def test_mnist_that_is_not_found_names_the_places_and_the_ways(
    tmp_path, monkeypatch, nothing_else, download
):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    assert mnist.find(tmp_path) == ()
    with pytest.raises(sources.NotFound) as problem:
        mnist.load(tmp_path, download=download)
    for hint in (str(tmp_path), str(tmp_path / "keras" / "datasets"), "--data-dir", "fetch mnist"):
        assert hint in str(problem.value)
    assert list(tmp_path.iterdir()) == []


def test_real_mnist_has_the_published_arrays(real_mnist_dir):
    dataset = load("mnist", real_mnist_dir)
    assert dataset.title == "MNIST"
    assert dataset.train.images.shape == (60_000, 28, 28, 1)
    assert dataset.test.images.shape == (10_000, 28, 28, 1)
    assert np.bincount(dataset.test.labels).tolist() == [
        *(980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009)
    ]
    assert dataset.test.labels[:5].tolist() == [7, 2, 1, 0, 4]


def test_real_mnist_is_read_from_the_original_distributions_files(real_mnist_dir, tmp_path):
    arrays = mnist.read(mnist.find(real_mnist_dir))
    # MD5 sums of the unpacked files that were given out with the original distribution.
    assert hashlib.md5(idx(arrays["x_train"])).hexdigest() == "6bbc9ace898e44ae57da46a324031adb"
    assert hashlib.md5(idx(arrays["x_test"])).hexdigest() == "2646ac647ad5339dbf082846283269ea"
    write_idx(tmp_path / "MNIST" / "raw", arrays, packed=True)
    assert_is(mnist.load(tmp_path), arrays)
