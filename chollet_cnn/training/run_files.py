"""What the files of a run must hold; they are checked where they are read.

A run may come from somebody else, from another version of this package or from a damaged disk. Each
file has a model here, and whatever does not fit it is refused with a sentence that names the file
and the field. Keys that a model does not know are kept: a newer version may have written them. The
first versions did not record those that have a value here.
"""

from __future__ import annotations

import csv
import json
import math
import re
import zipfile
import zlib
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    model_serializer,
    model_validator,
)

from chollet_cnn.book.recipes import OPTIMIZERS
from chollet_cnn.data import scaling
from chollet_cnn.errors import UNPRINTABLE, UserError, first_line, parameter

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
"""What a recipe's name may be, since it becomes the name of a folder."""
DEEPEST = 20
"""How many objects and lists of a JSON file may be inside one another."""
LARGEST_FILE = 64 << 20
"""Bytes; 25,000 damaged pictures, each with a reason, take 3 MiB in ``environment.json``."""
LARGEST_INTEGER = 2**63
DAMAGES = (
    OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, RuntimeError,
    RecursionError, MemoryError, SyntaxError, zlib.error, zipfile.BadZipFile,
)  # fmt: skip
"""What NumPy raises for a damaged file."""


def _plain_name(text: str) -> str:
    if not NAME.fullmatch(text):
        raise ValueError("it may have letters, digits, '-', '_' and '.' only")
    return text


def _distinct(names: list[str]) -> list[str]:
    if len(set(names)) != len(names):
        raise ValueError("two classes have the same name")
    return names


PlainName = Annotated[str, AfterValidator(_plain_name)]
Count = Annotated[int, Field(ge=0)]
Number = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1)]
Side = Annotated[int, Field(ge=1, le=4096)]


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, extra="allow", allow_inf_nan=False)


class DataOptions(_Part):
    """How the images of a run were scaled and split; empty for digits."""

    image_size: Annotated[list[Side], Field(min_length=2, max_length=2)] | None = None
    resize: Literal[scaling.WAYS] = "bilinear"
    splits: dict[str, Annotated[list[Count], Field(min_length=2, max_length=2)]] | str = ""

    @model_validator(mode="after")
    def _has_a_size(self) -> Self:
        if self.model_fields_set and self.image_size is None:
            raise ValueError("it has no image_size")
        return self

    @model_serializer
    def _given(self) -> dict[str, Any]:
        given = self.model_fields_set | ({"resize"} if self.image_size else set())
        return {name: value for name, value in self if name in given}


class Settings(_Part):
    """The recipe of a run, as far as others read it."""

    dataset: PlainName
    network: str = "unknown"
    judged_by: str = "last epoch"
    epochs: Number
    batch_size: Number | None = None
    learning_rate: Annotated[float, Field(gt=0)] | None = None
    optimizer: Literal[tuple(OPTIMIZERS)] | None = None
    steps_per_epoch: Number | None = None
    network_options: dict[str, Any] = {}
    data_options: DataOptions = DataOptions()


class Change(_Part):
    """What differs from the book."""

    recipe: Any
    run: Any


class Config(_Part):
    """``config.json``."""

    recipe: PlainName
    title: Annotated[str, Field(max_length=1000)]
    seed: Count
    dataset: str
    classes: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=1000)]],
        Field(min_length=2, max_length=1000),
        AfterValidator(_distinct),
    ]
    changed: dict[str, Change]
    watched: str
    settings: Settings

    @model_validator(mode="after")
    def _has_seeds(self) -> Self:
        for name in ("weights_seed", "order_seed"):
            seed = self.changed[name].run if name in self.changed else 0
            if type(seed) is not int or seed < 0:
                raise ValueError(f"changed.{name} is not a whole number")
        return self


class BookPictures(_Part):
    """How many images look like the book's."""

    match: Count
    of: Count


class Fingerprint(_Part):
    """Which images a run was trained and tested on."""

    dataset: str = "unknown"
    sha256: str
    pictures: dict[str, Count] = {}
    note: str = ""
    split: str = "numbers"
    book_pictures: BookPictures | None = None


class Environment(_Part):
    """``environment.json``."""

    backend: PlainName = "unknown"
    device: PlainName
    device_name: str
    devices: Number = 1
    processes: Number = 1
    processor: str
    cores: Count = 0
    versions: dict[str, str] = {}
    numerics: dict[str, Any] = {}
    data: Fingerprint


class Published(_Part):
    """The figure of the book that a run is compared with."""

    quantity: Literal["test_accuracy", "val_accuracy"]
    value: Share
    step: Annotated[float, Field(gt=0, le=1)] = 0.0001
    source: str = "the book"


class Metrics(_Part):
    """``metrics.json``."""

    test_accuracy: Share
    test_loss: float | None = None
    last_epoch_test_accuracy: Share | None = None
    val_accuracy: Share | None = None
    val_loss: float | None = None
    parameters: Count
    epochs: Number
    judged_epoch: Number | None = None
    best_epoch: Number | None = None
    train_seconds: Annotated[float, Field(ge=0)]
    published: Published | None
    dataset: str
    test_pictures: Number
    weights_sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None
    diverged_epoch: Number | None = None

    @model_validator(mode="after")
    def _belongs_together(self) -> Self:
        self.judged_epoch = self.judged_epoch or self.epochs
        for name in ("judged_epoch", "best_epoch"):
            if (getattr(self, name) or 0) > self.epochs:
                raise ValueError(f"{name} is {getattr(self, name)} of {self.epochs} epochs")
        if self.published and getattr(self, self.published.quantity) is None:
            raise ValueError(f"published is a {self.published.quantity}, which the run has not")
        return self


class Row(BaseModel):
    """A row of ``history.csv``; its numbers come as text and read back bit for bit."""

    model_config = ConfigDict(allow_inf_nan=False)

    epoch: Number
    loss: float
    accuracy: Share
    val_loss: float
    val_accuracy: Share
    seconds: Annotated[float, Field(ge=0)]


def _numbered(rows: list[Row]) -> list[Row]:
    if [row.epoch for row in rows] != list(range(1, len(rows) + 1)):
        raise ValueError("its epochs are not 1, 2, 3 and so on")
    return rows


COLUMNS = tuple(Row.model_fields)
"""The columns of ``history.csv``."""
HISTORY = TypeAdapter(Annotated[list[Row], AfterValidator(_numbered)])
MODELS = {"config": Config, "environment": Environment, "metrics": Metrics}


def read(path: Path, name: str) -> dict[str, Any]:
    """Read a JSON file of the run in ``path``.

    Args:
        path: the run directory.
        name: that of the file without ``.json``, a key of :data:`MODELS`.

    Raises:
        UserError: if it is missing or damaged.
    """
    file = path / f"{name}.json"
    return _checked(file, TypeAdapter(MODELS[name]), read_json(file))


def read_history(path: Path, epochs: int) -> list[dict[str, float]]:
    """Read the ``history.csv`` of the run in ``path``, which has a row for each of its epochs.

    Raises:
        UserError: if it is missing or damaged, or has another number of rows.
    """
    file = path / "history.csv"
    try:
        rows = list(csv.DictReader(_text(file).splitlines(), restkey="more", strict=True))
    except csv.Error as problem:
        raise unreadable(file, problem) from problem
    if len(rows) != epochs:
        raise unreadable(file, f"it has {len(rows)} rows, and metrics.json {epochs} epochs")
    return _checked(file, HISTORY, rows)


def _checked(file: Path, kind: TypeAdapter, content: Any) -> Any:  # noqa: ANN401
    """Return the content of a file with what it leaves out, if it is as it must be."""
    try:
        return kind.dump_python(kind.validate_python(content))
    except ValidationError as problem:
        raise unreadable(file, _first_fault(problem)) from problem


def _first_fault(problem: ValidationError) -> str:
    first = problem.errors(include_url=False, include_input=False)[0]
    where = ".".join(map(str, first["loc"]))
    what = first["msg"].removeprefix("Value error, ")
    return f"{where}: {what}" if where else what


def check_config(content: dict[str, Any]) -> None:
    """Refuse settings before a run is trained with them that could not be read again after it.

    Raises:
        UserError: a value is too large, too long or of a wrong kind.
    """
    try:
        written = for_json(content)
        _check_values(written)
        Config.model_validate(written)
    except ValueError as problem:
        why = _first_fault(problem) if isinstance(problem, ValidationError) else problem
        raise UserError(f"a run with these settings cannot be recorded ({why})") from problem


def read_json(file: Path) -> dict[str, Any]:
    """Read one of a run's JSON files.

    Raises:
        UserError: if it is missing, damaged, nested deeply, or has text that cannot be printed or
            numbers that are not finite.
    """
    try:
        content = json.loads(_text(file))
        _check_values(content)
    except (ValueError, RecursionError) as problem:
        raise unreadable(file, problem) from problem
    if not isinstance(content, dict):
        raise unreadable(file, "it is not a JSON object")
    return content


def _text(file: Path) -> str:
    try:
        if not file.is_file():
            raise unreadable(file, "there is no such file")
        if file.stat().st_size > LARGEST_FILE:
            raise unreadable(file, f"it has more than {LARGEST_FILE:,} bytes")
        return file.read_text(encoding="utf-8")
    except (OSError, ValueError) as problem:
        raise unreadable(file, problem) from problem


def _check_values(content: object) -> None:
    """Refuse what would be a surprise wherever it is used, whatever its field."""
    left: list[tuple[str, object, int]] = [("", content, 1)]
    while left:
        where, value, depth = left.pop()
        if depth > DEEPEST:
            raise ValueError(f"it is nested more than {DEEPEST} deep")
        if isinstance(value, dict):
            left += [("a name", key, depth) for key in value]
            left += [(key, inner, depth + 1) for key, inner in value.items()]
        elif isinstance(value, list):
            left += [(where, inner, depth + 1) for inner in value]
        elif isinstance(value, str) and UNPRINTABLE.search(value):
            raise ValueError(f"{where}: it has characters that cannot be printed")
        elif isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"{where}: it is not finite")
        elif isinstance(value, int) and abs(value) >= LARGEST_INTEGER:
            raise ValueError(f"{where}: it is too large")


def for_json(content: object) -> object:
    """Return content for a JSON file that :func:`read_json` takes.

    NaN and infinities become null, and characters that cannot be printed ``?``.
    """
    if isinstance(content, dict):
        return {for_json(key): for_json(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [for_json(value) for value in content]
    if isinstance(content, str):
        return UNPRINTABLE.sub("?", content)
    return None if isinstance(content, float) and not math.isfinite(content) else content


def unreadable(file: Path, problem: Exception | str) -> UserError:
    """Return the error for a damaged file of a run."""
    return UserError(
        f"{file} cannot be read ({first_line(problem)}); train the run again with "
        f"{parameter('overwrite=True')}"
    )
