"""Moving photos between class folders: what would be moved where, and doing it safely."""

from __future__ import annotations

import filecmp
import itertools
import os
import shutil
import stat
import uuid
from collections.abc import Callable, Container
from dataclasses import dataclass
from pathlib import Path

from ...errors import DatasetError
from ..dataset import ClassificationDataset
from ..problems import counted

__all__ = ["CommitPlan", "Move", "free_name", "move_file", "plan_moves"]

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
    """What `Journal.commit` does, or would do.

    Attributes
    ----------
    moves : tuple of Move
        The files that are moved.
    staying : dict of str to str
        Files that stay although they are not in a folder of their class, or are not in `file`,
        each with the reason.
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


def plan_moves(
    dataset: ClassificationDataset, is_excluded: Container[int], target: Path
) -> CommitPlan:
    """What has to be moved so that each photo lies in ``target/<class>/``.

    A photo in a folder inside its class folder is in its place, and so is one of a split in
    ``target/<part>/<class>/``. Excluded photos in `target` go to the folder ``<target>-excluded``.

    Raises
    ------
    DatasetError
        If a class name cannot be a folder's.
    """
    moves: list[Move] = []
    staying: dict[str, str] = {}
    given: set[str] = set()
    for row, (image, part) in enumerate(zip(dataset.images, dataset.parts, strict=True)):
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
        if not Path(image.storage_path).is_relative_to(folder):
            place = os.fspath(free_name(folder / image.name, given.__contains__))
            given.add(place)
            moves.append(Move(image.storage_path, place))
    return CommitPlan(tuple(moves), staying)


def free_name(file: Path, is_given: Callable[[str], bool] = lambda _: False) -> Path:
    """`file`, or the same name with a number where that is taken or given away already."""
    candidates = itertools.chain(
        [file], (file.with_stem(f"{file.stem}-{n}") for n in itertools.count(2))
    )
    return next(
        candidate
        for candidate in candidates
        if not os.path.lexists(candidate) and not is_given(os.fspath(candidate))
    )


def move_file(source: Path, target: Path) -> bool:
    """Move a file to a name that is free, folders made as needed; finish a move that was cut off.

    The file has its new name before it loses the old one, and a name that is taken is never
    written to, so a cut leaves one whole file or two.

    Returns
    -------
    bool
        False if there is no such file, neither here nor there.

    Raises
    ------
    FileExistsError
        If the name is taken by another file.
    OSError
        If it cannot be moved; it is where it was.
    """
    if not os.path.lexists(source):
        return os.path.lexists(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise NotADirectoryError(f"{target.parent} is a file and no folder") from error
    if not (os.path.lexists(target) and _is_copy(source, target)):
        if source.is_symlink():
            # A relative link would point elsewhere from its new place.
            target.symlink_to(source.resolve())
        else:
            _link(source, target)
    source.unlink()
    return True


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)  # unlike a renaming it refuses a name that is taken
    except FileExistsError:
        raise
    except OSError:  # another disk, or a file system without hard links
        _copy(source, target)


def _copy(source: Path, target: Path) -> None:
    beside = target.with_name(f".{uuid.uuid4().hex}{target.suffix}")
    try:
        shutil.copy2(source, beside)
        with beside.open("rb") as file:
            os.fsync(file.fileno())
        try:
            os.link(beside, target)
        except FileExistsError:
            raise
        except OSError:
            # Holds the name while the file takes its place.
            target.touch(exist_ok=False)
            beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)


def _is_copy(source: Path, target: Path) -> bool:
    """Whether `target` is what a move that was cut off made of `source`."""
    here, there = source.lstat(), target.lstat()
    if stat.S_ISLNK(there.st_mode):
        return stat.S_ISLNK(here.st_mode) and target.readlink() == source.resolve()
    if (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino):
        return True
    return stat.S_ISREG(here.st_mode) and filecmp.cmp(source, target, shallow=False)


def _folder_name(name: str) -> str:
    if Path(name).name != name or name in ("", "..") or name.startswith(".") or "\0" in name:
        raise DatasetError(f"The class name {name!r} cannot name a folder: rename the class.")
    return name
