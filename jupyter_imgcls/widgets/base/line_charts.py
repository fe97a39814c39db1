"""What the charts of lines share: round ticks from zero on, and points that are sent once."""

from __future__ import annotations

from collections.abc import Sequence

import bqplot
import numpy as np
from numpy.typing import NDArray

from .theme import axis

__all__ = ["round_ticks", "set_points", "value_axis"]


def value_axis(scale: bqplot.Scale, ticks: NDArray[np.float64]) -> bqplot.Axis:
    """The axis at the left, which the title above the chart names."""
    return axis(scale, "", side="left", tick_format="~g", tick_values=ticks)


def round_ticks(highest: float) -> NDArray[np.float64]:
    """Round numbers from 0 on, three to six, the last not below `highest`, which is above 0."""
    power = 10 ** np.floor(np.log10(highest))
    step = power * next(part for part in (0.2, 0.25, 0.5, 1, 2) if highest <= 5 * part * power)
    ticks: NDArray[np.float64] = np.round(step * np.arange(np.ceil(highest / step) + 1), 12)
    return ticks


def set_points(line: bqplot.Lines, x: Sequence[float], y: Sequence[float]) -> Sequence[float]:
    """Give a line its points, in one message and only if they changed; gives back `y`."""
    if len(x) != len(line.x) or (len(x) and (x[-1] != line.x[-1] or y[-1] != line.y[-1])):
        with line.hold_sync():
            line.x, line.y = np.array(x, dtype=float), np.array(y, dtype=float)
    return y
