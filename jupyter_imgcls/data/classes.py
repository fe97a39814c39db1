"""Changing the list of classes of a dataset that has photos already."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .image import Label

if TYPE_CHECKING:
    from .dataset import ClassificationDataset

__all__ = ["insert_class", "remove_class", "rename_class"]


def insert_class(dataset: ClassificationDataset, name: str, position: int) -> None:
    """Put a class in its place in the order of the classes, unless there is one of that name."""
    names = [label.name for label in dataset.labels]
    if name not in names:
        names.insert(position, name)
        _reorder(dataset, names)


def remove_class(dataset: ClassificationDataset, name: str) -> None:
    """Take a class away unless a photo has it."""
    if dataset.count_labels().get(name) == 0:
        _reorder(dataset, [label.name for label in dataset.labels if label.name != name])


def rename_class(dataset: ClassificationDataset, old: str, new: str) -> None:
    """Give a class another name; if that is taken, its photos go over to the other class."""
    names = [label.name for label in dataset.labels]
    if old not in names:
        return
    if new in names:
        for row in dataset._columns.rows_with(names.index(old)).tolist():
            labels = [
                new if label.name == old else label.name for label in dataset.labels_of_row(row)
            ]
            dataset._columns.set_labels(row, dataset._numbers(labels))
        remove_class(dataset, old)
    else:
        _set_names(dataset, [new if name == old else name for name in names])


def _reorder(dataset: ClassificationDataset, names: list[str]) -> None:
    numbers = {name: number for number, name in enumerate(names)}
    # A class that goes away has no photo, so its number is never used.
    renumbered = np.array([numbers.get(label.name, 0) for label in dataset.labels], dtype=np.intc)
    dataset._columns.renumber(renumbered)
    _set_names(dataset, names)


def _set_names(dataset: ClassificationDataset, names: list[str]) -> None:
    dataset._labels = [Label(name) for name in names]
    dataset._label_numbers = {name: number for number, name in enumerate(names)}
