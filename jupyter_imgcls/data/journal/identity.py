"""Match the photos of a journal to rows of a dataset, even after files were moved or renamed."""

from __future__ import annotations

import hashlib
import logging
import os
import sqlite3
from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

from ...errors import StorageError
from ...text import counted
from ..paths import PathColumn
from .log import check_photo

__all__ = ["PhotoRows"]

_log = logging.getLogger(__name__)
_WORKERS = 4


@dataclass(frozen=True)
class _Photo:
    id: int
    path: str
    size: int
    mtime_ns: int
    sha256: str


class PhotoRows:
    """The photos of a journal and their rows in a dataset.

    Photos are identified by content. Content is read only when a photo is edited; afterwards path,
    size and modification time show quickly that a file is unchanged. A missing photo is searched
    among the files of the same size that the journal does not know.

    A file with new content is another photo: if two photos swap names, each keeps its labels.
    """

    def __init__(self, paths: PathColumn, name: str, connection: sqlite3.Connection) -> None:
        self._paths = paths
        self._name = name
        self._connection = connection
        self._row_of: dict[int, int] = {}
        self._id_of: dict[int, int] = {}
        self._last_id = 0
        self._contents: dict[int, tuple[int, int, str]] = {}

    def read_from(self, connection: sqlite3.Connection) -> None:
        """Go on with another connection to the same journal."""
        self._connection = connection

    def row_of(self, photo: int) -> int | None:
        """The row of a photo; None if it is not in this dataset."""
        return self._row_of.get(photo)

    def rows_of(self, photos: Iterable[int | None]) -> list[int]:
        """The rows of the photos that the dataset has, in order."""
        rows = {self.row_of(photo) for photo in photos if photo is not None}
        return sorted(row for row in rows if row is not None)

    def id_of(self, row: int) -> int | None:
        """The photo in a row; None if the journal does not know it."""
        return self._id_of.get(row)

    def read(self, rows: Iterable[int]) -> None:
        """Read the photos that `add` will write, before locking out other kernels.

        Raises
        ------
        StorageError
            If a file cannot be read.
        """
        new = [row for row in rows if row not in self._id_of]
        paths = [self._paths[row] for row in new]
        with ThreadPoolExecutor(_WORKERS) as pool:
            self._contents = dict(zip(new, pool.map(_read, paths), strict=True))

    def add(self, row: int) -> int:
        """The photo in a row; write it to the journal if it is new."""
        if row not in self._id_of:
            path = self._paths[row]
            content = self._contents.pop(row, None) or _read(path)
            cursor = self._connection.execute(
                "INSERT INTO photo (path, size, mtime_ns, sha256) VALUES (?, ?, ?, ?)",
                (os.fsencode(path), *content),
            )
            assert cursor.lastrowid is not None
            self._pair(cursor.lastrowid, row)
        return self._id_of[row]

    def has_moved(self, row: int, path: str) -> None:
        """Save the new path of a row."""
        self._connection.execute(
            "UPDATE photo SET path = ? WHERE id = ?", (os.fsencode(path), self._id_of.get(row))
        )

    def forget_after(self, photo: int) -> None:
        """Forget the photos added after `photo`, after a rollback."""
        for late in [known for known in self._row_of if known > photo]:
            del self._id_of[self._row_of.pop(late)]
        self._last_id = photo

    @property
    def rows(self) -> list[int]:
        """The rows of all photos that the journal knows."""
        return list(self._id_of)

    @property
    def found_any(self) -> bool:
        """Whether a photo of the journal is in the dataset."""
        return bool(self._row_of)

    @property
    def last_id(self) -> int:
        """The newest known photo."""
        return self._last_id

    def locate(self) -> None:
        """Find the rows of the photos that were added to the journal since the last call."""
        photos = []
        for row in self._connection.execute(
            "SELECT id, path, size, mtime_ns, sha256 FROM photo WHERE id > ? ORDER BY id",
            (self._last_id,),
        ):
            check_photo(row)
            number, path, *content = row
            photos.append(_Photo(number, os.fsdecode(path), *content))
        if not photos:
            return
        self._last_id = photos[-1].id
        rows = self._paths.find({photo.path for photo in photos})
        lost = []
        for photo in photos:
            if not self._is_unchanged(photo):
                lost.append(photo)
            elif photo.path in rows:
                self._pair(photo.id, rows[photo.path])
        if lost:
            missing = len(lost) - self._search(lost)
            if missing:
                _log.warning(
                    "%s: %s not found; the journal keeps their labels",
                    self._name,
                    counted(missing, "labelled photo was", "labelled photos were"),
                )

    def _pair(self, photo: int, row: int) -> None:
        self._row_of[photo] = row
        self._id_of[row] = photo
        self._last_id = max(self._last_id, photo)

    def _is_unchanged(self, photo: _Photo) -> bool:
        try:
            status = os.stat(photo.path)  # noqa: PTH116
            if status.st_size != photo.size:
                return False
            if status.st_mtime_ns == photo.mtime_ns:
                return True
            same = _read(photo.path)[2] == photo.sha256
        except OSError:
            return False
        if same:
            self._found(photo, photo.path)
        return same

    def _search(self, lost: list[_Photo]) -> int:
        """Search photos by content; return how many were found."""
        sizes = {photo.size for photo in lost}
        unknown = [
            (row, path)
            for row, path in enumerate(self._paths)
            if row not in self._id_of and _size(path) in sizes
        ]
        found: dict[str, list[tuple[int, str]]] = defaultdict(list)
        with ThreadPoolExecutor(_WORKERS) as pool:
            contents = pool.map(_hash_or_none, [path for _, path in unknown])
            for place, sha256 in zip(unknown, contents, strict=True):
                if sha256 is not None:
                    found[sha256].append(place)
        count = 0
        for photo in lost:
            places = found[photo.sha256]
            if places:
                # Prefer the copy with the same name.
                name = os.path.basename(photo.path)  # noqa: PTH119
                place = next((p for p in places if os.path.basename(p[1]) == name), places[0])  # noqa: PTH119
                places.remove(place)
                self._found(photo, place[1])
                self._pair(photo.id, place[0])
                count += 1
        return count

    def _found(self, photo: _Photo, path: str) -> None:
        with suppress(OSError):  # it was deleted meanwhile
            self._connection.execute(
                "UPDATE photo SET path = ?, mtime_ns = ? WHERE id = ?",
                (os.fsencode(path), os.stat(path).st_mtime_ns, photo.id),  # noqa: PTH116
            )


def _read(path: str) -> tuple[int, int, str]:
    """Size in bytes, modification time in nanoseconds, and SHA-256 of a file."""
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as file:  # noqa: PTH123
            while some := file.read(1 << 20):
                digest.update(some)
            status = os.fstat(file.fileno())
    except OSError as error:
        raise StorageError(f"Cannot read the photo {path}: {error.strerror}.") from error
    return status.st_size, status.st_mtime_ns, digest.hexdigest()


def _hash_or_none(path: str) -> str | None:
    try:
        return _read(path)[2]
    except StorageError:
        return None


def _size(path: str) -> int | None:
    try:
        return os.stat(path).st_size  # noqa: PTH116
    except OSError:
        return None
