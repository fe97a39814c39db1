"""Scores beside the truth: which photos to look at, and in which order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...data import ClassificationDataset, Label
from ...data.journal import Journal
from ...errors import EvaluationError
from ...evaluation import metrics
from ..annotation.filter import excluded

__all__ = ["ORDERS", "Order", "Results", "Which"]

Which = Literal["all", "correct", "wrong"]
Order = Literal["dataset", "score", "margin", "loss"]

ORDERS: dict[Order, str] = {
    "loss": "Worst first (loss)",
    "margin": "Closest first (margin)",
    "score": "Least sure first (score)",
    "dataset": "As in the dataset",
}


class Results:
    """The scores of a classifier for the photos of a dataset, beside their labels as they are now.

    Parameters
    ----------
    dataset : ClassificationDataset
        The photos that were scored. Changes of labels are seen.
    scores : array_like of float, shape (n, classes)
        One row a photo; a row with NaN is a photo that could not be read.
    predictions : sequence of str, optional
        Name of the predicted class of each photo; default: the class of highest score.
    labels : sequence of str or Label, optional
        Class of each column; default: the classes of `dataset`.

    Attributes
    ----------
    names : list of str
        Class of each column.
    scores : ndarray of float64, shape (n, classes)

    Raises
    ------
    EvaluationError
        If the shapes do not fit together, or a prediction is none of the classes.
    """

    def __init__(
        self,
        dataset: ClassificationDataset,
        scores: ArrayLike,
        predictions: Sequence[str | None] | None = None,
        labels: Sequence[str | Label] | None = None,
    ) -> None:
        self.dataset = dataset
        self.names = [str(label) for label in (dataset.labels if labels is None else labels)]
        self.scores: NDArray[np.float64] = np.asarray(scores, dtype=np.float64)
        if self.scores.shape != (len(dataset), len(self.names)):
            raise EvaluationError(
                f"The scores are of shape {self.scores.shape}, but there are {len(dataset)} photos "
                f"and {len(self.names)} classes: score this dataset, and give labels= if the "
                "classifier has others."
            )
        self.readable: NDArray[np.bool_] = ~np.isnan(self.scores).any(axis=1)
        if predictions is None:
            self.predicted: NDArray[np.intp] = np.nan_to_num(self.scores).argmax(axis=1)
        else:
            self.predicted = self._columns(predictions)

    def _columns(self, predictions: Sequence[Any]) -> NDArray[np.intp]:
        if len(predictions) != len(self.dataset):
            raise EvaluationError(
                f"There are {len(predictions)} predictions for {len(self.dataset)} photos."
            )
        column_of = {name: column for column, name in enumerate(self.names)}
        unknown = {str(p) for p, ok in zip(predictions, self.readable, strict=True) if ok} - set(
            column_of
        )
        if unknown:
            raise EvaluationError(
                f"{', '.join(sorted(unknown))} was predicted, but the classes are "
                f"{', '.join(self.names)}."
            )
        return np.array([column_of.get(str(prediction), 0) for prediction in predictions])

    @property
    def truth(self) -> NDArray[np.intp]:
        """Column of the label of each photo as it is now; -1 for none, or one without a column."""
        return np.maximum(self.dataset.label_columns(self.names), -1)

    @property
    def _included(self) -> NDArray[np.bool_]:
        """Which photos could be read and are not excluded from the dataset, as it is now."""
        journal = Journal.of(self.dataset)
        return self.readable if journal is None else self.readable & ~excluded(journal)

    def counts(self) -> tuple[int, int]:
        """How many photos are classified correctly, and of how many."""
        truth = self.truth
        counted = self._included & (truth >= 0)
        return int((truth == self.predicted)[counted].sum()), int(counted.sum())

    def confusion_matrix(self) -> NDArray[np.intp]:
        """Number of photos by ground truth (rows) and prediction (columns)."""
        truth = self.truth
        counted = self._included & (truth >= 0)
        return metrics.confusion_matrix(truth[counted], self.predicted[counted], len(self.names))

    def rows(
        self,
        which: Which = "all",
        truth: int | None = None,
        prediction: int | None = None,
        order: Order = "dataset",
    ) -> NDArray[np.intp]:
        """The photos that match, in order.

        Parameters
        ----------
        which : {"all", "correct", "wrong"}
            A photo without a label is neither correct nor wrong; one that could not be read, or
            is excluded from the dataset, is in none of the three.
        truth, prediction : int, optional
            Column of the ground truth and of the prediction.
        order : {"dataset", "score", "margin", "loss"}
            By the score of the predicted class, lowest first; by its lead over the next class,
            smallest first; by the cross-entropy of the true class, largest first.

        Returns
        -------
        ndarray of int
            Rows of the dataset.
        """
        now = self.truth
        match = self._included.copy()
        if which == "correct":
            match &= now == self.predicted
        elif which == "wrong":
            match &= (now >= 0) & (now != self.predicted)
        if truth is not None:
            match &= now == truth
        if prediction is not None:
            match &= self.predicted == prediction
        rows = np.flatnonzero(match)
        return rows[np.argsort(self._key(order, now)[rows], kind="stable")]

    def _key(self, order: Order, truth: NDArray[np.intp]) -> NDArray[np.float64]:
        every = np.arange(len(self.scores))
        if order == "score":
            score: NDArray[np.float64] = self.scores[every, self.predicted]
            return score
        if order == "margin":
            return metrics.margins(self.scores)
        if order == "loss":
            # The loss falls as the score of the true class rises.
            key: NDArray[np.float64] = np.where(truth >= 0, self.scores[every, truth], np.inf)
            return key
        return np.zeros(len(self.scores))
