"""The SQLite file of a label journal: tables, opening, and error messages."""

from __future__ import annotations

import json
import logging
import os
import sqlite3
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ...errors import StorageError
from ...files import move_file

__all__ = ["adopt", "open_file", "storage_errors", "transaction"]

_log = logging.getLogger(__name__)
_APPLICATION_ID = 0x494D4743
_VERSION = 1
_WAIT_S = 30
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


def open_file(file: Path, source: tuple[str, str]) -> sqlite3.Connection:
    """Open a journal's file; create it if it does not exist.

    Write-ahead logging lets one kernel read while another writes. ``synchronous=FULL`` waits for
    the disk at each commit, so that an edit survives a killed kernel and a power cut.

    Raises
    ------
    StorageError
        If it cannot be opened or written, is damaged, or is not a label journal. A rejected file
        is not changed.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"{_explain('', file)} ({error})") from error
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


def adopt(
    file: Path, source: tuple[str, str], is_ours: Callable[[sqlite3.Connection], bool]
) -> None:
    """Start a journal as a copy of the one of a moved folder, if `is_ours` recognizes it."""
    name, place = source
    pattern = f"{file.stem.rpartition('-')[0]}-*{file.suffix}"
    for other in sorted(file.parent.glob(pattern)) if place else ():
        temporary = file.with_name(f".{uuid.uuid4().hex}{file.suffix}")
        try:
            old = open_file(other, source)
            try:
                (text,) = old.execute("SELECT value FROM meta WHERE key = 'source'").fetchone()
                old_name, old_place = json.loads(text)
                if old_name != name or not old_place or Path(old_place).exists():
                    continue
                with storage_errors(other):
                    old.execute("VACUUM INTO ?", (os.fspath(temporary),))
            finally:
                old.close()
            copy = open_file(temporary, source)
            try:
                found = is_ours(copy)
                copy.execute("UPDATE meta SET value = ?", (json.dumps(source),))
                copy.execute("PRAGMA journal_mode = DELETE")  # then everything is in one file
            finally:
                copy.close()
            if found:
                with suppress(FileExistsError):  # another kernel was faster
                    move_file(temporary, file)
                _log.info("%s starts as a copy of %s, whose folder was moved", file, other)
                return
        except StorageError as error:
            _log.warning("Skipped the journal of another dataset: %s", error)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Write everything or nothing, and lock out other writers."""
    connection.execute("BEGIN IMMEDIATE")
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
        raise StorageError(f"{_explain(str(error), file)} ({error})") from error


def _explain(reason: str, file: Path) -> str:
    if "closed" in reason:
        return f"The label journal {file} was closed; open it again with Journal.open."
    if "locked" in reason or "busy" in reason:
        return f"Another program has locked {file} for {_WAIT_S} s; try again."
    if "full" in reason:
        return f"No disk space left for the label journal {file}; free some and repeat the edit."
    if "not a database" in reason or "malformed" in reason:
        return f"{file} is damaged; move it away to start a new journal, or restore a backup."
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
    (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise sqlite3.DatabaseError(f"malformed: {found}")


def _enable_wal(connection: sqlite3.Connection) -> None:
    """Switch to write-ahead logging; retry, as SQLite does not wait for others here."""
    deadline = time.monotonic() + _WAIT_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return
