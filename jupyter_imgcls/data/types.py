"""Classes of photos, sides of a split, and how far files are checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["NO_LABEL", "PARTS", "Check", "Label", "Part"]

Part = Literal["train", "test", "validation"]
PARTS: tuple[Part, ...] = ("train", "test", "validation")

Check = Literal["full", "header", "none"]

NO_LABEL = -1
"""The class number of a photo without a label."""


@dataclass(frozen=True)
class Label:
    """A class that a photo can belong to."""

    name: str

    def __str__(self) -> str:
        return self.name
