"""The names of 2018 for evaluation."""

from ..evaluation import (
    ClassificationEvaluation,
    basic_plot,
    graph_confusion_matrix,
    graph_pr_curve,
    graph_roc_curve,
)

__all__ = [
    "ClassificationEvaluation",
    "basic_plot",
    "graph_confusion_matrix",
    "graph_pr_curve",
    "graph_roc_curve",
]
