"""Classifiers, their training, and their files."""

from __future__ import annotations

import os

from .artifact import Artifact
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
    "load_classifier",
]


def load_classifier(path: str | os.PathLike[str]) -> TransferLearningModel | ScikitClassifier:
    """Load a saved classifier of whichever kind the file holds.

    Raises
    ------
    ArtifactError
        If the file is damaged, of another program, or of a newer version.
    """
    artifact = Artifact.read(path, TransferLearningModel.kind, ScikitClassifier.kind)
    if artifact.kind == ScikitClassifier.kind:
        return ScikitClassifier.from_artifact(artifact)
    return TransferLearningModel.from_artifact(artifact)
