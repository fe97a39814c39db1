"""What a dataset knows of its photos, one column a subject, one row a photo."""

from __future__ import annotations

from array import array
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .paths import PathColumn, take

__all__ = ["NO_LABEL", "Columns", "Part"]

Part = Literal["train", "test", "validation"]
_PARTS: tuple[Part | None, ...] = (None, "train", "test", "validation")
NO_LABEL = -1


class Columns:
    """Paths, label numbers, ids and parts of photos; about 60 bytes a photo.

    Attributes
    ----------
    paths : PathColumn
    first_label : array of int
        Number of each photo's first label, or `NO_LABEL`.
    storage_ids, origin_ids : array of int
        See `Image`.
    """

    def __init__(self) -> None:
        self.paths = PathColumn()
        self.first_label = array("i")
        self.storage_ids = array("q")
        self.origin_ids = array("q")
        self._parts = array("b")
        # All labels of the few photos that have more than one, by storage id.
        self._several: dict[int, tuple[int, ...]] = {}
        self._next_id = 1

    def __len__(self) -> int:
        return len(self.paths)

    def append_rows(
        self, folder: str, names: list[str], label: int, part: Part | None, origin_id: int | None
    ) -> None:
        """Add the files `names` of one folder."""
        count = len(names)
        ids = range(self._next_id, self._next_id + count)
        self._next_id += count
        self.paths.extend(folder, names)
        self.first_label.extend([label] * count)
        self.storage_ids.extend(ids)
        self.origin_ids.extend(ids if origin_id is None else [origin_id] * count)
        self._parts.extend([_PARTS.index(part)] * count)

    def labels(self, row: int) -> tuple[int, ...]:
        """Numbers of the labels of one photo."""
        first = self.first_label[row]
        one = () if first == NO_LABEL else (first,)
        return self._several.get(self.storage_ids[row], one)

    def set_labels(self, row: int, labels: tuple[int, ...]) -> None:
        """Replace the labels of one photo."""
        self.first_label[row] = labels[0] if labels else NO_LABEL
        self._several.pop(self.storage_ids[row], None)
        if len(labels) > 1:
            self._several[self.storage_ids[row]] = labels

    def renumber(self, numbers: NDArray[np.integer[Any]]) -> None:
        """Replace each label number `i` by ``numbers[i]``, shape (classes,)."""
        first = np.asarray(self.first_label)
        first[first != NO_LABEL] = numbers[first[first != NO_LABEL]]
        for storage_id, labels in self._several.items():
            self._several[storage_id] = tuple(int(numbers[label]) for label in labels)

    def rows_with(self, label: int) -> NDArray[np.intp]:
        """The rows of the photos that have a label, among others or alone."""
        rows = np.flatnonzero(np.asarray(self.first_label) == label)
        several = [i for i, labels in self._several.items() if label in labels]
        return np.union1d(rows, np.flatnonzero(np.isin(np.asarray(self.storage_ids), several)))

    def count_labels(self, classes: int) -> NDArray[np.intp]:
        """Number of photos with each label, shape (classes,)."""
        first = np.asarray(self.first_label)
        further = [label for labels in self._several.values() for label in labels[1:]]
        return np.bincount(
            np.append(first[first != NO_LABEL], further).astype(int), minlength=classes
        )

    @property
    def parts(self) -> list[Part | None]:
        """The side of a split made elsewhere of each photo."""
        return [_PARTS[part] for part in self._parts]

    def part(self, row: int) -> Part | None:
        """The side of a split made elsewhere of one photo."""
        return _PARTS[self._parts[row]]

    def rows_of_part(self, part: Part | None) -> NDArray[np.intp]:
        """The rows on one side of a split made elsewhere."""
        return np.flatnonzero(np.asarray(self._parts) == _PARTS.index(part))

    def set_part(self, row: int, part: Part | None) -> None:
        """Put one photo on a side."""
        self._parts[row] = _PARTS.index(part)

    def row_of(self, storage_id: int) -> int | None:
        """Row of the photo with that id, if there is one."""
        rows = np.flatnonzero(np.asarray(self.storage_ids) == storage_id)
        return int(rows[0]) if len(rows) else None

    def take(self, rows: NDArray[np.intp]) -> Columns:
        """The columns of `rows`, in that order; changing them leaves these as they are."""
        taken = Columns()
        taken.paths = self.paths.take(rows)
        taken.first_label = take(self.first_label, rows)
        taken.storage_ids = take(self.storage_ids, rows)
        taken.origin_ids = take(self.origin_ids, rows)
        taken._parts = take(self._parts, rows)
        taken._next_id = self._next_id
        if self._several:
            kept = set(taken.storage_ids)
            taken._several = {i: labels for i, labels in self._several.items() if i in kept}
        return taken
