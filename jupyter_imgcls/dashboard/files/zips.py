"""Photos out of a zip that anyone may have made."""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
import struct
import tempfile
import zipfile
from contextlib import suppress
from pathlib import Path, PurePosixPath

from ...data.problems import Problem
from ...data.readers.folders import IMAGE_SUFFIXES
from ...errors import DatasetError
from ...progress import Progress, counting
from .uploads import require_room, size

__all__ = ["extract_photos"]

MOST_FILES = 100_000
MOST_BYTES = 20 * 10**9
LARGEST_PHOTO = 500 * 10**6
_LARGEST_DIRECTORY = 64 * 2**20
# Characters of the whole name, and bytes of each part, as file systems count.
_LONGEST_NAME, _LONGEST_PART = 200, 255
_LOCKED = 0x1
_PIECE = 2**20
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT}
_END = struct.Struct("<4s4H2LH")
_NOT_THE_USERS = re.compile(r"(?i)(^|/)(__macosx/|\.[^./]|thumbs\.db$|desktop\.ini$)")


def extract_photos(
    file: Path, target: Path, progress: Progress = False
) -> tuple[Path, list[Problem]]:
    """Write the photos of a zip into the new folder `target`, all or nothing.

    Only files that are named like photos are written, each under `target` and under its own name.
    What the zip says of sizes is not believed: what comes out of it is counted.

    Parameters
    ----------
    file : Path
        The zip.
    target : Path
        Does not exist yet.
    progress : Progress
        Is told how many files are done, and of how many.

    Returns
    -------
    root : Path
        `target`, or the one folder in it that holds everything.
    left_out : list of Problem
        Files that were left out, by their names in the zip.

    Raises
    ------
    DatasetError
        If it is no zip, holds too much, has a password, or there is no photo in it. Nothing is
        left behind.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with (
        _open(file) as archive,
        tempfile.TemporaryDirectory(dir=target.parent, prefix=".zip-") as temporary,
    ):
        beside = Path(temporary, "photos")
        beside.mkdir()
        left_out = _extract(archive, beside, progress)
        beside.rename(target)
    root = target
    # One folder around everything is no class: there would be nothing to tell it from.
    while len(inside := list(root.iterdir())) == 1 and inside[0].is_dir():
        root = inside[0]
    return root, left_out


def _open(file: Path) -> zipfile.ZipFile:
    try:
        _refuse_long_directory(file)
        return zipfile.ZipFile(file)
    except DatasetError:
        raise
    except Exception as error:  # damaged lists of files raise anything
        raise DatasetError(
            "This is not a zip that can be read: pack the folder again, or upload the photos "
            "themselves."
        ) from error


def _extract(archive: zipfile.ZipFile, folder: Path, progress: Progress) -> list[Problem]:
    entries = [
        info
        for info in archive.infolist()
        if info.filename and not info.is_dir() and not _NOT_THE_USERS.search(info.filename)
    ]
    if len(entries) > MOST_FILES:
        raise DatasetError(
            f"The zip holds {len(entries):,} files, and {MOST_FILES:,} at most can be taken: "
            "divide it."
        )
    if entries and all(info.flag_bits & _LOCKED for info in entries):
        raise DatasetError("The zip has a password: pack the folder again without one.")
    promised = sum(info.file_size for info in entries if not _reason(info))
    _refuse_much(promised, MOST_BYTES)
    require_room(folder, promised)
    left_out, taken, room = [], set(), min(MOST_BYTES, shutil.disk_usage(folder).free)
    with counting(progress, len(entries), " files", "Unpacking") as count:
        for info in entries:
            # On some systems names that differ in case alone are one file.
            name = info.filename.casefold()
            reason = _reason(info) or ("a second file of this name" if name in taken else "")
            if not reason:
                taken.add(name)
                written = _write(archive, info, folder / info.filename, room)
                reason, room = (written, room) if isinstance(written, str) else ("", room - written)
            if reason:
                left_out.append(Problem(info.filename, reason))
            count(1)
    if len(left_out) == len(entries):
        first = "; ".join(map(str, left_out[:3]))
        raise DatasetError(f"There is no photo in the zip. {first}".strip())
    return left_out


def _reason(info: zipfile.ZipInfo) -> str:
    """Why a file is left out, before it is opened; '' if it is not."""
    name = info.filename
    parts = PurePosixPath(name).parts
    elsewhere = (
        name.startswith("/")
        or ".." in parts
        or re.search(r'[\x00-\x1f\x7f\\:*?"<>|]', name)
        or any(part != part.strip(" .") for part in parts)
        or any(re.fullmatch(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?", part) for part in parts)
    )
    longest = max((len(part.encode("utf-8", "surrogatepass")) for part in parts), default=0)
    reasons = {
        "its name is not that of a file in a folder": elsewhere,
        "its name is too long": len(name) > _LONGEST_NAME or longest > _LONGEST_PART,
        "a link and not a file": stat.S_ISLNK(info.external_attr >> 16),
        "not a photo by its name": PurePosixPath(name).suffix.lower() not in IMAGE_SUFFIXES,
        "it has a password": info.flag_bits & _LOCKED,
        f"larger than {size(LARGEST_PHOTO)}": info.file_size > LARGEST_PHOTO,
    }
    return next((reason for reason, found in reasons.items() if found), "")


def _write(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path, room: int) -> int | str:
    """Write one file; how many bytes it has, or why it is left out."""
    written = 0
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with archive.open(info) as source, path.open("xb") as file:
            while piece := source.read(_PIECE):
                written += len(piece)
                if written > LARGEST_PHOTO:
                    raise OverflowError
                _refuse_much(written, room)
                file.write(piece)
    except DatasetError:
        raise
    except OverflowError:
        path.unlink()
        return f"larger than {size(LARGEST_PHOTO)}"
    except (FileExistsError, NotADirectoryError):
        return "a folder and a file have the same name"
    except Exception as error:  # damaged entries raise anything
        if isinstance(error, OSError) and error.errno in _NO_ROOM:
            raise DatasetError("The disk is full: free some space and upload again.") from error
        with suppress(OSError):
            path.unlink(missing_ok=True)
        return "damaged, packed in an unusual way, or with a name that cannot be written here"
    return written


def _refuse_much(number: int, room: int) -> None:
    if number > room:
        raise DatasetError(f"What the zip holds is more than {size(room)}: divide it.")


def _refuse_long_directory(file: Path) -> None:
    """Look at how long the list of files is before all of it is read into memory."""
    with file.open("rb") as opened:
        length = opened.seek(0, os.SEEK_END)
        opened.seek(max(0, length - 2**16 - _END.size))
        end = opened.read()
    place = end.rfind(b"PK\5\6")
    if place < 0:
        raise zipfile.BadZipFile
    directory = _END.unpack_from(end, place)[5]
    if directory == 0xFFFFFFFF or directory > _LARGEST_DIRECTORY:
        raise DatasetError(f"The zip holds more than {MOST_FILES:,} files: divide it.")
