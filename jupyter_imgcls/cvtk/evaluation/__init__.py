"""The names of 2018 for evaluation."""

from __future__ import annotations

from ... import evaluation
from ...data import ClassificationDataset
from ...evaluation import basic_plot, graph_confusion_matrix, graph_pr_curve, graph_roc_curve
from ...evaluation.inputs import ScoringClassifier
from ..other_tasks import DetectionEvaluation

__all__ = [
    "ClassificationEvaluation",
    "DetectionEvaluation",
    "basic_plot",
    "graph_confusion_matrix",
    "graph_pr_curve",
    "graph_roc_curve",
]


class ClassificationEvaluation(evaluation.ClassificationEvaluation):
    """`jupyter_imgcls.ClassificationEvaluation` with the keyword of 2018.

    Parameters
    ----------
    classifier, test_set
        See there.
    minibatch_size : int
        Its `batch_size`.
    """

    def __init__(
        self,
        classifier: ScoringClassifier,
        test_set: ClassificationDataset,
        minibatch_size: int = 32,
    ) -> None:
        super().__init__(classifier, test_set, minibatch_size)
