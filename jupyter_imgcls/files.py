"""Write, move and name files so that nothing is lost or half-written."""

from __future__ import annotations

import filecmp
import itertools
import os
import re
import shutil
import stat
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import StorageError

__all__ = ["free_name", "move_file", "replacing", "safe_name", "write_whole"]


@contextmanager
def replacing(file: Path) -> Iterator[Path]:
    """Give a path beside `file` to write to; put it in `file`'s place when all went well.

    Folders are made as needed. After an error or an interruption `file` is what it was before, and
    nothing is left beside it.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_name(f".{uuid.uuid4().hex}{file.suffix}")
    try:
        yield beside
        beside.replace(file)
    finally:
        beside.unlink(missing_ok=True)


def write_whole(file: Path, content: bytes) -> None:
    """Write a file by way of `replacing`.

    Raises
    ------
    StorageError
        If that fails, for instance because the disk is full.
    """
    try:
        with replacing(file) as beside:
            beside.write_bytes(content)
    except OSError as error:
        raise StorageError(f"Cannot write {file}: {error.strerror or error}.") from error


def safe_name(name: str) -> str:
    """A name for a file or folder made from a dataset's name, safe on every file system."""
    return re.sub(r"[^\w.-]+", "_", name).strip("._")[:80] or "dataset"


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
