"""The scores of a classifier on a test set, beside the truth."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..data.dataset import ClassificationDataset
from ..data.image import Label
from ..errors import EvaluationError
from ..progress import Progress
from . import metrics
from .inputs import UNKNOWN, ScoringClassifier, check_scores, check_truth, match_classes

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ScoredTestSet"]

_log = logging.getLogger(__name__)

_Scored = TypeVar("_Scored", bound="ScoredTestSet")


class ScoredTestSet:
    """What `ClassificationEvaluation`, which documents it, makes its metrics from."""

    def __init__(
        self,
        classifier: ScoringClassifier,
        test_set: ClassificationDataset,
        minibatch_size: int = 32,
        *,
        progress: Progress = False,
    ) -> None:
        names = [classifier.class_map[i] for i in range(len(classifier.class_map))]
        true_labels = match_classes(test_set, names)  # before the scoring, which takes long
        if not len(test_set):
            raise EvaluationError(f"The test set {test_set.name!r} has no photos.")
        scores = classifier.score(test_set, batch_size=minibatch_size, progress=progress)
        self._set(scores, true_labels, names, test_set.paths, test_set.name)

    @classmethod
    def from_scores(
        cls: type[_Scored],
        scores: Sequence[Sequence[float]] | NDArray[Any],
        true_labels: Sequence[int] | NDArray[Any],
        labels: Sequence[str | Label],
        *,
        paths: Sequence[str] | None = None,
        name: str = "test set",
    ) -> _Scored:
        """Evaluate scores that were computed elsewhere.

        Parameters
        ----------
        scores : array_like of float, shape (n, classes)
            Probabilities; a row of NaN leaves the photo out.
        true_labels : array_like of int, shape (n,)
            Indices into `labels`; -1 leaves the photo out.
        labels : sequence of str or Label
            Class of each column.
        paths : sequence of str, optional
            File of each photo, for `to_frame` and for the pictures of the report.
        name : str
            For the report.

        Raises
        ------
        EvaluationError
            If the shapes do not fit, there is nothing to evaluate, or the scores are not
            probabilities.
        """
        evaluation = cls.__new__(cls)
        names = [str(label) for label in labels]
        truth = check_truth(true_labels, len(names))
        evaluation._set(scores, truth, names, paths, name)
        return evaluation

    def _set(
        self,
        scores: Sequence[Sequence[float]] | NDArray[Any],
        true_labels: NDArray[np.integer[Any]],
        names: list[str],
        paths: Sequence[str] | None,
        name: str,
    ) -> None:
        self.name = name
        self.labels = [Label(class_name) for class_name in names]
        self.scores: NDArray[np.float32] = np.asarray(scores, dtype=np.float32)
        self.true_labels: NDArray[np.int64] = true_labels.astype(np.int64)
        self.paths: Sequence[str] = [""] * len(true_labels) if paths is None else paths
        check_scores(self.scores, len(true_labels), names)
        if len(self.paths) != len(true_labels):
            raise EvaluationError(
                f"There are {len(self.paths)} paths for {len(true_labels)} photos."
            )
        readable = ~np.isnan(self.scores).any(axis=1)
        self.unreadable = int((~readable).sum())
        self.unlabelled = int((readable & (self.true_labels == UNKNOWN)).sum())
        self.evaluated: NDArray[np.bool_] = readable & (self.true_labels != UNKNOWN)
        self.pred_labels: NDArray[np.int64] = np.where(
            readable, self.scores.argmax(axis=1), UNKNOWN
        )
        if self.left_out:
            _log.warning(
                "%s: %d of %d photos left out of the evaluation (%d unreadable, %d without a "
                "label)",
                name,
                self.left_out,
                len(self.scores),
                self.unreadable,
                self.unlabelled,
            )
        if not self.evaluated.any():
            raise EvaluationError(
                f"{name}: none of the {len(self.scores)} photos can be evaluated "
                f"({self.unreadable} unreadable, {self.unlabelled} without a label)."
            )
        self._scores = self.scores[self.evaluated]
        self._true = self.true_labels[self.evaluated]

    @property
    def left_out(self) -> int:
        """Photos left out of the metrics: `unreadable` ones and `unlabelled` ones."""
        return self.unreadable + self.unlabelled

    @property
    def untested_labels(self) -> list[Label]:
        """Classes without a photo among the evaluated ones."""
        photos = np.bincount(self._true, minlength=len(self.labels))
        return [label for label, count in zip(self.labels, photos, strict=True) if not count]

    def to_frame(self) -> pd.DataFrame:
        """One row for each photo of the test set, left-out ones too, in its order.

        Returns
        -------
        pandas.DataFrame
            ``path``; ``true`` and ``predicted`` class (missing if unknown); ``score`` of the
            predicted class; ``margin`` to the second highest score; ``loss``, the negative
            logarithm of the true class's score; ``correct`` (missing if left out).
        """
        import pandas as pd

        names = np.array([*(label.name for label in self.labels), None], dtype=object)
        ranked = np.sort(self.scores, axis=1)
        loss = np.full(len(self.scores), np.nan)
        loss[self.evaluated] = metrics.photo_losses(self._scores, self._true)
        correct = pd.array(self.true_labels == self.pred_labels, dtype="boolean")
        correct[~self.evaluated] = pd.NA
        return pd.DataFrame(
            {
                "path": list(self.paths),
                "true": names[self.true_labels],
                "predicted": names[self.pred_labels],
                "score": ranked[:, -1],
                "margin": ranked[:, -1] - ranked[:, -2],
                "loss": loss,
                "correct": correct,
            }
        )

    def find_mistakes(self, n: int | None = None) -> pd.DataFrame:
        """The wrongly classified photos, the most confident first.

        Parameters
        ----------
        n : int, optional
            At most so many.

        Returns
        -------
        pandas.DataFrame
            As `to_frame`; the index is the photo's row in the test set.
        """
        frame = self.to_frame()
        wrong = frame[~frame["correct"].fillna(True).astype(bool)]
        return wrong.sort_values("score", ascending=False, kind="stable").head(
            len(wrong) if n is None else n
        )
