"""The measured points of a precision-recall curve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...errors import EvaluationError

__all__ = ["OperatingPoints"]


@dataclass(frozen=True)
class OperatingPoints:
    """Precision and recall at each threshold, the highest threshold first.

    Parameters
    ----------
    precisions, recalls : ndarray of float64, shape (t,)
        Shares, in [0, 1].
    thresholds : ndarray of float64, shape (t,)
        Falling, each once.
    """

    precisions: NDArray[np.float64]
    recalls: NDArray[np.float64]
    thresholds: NDArray[np.float64]

    @classmethod
    def create(
        cls, precisions: ArrayLike, recalls: ArrayLike, thresholds: ArrayLike
    ) -> OperatingPoints:
        """Points in either order, in shares or in percent, with scikit-learn's end or without.

        Parameters
        ----------
        precisions, recalls : array_like of float, shape (n,)
            In [0, 1] or in [0, 100], both the same.
        thresholds : array_like of float, shape (n,) or (n - 1,)
            One less, as scikit-learn gives them, lacks that of the end of the curve.

        Raises
        ------
        EvaluationError
            If the lengths or values are not as described.
        """
        named = {"precisions": precisions, "recalls": recalls, "thresholds": thresholds}
        precision, recall, threshold = (_numbers(name, given) for name, given in named.items())
        if len(recall) != len(precision) or len(precision) - len(threshold) not in (0, 1):
            raise EvaluationError(
                f"There are {len(precision)} precisions, {len(recall)} recalls and "
                f"{len(threshold)} thresholds: give as many of each, or one threshold less."
            )
        shares = np.stack([precision, recall])
        if shares.max(initial=0) > 1:
            shares = shares / 100
        if shares.min(initial=0) < 0 or shares.max(initial=0) > 1 + 1e-9:
            raise EvaluationError("Precisions and recalls must be from 0 to 1, or from 0 to 100.")
        # Scikit-learn ends a curve at precision 1 and recall 0, which no threshold gives.
        measured = ~((shares[0] == 1) & (shares[1] == 0))
        if len(threshold) < len(precision):
            if len(measured) - measured.sum() != 1:
                raise EvaluationError("There is one threshold less than precisions: add the last.")
            shares = shares[:, measured]
        else:
            shares, threshold = shares[:, measured], threshold[measured]
        if not len(threshold):
            raise EvaluationError("The curve has no measured point.")
        distinct, first = np.unique(threshold, return_index=True)
        order = first[::-1]
        return cls(shares[0, order], shares[1, order], distinct[::-1])

    def __len__(self) -> int:
        return len(self.thresholds)

    @property
    def f1(self) -> NDArray[np.float64]:
        """Harmonic mean of precision and recall; 0 where both are 0."""
        total = self.precisions + self.recalls
        product = 2 * self.precisions * self.recalls
        return np.divide(product, total, out=np.zeros_like(total), where=total > 0)

    def at(self, threshold: float) -> int:
        """Number of the point with the same predictions as `threshold`, or the nearest to that."""
        above = int(np.searchsorted(-self.thresholds, -threshold, side="right"))
        return max(above - 1, 0)

    def nearest(self, recall: float, precision: float) -> int:
        """Number of the point that is nearest on the chart."""
        return int(np.hypot(self.recalls - recall, self.precisions - precision).argmin())


def _numbers(name: str, given: Any) -> NDArray[np.float64]:
    try:
        values: NDArray[np.float64] = np.asarray(
            list(given) if isinstance(given, Sequence) else given, dtype=float
        )
    except (TypeError, ValueError):
        values = np.array(np.nan)
    if values.ndim != 1 or not np.isfinite(values).all():
        raise EvaluationError(f"{name} must be a list of numbers.")
    return values
