"""A journal's file and the labels in memory, which it keeps alike."""

from __future__ import annotations

import getpass
import json
import logging
import sqlite3
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ...errors import StorageError
from ...text import counted
from ..dataset import ClassificationDataset
from ..table import PhotoTable
from .file import DamagedError, ending, locked, open_file, storage_errors, transaction
from .identity import PhotoRows
from .log import ROW, UndoStack, read_states, time_text
from .moves import MoveTable
from .rescue import NOTHING, Place, Seen, copy_rows, newest_edits, rescue

__all__ = ["JournalFile"]

_log = logging.getLogger(__name__)
_TRIES = 10


@dataclass(frozen=True)
class _Kept:
    """What is known of the edits of a journal without its file.

    Attributes
    ----------
    labels : PhotoTable
        The labels of all photos.
    rows : list of int
        The photos that were edited.
    excluded : set of int
        The rows of the excluded photos.
    times : mapping of (row, kind) to time
        The newest edit of each photo; empty if that cannot be known any more.
    last_time : str
        The time of the newest edit of all.
    class_edits : list of (time, before, after)
        The edits of classes, in order; before and after are JSON.
    """

    labels: PhotoTable
    rows: list[int]
    excluded: set[int]
    times: Mapping[tuple[int | None, str], str]
    last_time: str
    class_edits: list[tuple[str, str, str]]

    def names(self, row: int) -> list[str]:
        """The labels of one photo."""
        return [label.name for label in self.labels.labels_of(row)]


class JournalFile:
    """What a journal does with its file: read, write, and write again what was lost; see `Journal`.

    Every change goes through `writing` and `write`: to the file, then to the dataset.

    Attributes
    ----------
    listeners, problems
        See `Journal`.
    lock : threading.RLock
        Held while the file or the labels are read or written.
    connection : sqlite3.Connection
    table : PhotoTable
        The labels of the dataset.
    photos : PhotoRows
        Which rows of the dataset are which photos of the file.
    moves : MoveTable
    excluded : set of int
        The rows of the excluded photos.
    stack : UndoStack
    """

    def __init__(
        self, dataset: ClassificationDataset, file: Path, connection: sqlite3.Connection
    ) -> None:
        self.dataset = dataset
        self.file = file
        self.listeners: list[Callable[[frozenset[int] | None], None]] = []
        self.problems: list[str] = []
        self.table = dataset.table
        self._original = dataset.table.copy_labels()
        self.lock = threading.RLock()
        self._batch: tuple[int, str, int] | None = None
        self._unwritten: _Kept | None = None
        self._is_closed = False
        self._written: list[tuple[str, int | None, Any, Any]] = []
        self._changed: set[int] | None = set()
        self._connect(connection)
        self._forget()

    def _connect(self, connection: sqlite3.Connection) -> None:
        """Read and write through a connection from now on."""
        self.connection = connection
        self._close = weakref.finalize(self, connection.close)
        self._place = Place.of(self.file)
        self._is_damaged = False
        self._version = -1

    def _forget(self) -> None:
        """Begin with the labels from before all edits."""
        self.photos = PhotoRows(self.table.paths, self.dataset.name, self.connection)
        self.moves = MoveTable(self.connection)
        self.excluded: set[int] = set()
        self._class_edits: list[tuple[str, str, str]] = []
        self.stack = UndoStack()
        self._seen = NOTHING
        with self.storage_errors():
            # The dataset found files where earlier moves had put them.
            self._last_move = self.moves.last_finished()

    def close(self) -> None:
        """Close the file, unless it cannot be written again where it has to be."""
        self.secure()
        self._is_closed = True
        self._close()

    @property
    def is_in_batch(self) -> bool:
        """Whether a batch is being written."""
        return self._batch is not None

    def refresh(self) -> None:
        """See `Journal.refresh`."""
        with self.lock:
            if self._batch is not None:
                return
            for is_last in (False, False, True):
                try:
                    self.secure()
                    self.load()
                except DamagedError:  # then the next round writes the file again
                    if is_last:
                        raise
                else:
                    return

    @contextmanager
    def storage_errors(self) -> Iterator[None]:
        """Turn errors of SQLite into errors that say what to do."""
        try:
            with storage_errors(self.file):
                yield
        except DamagedError:
            self._is_damaged = True
            raise

    def secure(self) -> None:
        """Write all edits again if the file is damaged, or is not in its place any more."""
        if self._is_closed:
            return
        place = Place.of(self.file)
        if self._is_damaged or not place.continues(self._place):
            self._reopen()
        elif self._unwritten is not None:
            self._write_again(self._unwritten)
        else:
            self._place = place

    def _reopen(self) -> None:
        old = self.connection
        with locked(self.file):
            if not self._is_damaged:
                with suppress(sqlite3.Error):  # a file that was renamed is then whole
                    old.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            # Whoever else has the old file open writes nothing to it until the new one is there.
            with suppress(sqlite3.Error):
                old.execute("BEGIN IMMEDIATE")
                self.catch_up()
            times = newest_edits(old, self._seen)
            try:
                new, what_happened = self._open_again(old)
            except BaseException:
                with suppress(sqlite3.Error):
                    old.execute("ROLLBACK")
                raise
            self._close()
            self._connect(new)
            self.photos.read_from(new)
            self.moves.read_from(new)
            kept = _Kept(
                labels=self.table.copy_labels(),
                rows=self.photos.rows,
                excluded=self.excluded,
                times={(self.photos.row_of(p), kind): time for (p, kind), time in times.items()},
                last_time=self._seen.time,
                class_edits=self._class_edits,
            )
        if what_happened:
            self.report(f"The label journal {self.file} {what_happened}")
        with self.storage_errors():
            is_complete = self._seen.are_in(new)
        if self._unwritten is not None or not is_complete:
            self._write_again(self._unwritten or kept)

    def _open_again(self, old: sqlite3.Connection) -> tuple[sqlite3.Connection, str]:
        """Open the file that belongs in the place, and say what happened to the one before."""
        file, source = self.file, self.dataset.source
        place = Place.of(file)
        if place.number not in (None, self._place.number):
            with suppress(DamagedError), storage_errors(file):
                new = open_file(file, source)
                try:
                    if self._seen.are_in(new):
                        return new, ""  # another kernel wrote it
                    if _is_older(new, old):
                        with transaction(new):
                            copy_rows(old, new)
                except BaseException:
                    new.close()
                    raise
                return new, "was replaced while it was open: all labels were written to it again."
        rescued = rescue(file, source, old)
        happened = "was damaged" if place.number else "was deleted or moved while it was open"
        return open_file(file, source), f"{happened}: {rescued}"

    def _write_again(self, kept: _Kept) -> None:
        """Begin anew with the edits in the file, and add what they lack."""
        self._unwritten = kept
        try:
            self.table.restore_labels(self._original)
            self._forget()
            with self.storage_errors():
                self.connection.execute("BEGIN IMMEDIATE")
                with self._adding("edit"):
                    self._add_missing(kept)
        except BaseException:
            self.table.restore_labels(kept.labels)
            self.excluded = set(kept.excluded)
            raise
        finally:
            self._changed = None
        self._unwritten = None
        self.report(f"The labels in memory were written to {self.file} again.")

    def _add_missing(self, kept: _Kept) -> None:
        """Write what was in memory and is not in the file."""
        known_classes = set(self._class_edits)
        for edit in kept.class_edits:
            if edit not in known_classes:
                time, *states = edit
                self.write("class", None, json.loads(states[0]), json.loads(states[1]), time)
        in_file = {
            (self.photos.row_of(photo), kind): time
            for (photo, kind), time in newest_edits(self.connection, self._seen).items()
        }

        def time_of(row: int, kind: str) -> str:
            # Its own time, not that of this writing: other kernels compare it with newer edits.
            return kept.times.get((row, kind), kept.last_time)

        def is_newer(row: int, kind: str) -> bool:
            """Whether the edit in memory is, as far as the old file could be read."""
            time = in_file.get((row, kind))
            return time is None or not kept.times or kept.times.get((row, kind), "") > time

        lost = 0
        for row in kept.rows:
            before, after = self.names(row), kept.names(row)
            was_out, is_out = row in self.excluded, row in kept.excluded
            try:
                is_same = before == after and (row, "labels") in in_file
                if not is_same and is_newer(row, "labels"):
                    time = time_of(row, "labels")
                    self.write_of_row("labels", row, before, after, time)
                if was_out != is_out and is_newer(row, "excluded"):
                    time = time_of(row, "excluded")
                    self.write_of_row("excluded", row, was_out, is_out, time)
            except StorageError as error:
                lost += 1
                _log.warning("%s", error)
        if lost:
            photos = counted(lost, "photo")
            self.report(f"{photos} cannot be read any more: the labels are lost.")

    def report(self, problem: str) -> None:
        """Note what happened to the file, and log it."""
        self.problems.append(problem)
        self._changed = None
        _log.warning("%s", problem)

    @contextmanager
    def writing(self, action: str) -> Iterator[None]:
        """Write a batch and apply it to the dataset; an error reverts both."""
        with self.lock:
            if self._batch is not None:
                yield
                return
            self.refresh()
            with self.storage_errors():
                self._begin()
                with self._adding(action):
                    yield
            # If the file was deleted meanwhile; an error comes again with the next edit.
            with suppress(StorageError):
                self.secure()
            self.notify()

    def _begin(self) -> None:
        """Lock out other writers of the file, while it is in its place."""
        for _ in range(_TRIES):
            self.secure()
            self.connection.execute("BEGIN IMMEDIATE")
            if Place.of(self.file).continues(self._place):
                break
            self.connection.execute("ROLLBACK")
        else:
            raise StorageError(f"The label journal {self.file} is deleted again and again.")

    @contextmanager
    def _adding(self, action: str) -> Iterator[None]:
        """End a transaction with a batch; an error reverts what it did to the dataset."""
        seen, photo, classes = self._seen, self.photos.last_id, len(self._class_edits)
        try:
            with ending(self.connection):
                self.catch_up()
                seen, photo, classes = self._seen, self.photos.last_id, len(self._class_edits)
                self._batch = (self.stack.last + 1, action, 0)
                yield
        except BaseException:
            for kind, number, before, after in reversed(self._written):
                self._apply(kind, number, after, before)
            self._seen = seen
            self.photos.forget_after(photo)
            del self._class_edits[classes:]
            raise
        else:
            if self._written:
                self.stack.note(*self._batch)
        finally:
            self._batch = None
            self._written.clear()

    def repeat(self, batch: int) -> None:
        """Note which batch is undone or redone by the one that is being written."""
        assert self._batch is not None
        number, action, _ = self._batch
        self._batch = (number, action, batch)

    def write_of_row(
        self, kind: str, row: int, before: object, after: object, time: str | None = None
    ) -> None:
        """Write an edit of the photo in a row of the dataset."""
        self.write(kind, self.photos.add(row), before, after, time)

    def write(
        self, kind: str, photo: int | None, before: object, after: object, time: str | None = None
    ) -> None:
        """Write an edit of a photo, or of a class, and apply it to the dataset; see `writing`."""
        assert self._batch is not None
        texts = json.dumps(before), json.dumps(after)
        time = time or time_text(datetime.now(timezone.utc))
        cursor = self.connection.execute(
            "INSERT INTO edit (batch, action, target, time, who, kind, photo, before, after) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (*self._batch, time, _user(), kind, photo, *texts),
        )
        assert cursor.lastrowid is not None
        self._note(cursor.lastrowid, time, kind, *texts)
        self._written.append((kind, photo, before, after))
        self._apply(kind, photo, before, after)

    def _apply(self, kind: str, photo: int | None, before: Any, after: Any) -> None:
        """Apply an edit to the dataset, if it has the photo."""
        if kind == "class":
            self._changed = None
            if before is None:
                self.table.insert_class(*after)
            elif after is None:
                self.table.remove_class(before[0])
            else:
                self.table.rename_class(before[0], after[0])
            return
        row = None if photo is None else self.photos.row_of(photo)
        if row is None:
            return
        if kind == "labels":
            self.table.set_labels(row, after)
        elif after:
            self.excluded.add(row)
        else:
            self.excluded.discard(row)
        if self._changed is not None:
            self._changed.add(row)

    def load(self) -> None:
        """Catch up if another connection wrote since the last call."""
        with self.storage_errors():
            (version,) = self.connection.execute("PRAGMA data_version").fetchone()
            if self._batch is None and version != self._version:
                with transaction(self.connection):
                    self.catch_up()
                self._version = version
                self.notify()

    def catch_up(self) -> None:
        """Apply the edits and moves of other kernels; call it in a transaction."""
        self.follow_moves()  # first: photos are looked for where they are now
        self.photos.locate()
        rows = self.connection.execute(
            f"SELECT {ROW} FROM edit WHERE id > ? ORDER BY id",  # noqa: S608
            (self._seen.number,),
        )
        for row in rows:
            states = read_states(row)
            number, batch, action, target, time, _, kind, photo, *texts = row
            self._apply(kind, photo, *states)
            self.stack.note(batch, action, target)
            self._note(number, time, kind, *texts)

    def _note(self, number: int, time: str, kind: str, before: str, after: str) -> None:
        """Note that an edit is in the file."""
        self._seen = Seen(number, time, self._seen.edits + 1)
        if kind == "class":
            self._class_edits.append((time, before, after))

    def follow_moves(self) -> None:
        """Give photos that were moved since the last call their new paths."""
        moves = self.moves.finished_after(self._last_move)
        if not moves:
            return
        self._last_move = moves[-1][0]
        self._changed = None
        rows = self.table.paths.find({move.source for _, move, _ in moves})
        for _, move, moved in moves:
            row = rows.get(move.source)
            if row is not None and moved:
                self.table.paths.move(row, move.target)
            elif row is not None:
                self.table.add_problem(move.source, "the file no longer exists")

    def notify(self) -> None:
        """Tell the listeners what changed since the last call."""
        changed = None if self._changed is None else frozenset(self._changed)
        self._changed = set()
        if changed is None or changed:
            for listener in list(self.listeners):
                listener(changed)

    def names(self, row: int) -> list[str]:
        """The labels of a photo."""
        return [label.name for label in self.dataset.labels_of_row(row)]


def _is_older(one: sqlite3.Connection, other: sqlite3.Connection) -> bool:
    """Whether a journal is an earlier state of another one, as far as that can be read."""
    try:
        return Seen.all_of(one).are_in(other)
    except sqlite3.Error:
        return False


def _user() -> str:
    try:
        return getpass.getuser()
    except (
        KeyError,
        OSError,
        ImportError,
    ):  # in a container, a user may have no name
        return "unknown"
