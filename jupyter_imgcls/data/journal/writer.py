"""Writing edits to a label journal and making them in its dataset, both or neither."""

from __future__ import annotations

import getpass
import json
import os
import sqlite3
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ..classes import insert_class, remove_class, rename_class
from ..dataset import ClassificationDataset
from .file import storage_errors, transaction
from .identity import PhotoRows
from .log import UndoStack, time_text

__all__ = ["JournalWriter"]


class JournalWriter:
    """What `Journal` is made on: a batch of edits is written, or neither file nor dataset change.

    Each method here expects `_lock` to be held by its caller, or takes it.
    """

    def __init__(
        self, dataset: ClassificationDataset, file: Path, connection: sqlite3.Connection
    ) -> None:
        self.dataset = dataset
        self.file = file
        self.listeners: list[Callable[[frozenset[int] | None], None]] = []
        self._connection = connection
        self._lock = threading.RLock()
        self._photos = PhotoRows(dataset, connection)
        self._excluded: set[int] = set()
        self._stack = UndoStack()
        self._last_edit = 0
        with storage_errors(file):
            # Files that were moved before are where the dataset found them.
            (self._last_move,) = connection.execute(
                "SELECT coalesce(max(id), 0) FROM move WHERE state != 'planned'"
            ).fetchone()
        self._version = -1
        self._batch: tuple[int, str, int] | None = None
        self._written: list[tuple[str, int | None, Any, Any]] = []
        self._changed: set[int] | None = set()
        self._close = weakref.finalize(self, connection.close)

    @contextmanager
    def _writing(self, action: str) -> Iterator[None]:
        """Write a batch and change the dataset in step; both stay as they were after an error."""
        with self._lock:
            if self._batch is not None:
                yield
                return
            edit, photo = self._last_edit, self._photos.last_id
            try:
                with storage_errors(self.file), transaction(self._connection):
                    self._catch_up()
                    edit, photo = self._last_edit, self._photos.last_id
                    self._batch = (self._stack.last + 1, action, 0)
                    yield
            except BaseException:
                for kind, number, before, after in reversed(self._written):
                    self._apply(kind, number, after, before)
                self._last_edit = edit
                self._photos.forget_after(photo)
                raise
            else:
                if self._written:
                    self._stack.note(*self._batch)
            finally:
                self._batch = None
                self._written.clear()
            self._notify()

    def _write(self, kind: str, photo: int | None, before: object, after: object) -> None:
        assert self._batch is not None
        texts = json.dumps(before), json.dumps(after)
        cursor = self._connection.execute(
            "INSERT INTO edit (batch, action, target, time, who, kind, photo, before, after) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (*self._batch, time_text(datetime.now(timezone.utc)), _user(), kind, photo, *texts),
        )
        assert cursor.lastrowid is not None
        self._last_edit = cursor.lastrowid
        self._written.append((kind, photo, before, after))
        self._apply(kind, photo, before, after)

    def _apply(self, kind: str, photo: int | None, before: Any, after: Any) -> None:
        """Make an edit in the dataset; one of a photo that is not in it changes nothing."""
        if kind == "class":
            self._changed = None
            if before is None:
                insert_class(self.dataset, *after)
            elif after is None:
                remove_class(self.dataset, before[0])
            else:
                rename_class(self.dataset, before[0], after[0])
            return
        row = None if photo is None else self._photos.row_of(photo)
        if row is None:
            return
        if kind == "labels":
            self.dataset._columns.set_labels(row, self.dataset._numbers(after))
        elif after:
            self._excluded.add(row)
        else:
            self._excluded.discard(row)
        if self._changed is not None:
            self._changed.add(row)

    def _refresh(self) -> None:
        """Catch up if another connection wrote since the last call."""
        (version,) = self._connection.execute("PRAGMA data_version").fetchone()
        if self._batch is None and version != self._version:
            with transaction(self._connection):
                self._catch_up()
            self._version = version
            self._notify()

    def _catch_up(self) -> None:
        """Make the edits and moves of other kernels here; call it in a transaction."""
        self._follow_moves()  # first: photos are looked for where they are now
        self._photos.locate()
        rows = self._connection.execute(
            "SELECT id, batch, action, target, kind, photo, before, after FROM edit "
            "WHERE id > ? ORDER BY id",
            (self._last_edit,),
        )
        for number, batch, action, target, kind, photo, before, after in rows:
            self._apply(kind, photo, json.loads(before), json.loads(after))
            self._stack.note(batch, action, target)
            self._last_edit = number

    def _follow_moves(self) -> None:
        moves = self._connection.execute(
            "SELECT id, source, target, state FROM move "
            "WHERE id > ? AND state != 'planned' ORDER BY id",
            (self._last_move,),
        ).fetchall()
        if not moves:
            return
        self._last_move = moves[-1][0]
        self._changed = None
        sources = {os.fsdecode(source) for _, source, _, _ in moves}
        rows = self.dataset.paths.find(sources)
        for _, source, target, state in moves:
            row = rows.get(os.fsdecode(source))
            if row is not None and state == "moved":
                self.dataset.paths.move(row, os.fsdecode(target))
            elif row is not None:
                self.dataset.add_problem(os.fsdecode(source), "the file is not there any more")

    def _notify(self) -> None:
        changed = None if self._changed is None else frozenset(self._changed)
        self._changed = set()
        if changed is None or changed:
            for listener in list(self.listeners):
                listener(changed)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # a container may run under a number without a name
        return "unknown"
