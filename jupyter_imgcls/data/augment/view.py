"""Show what an augmentation pipeline does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...errors import DatasetError
from ..dataset import ClassificationDataset
from ..decoding.decode import decode_rgb
from .copies import Pipeline, apply_pipeline

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["show_augmentations"]

_SHOWN_SIDE = 480  # pixels: enough for a figure, and pipelines run faster than on whole photos
_CELL = 2.2  # inches


def show_augmentations(
    dataset: ClassificationDataset,
    pipeline: Pipeline,
    n: int = 4,
    copies: int = 3,
    seed: int = 0,
) -> Figure:
    """Plot photos next to augmented copies.

    Nothing is written. Photos are first shrunk to about 480 pixels, so effects measured in pixels
    look stronger than on larger photos.

    Parameters
    ----------
    dataset : ClassificationDataset
        Evenly spaced photos are shown.
    pipeline : imgaug.augmenters.Augmenter or callable
        See `augment_dataset`.
    n : int
        Number of photos, one per row, at least 1.
    copies : int
        Number of copies of each, at least 1.
    seed : int
        Same seed, same figure. The copies are examples: `augment_dataset` makes different ones.

    Returns
    -------
    matplotlib.figure.Figure
        A notebook shows it if it is the last line of a cell.

    Raises
    ------
    DatasetError
        If the dataset is empty, `n` or `copies` is below 1, or the pipeline fails.
    UnreadableImageError
        If one of the photos cannot be read.
    """
    from matplotlib import pyplot as plt
    from PIL import Image

    if len(dataset) == 0 or n < 1 or copies < 1:
        raise DatasetError(
            "Nothing to show: the dataset needs photos, and n and copies must be at least 1."
        )
    n = min(n, len(dataset))
    size = ((copies + 1) * _CELL, n * _CELL)
    figure, axes = plt.subplots(n, copies + 1, figsize=size, squeeze=False, layout="constrained")
    plt.close(figure)  # else notebooks show it twice: as open figure and as the cell's result
    for row in range(n):
        photo = dataset.images[row * len(dataset) // n]
        original = Image.fromarray(decode_rgb(photo.storage_path))
        original.thumbnail((_SHOWN_SIDE, _SHOWN_SIDE))
        pixels = np.asarray(original)
        pictures = [pixels]
        for number in range(copies):
            try:
                pictures.append(apply_pipeline(pipeline, pixels, seed + row * copies + number))
            except DatasetError as error:
                raise DatasetError(f"The pipeline on {photo.storage_path}: {error}.") from error
        names = ", ".join(label.name for label in photo.labels) or "no label"
        for axis, picture in zip(axes[row], pictures, strict=True):
            axis.imshow(picture)
            axis.set_axis_off()
        axes[row][0].set_title(names, fontsize=9, parse_math=False)
    return figure
