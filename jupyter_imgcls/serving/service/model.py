"""A saved classifier as a service uses it; no training framework is needed or imported."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from ...classifiers import ScikitClassifier, TransferLearningModel, load_classifier
from ...scoring import Preprocessing
from ...scoring.pipeline import available_cores

__all__ = ["ServedModel"]

_MOST_WORKERS = 4


class ServedModel:
    """A classifier that scores photos of many requests together.

    Batches of a few threads each beside one another score more photos than one batch of all
    threads, which would wait for each other at every layer. That one is the fastest for a lone
    photo; so there are both.

    Parameters
    ----------
    classifier : TransferLearningModel or ScikitClassifier
        Must not be trained while it serves: `load` gives one that nobody else has.
    cores : int, optional
        To use; by default those that the process may.

    Attributes
    ----------
    workers : int
        Batches to be scored beside one another.
    cores : int
    """

    def __init__(
        self, classifier: TransferLearningModel | ScikitClassifier, cores: int | None = None
    ) -> None:
        self.cores = cores or available_cores()
        # A GPU takes one batch after the other.
        on_gpu = "CUDAExecutionProvider" in ort.get_available_providers()
        self.workers = 1 if on_gpu else min(self.cores, _MOST_WORKERS)
        self._alone = classifier if cores is None else classifier.with_threads(cores)
        self._beside_others = (
            self._alone
            if self.workers == 1
            else classifier.with_threads(self.cores // self.workers)
        )
        self._classifier = classifier
        self.labels: list[str] = [label.name for label in classifier.labels]
        self.preprocessing: Preprocessing = classifier.preprocessing
        self.shape = (3, self.preprocessing.height, self.preprocessing.width)

    @classmethod
    def load(cls, artifact_path: str | os.PathLike[str], cores: int | None = None) -> ServedModel:
        """Load a classifier that was saved with `serialize`, and score once to be warm.

        Parameters
        ----------
        artifact_path : str or Path
        cores : int, optional
            See the class.

        Raises
        ------
        ArtifactError
            If the file is damaged, of another program, or of a newer version.
        """
        model = cls(load_classifier(artifact_path), cores)
        for alone in (True, False):
            model.raw_scores(np.zeros((1, *model.shape), np.float32), alone)
        return model

    def raw_scores(self, images: NDArray[np.float32], alone: bool = True) -> NDArray[np.float32]:
        """Scores of prepared photos, (n, classes): see `Classifier.raw_scores`.

        `alone` tells that nothing else is to be done at the time; the scores are the same.
        """
        return (self._alone if alone else self._beside_others).raw_scores(images)

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
