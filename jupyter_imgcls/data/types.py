"""Classes of photos, sides of a split, and how far files are checked."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from ..text import unicode_text

__all__ = ["NO_LABEL", "PARTS", "Check", "Label", "Part", "Parts", "given_sides"]

Part = Literal["train", "test", "validation"]
PARTS: tuple[Part, ...] = ("train", "test", "validation")


class Parts(list[Part | None]):
    """The side of a given split of each photo.

    As text it is the number of photos on each side, ``"244 train, 154 validation"``; empty where
    there is no given split.
    """

    def counts(self) -> dict[Part, int]:
        """Number of photos on each side that has any."""
        return {part: n for part in PARTS if (n := self.count(part))}

    def __str__(self) -> str:
        return ", ".join(f"{n:,} {part}" for part, n in self.counts().items())

    def __repr__(self) -> str:
        given, without = str(self), self.count(None)
        if not given:
            return "<Parts: no given split>"
        return f"<Parts: {given}{f', {without:,} without' if without else ''}>"


def given_sides(parts: Collection[Part | None]) -> tuple[Part, Part] | None:
    """Which parts are for training and for testing, where the photos came divided; else None."""
    for test in ("test", "validation"):
        if "train" in parts and test in parts:
            return "train", test
    return None


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
