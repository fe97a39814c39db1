"""The label journal: saves every label edit at once, with undo, redo and history."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ...context import Context
from ...errors import DatasetError, StorageError
from ...files import free_name, move_file, safe_name
from ..dataset import ClassificationDataset
from ..image import Image
from ..table import PhotoTable
from ..types import NO_LABEL, Label
from .file import DamagedError, adopt, locked, open_file, transaction
from .identity import PhotoRows
from .log import COLUMNS, Edit, as_edit, changed_photos, time_text
from .relocate import CommitPlan, Move, plan_moves
from .rescue import Place, rescue
from .store import JournalFile
from .watch import Watch

__all__ = ["Journal"]

# Other kernels wait for this many moves at most.
_MOVES_AT_ONCE = 20


class Journal:
    """The changes of the labels of a dataset, kept in a SQLite file.

    Create it with `open`. From then on ``dataset.change_label_for_image`` writes to it too. An edit
    is on disk before the call returns, and survives a killed kernel. A `batch` of edits is undone
    as a whole. Several kernels may open the same journal: each edit builds on the edits of the
    others, `refresh` loads their edits, and `undo` undoes the last edit of any kernel.

    Photos are recognized by their content: a moved or renamed photo keeps its labels.

    Attributes
    ----------
    dataset : ClassificationDataset
        The dataset whose labels the journal keeps.
    file : Path
        ``<persistent_path>/journals/<name>-<hash of name and source>.sqlite``: datasets of one
        name from different folders have journals of their own, the parts of one dataset share one.
    listeners : list of callables
        Each is called after every change, made here or loaded by `refresh`, in the thread that
        made it, with the rows of the changed photos (a set of int), or with None if classes, paths,
        `problems` or `watch_error` changed.
    problems : list of str
        What happened to the file, and which edits were kept: that it was damaged, or was deleted,
        moved or replaced while it was open. Also logged as warnings.
    """

    def __init__(
        self, dataset: ClassificationDataset, file: Path, connection: sqlite3.Connection
    ) -> None:
        self._store = store = JournalFile(dataset, file, connection)
        self.dataset, self.file = dataset, file
        self.listeners, self.problems = store.listeners, store.problems
        self._watch: Watch | None = None

    @classmethod
    def of(cls, dataset: ClassificationDataset) -> Journal | None:
        """The open journal of a dataset, if it has one."""
        return dataset.journal if isinstance(dataset.journal, Journal) else None

    @classmethod
    def open(cls, dataset: ClassificationDataset, context: Context | None = None) -> Journal:
        """Open the journal of a dataset and apply its labels to the dataset.

        If the dataset has an open journal, that one is returned. If the dataset's folder was
        moved, the new journal starts as a copy of the old one: a journal of the same name, with
        the same photos, whose folder no longer exists. Of a damaged file, all edits that can be
        read are written to a new file; `problems` says how many, and where the damaged file is.

        Parameters
        ----------
        dataset : ClassificationDataset
            Its labels are changed.
        context : Context, optional
            Where journals are stored; default: the global context.

        Raises
        ------
        StorageError
            If the journal cannot be read or written, or is not a journal. The dataset is unchanged.
        DatasetError
            If the dataset has a journal of another context.
        """
        context = context or Context.get_global_context()
        name, place = dataset.source
        # On Windows, paths that differ in case only are one place.
        key = hashlib.sha256(json.dumps([name, os.path.normcase(place)]).encode()).hexdigest()[:12]
        folder = context.storage.persistent_path / "journals"
        file = folder / f"{safe_name(name)}-{key}.sqlite"
        known = cls.of(dataset)
        if known is not None:
            if known.file != file:
                raise DatasetError(
                    f"Dataset {dataset.name!r} has the journal {known.file}: close() it before you "
                    "open another."
                )
            return known
        if not file.exists():
            adopt(file, dataset.source, lambda copy: _holds_photos_of(dataset, copy))
        found = Place.of(file)
        try:
            journal = cls._opened(dataset, file)
        except DamagedError:
            with locked(file):
                # Another kernel may have been faster.
                rescued = rescue(file, dataset.source) if Place.of(file) == found else None
            journal = cls._opened(dataset, file)
            if rescued is not None:
                journal._store.report(f"The label journal {file} was damaged: {rescued}")
        dataset.journal = journal
        return journal

    @classmethod
    def _opened(cls, dataset: ClassificationDataset, file: Path) -> Journal:
        with locked(file):
            connection = open_file(file, dataset.source)
        before = dataset.table.copy_labels()
        try:
            journal = cls(dataset, file, connection)
            journal._store.load()
        except BaseException:
            connection.close()
            dataset.table.restore_labels(before)
            raise
        return journal

    def close(self) -> None:
        """Close the file; the dataset keeps its labels, and further changes are not saved.

        Raises
        ------
        StorageError
            If the file was deleted or damaged and cannot be written again. It stays open, so that
            no edit is lost.
        """
        with self._store.lock:
            self._store.close()
            if self._watch is not None:
                self._watch.stop()
            if self.dataset.journal is self:
                self.dataset.journal = None

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def refresh(self) -> None:
        """Load the edits of other kernels; costs next to nothing if there are none.

        If the file was deleted, moved, replaced or damaged, all edits are written to it again.

        Raises
        ------
        StorageError
            If the file cannot be read or written; no edit is lost while the journal is open.
        """
        self._store.refresh()

    # -- changing -------------------------------------------------------------------------------

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Save and undo all changes in the ``with`` block as one; after an error, save none.

        Other kernels wait until the block ends.
        """
        with self._store.writing("edit"):
            yield

    def identify(self, images: Sequence[Image]) -> list[int]:
        """Read the content of photos ahead of an edit, which is slow on slow disks.

        `edit` and `exclude` do it themselves; do it first to show progress over many photos.

        Returns
        -------
        list of int
            Their rows.

        Raises
        ------
        DatasetError
            If a photo is not in the dataset.
        StorageError
            If a photo cannot be read.
        """
        rows = list(dict.fromkeys(self.dataset.row_of(image) for image in images))
        with self._store.lock:
            self._store.photos.read(rows)
        return rows

    def edit(self, images: Sequence[Image], labels: str | Label | Sequence[str | Label]) -> None:
        """Give photos other labels; new classes are added.

        Raises
        ------
        DatasetError
            If a photo is not in the dataset.
        StorageError
            If the journal cannot be written or a photo cannot be read; nothing changes.
        """
        several = [labels] if isinstance(labels, str | Label) else labels
        names = list(dict.fromkeys(Label(str(label)).name for label in several))
        rows = self.identify(images)
        with self._store.writing("edit"):
            rows = [row for row in rows if self._store.names(row) != names]
            for name in names if rows else ():
                self._ensure_class(name)
            for row in rows:
                self._store.write_of_row("labels", row, self._store.names(row), names)

    def exclude(self, images: Sequence[Image], excluded: bool = True) -> None:
        """Exclude photos from the dataset, or include them again.

        Their rows stay; `included` returns the dataset without them. Raises the same as `edit`.
        """
        rows = self.identify(images)
        with self._store.writing("edit"):
            for row in rows:
                if (row in self._store.excluded) != excluded:
                    self._store.write_of_row("excluded", row, not excluded, excluded)

    def add_class(self, name: str) -> None:
        """Add a class unless there is one of that name."""
        with self._store.writing("edit"):
            self._ensure_class(_checked(name))

    def rename_class(self, old: str, new: str) -> None:
        """Give a class another name.

        Raises
        ------
        DatasetError
            If there is no such class, or already one with the new name: use `merge_classes`.
        """
        with self._store.writing("edit"):
            position = self._position(old)
            if new in self._class_names():
                raise DatasetError(f"There is already a class {new!r}: merge the two.")
            self._store.write("class", None, [old, position], [_checked(new), position])

    def merge_classes(self, old: str, into: str) -> None:
        """Move the photos of one class to another class, and remove the first class.

        Raises
        ------
        DatasetError
            If one of the classes does not exist, or both are the same.
        """
        with self._store.lock:
            if old == into:
                raise DatasetError(f"Class {old!r} cannot be merged into itself.")
            self._store.photos.read(self._rows_with(old))
            with self._store.writing("edit"):
                position = self._position(old)
                self._position(into)
                for row in self._rows_with(old):
                    before = self._store.names(row)
                    after = dict.fromkeys(into if name == old else name for name in before)
                    self._store.write_of_row("labels", row, before, list(after))
                self._store.write("class", None, [old, position], None)

    def undo(self) -> list[Edit]:
        """Undo the last batch, even one of an earlier session or of another kernel.

        Returns
        -------
        list of Edit
            The changes made; empty if there is nothing to undo.
        """
        return self._repeat("undo")

    def redo(self) -> list[Edit]:
        """Redo the batch that was undone last, unless there were edits since; see `undo`."""
        return self._repeat("redo")

    # -- looking --------------------------------------------------------------------------------

    @property
    def excluded(self) -> NDArray[np.intp]:
        """The rows of the excluded photos, in order."""
        return np.array(sorted(self._store.excluded), dtype=np.intp)

    def is_excluded(self, image: Image) -> bool:
        """Whether a photo is excluded from the dataset."""
        return self.dataset.row_of(image) in self._store.excluded

    def included(self) -> ClassificationDataset:
        """The dataset without the excluded photos, as `ClassificationDataset.take` gives it."""
        return self.dataset.take(np.setdiff1d(np.arange(len(self.dataset)), self.excluded))

    @property
    def edited(self) -> NDArray[np.intp]:
        """The rows, in order, of the photos that differ from their state before any edit."""
        changed = changed_photos(self._edits("photo IS NOT ?", None))
        return np.array(self._store.photos.rows_of(changed), dtype=np.intp)

    def history(self, image: Image) -> list[Edit]:
        """The edits of a photo, including undo and redo, oldest first."""
        return self._edits("photo = ?", self._store.photos.id_of(self.dataset.row_of(image)))

    def changed_since(self, time: datetime) -> list[Image]:
        """The photos that were edited at `time` or later, in the order of the dataset.

        Parameters
        ----------
        time : datetime
            Local time unless it has a time zone.
        """
        found = {edit.photo for edit in self._edits("time >= ?", time_text(time))}
        return [self.dataset.images[row] for row in self._store.photos.rows_of(found)]

    @property
    def last_edit(self) -> int:
        """The `Edit.id` of the last edit; 0 if there is none."""
        self.refresh()
        with self._store.lock, self._store.storage_errors():
            (last,) = self._store.connection.execute("SELECT max(id) FROM edit").fetchone()
        return int(last or 0)

    def renamed_since(self, edit: int, names: Sequence[str]) -> list[str]:
        """What classes are called now that had these names after an edit.

        A class that was merged into another one keeps its name.
        """
        now = list(names)
        for renaming in self._edits("kind = 'class' AND id > ?", edit):
            if renaming.before and renaming.after:
                old, new = renaming.before[0], renaming.after[0]
                now = [new if name == old else name for name in now]
        return now

    def rows_of(self, edits: Iterable[Edit]) -> list[int]:
        """The rows of the photos of some edits, in the order of the edits."""
        photos = dict.fromkeys(edit.photo for edit in edits if edit.photo is not None)
        rows = (self._store.photos.row_of(photo) for photo in photos)
        return [row for row in rows if row is not None]

    @property
    def can_undo(self) -> bool:
        """Whether there is something to undo."""
        return bool(self._store.stack.done)

    @property
    def can_redo(self) -> bool:
        """Whether there is something to redo."""
        return bool(self._store.stack.undone)

    def watch(self, seconds: float = 1.0) -> None:
        """Call `refresh` every so many seconds in a thread, until `close`.

        Has no effect if the journal is already watched. An error is logged, and is in
        `watch_error` until a refresh succeeds.
        """
        with self._store.lock:
            self.refresh()
            if self._watch is None:
                self._watch = Watch(self, seconds)

    @property
    def watch_error(self) -> Exception | None:
        """Why the last refresh by `watch` failed, or None."""
        return None if self._watch is None else self._watch.error

    # -- writing the labels to files ------------------------------------------------------------

    def commit(self, target: str | os.PathLike[str], dry_run: bool = True) -> CommitPlan:
        """Write the labels to a CSV or JSON file, or move the photos into folders of their classes.

        Nothing is overwritten or deleted: if a name is taken, a number is added, and empty folders
        stay. Excluded photos are not written to a file, and move from `target` to the folder
        ``<target>-excluded``. Photos with several labels or none are not moved; those with none are
        not in a JSON file, which lists the photos of each class. The next call, or `resume`,
        finishes interrupted moves.

        Parameters
        ----------
        target : str or Path
            A name that ends in ``.csv`` or ``.json``, for `create_from_csv` and
            `create_from_json`, or a folder.
        dry_run : bool
            Only return the plan.

        Returns
        -------
        CommitPlan
            The plan; print it to read it.

        Raises
        ------
        DatasetError
            If a class name is not a valid folder name; nothing is moved.
        StorageError
            If a file cannot be moved or written; fix this and call `resume` to go on.
        """
        place = Path(os.path.abspath(Path(target).expanduser()))  # noqa: PTH100 - keeps symlinks
        with self._store.lock:
            self.refresh()
            if place.suffix.lower() in (".csv", ".json"):
                file = free_name(place)
                included = self.included().table
                staying = _not_in_json(included) if place.suffix.lower() == ".json" else {}
                return CommitPlan((), staying, file if dry_run else _write_file(included, file))
            if not dry_run:
                self.resume()
            plan = plan_moves(self._store.table, self._store.excluded, place)
            if not dry_run:
                with self._store.storage_errors(), transaction(self._store.connection):
                    self._store.moves.plan(plan.moves)
                self.resume()
            return plan

    @property
    def unfinished(self) -> list[Move]:
        """The remaining moves of an interrupted `commit`."""
        with self._store.lock, self._store.storage_errors():
            return [move for _, move in self._store.moves.planned()]

    def resume(self) -> None:
        """Finish the moves of an interrupted `commit`; raises the same errors."""
        failure: OSError | None = None
        self.refresh()
        with self._store.lock, self._store.storage_errors():
            while failure is None and self._store.moves.planned(1):
                with transaction(self._store.connection):
                    self._store.catch_up()
                    failure = self._make_some_moves()
                self._store.follow_moves()
                self._store.notify()
            left = self._store.moves.planned()
        if failure is not None:
            raise StorageError(
                f"Cannot move {left[0][1]}: {failure.strerror or failure}. Moves left: "
                f"{len(left)}; fix this and call resume()."
            ) from failure

    # -- inside ---------------------------------------------------------------------------------

    def _make_some_moves(self) -> OSError | None:
        for number, move in self._store.moves.planned(_MOVES_AT_ONCE):
            try:
                moved = move_file(Path(move.source), Path(move.target))
            except FileExistsError:
                # The new name is on disk before it is used, in the next round.
                self._store.moves.change_target(number, free_name(Path(move.target)))
                return None
            except OSError as error:
                return error
            self._store.moves.mark(number, moved)
            row = self._store.table.paths.find({move.source}).get(move.source)
            if moved and row is not None:
                self._store.photos.has_moved(row, move.target)
        return None

    def _repeat(self, action: Literal["undo", "redo"]) -> list[Edit]:
        with self._store.lock:
            if self._store.is_in_batch:
                raise DatasetError(f"{action}() is not allowed in a batch: end the batch first.")
            with self._store.writing(action):
                stack = self._store.stack.done if action == "undo" else self._store.stack.undone
                if not stack:
                    return []
                self._store.repeat(stack[-1])
                edits = self._edits("batch = ?", stack[-1])
                for edit in reversed(edits) if action == "undo" else edits:
                    before, after = edit.before, edit.after
                    if action == "undo":
                        before, after = after, before
                    self._store.write(edit.kind, edit.photo, before, after)
                return self._edits("batch = ?", self._store.stack.last + 1)

    def _edits(self, condition: str, value: object) -> list[Edit]:
        self.refresh()
        with self._store.lock, self._store.storage_errors():
            rows = self._store.connection.execute(
                f"SELECT {COLUMNS} FROM edit WHERE {condition} ORDER BY id",  # noqa: S608
                (value,),
            )
            return [as_edit(row) for row in rows]

    def _class_names(self) -> list[str]:
        return [label.name for label in self.dataset.labels]

    def _rows_with(self, name: str) -> list[int]:
        rows: list[int] = self._store.table.rows_with(self._position(name)).tolist()
        return rows

    def _position(self, name: str) -> int:
        names = self._class_names()
        if name not in names:
            raise DatasetError(f"There is no class {name!r}; the classes are: {', '.join(names)}.")
        return names.index(name)

    def _ensure_class(self, name: str) -> None:
        names = self._class_names()
        if name not in names:
            self._store.write("class", None, None, [name, len(names)])


def _holds_photos_of(dataset: ClassificationDataset, connection: sqlite3.Connection) -> bool:
    photos = PhotoRows(dataset.table.paths, dataset.name, connection)
    photos.locate()
    return photos.found_any


def _checked(name: str) -> str:
    if not name.strip():
        raise DatasetError("A class needs a name.")
    return Label(name).name


def _not_in_json(table: PhotoTable) -> dict[str, str]:
    rows = np.flatnonzero(np.asarray(table.first_label) == NO_LABEL)
    return {table.paths[row]: "it has no label; a CSV file can hold it" for row in rows}


def _write_file(table: PhotoTable, file: Path) -> Path:
    from ..readers.json_form import write_json
    from ..readers.tables import to_csv

    temporary = file.with_name(f".{uuid.uuid4().hex}{file.suffix}")
    write = write_json if file.suffix.lower() == ".json" else to_csv
    try:
        write(table, temporary)
        while True:
            try:
                move_file(temporary, file)
            except FileExistsError:
                file = free_name(file)
            else:
                return file
    except OSError as error:
        raise StorageError(f"Cannot write {file}: {error.strerror or error}.") from error
    finally:
        temporary.unlink(missing_ok=True)
