"""Write a journal's file anew, from what can be read of a damaged or deleted one."""

from __future__ import annotations

import os
import shutil
import sqlite3
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, NamedTuple

from ...errors import StorageError
from ...files import free_name, link_file
from ...text import counted
from .file import open_file, transaction
from .log import ROW, check_move, check_photo, is_time, read_states

__all__ = [
    "NOTHING",
    "Place",
    "Rescued",
    "Seen",
    "copy_rows",
    "newest_edits",
    "rescue",
]

Row = tuple[Any, ...]

_AT_ONCE = 1000
_SMALLEST_ROW = 16
_PAGE = 4096
_PAGE_OF_ROWS = 13
_COLUMNS = {
    "photo": "id, path, size, mtime_ns, sha256",
    "edit": ROW,
    "move": "id, source, target, state",
}

_CHECKS: dict[str, Callable[[Row], object]] = {
    "photo": check_photo,
    "edit": read_states,
    "move": check_move,
}


class Place(NamedTuple):
    """Which file is in the place of a journal: its device and number (None: no file), its size."""

    number: tuple[int, int] | None
    size: int

    @classmethod
    def of(cls, file: Path) -> Place:
        """Look at a file without opening it, which would drop the locks of SQLite."""
        try:
            status = file.stat()
        except OSError:
            return cls(None, 0)
        return cls((status.st_dev, status.st_ino), status.st_size)

    def continues(self, before: Place) -> bool:
        """Whether there is a file, the same, with nothing cut off: journals only grow."""
        is_same = self.number is not None and self.number == before.number
        return is_same and self.size >= before.size


class Seen(NamedTuple):
    """The number and the time of the newest edit that was read, and how many were read."""

    number: int
    time: str
    edits: int

    @classmethod
    def all_of(cls, connection: sqlite3.Connection) -> Seen:
        """All edits of a journal."""
        (edits,) = connection.execute("SELECT count(*) FROM edit").fetchone()
        last = connection.execute("SELECT id, time FROM edit ORDER BY id DESC LIMIT 1").fetchone()
        if last is None:
            return NOTHING
        number, time = last
        return cls(number, time, edits)

    def are_in(self, connection: sqlite3.Connection) -> bool:
        """Whether a journal has these edits, which are never changed nor deleted."""
        (edits,) = connection.execute(
            "SELECT count(*) FROM edit WHERE id <= ?", (self.number,)
        ).fetchone()
        (time,) = connection.execute(
            "SELECT max(time) FROM edit WHERE id = ?", (self.number,)
        ).fetchone()
        return (edits, time or "") == (self.edits, self.time)


NOTHING = Seen(0, "", 0)


def newest_edits(connection: sqlite3.Connection, seen: Seen) -> dict[tuple[int, str], str]:
    """The time of the newest edit of each photo and kind; empty if it cannot be read."""
    try:
        rows = connection.execute(
            "SELECT photo, kind, max(time) FROM edit WHERE photo IS NOT NULL AND id <= ? "
            "GROUP BY photo, kind",
            (seen.number,),
        ).fetchall()
    except (sqlite3.Error, UnicodeDecodeError):
        return {}
    return {(photo, kind): time for photo, kind, time in rows if is_time(time)}


@dataclass(frozen=True)
class Rescued:
    """What a rescue came to.

    Attributes
    ----------
    kept : int
        The edits in the new file.
    of : int or None
        How many there had been; None if that cannot be read any more.
    damaged : Path or None
        Where the file is kept that was in the place of the journal.
    """

    kept: int
    of: int | None
    damaged: Path | None

    def __str__(self) -> str:
        kept = f"{self.kept:,} of {self.of:,} edits" if self.of else counted(self.kept, "edit")
        where = f"; the file that was there is now {self.damaged}" if self.damaged else ""
        return f"{kept} could be read and are in a new file{where}."


def rescue(
    file: Path, source: tuple[str, str], opened: sqlite3.Connection | None = None
) -> Rescued:
    """Write a journal's file anew; a file that is in its place is kept under another name.

    Parameters
    ----------
    file : Path
        Place of the journal. The caller holds the lock of the journal.
    source : tuple of str
        See `open_file`.
    opened : Connection, optional
        Where to read from, when the journal is open, and then closed; default: `file`.

    Raises
    ------
    StorageError
        If the new file cannot be written; nothing was changed, and `opened` is open.
    """
    fresh = file.with_name(f".{uuid.uuid4().hex}{file.suffix}")
    try:
        if opened is None:
            kept, of = _copy_file(file, fresh, source)
        else:
            with closing(open_file(fresh, source)) as new, transaction(new):
                kept, of = copy_rows(opened, new)
            # Later it could delete the write-ahead log of the new file, which has the same name.
            opened.close()
        return Rescued(kept, of, _replace(file, fresh))
    except OSError as error:
        raise StorageError(f"Cannot write {file} again: {error.strerror or error}") from error
    finally:
        for path in (fresh, *_beside(fresh)):
            path.unlink(missing_ok=True)


def copy_rows(old: sqlite3.Connection, new: sqlite3.Connection) -> tuple[int, int | None]:
    """Copy the rows that can be read, are valid and are not there yet; call it in a transaction.

    Returns
    -------
    kept : int
        The edits that `new` has then.
    of : int or None
        How many edits there had been; None if that cannot be read.
    """
    for table in _COLUMNS:
        _copy_table(old, new, table)
    kept, of = _edits(new), _last(old, "edit")
    return kept, None if of is None else max(of, kept)


def _copy_table(old: sqlite3.Connection, new: sqlite3.Connection, table: str) -> None:
    photos = {None, *(number for (number,) in new.execute("SELECT id FROM photo"))}

    def valid() -> Iterator[Row]:
        for row in _readable(old, table):
            with suppress(sqlite3.DataError):
                _CHECKS[table](row)
                if table != "edit" or row[7] in photos:
                    yield row

    marks = ", ".join("?" * len(_COLUMNS[table].split(",")))
    new.executemany(f"INSERT OR IGNORE INTO {table} VALUES ({marks})", valid())  # noqa: S608


def _copy_file(file: Path, fresh: Path, source: tuple[str, str]) -> tuple[int, int | None]:
    """Copy the rows of a damaged file; nothing of it is changed."""
    copy = file.with_name(f".{uuid.uuid4().hex}{file.suffix}")
    try:
        for old, new in ((file, copy), (_beside(file)[0], _beside(copy)[0])):
            if old.is_file():
                shutil.copyfile(old, new)
        with (
            closing(sqlite3.connect(copy, isolation_level=None)) as damaged,
            closing(open_file(fresh, source)) as written,
            transaction(written),
        ):
            _, of = copy_rows(damaged, written)
        head = fresh.read_bytes()[:_PAGE]
        with closing(open_file(fresh, source)) as written, transaction(written):
            _copy_pages(copy, head, written)
            return _edits(written), of
    finally:
        for path in (copy, *_beside(copy)):
            path.unlink(missing_ok=True)


def _copy_pages(copy: Path, head: bytes, new: sqlite3.Connection) -> None:
    """Copy the rows of every page, also of those that no other page leads to any more.

    Every journal begins with the same page, which says where its tables begin. So each page with
    rows is read as if it were the beginning, and the only page, of a table.
    """
    first = bytearray(head)
    for log in (b"\2\2", b"\1\1"):  # first with the write-ahead log, which is then empty
        count = copy.stat().st_size // _PAGE
        # https://www.sqlite.org/fileformat.html#the_database_header
        first[18:20], first[28:32] = log, count.to_bytes(4, "big")
        _write_page(copy, 0, bytes(first))
        with suppress(sqlite3.Error), closing(sqlite3.connect(copy)) as old:
            old.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    pages = [copy.read_bytes()[start : start + _PAGE] for start in range(0, count * _PAGE, _PAGE)]
    places = dict(new.execute("SELECT name, rootpage - 1 FROM sqlite_master WHERE type = 'table'"))
    for table in _COLUMNS:
        place = places[table]
        if place >= count:
            continue
        for page in pages:
            if page[0] == _PAGE_OF_ROWS:
                _write_page(copy, place, page)
                with closing(sqlite3.connect(copy, isolation_level=None)) as old:
                    _copy_table(old, new, table)
        _write_page(copy, place, pages[place])


def _write_page(file: Path, number: int, page: bytes) -> None:
    with file.open("r+b") as opened:
        opened.seek(number * _PAGE)
        opened.write(page)


def _edits(connection: sqlite3.Connection) -> int:
    (count,) = connection.execute("SELECT count(*) FROM edit").fetchone()
    return int(count)


def _readable(connection: sqlite3.Connection, table: str) -> Iterator[Row]:
    """The rows of a table in the order of their numbers, without those that cannot be read."""
    with suppress(sqlite3.Error):  # then SQLite also reads a file that was cut off
        connection.execute("PRAGMA writable_schema = ON")
    last = _last(connection, "move" if table == "move" else "edit")  # each photo has an edit
    if last is None:
        last = _size(connection) // _SMALLEST_ROW
    after, limit = 0, _AT_ONCE
    query = f"SELECT {_COLUMNS[table]} FROM {table} WHERE id > ? ORDER BY id LIMIT ?"  # noqa: S608
    while True:
        try:
            rows = connection.execute(query, (after, limit)).fetchall()
            if not rows:
                return
            if not (type(rows[-1][0]) is int and rows[-1][0] > after):  # else it would not end
                raise sqlite3.DatabaseError("malformed order")
        except (sqlite3.Error, UnicodeDecodeError) as error:
            if limit > 1:
                limit //= 2
            elif after < last and not str(error).startswith("no such"):
                after += 1  # the next row cannot be read
            else:
                return
        else:
            yield from rows
            after, limit = rows[-1][0], min(2 * limit, _AT_ONCE)


def _last(connection: sqlite3.Connection, table: str) -> int | None:
    """The number of the last row that a table ever had, if it can be read."""
    try:
        row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,))
        (last,) = row.fetchone() or (0,)
    except sqlite3.Error:
        return None
    return last if isinstance(last, int) and last <= _size(connection) else None


def _size(connection: sqlite3.Connection) -> int:
    """Size of a database in bytes; 0 if it cannot be read at all."""
    try:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
    except sqlite3.Error:
        return 0
    return int(pages) * _PAGE


def _replace(file: Path, fresh: Path) -> Path | None:
    """Put a new file in the place of a journal; return where the old one is kept, if any."""
    kept = None
    if os.path.lexists(file):
        now = datetime.now(timezone.utc)
        kept = free_name(file.with_name(f"{file.name}.damaged-{now:%Y%m%d-%H%M%S}"))
        link_file(file, kept)
        log = _beside(file)[0]
        if log.exists():
            link_file(log, _beside(kept)[0])
    # SQLite would take the old write-ahead log for that of the new file.
    for path in _beside(file):
        path.unlink(missing_ok=True)
    fresh.replace(file)
    return kept


def _beside(file: Path) -> tuple[Path, Path]:
    """The write-ahead log of a database, and its index."""
    return file.with_name(f"{file.name}-wal"), file.with_name(f"{file.name}-shm")
