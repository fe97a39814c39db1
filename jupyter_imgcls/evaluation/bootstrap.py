"""Confidence intervals of metrics by resampling the test photos."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import EvaluationError
from . import metrics
from .metrics import Average, Indices, Scores

__all__ = ["METRICS", "MetricName", "bootstrap_interval"]

MetricName = Literal[
    "accuracy", "auc", "average_precision", "calibration_error", "log_loss", "top_k_accuracy"
]
METRICS: dict[str, Callable[..., float]] = {
    "accuracy": metrics.accuracy,
    "auc": metrics.auc,
    "average_precision": metrics.average_precision,
    "calibration_error": metrics.calibration_error,
    "log_loss": metrics.log_loss,
    "top_k_accuracy": metrics.top_k_accuracy,
}


def bootstrap_interval(
    metric: MetricName,
    scores: Scores,
    true: Indices,
    *,
    confidence: float = 0.95,
    resamples: int = 2000,
    random_state: int | None = 0,
    **options: Any,
) -> tuple[float, float]:
    """Percentile bootstrap interval of a metric, stratified by true class.

    Every resample keeps each class's number of photos, so no class drops out of a macro average.
    Without any mistake all resamples are alike, and the interval of the accuracy is a point.

    Parameters
    ----------
    metric : str
        A name of `METRICS`.
    scores : ndarray, shape (n, classes)
    true : ndarray of int, shape (n,)
    confidence : float
        In (0, 1): the share of resamples inside the interval.
    resamples : int
        At least 1. The accuracy takes milliseconds; the others are computed once a resample.
    random_state : int or None
        Seed; None for a different interval each time.
    **options
        Of the metric: ``average="micro"``, ``k=3``, ``bins=10``.

    Returns
    -------
    low, high : float

    Raises
    ------
    EvaluationError
        If there is no such metric, or `confidence` or `resamples` is out of range.

    References
    ----------
    B. Efron, R. J. Tibshirani: An Introduction to the Bootstrap. Chapman & Hall 1993, chapter 13.
    """
    if metric not in METRICS:
        raise EvaluationError(f"There is no metric {metric!r}. Choose from {', '.join(METRICS)}.")
    if not 0 < confidence < 1:
        raise EvaluationError(f"confidence must lie between 0 and 1, not be {confidence}.")
    if resamples < 1:
        raise EvaluationError(f"resamples must be at least 1, not {resamples}.")
    rng = np.random.default_rng(random_state)
    if metric == "accuracy":
        values = _resampled_accuracy(scores, true, resamples, rng, **options)
    else:
        values = np.array(
            [
                METRICS[metric](scores[photos], true[photos], **options)
                for photos in _resamples(true, resamples, rng)
            ]
        )
    tail = 100 * (1 - confidence) / 2
    low, high = np.percentile(values, [tail, 100 - tail])
    return float(low), float(high)


def _resampled_accuracy(
    scores: Scores,
    true: Indices,
    resamples: int,
    rng: np.random.Generator,
    average: Average = "macro",
) -> NDArray[np.float64]:
    # Drawing n of n right-or-wrong photos with replacement is a binomial draw: exact, and as fast
    # for a million photos as for ten.
    METRICS["accuracy"](scores, true, average)  # refuses an unknown average
    tested, photos = np.unique(true, return_counts=True)
    recalls = metrics.recall_per_class(scores, true)[tested]
    hits = rng.binomial(photos, recalls, size=(resamples, len(tested)))
    if average == "macro":
        return np.asarray((hits / photos).mean(axis=1))
    return np.asarray(hits.sum(axis=1) / len(true))


def _resamples(
    true: Indices, resamples: int, rng: np.random.Generator
) -> Iterator[NDArray[np.intp]]:
    by_class = np.argsort(true, kind="stable")
    _, first, photos = np.unique(true[by_class], return_index=True, return_counts=True)
    start, size = np.repeat(first, photos), np.repeat(photos, photos)
    for _ in range(resamples):
        yield by_class[start + (rng.random(len(true)) * size).astype(np.intp)]
