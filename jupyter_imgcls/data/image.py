"""One photo of a dataset and its labels, made on demand from the dataset's columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, overload

import numpy as np
from numpy.typing import NDArray

from .decoding.decode import decode_rgb

if TYPE_CHECKING:
    from PIL.Image import Image as PillowImage

    from .labelled_photos import LabelledPhotos

__all__ = ["Image", "Images", "Label"]


@dataclass(frozen=True)
class Label:
    """A class that a photo can belong to."""

    name: str

    def __str__(self) -> str:
        return self.name


class Image:
    """One row of a `ClassificationDataset`.

    It holds no pixels and costs microseconds to make; it sees label changes of its dataset.
    """

    __slots__ = ("dataset", "row")

    def __init__(self, dataset: LabelledPhotos, row: int) -> None:
        self.dataset = dataset
        self.row = row

    @property
    def name(self) -> str:
        """File name without the folder."""
        return self.dataset.paths.name(self.row)

    @property
    def storage_path(self) -> str:
        """Absolute path of the file."""
        return self.dataset.paths[self.row]

    @property
    def storage_id(self) -> int:
        """Number of the photo, from 1, unique in the dataset that it was created in."""
        return self.dataset._columns.storage_ids[self.row]

    @property
    def origin_id(self) -> int:
        """`storage_id` of the photo that an augmented copy was made from; else its own."""
        return self.dataset._columns.origin_ids[self.row]

    @property
    def labels(self) -> list[Label]:
        """Its labels, the one used for training first; empty when it has none."""
        return self.dataset.labels_of_row(self.row)

    # The article's names.
    _storage_id = storage_id
    _labels = labels

    def as_np_array(self) -> NDArray[np.uint8]:
        """The photo upright in RGB, channels first: uint8 of shape (3, height, width).

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

    def __init__(self, dataset: LabelledPhotos) -> None:
        self._dataset = dataset

    def __len__(self) -> int:
        return len(self._dataset)

    @overload
    def __getitem__(self, index: int) -> Image: ...
    @overload
    def __getitem__(self, index: slice) -> list[Image]: ...
    def __getitem__(self, index: int | slice) -> Image | list[Image]:
        size = len(self)
        if isinstance(index, slice):
            return [Image(self._dataset, row) for row in range(*index.indices(size))]
        if not -size <= index < size:
            raise IndexError(f"Photo {index} was asked for; the dataset has {size}.")
        return Image(self._dataset, int(index) % size)

    def __iter__(self) -> Iterator[Image]:
        return (Image(self._dataset, row) for row in range(len(self)))
