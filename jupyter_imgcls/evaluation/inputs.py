"""What is evaluated: scores and the truth, checked, and brought into one order of classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..data.dataset import ClassificationDataset
from ..errors import EvaluationError
from ..progress import Progress
from ..text import a_few

__all__ = [
    "UNKNOWN",
    "ScoringClassifier",
    "check_scores",
    "check_truth",
    "listed",
    "match_classes",
]

UNKNOWN = -1
_SHOWN_NAMES = 10


class ScoringClassifier(Protocol):
    """What is evaluated: a `TransferLearningModel`, a `ScikitClassifier`, or your own."""

    @property
    def class_map(self) -> Mapping[int, str]:
        """Class name of each column of the scores."""

    def score(
        self, source: ClassificationDataset, batch_size: int = ..., progress: Progress = ...
    ) -> NDArray[np.float32]:
        """Probabilities, shape (n, classes); a row of NaN for a photo that cannot be read."""


def listed(names: Sequence[str]) -> str:
    """Class names for a message, of very many the first ten."""
    return a_few([repr(name) for name in names], _SHOWN_NAMES)


def match_classes(test_set: ClassificationDataset, names: list[str]) -> NDArray[np.int64]:
    """First label of each photo as an index into the classifier's `names`; -1 for none.

    Raises
    ------
    EvaluationError
        If there are photos of a class that is not among `names`.
    """
    columns = test_set.label_columns(names)
    unknown = [
        test_set.labels[i].name for i in np.unique(test_set.label_indices[columns < UNKNOWN])
    ]
    if unknown:
        raise EvaluationError(
            f"The test set {test_set.name!r} has photos of {listed(unknown)}, which the "
            f"classifier does not know. It knows {listed(names)}. Train with photos of the "
            "missing classes, or leave them out of the test set."
        )
    return columns


def check_scores(scores: NDArray[np.float32], photos: int, names: list[str]) -> None:
    """Hold the shape and the values to what a classifier's probabilities look like.

    Raises
    ------
    EvaluationError
        Saying which of the two does not fit.
    """
    if len(names) < 2:
        raise EvaluationError("An evaluation needs a classifier of at least two classes.")
    if len(set(names)) < len(names):
        raise EvaluationError(f"Two classes have the same name: {listed(names)}.")
    if scores.shape != (photos, len(names)):
        raise EvaluationError(
            f"The scores have the shape {scores.shape}; {photos} photos and {len(names)} classes "
            f"need ({photos}, {len(names)})."
        )
    known = scores[~np.isnan(scores).any(axis=1)]
    in_range = bool(((known >= -1e-6) & (known <= 1 + 1e-6)).all())
    if not in_range or not np.allclose(known.sum(axis=1), 1, atol=1e-3):
        raise EvaluationError(
            "The scores are not probabilities: each photo's must lie in [0, 1] and sum to 1. "
            "Apply a softmax first."
        )


def check_truth(true_labels: Sequence[int] | NDArray[Any], classes: int) -> NDArray[np.int64]:
    """The class indices as an array, -1 for no label.

    Raises
    ------
    EvaluationError
        If they are not integers from -1 to `classes` - 1.
    """
    truth = np.asarray(true_labels)
    if truth.ndim != 1 or (truth.size and not np.issubdtype(truth.dtype, np.integer)):
        raise EvaluationError("true_labels must be one class index a photo, as integers.")
    if truth.size and not -1 <= truth.min() <= truth.max() < classes:
        raise EvaluationError(
            f"true_labels must lie between 0 and {classes - 1} (or be -1 for no label); "
            f"they lie between {truth.min()} and {truth.max()}."
        )
    return truth.astype(np.int64)
