"""The photos of a dataset in columns, one row per photo."""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from .paths import PathColumn, take
from .problems import Problem
from .types import NO_LABEL, PARTS, Label, Part, Parts

__all__ = ["PhotoTable"]

_PARTS: tuple[Part | None, ...] = (None, *PARTS)


class PhotoTable:
    """Paths, labels, ids and split sides of photos, about 60 bytes a photo; and their classes.

    A class has a number: its place in `labels`, which is also its column in the scores.

    Attributes
    ----------
    paths : PathColumn
        Absolute path of each photo.
    first_label : array of int
        Class number of each photo's first label, or `NO_LABEL`.
    storage_ids, origin_ids : array of int
        See `Image`.
    labels : list of Label
        The classes.
    problems : dict of Problem to None
        Files that were left out, as an ordered set.
    """

    def __init__(self, labels: Iterable[str | Label] = ()) -> None:
        self.paths = PathColumn()
        self.first_label = array("i")
        self.storage_ids = array("q")
        self.origin_ids = array("q")
        self.labels: list[Label] = []
        self.problems: dict[Problem, None] = {}
        self._parts = array("b")
        self._class_numbers: dict[str, int] = {}
        # All labels of the few photos that have more than one, by storage id.
        self._multiple: dict[int, tuple[int, ...]] = {}
        self._next_id = 1
        for label in labels:
            self.add_label(label)

    def __len__(self) -> int:
        return len(self.paths)

    # -- adding ---------------------------------------------------------------------------------

    def add_folder(
        self, folder: str, names: list[str], label: str | Label | None, part: Part | None = None
    ) -> None:
        """Append the files `names` of one folder, all with one label or none."""
        number = NO_LABEL if label is None else self.add_label(label)
        self._append(folder, names, number, part, None)

    def add_photo(
        self,
        path: str | os.PathLike[str],
        labels: Iterable[str | Label],
        origin_id: int | None = None,
        part: Part | None = None,
    ) -> int:
        """Append one photo with any number of labels; return its row."""
        numbers = self._add_labels(labels)
        folder, name = os.path.split(os.path.abspath(path))  # noqa: PTH100 - keeps symlinks
        self._append(folder, [name], NO_LABEL, part, origin_id)
        self._set_numbers(len(self) - 1, numbers)
        return len(self) - 1

    def _append(
        self, folder: str, names: list[str], label: int, part: Part | None, origin_id: int | None
    ) -> None:
        count = len(names)
        ids = range(self._next_id, self._next_id + count)
        self._next_id += count
        self.paths.extend(folder, names)
        self.first_label.extend([label] * count)
        self.storage_ids.extend(ids)
        self.origin_ids.extend(ids if origin_id is None else [origin_id] * count)
        self._parts.extend([_PARTS.index(part)] * count)

    def add_problem(self, path: str | os.PathLike[str], reason: str) -> None:
        """List a file as left out, once."""
        self.problems[Problem(os.fspath(path), reason)] = None

    # -- labels of photos -----------------------------------------------------------------------

    def labels_of(self, row: int) -> list[Label]:
        """The labels of one photo, the first one first."""
        first = self.first_label[row]
        one = () if first == NO_LABEL else (first,)
        return [self.labels[number] for number in self._multiple.get(self.storage_ids[row], one)]

    def set_labels(self, row: int, labels: Iterable[str | Label]) -> None:
        """Replace the labels of one photo; new classes are added."""
        self._set_numbers(row, self._add_labels(labels))

    def _set_numbers(self, row: int, numbers: tuple[int, ...]) -> None:
        self.first_label[row] = numbers[0] if numbers else NO_LABEL
        self._multiple.pop(self.storage_ids[row], None)
        if len(numbers) > 1:
            self._multiple[self.storage_ids[row]] = numbers

    def copy_labels(self) -> PhotoTable:
        """The classes, and the labels of all photos, for `restore_labels`."""
        copy = PhotoTable(self.labels)
        copy.first_label = self.first_label[:]
        copy.storage_ids = self.storage_ids
        copy._multiple = dict(self._multiple)
        return copy

    def restore_labels(self, copy: PhotoTable) -> None:
        """Undo all changes since `copy_labels`; photos that were added since keep their labels."""
        count = len(copy.first_label)
        added = [self.labels_of(row) for row in range(count, len(self))]
        self.first_label[:count] = copy.first_label
        self._multiple = dict(copy._multiple)
        self._set_names([label.name for label in copy.labels])
        for row, labels in enumerate(added, start=count):
            self.set_labels(row, labels)

    def rows_with(self, label: int) -> NDArray[np.intp]:
        """The rows of the photos that have a class, alone or among others."""
        rows = np.flatnonzero(np.asarray(self.first_label) == label)
        several = [i for i, labels in self._multiple.items() if label in labels]
        return np.union1d(rows, np.flatnonzero(np.isin(np.asarray(self.storage_ids), several)))

    def count_labels(self) -> NDArray[np.intp]:
        """Number of photos of each class, shape (classes,)."""
        first = np.asarray(self.first_label)
        further = [label for labels in self._multiple.values() for label in labels[1:]]
        return np.bincount(
            np.append(first[first != NO_LABEL], further).astype(int), minlength=len(self.labels)
        )

    # -- classes --------------------------------------------------------------------------------

    def add_label(self, label: str | Label) -> int:
        """Add a class unless there is one of that name; return its number."""
        label = label if isinstance(label, Label) else Label(label)
        if label.name not in self._class_numbers:
            self._class_numbers[label.name] = len(self.labels)
            self.labels.append(label)
        return self._class_numbers[label.name]

    def insert_class(self, name: str, position: int) -> None:
        """Add a class at a place in the order of the classes, unless there is one of that name."""
        names = [label.name for label in self.labels]
        if name not in names:
            names.insert(position, name)
            self._reorder(names)

    def remove_class(self, name: str) -> None:
        """Remove a class unless a photo has it."""
        number = self._class_numbers.get(name)
        if number is not None and self.count_labels()[number] == 0:
            self._reorder([label.name for label in self.labels if label.name != name])

    def rename_class(self, old: str, new: str) -> None:
        """Give a class another name; if there is a class of that name, merge the two."""
        if old not in self._class_numbers:
            return
        if new in self._class_numbers:
            for row in self.rows_with(self._class_numbers[old]).tolist():
                self.set_labels(
                    row, [new if label.name == old else label for label in self.labels_of(row)]
                )
            self.remove_class(old)
        else:
            self._set_names([new if label.name == old else label.name for label in self.labels])

    def _add_labels(self, labels: Iterable[str | Label]) -> tuple[int, ...]:
        return tuple(dict.fromkeys(self.add_label(label) for label in labels))

    def _reorder(self, names: Sequence[str]) -> None:
        numbers = {name: number for number, name in enumerate(names)}
        # A removed class has no photo, so its number is never used.
        renumbered = np.array([numbers.get(label.name, 0) for label in self.labels], dtype=np.intc)
        first = np.asarray(self.first_label)
        first[first != NO_LABEL] = renumbered[first[first != NO_LABEL]]
        for storage_id, labels in self._multiple.items():
            self._multiple[storage_id] = tuple(int(renumbered[label]) for label in labels)
        self._set_names(names)

    def _set_names(self, names: Sequence[str]) -> None:
        self.labels = [Label(name) for name in names]
        self._class_numbers = {name: number for number, name in enumerate(names)}

    # -- rows -----------------------------------------------------------------------------------

    @property
    def parts(self) -> Parts:
        """The side of a given split of each photo."""
        return Parts(_PARTS[part] for part in self._parts)

    def part(self, row: int) -> Part | None:
        """The side of a given split of one photo."""
        return _PARTS[self._parts[row]]

    def rows_of_part(self, part: Part | None) -> NDArray[np.intp]:
        """The rows on one side of a given split."""
        return np.flatnonzero(np.asarray(self._parts) == _PARTS.index(part))

    def row_of(self, storage_id: int) -> int | None:
        """Row of the photo with that id, if there is one."""
        rows = np.flatnonzero(np.asarray(self.storage_ids) == storage_id)
        return int(rows[0]) if len(rows) else None

    def take(self, rows: NDArray[np.intp]) -> PhotoTable:
        """A table of `rows`, in that order, with all classes and no problems.

        Changing it does not change this one.
        """
        taken = PhotoTable(self.labels)
        taken.paths = self.paths.take(rows)
        taken.first_label = take(self.first_label, rows)
        taken.storage_ids = take(self.storage_ids, rows)
        taken.origin_ids = take(self.origin_ids, rows)
        taken._parts = take(self._parts, rows)
        taken._next_id = self._next_id
        if self._multiple:
            kept = set(taken.storage_ids)
            taken._multiple = {i: labels for i, labels in self._multiple.items() if i in kept}
        return taken
