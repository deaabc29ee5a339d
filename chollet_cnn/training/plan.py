"""What will be trained: a recipe, what is changed in it, the seeds, the precision and the device.

Everything about settings is here: they are checked, compared with the book, and compared with those
that a run was begun with.
"""

from __future__ import annotations

import dataclasses
import json
import math
import numbers
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from chollet_cnn.book import recipes
from chollet_cnn.book.recipes import Recipe
from chollet_cnn.errors import UserError, parameter

if TYPE_CHECKING:
    from chollet_cnn.data import Dataset

DEVICES = ("auto", "cpu", "gpu")
PRECISIONS = ("float32", "bfloat16")
LARGEST_SEED = 2**32 - 1
WORDS = ("title", "notes")
"""Fields of a recipe that may be reworded without making it another run."""


class Diverged(UserError):  # noqa: N818
    """An epoch's loss, or the state after it, was infinite or not a number; training stopped.

    The run directory holds what the epochs before it reached, if there were any.
    """

    status = 1

    @classmethod
    def in_epoch(cls, epoch: int, planned: Plan, kept: str) -> Self:
        """Return the error for an epoch of a plan; ``kept`` says what the run directory holds."""
        return cls(
            f"training diverged in epoch {epoch}, its numbers are not finite; try a "
            f"{parameter('learning_rate')} below {planned.recipe.learning_rate:g} ({kept})"
        )


class Seeds(NamedTuple):
    """What decides the randomness of a run: one seed, unless a part is given its own."""

    run: int
    weights: int
    order: int


@dataclass(frozen=True)
class Plan:
    """Everything that decides what a run computes, on given data and in a given environment."""

    base: Recipe
    """The recipe that was asked for."""
    recipe: Recipe
    """The same with the settings that were changed."""
    seeds: Seeds
    precision: str
    device: str
    """``auto``, ``cpu`` or ``gpu``."""
    dataset: str
    """The name of the data set to train on."""

    def differences(self) -> dict[str, dict[str, object]]:
        """Return how the run differs from the book, ``{what: {"recipe": ..., "run": ...}}``."""
        book = recipes.RECIPES.get(self.base.name)
        changed = {}
        if book is None:
            changed["recipe"] = {"recipe": "one of the book's", "run": self.base.name}
        book = book or self.base
        then, now = _settings_of(book), _settings_of(self.recipe)
        for name in then | now:
            changed |= _difference(name, then.get(name), now.get(name))
        if "augmentation" in changed and then.get("augmentation") is True:
            changed["augmentation"]["recipe"] = "Keras 3's layers"
        changed |= _difference("dataset", book.dataset, self.dataset)
        changed |= _difference("precision", "float32", self.precision)
        changed |= _difference("weights_seed", self.seeds.run, self.seeds.weights)
        return changed | _difference("order_seed", self.seeds.run, self.seeds.order)

    def as_config(self, data: Dataset) -> dict[str, Any]:
        """Return the content of ``config.json``, as it reads back."""
        config = {
            "recipe": self.recipe.name,
            "title": self.recipe.title,
            "seed": self.seeds.run,
            "dataset": data.title,
            "dataset_name": data.name,
            "classes": list(data.classes),
            "changed": self.differences() | self._folders_split(data),
            "precision": self.precision,
            "watched": "validation set" if data.validation else "test set",
            "settings": dataclasses.asdict(self.recipe),
        }
        return json.loads(json.dumps(config))

    def _folders_split(self, data: Dataset) -> dict[str, dict[str, object]]:
        """Return the change of splits where the folders of the data made them."""
        if data.fingerprint.get("split") != "folders":
            return {}
        return _difference("splits", self.base.data_options.get("splits"), "folders")

    def settings(self) -> dict[str, object]:
        """Return the settings that decide the bits, in the form of :func:`settings_of`."""
        return settings_of(
            {
                "seed": self.seeds.run,
                "changed": self.differences(),
                "precision": self.precision,
                "settings": json.loads(json.dumps(dataclasses.asdict(self.recipe))),
            }
        )


def settings_of(config: dict[str, Any]) -> dict[str, object]:
    """Return the settings of a run that decide its bits, from its ``config.json``.

    The number of epochs is not among them: a shorter run is the beginning of a longer one.
    """
    settings = config.get("settings", {})
    found = {k: v for k, v in settings.items() if k not in {"epochs", *WORDS}}
    found["seed"], found["precision"] = config.get("seed"), config.get("precision")
    for part in ("weights_seed", "order_seed"):
        found[part] = config.get("changed", {}).get(part, {}).get("run", found["seed"])
    return found


def make(
    recipe: str | Recipe,
    *,
    dataset: str | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    optimizer: str | None = None,
    augmentation: str | None = None,
    splits: str | None = None,
    seed: int = 0,
    weights_seed: int | None = None,
    order_seed: int | None = None,
    device: str = "auto",
    precision: str = "float32",
) -> Plan:
    """Check what was asked for and return the plan of a run.

    Args:
        recipe: a recipe or the name of one of the book's; the other arguments are those of
            :func:`chollet_cnn.training.trainer.train_network`.

    Raises:
        UserError: if a value cannot be used; the message names the parameter.
    """
    from chollet_cnn.data import default_options  # with NumPy, which --help does not wait for

    base = recipe if isinstance(recipe, Recipe) else recipes.get(recipe)
    # Whole in the files of a run, which are read without the loader's defaults.
    base = replace(base, data_options=default_options(base.dataset) | base.data_options)
    changed = replace(
        base,
        epochs=whole_number("epochs", base.epochs if epochs is None else epochs),
        batch_size=whole_number(
            "batch_size", base.batch_size if batch_size is None else batch_size
        ),
        learning_rate=_positive(
            "learning_rate", base.learning_rate if learning_rate is None else learning_rate
        ),
        optimizer=_choice("optimizer", optimizer or base.optimizer, recipes.OPTIMIZERS),
        network_options=_augmented(base, augmentation),
        data_options=_split(base, splits),
    )
    run_seed = _seed("seed", seed)
    return Plan(
        base=base,
        recipe=changed,
        seeds=Seeds(
            run_seed,
            run_seed if weights_seed is None else _seed("weights_seed", weights_seed),
            run_seed if order_seed is None else _seed("order_seed", order_seed),
        ),
        precision=_choice("precision", precision, PRECISIONS),
        device=_choice("device", device, DEVICES),
        dataset=_dataset(base, dataset),
    )


def whole_number(name: str, value: object, least: int = 1, most: float = math.inf) -> int:
    """Return a parameter as an int; NumPy's integers and floats such as 64.0 are taken too.

    Raises:
        UserError: if it is not a whole number from ``least`` to ``most``.
    """
    number = _plain_number(value)
    whole = isinstance(number, int) or (number is not None and float(number).is_integer())
    if whole and least <= number <= most:
        return int(number)
    bounds = f"at least {least}" if most == math.inf else f"from {least} to {most}"
    raise UserError(f"{parameter(name)} must be a whole number {bounds}, got {_brief(value)}")


def devices(value: object) -> int | str:
    """Return a number of devices, or ``all``.

    Raises:
        UserError: if it is neither.
    """
    return value if value == "all" else whole_number("devices", value)


def _seed(name: str, value: object) -> int:
    return whole_number(name, value, 0, LARGEST_SEED)


def _positive(name: str, value: object) -> float:
    number = _plain_number(value)
    with suppress(OverflowError, TypeError):  # a number larger than any float, or none
        if 0 < float(number) < math.inf:
            return float(number)
    raise UserError(f"{parameter(name)} must be a positive number, got {_brief(value)}")


def _plain_number(value: object) -> float | None:
    """Return a number, also one of NumPy's, and None for anything else."""
    number = value.item() if hasattr(value, "item") and getattr(value, "ndim", 0) == 0 else value
    return number if isinstance(number, numbers.Real) and not isinstance(number, bool) else None


def _choice(name: str, value: object, choices: tuple[str, ...] | dict[str, Any]) -> str:
    if not isinstance(value, str) or value not in choices:
        raise UserError(
            f"{parameter(name)} must be one of {', '.join(choices)}, got {_brief(value)}"
        )
    return value


def _brief(value: object) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _augmented(recipe: Recipe, augmentation: str | None) -> dict[str, Any]:
    """Return the network's options with the augmentation that was asked for."""
    if augmentation is None:
        return recipe.network_options
    _choice("augmentation", augmentation, recipes.AUGMENTATIONS)
    fitting = recipes.AUGMENTATIONS[augmentation]
    if recipe.name not in fitting:
        raise UserError(
            f"{parameter('augmentation')}={augmentation} is only for {' and '.join(fitting)}; "
            f"omit it for {recipe.name}"
        )
    return recipe.network_options | {"augmentation": augmentation}


def _split(recipe: Recipe, splits: str | None) -> dict[str, Any]:
    """Return how the images are resized and split, with the splits that were asked for."""
    if splits is None:
        return recipe.data_options
    _choice("splits", splits, ("folders",))
    if "splits" not in recipe.data_options:
        raise UserError(f"{parameter('splits')}={splits} is only for cats and dogs; omit it")
    return recipe.data_options | {"splits": splits}


def _dataset(recipe: Recipe, dataset: str | None) -> str:
    """Return the data set to train on: MNIST recipes take the embedded digits too."""
    fitting = ("mnist", "digits") if recipe.dataset == "mnist" else (recipe.dataset,)
    if dataset is not None and dataset not in fitting:
        raise UserError(
            f"the recipe {recipe.name} cannot be trained on {parameter('dataset')}={dataset}; "
            f"choose {' or '.join(fitting)}"
        )
    return dataset or recipe.dataset


def _settings_of(recipe: Recipe) -> dict[str, object]:
    """Return what of a recipe decides a run, its data set aside, and the options one by one."""
    found = {k: v for k, v in vars(recipe).items() if k not in {"dataset", *WORDS}}
    options = found.pop("network_options") | found.pop("data_options")
    return found | options


def _difference(name: str, book: object, run: object) -> dict[str, dict[str, object]]:
    same = json.dumps(book) == json.dumps(run)
    return {} if same else {name: {"recipe": book, "run": run}}
