"""Following a training: the progress bar and log lines, and TensorBoard."""

from __future__ import annotations

import logging
import os

from tqdm import tqdm

from ..errors import TrainingError
from .run import EpochRecord, TrainingListener, TrainingRun

__all__ = ["EpochLogger", "TensorBoardWriter", "follow"]

_log = logging.getLogger(__name__)
_LOOKS_PER_SECOND = 10


class EpochLogger(TrainingListener):
    """Logs a line for each epoch (level INFO)."""

    def on_epoch(self, run: TrainingRun, record: EpochRecord) -> None:
        """Log the epoch."""
        _log.info("%s", record)


class TensorBoardWriter(TrainingListener):
    """Writes each epoch's loss, errors and learning rate as TensorBoard events.

    Parameters
    ----------
    logdir : str or Path
        Folder for ``tensorboard --logdir``.

    Raises
    ------
    TrainingError
        If tensorboardX is not installed.
    """

    def __init__(self, logdir: str | os.PathLike[str]) -> None:
        try:
            from tensorboardX import SummaryWriter
        except ImportError as error:
            raise TrainingError(
                "tensorboard_logdir needs tensorboardX: pip install 'jupyter_imgcls[tensorboard]'"
            ) from error
        self._writer = SummaryWriter(logdir=os.fspath(logdir))

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
    """Wait for a started run, with a progress bar, in the caller's thread.

    The bar and the log lines come from here and not from the training's thread, because what a
    thread prints shows nowhere in a notebook. An interruption (Ctrl-C, the notebook's stop button)
    stops the training, keeps the best epoch, and returns; a second one is raised.

    Raises
    ------
    Exception
        What made the training fail, if it did.
    """
    logged = len(run.history)
    with tqdm(
        total=run.epochs,
        initial=logged,
        unit="epoch",
        disable=not progress,
        bar_format="{l_bar}{bar}| {n:.4g}/{total_fmt} epochs [{elapsed}<{remaining}{postfix}]",
    ) as bar:
        ended = False
        while not ended:
            try:
                ended = run.wait(1 / _LOOKS_PER_SECOND)
            except KeyboardInterrupt:
                if run.state == "stopping":
                    raise
                _log.warning("Stopping the training; the best epoch so far is kept.")
                run.stop()
            for record in run.history[logged:]:
                _log.info("%s", record)
                logged += 1
                shown = {"loss": f"{record.loss:.4f}", "error": f"{record.train_error:.1%}"}
                if record.eval_error is not None:
                    shown["evaluation error"] = f"{record.eval_error:.1%}"
                bar.set_postfix(shown, refresh=False)
            part = run.batches_done / run.batches if run.batches else 0
            bar.update(round(logged + part, 2) - bar.n)
