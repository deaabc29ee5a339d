"""What goes into the explorer's page, without a browser."""

import io
import re
import zlib
from base64 import b64decode

import keras
import numpy as np
import pytest
from PIL import Image

from chollet_cnn.book import networks
from chollet_cnn.errors import UserError
from chollet_cnn.page.explorer import export, packing, still
from chollet_cnn.page.explorer.layers import describe_layers


def unpack(packed):
    apart = zlib.decompress(b64decode(packed["data"]), -zlib.MAX_WBITS)
    dtype = np.dtype(packed["dtype"]).newbyteorder("<")
    return np.frombuffer(apart, np.uint8).reshape(dtype.itemsize, -1).T.copy().view(dtype).ravel()


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float16", "float32"])
def test_a_packed_array_holds_every_bit(dtype):
    values = (np.random.default_rng(0).standard_normal(1000) * 50).astype(dtype)
    np.testing.assert_array_equal(unpack(packing.pack(values.reshape(10, 100))), values)


def test_the_recorded_page_is_what_the_code_writes(recorded):
    page = recorded.read_text(encoding="utf-8")
    assert export.render(export.read_description(page)) == page, "run scripts/write_explorer.py"
    assert len(page.encode()) < export.LARGEST_PAGE


def test_the_recorded_page_holds_the_first_edition_s_network(recorded):
    described = export.read_description(recorded.read_text(encoding="utf-8"))
    assert described["title"] == "MNIST, first edition"
    assert described["dataset"] == "MNIST"
    assert len(unpack(described["weights"]["tested"])) == described["parameters"] == 93_322
    assert len(unpack(described["images"]["labels"])) == 1000
    assert len(described["mistakes"]["list"]) == 10
    assert [epoch["epoch"] for epoch in described["weights"]["epochs"]] == [1, 2, 3, 4]


def test_no_module_of_the_page_is_forgotten_and_no_name_is_taken_twice():
    assert set(export.MODULES) == {file.stem for file in export.FOLDER.glob("*.js")}
    script = export.bundle_script()
    assert not re.search(r"^(import|export)\b", script, re.MULTILINE)
    names = re.findall(r"^(?:async )?(?:function|const|let) (\w+)", script, re.MULTILINE)
    assert sorted(names) == sorted(set(names))


def test_layers_that_act_in_training_only_are_skipped():
    model = networks.cats_vs_dogs_second_edition(augmentation=True, dropout=0.5)
    kinds = [layer["kind"] for layer in describe_layers(model)]
    blocks = ["convolution", "max pooling"] * 4
    assert kinds == ["rescaling", *blocks, "convolution", "flatten", "dense"]


@pytest.mark.parametrize(
    ("layer", "refusal"),
    [
        (keras.layers.Conv2D(4, 3, padding="same", name="padded"), r"the layer padded \(Conv2D\)"),
        (keras.layers.Dense(4, name="of_maps"), r"the layer of_maps \(Dense\)"),
        (keras.layers.Conv2D(4, 3, activation="sigmoid", name="inside"), "the layer inside"),
        (keras.layers.Flatten(), "a network without a convolution"),
    ],
)
def test_a_network_that_the_page_cannot_compute_is_refused(layer, refusal):
    with pytest.raises(UserError, match=f"cannot compute {refusal}"):
        describe_layers(keras.Sequential([keras.Input((28, 28, 1)), layer]))


def test_a_rescaling_of_each_colour_is_refused():
    means = [-103.9, -116.8, -123.7]
    stack = [keras.layers.Rescaling(1.0, offset=means), keras.layers.Conv2D(2, 3)]
    with pytest.raises(UserError, match="cannot compute the layer rescaling"):
        describe_layers(keras.Sequential([keras.Input((9, 9, 3)), *stack]))


def test_the_static_picture_has_no_paper_of_its_own():
    sheet = still._sheet(np.ones((26, 26, 2)))
    address = still._png(sheet, transparency=still.PAPER)
    with Image.open(io.BytesIO(b64decode(address.partition(",")[2]))) as picture:
        alpha = np.asarray(picture.convert("RGBA"))[..., 3]
    assert (alpha[:, 26:28] == 0).all()
    assert (np.delete(alpha, [26, 27], axis=1) == 255).all()


def test_data_cannot_end_the_script_element(recorded):
    described = export.read_description(recorded.read_text(encoding="utf-8"))
    page = export.render(described | {"title": "</script><img src=x>"})
    assert "</script><img" not in page
    assert page.count("<img src=x>") == 0
