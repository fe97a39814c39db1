"""A dataset: a table of photos and their labels, without pixels."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import DatasetError
from ..text import counted
from .image import Image, Images
from .paths import PathColumn
from .problems import Problem, log_left_out
from .split import Splitter
from .table import PhotoTable
from .types import NO_LABEL, Check, Label, Part, Parts

if TYPE_CHECKING:
    import pandas as pd

    from ..context import Context
    from .search import SearchProvider

__all__ = ["ClassificationDataset"]


class OpenJournal(Protocol):
    """What a dataset uses of its label journal."""

    @property
    def file(self) -> Path:
        """Where the edits are kept."""

    def edit(self, images: Sequence[Image], labels: str | Label | Sequence[str | Label]) -> None:
        """Write the labels of photos to disk and set them in the dataset."""

    def close(self) -> None:
        """Stop writing edits to disk."""


class ClassificationDataset:
    """Photos and their labels.

    The photos are rows of a table, not objects: a million take about 60 MB, and
    ``dataset.images[i]`` makes an `Image` in microseconds. A photo usually has one label; it may
    have several or none.

    Parameters
    ----------
    name : str
        Shown to people, and used in the names of output files.
    labels : sequence of str or Label
        The classes, in the order of the scores; more can be added.

    Attributes
    ----------
    name : str
        As given.
    source : tuple of (str, str)
        The name and the folder or file that the photos were first read from. All parts of a dataset
        have the same source, and therefore share a label journal.
    table : PhotoTable
        The columns behind the dataset.
    journal : Journal or None
        Keeps label edits on disk; see `jupyter_imgcls.data.journal.Journal.open`.

    See Also
    --------
    create_from_dir, create_from_files, create_from_json, create_from_csv, create_from_frame
    """

    def __init__(self, name: str, labels: Sequence[str | Label] = ()) -> None:
        self.name = name
        self.source = (name, "")
        self.table = PhotoTable(labels)
        self.journal: OpenJournal | None = None

    # -- creating -------------------------------------------------------------------------------

    @classmethod
    def create_from_dir(
        cls, name: str, root: str | os.PathLike[str], check: Check = "header"
    ) -> ClassificationDataset:
        """Create a dataset from a folder with one sub-folder per class.

        ``root/train/<class>/…`` with ``root/test/<class>/…`` (or ``validation``) is recognized,
        and `split` keeps that division. Photos in folders inside a class folder belong to the
        class; those directly in `root` have no label yet. Classes and photos are in natural order
        ('img2' before 'img10').

        Parameters
        ----------
        name : str
            Name of the dataset.
        root : str or Path
            The folder.
        check : {"header", "full", "none"}
            How thoroughly files are checked. ``"header"`` finds empty files, other kinds of files
            and photos over the pixel limit; ``"full"`` decodes each photo and also finds damaged
            ones; ``"none"`` opens no file and accepts those with the suffix of an image.

        Returns
        -------
        ClassificationDataset
            Unusable files are left out and listed in `problems`.

        Raises
        ------
        DatasetError
            If the folder does not exist or contains no photos.
        """
        from .readers.folders import read_class_folders

        return cls._from_table(name, root, read_class_folders(Path(root), check))

    @classmethod
    def create_from_files(
        cls, name: str, paths: Iterable[str | os.PathLike[str]], check: Check = "header"
    ) -> ClassificationDataset:
        """Create a dataset of photos without labels.

        Parameters
        ----------
        name : str
            Name of the dataset.
        paths : iterable of str or Path
            Files and folders; photos in sub-folders are included.
        check : {"header", "full", "none"}
            As in `create_from_dir`.
        """
        from .readers.folders import read_files

        dataset = cls(name)
        dataset.table = read_files([Path(path) for path in paths], check)
        return dataset

    @classmethod
    def create_from_json(
        cls,
        name: str,
        file: str | os.PathLike[str],
        context: Context | None = None,
        *,
        provider: SearchProvider | None = None,
        check: Check = "header",
        progress: bool = True,
    ) -> ClassificationDataset:
        """Create a dataset from the article's JSON: class → folders, image URLs, text queries.

        Parameters
        ----------
        name : str
            Name of the dataset.
        file : str or Path
            UTF-8 JSON: an object with a list of strings for each class. A string is an image URL
            (``http://`` or ``https://``), a folder or photo (relative to the JSON file), or else a
            text query for `provider`.
        context : Context, optional
            Downloads go to ``<outputs_path>/collected/<name>``; default: the global context.
        provider : SearchProvider, optional
            Finds image URLs for text queries. Without one, queries are listed in `problems`.
        check, progress
            As in `create_from_dir`; whether to show a progress bar for downloads.

        Raises
        ------
        DatasetError
            If the file does not have this form, or no photo is found.
        """
        from .readers.json_form import read_json

        table = read_json(Path(file), name, context, provider, check, progress)
        return cls._from_table(name, file, table)

    @classmethod
    def create_from_csv(
        cls, name: str, file: str | os.PathLike[str], check: Check = "header"
    ) -> ClassificationDataset:
        """Create a dataset from a CSV file with the columns ``path`` and ``label``.

        Relative paths start at the CSV file's folder. See `create_from_frame` for the columns.

        Raises
        ------
        DatasetError
            If the file cannot be read as CSV, a column is missing, or no usable photo remains.
        """
        from .readers.tables import read_csv

        return cls._from_table(name, file, read_csv(Path(file), check))

    @classmethod
    def create_from_frame(
        cls,
        name: str,
        frame: pd.DataFrame,
        root: str | os.PathLike[str] = ".",
        check: Check = "header",
    ) -> ClassificationDataset:
        """Create a dataset from a data frame, its photos in the order of its rows.

        Parameters
        ----------
        name : str
            Name of the dataset.
        frame : pandas.DataFrame
            Columns ``path`` and ``label`` (empty: no label); optionally ``split`` (``train``,
            ``test``, ``validation`` or empty) and ``origin`` (path of the photo that an augmented
            copy was made from). Several rows of one path give that photo several labels.
        root : str or Path
            Where relative paths start.
        check : {"header", "full", "none"}
            As in `create_from_dir`.

        Raises
        ------
        DatasetError
            If a column is missing, a value is invalid, or no usable photo remains.
        """
        from .readers.tables import read_frame

        return cls._from_table(name, root, read_frame(frame, Path(root), check))

    @classmethod
    def _from_table(
        cls, name: str, source: str | os.PathLike[str], table: PhotoTable
    ) -> ClassificationDataset:
        dataset = cls(name)
        dataset.source = (name, os.path.realpath(source))
        dataset.table = table
        log_left_out(name, len(table.problems))
        return dataset

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
            Training uses the first one; an empty sequence for none. New classes are added.
        origin_id : int, optional
            For an augmented copy: `Image.storage_id` of the photo it was made from. Splitting keeps
            both on one side.
        part : {"train", "test", "validation"}, optional
            Side of a given split.
        """
        return self.images[self.table.add_photo(path, _as_list(labels), origin_id, part)]

    def add_folder(
        self,
        folder: str,
        names: list[str],
        label: str | Label | None,
        part: Part | None = None,
    ) -> None:
        """Append the files `names` of one folder, all with one label; no file is opened."""
        self.table.add_folder(folder, names, label, part)

    def add_label(self, label: str | Label) -> int:
        """Add a class unless there is one of that name; return its number."""
        return self.table.add_label(label)

    def add_problem(self, path: str | os.PathLike[str], reason: str) -> None:
        """List a file in `problems`, once."""
        self.table.add_problem(path, reason)

    def leave_out(self, problems: Mapping[int, str]) -> None:
        """List photos that could not be read in `problems`, and log how many.

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
        return Images(self.table)

    @property
    def labels(self) -> list[Label]:
        """The classes, in the order of the scores."""
        return list(self.table.labels)

    @property
    def problems(self) -> list[Problem]:
        """Files left out of the dataset or of a computation over it, each with its reason."""
        return list(self.table.problems)

    @property
    def paths(self) -> PathColumn:
        """Absolute path of each photo."""
        return self.table.paths

    @property
    def label_indices(self) -> NDArray[np.int32]:
        """First label of each photo as an index into `labels`, -1 for none; shape (n,)."""
        return np.array(self.table.first_label, dtype=np.int32)

    @property
    def storage_ids(self) -> NDArray[np.int64]:
        """`Image.storage_id` of each photo, shape (n,)."""
        return np.array(self.table.storage_ids, dtype=np.int64)

    @property
    def origin_ids(self) -> NDArray[np.int64]:
        """`Image.origin_id` of each photo, shape (n,)."""
        return np.array(self.table.origin_ids, dtype=np.int64)

    @property
    def parts(self) -> Parts:
        """Side of a given split (by folders or a ``split`` column) of each photo.

        `split` keeps a given split.
        """
        return self.table.parts

    def label_columns(self, names: Sequence[str]) -> NDArray[np.int64]:
        """Position of each photo's first label in `names`, the columns of a classifier's scores.

        Returns
        -------
        ndarray of int64, shape (n,)
            -1 for a photo without a label; -2 for one whose label is not in `names`.
        """
        column_of = {name: column for column, name in enumerate(names)}
        columns = [column_of.get(label.name, -2) for label in self.table.labels]
        # Index -1, of a photo without a label, finds the last entry.
        return np.array([*columns, NO_LABEL], dtype=np.int64)[self.label_indices]

    def size(self) -> int:
        """Number of photos."""
        return len(self)

    def __len__(self) -> int:
        return len(self.table)

    def count_labels(self) -> dict[str, int]:
        """Number of photos of each class, classes without photos included."""
        counts = zip(self.table.labels, self.table.count_labels(), strict=True)
        return {label.name: int(count) for label, count in counts}

    def print_info(self) -> None:
        """Print the number of photos and classes, and of photos in each class."""
        print(self.describe())  # noqa: T201 - printing is what this method is for

    def describe(self) -> str:
        """The text that `print_info` prints."""
        counts = self.count_labels()
        width = max((len(name) for name in counts), default=0)
        digits = len(str(max(counts.values(), default=0)))
        photos, classes = counted(len(self), "photo"), counted(len(counts), "class", "classes")
        lines = [f"Dataset {self.name!r}: {photos}, {classes}"]
        lines += [f"  {name:<{width}}  {count:>{digits}}" for name, count in counts.items()]
        without = int((self.label_indices == NO_LABEL).sum())
        if without:
            lines.append(f"  {counted(without, 'photo')} without a label")
        if given := str(self.parts):
            lines.append(f"  Given parts, which split() keeps: {given}")
        if self.problems:
            lines.append(f"  {counted(len(self.problems), 'file')} left out: see .problems")
        return "\n".join(lines)

    def __repr__(self) -> str:
        given = str(self.parts)
        return (
            f"<ClassificationDataset {self.name!r}: {counted(len(self), 'photo')}, "
            f"{counted(len(self.table.labels), 'class', 'classes')}"
            f"{f', {given}' if given else ''}>"
        )

    def get_labels_for_image(self, image: Image) -> list[Label]:
        """The labels of a photo, found by its `storage_id`.

        Raises
        ------
        DatasetError
            If the photo is not in this dataset.
        """
        return self.labels_of_row(self.row_of(image))

    def labels_of_row(self, row: int) -> list[Label]:
        """The labels of the photo in one row."""
        return self.table.labels_of(row)

    def row_of(self, image: Image) -> int:
        """The row of a photo, found by its `storage_id`.

        Raises
        ------
        DatasetError
            If the photo is not in this dataset.
        """
        if image.table is self.table:
            return image.row
        row = self.table.row_of(image.storage_id)
        if row is None or self.paths[row] != image.storage_path:
            raise DatasetError(f"The photo {image.storage_path} is not in dataset {self.name!r}.")
        return row

    # -- labels ---------------------------------------------------------------------------------

    def change_label_for_image(
        self, image: Image, labels: str | Label | Sequence[str | Label]
    ) -> None:
        """Replace the labels of a photo; new classes are added.

        With a `journal` the change is on disk when this returns.

        Raises
        ------
        DatasetError
            If the photo is not in this dataset.
        StorageError
            If the journal cannot be written; the labels are unchanged.
        """
        if self.journal is not None:
            self.journal.edit([image], labels)
        else:
            self.table.set_labels(self.row_of(image), _as_list(labels))

    # -- dividing -------------------------------------------------------------------------------

    def take(
        self, rows: Sequence[int] | NDArray[np.integer[Any]], name: str | None = None
    ) -> ClassificationDataset:
        """A dataset of some of the photos, in the order given, with all classes.

        It has its own labels: changing one does not change the other dataset.
        """
        taken = ClassificationDataset(name or self.name)
        taken.source = self.source
        taken.table = self.table.take(np.asarray(rows, dtype=np.intp))
        return taken

    def part(self, part: Part) -> ClassificationDataset:
        """The photos on one side of a given split."""
        return self.take(self.table.rows_of_part(part), f"{self.name}-{part}")

    def split(
        self,
        train_size: float | int | None = None,
        stratify: Literal["label"] | None = "label",
        random_state: int | None = 0,
    ) -> tuple[ClassificationDataset, ClassificationDataset]:
        """Divide into a training and a test set; see `Splitter.split`."""
        return Splitter(self).split(train_size, stratify, random_state)

    # -- writing --------------------------------------------------------------------------------

    def to_frame(self) -> pd.DataFrame:
        """The dataset as `create_from_frame` reads it: one row for each label of each photo."""
        from .readers.tables import to_frame

        return to_frame(self.table)

    def to_csv(self, file: str | os.PathLike[str]) -> Path:
        """Write the dataset as `create_from_csv` reads it: UTF-8, with absolute paths."""
        from .readers.tables import to_csv

        return to_csv(self.table, Path(file))

    def to_class_folders(self, root: str | os.PathLike[str]) -> Path:
        """Copy the photos into ``root/<class>/``, as `create_from_dir` reads them.

        Photos of a given split go to ``root/train/<class>/`` and so on. A photo with several
        labels is copied into each class; one without a label is left out.

        Raises
        ------
        DatasetError
            If `root` exists and is not an empty folder, or a class name is not a valid folder name.
        """
        from .readers.folders import write_class_folders

        return write_class_folders(self.table, Path(root))


def _as_list(labels: str | Label | Sequence[str | Label]) -> Sequence[str | Label]:
    return [labels] if isinstance(labels, str | Label) else labels
