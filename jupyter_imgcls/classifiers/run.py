"""A training under way: its thread, its state, its history, and those who listen to it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from ..errors import TrainingError
from ..kernel.waiting import Awaited
from ..validation import validated

__all__ = [
    "EpochRecord",
    "Keep",
    "State",
    "Stopped",
    "TrainingListener",
    "TrainingRun",
    "best_epoch",
    "kept_epoch",
]

_log = logging.getLogger(__name__)

Keep = Literal["best", "last"]
State = Literal["waiting", "running", "paused", "stopping", "finished", "stopped", "failed"]


@dataclass(frozen=True)
class EpochRecord:
    """What one epoch of training came to.

    Parameters
    ----------
    epoch, epochs : int
        Number of the epoch, from 1, and of all epochs of the training.
    loss : float
        Mean softmax cross-entropy over the training photos, each before its step.
    train_error, eval_error : float
        Share of photos classified wrongly, in [0, 1]: of the training photos, each before its
        step; of the evaluation photos after the epoch (None without an evaluation set).
    eval_loss : float or None
        Mean softmax cross-entropy over the evaluation photos after the epoch.
    learning_rate : float
        Of the optimizer in this epoch.
    samples, eval_samples : int
        Photos trained on and evaluated.
    seconds : float
        Wall time of the epoch's training, its evaluation and pauses not counted.
    """

    epoch: int
    epochs: int
    loss: float
    train_error: float
    eval_error: float | None
    eval_loss: float | None
    learning_rate: float
    samples: int
    eval_samples: int
    seconds: float

    @property
    def samples_per_second(self) -> float:
        """Training photos a second."""
        return self.samples / self.seconds if self.seconds > 0 else float("inf")

    def to_dict(self) -> dict[str, Any]:
        """The fields, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> EpochRecord:
        """What `to_dict` gave.

        Raises
        ------
        ValueError
            If a field is missing or not a number.
        """
        try:
            return validated(cls, values)
        except ValueError as error:
            raise ValueError(f"not the record of an epoch: {error}") from error

    def __str__(self) -> str:
        line = (
            f"Finished epoch {self.epoch} of {self.epochs}: loss {self.loss:.6f}, "
            f"training error {self.train_error:.2%} of {self.samples}"
        )
        if self.eval_error is not None:
            line += f", evaluation error {self.eval_error:.2%} of {self.eval_samples}"
        return f"{line}, {self.seconds:.1f} s ({self.samples_per_second:.1f} samples/s)"


class TrainingListener:
    """Is told what happens in a training; override what you want to know.

    The methods are called in the training's thread: keep them short. A listener that raises is
    dropped, with the traceback in the log, and the training goes on.
    """

    def on_start(self, run: TrainingRun) -> None:
        """Training begins."""

    def on_batch(self, run: TrainingRun, loss: float) -> None:
        """A minibatch is done; `loss` is its mean loss."""

    def on_epoch(self, run: TrainingRun, record: EpochRecord) -> None:
        """An epoch is done; `record` is the last of ``run.history``."""

    def on_end(self, run: TrainingRun) -> None:
        """Training ended; ``run.state`` says how."""


class Stopped(Exception):  # noqa: N818 - a signal, not an error
    """Raised by `TrainingRun.check_stop` to leave the work when `TrainingRun.stop` was called."""


def best_epoch(history: Sequence[EpochRecord]) -> EpochRecord | None:
    """The epoch of lowest evaluation error, or training error where there is no evaluation.

    Among equals that of the lowest loss, then the earliest; None if there is no epoch.
    """

    def error_and_loss(record: EpochRecord) -> tuple[float, float]:
        if record.eval_error is None or record.eval_loss is None:
            return record.train_error, record.loss
        return record.eval_error, record.eval_loss

    return min(history, key=error_and_loss, default=None)


def kept_epoch(history: Sequence[EpochRecord], keep: Keep) -> EpochRecord | None:
    """The epoch whose weights a training keeps: see `best_epoch`, or the last one."""
    return best_epoch(history) if keep == "best" else next(reversed(history), None)


class TrainingRun(Awaited):
    """Training in a thread of its own, so that nothing waits for it unless it wants to.

    Parameters
    ----------
    work : callable
        Trains; is called with this run in the thread, calls `check_stop` between minibatches and
        `add_epoch` after each epoch.
    epochs : int
        Number of epochs.
    history : sequence of EpochRecord, optional
        Epochs already done, of a training that is resumed.
    keep : {"best", "last"}
        Which epoch's weights the training keeps, however it ends.

    Attributes
    ----------
    epochs, keep
        As given.
    history : list of EpochRecord
        The epochs done so far. Do not change it.
    epochs_done : float
        Epochs done, the current one by the share of its minibatches; never gets smaller.
    minibatch : tuple of int
        How many minibatches of the current epoch are done, and of how many; (0, 0) at first.
    error : BaseException or None
        What went wrong, when `state` is ``"failed"``.
    """

    def __init__(
        self,
        work: Callable[[TrainingRun], None],
        epochs: int,
        history: Sequence[EpochRecord] = (),
        keep: Keep = "best",
    ) -> None:
        super().__init__()
        self.epochs = epochs
        self.keep: Keep = keep
        self.history = list(history)
        # One number, so that whoever reads it in another thread never sees half of a change.
        self.epochs_done = float(len(self.history))
        self.minibatch = (0, 0)
        self._work = work
        self._listeners: list[TrainingListener] = []
        self._may_go_on = threading.Event()
        self._may_go_on.set()
        self._stop_asked = threading.Event()
        self._outcome: Literal["finished", "stopped", "failed"] | None = None
        # A daemon, so that closing the kernel need not wait for the end of a minibatch.
        self._thread = threading.Thread(target=self._run, name="imgcls-training", daemon=True)

    # -- for the user ---------------------------------------------------------------------------

    @property
    def state(self) -> State:
        """Where the training stands: waiting, running, paused, stopping, or how it ended."""
        if self._outcome is not None:
            return self._outcome
        if self._thread.ident is None:
            return "waiting"
        if self._stop_asked.is_set():
            return "stopping"
        return "running" if self._may_go_on.is_set() else "paused"

    def stop(self) -> None:
        """Ask the training to stop after the current minibatch; returns at once.

        The network then has the weights of `kept`.
        """
        self._stop_asked.set()
        self._may_go_on.set()

    def pause(self) -> None:
        """Ask the training to pause after the current minibatch; returns at once."""
        self._may_go_on.clear()

    def resume(self) -> None:
        """Go on after `pause`; returns at once."""
        self._may_go_on.set()

    def add_listener(self, listener: TrainingListener) -> None:
        """Tell `listener` what happens from now on."""
        self._listeners.append(listener)

    def remove_listener(self, listener: TrainingListener) -> None:
        """Tell `listener` no more."""
        if listener in self._listeners:
            self._listeners.remove(listener)

    @property
    def best(self) -> EpochRecord | None:
        """See `best_epoch`."""
        return best_epoch(self.history)

    @property
    def kept(self) -> EpochRecord | None:
        """The epoch whose weights the training keeps, if it ended now; None before the first."""
        return kept_epoch(self.history, self.keep)

    def describe_kept(self) -> str:
        """Which epoch the training keeps, and why, in a sentence."""
        kept = self.kept
        if kept is None:
            return "No epoch is done: the network stays as it was."
        text = f"Epoch {kept.epoch} of {self.epochs} is kept"
        if self.keep == "last":
            return f"{text}, the last one."
        if kept.eval_error is None:
            return f"{text}, with the lowest training error: {kept.train_error:.2%}."
        return f"{text}, with the lowest evaluation error: {kept.eval_error:.2%}."

    def __repr__(self) -> str:
        last = f": {self.history[-1]}. {self.describe_kept()}" if self.history else ""
        return f"<TrainingRun {self.state}, {len(self.history)} of {self.epochs} epochs{last}>"

    # -- for the work ---------------------------------------------------------------------------

    def start(self) -> TrainingRun:
        """Begin, in the thread."""
        if self._thread.ident is not None:
            raise TrainingError("This training was started before: call train() again.")
        self._thread.start()
        return self

    def check_stop(self) -> None:
        """Wait while paused; leave the work when asked to stop."""
        self._may_go_on.wait()
        if self._stop_asked.is_set():
            raise Stopped

    def add_batch(self, done: int, of: int, loss: float) -> None:
        """Note a minibatch."""
        self.epochs_done = len(self.history) + done / of
        self.minibatch = (done, of)
        self._tell("on_batch", loss)

    def add_epoch(self, record: EpochRecord) -> None:
        """Note an epoch."""
        self.history.append(record)
        self.epochs_done = float(len(self.history))
        self._tell("on_epoch", record)

    def _run(self) -> None:
        try:
            self._tell("on_start")
            self._work(self)
            self._outcome = "finished"
        except Stopped:
            self._outcome = "stopped"
        except BaseException as error:  # noqa: BLE001 - kept for wait(), in the user's thread
            self.error = error
            self._outcome = "failed"
        self._tell("on_end")
        self._ended.set()

    def _tell(self, event: str, *details: object) -> None:
        for listener in list(self._listeners):
            try:
                getattr(listener, event)(self, *details)
            except BaseException:  # noqa: BLE001 - even an exit: it is the user's code, and logged
                _log.exception("%r is dropped from the training's listeners", listener)
                self.remove_listener(listener)
