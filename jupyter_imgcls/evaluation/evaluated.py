"""What plots and the report read of an evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol, overload

import numpy as np
from numpy.typing import NDArray

from ..data.types import Label
from .metrics import Average, ReliabilityCurve

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Curve", "Evaluated"]

Curve = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]


class Evaluated(Protocol):
    """A `ClassificationEvaluation`, which documents the members."""

    name: str
    labels: list[Label]
    paths: Sequence[str]
    scores: NDArray[np.float32]
    true_labels: NDArray[np.int64]
    pred_labels: NDArray[np.int64]
    evaluated: NDArray[np.bool_]
    unreadable: int
    unlabelled: int

    @property
    def untested_labels(self) -> list[Label]: ...  # noqa: D102
    def compute_accuracy(self, average: Average = ...) -> float: ...  # noqa: D102
    def compute_log_loss(self) -> float: ...  # noqa: D102
    def compute_calibration_error(self) -> float: ...  # noqa: D102
    @overload
    def compute_auc(self, average: Average = ...) -> float: ...
    @overload
    def compute_auc(self, average: None) -> NDArray[np.float64]: ...
    @overload
    def compute_average_precision(self, average: Average = ...) -> float: ...
    @overload
    def compute_average_precision(self, average: None) -> NDArray[np.float64]: ...
    def compute_confidence_interval(  # noqa: D102
        self, metric: Literal["accuracy"], *, average: Average = ...
    ) -> tuple[float, float]: ...
    def compute_confusion_matrix(  # noqa: D102
        self, normalize: Literal["true", "pred", "all"] | None = None
    ) -> NDArray[Any]: ...
    def compute_precision_recall_curve(self, label: str | Label | None = None) -> Curve: ...  # noqa: D102
    def compute_roc_curve(self, label: str | Label | None = None) -> Curve: ...  # noqa: D102
    def compute_reliability_curve(self) -> ReliabilityCurve: ...  # noqa: D102
    def compute_report(self) -> pd.DataFrame: ...  # noqa: D102
    def find_mistakes(self, n: int | None = None) -> pd.DataFrame: ...  # noqa: D102
