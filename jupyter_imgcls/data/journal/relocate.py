"""Plan which photos move to which class folders."""

from __future__ import annotations

import os
from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path

from ...errors import DatasetError
from ...files import free_name, is_folder_name
from ...text import counted
from ..image import Images
from ..table import PhotoTable
from ..types import Label

__all__ = ["CommitPlan", "Move", "plan_moves"]

_SHOWN = 20


@dataclass(frozen=True)
class Move:
    """A file, and where it goes; both absolute paths."""

    source: str
    target: str

    def __str__(self) -> str:
        return f"{self.source} → {self.target}"


@dataclass(frozen=True)
class CommitPlan:
    """What `Journal.commit` does or would do.

    Attributes
    ----------
    moves : tuple of Move
        The files that are moved.
    staying : dict of str to str
        Files that stay outside the folder of their class, or are missing from `file`, each with
        the reason.
    file : Path or None
        The CSV or JSON file that is written instead.
    """

    moves: tuple[Move, ...] = ()
    staying: dict[str, str] | None = None
    file: Path | None = None

    def __str__(self) -> str:
        done = "stays" if self.file is None else "is not in it"
        staying = [f"{path} {done}: {reason}" for path, reason in (self.staying or {}).items()]
        if self.file is None:
            lines = [counted(len(self.moves), "photo is moved", "photos are moved")]
        else:
            lines = [f"The labels are written to {self.file}; no photo is moved."]
        for group in (self.moves, staying):
            lines += [f"  {line}" for line in group[:_SHOWN]]
            lines += [f"  … and {len(group) - _SHOWN} more"] * (len(group) > _SHOWN)
        return "\n".join(lines)


def plan_moves(table: PhotoTable, is_excluded: Container[int], target: Path) -> CommitPlan:
    """Plan the moves that put each photo into ``target/<class>/``.

    A photo anywhere inside its class folder stays, and so does a photo of a given split in
    ``target/<part>/<class>/``. Excluded photos in `target` go to the folder ``<target>-excluded``.

    Raises
    ------
    DatasetError
        If a class name is not a valid folder name.
    """
    moves: list[Move] = []
    staying: dict[str, str] = {}
    given: set[str] = set()
    for row, (image, part) in enumerate(zip(Images(table), table.parts, strict=True)):
        inside = Path(image.storage_path).is_relative_to(target)
        if row in is_excluded and not inside:
            continue
        labels = image.labels
        if row in is_excluded:
            folder = target.with_name(f"{target.name}-excluded")
        elif len(labels) == 1:
            names = Path(image.storage_path).relative_to(target).parts if inside else ()
            base = target / names[0] if part and len(names) > 2 else target
            folder = base / _folder_name(labels[0].name)
        else:
            staying[image.storage_path] = (
                "it has several classes; a CSV file can hold them" if labels else "it has no label"
            )
            continue
        if not _is_inside(Path(image.storage_path), folder):
            place = os.fspath(free_name(folder / image.name, given.__contains__))
            given.add(place)
            moves.append(Move(image.storage_path, place))
    return CommitPlan(tuple(moves), staying)


def _is_inside(file: Path, folder: Path) -> bool:
    if file.is_relative_to(folder):
        return True
    # A class has the name of its folder, but for bytes that are no UTF-8.
    if any(p.parent == folder.parent and Label(p.name).name == folder.name for p in file.parents):
        return True
    # 'Cup' and 'cup' are one folder on most disks of macOS and Windows.
    same = os.fspath(folder).casefold()
    found = next((p for p in file.parents if os.fspath(p).casefold() == same), None)
    return found is not None and folder.exists() and found.samefile(folder)


def _folder_name(name: str) -> str:
    if not is_folder_name(name):
        raise DatasetError(f"The class name {name!r} is not a valid folder name: rename the class.")
    return name
