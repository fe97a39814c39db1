"""A scikit-learn classifier over the features of a base model."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import skops.io
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from sklearn.base import clone
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.svm import LinearSVC

from ..data import ClassificationDataset
from ..errors import ArtifactError, TrainingError
from ..scoring import Photos
from .artifact import Artifact
from .base import Classifier, softmax, training_rows
from .transfer import TransferLearningModel

__all__ = ["ScikitClassifier"]

_CALIBRATION_FOLDS = 3


class ScikitClassifier(Classifier):
    """Features of a base model, classified by a scikit-learn estimator.

    Scores are the estimator's probabilities where it has `predict_proba`. Otherwise they are the
    softmax of its decision values divided by a temperature, which is fitted on decision values of
    photos held out in a 3-fold cross-validation of the training set (Guo et al., On Calibration of
    Modern Neural Networks, ICML 2017). Where a class has fewer than 3 photos there is no
    cross-validation, and the temperature is 1. The order of the classes is the estimator's either
    way.

    Parameters
    ----------
    model : TransferLearningModel
        Gives the features, as it is now: pretrained, or refined.
    learner : scikit-learn classifier, optional
        Fitted by `train`. Default: ``LinearSVC(C=1.0, class_weight="balanced")``, as in the
        article.

    Attributes
    ----------
    model, learner
        As given.
    temperature : float
        See above.
    """

    kind = "ScikitClassifier"

    def __init__(self, model: TransferLearningModel, learner: Any = None) -> None:
        super().__init__(model.class_map)
        self.model = model
        self.learner = LinearSVC(C=1.0, class_weight="balanced") if learner is None else learner
        self.temperature = 1.0
        self._columns: NDArray[np.int64] | None = None

    def train(
        self, train_set: ClassificationDataset, batch_size: int = 32, progress: bool = True
    ) -> ScikitClassifier:
        """Featurize the training photos once, and fit the estimator.

        Parameters
        ----------
        train_set : ClassificationDataset
            Photos of at least two of the model's classes. Photos without a label, or that cannot
            be read, are not used; of several labels the first is.
        batch_size : int
            Photos that go through the network at once.
        progress : bool
            Whether to show a progress bar.

        Returns
        -------
        ScikitClassifier
            This classifier.

        Raises
        ------
        TrainingError
            If the photos are of fewer than two classes, or the estimator refuses them.
        """
        rows, columns = training_rows(train_set, self.labels, "training")
        features = self.model.featurize(train_set, batch_size, progress)[rows]
        readable = ~np.isnan(features).any(axis=1)
        features, columns = features[readable], columns[readable]
        if len(np.unique(columns)) < 2:
            raise TrainingError(
                "The photos of the training set that can be used are not of two or more classes: "
                "there is nothing to tell apart."
            )
        try:
            self.learner.fit(features, columns)
        except ValueError as error:
            raise TrainingError(f"{self.learner} cannot be fitted: {error}") from error
        self._columns = np.asarray(self.learner.classes_, dtype=np.int64)
        self.temperature = self._fitted_temperature(features, columns)
        return self

    def score(
        self, source: Photos, batch_size: int = 32, progress: bool = False
    ) -> NDArray[np.float32]:
        """Probability of each class; 0 for a class that had no training photo.

        See the class for how probabilities are made, and `Classifier.score` for the rest.
        """
        if self._columns is None:
            raise TrainingError("This classifier is not trained yet: call train() first.")
        features = self.model.featurize(source, batch_size, progress)
        scores = np.full((len(features), len(self.class_map)), np.nan, dtype=np.float32)
        readable = np.flatnonzero(~np.isnan(features).any(axis=1))
        if len(readable):
            scores[readable] = 0
            scores[np.ix_(readable, self._columns)] = self._probabilities(features[readable])
        return scores

    def _probabilities(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        if hasattr(self.learner, "predict_proba"):
            return np.asarray(self.learner.predict_proba(features), dtype=np.float32)
        return softmax(_decisions(self.learner.decision_function(features)) / self.temperature)

    def _fitted_temperature(
        self, features: NDArray[np.float32], columns: NDArray[np.int64]
    ) -> float:
        _, target, counts = np.unique(columns, return_inverse=True, return_counts=True)
        if hasattr(self.learner, "predict_proba") or counts.min() < _CALIBRATION_FOLDS:
            return 1.0
        held_out = _decisions(
            cross_val_predict(
                clone(self.learner),
                features,
                target,
                cv=StratifiedKFold(_CALIBRATION_FOLDS, shuffle=True, random_state=0),
                method="decision_function",
            )
        )

        def loss(log_temperature: float) -> float:
            log_probability = log_softmax(held_out / np.exp(log_temperature), axis=1)
            return float(-log_probability[np.arange(len(target)), target].mean())

        # A temperature below 0.05 would call photos certain that are merely separable.
        return float(np.exp(minimize_scalar(loss, bounds=np.log([0.05, 20]), method="bounded").x))

    # -- saving ---------------------------------------------------------------------------------

    def serialize(self, path: str | os.PathLike[str]) -> Path:
        """Save the classifier and its base model as one file; see `TransferLearningModel`.

        Raises
        ------
        TrainingError
            If it is not trained yet.
        StorageError
            If it cannot be written there.
        """
        if self._columns is None:
            raise TrainingError("This classifier is not trained yet: there is nothing to save.")
        base = self.model.to_artifact()
        return Artifact(
            self.kind,
            {**base.manifest, "temperature": self.temperature},
            {**base.entries, "head.skops": skops.io.dumps(self.learner)},
        ).write(path)

    @classmethod
    def deserialize(cls, path: str | os.PathLike[str]) -> ScikitClassifier:
        """Load a classifier that `serialize` saved.

        Raises
        ------
        ArtifactError
            If the file is damaged, of another program, of a newer version, or holds an estimator
            that is not known to be safe (not one of scikit-learn's). Nothing in it is executed.
        """
        return cls.from_artifact(Artifact.read(path, cls.kind))

    @classmethod
    def from_artifact(cls, artifact: Artifact) -> ScikitClassifier:
        """The classifier that an artifact holds; see `deserialize`."""
        head = artifact.entry("head.skops")
        try:
            refused = skops.io.get_untrusted_types(data=head)
            if refused:
                raise ArtifactError(
                    f"The saved classifier is refused: it holds objects that are not known to be safe "
                    f"({', '.join(refused)})."
                )
            learner = skops.io.loads(head, trusted=[])
            classes = np.asarray(learner.classes_, dtype=np.int64)
            temperature = float(artifact.manifest["temperature"])
        except ArtifactError:
            raise
        except Exception as error:
            raise ArtifactError(f"The saved classifier is damaged: {error}") from error
        classifier = cls(TransferLearningModel.from_artifact(artifact), learner)
        if not set(classes.tolist()) <= set(classifier.class_map):
            raise ArtifactError("The saved classifier is damaged: its classes do not fit together.")
        classifier._columns = classes
        classifier.temperature = temperature
        return classifier

    def __repr__(self) -> str:
        return f"<ScikitClassifier {self.learner!r} over {self.model!r}>"


def _decisions(values: NDArray[np.floating]) -> NDArray[np.floating]:
    """Decision values as one column a class; scikit-learn gives one column for two classes."""
    return np.stack([np.zeros_like(values), values], axis=1) if values.ndim == 1 else values
