"""Which photos AnnotationUI shows."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...data.journal import Journal
from ...data.types import NO_LABEL

__all__ = ["SHOWN", "done", "excluded", "matching"]

# What they are called is in js/widgets/annotation/filters.ts.
SHOWN = ("all", "unlabelled", "labelled", "edited", "excluded")


def excluded(journal: Journal) -> NDArray[np.bool_]:
    """Which photos are not part of the dataset: shape (n,)."""
    return _those(journal, journal.excluded)


def done(journal: Journal) -> NDArray[np.bool_]:
    """Which photos need no label any more: shape (n,), those with one and those excluded."""
    labelled: NDArray[np.bool_] = journal.dataset.label_indices != NO_LABEL
    return labelled | excluded(journal)


def matching(journal: Journal, show: str, class_name: str, name_part: str) -> NDArray[np.bool_]:
    """Which photos match all three filters.

    Parameters
    ----------
    show : str
        One of `SHOWN`.
    class_name : str
        A class, or "" for any.
    name_part : str
        What the file's name contains, whatever its case.

    Returns
    -------
    ndarray of bool, shape (n,)
    """
    dataset = journal.dataset
    match = np.ones(len(dataset), dtype=bool)
    if show == "unlabelled":
        match = ~done(journal)
    elif show == "labelled":
        match = (dataset.label_indices != NO_LABEL) & ~excluded(journal)
    elif show == "excluded":
        match = excluded(journal)
    elif show == "edited":
        match = _those(journal, journal.edited)
    if class_name:
        names = [label.name for label in dataset.labels]
        if class_name in names:
            match &= _those(journal, dataset.table.rows_with(names.index(class_name)))
        else:
            match[:] = False
    if name_part:
        part = name_part.casefold()
        for row in np.flatnonzero(match).tolist():
            match[row] = part in dataset.paths.name(row).casefold()
    return match


def _those(journal: Journal, rows: ArrayLike) -> NDArray[np.bool_]:
    those = np.zeros(len(journal.dataset), dtype=bool)
    those[np.asarray(rows, dtype=np.intp)] = True
    return those
