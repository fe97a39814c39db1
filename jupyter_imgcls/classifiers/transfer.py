"""A pretrained network with a head for the user's classes."""

from __future__ import annotations

import copy
import logging
import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..backends import get_backend
from ..backends.base import BaseModel, ImageDims, Network, Precision, Trainable
from ..backends.base_models import get_base_model
from ..context import Context
from ..data import ClassificationDataset, Label
from ..errors import ArtifactError, TrainingError
from ..files import safe_name
from ..progress import Progress
from ..scoring import Output, Photos, Preprocessing
from .arguments import checked_class_map, checked_dims, strings
from .artifact import Artifact
from .base import Classifier, softmax
from .checkpoint import Checkpoint
from .listeners import EpochLogger, TensorBoardWriter, follow
from .run import EpochRecord, Stopped, TrainingListener, TrainingRun
from .snapshot import Snapshot
from .training import LR_PER_MB, PhotoSet, TrainingSettings, configuration_key, train_network

__all__ = ["TransferLearningModel"]

_log = logging.getLogger(__name__)


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
        Which class has which column of the scores, from 0; default: the order of `labels`.
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
        The epochs of the last training; while one is under way, of the one before.

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
        super().__init__(checked_class_map(labels, class_map))
        self.base_model: BaseModel = get_base_model(base_model)
        self.image_dims = checked_dims(image_dims)
        self.history: list[EpochRecord] = []
        self._preprocessing = Preprocessing.for_base_model(self.base_model, self.image_dims)
        self._backend = backend
        self._device = context
        # The network belongs to the training's thread while there is one; there is a snapshot then.
        self._network: Network | None = self._build(
            "pretrained" if weights is None else Path(weights), seed
        )
        self._snapshot: Snapshot | None = None
        self._lock = threading.Lock()
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

        After each epoch a checkpoint is written under the context's ``outputs_path``, and at the
        end the model itself as ``model_trained/<dataset>-<base model>.model``. The network then has
        the weights of the last epoch; if the training was stopped or failed, those of the best one,
        or of before if no epoch was done. Until the end, scores are those of before.

        An interruption (Ctrl-C, the notebook's stop button) stops the training like
        `TrainingRun.stop`.

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
            If the data or settings do not allow training, the training diverges, or the model is
            being trained already. The model stays usable.
        StorageError
            If a file cannot be written. The model stays usable.
        """
        if self._run is not None and self._run.state in ("running", "paused", "stopping"):
            raise TrainingError("This model is being trained: wait for it, or stop that training.")
        settings = TrainingSettings.create(
            lr_per_mb, mb_size, num_epochs, trainable, precision, seed
        )
        photos = PhotoSet(train_set, self.labels, self._preprocessing, "training")
        photos.require_two_classes()
        evaluation = None
        if eval_dataset is not None:
            evaluation = PhotoSet(eval_dataset, self.labels, self._preprocessing, "evaluation")
        start = self._get_snapshot()
        network = self._get_network()
        outputs = Context.get_global_context().storage.outputs_path
        key = configuration_key(settings, photos, evaluation, start.weights)
        checkpoint = outputs / "checkpoints" / f"{self.base_model.name}-{key}.safetensors"
        saved = Checkpoint.find(checkpoint) if resume else None
        listeners = list(callbacks)
        if tensorboard_logdir is not None:
            listeners.append(TensorBoardWriter(tensorboard_logdir))
        if background:
            listeners.append(EpochLogger())
        name = f"{safe_name(train_set.name)}-{self.base_model.name}.model"
        trained_file = outputs / "model_trained" / name

        def work(run: TrainingRun) -> None:
            try:
                try:
                    train_network(run, network, photos, evaluation, settings, checkpoint, saved)
                finally:
                    self._adopt(run.history)
            except Stopped:
                self._save(trained_file)
                raise
            self._save(trained_file)
            checkpoint.unlink(missing_ok=True)

        self._run = TrainingRun(work, len(settings.learning_rates), saved.history if saved else ())
        for listener in listeners:
            self._run.add_listener(listener)
        if background:
            self._run.start()
        else:
            follow(self._run, progress)
        return self._run

    def _adopt(self, history: list[EpochRecord]) -> None:
        """Score with the network as it is from now on, unless no epoch changed it."""
        if history:
            with self._lock:
                self.history, self._snapshot = history, None

    def _save(self, file: Path) -> None:
        if self.history:
            _log.info("Saved the model as %s", self.serialize(file))

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
        self, source: Photos, batch_size: int = 32, progress: Progress = False
    ) -> NDArray[np.float32]:
        """Probability (softmax of the network's logits) of each class; see `Classifier.score`."""
        return softmax(self._infer(source, "logits", batch_size, progress))

    def featurize(
        self, source: Photos, batch_size: int = 32, progress: Progress = False
    ) -> NDArray[np.float32]:
        """The features under the head, float32 of shape (n, base_model.feature_size).

        Parameters, and what happens to a photo that cannot be read, are as in `score`.
        """
        return self._infer(source, "features", batch_size, progress)

    @property
    def preprocessing(self) -> Preprocessing:
        """See `Classifier.preprocessing`."""
        return self._preprocessing

    def raw_scores(
        self, images: NDArray[np.float32], output: Output = "logits"
    ) -> NDArray[np.float32]:
        """The network's logits, or features, of prepared photos; see `Classifier.raw_scores`."""
        return self._get_snapshot().scorer.run_arrays(images, output)

    def with_threads(self, threads: int) -> TransferLearningModel:
        """See `Classifier.with_threads`."""
        other = self.copy()
        other._snapshot = other._get_snapshot().with_threads(threads)
        return other

    def _infer(
        self, source: Photos, output: Output, batch_size: int, progress: Progress
    ) -> NDArray[np.float32]:
        result = self._get_snapshot().scorer.run(source, output, batch_size, progress)
        if isinstance(source, ClassificationDataset):
            source.leave_out(result.problems)
        return result.values

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
        snapshot = self._get_snapshot()
        manifest = {
            "base_model": self.base_model.name,
            "image_dims": list(self.image_dims),
            "backend": self._backend,
            "class_map": list(self.class_map.values()),
            "preprocessing": self._preprocessing.to_dict(),
            "history": [record.to_dict() for record in snapshot.history],
        }
        return Artifact(self.kind, manifest, snapshot.to_entries())

    @classmethod
    def from_artifact(cls, artifact: Artifact) -> TransferLearningModel:
        """The model that an artifact holds; see `deserialize`."""
        manifest = artifact.manifest
        model = cls.__new__(cls)
        try:
            Classifier.__init__(model, checked_class_map(strings(manifest["class_map"])))
            model.base_model = get_base_model(*strings([manifest["base_model"]]))
            model.image_dims = checked_dims(manifest["image_dims"])
            model.history = [EpochRecord.from_dict(record) for record in manifest["history"]]
            (model._backend,) = strings([manifest["backend"]])
            model._preprocessing = Preprocessing.from_dict(manifest["preprocessing"])
            if model.image_dims[1:] != (model._preprocessing.height, model._preprocessing.width):
                raise ValueError("two sizes of photos")
        except (KeyError, TypeError, ValueError, TrainingError) as error:
            raise ArtifactError(
                f"The saved classifier is damaged: its manifest is not valid ({error})."
            ) from error
        model._device, model._network, model._run = "auto", None, None
        model._lock = threading.Lock()
        model._snapshot = Snapshot.from_artifact(
            artifact, model._preprocessing, model.history, len(model.class_map)
        )
        return model

    # -- inside ---------------------------------------------------------------------------------

    def copy(self) -> TransferLearningModel:
        """A model as this one is now, which does not change when this one is trained."""
        snapshot = self._get_snapshot()
        other = copy.copy(self)
        other.history = snapshot.history
        other._network, other._run = None, None
        other._lock = threading.Lock()
        other._snapshot = snapshot
        return other

    def _get_snapshot(self) -> Snapshot:
        with self._lock:
            if self._snapshot is None:
                assert self._network is not None
                self._snapshot = Snapshot.of(self._network, self._preprocessing, self.history)
            return self._snapshot

    def _get_network(self) -> Network:
        """The network in the training framework; built again after `deserialize` and `copy`."""
        if self._network is None:
            network = self._build("random", seed=0)
            network.set_weights(self._get_snapshot().weights)
            self._network = network
        return self._network

    def _build(self, weights: Path | Literal["pretrained", "random"], seed: int) -> Network:
        return get_backend(self._backend).build(
            self.base_model,
            len(self.class_map),
            self.image_dims,
            weights=weights,
            device=self._device,
            seed=seed,
        )

    def __repr__(self) -> str:
        trained = f", trained for {len(self.history)} epochs" if self.history else ""
        return (
            f"<{type(self).__name__} {self.base_model.name} {self.image_dims}: "
            f"{', '.join(self.class_map.values())}{trained}>"
        )
