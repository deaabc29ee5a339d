"""Hand training runs to a Ray cluster, a task for each run.

Ray finds the machines, sends them this package, spreads the runs over their cores and starts a run
again whose machine was lost; scripts/run_seeds.py --cluster uses it. Keras and a backend are to be
installed on every machine, and the data to lie where CHOLLET_CNN_DATA says on each.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import chollet_cnn
from chollet_cnn.errors import UserError
from chollet_cnn.training import environment

CORES_A_RUN = 2
"""As the recorded runs had; more would help these small networks little."""
HANDED_ON = ("CHOLLET_CNN_DATA", "CHOLLET_CNN_CACHE", "KERAS_BACKEND")


def train_on(address: str, jobs: list[dict]) -> Iterator[tuple[dict, dict]]:
    """Train every job somewhere on a cluster; yield it and its outcome when it is finished.

    Args:
        address: of the cluster, as ``ray.init`` takes it; ``local`` starts one on this machine.
        jobs: each the arguments of :func:`chollet_cnn.train.train`.

    Raises:
        UserError: if Ray is not installed or not reached, or a run could not be trained.
    """
    try:
        import ray
    except ModuleNotFoundError as problem:
        raise UserError('--cluster needs Ray; install it: pip install -e ".[cluster]"') from problem

    variables = environment.limit_threads(CORES_A_RUN)
    variables |= {name: os.environ[name] for name in HANDED_ON if name in os.environ}
    local = address == "local"
    try:
        _knock(address)
        ray.init(
            address=address,
            num_cpus=max(CORES_A_RUN, os.cpu_count() or 1) if local else None,
            include_dashboard=False if local else None,
            log_to_driver=False,
            runtime_env={
                "py_modules": [str(Path(chollet_cnn.__file__).parent)],
                "env_vars": variables,
            },
        )
    except (OSError, ValueError, RuntimeError) as problem:
        raise UserError(
            f"no Ray cluster is reached at {address} ({problem}); `ray start --head` prints the "
            "address of the one that it starts, such as 10.0.0.5:6379"
        ) from problem

    # A worker trains once and ends, so that no run meets what another left behind in its process.
    @ray.remote(num_cpus=CORES_A_RUN, max_calls=1, max_retries=2)
    def train_one(job: dict) -> dict:
        import tempfile

        from chollet_cnn.evidence import records as recorded
        from chollet_cnn.training.trainer import train

        with tempfile.TemporaryDirectory() as folder:
            return recorded.outcome(train(**job, out=folder))

    try:
        running = {train_one.remote(job): job for job in jobs}
        while running:
            (finished,), _ = ray.wait(list(running))
            job = running.pop(finished)
            try:
                yield job, ray.get(finished)
            except ray.exceptions.RayError as problem:
                cause = str(getattr(problem, "cause", None) or problem).strip().splitlines()[-1]
                raise UserError(
                    f"{job['recipe']} with seed {job['seed']} was not trained: {cause}; what was "
                    "finished is recorded, and the same command goes on"
                ) from problem
    finally:
        ray.shutdown()


def _knock(address: str) -> None:
    """Raise OSError if nobody listens at an address; Ray would try for minutes."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if colon and port.isdigit():
        socket.create_connection((host, int(port)), timeout=10).close()
