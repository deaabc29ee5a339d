import gzip
import hashlib
import io
import struct
import tracemalloc

import numpy as np
import pytest
from pets import put_folder, put_zip, zipped

from chollet_cnn.data import load_dataset, mnist, mnist_files, sources
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
    monkeypatch.setattr(mnist_files, "COUNTS", PARTS)
    return arrays


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    monkeypatch.setattr(mnist, "URL", "http://127.0.0.1:9/mnist.npz")


def idx(array):
    """Write an array as the original distribution does."""
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


def idx_files(arrays, pattern="{name}", pack=bytes):
    """Return the four files of the original distribution, by name."""
    names = {name: mnist.IDX_FILES[name] for name in arrays}
    return {pattern.format(name=names[name]): pack(idx(array)) for name, array in arrays.items()}


def npz(arrays):
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def assert_is(dataset, arrays):
    for part, split in (("train", dataset.train), ("test", dataset.test)):
        assert np.array_equal(split.images[..., 0], arrays[f"x_{part}"])
        assert np.array_equal(split.labels, arrays[f"y_{part}"])


def npz_with(**changed):
    return lambda arrays: {"mnist.npz": npz(arrays | {n: f(arrays[n]) for n, f in changed.items()})}


def in_one(arrays, letter):
    return np.concatenate([arrays[f"{letter}_train"], arrays[f"{letter}_test"]])


def renamed(arrays, images, labels, kind=np.int64):
    """Return an .npz file whose arrays have other names, and labels of another type."""
    new = {}
    for part in PARTS:
        new[images.format(part)] = arrays[f"x_{part}"]
        new[labels.format(part)] = arrays[f"y_{part}"].astype(kind)
    return npz(new | {"author": np.array(["LeCun"])})


def gz(content):
    return gzip.compress(content, 1)


# What is in the place, made from the arrays, and which of it is named.
PLACES = {
    "Keras's own file": (lambda a: {"mnist.npz": npz(a)}, "."),
    "IDX files": (idx_files, "."),
    "IDX files, packed": (lambda a: idx_files(a, "{name}.gz", gz), "."),
    "in a folder": (lambda a: idx_files(a, "mnist/{name}"), "."),
    "torchvision's": (lambda a: idx_files(a, "MNIST/raw/{name}"), "."),
    "torchvision's, one folder off": (lambda a: idx_files(a, "MNIST/raw/{name}"), "MNIST"),
    "torchvision's, two folders off": (lambda a: idx_files(a, "MNIST/raw/{name}"), "MNIST/raw"),
    "torchvision's, named from above": (lambda a: idx_files(a, "a/b/MNIST/raw/{name}.gz", gz), "."),
    "an IDX file is named": (idx_files, "t10k-labels-idx1-ubyte"),
    "each in a folder": (lambda a: idx_files(a, "{name}/{name}"), "."),
    "each in a folder, packed": (lambda a: idx_files(a, "{name}/{name}.gz", gz), "."),
    "one of the folders is named": (
        lambda a: idx_files(a, "{name}/{name}"), "train-images-idx3-ubyte",
    ),
    "each in a zip file": (
        lambda a: {f"{name}.zip": zipped({name: file}) for name, file in idx_files(a).items()}, ".",
    ),
    "a point in the names": (
        lambda a: {n.replace("-idx", ".idx"): file for n, file in idx_files(a).items()}, ".",
    ),
    "underscores": (lambda a: {n.replace("-", "_"): f for n, f in idx_files(a).items()}, "."),
    "a browser's second download": (lambda a: idx_files(a, "{name} (1).gz", gz), "."),
    "copies": (lambda a: idx_files(a, "{name} - Copy"), "."),
    **{
        name: (lambda a, name=name: {name: npz(a)}, ".")
        for name in ("mnist (1).npz", "MNIST.NPZ", "digits.npz", "x/y/data.npz", "mnist.npz.1")
    },
    "an .npz file is named": (lambda a: {"copy.npz": npz(a)}, "copy.npz"),
    "a second download is named": (lambda a: {"mnist.npz.1": npz(a)}, "mnist.npz.1"),
    "rows of 784 pixels": (
        lambda a: {"mnist.npz": npz(a | {n: a[n].reshape(-1, 784) for n in ("x_train", "x_test")})},
        ".",
    ),
    "other names": (lambda a: {"d.npz": renamed(a, "{}_images", "{}_labels")}, "."),
    "capitals": (lambda a: {"mnist.npz": renamed(a, "X_{}", "Y_{}", np.float32)}, "."),
    "t10k": (
        lambda a: {"d.npz": renamed(a, "{}X", "{}y").replace(b"test", b"t10k")}, "d.npz",
    ),
    "both parts together": (
        lambda a: {"d.npz": npz({"images": in_one(a, "x"), "labels": in_one(a, "y")[:, None]})},
        ".",
    ),
    "a file for each part": (
        lambda a: {
            f"{n}.npz": npz({"image": a[f"x_{n}"], "label": a[f"y_{n}"]}) for n in PARTS
        }, ".",
    ),
    "pixels from 0 to 1": (
        lambda a: {"d.npz": npz(a | {"x_train": (a["x_train"] / 255).astype(np.float32)})}, ".",
    ),
    "labels in a column": (npz_with(y_train=lambda a: a.reshape(-1, 1)), "."),
    "by columns": (
        lambda a: {"mnist.npz": npz(a | {"x_test": np.asfortranarray(a["x_test"])})}, ".",
    ),
    "Kaggle's archive": (lambda a: {"archive.zip": zipped(idx_files(a, "{name}/{name}"))}, "."),
    "Kaggle's archive, named": (lambda a: {"archive.zip": zipped(idx_files(a))}, "archive.zip"),
    "Windows'": (lambda a: {"archive.zip": zipped(idx_files(a, "MNIST\\raw\\{name}"))}, "."),
    ".npz in it": (lambda a: {"archive.zip": zipped({"data/mnist.npz": npz(a)})}, "."),
    "a zip file in it": (
        lambda a: {"archive.zip": zipped({"mnist.zip": zipped(idx_files(a)), "notes": b"x"})}, ".",
    ),
    "the arrays of an .npz in it": (lambda a: {"archive.zip": npz(a)}, "."),
    "beside Fashion-MNIST": (
        lambda a: idx_files({n: 255 - a[n] for n in a}, "FashionMNIST/raw/{name}")
        | idx_files(a, "numbers/{name}"), ".",
    ),
    "beside a part of it": (
        lambda a: idx_files({"x_train": a["x_train"]}, "a/{name}") | {"b/mnist.npz": npz(a)}, ".",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PLACES)
def test_every_layout_is_read(small, place, name):
    make, named = PLACES[name]
    put_folder(place, make(small))
    dataset = mnist.load(place / named, download=False)
    assert_is(dataset, small)
    assert dataset.train.images.shape == (6, 28, 28, 1)
    assert dataset.train.images.flags.writeable
    assert dataset.train.labels.dtype == np.int64
    assert dataset.validation is None
    assert dataset.fingerprint["pictures"] == {"train": 6, "test": 4}
    assert dataset.fingerprint["sha256"] == sources.sha256_of_arrays(*small.values())


def npy(header, values=b""):
    """Write an .npy file that claims whatever the header says."""
    text = f"{header}\n".encode()
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text + values


def idx_damaged(change, name="t10k-images-idx3-ubyte", pattern="{name}", pack=bytes):
    """Return a maker of four files, one of them changed."""

    def make(arrays):
        files = idx_files(arrays, pattern, pack)
        damaged = pattern.format(name=name)
        return files | {damaged: change(files[damaged])}

    return make


def flipped(array):
    array = array.copy()
    array[2, 14, 14] ^= 1
    return array


def claiming(header):
    return lambda arrays: {"mnist.npz": zipped({f"{name}.npy": npy(header) for name in arrays})}


UINT8 = "{'descr': '|u1', 'fortran_order': False, 'shape': "
HEADERS = {
    UINT8 + "(9895604649984,)}": "claims 9,895,",
    UINT8 + "(65536, 1048576)}": "claims 68,719,",
    UINT8 + "(-6,)}": "claims -6",
    UINT8 + "(6, 28, 28)}": "truncated",
    UINT8 + "(6, 28, 28": "the header of x_train",
    "{'descr': '|V214748364800', 'fortran_order': False, 'shape': (1,)}": "x_train",
    "{'descr': '<M8[s]', 'fortran_order': False, 'shape': (6,)}": "type datetime64",
    "{'descr': '|O', 'fortran_order': False, 'shape': (6,)}": "type object",
    "(" * 5000: "the header of x_train",
    "": "the header of x_train",
}
CLAIMS = struct.pack(">HBB3I", 0, 8, 3, 10**6, 2800, 2800) + b"\0" * 10**6
LABELS = "t10k-labels-idx1-ubyte"
DAMAGED = {
    "one array": (lambda a: {"mnist.npz": npy("", b"x")}, r"mnist\.npz is .*not a complete \.npz"),
    "cut": (lambda a: {"mnist.npz": npz(a)[:-999]}, r"mnist\.npz is damaged"),
    "a flipped pixel": (npz_with(x_test=flipped), "values of x_test are not MNIST's"),
    "no labels": (
        lambda a: {"mnist.npz": npz({n: a[n] for n in a if n != "y_test"})}, "has no y_test",
    ),
    "objects": (npz_with(x_train=lambda a: np.array([{"a": "dict"}])), "has the type object"),
    "pixels between whole numbers": (npz_with(x_test=lambda a: a + 0.5), "other values than whole"),
    "labels of pairs": (
        npz_with(y_train=lambda a: a.reshape(-1, 2)), r"y_train has the shape \(3, 2\), neither",
    ),
    "IDX cut": (idx_damaged(lambda c: c[:-9]), "t10k-images-idx3-ubyte is damaged .*truncated"),
    "IDX of floats": (idx_damaged(lambda c: b"\0\0\x0d" + c[3:]), "does not begin as an IDX file"),
    "empty": (idx_damaged(lambda c: b""), "does not begin as an IDX file"),
    "gzip cut": (
        idx_damaged(lambda c: c[:-20], pattern="{name}.gz", pack=gz), r"ubyte\.gz is damaged",
    ),
    "IDX labels with three axes": (
        idx_damaged(lambda c: idx(np.zeros((4, 1, 1), np.uint8)), LABELS), "has 3 axes, not 1",
    ),
    "in a folder": (
        idx_damaged(lambda c: c[:-2], LABELS, "a/{name}/{name}"), "t10k-labels.* is damaged",
    ),
    "in a zip file": (
        lambda a: {"archive.zip": zipped(idx_damaged(lambda c: c[:-2], LABELS)(a))},
        "t10k-labels.* is damaged",
    ),
    **{
        f"claims {header[:90]}": (claiming(header), rf"mnist\.npz is damaged .*{why}")
        for header, why in HEADERS.items()
    },
    "claims": (idx_damaged(lambda c: CLAIMS), "claims 7,840,000,000,000 bytes, more than MNIST's"),
    "claims, packed": (
        idx_damaged(lambda c: gz(CLAIMS), pattern="{name}.gz", pack=gz), "claims 7,840,000,000,000",
    ),
}  # fmt: skip


def test_a_zip_file_of_other_things_that_is_named_does_not_end_the_search(tmp_path):
    other = tmp_path / "cats.zip"
    other.write_bytes(zipped({"train/cat.1.jpg": b"x"}))
    assert mnist.find_in(other) == ()
    other.write_bytes(b"PK cut short")
    assert mnist.find_in(other) == (other,)  # reading it says what is wrong


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_file_is_named_and_not_called_missing(small, place, name):
    make, why = DAMAGED[name]
    put_folder(place, make(small))
    with pytest.raises(UserError, match=why) as problem:
        mnist.load(place, download=False)
    assert not isinstance(problem.value, sources.NotFound)


@pytest.mark.parametrize("pack", [lambda files: files, lambda files: {"a.zip": zipped(files)}])
@pytest.mark.parametrize("pattern", ["{name}", "a/{name}/{name}"])
def test_a_file_that_is_missing_is_named_and_nothing_called_damaged(small, place, pattern, pack):
    del small["y_test"]
    put_folder(place, pack(idx_files(small, pattern)))
    with pytest.raises(UserError, match="holds only a part of MNIST: put t10k-labels-idx1-ubyte"):
        mnist.find(place)


@pytest.mark.parametrize("download", [True, False])
def test_mnist_that_is_not_found_names_the_places_and_the_ways(tmp_path, download):
    assert mnist.find(tmp_path) == ()
    with pytest.raises(sources.NotFound) as problem:
        mnist.load(tmp_path, download=download)
    for hint in (str(tmp_path), str(tmp_path / "keras" / "datasets"), "data_dir", "fetch mnist"):
        assert hint in str(problem.value)
    assert [file.name for file in tmp_path.iterdir() if file.suffix != ".lock"] == []


def test_real_mnist_has_the_published_arrays(real_mnist_dir):
    dataset = load_dataset("mnist", real_mnist_dir)
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
    put_folder(tmp_path, idx_files(arrays, "MNIST/raw/{name}.gz", gz))
    assert_is(mnist.load(tmp_path), arrays)


def test_a_gzip_file_that_inflates_beyond_what_it_claims_is_not_unpacked(small, tmp_path):
    bomb = gz(idx(small["x_test"]) + b"\0" * 200_000_000)
    name = "t10k-images-idx3-ubyte.gz"
    put_folder(tmp_path, idx_files(small, "{name}.gz", gz) | {name: bomb})
    tracemalloc.start()
    with pytest.raises(UserError, match="too long"):
        mnist.load(tmp_path, download=False)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000_000


def test_a_file_that_is_larger_than_any_of_mnists_is_not_read(small, tmp_path, monkeypatch):
    monkeypatch.setattr(mnist, "LARGEST_FILE", 1000)
    (tmp_path / "mnist.npz").write_bytes(npz(small))
    with pytest.raises(UserError, match="more than the limit of 1,000 bytes"):
        mnist.load(tmp_path, download=False)
    put_zip(tmp_path / "archive.zip", {"mnist.npz": npz(small)})
    with pytest.raises(UserError, match="more than the limit of 1,000"):
        mnist.load(tmp_path / "archive.zip", download=False)


def test_images_in_64_bits_are_not_too_large():
    header = io.BytesIO()
    described = {"descr": "<f8", "fortran_order": False, "shape": (60_000, 28, 28)}
    np.lib.format.write_array_header_1_0(header, described)
    with pytest.raises(mnist_files.Damaged, match="truncated"):  # as it is, without its pixels
        mnist_files.read_arrays("x_train.npy", header.getvalue())
