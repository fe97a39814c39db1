"""The SQLite file of a label journal: tables, opening, and error messages."""

from __future__ import annotations

import json
import logging
import os
import re
import sqlite3
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from ...errors import StorageError
from ...files import move_file

__all__ = [
    "DamagedError",
    "adopt",
    "ending",
    "locked",
    "open_file",
    "storage_errors",
    "transaction",
]

_log = logging.getLogger(__name__)
_APPLICATION_ID = 0x494D4743
_VERSION = 1
_WAIT_S = 30
_TRIES = 3
_DAMAGED = re.compile(
    "not a database|malformed|corrupt|unsupported file format|decode to UTF-8|"
    "no such (table|column)|has no column|columns but|mismatch|constraint"
)
_ADVICE = {
    "damaged": "The label journal {file} is damaged; the next edit, or Journal.open, recovers what "
    "can be read of it.",
    "closed": "The label journal {file} was closed; open it again with Journal.open.",
    "locked": f"Another program has locked {{file}} for {_WAIT_S} s; try again.",
    "busy": f"Another program has locked {{file}} for {_WAIT_S} s; try again.",
    "full": "No disk space left for the label journal {file}; free some and repeat the edit.",
    "disk I/O": "Cannot read or write the label journal {file}; is its disk full or disconnected?",
}
# Paths are bytes, because file names need not be Unicode; other values are text or JSON. Rows in
# `edit` are never changed: an undo adds rows.
_TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE photo (
    id INTEGER PRIMARY KEY,
    path BLOB NOT NULL,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    sha256 TEXT NOT NULL
);
CREATE TABLE edit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    batch INTEGER NOT NULL,
    action TEXT NOT NULL CHECK (action IN ('edit', 'undo', 'redo')),
    target INTEGER NOT NULL,
    time TEXT NOT NULL,
    who TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('labels', 'excluded', 'class')),
    photo INTEGER REFERENCES photo (id),
    before TEXT NOT NULL,
    after TEXT NOT NULL
);
CREATE INDEX edit_batch ON edit (batch);
CREATE INDEX edit_photo ON edit (photo);
CREATE INDEX edit_time ON edit (time);
CREATE TABLE move (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    source BLOB NOT NULL,
    target BLOB NOT NULL,
    state TEXT NOT NULL DEFAULT 'planned' CHECK (state IN ('planned', 'moved', 'gone'))
);
CREATE INDEX move_state ON move (state);
"""


class DamagedError(StorageError):
    """A journal's file is no database, or holds what this package does not write."""


def open_file(file: Path, source: tuple[str, str]) -> sqlite3.Connection:
    """Open a journal's file; create it if it does not exist.

    Write-ahead logging lets one kernel read while another writes. ``synchronous=FULL`` waits for
    the disk at each commit, so that an edit survives a killed kernel and a power cut.

    Raises
    ------
    DamagedError
        If it is damaged.
    StorageError
        If it cannot be opened or written, or is not a label journal. A rejected file is not
        changed.
    """
    for _ in range(_TRIES):
        try:
            return _open(file, source)
        except StorageError as error:
            failure = error
            if file.exists():  # else somebody deleted it meanwhile
                break
    raise failure


def _open(file: Path, source: tuple[str, str]) -> sqlite3.Connection:
    with storage_errors(file):
        connection = sqlite3.connect(
            file, timeout=_WAIT_S, isolation_level=None, check_same_thread=False
        )
        try:
            with transaction(connection):
                _check_or_create(connection, file, source)
            _enable_wal(connection)
            connection.execute("PRAGMA synchronous = FULL")
        except BaseException:
            connection.close()
            raise
    return connection


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Make the folder of a journal, and lock out whoever else opens or replaces its file."""
    lock = FileLock(file.with_name(f".{file.name}.lock"), timeout=_WAIT_S)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        raise StorageError(_explain("locked", file)) from error
    except (OSError, NotImplementedError) as error:  # some network disks cannot lock
        raise StorageError(f"{_explain('', file)} ({error})") from error
    try:
        yield
    finally:
        lock.release()


def adopt(
    file: Path, source: tuple[str, str], is_ours: Callable[[sqlite3.Connection], bool]
) -> None:
    """Start a journal as a copy of the one of a moved folder, if `is_ours` recognizes it."""
    name, place = source
    pattern = f"{file.stem.rpartition('-')[0]}-*{file.suffix}"
    for other in sorted(file.parent.glob(pattern)) if place else ():
        temporary = file.with_name(f".{uuid.uuid4().hex}{file.suffix}")
        try:
            with storage_errors(other):
                with closing(open_file(other, source)) as old:
                    old_name, old_place = _read_source(old)
                    if old_name != name or not old_place or Path(old_place).exists():
                        continue
                    old.execute("VACUUM INTO ?", (os.fspath(temporary),))
                with closing(open_file(temporary, source)) as copy:
                    found = is_ours(copy)
                    copy.execute("UPDATE meta SET value = ?", (json.dumps(source),))
                    copy.execute("PRAGMA journal_mode = DELETE")  # then everything is in one file
            if found:
                with locked(file), suppress(FileExistsError):  # another kernel was faster
                    move_file(temporary, file)
                _log.info("%s starts as a copy of %s, whose folder was moved", file, other)
                return
        except OSError as error:
            _log.warning("Skipped the journal of another dataset: %s", error)
        finally:
            temporary.unlink(missing_ok=True)


def _read_source(connection: sqlite3.Connection) -> tuple[str, str]:
    row = connection.execute("SELECT value FROM meta WHERE key = 'source'").fetchone()
    try:
        name, place = json.loads(row[0])
        if not (type(name) is type(place) is str):
            raise TypeError("not two texts")
    except (TypeError, ValueError, RecursionError) as error:
        raise sqlite3.DataError(f"malformed source: {error}") from error
    return name, place


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Write everything or nothing, and lock out other writers."""
    connection.execute("BEGIN IMMEDIATE")
    with ending(connection):
        yield


@contextmanager
def ending(connection: sqlite3.Connection) -> Iterator[None]:
    """End a transaction that has begun: write everything, or after an error nothing."""
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # A full disk may already have ended the transaction.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


@contextmanager
def storage_errors(file: Path) -> Iterator[None]:
    """Turn errors of SQLite into a `StorageError` that says what to do."""
    try:
        yield
    except sqlite3.Error as error:
        # A damaged header can say that the file must not be written.
        is_damaged = _DAMAGED.search(str(error)) or ("readonly" in str(error) and _may_write(file))
        kind = DamagedError if is_damaged else StorageError
        reason = "damaged" if is_damaged else str(error)
        raise kind(f"{_explain(reason, file)} ({error})") from error


def _may_write(file: Path) -> bool:
    return os.access(file, os.W_OK, effective_ids=os.access in os.supports_effective_ids)


def _explain(reason: str, file: Path) -> str:
    if file.is_dir():
        return f"{file} is a folder; move it away: the label journal belongs there."
    for word, advice in _ADVICE.items():
        if word in reason:
            return advice.format(file=file)
    return f"Cannot write the label journal {file}; check the permissions of its folder."


def _check_or_create(connection: sqlite3.Connection, file: Path, source: tuple[str, str]) -> None:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application == 0 and not connection.execute("SELECT 1 FROM sqlite_master").fetchone():
        for statement in _TABLES.split(";\n"):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {_VERSION}")
        connection.execute("INSERT INTO meta VALUES ('source', ?)", (json.dumps(source),))
    elif application != _APPLICATION_ID:
        raise StorageError(f"{file} is a database of another program; move it away.")
    elif version > _VERSION:
        raise StorageError(
            f"The label journal {file} was written by a newer jupyter_imgcls; update it."
        )
    try:
        (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except UnicodeDecodeError as error:  # in a name of a table or a column
        raise sqlite3.DatabaseError(f"malformed: {error}") from error
    if found != "ok":
        raise sqlite3.DatabaseError(f"malformed: {found}")


def _enable_wal(connection: sqlite3.Connection) -> None:
    """Switch to write-ahead logging; retry, as SQLite does not wait for others here."""
    deadline = time.monotonic() + _WAIT_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return
