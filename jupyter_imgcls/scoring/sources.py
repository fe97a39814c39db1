"""What can be scored: datasets, files, contents of files, arrays; one or many."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

import numpy as np

from ..data import ClassificationDataset, Image
from ..errors import DatasetError
from .preprocessing import PhotoSource, as_rgb

__all__ = ["Photos", "as_sources"]

Photos = ClassificationDataset | Image | PhotoSource | Iterable[Image | PhotoSource]
"""One photo or many: a dataset, its images, files, contents of files, or uint8 arrays."""


def as_sources(photos: Photos) -> Sequence[PhotoSource]:
    """The single photos of whatever was given to be scored.

    Parameters
    ----------
    photos : ClassificationDataset, Image, str, Path, bytes, ndarray, or an iterable of those
        A dataset; one photo as an image of a dataset, a file, a file's contents or an array (see
        `Preprocessing.__call__`); an iterable of photos; or uint8 of shape (n, H, W, 3).

    Returns
    -------
    sequence of str, Path, bytes or ndarray
        A dataset's paths are made on demand.

    Raises
    ------
    DatasetError
        If something else was given, or an array is no photo.
    """
    if isinstance(photos, ClassificationDataset):
        return photos.paths
    if isinstance(photos, str | os.PathLike | bytes | bytearray | memoryview | Image):
        return [_as_source(photos)]
    if isinstance(photos, np.ndarray) and photos.dtype != np.object_:
        # A photo has two or three dimensions; with four it is a batch of them.
        many = list(photos) if photos.ndim == 4 else [photos]
        return [_as_source(photo) for photo in many]
    if isinstance(photos, Iterable):
        return [_as_source(photo) for photo in photos]
    raise _unsupported(photos)


def _as_source(photo: object) -> PhotoSource:
    if isinstance(photo, Image):
        return photo.storage_path
    if isinstance(photo, bytearray | memoryview):
        return bytes(photo)
    if isinstance(photo, np.ndarray):
        return as_rgb(photo)
    if isinstance(photo, str | os.PathLike | bytes):
        return photo
    raise _unsupported(photo)


def _unsupported(photo: object) -> DatasetError:
    return DatasetError(
        "A photo to score is a path, the contents of a file (bytes), an image of a dataset, or a "
        f"uint8 array, not {type(photo).__name__}. Give one of those, many in a list, or a dataset."
    )
