"""What all classifiers have in common: photos in, a score for each class out."""

from __future__ import annotations

import json
import os
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from ..data import ClassificationDataset, Label
from ..errors import ServiceError, TrainingError
from ..progress import Progress
from ..scoring import Photos, Preprocessing

__all__ = ["Classifier", "softmax", "training_rows"]


class Classifier(ABC):
    """Photos in, a probability for each class out.

    Parameters
    ----------
    class_map : mapping of int to str
        Name of the class of each column of the scores.
    """

    def __init__(self, class_map: Mapping[int, str]) -> None:
        self.class_map: dict[int, str] = dict(class_map)

    @property
    def labels(self) -> list[Label]:
        """The classes, in the order of the scores."""
        return [Label(self.class_map[number]) for number in range(len(self.class_map))]

    @abstractmethod
    def score(
        self, source: Photos, batch_size: int = 32, progress: Progress = False
    ) -> NDArray[np.float32]:
        """Probability of each class for each photo.

        Parameters
        ----------
        source : ClassificationDataset, path, bytes, ndarray, or sequence of the latter three
            Photos: a dataset, image files, their contents, or uint8 RGB arrays of shape (H, W, 3).
        batch_size : int
            Photos that go through the network at once.
        progress : Progress
            Whether to show a progress bar, or a function to call with how many photos are done,
            and of how many; what it raises ends the work.

        Returns
        -------
        ndarray of float32, shape (n, classes)
            Rows sum to 1. A photo that cannot be read has a row of NaN; if it is of a dataset,
            `ClassificationDataset.problems` has the reason.
        """

    @property
    @abstractmethod
    def preprocessing(self) -> Preprocessing:
        """What brings a photo to the form that `raw_scores` takes."""

    @abstractmethod
    def raw_scores(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Scores of prepared photos, for whoever decodes photos himself, as a service does.

        Parameters
        ----------
        images : ndarray of float32, shape (n, 3, H, W)
            As `preprocessing` gives them.

        Returns
        -------
        ndarray of float32, shape (n, classes)
            The network's outputs (logits), or the logarithms of an estimator's probabilities: the
            softmax of a row is what `score` gives.
        """

    @abstractmethod
    def with_threads(self, threads: int) -> Classifier:
        """A copy of which one batch of photos is scored by so many threads (a core each)."""

    @abstractmethod
    def serialize(self, path: str | os.PathLike[str]) -> Path:
        """Save the classifier as one file, in place of an earlier one only when it is whole.

        Raises
        ------
        StorageError
            If it cannot be written there.
        """

    def predict(
        self, source: Photos, batch_size: int = 32, progress: Progress = False
    ) -> list[str | None]:
        """Name of the class of highest score for each photo; None for one that cannot be read.

        Parameters are those of `score`.
        """
        scores = self.score(source, batch_size, progress)
        readable = ~np.isnan(scores).any(axis=1)
        best = np.nan_to_num(scores).argmax(axis=1)
        return [self.class_map[int(b)] if r else None for b, r in zip(best, readable, strict=True)]

    @staticmethod
    def parse_serialized_result(serialized_result: str) -> list[Any]:
        """Read the answer of a service that this classifier was deployed as.

        Parameters
        ----------
        serialized_result : str
            A JSON list of strings, one for each photo, each of them JSON.

        Returns
        -------
        list
            For each photo its scores, one for each class in the order of `class_map`; for a
            request with ``topK`` or ``threshold`` what the service answers instead.

        Raises
        ------
        ServiceError
            If the service could not score a photo (the message says which, and why), or the text
            is no such answer.

        Examples
        --------
        >>> from jupyter_imgcls import TransferLearningModel
        >>> TransferLearningModel.parse_serialized_result('["[0.25, 0.75]"]')
        [[0.25, 0.75]]
        """
        try:
            entries = json.loads(serialized_result)
            if not isinstance(entries, list):
                raise TypeError("not a list")
            parsed = [json.loads(entry) for entry in entries]
        except (TypeError, ValueError, RecursionError) as error:
            raise ServiceError(
                f"This is not an answer of a scoring service: {str(serialized_result)[:200]}"
            ) from error
        for number, entry in enumerate(parsed, start=1):
            if isinstance(entry, dict) and "error" in entry:
                raise ServiceError(
                    f"Photo {number} of {len(parsed)} could not be scored: {entry['error']}"
                )
        return parsed


def softmax(logits: NDArray[Any]) -> NDArray[np.float32]:
    """Rows of probabilities from rows of logits; rows of NaN stay so."""
    probabilities: NDArray[np.float32] = special.softmax(logits, axis=1).astype(np.float32)
    return probabilities


def training_rows(
    dataset: ClassificationDataset, labels: Sequence[Label], purpose: str
) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    """The photos of a dataset that have a label, and the column of the scores of each.

    Parameters
    ----------
    dataset : ClassificationDataset
        Its classes may be in another order, or fewer.
    labels : sequence of Label
        The classes in the order of the scores.
    purpose : str
        What the dataset is for, for the error message.

    Returns
    -------
    rows : ndarray of int, shape (n,)
    columns : ndarray of int64, shape (n,)

    Raises
    ------
    TrainingError
        If a photo has a label that is not among `labels`, or none has any.
    """
    names = [label.name for label in labels]
    column = dataset.label_columns(names)
    unknown = sorted({dataset.labels[i].name for i in set(dataset.label_indices[column == -2])})
    if unknown:
        raise TrainingError(
            f"The {purpose} set has photos of {', '.join(unknown)}, which the model does not know "
            f"(it knows {', '.join(names)}): make the model with all labels."
        )
    rows = np.flatnonzero(column >= 0)
    if len(rows) == 0:
        raise TrainingError(f"No photo of the {purpose} set has a label.")
    return rows, column[rows]
