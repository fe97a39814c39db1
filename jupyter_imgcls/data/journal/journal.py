"""The label journal: every change of a label on disk at once, to undo, redo and look up."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ...context import Context
from ...errors import DatasetError
from ...files import safe_name
from ..dataset import ClassificationDataset
from ..image import Image, Label
from .commit import commit, finish_moves, planned_moves
from .file import adopt, open_file, storage_errors
from .identity import PhotoRows
from .log import COLUMNS, Edit, as_edit, changed_photos, time_text
from .relocate import CommitPlan, Move
from .watch import Watch
from .writer import JournalWriter

__all__ = ["Journal"]


class Journal(JournalWriter):
    """The changes of the labels of a dataset, kept in a SQLite file.

    Made by `open`. From then on ``dataset.change_label_for_image`` writes to it too. An edit is on
    disk before the call returns, and outlives a killed kernel. What is changed together (`batch`)
    is undone together. Several kernels may have one journal open: an edit starts from what the
    others wrote, `refresh` brings their edits here, and `undo` takes back the last one of all.

    Photos are recognized by their content: one that was moved or renamed keeps its labels.

    Attributes
    ----------
    dataset : ClassificationDataset
        Its labels are as the journal says.
    file : Path
        ``<persistent_path>/journals/<name>-<hash of name and source>.sqlite``: datasets of one
        name from different folders have journals of their own, the parts of one dataset share one.
    listeners : list of callables
        Each is called after every change, made here or brought by `refresh`, in the thread that
        made it, with the rows whose photo changed (a set of int), or None if classes, paths or
        `watch_error` did.
    """

    _watch: Watch | None = None

    @classmethod
    def open(cls, dataset: ClassificationDataset, context: Context | None = None) -> Journal:
        """Open the journal of a dataset, and give the dataset the labels that it holds.

        A journal that was opened for this dataset before is returned. If the dataset's folder was
        moved and its photos are those of a journal of the same name whose folder is gone, the new
        journal starts as a copy of that one.

        Parameters
        ----------
        dataset : ClassificationDataset
            Its labels are changed.
        context : Context, optional
            Where journals are; default: the global context.

        Raises
        ------
        StorageError
            If the journal cannot be read or written, is damaged, or is not a journal. The dataset
            is what it was.
        DatasetError
            If the dataset has a journal of another context.
        """
        context = context or Context.get_global_context()
        key = hashlib.sha256(json.dumps(dataset.source).encode()).hexdigest()[:12]
        name = safe_name(dataset.source[0])
        file = context.storage.persistent_path / "journals" / f"{name}-{key}.sqlite"
        if dataset.journal is not None:
            if dataset.journal.file != file:
                raise DatasetError(
                    f"Dataset {dataset.name!r} has the journal {dataset.journal.file}: close() it "
                    "before you open another."
                )
            return dataset.journal
        if not file.exists():
            adopt(file, dataset.source, lambda copy: _holds_photos_of(dataset, copy))
        journal = cls(dataset, file, open_file(file, dataset.source))
        try:
            journal.refresh()
        except BaseException:
            journal.close()
            raise
        dataset.journal = journal
        return journal

    def close(self) -> None:
        """Close the file; the dataset keeps its labels, and changes are no longer written."""
        with self._lock:
            if self._watch is not None:
                self._watch.stop()
            self._close()
            if self.dataset.journal is self:
                self.dataset.journal = None

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- changing -------------------------------------------------------------------------------

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Make the changes in the ``with`` block one: all or none is written, and undone.

        Other kernels wait until the block ends.
        """
        with self._writing("edit"):
            yield

    def edit(self, images: Sequence[Image], labels: str | Label | Sequence[str | Label]) -> None:
        """Give photos other labels; new classes are added.

        Raises
        ------
        DatasetError
            If a photo is not in the dataset.
        StorageError
            If the journal cannot be written or a photo cannot be read; nothing is changed.
        """
        several = [labels] if isinstance(labels, str | Label) else labels
        names = list(dict.fromkeys(str(label) for label in several))
        rows = self._read(images)
        with self._writing("edit"):
            rows = [row for row in rows if self._names(row) != names]
            for name in names if rows else ():
                self._ensure_class(name)
            for row in rows:
                self._write("labels", self._photos.add(row), self._names(row), names)

    def exclude(self, images: Sequence[Image], excluded: bool = True) -> None:
        """Say of photos that they are not part of the dataset, or that they are.

        Their rows stay; `included` is the dataset without them. Raises what `edit` raises.
        """
        rows = self._read(images)
        with self._writing("edit"):
            for row in rows:
                if (row in self._excluded) != excluded:
                    self._write("excluded", self._photos.add(row), not excluded, excluded)

    def add_class(self, name: str) -> None:
        """Add a class unless there is one of that name."""
        with self._writing("edit"):
            self._ensure_class(_checked(name))

    def rename_class(self, old: str, new: str) -> None:
        """Give a class another name.

        Raises
        ------
        DatasetError
            If there is no such class, or one of the new name: `merge_classes` makes them one.
        """
        with self._writing("edit"):
            position = self._position(old)
            if new in self._class_names():
                raise DatasetError(f"There is a class {new!r} already: merge the two.")
            self._write("class", None, [old, position], [_checked(new), position])

    def merge_classes(self, old: str, into: str) -> None:
        """Give the photos of one class to another class; the first class goes away.

        Raises
        ------
        DatasetError
            If there are no two such classes.
        """
        with self._lock:
            if old == into:
                raise DatasetError(f"Class {old!r} cannot be merged into itself.")
            self._photos.read(self._rows_with(old))
            with self._writing("edit"):
                position = self._position(old)
                self._position(into)
                for row in self._rows_with(old):
                    names = [into if name == old else name for name in self._names(row)]
                    self._write(
                        "labels",
                        self._photos.add(row),
                        self._names(row),
                        list(dict.fromkeys(names)),
                    )
                self._write("class", None, [old, position], None)

    def undo(self) -> list[Edit]:
        """Take the last batch back, also one of an earlier session or of another kernel.

        Returns
        -------
        list of Edit
            What that changed; empty if there is nothing to undo.
        """
        return self._repeat("undo")

    def redo(self) -> list[Edit]:
        """Make the batch again that was undone last, if nothing was edited since; see `undo`."""
        return self._repeat("redo")

    # -- looking --------------------------------------------------------------------------------

    @property
    def excluded(self) -> NDArray[np.intp]:
        """The rows of the excluded photos, in order."""
        return np.array(sorted(self._excluded), dtype=np.intp)

    def is_excluded(self, image: Image) -> bool:
        """Whether a photo was said not to be part of the dataset."""
        return self.dataset._row_of(image) in self._excluded

    def included(self) -> ClassificationDataset:
        """The dataset without the excluded photos, as `ClassificationDataset.take` gives it."""
        return self.dataset.take(np.setdiff1d(np.arange(len(self.dataset)), self.excluded))

    @property
    def edited(self) -> NDArray[np.intp]:
        """The rows, in order, of the photos that are no longer what they were before any edit."""
        changed = changed_photos(self._edits("photo IS NOT ?", None))
        return np.array(self._photos.rows_of(changed), dtype=np.intp)

    def history(self, image: Image) -> list[Edit]:
        """The edits of a photo, undoing and redoing included, oldest first."""
        return self._edits("photo = ?", self._photos.id_of(self.dataset._row_of(image)))

    def changed_since(self, time: datetime) -> list[Image]:
        """The photos that were edited at `time` or later, in the order of the dataset.

        Parameters
        ----------
        time : datetime
            In local time unless it says otherwise.
        """
        found = {edit.photo for edit in self._edits("time >= ?", time_text(time))}
        return [self.dataset.images[row] for row in self._photos.rows_of(found)]

    @property
    def can_undo(self) -> bool:
        """Whether there is something to undo."""
        return bool(self._stack.done)

    @property
    def can_redo(self) -> bool:
        """Whether there is something to redo."""
        return bool(self._stack.undone)

    def refresh(self) -> None:
        """Bring the edits here that other kernels made; costs next to nothing if there are none."""
        with self._lock, storage_errors(self.file):
            self._refresh()

    def watch(self, seconds: float = 1.0) -> None:
        """Let a thread call `refresh` every so many seconds, until `close`.

        A journal that is watched already goes on as it is. What goes wrong is logged, and in
        `watch_error` until a refresh succeeds.
        """
        with self._lock:
            self.refresh()
            if self._watch is None:
                self._watch = Watch(self, seconds)

    @property
    def watch_error(self) -> Exception | None:
        """Why edits of other kernels cannot be brought here now, if so; see `watch`."""
        return None if self._watch is None else self._watch.error

    # -- writing the labels where the user says -------------------------------------------------

    def commit(self, target: str | os.PathLike[str], dry_run: bool = True) -> CommitPlan:
        """Write the labels to a CSV or JSON file, or move the photos into folders of their classes.

        Nothing is overwritten or deleted: a name that is taken gets a number, and folders that
        become empty stay. Excluded photos are not written to a file, and move from `target` to
        the folder ``<target>-excluded``. Photos of several classes or none are not moved; those of
        none are not in a JSON file, which lists the photos of each class. Moves that are cut off
        half way are finished by the next call, or by `resume`.

        Parameters
        ----------
        target : str or Path
            A name that ends in ``.csv`` or ``.json``, for `create_from_csv` and
            `create_from_json`, or a folder.
        dry_run : bool
            Only say what would be done.

        Returns
        -------
        CommitPlan
            Print it to read it.

        Raises
        ------
        DatasetError
            If a class name cannot be a folder's; nothing is moved.
        StorageError
            If a file cannot be moved or written; `resume` goes on when that is mended.
        """
        return commit(self, target, dry_run)

    @property
    def unfinished(self) -> list[Move]:
        """The moves of a `commit` that was cut off."""
        with self._lock, storage_errors(self.file):
            return [move for _, move in planned_moves(self, -1)]

    def resume(self) -> None:
        """Finish the moves of a `commit` that was cut off; raises what that raises."""
        with self._lock, storage_errors(self.file):
            finish_moves(self)

    # -- inside ---------------------------------------------------------------------------------

    def _repeat(self, action: Literal["undo", "redo"]) -> list[Edit]:
        with self._lock:
            if self._batch is not None:
                raise DatasetError(f"{action}() has no place in a batch: end the batch first.")
            with self._writing(action):
                stack = self._stack.done if action == "undo" else self._stack.undone
                if not stack:
                    return []
                self._batch = (self._stack.last + 1, action, stack[-1])
                rows = self._connection.execute(
                    "SELECT kind, photo, before, after FROM edit WHERE batch = ? ORDER BY id",
                    (stack[-1],),
                ).fetchall()
                for kind, photo, *states in reversed(rows) if action == "undo" else rows:
                    before, after = map(json.loads, states)
                    if action == "undo":
                        before, after = after, before
                    self._write(kind, photo, before, after)
                return self._edits("batch = ?", self._stack.last + 1)

    def _edits(self, condition: str, value: object) -> list[Edit]:
        self.refresh()
        with self._lock, storage_errors(self.file):
            rows = self._connection.execute(
                f"SELECT {COLUMNS} FROM edit WHERE {condition} ORDER BY id",  # noqa: S608
                (value,),
            )
            return [as_edit(row) for row in rows]

    def _read(self, images: Sequence[Image]) -> list[int]:
        rows = list(dict.fromkeys(self.dataset._row_of(image) for image in images))
        with self._lock:
            self._photos.read(rows)
        return rows

    def _names(self, row: int) -> list[str]:
        return [label.name for label in self.dataset.labels_of_row(row)]

    def _class_names(self) -> list[str]:
        return [label.name for label in self.dataset.labels]

    def _rows_with(self, name: str) -> list[int]:
        rows: list[int] = self.dataset._columns.rows_with(self._position(name)).tolist()
        return rows

    def _position(self, name: str) -> int:
        names = self._class_names()
        if name not in names:
            raise DatasetError(f"There is no class {name!r}; the classes are: {', '.join(names)}.")
        return names.index(name)

    def _ensure_class(self, name: str) -> None:
        names = self._class_names()
        if name not in names:
            self._write("class", None, None, [name, len(names)])


def _holds_photos_of(dataset: ClassificationDataset, connection: sqlite3.Connection) -> bool:
    photos = PhotoRows(dataset, connection)
    photos.locate()
    return photos.found_any


def _checked(name: str) -> str:
    if not name.strip():
        raise DatasetError("A class needs a name.")
    return name
