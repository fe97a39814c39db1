"""Loss and accuracy over the epochs, as charts."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

import bqplot
import ipywidgets
import numpy as np

from ...classifiers.run import EpochRecord
from ...style import ACCENT, ALERT, QUIET
from ..base.line_charts import round_ticks, set_points, value_axis
from ..base.theme import axis, figure, legend

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["CHART_HEIGHT", "TrainingCurves"]

_COLOURS = {"training": ACCENT, "evaluation": ALERT}
_MOST_MINIBATCHES = 1000
_MOST_TICKS = 8
CHART_HEIGHT = 220


class TrainingCurves(ipywidgets.HBox):
    """Two charts: loss of minibatches and epochs, accuracy in percent on both sets."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._batches: list[tuple[float, float]] = []
        self._history: list[EpochRecord] = []
        self._epochs = bqplot.LinearScale(min=0, max=1, allow_padding=False)
        self._losses = bqplot.LinearScale(min=0, max=1, allow_padding=False)
        percent = bqplot.LinearScale(min=0, max=103, allow_padding=False)
        self._batch_line = self._line(self._losses, QUIET, stroke_width=1, opacities=[0.6])
        self._loss_lines = [self._line(self._losses, colour) for colour in _COLOURS.values()]
        self._accuracy_lines = [self._line(percent, colour) for colour in _COLOURS.values()]
        self._epoch_axes = [axis(self._epochs, "Epoch", tick_format="d") for _ in range(2)]
        self._loss_axis = value_axis(self._losses, round_ticks(1))
        charts = [
            (
                legend("Loss", {"minibatch": QUIET, **_COLOURS}),
                [self._batch_line, *self._loss_lines],
                [self._epoch_axes[0], self._loss_axis],
            ),
            (
                legend("Accuracy, %", _COLOURS),
                self._accuracy_lines,
                [self._epoch_axes[1], value_axis(percent, round_ticks(100))],
            ),
        ]
        layout = ipywidgets.Layout(flex="1 1 280px", min_width="0")
        self._charts = [figure(marks, axes, CHART_HEIGHT) for _, marks, axes in charts]
        super().__init__(
            [
                ipywidgets.VBox([ipywidgets.HTML(words), chart], layout=layout)
                for (words, _, _), chart in zip(charts, self._charts, strict=True)
            ],
            layout=ipywidgets.Layout(flex_flow="row wrap", grid_gap="16px", width="100%"),
        )
        self.clear(1)

    def _line(self, y: bqplot.Scale, colour: str, **look: object) -> bqplot.Lines:
        look = {"stroke_width": 2, "marker": "circle", "marker_size": 24, **look}
        if look["stroke_width"] == 1:
            del look["marker"]  # a minibatch is not a point of its own
        return bqplot.Lines(x=[], y=[], scales={"x": self._epochs, "y": y}, colors=[colour], **look)

    def clear(self, epochs: int) -> None:
        """Begin again, for a training of so many epochs."""
        with self._lock:
            self._batches = []
        self._epochs.max = 1.02 * max(epochs, 1)  # the last point is seen whole
        ticks = np.arange(0, epochs + 1, max(1, -(-epochs // _MOST_TICKS)))
        for epoch_axis in self._epoch_axes:
            epoch_axis.tick_values = ticks
        self.show([])

    def add_batch(self, epochs_done: float, loss: float) -> None:
        """Note a minibatch's loss; it is seen at the next `show`."""
        with self._lock:
            self._batches.append((epochs_done, loss))
            if len(self._batches) > 2 * _MOST_MINIBATCHES:
                del self._batches[::2]

    def show(self, history: Sequence[EpochRecord]) -> None:
        """Draw the epochs done, and the minibatches noted."""
        self._history = list(history)
        with self._lock:
            step = -(-len(self._batches) // _MOST_MINIBATCHES) or 1
            batches = self._batches[::step]
        drawn = [
            set_points(self._batch_line, [x for x, _ in batches], [loss for _, loss in batches]),
            *(
                set_points(line, *_points(history, name))
                for line, name in zip(self._loss_lines, ("loss", "eval_loss"), strict=True)
            ),
        ]
        for line, name in zip(self._accuracy_lines, ("train_error", "eval_error"), strict=True):
            epochs, errors = _points(history, name)
            set_points(line, epochs, [100 * (1 - error) for error in errors])
        # A minibatch or two far off would flatten all else.
        highest = max([*drawn[1], *drawn[2], *_usual(drawn[0])], default=1.0)
        ticks = round_ticks(max(highest, 1e-6))
        if ticks[-1] != self._losses.max:
            self._losses.max, self._loss_axis.tick_values = float(ticks[-1]), ticks

    def words(self) -> dict[bqplot.Figure, str]:
        """What each chart shows, for who does not see it: how it is after the last epoch."""
        charts = (("Loss", self._loss_lines, ""), ("Accuracy", self._accuracy_lines, " %"))
        told = {}
        for chart, (name, lines, unit) in zip(self._charts, charts, strict=True):
            last = [
                f"{of} {line.y[-1]:.3g}{unit}"
                for of, line in zip(_COLOURS, lines, strict=True)
                if len(line.y)
            ]
            at = f"at epoch {len(self._history)}: {', '.join(last)}" if last else "no epoch yet"
            told[chart] = f"{name} by epoch; {at}"
        return told

    def draw_still(self, figure: Figure) -> None:
        """Draw the same with matplotlib."""
        loss, accuracy = figure.subplots(1, 2)
        loss.plot(self._batch_line.x, self._batch_line.y, color=QUIET, lw=0.8)
        names = zip(_COLOURS, self._loss_lines, self._accuracy_lines, strict=True)
        for name, loss_line, accuracy_line in names:
            loss.plot(loss_line.x, loss_line.y, "o-", ms=3, color=_COLOURS[name], label=name)
            accuracy.plot(
                accuracy_line.x, accuracy_line.y, "o-", ms=3, color=_COLOURS[name], label=name
            )
        loss.set(title="Loss", xlabel="Epoch", ylim=(0, self._losses.max))
        accuracy.set(title="Accuracy, %", xlabel="Epoch", ylim=(0, 102))
        for ax in (loss, accuracy):
            ax.set_xlim(0, self._epochs.max)
            ax.grid(alpha=0.25, linewidth=0.6)
            ax.spines[["top", "right"]].set_visible(False)
            ax.legend(fontsize=8, frameon=False)


def _points(history: Sequence[EpochRecord], name: str) -> tuple[list[int], list[float]]:
    values = [(record.epoch, getattr(record, name)) for record in history]
    known = [(epoch, value) for epoch, value in values if value is not None]
    return [epoch for epoch, _ in known], [value for _, value in known]


def _usual(losses: Sequence[float]) -> list[float]:
    return [float(np.quantile(losses, 0.98))] if losses else []
