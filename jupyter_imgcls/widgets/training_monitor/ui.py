"""Watching a training, and stopping it."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ipywidgets
import traitlets

from ...classifiers.run import EpochRecord, TrainingListener, TrainingRun
from ..base.frame import Frame, Key
from ..base.still import StillPicture
from ..base.theme import ErrorMessage, button, rows, stylesheet, text, tiles
from .curves import CHART_HEIGHT, TrainingCurves

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["TrainingMonitor"]

_SECONDS_BETWEEN_LOOKS = 0.25
_UNKNOWN = "-"
_ENDED = ("finished", "stopped", "failed")
_WORDS = {
    "idle": "No training yet",
    "waiting": "Waiting to begin",
    "running": "Training",
    "paused": "Paused",
    "stopping": "Stopping after this minibatch",
    "finished": "Finished",
    "stopped": "Stopped",
    "failed": "Failed",
}
_BAR_STYLES = {"finished": "success", "stopped": "warning", "paused": "warning", "failed": "danger"}
_WHY_NOT = {
    "idle": "Nothing to steer yet: pass callbacks=[monitor.listener] to train().",
    "waiting": "The training has not begun.",
    "stopping": "The training is stopping.",
    **dict.fromkeys(_ENDED, "The training has ended."),
}


_KEYS = [
    Key("p", "P", "pause, or resume"),
    Key("", "Tab, Enter", "go to a button, press it"),
]


class TrainingMonitor(StillPicture, ipywidgets.VBox):
    """Curves, progress and log of a training, with buttons to pause, resume and stop it.

    It can be shown before, during and after the training, and in several places. The buttons only
    ask, and answer at once; the training acts after its current minibatch. They answer while a cell
    waits for the training, too. Beside a cell that is busy with something else they do so from
    ipykernel 7.3 on; with ipykernel 6, and in voila, they are heard when the cell is done.

    Parameters
    ----------
    run : TrainingRun, optional
        The training to watch, as ``model.train(..., background=True)`` returns it. Else pass
        `listener` to a training that is yet to begin.

    Attributes
    ----------
    state : str
        Trait, read-only: ``"idle"`` without a training, then `TrainingRun.state`.
    epochs_done : float
        Trait, read-only: as `TrainingRun.epochs_done`.
    history : list of dict
        Trait, read-only: `EpochRecord.to_dict` of each epoch done.
    height : int
        Trait, to read, set and observe: of the charts in CSS pixels, 160 to 2000.
    listener : TrainingListener
        For ``model.train(..., callbacks=[monitor.listener])``, blocking or not. A monitor watches
        one training at a time, the last that began.

    Examples
    --------
    >>> from jupyter_imgcls.widgets.training_monitor.ui import TrainingMonitor
    >>> monitor = TrainingMonitor()
    >>> monitor.state
    'idle'
    """

    state = traitlets.Unicode("idle", read_only=True)
    epochs_done = traitlets.Float(0.0, read_only=True)
    history: traitlets.List[dict[str, Any]] = traitlets.List(read_only=True)
    height = traitlets.Int(CHART_HEIGHT, min=160, max=2000)

    def __init__(self, run: TrainingRun | None = None) -> None:
        self.listener: TrainingListener = _Listener(self)
        self._lock = threading.RLock()
        self._wake = threading.Event()
        self._run: TrainingRun | None = None
        self._follower: threading.Thread | None = None
        self._forget()
        self._headline = ipywidgets.HTML()
        self._frame = Frame("Training", _KEYS, self._press, self.height)
        self._epoch_bar = _bar("Epochs")
        self._batch_bar = _bar("Minibatches")
        for bar in (self._epoch_bar, self._batch_bar):
            self._frame.describe(bar, bar.description)
        self._numbers = ipywidgets.HTML(layout=ipywidgets.Layout(width="auto"))
        self._curves = TrainingCurves()
        self._reason = ipywidgets.HTML(layout=ipywidgets.Layout(align_self="center"))
        self._log = ipywidgets.HTML()
        self._problem = ErrorMessage()
        self._pause = self._button("Pause", "pause", lambda asked: asked.pause())
        self._resume = self._button("Resume", "play", lambda asked: asked.resume())
        self._stop = self._button("Stop", "stop", lambda asked: asked.stop())
        super().__init__(
            [
                stylesheet(),
                ipywidgets.HBox([self._headline, self._frame]),
                self._epoch_bar,
                self._batch_bar,
                rows(self._pause, self._resume, self._stop, self._reason),
                self._problem,
                self._numbers,
                self._curves,
                self._log,
            ],
            layout=ipywidgets.Layout(grid_gap="8px"),
        )
        self.add_class("imgcls")
        traitlets.link((self, "height"), (self._frame, "height"))
        if run is None:
            self._draw()
        else:
            self.attach(run)

    def attach(self, run: TrainingRun) -> None:
        """Watch another training, in whatever state it is."""
        run.remove_listener(self.listener)
        run.add_listener(self.listener)
        self._watch(run)

    # -- following ------------------------------------------------------------------------------

    def _watch(self, run: TrainingRun) -> None:
        with self._lock:
            if run is not self._run:
                if self._run is not None:
                    self._run.remove_listener(self.listener)
                self._run = run
                self._forget()
                self._problem.say("")
                self._curves.clear(run.epochs)
                self._from = run.epochs_done
            self._draw()
            if self._follower is None and run.state not in ("waiting", *_ENDED):
                # Draws beside the training, which so never waits for the page, and sees a pause.
                self._follower = threading.Thread(
                    target=self._follow, args=(run,), name="imgcls-monitor", daemon=True
                )
                self._follower.start()

    def _forget(self) -> None:
        self._follower = None
        self._lines: list[str] = []
        self._logged_epochs = 0
        self._logged_state = ""
        self._active_seconds = 0.0
        self._from = 0.0

    def _follow(self, run: TrainingRun) -> None:
        looked = time.monotonic()
        while run is self._run and run.state not in _ENDED:
            self._wake.wait(_SECONDS_BETWEEN_LOOKS)
            self._wake.clear()
            now = time.monotonic()
            if run.state == "running":
                self._active_seconds += now - looked
            looked = now
            with self._lock:
                if run is self._run:
                    self._draw()

    # -- showing --------------------------------------------------------------------------------

    def _draw(self) -> None:
        with self._lock, self._showing_errors():
            run = self._run
            state = "idle" if run is None else run.state
            history = [] if run is None else list(run.history)
            self.set_trait("state", state)
            self.set_trait("epochs_done", 0.0 if run is None else run.epochs_done)
            if len(history) != len(self.history) or not history:
                self.set_trait("history", [record.to_dict() for record in history])
            # First what answers a click.
            self._draw_buttons(state)
            self._draw_progress(state, len(history))
            self._draw_numbers(history)
            self._write_log(state, history)
            self._curves.show(history)
            for chart, words in self._curves.words().items():
                self._frame.describe(chart, words)
            if run is not None and run.error is not None:
                self._show_error(run.error)

    def _draw_progress(self, state: str, done: int) -> None:
        run = self._run
        words = [_WORDS[state]]
        batch, of = (0, 0) if run is None else run.minibatch
        if run is not None:
            words.append(f"epoch {min(done + 1, run.epochs)} of {run.epochs}")
            if state in _ENDED and run.kept is not None:
                words[-1] = f"epoch {run.kept.epoch} of {run.epochs} is kept"
        if state in ("running", "paused", "stopping") and of:
            # After an epoch its last minibatch stays noted until the next one's first is done.
            batch = batch if run is not None and run.epochs_done > done else 0
            words.append(f"minibatch {batch} of {of}" if batch < of else "finishing the epoch")
        self._headline.value = (
            f'<span class="imgcls-title">{text(words[0])}</span> '
            f'<span class="imgcls-muted">{text(" · ".join(["", *words[1:]]))}</span>'
        )
        # Read out: not each minibatch.
        self._frame.said = ", ".join(words[:2])
        self._epoch_bar.max = float(run.epochs) if run is not None else 1.0
        self._epoch_bar.value = self.epochs_done
        self._batch_bar.max, self._batch_bar.value = float(of or 1), float(batch)
        for bar in (self._epoch_bar, self._batch_bar):
            bar.bar_style = _BAR_STYLES.get(state, "")

    def _draw_numbers(self, history: list[EpochRecord]) -> None:
        run = self._run
        best = None if run is None else run.best
        last = history[-1] if history else None
        self._numbers.value = tiles(
            {
                "Time left": self._time_left(),
                "Photos a second": f"{last.samples_per_second:.3g}" if last else _UNKNOWN,
                "Learning rate": f"{last.learning_rate:g}" if last else _UNKNOWN,
                "Memory": _memory(),
                "Best epoch": f"{best.epoch} ({_accuracy(best)})" if best else _UNKNOWN,
            }
        )

    def _time_left(self) -> str:
        run = self._run
        if run is None or self.state not in ("running", "paused"):
            return _UNKNOWN
        progress = run.epochs_done - self._from
        if progress <= 0 or self._active_seconds <= 0:
            return "…"
        return _duration(self._active_seconds / progress * (run.epochs - run.epochs_done))

    def _draw_buttons(self, state: str) -> None:
        why_not = _WHY_NOT.get(state, "")
        self._disable(self._pause, why_not or ("Already paused." if state == "paused" else ""))
        self._disable(self._resume, why_not or ("" if state == "paused" else "It is not paused."))
        self._disable(self._stop, why_not)
        self._reason.value = f'<span class="imgcls-muted">{text(why_not)}</span>'

    def _disable(self, button: ipywidgets.Button, reason: str) -> None:
        button.disabled = bool(reason)
        button.tooltip = reason or f"{button.description} after the current minibatch"

    def _write_log(self, state: str, history: list[EpochRecord]) -> None:
        lines = [_line(record) for record in history[self._logged_epochs :]]
        self._logged_epochs = len(history)
        if state not in ("idle", self._logged_state):
            ended = f". {self._run.describe_kept()}" if self._run and state in _ENDED else ""
            lines.append(f"{time.strftime('%H:%M:%S')}  {_WORDS[state]}{ended}")
        self._logged_state = state
        if lines:
            self._lines += lines
            shown = "\n".join(text(line) for line in reversed(self._lines))
            self._log.value = f'<div class="imgcls-log" tabindex="0">{shown}</div>'

    def _show_error(self, error: BaseException) -> None:
        self._problem.say(f"{type(error).__name__}: {error}")

    @contextmanager
    def _showing_errors(self) -> Generator[None]:
        """What a thread or a handler raises shows nowhere in a page: show it here."""
        try:
            yield
        except Exception as error:  # noqa: BLE001
            self._show_error(error)

    def draw_still(self, figure: Figure) -> None:
        """Draw the curves on an empty matplotlib figure."""
        words = "" if self._run is None else f", {len(self.history)} of {self._run.epochs} epochs"
        figure.suptitle(f"{_WORDS[self.state]}{words}", fontsize=11)
        self._curves.draw_still(figure)

    # -- steering -------------------------------------------------------------------------------

    def _press(self, _key: str) -> None:
        button = self._resume if self.state == "paused" else self._pause
        if not button.disabled:
            button.click()

    def _button(
        self, name: str, icon: str, ask: Callable[[TrainingRun], None]
    ) -> ipywidgets.Button:
        def clicked() -> None:
            with self._showing_errors():
                if self._run is not None:
                    ask(self._run)
                    self._draw()

        return button(name, clicked, icon, width="96px")


class _Listener(TrainingListener):
    def __init__(self, monitor: TrainingMonitor) -> None:
        self._monitor = monitor

    def on_start(self, run: TrainingRun) -> None:
        self._monitor._watch(run)

    def on_batch(self, run: TrainingRun, loss: float) -> None:
        self._monitor._curves.add_batch(run.epochs_done, loss)

    def on_end(self, run: TrainingRun) -> None:
        # Here and not in the follower, so that all is shown when who waits for the run goes on.
        if run is self._monitor._run:
            self._monitor._draw()
            self._monitor._wake.set()
            with self._monitor._showing_errors():
                self._monitor._refresh_still()


def _bar(name: str) -> ipywidgets.FloatProgress:
    bar = ipywidgets.FloatProgress(
        description=name,
        min=0.0,
        max=1.0,
        layout=ipywidgets.Layout(width="auto", height="20px", margin="0 2px"),
        style={"description_width": "88px"},
    )
    bar.add_class("imgcls-bar")
    return bar


def _line(record: EpochRecord) -> str:
    parts = [
        f"Epoch {record.epoch} of {record.epochs}",
        f"loss {record.loss:.4f}",
        f"training {1 - record.train_error:.1%}",
    ]
    if record.eval_error is not None:
        parts.append(f"evaluation {1 - record.eval_error:.1%}")
    return " · ".join([*parts, f"{record.seconds:.1f} s"])


def _accuracy(record: EpochRecord) -> str:
    error = record.train_error if record.eval_error is None else record.eval_error
    return f"{1 - error:.1%}"


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _memory() -> str:
    """What this process holds; the most it held where the system does not tell the former."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        held = int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        return f"{held / 2**20:.0f} MB"
    try:
        import resource
    except ImportError:  # Windows
        return _UNKNOWN
    unit = 1 if sys.platform == "darwin" else 1024
    return f"≤ {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20:.0f} MB"
