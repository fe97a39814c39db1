"""The edits of a label journal, and which of them can be undone and redone."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

__all__ = [
    "COLUMNS",
    "ROW",
    "Edit",
    "UndoStack",
    "as_edit",
    "changed_photos",
    "check_move",
    "check_photo",
    "is_time",
    "read_states",
    "time_text",
]

ROW = "id, batch, action, target, time, who, kind, photo, before, after"
"""The columns of the table ``edit``, as `read_states` takes them."""
_MOST_CLASSES = 1_000_000
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


def as_edit(row: tuple[Any, ...]) -> Edit:
    """Convert a result row with `COLUMNS` to an edit; raises the same as `read_states`."""
    number, batch, action, time, who, kind, photo, path, before, after = row
    checked = (number, batch, action, batch, time, who, kind, photo, before, after)
    states = read_states(checked)
    return Edit(
        number, batch, action, datetime.fromisoformat(time), who, kind, photo, path, *states
    )


def read_states(row: tuple[Any, ...]) -> tuple[Any, Any]:
    """The state before and after an edit, given its row in the table ``edit``.

    Raises
    ------
    sqlite3.DataError
        If a value is not as this package writes it: another program may write to the file.
    """
    number, batch, action, target, time, who, kind, photo, before, after = row
    numbers = (number, batch, target, *(() if kind == "class" and photo is None else (photo,)))
    try:
        _require(all(type(value) is int for value in numbers))
        _require(action in ("edit", "undo", "redo"))
        _require(all(type(value) is str for value in (time, who, kind, before, after)))
        _require(is_time(time))
        states = json.loads(before), json.loads(after)
        _require(all(map(_IS_STATE[kind], states)) and states != (None, None))
    except (ValueError, KeyError, RecursionError) as error:
        raise sqlite3.DataError(f"malformed edit {number}: {error}") from error
    return states


def check_photo(row: tuple[Any, ...]) -> None:
    """Raise the same as `read_states` if this cannot be a row of the table ``photo``."""
    number, path, size, mtime_ns, sha256 = row
    if not (
        _is_path(path)
        and type(sha256) is str
        and type(number) is type(size) is type(mtime_ns) is int
    ):
        raise sqlite3.DataError(f"malformed photo {number}")


def check_move(row: tuple[Any, ...]) -> None:
    """Raise the same as `read_states` if this cannot be a row of the table ``move``."""
    number, source, target, state = row
    if not (_is_path(source) and _is_path(target) and state in ("planned", "moved", "gone")):
        raise sqlite3.DataError(f"malformed move {number}")


def is_time(value: Any) -> bool:
    """Whether a value is a time as `time_text` writes it."""
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except (TypeError, ValueError):
        return False


def _require(fits: bool) -> None:
    if not fits:
        raise ValueError("a value of another type")


def _is_path(value: Any) -> bool:
    return type(value) is bytes and value != b"" and b"\0" not in value


def _is_labels(state: Any) -> bool:
    return type(state) is list and all(type(name) is str for name in state)


def _is_class(state: Any) -> bool:
    if state is None:
        return True
    return (
        type(state) is list
        and [type(value) for value in state] == [str, int]
        and 0 <= state[1] <= _MOST_CLASSES
    )


_IS_STATE: dict[str, Callable[[Any], bool]] = {
    "labels": _is_labels,
    "excluded": lambda state: type(state) is bool,
    "class": _is_class,
}


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
        if action in ("undo", "redo"):
            before, after = self.done, self.undone
            if action == "redo":
                before, after = after, before
            if target in before:  # else its rows were lost with a damaged file
                before.remove(target)
                after.append(target)
        else:
            self.done.append(batch)
            self.undone.clear()


def time_text(time: datetime) -> str:
    """A time as the journal writes it; these texts sort like the times."""
    return time.astimezone(timezone.utc).isoformat(timespec="microseconds")
