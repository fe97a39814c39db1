"""The edits of a label journal, and which of them can be undone and redone."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

__all__ = ["COLUMNS", "Edit", "UndoStack", "as_edit", "changed_photos", "time_text"]

COLUMNS = (
    "edit.id, batch, action, edit.time, who, kind, photo, "
    "(SELECT path FROM photo WHERE photo.id = edit.photo), before, after"
)


@dataclass(frozen=True)
class Edit:
    """One row of a label journal.

    Attributes
    ----------
    id, batch : int
        Its number, and that of its batch.
    action : str
        ``"edit"``, or ``"undo"`` or ``"redo"`` of an edit.
    time : datetime
        When, in UTC.
    who : str
        Name of the user.
    kind : str
        ``"labels"`` or ``"excluded"`` of a photo, or ``"class"``.
    photo : int or None
        Number of the photo in the journal; None for an edit of a class.
    path : bytes or None
        Where the photo was last seen, as the file system spells it.
    before, after : object
        Labels as a list of str, whether it is excluded as a bool, or a class as its name and its
        position (None: no such class).
    """

    id: int
    batch: int
    action: str
    time: datetime
    who: str
    kind: str
    photo: int | None
    path: bytes | None
    before: Any
    after: Any


def as_edit(row: sqlite3.Row | tuple[Any, ...]) -> Edit:
    """Convert a result row with `COLUMNS` to an edit."""
    number, batch, action, time, who, kind, photo, path, before, after = row
    return Edit(
        number,
        batch,
        action,
        datetime.fromisoformat(time),
        who,
        kind,
        photo,
        path,
        json.loads(before),
        json.loads(after),
    )


def changed_photos(edits: list[Edit]) -> set[int | None]:
    """The photos whose state differs from that before the first of these edits."""
    first: dict[tuple[int | None, str], Any] = {}
    last = {}
    for edit in edits:
        first.setdefault((edit.photo, edit.kind), edit.before)
        last[edit.photo, edit.kind] = edit.after
    return {key[0] for key, before in first.items() if before != last[key]}


@dataclass
class UndoStack:
    """The numbers of the batches that can be undone and redone, the next one last."""

    done: list[int] = field(default_factory=list)
    undone: list[int] = field(default_factory=list)
    last: int = 0

    def note(self, batch: int, action: str, target: int) -> None:
        """Note a batch by its first row; further rows have no effect."""
        if batch == self.last:
            return
        self.last = batch
        if action == "undo":
            self.done.remove(target)
            self.undone.append(target)
        elif action == "redo":
            self.undone.remove(target)
            self.done.append(target)
        else:
            self.done.append(batch)
            self.undone.clear()


def time_text(time: datetime) -> str:
    """A time as the journal writes it; these texts sort like the times."""
    return time.astimezone(timezone.utc).isoformat(timespec="microseconds")
