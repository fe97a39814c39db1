"""Photos and their labels in columns: what a dataset is made of."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..errors import DatasetError
from .columns import NO_LABEL, Columns, Part
from .image import Image, Images, Label
from .paths import PathColumn
from .problems import Problem, counted, log_left_out

if TYPE_CHECKING:
    from .journal import Journal

__all__ = ["LabelledPhotos"]


class LabelledPhotos:
    """What `ClassificationDataset` has beside the ways to read, divide and write it."""

    def __init__(self, name: str, labels: Sequence[str | Label] = ()) -> None:
        self.name = name
        self.source = (name, "")
        self.journal: Journal | None = None
        self._problems: dict[Problem, None] = {}  # an ordered set
        self._labels: list[Label] = []
        self._label_numbers: dict[str, int] = {}
        self._columns = Columns()
        for label in labels:
            self.add_label(label)

    # -- adding ---------------------------------------------------------------------------------

    def add_image(
        self,
        path: str | os.PathLike[str],
        labels: str | Label | Sequence[str | Label],
        *,
        origin_id: int | None = None,
        part: Part | None = None,
    ) -> Image:
        """Append a photo; the file is not opened.

        Parameters
        ----------
        path : str or Path
            The file.
        labels : str, Label or sequence of them
            The one used for training first; an empty sequence for none. New classes are added.
        origin_id : int, optional
            For an augmented copy: `Image.storage_id` of the photo that it was made from. Splitting
            keeps the two on one side.
        part : {"train", "test", "validation"}, optional
            The side of a split that was made elsewhere.
        """
        numbers = self._numbers(labels)
        folder, name = os.path.split(os.path.abspath(path))  # noqa: PTH100 - keeps symlinks
        self._columns.append_rows(folder, [name], NO_LABEL, part, origin_id)
        self._columns.set_labels(len(self) - 1, numbers)
        return self.images[-1]

    def add_folder(
        self,
        folder: str,
        names: list[str],
        label: str | Label | None,
        part: Part | None = None,
    ) -> None:
        """Append the files `names` of one folder, all with one label; no file is opened."""
        number = NO_LABEL if label is None else self.add_label(label)
        self._columns.append_rows(folder, names, number, part, None)

    def add_label(self, label: str | Label) -> int:
        """Add a class unless there is one of that name; its number in either case."""
        label = label if isinstance(label, Label) else Label(label)
        if label.name not in self._label_numbers:
            self._label_numbers[label.name] = len(self._labels)
            self._labels.append(label)
        return self._label_numbers[label.name]

    def add_problem(self, path: str | os.PathLike[str], reason: str) -> None:
        """List a file in `problems`, once."""
        self._problems[Problem(os.fspath(path), reason)] = None

    def leave_out(self, problems: Mapping[int, str]) -> None:
        """List photos that could not be read in `problems`, and say in one line how many.

        Parameters
        ----------
        problems : mapping of int to str
            Row to reason.
        """
        for row, reason in problems.items():
            self.add_problem(self.paths[row], reason)
        log_left_out(self.name, len(problems))

    # -- looking --------------------------------------------------------------------------------

    @property
    def images(self) -> Sequence[Image]:
        """The photos, made on demand; a slice is a list."""
        return Images(self)

    @property
    def labels(self) -> list[Label]:
        """The classes, in the order of the scores."""
        return list(self._labels)

    @property
    def problems(self) -> list[Problem]:
        """Files left out, here or in a computation over this dataset, each with its reason."""
        return list(self._problems)

    @property
    def paths(self) -> PathColumn:
        """Absolute path of each photo."""
        return self._columns.paths

    @property
    def label_indices(self) -> NDArray[np.int32]:
        """First label of each photo as an index into `labels`, -1 for none; shape (n,)."""
        return np.array(self._columns.first_label, dtype=np.int32)

    @property
    def storage_ids(self) -> NDArray[np.int64]:
        """`Image.storage_id` of each photo, shape (n,)."""
        return np.array(self._columns.storage_ids, dtype=np.int64)

    @property
    def origin_ids(self) -> NDArray[np.int64]:
        """`Image.origin_id` of each photo, shape (n,)."""
        return np.array(self._columns.origin_ids, dtype=np.int64)

    @property
    def parts(self) -> list[Part | None]:
        """The side of a split made elsewhere (folders or a ``split`` column) of each photo."""
        return self._columns.parts

    def size(self) -> int:
        """Number of photos."""
        return len(self)

    def __len__(self) -> int:
        return len(self._columns)

    def count_labels(self) -> dict[str, int]:
        """Number of photos of each class, classes without photos included."""
        counts = self._columns.count_labels(len(self._labels))
        return {label.name: int(count) for label, count in zip(self._labels, counts, strict=True)}

    def print_info(self) -> None:
        """Print the number of photos and classes, and of photos in each class."""
        print(self.describe())  # noqa: T201 - printing is what this method is for

    def describe(self) -> str:
        """What `print_info` prints."""
        counts = self.count_labels()
        width = max((len(name) for name in counts), default=0)
        digits = len(str(max(counts.values(), default=0)))
        photos, classes = counted(len(self), "photo"), counted(len(counts), "class", "classes")
        lines = [f"Dataset {self.name!r}: {photos}, {classes}"]
        lines += [f"  {name:<{width}}  {count:>{digits}}" for name, count in counts.items()]
        without = int((self.label_indices == NO_LABEL).sum())
        if without:
            lines.append(f"  {counted(without, 'photo')} without a label")
        if self.problems:
            lines.append(f"  {counted(len(self.problems), 'file')} left out: see .problems")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return (
            f"<ClassificationDataset {self.name!r}: {counted(len(self), 'photo')}, "
            f"{counted(len(self._labels), 'class', 'classes')}>"
        )

    def get_labels_for_image(self, image: Image) -> list[Label]:
        """The labels of a photo, found by its `storage_id`.

        Raises
        ------
        DatasetError
            If the photo is not in this dataset.
        """
        return self.labels_of_row(self._row_of(image))

    def labels_of_row(self, row: int) -> list[Label]:
        """The labels of the photo in one row."""
        return [self._labels[number] for number in self._columns.labels(row)]

    def _numbers(self, labels: str | Label | Sequence[str | Label]) -> tuple[int, ...]:
        several = [labels] if isinstance(labels, str | Label) else labels
        return tuple(dict.fromkeys(self.add_label(label) for label in several))

    def _row_of(self, image: Image) -> int:
        if image.dataset is self:
            return image.row
        row = self._columns.row_of(image.storage_id)
        if row is None or self.paths[row] != image.storage_path:
            raise DatasetError(f"The photo {image.storage_path} is not in dataset {self.name!r}.")
        return row
