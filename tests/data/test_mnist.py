import gzip
import hashlib
import io
import random
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest

from chollet_cnn.data import load_dataset, mnist, sources
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
    write_idx(tmp_path / "MNIST" / "raw", arrays, packed=True)
    assert_is(mnist.load(tmp_path), arrays)


def as_zip(path, files):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)


def as_npz(arrays):
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def idx_contents(arrays):
    return {mnist.IDX_FILES[name]: idx(array) for name, array in arrays.items()}


@pytest.mark.parametrize("name", ["mnist (1).npz", "MNIST.NPZ", "digits.npz", "x/y/data.npz"])
def test_an_npz_file_of_any_name_is_found_by_its_arrays(small, tmp_path, name):
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_bytes(as_npz(small))
    assert_is(mnist.load(tmp_path, download=False), small)


@pytest.mark.parametrize("named", ["MNIST", "MNIST/raw", "."])
def test_torchvisions_folders_may_be_named_at_any_level(small, tmp_path, named):
    write_idx(tmp_path / "MNIST" / "raw", small)
    assert_is(mnist.load(tmp_path / named, download=False), small)


@pytest.mark.parametrize("packed", [False, True])
def test_each_idx_file_may_be_in_a_folder_of_its_own(small, tmp_path, packed):
    for name, content in idx_contents(small).items():
        (tmp_path / name).mkdir()
        file = tmp_path / name / (f"{name}.gz" if packed else name)
        file.write_bytes(gzip.compress(content) if packed else content)
    assert_is(mnist.load(tmp_path, download=False), small)


def test_idx_files_that_a_browser_renamed_are_read(small, tmp_path):
    for name, content in idx_contents(small).items():
        (tmp_path / f"{name} (1).gz").write_bytes(gzip.compress(content))
    assert_is(mnist.load(tmp_path, download=False), small)


@pytest.mark.parametrize("inside", ["idx", "npz", "idx in folders", "zip", "npz's own arrays"])
def test_kaggles_archive_is_read_whatever_is_in_it(small, tmp_path, inside):
    contents = {
        "idx": idx_contents(small),
        "npz": {"data/mnist.npz": as_npz(small)},
        "idx in folders": {f"{n}/{n}": c for n, c in idx_contents(small).items()},
        "zip": {"mnist.zip": b""},
        "npz's own arrays": {},
    }[inside]
    if inside == "zip":
        as_zip(tmp_path / "inner.zip", idx_contents(small))
        contents["mnist.zip"] = (tmp_path / "inner.zip").read_bytes()
        (tmp_path / "inner.zip").unlink()
    as_zip(tmp_path / "archive.zip", contents | {"readme.txt": b"x"})
    if inside == "npz's own arrays":
        (tmp_path / "archive.zip").write_bytes(as_npz(small))
    dataset = mnist.load(tmp_path, download=False)
    assert_is(dataset, small)
    assert dataset.fingerprint["source"] == "archive.zip"
    assert_is(mnist.load(tmp_path / "archive.zip", download=False), small)


def test_fashion_mnist_is_not_taken_for_mnist(small, tmp_path, nothing_else, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    other = {name: 255 - array for name, array in small.items()}
    write_idx(tmp_path / "data" / "FashionMNIST" / "raw", other)
    assert mnist.find(tmp_path / "data") == ()
    write_idx(tmp_path / "data" / "numbers", small)
    assert_is(mnist.load(tmp_path / "data", download=False), small)


@pytest.mark.parametrize("container", ["folder", "zip"])
def test_an_array_that_is_missing_and_one_that_is_damaged_are_two_messages(
    small, tmp_path, container
):
    contents = idx_contents(small)
    del contents["t10k-labels-idx1-ubyte"]
    damaged = contents | {"t10k-labels-idx1-ubyte": b"\0\0\x08\1\0\0\0\4\1\2"}
    for files, why in ((contents, "holds only a part of MNIST"), (damaged, "is damaged")):
        if container == "zip":
            as_zip(tmp_path / "archive.zip", files)
        else:
            for name, content in files.items():
                (tmp_path / "a" / name).mkdir(parents=True, exist_ok=True)
                (tmp_path / "a" / name / name).write_bytes(content)
        with pytest.raises(UserError, match=f"t10k-labels|{why}") as problem:
            mnist.load(tmp_path, download=False)
        assert why in str(problem.value)
        assert "t10k-labels-idx1-ubyte" in str(problem.value)


def npy(header, values=b""):
    """Write an .npy file that claims whatever the header says."""
    text = f"{header}\n".encode()
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text + values


@pytest.mark.parametrize(
    ("header", "why"),
    [
        ("{'descr': '|u1', 'fortran_order': False, 'shape': (9895604649984,)}", "claims 9,895,"),
        ("{'descr': '|u1', 'fortran_order': False, 'shape': (65536, 1048576)}", "claims 68,719,"),
        ("{'descr': '|V214748364800', 'fortran_order': False, 'shape': (1,)}", "x_train"),
        ("{'descr': '<M8[s]', 'fortran_order': False, 'shape': (6,)}", r"type datetime64"),
        ("{'descr': '|O', 'fortran_order': False, 'shape': (6,)}", "type object"),
        ("{'descr': '|u1', 'fortran_order': False, 'shape': (-6,)}", "claims -6"),
        ("{'descr': '|u1', 'fortran_order': False, 'shape': (6, 28, 28)}", "truncated"),
        ("{'descr': '|u1', 'fortran_order': False, 'shape': (6", "the header of x_train"),
        ("(" * 5000, "the header of x_train"),
        ("", "the header of x_train"),
    ],
)
def test_an_array_that_claims_what_it_has_not_is_not_allocated(small, tmp_path, header, why):
    as_zip(
        tmp_path / "mnist.npz",
        {f"{name}.npy": npy(header) for name in small},
    )
    with pytest.raises(UserError, match=rf"mnist\.npz is damaged .*{why}"):
        mnist.load(tmp_path, download=False)


def test_labels_with_three_axes_are_not_labels(small, tmp_path):
    write_idx(tmp_path, small)
    labels = small["y_train"].reshape(-1, 1, 1)
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx(labels))
    with pytest.raises(UserError, match="it has 3 axes, not 1"):
        mnist.load(tmp_path, download=False)
    np.savez(tmp_path / "mnist.npz", **small | {"y_train": labels})
    with pytest.raises(UserError, match="y_train has 3 axes, not 1"):
        mnist.load(tmp_path, download=False)


@pytest.mark.parametrize("packed", [False, True])
def test_a_file_that_claims_more_than_mnist_has_is_refused_unread(small, tmp_path, packed):
    write_idx(tmp_path, small, packed)
    bomb = struct.pack(">HBB3I", 0, 8, 3, 10**6, 2800, 2800) + b"\0" * 10**6
    file = tmp_path / f"train-images-idx3-ubyte{'.gz' if packed else ''}"
    file.write_bytes(gzip.compress(bomb) if packed else bomb)
    with pytest.raises(UserError, match="claims 7,840,000,000,000 bytes, more than MNIST's"):
        mnist.load(tmp_path, download=False)


def test_a_gzip_file_that_inflates_beyond_what_it_claims_is_not_unpacked(small, tmp_path):
    write_idx(tmp_path, small, packed=True)
    bomb = idx(small["x_test"]) + b"\0" * 200_000_000
    (tmp_path / "t10k-images-idx3-ubyte.gz").write_bytes(gzip.compress(bomb, 1))
    tracemalloc.start()
    with pytest.raises(UserError, match="too long"):
        mnist.load(tmp_path, download=False)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000_000


def test_a_file_that_is_larger_than_any_of_mnists_is_not_read(small, tmp_path, monkeypatch):
    monkeypatch.setattr(mnist, "LARGEST_FILE", 1000)
    (tmp_path / "mnist.npz").write_bytes(as_npz(small))
    with pytest.raises(UserError, match="more than the limit of 1,000 bytes"):
        mnist.load(tmp_path, download=False)
    as_zip(tmp_path / "archive.zip", {"mnist.npz": as_npz(small)})
    with pytest.raises(UserError, match="more than the limit of 1,000"):
        mnist.load(tmp_path / "archive.zip", download=False)


def test_arrays_can_be_written_to_and_stored_by_columns(small, tmp_path):
    np.savez(tmp_path / "mnist.npz", **small | {"x_test": np.asfortranarray(small["x_test"])})
    dataset = mnist.load(tmp_path, download=False)
    assert_is(dataset, small)
    assert dataset.train.images.flags.writeable


def test_bytes_flipped_anywhere_give_mnist_or_an_error_in_a_sentence(small, tmp_path):
    draw = random.Random(0)
    good = as_npz(small)
    outcomes = {"images": 0, "error": 0}
    for _ in range(300):
        content = bytearray(good)
        for _ in range(draw.choice([1, 1, 5])):
            content[draw.randrange(len(content))] = draw.randrange(256)
        (tmp_path / "mnist.npz").write_bytes(content)
        try:
            dataset = mnist.load(tmp_path, download=False)
        except UserError:
            outcomes["error"] += 1
        else:
            outcomes["images"] += 1
            assert_is(dataset, small)
    assert outcomes["error"] > 200
