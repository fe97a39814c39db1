"""Metrics of a classifier as functions of arrays; scikit-learn's wherever it has them.

In all of them ``scores`` are probabilities, shape (n, classes), and ``true`` are class indices,
shape (n,), with n at least 1 and no gaps. The prediction is the first class of the highest score.
A class without test photos has no recall: it is NaN per class and left out of macro averages.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics as sk

from ..errors import EvaluationError

__all__ = [
    "Average",
    "ReliabilityCurve",
    "accuracy",
    "auc",
    "auc_per_class",
    "average_precision",
    "average_precision_per_class",
    "calibration_error",
    "confusion_matrix",
    "defined_mean",
    "log_loss",
    "margins",
    "one_hot",
    "photo_losses",
    "recall_per_class",
    "reliability_curve",
    "top_k_accuracy",
]

Average = Literal["macro", "micro"]
Scores = NDArray[np.floating[Any]]
Indices = NDArray[np.integer[Any]]


def defined_mean(values: NDArray[np.float64]) -> float:
    """Mean of what is not NaN; NaN, without a warning, when nothing is left."""
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if defined.size else float("nan")


def one_hot(true: Indices, classes: int) -> NDArray[np.bool_]:
    """One-vs-rest truth, shape (n, classes)."""
    return np.asarray(true[:, None] == np.arange(classes))


def _is_macro(average: Average) -> bool:
    if average not in ("macro", "micro"):
        raise EvaluationError(f"average must be 'macro' or 'micro', not {average!r}.")
    return average == "macro"


def recall_per_class(scores: Scores, true: Indices) -> NDArray[np.float64]:
    """Share of each class's photos that are predicted right, shape (classes,); NaN if none."""
    classes = scores.shape[1]
    correct = scores.argmax(axis=1) == true
    photos = np.bincount(true, minlength=classes)
    hits = np.bincount(true[correct], minlength=classes)
    return np.divide(hits, photos, out=np.full(classes, np.nan), where=photos > 0)


def accuracy(scores: Scores, true: Indices, average: Average = "macro") -> float:
    """Mean of the per-class recalls (macro), or share of correct photos (micro), in [0, 1]."""
    if _is_macro(average):
        return defined_mean(recall_per_class(scores, true))
    return float((scores.argmax(axis=1) == true).mean())


def top_k_accuracy(scores: Scores, true: Indices, k: int = 5) -> float:
    """Share of photos whose true class is among the `k` highest scores, in [0, 1].

    Unlike scikit-learn's, ties go to the lower class index, so that k=1 is the micro accuracy.
    """
    if k < 1:
        raise EvaluationError(f"k must be at least 1, not {k}.")
    highest = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return float((highest == true[:, None]).any(axis=1).mean())


def auc_per_class(scores: Scores, true: Indices) -> NDArray[np.float64]:
    """Area under each class's one-vs-rest ROC curve, shape (classes,).

    NaN for a class that no photo, or every photo, belongs to.
    """
    truth = one_hot(true, scores.shape[1])
    defined = truth.any(axis=0) & ~truth.all(axis=0)
    return np.array(
        [
            sk.roc_auc_score(truth[:, c], scores[:, c]) if defined[c] else np.nan
            for c in range(scores.shape[1])
        ]
    )


def auc(scores: Scores, true: Indices, average: Average = "macro") -> float:
    """Area under the ROC curve: mean over the classes, or of all one-vs-rest decisions at once."""
    if _is_macro(average):
        return defined_mean(auc_per_class(scores, true))
    return float(sk.roc_auc_score(one_hot(true, scores.shape[1]).ravel(), scores.ravel()))


def average_precision_per_class(scores: Scores, true: Indices) -> NDArray[np.float64]:
    """Average precision of each class against the rest, shape (classes,); NaN without photos."""
    truth = one_hot(true, scores.shape[1])
    return np.array(
        [
            sk.average_precision_score(truth[:, c], scores[:, c]) if truth[:, c].any() else np.nan
            for c in range(scores.shape[1])
        ]
    )


def average_precision(scores: Scores, true: Indices, average: Average = "macro") -> float:
    """Average precision: mean over the classes, or of all one-vs-rest decisions at once."""
    if _is_macro(average):
        return defined_mean(average_precision_per_class(scores, true))
    return float(sk.average_precision_score(one_hot(true, scores.shape[1]).ravel(), scores.ravel()))


def photo_losses(scores: Scores, true: Indices) -> NDArray[np.float64]:
    """Negative natural logarithm of the true class's score, shape (n,).

    A score is taken to be at least the floating-point step of float32, as its rounding to 0 would
    make the loss infinite.
    """
    of_true = np.take_along_axis(scores, true[:, None], axis=1)[:, 0].astype(np.float64)
    smallest = float(np.finfo(np.float32).eps)
    return cast("NDArray[np.float64]", -np.log(np.clip(of_true, smallest, 1.0)))


def margins(scores: NDArray[Any]) -> NDArray[Any]:
    """Lead of each photo's highest score over its second highest, shape (n,); NaN stays NaN."""
    if scores.shape[1] < 2:
        return scores[:, 0]
    ranked = np.sort(scores, axis=1)
    margin: NDArray[Any] = ranked[:, -1] - ranked[:, -2]
    return margin


def confusion_matrix(
    true: Indices,
    predicted: Indices,
    classes: int,
    normalize: Literal["true", "pred", "all"] | None = None,
) -> NDArray[Any]:
    """Photos by true class (rows) and predicted class (columns), shape (classes, classes).

    Counts (int64), or with `normalize` shares of the row, the column or all photos.
    """
    matrix: NDArray[Any] = sk.confusion_matrix(
        true, predicted, labels=np.arange(classes), normalize=normalize
    )
    return matrix


def log_loss(scores: Scores, true: Indices) -> float:
    """Mean of `photo_losses`, in nats; 0 is perfect, ln(classes) is what guessing gets."""
    return float(photo_losses(scores, true).mean())


@dataclass(frozen=True)
class ReliabilityCurve:
    """How often predictions of some confidence are right, in bins of equal width.

    Parameters
    ----------
    edges : ndarray of float64, shape (bins + 1,)
        A bin holds confidences above its lower edge up to and including its upper one.
    confidence, accuracy : ndarray of float64, shape (bins,)
        Mean score of the predicted class, and share of correct predictions; NaN in empty bins.
    count : ndarray of int64, shape (bins,)
        Photos in the bin.
    """

    edges: NDArray[np.float64]
    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    count: NDArray[np.int64]


def reliability_curve(scores: Scores, true: Indices, bins: int = 15) -> ReliabilityCurve:
    """Confidence against accuracy of the predicted class, see `ReliabilityCurve`."""
    if bins < 1:
        raise EvaluationError(f"bins must be at least 1, not {bins}.")
    confidence = scores.max(axis=1).astype(np.float64)
    correct = (scores.argmax(axis=1) == true).astype(np.float64)
    edges = np.linspace(0, 1, bins + 1)
    inside = np.digitize(confidence, edges[1:-1], right=True)
    count = np.bincount(inside, minlength=bins)

    def bin_mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
        total = np.bincount(inside, weights=values, minlength=bins)
        return np.divide(total, count, out=np.full(bins, np.nan), where=count > 0)

    return ReliabilityCurve(edges, bin_mean(confidence), bin_mean(correct), count)


def calibration_error(scores: Scores, true: Indices, bins: int = 15) -> float:
    """Expected calibration error: mean distance of confidence and accuracy, weighted by photos.

    References
    ----------
    C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger: On Calibration of Modern Neural Networks.
    ICML 2017, equation 3.
    """
    curve = reliability_curve(scores, true, bins)
    gaps = np.abs(curve.accuracy - curve.confidence)
    return float(np.nansum(gaps * curve.count) / curve.count.sum())
