"""A scikit-learn classifier over the features of a base model."""

from __future__ import annotations

import copy
import io
import logging
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from sklearn.base import clone
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.svm import LinearSVC

from ..data import ClassificationDataset
from ..errors import ArtifactError, TrainingError
from ..progress import Progress
from ..scoring import Photos, Preprocessing
from .artifact import Artifact
from .base import Classifier, softmax, training_rows
from .transfer import TransferLearningModel

__all__ = ["ScikitClassifier"]

_log = logging.getLogger(__name__)
_CALIBRATION_FOLDS = 3
_HEAD = "head.skops"
# Temperatures. A lower one would call photos certain that are merely separable.
_COLDEST, _HOTTEST = 0.05, 20.0
# Of scikit-learn, written in Python and without code of their own for being loaded, but not known
# to skops. Its compiled trees are not among them: they would follow damaged indices anywhere.
_SAFE_TYPES = [
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
]


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
        Gives the features, as it is when `train` is called: pretrained, or refined. Refining it
        later changes this classifier only when it is trained again.
    learner : scikit-learn classifier, optional
        Fitted by `train`; has `predict_proba`, or `decision_function` with a value for each class.
        Default: ``LinearSVC(C=1.0, class_weight="balanced")``, as in the article. Trees and
        forests can be trained but not saved, because no file of them is safe to load.

    Attributes
    ----------
    model, learner
        As given.
    temperature : float
        See above.
    """

    # A name of the file format, which stays when the class is renamed.
    kind = "network and estimator"

    def __init__(self, model: TransferLearningModel, learner: Any = None) -> None:
        super().__init__(model.class_map)
        self.model = model
        self.learner = _default_learner() if learner is None else learner
        self.temperature = 1.0
        # The model that the learner was fitted on, and the column of each of the learner's classes.
        self._fitted: tuple[TransferLearningModel, NDArray[np.int64]] | None = None

    def train(
        self, train_set: ClassificationDataset, batch_size: int = 32, progress: Progress = True
    ) -> ScikitClassifier:
        """Featurize the training photos once, and fit the estimator.

        Parameters
        ----------
        train_set : ClassificationDataset
            Photos of at least two of the model's classes. Photos without a label, or that cannot
            be read, are not used; of several labels the first is.
        batch_size : int
            Photos that go through the network at once.
        progress : Progress
            As in `Classifier.score`.

        Returns
        -------
        ScikitClassifier
            This classifier.

        Raises
        ------
        TrainingError
            If the photos are of fewer than two classes, or the estimator refuses them or gives
            neither probabilities nor decision values.
        """
        rows, columns = training_rows(train_set, self.labels, "training")
        if not hasattr(self.learner, "fit") or not (
            hasattr(self.learner, "predict_proba") or hasattr(self.learner, "decision_function")
        ):
            raise TrainingError(
                f"{self.learner} gives neither probabilities (predict_proba) nor decision values "
                "(decision_function): choose another scikit-learn classifier."
            )
        base = self.model.copy()
        labelled = train_set if len(rows) == len(train_set) else train_set.take(rows)
        features = base.featurize(labelled, batch_size, progress)
        if labelled is not train_set:
            for problem in labelled.problems:
                train_set.add_problem(problem.path, problem.reason)
        readable = ~np.isnan(features).any(axis=1)
        features, columns = features[readable], columns[readable]
        originals = labelled.origin_ids[readable]
        if len(np.unique(columns)) < 2:
            raise TrainingError(
                "The photos of the training set that can be used are not of two or more classes: "
                "there is nothing to tell apart."
            )
        self._fitted = None
        try:
            self.learner.fit(features, columns)
        except (TypeError, ValueError) as error:
            raise TrainingError(f"{self.learner} cannot be fitted: {error}") from error
        self.temperature = self._fitted_temperature(features, columns, originals)
        self._fitted = base, np.asarray(self.learner.classes_, dtype=np.int64)
        return self

    def score(
        self, source: Photos, batch_size: int = 32, progress: Progress = False
    ) -> NDArray[np.float32]:
        """Probability of each class; 0 for a class that had no training photo.

        See the class for how probabilities are made, and `Classifier.score` for the rest.

        Raises
        ------
        TrainingError
            If it is not trained yet.
        """
        features = self._trained()[0].featurize(source, batch_size, progress)
        scores = np.full((len(features), len(self.class_map)), np.nan, dtype=np.float32)
        readable = ~np.isnan(features).any(axis=1)
        if readable.any():
            scores[readable] = self._probabilities(features[readable])
        return scores

    @property
    def preprocessing(self) -> Preprocessing:
        """See `Classifier.preprocessing`."""
        return self._trained()[0].preprocessing

    def raw_scores(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Logarithms of the probabilities of prepared photos; see `Classifier.raw_scores`.

        A probability of 0 counts as the smallest that float32 can hold, 1e-38.
        """
        probabilities = self._probabilities(self._trained()[0].raw_scores(images, "features"))
        logarithms: NDArray[np.float32] = np.log(
            np.maximum(probabilities, np.finfo(np.float32).tiny)
        )
        return logarithms

    def with_threads(self, threads: int) -> ScikitClassifier:
        """See `Classifier.with_threads`."""
        base, columns = self._trained()
        other = copy.copy(self)
        other._fitted = base.with_threads(threads), columns
        return other

    def _trained(self) -> tuple[TransferLearningModel, NDArray[np.int64]]:
        if self._fitted is None:
            raise TrainingError("This classifier is not trained yet: call train() first.")
        return self._fitted

    def _probabilities(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """A column for each class of `class_map`."""
        if hasattr(self.learner, "predict_proba"):
            known = np.asarray(self.learner.predict_proba(features), dtype=np.float32)
        else:
            known = softmax(_decisions(self.learner, features) / self.temperature)
        probabilities = np.zeros((len(features), len(self.class_map)), np.float32)
        probabilities[:, self._trained()[1]] = known
        return probabilities

    def _fitted_temperature(
        self,
        features: NDArray[np.float32],
        columns: NDArray[np.int64],
        originals: NDArray[np.int64],
    ) -> float:
        classes, target = np.unique(columns, return_inverse=True)
        if hasattr(self.learner, "predict_proba"):
            return 1.0
        if _decisions(self.learner, features[:1]).shape[1] != len(classes):
            raise TrainingError(
                f"{self.learner} does not give one decision value for each of the {len(classes)} "
                "classes: choose other settings (decision_function_shape='ovr')."
            )
        # A photo and its augmented copies are held out together: a copy of a photo that was fitted
        # is no photo that was held out.
        counts = [len(np.unique(originals[target == number])) for number in range(len(classes))]
        if min(counts) < _CALIBRATION_FOLDS:
            return 1.0
        held_out = np.empty((len(target), len(classes)))
        folds = StratifiedGroupKFold(_CALIBRATION_FOLDS, shuffle=True, random_state=0)
        try:
            for fitted, tested in folds.split(features, target, originals):
                learner = clone(self.learner).fit(features[fitted], target[fitted])
                held_out[tested] = _decisions(learner, features[tested])
        except ValueError as error:
            _log.warning("The scores are not calibrated: two thirds of the photos: %s", error)
            return 1.0

        def loss(log_temperature: float) -> float:
            log_probability = log_softmax(held_out / np.exp(log_temperature), axis=1)
            return float(-log_probability[np.arange(len(target)), target].mean())

        bounds = np.log([_COLDEST, _HOTTEST])
        return float(np.exp(minimize_scalar(loss, bounds=bounds, method="bounded").x))

    # -- saving ---------------------------------------------------------------------------------

    def serialize(self, path: str | os.PathLike[str]) -> Path:
        """Save the classifier and its base model as one file; see `TransferLearningModel`.

        Raises
        ------
        TrainingError
            If it is not trained yet, or its estimator holds objects that `deserialize` would
            refuse.
        StorageError
            If it cannot be written there.
        """
        base, _ = self._trained()
        head = _skops().dumps(self.learner)
        unsafe = _unsafe_types(head)
        if unsafe:
            raise TrainingError(
                f"{self.learner} cannot be saved so that it is safe to load: it holds "
                f"{', '.join(unsafe)}. Use a linear model, a support vector machine, a neural "
                "network or another of scikit-learn's classifiers without trees."
            )
        artifact = base.to_artifact()
        return Artifact(
            self.kind,
            {**artifact.manifest, "temperature": self.temperature},
            {**artifact.entries, _HEAD: head},
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
        base = TransferLearningModel.from_artifact(artifact)
        learner = _load_learner(artifact.entry(_HEAD))
        temperature = artifact.manifest.get("temperature")
        if type(temperature) is not float or not _COLDEST <= temperature <= _HOTTEST:
            raise ArtifactError("The saved classifier is damaged: its temperature is not valid.")
        columns = getattr(learner, "classes_", None)
        if not isinstance(columns, np.ndarray) or not set(columns.tolist()) <= set(base.class_map):
            raise ArtifactError("The saved classifier is damaged: its classes do not fit together.")
        classifier = cls(base, learner)
        classifier.temperature = temperature
        classifier._fitted = base.copy(), columns.astype(np.int64)
        _probe(classifier)
        return classifier

    def __repr__(self) -> str:
        return f"<ScikitClassifier {self.learner!r} over {self.model!r}>"


def _probe(classifier: ScikitClassifier) -> None:
    """Score once: an estimator that was put beside a network it was not fitted on fails."""
    _, *size = classifier.model.image_dims
    try:
        scores = classifier.raw_scores(np.zeros((1, 3, *size), np.float32))
    except Exception as error:  # estimators raise anything
        raise ArtifactError(
            f"The saved classifier is damaged: its estimator does not fit its network: {error}"
        ) from error
    if not np.isfinite(scores).all():
        raise ArtifactError("The saved classifier is damaged: its scores are no numbers.")


def _default_learner() -> LinearSVC:
    # With a random state, because its solver shuffles; its own 1,000 iterations are too few for
    # some augmented sets.
    return LinearSVC(C=1.0, class_weight="balanced", dual="auto", max_iter=10_000, random_state=0)


def _decisions(learner: Any, features: NDArray[np.float32]) -> NDArray[np.float64]:
    """Decision values, a column a class; scikit-learn gives one value for two classes."""
    values = np.asarray(learner.decision_function(features), dtype=np.float64)
    return np.stack([np.zeros_like(values), values], axis=1) if values.ndim == 1 else values


def _skops() -> Any:
    # Slow to import: it imports all of scikit-learn, and with that PyTorch where it is installed.
    import skops.io

    return skops.io


def _unsafe_types(head: bytes) -> list[str]:
    return sorted(set(_skops().get_untrusted_types(data=head)) - set(_SAFE_TYPES))


def _load_learner(head: bytes) -> Any:
    try:
        with zipfile.ZipFile(io.BytesIO(head)) as archive:
            compressed = any(info.compress_type for info in archive.infolist())
        unsafe = _unsafe_types(head)
        if compressed or unsafe:
            what = ", ".join(unsafe) or "compressed data"
            raise ArtifactError(
                "The saved classifier is refused: its estimator holds what is not known to be safe "
                f"({what})."
            )
        return _skops().loads(head, trusted=_SAFE_TYPES)
    except ArtifactError:
        raise
    except Exception as error:  # skops meets damage with exceptions of all kinds
        raise ArtifactError(f"The saved classifier is damaged: its estimator: {error!r}") from error
