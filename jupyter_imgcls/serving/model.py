"""A saved classifier as a service uses it; no training framework is needed or imported."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..classifiers import ScikitClassifier, TransferLearningModel, load_classifier
from ..scoring import Preprocessing

__all__ = ["ServedModel"]


class ServedModel:
    """A classifier that scores photos of many requests together.

    Parameters
    ----------
    classifier : TransferLearningModel or ScikitClassifier
        Must not be trained while it serves: `load` gives one that nobody else has.
    """

    def __init__(self, classifier: TransferLearningModel | ScikitClassifier) -> None:
        self._classifier = classifier
        self.labels: list[str] = [label.name for label in classifier.labels]
        self.preprocessing: Preprocessing = classifier.preprocessing
        self.shape = (3, self.preprocessing.height, self.preprocessing.width)

    @classmethod
    def load(cls, artifact_path: str | os.PathLike[str]) -> ServedModel:
        """Load a classifier that was saved with `serialize`, and score once to be warm.

        Raises
        ------
        ArtifactError
            If the file is damaged, of another program, or of a newer version.
        """
        model = cls(load_classifier(artifact_path))
        model.raw_scores(np.zeros((1, *model.shape), np.float32))
        return model

    def raw_scores(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Scores of prepared photos, (n, classes): see `Classifier.raw_scores`."""
        return self._classifier.raw_scores(images)

    def describe(self) -> dict[str, Any]:
        """What a client may want to know: labels, input size, versions."""
        classifier = self._classifier
        network = classifier.model if isinstance(classifier, ScikitClassifier) else classifier
        return {
            "kind": classifier.kind,
            "base_model": network.base_model.name,
            "labels": self.labels,
            "image_dims": list(self.shape),
            "versions": {
                "jupyter_imgcls": version("jupyter_imgcls"),
                "onnxruntime": version("onnxruntime"),
                "python": platform.python_version(),
            },
        }
