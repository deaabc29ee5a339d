"""Without a run: how to get one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chollet_cnn.page.trained_model import TrainedModel


def content(models: Sequence[TrainedModel]) -> dict[str, Any] | None:
    """Return nothing to fill in, or None where there are runs to show."""
    return None if models else {}
