"""What was asked for is checked, and compared with the book and with what a run was begun with."""

import dataclasses
import itertools
import json

import numpy as np
import pytest
from pydantic import TypeAdapter

from chollet_cnn.book import recipes
from chollet_cnn.data import digits
from chollet_cnn.errors import UserError
from chollet_cnn.training import plan
from chollet_cnn.training.run_files import Config

AUGMENTED = "cats-vs-dogs-first-edition-augmented"


def test_an_unchanged_plan_does_not_differ_from_the_book():
    assert plan.make(AUGMENTED).differences() == {}


def test_settings_change_what_was_asked_for_alone():
    asked = plan.make(AUGMENTED, augmentation="2017", epochs=3, weights_seed=4)
    assert asked.recipe.network_options == {"augmentation": "2017", "dropout": 0.5}
    assert asked.differences() == {
        "epochs": {"recipe": 100, "run": 3},
        "augmentation": {"recipe": "Keras 3's layers", "run": "2017"},
        "weights_seed": {"recipe": 0, "run": 4},
    }
    assert recipes.get(AUGMENTED).network_options["augmentation"] is True


def test_a_recipe_of_ones_own_is_not_the_book_s():
    own = dataclasses.replace(recipes.get("mnist-three-block"), name="own", learning_rate=0.01)
    assert plan.make(own).differences() == {"recipe": {"recipe": "one of the book's", "run": "own"}}
    own = dataclasses.replace(own, name="mnist-three-block")
    assert plan.make(own).differences() == {"learning_rate": {"recipe": 0.001, "run": 0.01}}


def test_a_book_s_recipe_may_be_given_augmentation():
    own = dataclasses.replace(
        recipes.get("cats-vs-dogs-first-edition"), network_options={"augmentation": True}
    )
    assert plan.make(own).differences() == {"augmentation": {"recipe": None, "run": True}}


@pytest.mark.parametrize("given", [{}, {"image_size": (60, 60)}, {"resize": "bilinear"}])
def test_what_a_recipe_leaves_to_the_loader_is_written_down(given):
    book = recipes.get("cats-vs-dogs-first-edition")
    own = dataclasses.replace(book, name="own", data_options=given)
    config = plan.make(own).as_config(digits.load())
    read = TypeAdapter(Config).validate_python(config).settings.data_options.model_dump()
    assert read == json.loads(json.dumps(book.data_options | given))


def test_settings_read_back_from_config_json_epochs_aside():
    asked = plan.make(AUGMENTED, seed=3, order_seed=4, precision="bfloat16")
    config = json.loads(json.dumps(asked.as_config(digits.load())))
    assert plan.settings_of(config) == asked.settings()
    assert (config["dataset"], config["dataset_name"]) == ("digits (embedded)", "digits")
    longer = plan.make(AUGMENTED, seed=3, order_seed=4, precision="bfloat16", epochs=101)
    assert longer.settings() == asked.settings()
    assert plan.make(AUGMENTED, seed=3).settings() != asked.settings()


@pytest.mark.parametrize("value", [64, 64.0, np.int64(64), np.float32(64), np.array(64)])
def test_whole_numbers_are_taken_from_a_notebook(value):
    asked = plan.make("mnist-three-block", epochs=value, batch_size=value, seed=value)
    assert asked.recipe == plan.make("mnist-three-block", epochs=64, batch_size=64).recipe
    assert type(asked.seeds.run) is type(asked.recipe.epochs) is int
    assert type(plan.make("mnist-three-block", learning_rate=1).recipe.learning_rate) is float


@pytest.mark.parametrize(
    ("names", "values", "must"),
    [
        (["epochs", "batch_size"], [0, -1, 1.5, np.nan, np.inf, True, "3", [3], np.array([3])],
         "a whole number at least 1"),
        (["seed", "weights_seed", "order_seed"], [-1, 2**32, 10**400, 0.5, np.int64(-1)],
         "a whole number from 0 to 4294967295"),
        (["learning_rate"], [0, -1, 10**400, np.nan, np.inf, True, "0.1"], "a positive number"),
    ],
)  # fmt: skip
def test_other_numbers_are_refused(names, values, must):
    for name, value in itertools.product(names, values):
        with pytest.raises(UserError, match=rf"^{name} must be {must}, got "):
            plan.make("mnist-three-block", **{name: value})


def test_a_wrong_value_is_shown_in_brief():
    with pytest.raises(UserError) as caught:
        plan.make("mnist-three-block", optimizer="x" * 10_000)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("name", [name for name in recipes.RECIPES if name != AUGMENTED])
def test_legacy_augmentation_is_for_its_recipe_alone(name):
    with pytest.raises(UserError, match=f"only for {AUGMENTED}; omit it for {name}$"):
        plan.make(name, augmentation="2017")


def test_folders_may_split_cats_and_dogs_and_the_book_split_otherwise():
    asked = plan.make(AUGMENTED, splits="folders")
    book = recipes.get(AUGMENTED).data_options
    assert asked.recipe.data_options == book | {"splits": "folders"}
    split_by_itself = plan.make(AUGMENTED).as_config(
        dataclasses.replace(digits.load(), fingerprint={"split": "folders"})
    )
    for changed in (asked.differences(), split_by_itself["changed"]):
        assert list(changed) == ["splits"]
        assert changed["splits"]["run"] == "folders"
    with pytest.raises(UserError, match="only for cats and dogs; omit it"):
        plan.make("mnist-three-block", splits="folders")
    with pytest.raises(UserError, match="splits must be one of folders, got thirds"):
        plan.make(AUGMENTED, splits="thirds")


def test_a_recipe_trains_on_its_own_kind_of_data():
    assert plan.make("mnist-three-block", dataset="digits").dataset == "digits"
    with pytest.raises(UserError, match=r"choose cats-vs-dogs$"):
        plan.make(AUGMENTED, dataset="mnist")


def test_a_command_shows_parameters_as_flags():
    with pytest.raises(UserError) as caught:
        plan.make("mnist-three-block", learning_rate=-1)
    assert str(caught.value) == "learning_rate must be a positive number, got -1"
    flags = "--learning-rate must be a positive number, got -1"
    assert caught.value.in_terms_of_flags() == flags
