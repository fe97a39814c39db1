"""The training of a network: epochs of minibatches, with a checkpoint after each epoch."""

from __future__ import annotations

import hashlib
import json
import logging
import math
import operator
import os
import time
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

from ..backends.base import Network, Precision, Trainable
from ..data import ClassificationDataset, Label
from ..errors import TrainingError
from ..scoring import Preprocessing, decode_ahead
from .base import training_rows
from .checkpoint import Checkpoint, Weights, fingerprint
from .run import EpochRecord, Keep, TrainingRun, kept_epoch

__all__ = ["LEARNING_RATE", "PhotoSet", "TrainingSettings", "configuration_key", "train_network"]

_log = logging.getLogger(__name__)

# The article's learning rate per minibatch, one value an epoch.
LEARNING_RATE = (0.05,) * 7 + (0.005,) * 7 + (0.0005,)
MOMENTUM = 0.9
L2 = 5e-4

_Minibatches = Generator[tuple[NDArray[np.float32], NDArray[np.int64]], None, None]


@dataclass(frozen=True)
class TrainingSettings:
    """How to train; see `TransferLearningModel.train`."""

    learning_rates: tuple[float, ...]
    batch_size: int
    trainable: Trainable
    precision: Precision
    seed: int
    keep: Keep

    @classmethod
    def create(
        cls,
        learning_rate: float | Sequence[float],
        batch_size: int,
        num_epochs: int | None,
        trainable: Trainable,
        precision: Precision,
        seed: int,
        keep: Keep,
    ) -> TrainingSettings:
        """Check what a user gave; the last learning rate goes on when there are more epochs.

        Raises
        ------
        TrainingError
            If a value is out of range; the message names it.
        """
        try:
            rates = np.asarray(learning_rate, dtype=float)
        except (TypeError, ValueError):
            rates = np.array([])
        if rates.ndim > 1 or rates.size == 0 or not (np.isfinite(rates) & (rates >= 0)).all():
            raise TrainingError(
                f"learning_rate is {learning_rate!r}: give one number of 0 or more, or one for "
                "each epoch."
            )
        by_epoch = rates.ravel().tolist()
        epochs = len(by_epoch)
        if num_epochs is not None:
            epochs = _whole_number("num_epochs", num_epochs, 1)
        if trainable not in ("all", "head"):
            raise TrainingError(f"trainable is {trainable!r}: choose 'all' or 'head'.")
        if precision not in ("fp32", "bf16"):
            raise TrainingError(f"precision is {precision!r}: choose 'fp32' or 'bf16'.")
        if keep not in ("best", "last"):
            raise TrainingError(f"keep is {keep!r}: choose 'best' or 'last'.")
        return cls(
            tuple((by_epoch + by_epoch[-1:] * epochs)[:epochs]),
            _whole_number("batch_size", batch_size, 1),
            trainable,
            precision,
            _whole_number("seed", seed, 0),
            keep,
        )


def _whole_number(name: str, value: Any, least: int) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        number = least - 1
    if number < least:
        raise TrainingError(f"{name} is {value!r}: give a whole number of at least {least}.")
    return number


class PhotoSet:
    """The labelled photos of a dataset as minibatches of tensors.

    Parameters
    ----------
    dataset : ClassificationDataset
        Photos without a label are not used.
    labels : sequence of Label
        The classes in the order of the network's outputs.
    preprocessing : Preprocessing
        From file to tensor.
    purpose : str
        ``"training"`` or ``"evaluation"``, for messages.

    Raises
    ------
    TrainingError
        If no photo has a label, or one has a label that is not among `labels`.
    """

    def __init__(
        self,
        dataset: ClassificationDataset,
        labels: Sequence[Label],
        preprocessing: Preprocessing,
        purpose: str,
    ) -> None:
        self._dataset = dataset
        self._preprocessing = preprocessing
        self._purpose = purpose
        self._rows, self._columns = training_rows(dataset, labels, purpose)
        unlabelled = len(dataset) - len(self._rows)
        if unlabelled:
            _log.warning("%d photos of the %s set have no label: not used", unlabelled, purpose)

    def __len__(self) -> int:
        return len(self._rows)

    def require_two_classes(self) -> None:
        """Raise a `TrainingError` if there is nothing to tell apart."""
        if len(np.unique(self._columns)) < 2:
            raise TrainingError(
                f"All photos of the {self._purpose} set that can be used are of one class: there "
                "is nothing to tell apart. Train on photos of at least two classes."
            )

    def fingerprint(self) -> str:
        """The same for the same files, of the same sizes, labels and preprocessing, in order."""
        digest = hashlib.sha256(json.dumps(self._preprocessing.to_dict()).encode())
        digest.update(self._columns.tobytes())
        for row in self._rows:
            path = self._dataset.paths[int(row)]
            digest.update(f"{path}\0{_size(path)}\0".encode("utf-8", "surrogateescape"))
        return digest.hexdigest()

    def batches(
        self, batch_size: int, order: NDArray[np.intp] | None = None
    ) -> tuple[int, _Minibatches]:
        """How many minibatches there are, and the minibatches.

        Photos that cannot be read are left out from then on, and listed in the dataset's problems.

        Parameters
        ----------
        batch_size : int
            Photos in a minibatch at most; all minibatches are of about the same size, because a
            last one of a photo or two would disturb the statistics of batch normalization.
        order : ndarray of int, optional
            A permutation of the photos.

        Returns
        -------
        count : int
        batches : generator of (images, columns)
            float32 of shape (b, 3, H, W) and int64 of shape (b,). Close it to stop early.
        """
        order = np.arange(len(self)) if order is None else order
        count = math.ceil(len(order) / batch_size)
        return count, self._decoded(np.array_split(order, count))

    def _decoded(self, chunks: list[NDArray[np.intp]]) -> _Minibatches:
        rows, columns = self._rows, self._columns
        paths = ([self._dataset.paths[int(row)] for row in rows[chunk]] for chunk in chunks)
        lost: dict[int, str] = {}
        with closing(decode_ahead(paths, self._preprocessing)) as decoded:
            for chunk, batch in zip(chunks, decoded, strict=True):
                lost |= {int(rows[chunk[i]]): reason for i, reason in batch.problems.items()}
                good = [i for i in range(len(chunk)) if i not in batch.problems]
                if good:
                    yield batch.images[good], columns[chunk[good]]
        if lost:
            self._dataset.leave_out(lost)
            keep = ~np.isin(rows, list(lost))
            self._rows, self._columns = rows[keep], columns[keep]
            if len(self) == 0:
                raise TrainingError(
                    f"No photo of the {self._purpose} set can be read any more; "
                    "dataset.problems says why."
                )


def _size(path: str) -> int | None:
    try:
        return os.stat(path).st_size  # noqa: PTH116 - a Path costs more than the call
    except OSError:
        return None


def train_network(
    run: TrainingRun,
    network: Network,
    train_set: PhotoSet,
    eval_set: PhotoSet | None,
    settings: TrainingSettings,
    checkpoint_file: Path,
    saved: Checkpoint | None = None,
) -> None:
    """Train `network` as `settings` say, telling `run`; the work of a `TrainingRun`.

    It goes on from `saved` if there is one, whose history is that of `run`. However it ends, the
    network then has the weights of the epoch ``run.kept``, or those from before if no epoch is
    done.

    Raises
    ------
    TrainingError
        If the training diverges, or its photos cannot be read any more.
    StorageError
        If the checkpoint cannot be written.
    """
    kept_weights = network.get_weights() if saved is None else saved.kept_weights
    try:
        network.start_training(
            trainable=settings.trainable,
            momentum=MOMENTUM,
            l2=L2,
            precision=settings.precision,
            seed=settings.seed,
        )
        if saved is not None:
            network.set_weights(saved.weights)
            network.set_optimizer_state(saved.momentum)
        for epoch in range(len(run.history) + 1, run.epochs + 1):
            record, weights = _train_epoch(run, network, train_set, eval_set, settings, epoch)
            history = [*run.history, record]
            kept = weights if kept_epoch(history, run.keep) is record else kept_weights
            momentum = network.get_optimizer_state()
            Checkpoint(history, weights, momentum, kept).save(checkpoint_file)
            # Only an epoch whose checkpoint is on disk counts: in the history and in the weights.
            kept_weights = kept
            run.add_epoch(record)
            run.check_stop()
    finally:
        network.set_weights(kept_weights)


def _train_epoch(
    run: TrainingRun,
    network: Network,
    train_set: PhotoSet,
    eval_set: PhotoSet | None,
    settings: TrainingSettings,
    epoch: int,
) -> tuple[EpochRecord, Weights]:
    learning_rate = settings.learning_rates[epoch - 1]
    train_set.require_two_classes()
    order = np.random.default_rng((settings.seed, epoch)).permutation(len(train_set))
    network.start_epoch(epoch)
    count, batches = train_set.batches(settings.batch_size, order)
    samples, loss_sum, wrong, paused = 0, 0.0, 0, 0.0
    started = time.perf_counter()
    with closing(batches):
        for done, (images, columns) in enumerate(batches, start=1):
            before = time.perf_counter()
            run.check_stop()
            paused += time.perf_counter() - before
            loss, logits = network.train_batch(images, columns, learning_rate)
            if not math.isfinite(loss):
                raise _diverged(run, epoch, learning_rate)
            loss = max(loss, 0.0)  # rounding can take the logarithm of a probability above 0
            samples += len(columns)
            loss_sum += loss * len(columns)
            wrong += int((logits.argmax(axis=1) != columns).sum())
            run.add_batch(done, count, loss)
    seconds = time.perf_counter() - started - paused
    weights = network.get_weights()
    eval_samples, eval_error, eval_loss = 0, None, None
    if eval_set is not None:
        eval_samples, eval_error, eval_loss = _evaluate(run, network, eval_set, settings.batch_size)
    # The loss is from before each step, so what the last one did is not known yet.
    after = (*weights.values(), network.predict(images), np.array(eval_loss or 0.0))
    if not all(np.isfinite(values).all() for values in after):
        raise _diverged(run, epoch, learning_rate)
    record = EpochRecord(
        epoch=epoch,
        epochs=run.epochs,
        loss=loss_sum / samples,
        train_error=wrong / samples,
        eval_error=eval_error,
        eval_loss=eval_loss,
        learning_rate=learning_rate,
        samples=samples,
        eval_samples=eval_samples,
        seconds=seconds,
    )
    return record, weights


def _diverged(run: TrainingRun, epoch: int, learning_rate: float) -> TrainingError:
    kept = f"of epoch {run.kept.epoch}" if run.kept else "from before the training"
    return TrainingError(
        f"Training diverged in epoch {epoch}: at the learning rate {learning_rate} the loss is not "
        f"a number any more. Try a tenth of it (learning_rate). The weights are those {kept}."
    )


def _evaluate(
    run: TrainingRun, network: Network, eval_set: PhotoSet, batch_size: int
) -> tuple[int, float, float]:
    """Number of photos, share of wrong ones among them, and their mean cross-entropy."""
    count, wrong, loss = 0, 0, 0.0
    batches = eval_set.batches(batch_size)[1]
    # Logits that are infinite make a loss that is no number, which the caller looks at.
    with closing(batches), np.errstate(invalid="ignore"):
        for images, columns in batches:
            run.check_stop()
            logits = network.predict(images)
            count += len(columns)
            wrong += int((logits.argmax(axis=1) != columns).sum())
            logarithms = log_softmax(logits, axis=1)[np.arange(len(columns)), columns]
            loss -= float(logarithms.sum(dtype=np.float64))
    return count, wrong / count, loss / count


def configuration_key(
    settings: TrainingSettings, train_set: PhotoSet, eval_set: PhotoSet | None, start: Weights
) -> str:
    """The same for trainings that go the same way; names the checkpoint file.

    Parameters
    ----------
    start : mapping of str to ndarray
        Weights before the training.
    """
    sets = [photos and photos.fingerprint() for photos in (train_set, eval_set)]
    parts = json.dumps([asdict(settings), sets, fingerprint(start)])
    return hashlib.sha256(parts.encode()).hexdigest()[:16]
