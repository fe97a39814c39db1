"""A column of file paths that needs little memory."""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterable, Sequence
from typing import overload

import numpy as np
from numpy.typing import NDArray

__all__ = ["PathColumn"]

_FEW = 50


class PathColumn(Sequence[str]):
    """A sequence of absolute paths, about 30 bytes each instead of Python's 120.

    A row stores the number of its folder and a slice of one buffer that holds all file names.
    Columns made by `take` share that buffer, which only grows.
    """

    def __init__(self) -> None:
        self._folders: list[str] = []
        self._folder_numbers: dict[str, int] = {}
        self._names = bytearray()
        self._folder = array("i")
        self._start = array("q")
        self._length = array("i")

    def extend(self, folder: str, names: Iterable[str]) -> None:
        """Add the files `names` of one folder."""
        if folder not in self._folder_numbers:
            self._folder_numbers[folder] = len(self._folders)
            self._folders.append(folder)
        number = self._folder_numbers[folder]
        for name in names:
            encoded = os.fsencode(name)
            self._folder.append(number)
            self._start.append(len(self._names))
            self._length.append(len(encoded))
            self._names += encoded

    def move(self, row: int, path: str) -> None:
        """Replace the path of one row."""
        folder, name = os.path.split(path)
        self.extend(folder, [name])
        for column in (self._folder, self._start, self._length):
            column[row] = column.pop()

    def find(self, paths: set[str]) -> dict[str, int]:
        """The rows of those `paths` that are in the column."""
        if len(paths) > _FEW:
            folders = {self._folder_numbers.get(os.path.dirname(path), -1) for path in paths}  # noqa: PTH120
            rows_there = np.flatnonzero(np.isin(np.asarray(self._folder), list(folders)))
            return {path: row for row in rows_there.tolist() if (path := self[row]) in paths}
        rows = {path: self._find_one(path) for path in paths}
        return {path: row for path, row in rows.items() if row is not None}

    def _find_one(self, path: str) -> int | None:
        """Find one row without creating a million strings: milliseconds instead of a second."""
        folder, name = os.path.split(path)
        encoded = os.fsencode(name)
        number = self._folder_numbers.get(folder, -1)
        rows = np.flatnonzero(
            (np.asarray(self._folder) == number) & (np.asarray(self._length) == len(encoded))
        )
        letters, start = np.frombuffer(self._names, dtype=np.uint8), np.asarray(self._start)
        # Names numbered by a camera differ at the end.
        for position in reversed(range(len(encoded))):
            rows = rows[letters[start[rows] + position] == encoded[position]]
        return int(rows[0]) if len(rows) else None

    def take(self, rows: NDArray[np.intp]) -> PathColumn:
        """The paths of `rows`, in that order."""
        taken = PathColumn()
        taken._folders, taken._folder_numbers = self._folders, self._folder_numbers
        taken._names = self._names
        taken._folder = take(self._folder, rows)
        taken._start = take(self._start, rows)
        taken._length = take(self._length, rows)
        return taken

    def name(self, row: int) -> str:
        """The file name of one row, without its folder."""
        start = self._start[row]
        return os.fsdecode(bytes(self._names[start : start + self._length[row]]))

    def __len__(self) -> int:
        return len(self._folder)

    @overload
    def __getitem__(self, row: int) -> str: ...
    @overload
    def __getitem__(self, row: slice) -> list[str]: ...
    def __getitem__(self, row: int | slice) -> str | list[str]:
        if isinstance(row, slice):
            return [self[r] for r in range(*row.indices(len(self)))]
        return os.path.join(self._folders[self._folder[row]], self.name(row))  # noqa: PTH118


def take(column: array[int], rows: NDArray[np.intp]) -> array[int]:
    """The values of `rows` of an integer column, as a column that can grow on its own."""
    taken: array[int] = array(column.typecode)
    taken.frombytes(np.asarray(column)[rows].tobytes())
    return taken
