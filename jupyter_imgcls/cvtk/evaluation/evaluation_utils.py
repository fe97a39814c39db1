"""The names of 2018 for plots of an evaluation."""

from ...evaluation import basic_plot, graph_confusion_matrix, graph_pr_curve, graph_roc_curve
from ..other_tasks import OtherTask

__all__ = [
    "basic_plot",
    "graph_confusion_matrix",
    "graph_error_counts",
    "graph_pr_curve",
    "graph_roc_curve",
]

graph_error_counts = OtherTask("graph_error_counts", "object detection")
