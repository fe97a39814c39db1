"""Write, move and name files so that nothing is lost or half-written."""

from __future__ import annotations

import filecmp
import os
import re
import shutil
import stat
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import TypeVar

from .errors import StorageError

__all__ = [
    "free_name",
    "is_folder_name",
    "link_file",
    "move_file",
    "numbered",
    "replacing",
    "safe_name",
    "write_whole",
]

P = TypeVar("P", bound=PurePath)

# Windows opens a device or another data stream under these names, or drops their last character.
_NOT_ON_WINDOWS = re.compile(
    r'[<>:"|?*\x00-\x1f]|[. ]$|^(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)', re.IGNORECASE
)


@contextmanager
def replacing(file: Path) -> Iterator[Path]:
    """Give a temporary path next to `file` to write to; on success, move it to `file`.

    Folders are created as needed. An error or interruption leaves `file` unchanged and no
    temporary file behind.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f".{uuid.uuid4().hex}{file.suffix}")
    try:
        yield temporary
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)


def write_whole(file: Path, content: bytes) -> None:
    """Write a file with `replacing`.

    Raises
    ------
    StorageError
        If that fails, for instance because the disk is full.
    """
    try:
        with replacing(file) as temporary:
            temporary.write_bytes(content)
    except OSError as error:
        raise StorageError(f"Cannot write {file}: {error.strerror or error}.") from error


def safe_name(name: str) -> str:
    """A name for a file or folder made from a dataset's name, safe on every file system."""
    safe = re.sub(r"[^\w.-]+", "_", name).strip("._")[:80] or "dataset"
    return f"_{safe}" if _NOT_ON_WINDOWS.search(safe) else safe


def is_folder_name(name: str, windows: bool = os.name == "nt") -> bool:
    """Whether a folder can have this name, and is not hidden with it."""
    if Path(name).name != name or not name or name.startswith(".") or "\0" in name:
        return False
    return not (windows and _NOT_ON_WINDOWS.search(name))


def free_name(file: Path, is_given: Callable[[str], bool] = lambda _: False) -> Path:
    """`file`, or the same name with a number if the name is taken or already promised."""
    return numbered(file, lambda name: os.path.lexists(name) or is_given(os.fspath(name)))


def numbered(file: P, is_taken: Callable[[P], bool]) -> P:
    """`file`, or the same name with a number that makes it one that is not taken.

    It is the next number where those before are taken without a gap. Of a thousand taken names it
    tries twenty, so that a thousand files of one name take no million of tries.
    """

    def candidate(number: int) -> P:
        return file if number == 1 else file.with_stem(f"{file.stem}-{number}")

    taken, free = 0, 1
    while is_taken(candidate(free)):
        taken, free = free, 2 * free
    while free - taken > 1:
        middle = (taken + free) // 2
        if is_taken(candidate(middle)):
            taken = middle
        else:
            free = middle
    return candidate(free)


def move_file(source: Path, target: Path) -> bool:
    """Move a file to a name that is free, folders made as needed; finish an interrupted move.

    The file gets its new name before it loses the old one, and no existing file is overwritten:
    an interruption leaves one complete file or two.

    Returns
    -------
    bool
        False if neither `source` nor `target` exists.

    Raises
    ------
    FileExistsError
        If the name is taken by another file.
    OSError
        If it cannot be moved; it stays where it was.
    """
    if not os.path.lexists(source):
        return os.path.lexists(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise NotADirectoryError(f"{target.parent} is a file, not a folder") from error
    if not (os.path.lexists(target) and _is_copy(source, target)):
        if source.is_symlink():
            # A relative link would point elsewhere from its new place.
            target.symlink_to(source.resolve())
        else:
            link_file(source, target)
    source.unlink()
    return True


def link_file(source: Path, target: Path) -> None:
    """Give a file another name that is free; where that is impossible, copy it."""
    try:
        os.link(source, target)  # unlike a renaming it refuses a name that is taken
    except FileExistsError:
        raise
    except OSError:  # another disk, or a file system without hard links
        _copy(source, target)


def _copy(source: Path, target: Path) -> None:
    temporary = target.with_name(f".{uuid.uuid4().hex}{target.suffix}")
    try:
        shutil.copyfile(source, temporary)
        with temporary.open("r+b") as file:  # Windows flushes only files that are open for writing
            os.fsync(file.fileno())
        shutil.copystat(source, temporary)
        try:
            os.link(temporary, target)
        except FileExistsError:
            raise
        except OSError:
            # Holds the name while the file takes its place.
            target.touch(exist_ok=False)
            temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def _is_copy(source: Path, target: Path) -> bool:
    """Whether `target` is the copy of `source` that an interrupted move made."""
    here, there = source.lstat(), target.lstat()
    if stat.S_ISLNK(there.st_mode):
        return stat.S_ISLNK(here.st_mode) and target.readlink() == source.resolve()
    # Some file systems on Windows number no files: all have 0.
    if here.st_ino and (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino):
        return True
    return stat.S_ISREG(here.st_mode) and filecmp.cmp(source, target, shallow=False)
