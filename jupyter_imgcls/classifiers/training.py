"""The training of a network: epochs of minibatches, with a checkpoint after each epoch."""

from __future__ import annotations

import hashlib
import json
import logging
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..backends.base import Network, Precision, Trainable
from ..data import ClassificationDataset, Label
from ..errors import TrainingError
from ..scoring import Preprocessing, decode_ahead
from .base import softmax, training_rows
from .checkpoint import Checkpoint
from .run import EpochRecord, TrainingRun

__all__ = ["LR_PER_MB", "PhotoSet", "TrainingSettings", "train_network"]

_log = logging.getLogger(__name__)

# The article's learning rate per minibatch, one value an epoch.
LR_PER_MB = (0.05,) * 7 + (0.005,) * 7 + (0.0005,)
MOMENTUM = 0.9
L2 = 5e-4

Weights = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True)
class TrainingSettings:
    """How to train; see `TransferLearningModel.train`."""

    learning_rates: tuple[float, ...]
    mb_size: int
    trainable: Trainable
    precision: Precision
    seed: int

    @classmethod
    def create(
        cls,
        lr_per_mb: float | Sequence[float],
        mb_size: int,
        num_epochs: int | None,
        trainable: Trainable,
        precision: Precision,
        seed: int,
    ) -> TrainingSettings:
        """Check what a user gave; the last learning rate goes on when there are more epochs."""
        rates = [lr_per_mb] if isinstance(lr_per_mb, float | int) else list(lr_per_mb)
        epochs = len(rates) if num_epochs is None else num_epochs
        if not rates or not all(math.isfinite(rate) and rate >= 0 for rate in rates):
            raise TrainingError(
                f"lr_per_mb is {lr_per_mb}: give one learning rate of 0 or more, or one an epoch."
            )
        if epochs < 1:
            raise TrainingError(f"num_epochs is {num_epochs}: train for at least one epoch.")
        if mb_size < 1:
            raise TrainingError(f"mb_size is {mb_size}: a minibatch needs at least one photo.")
        if trainable not in ("all", "head"):
            raise TrainingError(f"trainable is {trainable!r}: choose 'all' or 'head'.")
        if precision not in ("fp32", "bf16"):
            raise TrainingError(f"precision is {precision!r}: choose 'fp32' or 'bf16'.")
        rates = (rates + rates[-1:] * epochs)[:epochs]
        return cls(tuple(map(float, rates)), mb_size, trainable, precision, seed)


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
            _log.warning("%d photos of the %s set have no label", unlabelled, purpose)

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def classes(self) -> int:
        """Number of classes that have photos."""
        return len(np.unique(self._columns))

    def fingerprint(self) -> str:
        """The same for the same photos and labels, in the same order."""
        digest = hashlib.sha256(self._columns.tobytes())
        for row in self._rows:
            digest.update(self._dataset.paths[int(row)].encode("utf-8", "surrogateescape") + b"\0")
        return digest.hexdigest()

    def batches(
        self, mb_size: int, order: NDArray[np.intp] | None = None
    ) -> tuple[int, Iterator[tuple[NDArray[np.float32], NDArray[np.int64]]]]:
        """How many minibatches there are, and the minibatches.

        Photos that cannot be read are left out from then on, and listed in the dataset's problems.

        Parameters
        ----------
        mb_size : int
            Photos in a minibatch at most; all minibatches are of about the same size, because a
            last one of a photo or two would disturb the statistics of batch normalization.
        order : ndarray of int, optional
            A permutation of the photos.

        Returns
        -------
        count : int
        batches : iterator of (images, columns)
            float32 of shape (b, 3, H, W) and int64 of shape (b,).
        """
        order = np.arange(len(self)) if order is None else order
        count = math.ceil(len(order) / mb_size)
        return count, self._decoded(np.array_split(order, count))

    def _decoded(
        self, chunks: list[NDArray[np.intp]]
    ) -> Iterator[tuple[NDArray[np.float32], NDArray[np.int64]]]:
        paths = [[self._dataset.paths[int(row)] for row in self._rows[chunk]] for chunk in chunks]
        columns = [self._columns[chunk] for chunk in chunks]
        rows = [self._rows[chunk] for chunk in chunks]
        lost: dict[int, str] = {}
        for batch, photos, column, row in zip(
            decode_ahead(paths, self._preprocessing), paths, columns, rows, strict=True
        ):
            lost |= {int(row[i]): reason for i, reason in batch.problems.items()}
            if len(batch.problems) < len(photos):
                good = [i for i in range(len(photos)) if i not in batch.problems]
                yield batch.images[good], column[good]
        if lost:
            self._dataset.leave_out(lost)
            keep = ~np.isin(self._rows, list(lost))
            self._rows, self._columns = self._rows[keep], self._columns[keep]
            if len(self) == 0:
                raise TrainingError(
                    f"No photo of the {self._purpose} set can be read any more; "
                    "dataset.problems says why."
                )


def train_network(
    run: TrainingRun,
    network: Network,
    train_set: PhotoSet,
    eval_set: PhotoSet | None,
    settings: TrainingSettings,
    checkpoint_file: Path,
) -> None:
    """Train `network` as `settings` say, telling `run`; the work of a `TrainingRun`.

    It goes on from the checkpoint if `run` has a history. A run that is stopped leaves the weights
    of its best epoch in the network, one that fails too.

    Raises
    ------
    TrainingError
        If the loss is not a number any more, or no photo can be read.
    """
    network.start_training(
        trainable=settings.trainable,
        momentum=MOMENTUM,
        l2=L2,
        precision=settings.precision,
        seed=settings.seed,
    )
    best_weights: Weights = network.get_weights()
    if run.history:
        saved = Checkpoint.load(checkpoint_file)
        network.set_weights(saved.weights)
        network.set_optimizer_state(saved.momentum)
        best_weights = saved.best_weights
    try:
        for epoch in range(len(run.history) + 1, run.epochs + 1):
            record = _train_epoch(run, network, train_set, eval_set, settings, epoch)
            weights = network.get_weights()
            run.add_epoch(record)
            if run.best is record:
                best_weights = weights
            Checkpoint(run.history, weights, network.get_optimizer_state(), best_weights).save(
                checkpoint_file
            )
    except BaseException:
        network.set_weights(best_weights)
        raise


def _train_epoch(
    run: TrainingRun,
    network: Network,
    train_set: PhotoSet,
    eval_set: PhotoSet | None,
    settings: TrainingSettings,
    epoch: int,
) -> EpochRecord:
    learning_rate = settings.learning_rates[epoch - 1]
    order = np.random.default_rng((settings.seed, epoch)).permutation(len(train_set))
    network.start_epoch(epoch)
    count, batches = train_set.batches(settings.mb_size, order)
    samples, loss_sum, wrong = 0, 0.0, 0
    started = time.perf_counter()
    for done, (images, columns) in enumerate(batches, start=1):
        run.breathe()
        loss, logits = network.train_batch(images, columns, learning_rate)
        if not math.isfinite(loss):
            raise TrainingError(
                f"The loss is {loss} in epoch {epoch}: training diverged at the learning rate "
                f"{learning_rate}. Try a tenth of it (lr_per_mb). The weights are those of "
                f"{'epoch ' + str(run.best.epoch) if run.best else 'before the training'}."
            )
        samples += len(columns)
        loss_sum += loss * len(columns)
        wrong += int((logits.argmax(axis=1) != columns).sum())
        run.add_batch(done, count, loss)
    seconds = time.perf_counter() - started
    eval_error = eval_loss = None
    if eval_set is not None:
        eval_error, eval_loss = _evaluate(run, network, eval_set, settings.mb_size)
    return EpochRecord(
        epoch=epoch,
        epochs=run.epochs,
        loss=loss_sum / samples,
        train_error=wrong / samples,
        eval_error=eval_error,
        eval_loss=eval_loss,
        learning_rate=learning_rate,
        samples=samples,
        eval_samples=len(eval_set) if eval_set is not None else 0,
        seconds=seconds,
    )


def _evaluate(
    run: TrainingRun, network: Network, eval_set: PhotoSet, mb_size: int
) -> tuple[float, float]:
    """Share of wrong photos and mean cross-entropy, both of the evaluation set's photos."""
    count, wrong, loss = 0, 0, 0.0
    for images, columns in eval_set.batches(mb_size)[1]:
        run.breathe()
        logits = network.predict(images)
        right = softmax(logits)[np.arange(len(columns)), columns]
        count += len(columns)
        wrong += int((logits.argmax(axis=1) != columns).sum())
        loss -= float(np.log(np.maximum(right, np.finfo(np.float32).tiny)).sum())
    return wrong / count, loss / count


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
    digest = hashlib.sha256(json.dumps([asdict(settings), sets]).encode())
    for name in sorted(start):
        digest.update(name.encode() + np.ascontiguousarray(start[name]).tobytes())
    return digest.hexdigest()[:16]
