"""How good a classifier is on photos that it was not trained on."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics as sk

from ..data.dataset import ClassificationDataset
from ..data.types import Label
from ..errors import EvaluationError
from ..progress import Progress
from ..text import counted
from . import metrics
from .bootstrap import MetricName, bootstrap_interval
from .evaluated import Curve
from .inputs import (
    UNKNOWN,
    ScoringClassifier,
    check_scores,
    check_truth,
    listed,
    match_classes,
)
from .metrics import Average, ReliabilityCurve

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ClassificationEvaluation"]

_log = logging.getLogger(__name__)


class ClassificationEvaluation:
    """Scores of a classifier on a test set, and the metrics made from them.

    Photos that cannot be read or have no label are left out of the metrics. Of a photo with
    several labels the first one counts. Classes are matched by name, so the test set may list
    them in another order than the classifier, or only some of them.

    Parameters
    ----------
    classifier : TransferLearningModel, ScikitClassifier or ScoringClassifier
        A trained classifier.
    test_set : ClassificationDataset
        Photos that were not used for training.
    batch_size : int
        Photos scored at once.
    progress : Progress
        As in `Classifier.score`.

    Attributes
    ----------
    scores : ndarray of float32, shape (n, classes)
        A row for each photo in the order of ``test_set.images``, a column for each of `labels`;
        probabilities, NaN where the photo could not be read.
    labels : list of Label
        The classifier's classes.
    true_labels, pred_labels : ndarray of int64, shape (n,)
        Indices into `labels`; -1 for a photo without a label, or one that could not be read.
    evaluated : ndarray of bool, shape (n,)
        Which photos the metrics are made from.
    paths : sequence of str
        File of each photo.
    name : str
        Of the test set.

    Raises
    ------
    EvaluationError
        If the test set has photos of a class that the classifier does not know, has no photo that
        can be evaluated, or the scores are not probabilities.

    Examples
    --------
    >>> from jupyter_imgcls import ClassificationEvaluation
    >>> scores = [[0.9, 0.1], [0.4, 0.6], [0.7, 0.3]]
    >>> ce = ClassificationEvaluation.from_scores(scores, [0, 1, 1], ["bowl", "cup"])
    >>> ce.compute_accuracy()
    0.75
    >>> ce.compute_confusion_matrix()
    array([[1, 0],
           [1, 1]])
    """

    def __init__(
        self,
        classifier: ScoringClassifier,
        test_set: ClassificationDataset,
        batch_size: int = 32,
        *,
        progress: Progress = False,
    ) -> None:
        names = [classifier.class_map[i] for i in range(len(classifier.class_map))]
        true_labels = match_classes(test_set, names)  # before the scoring, which takes long
        if not len(test_set):
            raise EvaluationError(f"The test set {test_set.name!r} has no photos.")
        scores = classifier.score(test_set, batch_size=batch_size, progress=progress)
        self._set(scores, true_labels, names, test_set.paths, test_set.name)

    @classmethod
    def from_scores(
        cls,
        scores: Sequence[Sequence[float]] | NDArray[Any],
        true_labels: Sequence[int] | NDArray[Any],
        labels: Sequence[str | Label],
        *,
        paths: Sequence[str] | None = None,
        name: str = "test set",
    ) -> ClassificationEvaluation:
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
                "%s: %d of %d photos not evaluated (%d unreadable, %d without a label)",
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

    def __repr__(self) -> str:
        n_photos = len(self._true)
        n_right = int((self._true == self.pred_labels[self.evaluated]).sum())
        left_out = f", {self.left_out:,} left out" if self.left_out else ""
        return (
            f"<ClassificationEvaluation {self.name!r}: {n_right:,} of {counted(n_photos, 'photo')} "
            f"right ({n_right / n_photos:.1%}), {counted(len(self.labels), 'class', 'classes')}"
            f"{left_out}>"
        )

    # -- single numbers -------------------------------------------------------------------------

    def compute_accuracy(self, average: Average = "macro") -> float:
        """Accuracy in [0, 1].

        Parameters
        ----------
        average : {"macro", "micro"}
            ``"macro"``: mean of the classes' recalls, each class counting the same. Classes
            without test photos are left out and named in a warning. ``"micro"``: share of correct
            photos.

        Warns
        -----
        UserWarning
            In a macro average, if classes have no test photos.
        """
        self._warn_of_untested(average)
        return metrics.accuracy(self._scores, self._true, average)

    def compute_top_k_accuracy(self, k: int = 5) -> float:
        """Share of photos whose true class is among the `k` highest scores, in [0, 1]."""
        return metrics.top_k_accuracy(self._scores, self._true, k)

    def compute_log_loss(self) -> float:
        """Mean negative natural logarithm of the true class's score; 0 is perfect."""
        return metrics.log_loss(self._scores, self._true)

    def compute_calibration_error(self, bins: int = 15) -> float:
        """Expected calibration error in [0, 1], see `metrics.calibration_error`."""
        return metrics.calibration_error(self._scores, self._true, bins)

    @overload
    def compute_auc(self, average: Average = ...) -> float: ...
    @overload
    def compute_auc(self, average: None) -> NDArray[np.float64]: ...
    def compute_auc(self, average: Average | None = "macro") -> float | NDArray[np.float64]:
        """Area under the one-vs-rest ROC curve, in [0, 1].

        Parameters
        ----------
        average : {"macro", "micro", None}
            Mean over the classes that have test photos (the others are named in a warning); of
            all one-vs-rest decisions together; or None for an array of shape (classes,), NaN
            where a class has no test photos or all of them.
        """
        if average is None:
            return metrics.auc_per_class(self._scores, self._true)
        self._warn_of_untested(average)
        return metrics.auc(self._scores, self._true, average)

    @overload
    def compute_average_precision(self, average: Average = ...) -> float: ...
    @overload
    def compute_average_precision(self, average: None) -> NDArray[np.float64]: ...
    def compute_average_precision(
        self, average: Average | None = "macro"
    ) -> float | NDArray[np.float64]:
        """Average precision (area under the precision-recall steps), in [0, 1].

        Parameters
        ----------
        average : {"macro", "micro", None}
            As in `compute_auc`.
        """
        if average is None:
            return metrics.average_precision_per_class(self._scores, self._true)
        self._warn_of_untested(average)
        return metrics.average_precision(self._scores, self._true, average)

    def compute_confidence_interval(
        self,
        metric: MetricName = "accuracy",
        *,
        confidence: float = 0.95,
        resamples: int = 2000,
        random_state: int | None = 0,
        **options: Any,
    ) -> tuple[float, float]:
        """Bootstrap interval of a metric: how much it depends on the choice of test photos.

        Parameters
        ----------
        metric : str
            What follows ``compute_`` in the name of the method: ``"accuracy"``, ``"auc"``,
            ``"average_precision"``, ``"calibration_error"``, ``"log_loss"``,
            ``"top_k_accuracy"``.
        confidence, resamples, random_state, **options
            See `bootstrap_interval`; options are those of the metric, as ``average="micro"``.

        Returns
        -------
        low, high : float
        """
        return bootstrap_interval(
            metric,
            self._scores,
            self._true,
            confidence=confidence,
            resamples=resamples,
            random_state=random_state,
            **options,
        )

    # -- tables and curves ----------------------------------------------------------------------

    def compute_confusion_matrix(
        self, normalize: Literal["true", "pred", "all"] | None = None
    ) -> NDArray[Any]:
        """Photos by true class (rows) and predicted class (columns), in the order of `labels`.

        Parameters
        ----------
        normalize : {"true", "pred", "all", None}
            Counts (int64), or shares (float64) of the row, the column or all photos; 0 in a row
            or column without photos.
        """
        predicted = self._scores.argmax(axis=1)
        return metrics.confusion_matrix(self._true, predicted, len(self.labels), normalize)

    def compute_precision_recall_curve(self, label: str | Label | None = None) -> Curve:
        """Precision and recall for every threshold on the score, as scikit-learn gives them.

        Parameters
        ----------
        label : str or Label, optional
            One class against the rest; by default all one-vs-rest decisions together (micro
            average).

        Returns
        -------
        precisions, recalls : ndarray of float64, shape (t + 1,)
            In [0, 1], for rising thresholds; the last are 1 and 0, with no threshold.
        thresholds : ndarray of float64, shape (t,)

        Raises
        ------
        EvaluationError
            If there is no such class, or it has no test photos.
        """
        truth, scores = self._decisions(label)
        precisions, recalls, thresholds = sk.precision_recall_curve(truth, scores)
        return precisions, recalls, thresholds

    def compute_roc_curve(self, label: str | Label | None = None) -> Curve:
        """False and true positive rates for falling thresholds, as scikit-learn gives them.

        Parameters
        ----------
        label : str or Label, optional
            As in `compute_precision_recall_curve`.

        Returns
        -------
        false_positive_rates, true_positive_rates, thresholds : ndarray of float64, shape (t,)
            The first threshold is infinite: nothing is positive.

        Raises
        ------
        EvaluationError
            If there is no such class, or none or all of the test photos belong to it.
        """
        truth, scores = self._decisions(label)
        if truth.all():
            raise EvaluationError(f"All test photos are of class {str(label)!r}: no ROC curve.")
        false_rates, true_rates, thresholds = sk.roc_curve(truth, scores)
        return false_rates, true_rates, thresholds

    def compute_reliability_curve(self, bins: int = 15) -> ReliabilityCurve:
        """How often predictions of some confidence are right."""
        return metrics.reliability_curve(self._scores, self._true, bins)

    def compute_report(self) -> pd.DataFrame:
        """One row for each class, in the order of `labels`.

        Returns
        -------
        pandas.DataFrame
            Index ``label``; columns ``precision``, ``recall``, ``f1``, ``support`` (test photos),
            ``auc``, ``average_precision``. NaN is what cannot be computed: the precision of a
            class that is never predicted, all but precision and F1 of one without test photos.
        """
        import pandas as pd

        precision, recall, f1, support = sk.precision_recall_fscore_support(
            self._true,
            self._scores.argmax(axis=1),
            labels=np.arange(len(self.labels)),
            zero_division=np.nan,
        )
        return pd.DataFrame(
            {
                "precision": precision,
                "recall": recall,
                "f1": f1,
                "support": support,
                "auc": self.compute_auc(None),
                "average_precision": self.compute_average_precision(None),
            },
            index=pd.Index([label.name for label in self.labels], name="label"),
        )

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
        loss = np.full(len(self.scores), np.nan)
        loss[self.evaluated] = metrics.photo_losses(self._scores, self._true)
        correct = pd.array(self.true_labels == self.pred_labels, dtype="boolean")
        correct[~self.evaluated] = pd.NA
        return pd.DataFrame(
            {
                "path": list(self.paths),
                "true": names[self.true_labels],
                "predicted": names[self.pred_labels],
                "score": self.scores.max(axis=1),
                "margin": metrics.margins(self.scores),
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

    def to_html(self, path: str | os.PathLike[str]) -> Path:
        """Write a report as one HTML file that needs no other file and no network.

        It holds the metrics with confidence intervals, the confusion matrix, the curves, and the
        most confident mistakes with small pictures.

        Parameters
        ----------
        path : str or Path
            The file; missing folders are made, an existing file is replaced.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        StorageError
            If the file cannot be written.
        """
        from .report import write_report

        return write_report(self, Path(path))

    # -- inside ---------------------------------------------------------------------------------

    def _decisions(
        self, label: str | Label | None
    ) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
        truth = metrics.one_hot(self._true, len(self.labels))
        if label is None:
            return truth.ravel(), self._scores.ravel()
        names = [known.name for known in self.labels]
        if str(label) not in names:
            raise EvaluationError(
                f"The classifier has no class {str(label)!r}. It knows {listed(names)}."
            )
        column = names.index(str(label))
        if not truth[:, column].any():
            raise EvaluationError(
                f"No test photo is of class {str(label)!r}, so it has no curve. Add some photos."
            )
        return truth[:, column], self._scores[:, column]

    def _warn_of_untested(self, average: Average) -> None:
        untested = self.untested_labels
        if average == "macro" and untested:
            warnings.warn(
                f"No test photos of {listed([label.name for label in untested])}: left out of "
                "the class average.",
                UserWarning,
                stacklevel=3,
            )
