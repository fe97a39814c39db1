"""A dataset: photos and their labels, held in columns, never as pixels."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from .columns import Part
from .image import Image, Label
from .labelled_photos import LabelledPhotos

if TYPE_CHECKING:
    import pandas as pd

    from ..context import Context
    from .search import SearchProvider

__all__ = ["Check", "ClassificationDataset", "Part"]

Check = Literal["full", "header", "none"]


class ClassificationDataset(LabelledPhotos):
    """Photos and their labels.

    Columns (paths, label numbers, ids) instead of objects: a million photos take about 60 MB, and
    ``dataset.images[i]`` makes an `Image` in microseconds. A photo usually has one label; it may
    have several or none.

    Parameters
    ----------
    name : str
        For people, and for the names of output files.
    labels : sequence of str or Label
        The classes, in the order of the scores; more can be added.

    Attributes
    ----------
    name : str
        As given.
    source : tuple of (str, str)
        The name and the folder or file that the photos were first read from; the same for all
        parts of a dataset, which therefore share a label journal.
    journal : Journal or None
        Where changes of labels are kept on disk; see `jupyter_imgcls.data.journal.Journal.open`.

    See Also
    --------
    create_from_dir, create_from_json, create_from_csv, create_from_frame
    """

    # -- creating -------------------------------------------------------------------------------

    @classmethod
    def create_from_dir(
        cls, name: str, root: str | os.PathLike[str], check: Check = "header"
    ) -> ClassificationDataset:
        """Create a dataset from a folder with one sub-folder a class.

        ``root/train/<class>/…`` with ``root/test/<class>/…`` (or ``validation``) is recognized,
        and `split` keeps that division. Photos in folders inside a class folder belong to the
        class; those straight in `root` have no label yet. Classes and photos are in natural order
        ('img2' before 'img10').

        Parameters
        ----------
        name : str
            Name of the dataset.
        root : str or Path
            The folder.
        check : {"header", "full", "none"}
            How far each file is opened. ``"header"`` finds empty files, other kinds of files and
            pictures over the pixel limit; ``"full"`` decodes each photo and finds damaged ones
            too; ``"none"`` opens nothing and takes the files whose suffix is that of an image.

        Returns
        -------
        ClassificationDataset
            Files that are not usable photos are left out and listed in `problems`.

        Raises
        ------
        DatasetError
            If the folder does not exist, or there is no photo in it.
        """
        from .readers.folders import read_class_folders

        return read_class_folders(cls._read_from(name, root), Path(root), check)

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
            Answers text queries with image URLs. Without one, queries are listed in `problems`.
        check, progress
            As in `create_from_dir`; whether to show a progress bar for downloads.

        Raises
        ------
        DatasetError
            If the file is not such JSON, or nothing in it leads to a photo.
        """
        from .readers.json_form import read_json

        return read_json(cls._read_from(name, file), Path(file), context, provider, check, progress)

    @classmethod
    def create_from_csv(
        cls, name: str, file: str | os.PathLike[str], check: Check = "header"
    ) -> ClassificationDataset:
        """Create a dataset from a CSV file with the columns ``path`` and ``label``.

        Relative paths start at the CSV file's folder. See `create_from_frame` for the columns.

        Raises
        ------
        DatasetError
            If the file cannot be read as CSV, a column is missing, or no photo is left.
        """
        from .readers.tables import read_csv

        return read_csv(cls._read_from(name, file), Path(file), check)

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
            If a column is missing, a value is not understood, or no photo is left.
        """
        from .readers.tables import read_frame

        return read_frame(cls._read_from(name, root), frame, Path(root), check)

    @classmethod
    def _read_from(cls, name: str, source: str | os.PathLike[str]) -> ClassificationDataset:
        dataset = cls(name)
        dataset.source = (name, os.path.realpath(source))
        return dataset

    # -- labels ---------------------------------------------------------------------------------

    def change_label_for_image(
        self, image: Image, labels: str | Label | Sequence[str | Label]
    ) -> None:
        """Give a photo other labels; new classes are added.

        With a `journal` the change is on disk when this returns.

        Raises
        ------
        DatasetError
            If the photo is not in this dataset.
        StorageError
            If the journal cannot be written; the labels are what they were.
        """
        if self.journal is not None:
            self.journal.edit([image], labels)
        else:
            self._columns.set_labels(self._row_of(image), self._numbers(labels))

    # -- dividing -------------------------------------------------------------------------------

    def take(
        self, rows: Sequence[int] | NDArray[np.integer[Any]], name: str | None = None
    ) -> ClassificationDataset:
        """A dataset of some of the photos, in the order given, with all classes.

        It has labels of its own: changing one here does not change the other dataset.
        """
        taken = ClassificationDataset(name or self.name, self._labels)
        taken.source = self.source
        taken._columns = self._columns.take(np.asarray(rows, dtype=np.intp))
        return taken

    def part(self, part: Part) -> ClassificationDataset:
        """The photos of one side of a split that was made elsewhere."""
        return self.take(self._columns.rows_of_part(part), f"{self.name}-{part}")

    def split(
        self,
        train_size: float | int | None = None,
        stratify: Literal["label"] | None = "label",
        random_state: int | None = 0,
    ) -> tuple[ClassificationDataset, ClassificationDataset]:
        """Divide into a training and a test set; see `Splitter.split`."""
        from .split import Splitter

        return Splitter(self).split(train_size, stratify, random_state)

    # -- writing --------------------------------------------------------------------------------

    def to_frame(self) -> pd.DataFrame:
        """The dataset as `create_from_frame` reads it: one row for each label of each photo."""
        from .readers.tables import to_frame

        return to_frame(self)

    def to_csv(self, file: str | os.PathLike[str]) -> Path:
        """Write the dataset as `create_from_csv` reads it (UTF-8), paths absolute."""
        from .readers.tables import to_csv

        return to_csv(self, Path(file))

    def to_class_folders(self, root: str | os.PathLike[str]) -> Path:
        """Copy the photos into ``root/<class>/``, as `create_from_dir` reads them.

        Photos of a split made elsewhere go to ``root/train/<class>/`` and so on; a photo of
        several classes goes into each; one without a label is left out.

        Raises
        ------
        DatasetError
            If `root` exists and is not an empty folder, or a class name cannot be a folder's.
        """
        from .readers.folders import write_class_folders

        return write_class_folders(self, Path(root))
