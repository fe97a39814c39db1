"""Following a training: the progress bar and log lines, and TensorBoard."""

from __future__ import annotations

import logging
import os

from tqdm.auto import tqdm

from ..errors import StorageError, require_extra
from .run import EpochRecord, TrainingListener, TrainingRun

__all__ = ["EpochLogger", "TensorBoardWriter", "follow"]

_log = logging.getLogger(__name__)
_LOOKS_PER_SECOND = 10


class EpochLogger(TrainingListener):
    """Logs a line for each epoch and for the one that is kept (INFO), and a failure (ERROR)."""

    def on_epoch(self, run: TrainingRun, record: EpochRecord) -> None:
        """Log the epoch."""
        _log.info("%s", record)

    def on_end(self, run: TrainingRun) -> None:
        """Log which epoch is kept, and a failure, which nobody may be waiting for."""
        if run.error is not None:
            _log.error("Training failed: %s", run.error)
        _log.info("%s", run.describe_kept())


class TensorBoardWriter(TrainingListener):
    """Writes each epoch's loss, errors and learning rate as TensorBoard events.

    Parameters
    ----------
    logdir : str or Path
        Folder for ``tensorboard --logdir``.

    Raises
    ------
    MissingExtraError
        If tensorboardX is not installed.
    StorageError
        If the folder cannot be made or written.
    """

    def __init__(self, logdir: str | os.PathLike[str]) -> None:
        require_extra("tensorboard", "tensorboardX", "tensorboard_logdir needs tensorboardX")
        from tensorboardX import SummaryWriter

        try:
            self._writer = SummaryWriter(logdir=os.fspath(logdir))
        except OSError as error:
            raise StorageError(
                f"Cannot write TensorBoard events to {logdir}: {error.strerror or error}. "
                "Choose another tensorboard_logdir."
            ) from error

    def on_epoch(self, run: TrainingRun, record: EpochRecord) -> None:
        """Write the epoch's values, and have them on disk."""
        values = {
            "loss/training": record.loss,
            "loss/evaluation": record.eval_loss,
            "error/training": record.train_error,
            "error/evaluation": record.eval_error,
            "learning_rate": record.learning_rate,
            "samples_per_second": record.samples_per_second,
        }
        for tag, value in values.items():
            if value is not None:
                self._writer.add_scalar(tag, value, record.epoch)
        self._writer.flush()

    def on_end(self, run: TrainingRun) -> None:
        """Close the files."""
        self._writer.close()


def follow(run: TrainingRun, progress: bool) -> None:
    """Start a run and wait for its end, with a progress bar, in the caller's thread.

    The bar and the log lines come from here and not from the training's thread, because what a
    thread prints shows nowhere in a notebook. An interruption (Ctrl-C, the notebook's stop button)
    stops the training and returns; a second one is raised.

    Raises
    ------
    Exception
        What made the training fail, if it did.
    """
    logged = len(run.history)
    interrupted = False
    with tqdm(
        total=run.epochs,
        initial=logged,
        unit="epoch",
        disable=not progress,
        bar_format="{l_bar}{bar}| {n:.1f}/{total_fmt} epochs [{elapsed}<{remaining}{postfix}]",
    ) as bar:

        def show() -> None:
            nonlocal logged
            for record in run.history[logged:]:
                logged += 1
                _log.info("%s", record)
                errors = {"loss": f"{record.loss:.4f}", "error": f"{record.train_error:.1%}"}
                if record.eval_error is not None:
                    errors["evaluation error"] = f"{record.eval_error:.1%}"
                bar.set_postfix(errors, refresh=False)
            # A bar that did not move is not drawn again: a saved notebook keeps every drawing.
            if run.epochs_done > bar.n:
                bar.update(run.epochs_done - bar.n)

        try:
            ended = False
            while not ended:
                try:
                    # In here, so that an interruption at any moment from the start on is caught.
                    if run.state == "waiting":
                        run.start()
                    ended = run.wait(1 / _LOOKS_PER_SECOND)
                    show()
                except KeyboardInterrupt:
                    if interrupted:
                        raise
                    interrupted = True
                    run.stop()
                    _log.warning("Stopping the training; the %s epoch so far is kept.", run.keep)
        finally:
            show()
            if run.state in ("finished", "stopped", "failed"):
                _log.info("%s", run.describe_kept())
