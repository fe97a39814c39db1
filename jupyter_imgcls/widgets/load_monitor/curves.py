"""Throughput and latency over the seconds of a load test, as charts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

import bqplot
import ipywidgets
import numpy as np

from ...style import ACCENT, ALERT, PALETTE
from ..base.line_charts import round_ticks, set_points, value_axis
from ..base.theme import axis, figure, legend

__all__ = ["CHART_HEIGHT", "LoadCurves", "Second"]

CHART_HEIGHT = 220
_COLOURS = {"p50": ACCENT, "p95": PALETTE[4], "p99": ALERT}
_MOST_TICKS = 8


class Second(Protocol):
    """What arrived in one second: see `jupyter_imgcls.serving.load_test.measurements.Second`."""

    @property
    def second(self) -> int:
        """Its number, from 1."""

    @property
    def requests(self) -> int:
        """That were answered with scores."""


class LoadCurves(ipywidgets.HBox):
    """Two charts: requests a second, and percentiles of their latency.

    Parameters
    ----------
    duration : float
        Of the test in seconds.
    """

    def __init__(self, duration: float) -> None:
        longest = max(1, math.ceil(duration))
        self._seconds = bqplot.LinearScale(min=0, max=1.02 * longest, allow_padding=False)
        self._scales = [bqplot.LinearScale(min=0, max=1, allow_padding=False) for _ in range(2)]
        self._axes = [value_axis(scale, round_ticks(1)) for scale in self._scales]
        self._throughput = self._line(self._scales[0], ACCENT)
        self._latencies = [self._line(self._scales[1], colour) for colour in _COLOURS.values()]
        ticks = np.arange(0, longest + 1, max(1, -(-longest // _MOST_TICKS)))
        charts = [
            (legend("Requests a second", {}), [self._throughput], self._axes[0]),
            (legend("Latency, ms", _COLOURS), self._latencies, self._axes[1]),
        ]
        layout = ipywidgets.Layout(flex="1 1 280px", min_width="0")
        children = []
        self._charts = []
        for words, marks, values in charts:
            seconds = axis(self._seconds, "Second", tick_format="d", tick_values=ticks)
            chart = figure(marks, [seconds, values], CHART_HEIGHT)
            self._charts.append(chart)
            children.append(ipywidgets.VBox([ipywidgets.HTML(words), chart], layout=layout))
        super().__init__(
            children,
            layout=ipywidgets.Layout(flex_flow="row wrap", grid_gap="16px", width="100%"),
        )

    def _line(self, y: bqplot.Scale, colour: str) -> bqplot.Lines:
        scales = {"x": self._seconds, "y": y}
        look = {"stroke_width": 2, "marker": "circle", "marker_size": 24}
        return bqplot.Lines(x=[], y=[], scales=scales, colors=[colour], **look)

    def show(self, seconds: Sequence[Second]) -> None:
        """Draw the seconds so far."""
        drawn = set_points(
            self._throughput, [s.second for s in seconds], [float(s.requests) for s in seconds]
        )
        self._fit(0, drawn)
        scored = [second for second in seconds if second.requests]
        highest: list[float] = []
        for line, name in zip(self._latencies, _COLOURS, strict=True):
            values = [getattr(second, name) for second in scored]
            highest += set_points(line, [s.second for s in scored], values)
        self._fit(1, highest)

    def words(self) -> dict[bqplot.Figure, str]:
        """What each chart shows, for who does not see it: how it is in the last second."""
        last = [f"{line.y[-1]:.0f}" if len(line.y) else "none" for line in self._latencies]
        latency = ", ".join(f"{name} {ms} ms" for name, ms in zip(_COLOURS, last, strict=True))
        sent = self._throughput
        throughput = f"{sent.y[-1]:.0f} in second {sent.x[-1]:.0f}" if len(sent.y) else "none yet"
        told = (f"Requests by second; {throughput}", f"Latency by second; at last {latency}")
        return dict(zip(self._charts, told, strict=True))

    def _fit(self, chart: int, values: Sequence[float]) -> None:
        ticks = round_ticks(max([*values, 1e-6]))
        if len(values) and ticks[-1] != self._scales[chart].max:
            self._scales[chart].max = float(ticks[-1])
            self._axes[chart].tick_values = ticks
