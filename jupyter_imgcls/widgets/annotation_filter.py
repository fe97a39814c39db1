"""Which photos AnnotationUI shows."""

from __future__ import annotations

from datetime import datetime, timezone

import numpy as np
from numpy.typing import NDArray

from ..data.columns import NO_LABEL
from ..data.journal import Journal

__all__ = ["SHOWN", "done", "matching"]

SHOWN = {
    "all": "All photos",
    "unlabelled": "Without a label",
    "labelled": "With a label",
    "edited": "Edited",
    "excluded": "Excluded",
}


def done(journal: Journal) -> NDArray[np.bool_]:
    """Which photos need no label any more: shape (n,), those with one and those excluded."""
    needs_none: NDArray[np.bool_] = journal.dataset.label_indices != NO_LABEL
    needs_none[journal.excluded] = True
    return needs_none


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
    excluded = np.zeros(len(dataset), dtype=bool)
    excluded[journal.excluded] = True
    if show == "unlabelled":
        match = (dataset.label_indices == NO_LABEL) & ~excluded
    elif show == "labelled":
        match = (dataset.label_indices != NO_LABEL) & ~excluded
    elif show == "excluded":
        match = excluded
    elif show == "edited":
        match = np.zeros(len(dataset), dtype=bool)
        edited = journal.changed_since(datetime(1970, 1, 2, tzinfo=timezone.utc))
        match[[image.row for image in edited]] = True
    if class_name:
        of_class = np.zeros(len(dataset), dtype=bool)
        names = [label.name for label in dataset.labels]
        if class_name in names:
            of_class[dataset._columns.rows_with(names.index(class_name))] = True
        match &= of_class
    if name_part:
        part = name_part.casefold()
        for row in np.flatnonzero(match).tolist():
            match[row] = part in dataset.paths.name(row).casefold()
    return match
