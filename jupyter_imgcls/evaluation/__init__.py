"""How good a classifier is: metrics, curves, plots, and a report to share."""

from .classification import ClassificationEvaluation
from .metrics import ReliabilityCurve
from .plots import (
    basic_plot,
    graph_confusion_matrix,
    graph_pr_curve,
    graph_reliability,
    graph_roc_curve,
)

__all__ = [
    "ClassificationEvaluation",
    "ReliabilityCurve",
    "basic_plot",
    "graph_confusion_matrix",
    "graph_pr_curve",
    "graph_reliability",
    "graph_roc_curve",
]
