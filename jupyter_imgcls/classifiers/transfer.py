"""A pretrained network with a head for the user's classes."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..backends import BACKENDS, get_backend
from ..backends.base import BaseModel, ImageDims, Network, Precision, Trainable
from ..backends.base_models import get_base_model
from ..backends.onnx.network import OnnxNetwork
from ..context import Context
from ..data import ClassificationDataset, Label
from ..errors import ArtifactError, BackendUnavailableError, TrainingError
from ..files import safe_name
from ..progress import Progress
from ..scoring import Output, Photos, Preprocessing
from ..text import counted
from ..validation import validated
from .arguments import checked_class_map, checked_dims
from .artifact import Artifact
from .base import Classifier, softmax
from .checkpoint import Checkpoint
from .listeners import EpochLogger, TensorBoardWriter, follow
from .run import EpochRecord, Keep, Stopped, TrainingListener, TrainingRun, kept_epoch
from .snapshot import Snapshot
from .training import LEARNING_RATE, PhotoSet, TrainingSettings, configuration_key, train_network

__all__ = ["TransferLearningModel"]

_log = logging.getLogger(__name__)


_Model = TypeVar("_Model", bound="TransferLearningModel")


@dataclass(frozen=True)
class _Manifest:
    """What a saved model says of itself."""

    base_model: str
    image_dims: tuple[int, int, int]
    backend: str
    class_map: list[str]
    preprocessing: dict[str, Any]
    history: list[EpochRecord]
    keep: Keep = "last"  # as files did that do not say it


@dataclass
class _State:
    """All that a model is and has, apart from its classes.

    While a training runs, `network` belongs to its thread, and `snapshot` is what scores.
    """

    base_model: BaseModel
    image_dims: ImageDims
    preprocessing: Preprocessing
    backend: str
    device: str = "auto"
    trained_in: str = "onnx"
    history: list[EpochRecord] = field(default_factory=list)
    keep: Keep = "best"
    network: Network | None = None
    snapshot: Snapshot | None = None
    run: TrainingRun | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


class TransferLearningModel(Classifier):
    """A base model, pretrained on ImageNet, to be refined on the user's classes.

    Refining runs in a framework (the backend). Scoring, featurizing and training the head alone
    run in ONNX Runtime and NumPy; EfficientNet-Lite0 and saved models need no framework for them.

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
        The training framework: ``"gluon"`` (MXNet Gluon), ``"torch"`` (PyTorch), or ``"auto"``, the
        first of them that loads here when it is needed. ``"onnx"`` is none: it trains the head
        alone.
    weights : str or Path, optional
        File with the base model's weights; default: those published for it.
    class_map : mapping of int to str, optional
        Which class has which column of the scores, from 0; default: the order of `labels`.
    device : str
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
        If there is no such base model, or the backend or the weights do not load.
    TrainingError
        If `labels`, `image_dims` or `class_map` are not as described.
    """

    def __init__(
        self,
        labels: Sequence[Label | str],
        base_model: str = "efficientnet_lite0",
        image_dims: ImageDims = (3, 224, 224),
        backend: str = "auto",
        weights: str | os.PathLike[str] | None = None,
        class_map: Mapping[int, str] | None = None,
        *,
        device: str = "auto",
        seed: int = 0,
    ) -> None:
        super().__init__(checked_class_map(labels, class_map))
        known, dims = get_base_model(base_model), checked_dims(image_dims)
        self._state = _State(
            known, dims, Preprocessing.for_base_model(known, dims), backend, device
        )
        # The one that needs no framework until it is refined.
        first = "onnx" if backend == "auto" and known.name == "efficientnet_lite0" else backend
        self._state.network = self._build(
            first, "pretrained" if weights is None else Path(weights), seed
        )

    @classmethod
    def _of(cls: type[_Model], class_map: Mapping[int, str], state: _State) -> _Model:
        model = cls.__new__(cls)
        Classifier.__init__(model, class_map)
        model._state = state
        return model

    @property
    def base_model(self) -> BaseModel:
        """What is known of the base model."""
        return self._state.base_model

    @property
    def image_dims(self) -> ImageDims:
        """(3, H, W): the size in pixels to which photos are brought."""
        return self._state.image_dims

    @property
    def history(self) -> list[EpochRecord]:
        """The epochs of the last training; during a training those of the one before."""
        return self._state.history

    @property
    def kept(self) -> EpochRecord | None:
        """The epoch of `history` whose weights the network has; None if it was not trained."""
        return kept_epoch(self._state.history, self._state.keep)

    # -- training -------------------------------------------------------------------------------

    def train(
        self,
        train_set: ClassificationDataset,
        learning_rate: float | Sequence[float] = LEARNING_RATE,
        batch_size: int = 32,
        num_epochs: int | None = None,
        eval_dataset: ClassificationDataset | None = None,
        tensorboard_logdir: str | os.PathLike[str] | None = None,
        callbacks: Sequence[TrainingListener] = (),
        background: bool = False,
        trainable: Trainable | Literal["auto"] = "auto",
        precision: Precision = "fp32",
        *,
        resume: bool = False,
        seed: int = 0,
        keep: Keep = "best",
        progress: bool = True,
    ) -> TrainingRun:
        """Refine the network by stochastic gradient descent (momentum 0.9, L2 5e-4).

        After each epoch a checkpoint is written under the context's ``outputs_path``, and at the
        end the model itself as ``model_trained/<dataset>-<base model>.model``. The network then has
        the weights of the epoch that `keep` says, even if the training was stopped or failed, or of
        before if no epoch was done. Until the end, scores are those of before.

        An interruption (Ctrl-C, the notebook's stop button) stops the training like
        `TrainingRun.stop`.

        Parameters
        ----------
        train_set : ClassificationDataset
            Photos of at least two of the model's classes. Photos without a label are not used; of
            several labels the first is.
        learning_rate : float or sequence of float
            Learning rate per minibatch, one or one an epoch; the last one goes on.
        batch_size : int
            Photos in a minibatch at most.
        num_epochs : int, optional
            Default: as many as learning rates.
        eval_dataset : ClassificationDataset, optional
            Photos to evaluate on after each epoch. They choose the best epoch; so its accuracy on
            them is a little too high. For an unbiased one, score photos that chose nothing.
        tensorboard_logdir : str or Path, optional
            Folder to write TensorBoard events to.
        callbacks : sequence of TrainingListener
            Are told of minibatches and epochs.
        background : bool
            Whether to return at once, and train beside what comes next.
        trainable : {"auto", "all", "head"}
            What to train: the whole network, or the head alone, which is faster and needs no
            training framework. ``"auto"`` is the whole network where a framework loads, otherwise
            the head alone; the log then says so.
        precision : {"fp32", "bf16"}
            Arithmetic; bf16 needs hardware for it to be faster.
        resume : bool
            Whether to go on from the checkpoint of a training with the same data and settings that
            was cut off; it then comes to what the uninterrupted training would have come to.
        seed : int
            For the order of the photos, and for dropout.
        keep : {"best", "last"}
            Which epoch's weights the network gets: ``"best"`` is the epoch with the lowest
            evaluation error, or training error without `eval_dataset`; of equal ones that with the
            lowest loss.
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
        BackendUnavailableError
            If the whole network is to be trained and no training framework loads here.
        StorageError
            If a file cannot be written. The model stays usable.
        """
        last = self._state.run
        if last is not None and last.state in ("running", "paused", "stopping"):
            raise TrainingError("This model is being trained: wait for it, or stop that training.")
        if trainable == "auto":
            trainable = self._what_can_be_trained()
        settings = TrainingSettings.create(
            learning_rate, batch_size, num_epochs, trainable, precision, seed, keep
        )
        preprocessing = self._state.preprocessing
        photos = PhotoSet(train_set, self.labels, preprocessing, "training")
        photos.require_two_classes()
        evaluation = None
        if eval_dataset is not None:
            evaluation = PhotoSet(eval_dataset, self.labels, preprocessing, "evaluation")
        start = self._get_snapshot()
        network = self._get_network(trainable)
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
                    self._adopt(run)
            except Stopped:
                self._save(trained_file)
                raise
            self._save(trained_file)
            checkpoint.unlink(missing_ok=True)

        done = saved.history if saved else ()
        run = TrainingRun(work, len(settings.learning_rates), done, keep)
        self._state.run = run
        for listener in listeners:
            run.add_listener(listener)
        if background:
            run.start()
        else:
            follow(run, progress)
        return run

    def _what_can_be_trained(self) -> Trainable:
        backend = self._state.backend
        try:
            return "head" if get_backend(backend).name == "onnx" else "all"
        except BackendUnavailableError as error:
            if backend != "auto":
                raise
            _log.warning("Only the head of the network is trained. %s", error)
            return "head"

    def _adopt(self, run: TrainingRun) -> None:
        """Score with the network as it is from now on, unless no epoch changed it."""
        if run.history:
            state = self._state
            with state.lock:
                state.history, state.keep, state.snapshot = run.history, run.keep, None

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
        return self._state.preprocessing

    def raw_scores(
        self, images: NDArray[np.float32], output: Output = "logits"
    ) -> NDArray[np.float32]:
        """The network's logits, or features, of prepared photos; see `Classifier.raw_scores`."""
        return self._get_snapshot().scorer.run_arrays(images, output)

    def with_threads(self, threads: int) -> TransferLearningModel:
        """See `Classifier.with_threads`."""
        other = self.copy()
        other._state.snapshot = other._get_snapshot().with_threads(threads)
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

    kind = "network"

    def to_artifact(self) -> Artifact:
        """What `serialize` writes."""
        snapshot = self._get_snapshot()
        manifest = {
            "base_model": self.base_model.name,
            "image_dims": list(self.image_dims),
            "backend": self._state.trained_in,
            "class_map": list(self.class_map.values()),
            "preprocessing": self._state.preprocessing.to_dict(),
            "history": [record.to_dict() for record in snapshot.history],
            "keep": snapshot.keep,
        }
        return Artifact(self.kind, manifest, snapshot.to_entries())

    @classmethod
    def from_artifact(cls, artifact: Artifact) -> TransferLearningModel:
        """The model that an artifact holds; see `deserialize`."""
        try:
            saved = validated(_Manifest, dict(artifact.manifest))
            if saved.backend not in BACKENDS:
                raise ValueError(
                    f"there is no backend {saved.backend!r}; backends: {', '.join(BACKENDS)}"
                )
            class_map = checked_class_map(saved.class_map)
            state = _State(
                get_base_model(saved.base_model),
                checked_dims(saved.image_dims),
                Preprocessing.from_dict(saved.preprocessing),
                backend="auto",
                trained_in=saved.backend,
                history=saved.history,
                keep=saved.keep,
            )
            if state.image_dims[1:] != (state.preprocessing.height, state.preprocessing.width):
                raise ValueError("two sizes of photos")
        except (ValueError, TrainingError) as error:
            raise ArtifactError(
                f"The saved classifier is damaged: its manifest is not valid ({error})."
            ) from error
        state.snapshot = Snapshot.from_artifact(
            artifact, state.preprocessing, state.history, state.keep, len(class_map)
        )
        return cls._of(class_map, state)

    # -- inside ---------------------------------------------------------------------------------

    def copy(self) -> TransferLearningModel:
        """A model as this one is now, which does not change when this one is trained."""
        snapshot = self._get_snapshot()
        return self._of(
            self.class_map,
            replace(
                self._state,
                history=snapshot.history,
                keep=snapshot.keep,
                network=None,
                snapshot=snapshot,
                run=None,
                lock=threading.Lock(),
            ),
        )

    def _get_snapshot(self) -> Snapshot:
        state = self._state
        with state.lock:
            if state.snapshot is None:
                assert state.network is not None
                state.snapshot = Snapshot.of(
                    state.network, state.preprocessing, state.history, state.keep
                )
            return state.snapshot

    def _get_network(self, trainable: Trainable) -> Network:
        """The network where it is trained; built again after `deserialize` and `copy`."""
        state, snapshot = self._state, self._get_snapshot()
        needs_framework = trainable == "all" and state.backend == "auto"
        if state.network is None or (needs_framework and isinstance(state.network, OnnxNetwork)):
            if state.backend == "onnx" or (state.backend == "auto" and not needs_framework):
                state.network = OnnxNetwork(state.base_model, snapshot.onnx, snapshot.weights)
            else:
                network = self._build(state.backend, "random", seed=0)
                network.set_weights(snapshot.weights)
                state.network = network
        return state.network

    def _build(
        self, backend: str, weights: Path | Literal["pretrained", "random"], seed: int
    ) -> Network:
        state, framework = self._state, get_backend(backend)
        state.trained_in = framework.name
        return framework.build(
            state.base_model,
            len(self.class_map),
            state.image_dims,
            weights=weights,
            device=state.device,
            seed=seed,
        )

    def __repr__(self) -> str:
        trained = ""
        if self.kept is not None:
            epochs = counted(len(self.history), "epoch")
            trained = f", trained for {epochs}, epoch {self.kept.epoch} kept"
        return (
            f"<{type(self).__name__} {self.base_model.name} {self.image_dims}: "
            f"{', '.join(self.class_map.values())}{trained}>"
        )
