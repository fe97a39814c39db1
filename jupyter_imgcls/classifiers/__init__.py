"""Classifiers, their training, and their files."""

from .base import Classifier
from .run import EpochRecord, TrainingListener, TrainingRun
from .scikit import ScikitClassifier
from .transfer import TransferLearningModel

__all__ = [
    "Classifier",
    "EpochRecord",
    "ScikitClassifier",
    "TrainingListener",
    "TrainingRun",
    "TransferLearningModel",
]
