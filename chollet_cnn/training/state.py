"""The state of a run while it is trained, and how it reaches the disk after every epoch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from chollet_cnn.book.recipes import LOWEST_VALIDATION_LOSS
from chollet_cnn.data import Dataset
from chollet_cnn.errors import UserError, parameter
from chollet_cnn.training import checkpoints, distribution, runs, seeding
from chollet_cnn.training.checkpoints import Checkpoint
from chollet_cnn.training.distribution import Shares
from chollet_cnn.training.resuming import EXTEND, NEW, OVERWRITE, RESUME, Request


@dataclass(frozen=True)
class Job(Request):
    """A request that can be carried out: with its images, and how and where it begins."""

    data: Dataset
    environment: dict[str, Any]
    beginning: str
    shares: Shares | None
    """The devices among which every batch is divided, if there are several."""

    @property
    def config(self) -> dict[str, Any]:
        """The content of ``config.json``."""
        return self.plan.as_config(self.data) | {"keep_weights": self.keep_weights}


class State:
    """The network and the optimizer of a run, and its checkpoint."""

    def __init__(self, job: Job, model: keras.Model, optimizer: keras.Optimizer) -> None:
        """Begin with the state that the network and the optimizer have."""
        self.job, self.model, self.optimizer = job, model, optimizer
        self.variables = [*model.variables, *optimizer.variables]
        self.checkpoint = Checkpoint()
        self.open = job.beginning in (NEW, RESUME)
        self.identity = job.plan.settings() | {
            "backend": job.environment["backend"],
            "data": job.environment["data"]["sha256"],
        }

    @property
    def selects(self) -> bool:
        """Whether the recipe tests the weights with the lowest validation loss."""
        return self.job.plan.recipe.judged_by == LOWEST_VALIDATION_LOSS

    def restore(self) -> None:
        """Go back to the last checkpoint on the disk, if there is one."""
        best = self.model.get_weights() if self.selects else []
        like = Checkpoint([], self.arrays(), best)
        found = checkpoints.read(self.job.path, self.identity, like, distribution.from_first)
        if self.job.beginning == EXTEND and not found.rows:
            raise UserError(
                f"the run in {self.job.path} has no checkpoint to go on from; "
                f"{parameter('overwrite=True')} trains it anew"
            )
        epochs = self.job.plan.recipe.epochs
        if len(found.rows) > epochs:
            raise UserError(
                f"epoch {len(found.rows)} of the run in {self.job.path} is finished already; "
                f"{parameter('epochs')} must be at least {len(found.rows)}, or "
                f"{parameter('overwrite=True')} begins it again"
            )
        self.checkpoint = found
        self.assign()
        self.keep_weights()  # an interruption may have come before they were written
        steps = sum(len(self.batches(epoch)) for epoch in range(len(found.rows)))
        if found.rows and int(self.optimizer.iterations.value) != steps:
            raise UserError(
                f"{self.job.path / checkpoints.FILE} cannot be used (its steps are not those of "
                f"epoch {len(found.rows)}); begin the run again with "
                f"{parameter('overwrite=True')}"
            )

    def assign(self) -> None:
        """Give the network and the optimizer the state of the checkpoint."""
        arrays = self.checkpoint.variables
        for variable, array in zip(self.variables, arrays, strict=bool(arrays)):
            variable.assign(array)

    def save(self, row: dict[str, float]) -> None:
        """Keep the state after an epoch, and write it to the disk."""
        rows, best = self.checkpoint.rows, self.checkpoint.best_weights
        if self.selects and row["val_loss"] < min((r["val_loss"] for r in rows), default=math.inf):
            best = self.model.get_weights()
        job, rows = self.job, [*rows, row]
        self.checkpoint = Checkpoint(rows, self.arrays(), best)
        if not job.first:
            return
        if not self.open:  # until the first new epoch is on the disk, the old run is whole
            checkpoints.write(job.path, self.checkpoint, self.identity)
            self.open_run()
            self.keep_weights()
            return
        runs.write_history(job.path, rows)
        self.keep_weights()
        # Last, so that a run cut off in between does this epoch again instead of losing its row.
        checkpoints.write(job.path, self.checkpoint, self.identity)

    def keep_weights(self) -> None:
        """Keep the weights after the last epoch in a file of their own, if the run keeps them."""
        epoch = len(self.checkpoint.rows)
        if self.job.keep_weights and self.job.first and epoch:
            runs.write_epoch_weights(self.job.path, epoch, self.model.get_weights())

    def open_run(self) -> None:
        """Let the run directory be this run's, if it holds a finished or another one."""
        job = self.job
        if job.first and not self.open:
            runs.reopen(job.path, job.config, job.environment, anew=job.beginning == OVERWRITE)
            runs.write_history(job.path, self.checkpoint.rows)
            self.open = True

    def is_finite(self) -> bool:
        """Return whether every number in the state is finite: no epoch can go on from others."""
        return all(np.isfinite(array).all() for array in self.arrays())

    def arrays(self) -> list[np.ndarray]:
        """Return the state of the network and the optimizer."""
        return [keras.ops.convert_to_numpy(variable.value) for variable in self.variables]

    def batches(self, epoch: int) -> list[np.ndarray]:
        """Return which training images each batch of an epoch holds."""
        recipe, count = self.job.plan.recipe, len(self.job.data.train)
        order = self.job.plan.seeds.order
        return seeding.batches(order, epoch, count, recipe.batch_size, recipe.steps_per_epoch)
