"""One photo of a dataset, created on demand from the dataset's table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, overload

import numpy as np
from numpy.typing import NDArray

from .decoding.decode import decode_rgb
from .table import PhotoTable
from .types import Label

if TYPE_CHECKING:
    from PIL.Image import Image as PillowImage


__all__ = ["Image", "Images"]


class Image:
    """One row of a `ClassificationDataset`.

    It holds no pixels, takes microseconds to make, and always shows the dataset's current labels.
    """

    __slots__ = ("row", "table")

    def __init__(self, table: PhotoTable, row: int) -> None:
        self.table = table
        self.row = row

    @property
    def name(self) -> str:
        """File name without the folder."""
        return self.table.paths.name(self.row)

    @property
    def storage_path(self) -> str:
        """Absolute path of the file."""
        return self.table.paths[self.row]

    @property
    def path(self) -> Path:
        """The file, as a path."""
        return Path(self.storage_path)

    @property
    def storage_id(self) -> int:
        """Number of the photo, from 1, unique in the dataset that it was created in."""
        return self.table.storage_ids[self.row]

    @property
    def origin_id(self) -> int:
        """`storage_id` of the photo that an augmented copy was made from; else its own."""
        return self.table.origin_ids[self.row]

    @property
    def labels(self) -> list[Label]:
        """Its labels, starting with the one used for training; empty if it has none."""
        return self.table.labels_of(self.row)

    # The article's names.
    _storage_id = storage_id
    _labels = labels

    def as_np_array(self) -> NDArray[np.uint8]:
        """The upright photo in RGB, channels first: uint8 of shape (3, height, width).

        Raises
        ------
        UnreadableImageError
            If the file cannot be read as an image.
        """
        return np.ascontiguousarray(decode_rgb(self.storage_path).transpose(2, 0, 1))

    def thumbnail(self, size: int = 256) -> PillowImage:
        """A small upright RGB picture, its longer side at most `size` pixels.

        Raises
        ------
        UnreadableImageError
            If the file cannot be read as an image.
        """
        from PIL import Image as Pillow

        picture = Pillow.fromarray(decode_rgb(self.storage_path, min_size=(size, size)))
        picture.thumbnail((size, size))
        return picture

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Image):
            return NotImplemented
        return (self.storage_id, self.storage_path) == (other.storage_id, other.storage_path)

    def __hash__(self) -> int:
        return hash((self.storage_id, self.storage_path))

    def __repr__(self) -> str:
        labels = ", ".join(label.name for label in self.labels) or "no label"
        return f"<Image {self.storage_id} {Path(self.storage_path).name!r}: {labels}>"


class Images(Sequence[Image]):
    """The rows of a dataset as `Image` objects."""

    def __init__(self, table: PhotoTable) -> None:
        self._table = table

    def __len__(self) -> int:
        return len(self._table)

    @overload
    def __getitem__(self, index: int) -> Image: ...
    @overload
    def __getitem__(self, index: slice) -> list[Image]: ...
    def __getitem__(self, index: int | slice) -> Image | list[Image]:
        size = len(self)
        if isinstance(index, slice):
            return [Image(self._table, row) for row in range(*index.indices(size))]
        if not -size <= index < size:
            raise IndexError(f"There is no photo {index}: the dataset has {size} photos.")
        return Image(self._table, int(index) % size)

    def __iter__(self) -> Iterator[Image]:
        return (Image(self._table, row) for row in range(len(self)))
