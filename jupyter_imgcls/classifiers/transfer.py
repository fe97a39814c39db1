"""A pretrained network with a head for the user's classes."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray
from safetensors import SafetensorError

from ..backends import get_backend
from ..backends.base import BaseModel, ImageDims, Network, Precision, Trainable
from ..backends.base_models import get_base_model
from ..context import Context
from ..data import ClassificationDataset, Label
from ..errors import ArtifactError, TrainingError
from ..scoring import OnnxScorer, Photos, Preprocessing
from .artifact import Artifact
from .base import Classifier, softmax
from .checkpoint import Checkpoint
from .listeners import EpochLogger, TensorBoardWriter, follow
from .run import EpochRecord, TrainingListener, TrainingRun
from .training import LR_PER_MB, PhotoSet, TrainingSettings, configuration_key, train_network

__all__ = ["TransferLearningModel"]

_MIN_SIDE, _MAX_SIDE = 64, 1024


class TransferLearningModel(Classifier):
    """A base model, pretrained on ImageNet, to be refined on the user's classes.

    Training runs in a framework (the backend). Scoring and featurizing run in ONNX Runtime, from
    the exported network; a saved model scores where the framework is not installed.

    Parameters
    ----------
    labels : sequence of Label or str
        The classes, in the order of the scores.
    base_model : str
        Name of the base model: see `jupyter_imgcls.backends.base_models.BASE_MODELS`; the
        article's names (``"ResNet18_ImageNet_CNTK"``) are understood.
    image_dims : tuple of int
        (3, H, W): the size in pixels to which photos are brought, H and W from 64 to 1024. Larger
        is slower and often more accurate.
    backend : str
        The training framework; ``"gluon"`` (MXNet).
    weights : str or Path, optional
        File with the base model's weights; default: those published for it.
    class_map : mapping of int to str, optional
        Which class has which column of the scores; default: the order of `labels`.
    context : str
        Where to train: ``"auto"`` (GPUs if the framework sees any), ``"cpu"``, ``"gpu(0)"``, or
        ``"gpu(0),gpu(1)"`` to divide each minibatch.
    seed : int
        For the new head.

    Attributes
    ----------
    base_model : BaseModel
        What is known of the base model.
    image_dims : tuple of int
        As given.
    history : list of EpochRecord
        The epochs of the last training.

    Raises
    ------
    UnknownBaseModelError, BackendUnavailableError, WeightsError
        If the base model, the backend or the weights cannot be had; the message says what to do.
    TrainingError
        If `labels`, `image_dims` or `class_map` are not as described.
    """

    def __init__(
        self,
        labels: Sequence[Label | str],
        base_model: str = "efficientnet_lite0",
        image_dims: ImageDims = (3, 224, 224),
        backend: str = "gluon",
        weights: str | os.PathLike[str] | None = None,
        class_map: Mapping[int, str] | None = None,
        *,
        context: str = "auto",
        seed: int = 0,
    ) -> None:
        super().__init__(_checked_class_map([str(label) for label in labels], class_map))
        self.base_model: BaseModel = get_base_model(base_model)
        self.image_dims = _checked_dims(image_dims)
        self.history: list[EpochRecord] = []
        self._preprocessing = Preprocessing.for_base_model(self.base_model, self.image_dims)
        self._backend = backend
        self._device = context
        self._network: Network | None = get_backend(backend).build(
            self.base_model,
            len(self.class_map),
            self.image_dims,
            weights="pretrained" if weights is None else Path(weights),
            device=context,
            seed=seed,
        )
        self._saved_weights: bytes | None = None
        self._scorer: OnnxScorer | None = None
        self._onnx: bytes | None = None
        self._run: TrainingRun | None = None

    # -- training -------------------------------------------------------------------------------

    def train(
        self,
        train_set: ClassificationDataset,
        lr_per_mb: float | Sequence[float] = LR_PER_MB,
        mb_size: int = 32,
        num_epochs: int | None = None,
        eval_dataset: ClassificationDataset | None = None,
        tensorboard_logdir: str | os.PathLike[str] | None = None,
        callbacks: Sequence[TrainingListener] = (),
        background: bool = False,
        trainable: Trainable = "all",
        precision: Precision = "fp32",
        *,
        resume: bool = False,
        seed: int = 0,
        progress: bool = True,
    ) -> TrainingRun:
        """Refine the network by stochastic gradient descent (momentum 0.9, L2 5e-4).

        After each epoch a checkpoint is written under the context's ``outputs_path``, and after
        the last the model itself as ``model_trained/<dataset>-<base model>.model``. At the end the
        network has the weights of the last epoch; if it was stopped, those of the best one.

        Parameters
        ----------
        train_set : ClassificationDataset
            Photos of at least two of the model's classes. Photos without a label are not used; of
            several labels the first is.
        lr_per_mb : float or sequence of float
            Learning rate per minibatch, one or one an epoch; the last one goes on.
        mb_size : int
            Photos in a minibatch at most.
        num_epochs : int, optional
            Default: as many as learning rates.
        eval_dataset : ClassificationDataset, optional
            Photos to evaluate on after each epoch.
        tensorboard_logdir : str or Path, optional
            Folder to write TensorBoard events to.
        callbacks : sequence of TrainingListener
            Are told of minibatches and epochs.
        background : bool
            Whether to return at once, and train beside what comes next.
        trainable : {"all", "head"}
            What to train: the whole network, or the head alone, which is faster.
        precision : {"fp32", "bf16"}
            Arithmetic; bf16 needs hardware for it to be faster.
        resume : bool
            Whether to go on from the checkpoint of a training with the same data and settings that
            was cut off; it then comes to what the uninterrupted training would have come to.
        seed : int
            For the order of the photos, and for dropout.
        progress : bool
            Whether to show a progress bar (not in the background).

        Returns
        -------
        TrainingRun
            With the history; still running if `background`.

        Raises
        ------
        TrainingError
            If the data or settings do not allow training, the loss diverges, or the model is
            being trained already. The model stays usable.
        """
        if self._run is not None and self._run.state in ("running", "paused", "stopping"):
            raise TrainingError("This model is being trained: wait for it, or stop that training.")
        settings = TrainingSettings.create(
            lr_per_mb, mb_size, num_epochs, trainable, precision, seed
        )
        photos = PhotoSet(train_set, self.labels, self._preprocessing, "training")
        if photos.classes < 2:
            raise TrainingError(
                "All photos of the training set are of one class: there is nothing to tell apart. "
                "Train on photos of at least two classes."
            )
        evaluation = None
        if eval_dataset is not None:
            evaluation = PhotoSet(eval_dataset, self.labels, self._preprocessing, "evaluation")
        network = self._trainable_network()
        outputs = Context.get_global_context().storage.outputs_path
        key = configuration_key(settings, photos, evaluation, network.get_weights())
        checkpoint = outputs / "checkpoints" / f"{self.base_model.name}-{key}.safetensors"
        saved = Checkpoint.load(checkpoint) if resume and checkpoint.exists() else None
        listeners = list(callbacks)
        if tensorboard_logdir is not None:
            listeners.append(TensorBoardWriter(tensorboard_logdir))
        if background:
            listeners.append(EpochLogger())
        name = re.sub(r"[^\w.-]+", "_", f"{train_set.name}-{self.base_model.name}").lstrip(".")
        trained_file = outputs / "model_trained" / f"{name}.model"

        def work(run: TrainingRun) -> None:
            try:
                train_network(run, network, photos, evaluation, settings, checkpoint)
            finally:
                self.history = run.history
                self._onnx = self._scorer = None
                if run.history:
                    self.serialize(trained_file)
            checkpoint.unlink()

        self._run = TrainingRun(work, len(settings.learning_rates), saved and saved.history)
        for listener in listeners:
            self._run.add_listener(listener)
        self._run.start()
        if not background:
            follow(self._run, progress)
        return self._run

    @property
    def train_eval_accs(self) -> tuple[list[float], list[float], list[int]]:
        """Training accuracies, evaluation accuracies and epoch numbers of the last training.

        Accuracies are shares of correct photos, in [0, 1]. The second list is empty if there was
        no evaluation set.
        """
        return (
            [1 - record.train_error for record in self.history],
            [1 - record.eval_error for record in self.history if record.eval_error is not None],
            [record.epoch for record in self.history],
        )

    # -- scoring --------------------------------------------------------------------------------

    def score(
        self, source: Photos, batch_size: int = 32, progress: bool = False
    ) -> NDArray[np.float32]:
        """Probability (softmax of the network's logits) of each class; see `Classifier.score`."""
        return softmax(self._infer(source, "logits", batch_size, progress))

    def featurize(
        self, source: Photos, batch_size: int = 32, progress: bool = False
    ) -> NDArray[np.float32]:
        """The features under the head, float32 of shape (n, base_model.feature_size).

        Parameters, and what happens to a photo that cannot be read, are as in `score`.
        """
        return self._infer(source, "features", batch_size, progress)

    def _infer(
        self,
        source: Photos,
        output: Literal["logits", "features"],
        batch_size: int,
        progress: bool,
    ) -> NDArray[np.float32]:
        result = self._get_scorer().run(
            source, output=output, batch_size=batch_size, progress=progress
        )
        if isinstance(source, ClassificationDataset):
            source.leave_out(result.problems)
        return result.values

    def _get_scorer(self) -> OnnxScorer:
        if self._scorer is None:
            self._scorer = OnnxScorer(self._get_onnx(), self._preprocessing)
        return self._scorer

    def _get_onnx(self) -> bytes:
        if self._onnx is None:
            self._onnx = self._trainable_network().to_onnx()
        return self._onnx

    # -- saving ---------------------------------------------------------------------------------

    def serialize(self, path: str | os.PathLike[str]) -> Path:
        """Save the model as one file, in place of an earlier one only when it is whole.

        Raises
        ------
        StorageError
            If it cannot be written there.
        """
        return self.to_artifact().write(path)

    @classmethod
    def deserialize(cls, path: str | os.PathLike[str]) -> TransferLearningModel:
        """Load a model that `serialize` saved; it can be trained further where the backend is.

        Raises
        ------
        ArtifactError
            If the file is damaged, of another program, or of a newer version. Nothing in a file is
            ever executed.
        """
        return cls.from_artifact(Artifact.read(path, cls.kind))

    kind = "TransferLearningModel"

    def to_artifact(self) -> Artifact:
        """What `serialize` writes."""
        manifest = {
            **self._description(),
            "class_map": [self.class_map[number] for number in range(len(self.class_map))],
            "preprocessing": self._preprocessing.to_dict(),
            "history": [record.to_dict() for record in self.history],
        }
        return Artifact(
            self.kind,
            manifest,
            {"model.onnx": self._get_onnx(), "weights.safetensors": self._weights_bytes()},
        )

    @classmethod
    def from_artifact(cls, artifact: Artifact) -> TransferLearningModel:
        """The model that an artifact holds; see `deserialize`."""
        manifest = artifact.manifest
        model = cls.__new__(cls)
        try:
            Classifier.__init__(model, dict(enumerate(map(str, manifest["class_map"]))))
            model.base_model = get_base_model(str(manifest["base_model"]))
            model.image_dims = _checked_dims(tuple(manifest["image_dims"]))
            model.history = [EpochRecord(**record) for record in manifest["history"]]
            model._backend = str(manifest["backend"])
            model._preprocessing = Preprocessing.from_dict(manifest["preprocessing"])
        except (KeyError, TypeError, ValueError) as error:
            raise ArtifactError(
                f"The saved classifier is damaged: its manifest is not valid ({error!r})."
            ) from error
        model._device = "auto"
        model._network, model._run = None, None
        model._saved_weights = artifact.entry("weights.safetensors")
        model._onnx = artifact.entry("model.onnx")
        model._scorer = OnnxScorer(model._onnx, model._preprocessing)
        return model

    def _weights_bytes(self) -> bytes:
        if self._network is None:
            assert self._saved_weights is not None
            return self._saved_weights
        return safetensors.numpy.save(self._network.get_weights())

    # -- inside ---------------------------------------------------------------------------------

    def _description(self) -> dict[str, Any]:
        return {
            "base_model": self.base_model.name,
            "image_dims": list(self.image_dims),
            "backend": self._backend,
        }

    def _trainable_network(self) -> Network:
        """The network in the training framework; built again after `deserialize`."""
        if self._network is None:
            assert self._saved_weights is not None
            network = get_backend(self._backend).build(
                self.base_model,
                len(self.class_map),
                self.image_dims,
                weights="random",
                device=self._device,
                seed=0,
            )
            try:
                network.set_weights(safetensors.numpy.load(self._saved_weights))
            except SafetensorError as error:
                raise ArtifactError(f"The saved weights are damaged: {error}") from error
            self._network = network
        return self._network

    def __repr__(self) -> str:
        trained = f", trained for {len(self.history)} epochs" if self.history else ""
        return (
            f"<{type(self).__name__} {self.base_model.name} {self.image_dims}: "
            f"{', '.join(self.class_map.values())}{trained}>"
        )


def _checked_dims(image_dims: Sequence[int]) -> ImageDims:
    sides = list(image_dims[1:])
    if (
        len(image_dims) != 3
        or image_dims[0] != 3
        or not all(isinstance(s, int) and _MIN_SIDE <= s <= _MAX_SIDE for s in sides)
    ):
        raise TrainingError(
            f"image_dims is {tuple(image_dims)}: give (3, height, width), height and width from "
            f"{_MIN_SIDE} to {_MAX_SIDE}."
        )
    return 3, sides[0], sides[1]


def _checked_class_map(names: list[str], class_map: Mapping[int, str] | None) -> dict[int, str]:
    if not names or len(set(names)) != len(names):
        raise TrainingError(f"The labels {names} are not one or more different classes.")
    by_number = dict(sorted((class_map or dict(enumerate(names))).items()))
    if list(by_number) != list(range(len(names))) or set(by_number.values()) != set(names):
        raise TrainingError(
            f"class_map is {class_map}: give each of {', '.join(names)} one number from 0 to "
            f"{len(names) - 1}."
        )
    return by_number
