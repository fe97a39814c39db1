"""Files that are left out, and the message about them."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from ..text import counted

__all__ = ["Problem", "log_left_out"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Problem:
    """A file that was left out of a dataset, or of a computation over it, and why."""

    path: str
    reason: str

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


def log_left_out(name: str, count: int) -> None:
    """Log in one line how many files were left out, if any."""
    if count:
        files = counted(count, "file was", "files were")
        _log.warning("%s: %s left out; dataset.problems says why", name, files)
