"""Classes of photos, sides of a split, and how far files are checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..text import unicode_text

__all__ = ["NO_LABEL", "PARTS", "Check", "Label", "Part"]

Part = Literal["train", "test", "validation"]
PARTS: tuple[Part, ...] = ("train", "test", "validation")

Check = Literal["full", "header", "none"]

NO_LABEL = -1
"""The class number of a photo without a label."""


@dataclass(frozen=True)
class Label:
    r"""A class that a photo can belong to.

    Parameters
    ----------
    name : str
        Text in Unicode. What is none, such as a byte of a folder's name that is no UTF-8, is
        written out: ``na\xff``. So the name can go into every file and to every program.
    """

    name: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", unicode_text(self.name))

    def __str__(self) -> str:
        return self.name
