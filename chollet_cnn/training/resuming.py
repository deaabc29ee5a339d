"""How a run begins in a directory that may hold one: anew, going on, or not at all."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chollet_cnn.errors import UserError, parameter
from chollet_cnn.training import checkpoints, environment, plan, run_files, runs
from chollet_cnn.training.machines import Group
from chollet_cnn.training.plan import Plan

NEW, OVERWRITE, RESUME, EXTEND, FINISHED = "new", "overwrite", "resume", "extend", "finished"


@dataclass(frozen=True)
class Request:
    """What :func:`chollet_cnn.training.trainer.train_network` was asked for, checked."""

    plan: Plan
    dataset: str | None
    """The name of the data set, if it was given one."""
    data_dir: str | Path | None
    path: Path
    """The run directory."""
    devices: int | str
    group: Group | None
    resume: bool
    overwrite: bool
    keep_weights: bool
    tensorboard: bool
    quiet: bool

    @property
    def first(self) -> bool:
        """Whether this is the process that writes the run."""
        return self.group is None or self.group.index == 0


def how_to_begin(
    path: Path,
    planned: Plan,
    resume: bool,
    overwrite: bool,
    surroundings: dict[str, Any] | None = None,
) -> str:
    """Say how a run begins in a directory.

    Args:
        path: the run directory.
        planned: what is to be trained there.
        resume: whether an unfinished run may be taken up, or a finished one trained further.
        overwrite: whether what is there may be replaced.
        surroundings: the environment of this process, once it is known.

    Raises:
        UserError: if the run that is there would be lost, or is another one.
    """
    finished = runs.is_finished(path)
    if not (finished or runs.is_begun(path)):
        return NEW
    if overwrite:
        return OVERWRITE
    if not (finished or resume):
        raise UserError(
            f"{path} holds an unfinished run; {parameter('resume=True')} goes on with it, "
            f"{parameter('overwrite=True')} replaces it, another {parameter('out')} puts this one "
            "elsewhere"
        )
    config = run_files.read(path, "config")
    then, now = plan.settings_of(config), planned.settings()
    differing = [name for name in now if then.get(name) != now[name]]
    begun, wanted = config["settings"]["epochs"], planned.recipe.epochs
    if finished and (wanted < begun or (wanted != begun and not resume)):
        differing.append("epochs")
    if surroundings:
        going_on = not finished or wanted != begun
        differing += _differing_environment(path, surroundings, going_on)
    if differing:
        only_longer = differing == ["epochs"] and wanted > begun
        more = f", {parameter('resume=True')} trains on to more epochs" if only_longer else ""
        raise UserError(
            f"the run in {path} was begun with other settings ("
            f"{', '.join(name.replace('_', ' ') for name in differing)}); "
            f"{parameter('overwrite=True')} replaces it, another {parameter('out')} puts this one "
            f"elsewhere{more}"
        )
    if not finished:
        return RESUME
    return FINISHED if wanted == begun else EXTEND


def _differing_environment(path: Path, now: dict[str, Any], going_on: bool) -> list[str]:
    """Return what of the data and the environment differs from that of the run in ``path``.

    A run that is going on must find everything that decides its bits; a finished one has them.
    """
    if not ((path / "environment.json").is_file() or (path / checkpoints.FILE).is_file()):
        return []  # it was cut off before it had computed anything
    then = run_files.read(path, "environment")
    differing = list(environment.differing_settings(then, now))
    same_data = environment.same_images(then["data"], now["data"])
    if not going_on:
        differing = [name for name in differing if name in ("backend", "device")]
    return differing + ([] if same_data else ["data"])
