"""Pictures of a load test, by matplotlib."""

from __future__ import annotations

import io
from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ...evaluation.plot_style import dress
from ...style import ACCENT, ALERT, PALETTE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from .requests import Second

__all__ = ["as_image", "draw_load", "draw_seconds"]

_COLOURS = {50: ACCENT, 95: PALETTE[4], 99: ALERT}


def draw_seconds(figure: Figure | None, seconds: Sequence[Second]) -> Figure:
    """Draw throughput and latency over time."""
    scored = [second for second in seconds if second.requests]
    latencies = {q: [getattr(second, f"p{q}") for second in scored] for q in _COLOURS}
    return draw_load(
        figure,
        "Second",
        ([second.second for second in seconds], [second.requests for second in seconds]),
        ([second.second for second in scored], latencies),
    )


def draw_load(
    figure: Figure | None,
    xlabel: str,
    throughput: tuple[Sequence[float], Sequence[float]],
    latency: tuple[Sequence[float], Mapping[int, Sequence[float]]],
) -> Figure:
    """Draw throughput and latency percentiles side by side, each as x and values."""
    if figure is None:
        from matplotlib.figure import Figure as NewFigure

        figure = NewFigure(figsize=(9, 3.2), dpi=100, layout="constrained", facecolor="white")
    left, right = figure.subplots(1, 2)
    left.plot(*throughput, "o-", ms=3, color=ACCENT)
    for q, values in latency[1].items():
        right.plot(latency[0], values, "o-", ms=3, color=_COLOURS[q], label=f"p{q}")
    right.legend(fontsize=8, frameon=False)
    dress(left, "Throughput", xlabel, "Requests/s")
    dress(right, "Latency", xlabel, "ms")
    for ax in (left, right):
        ax.set_ylim(0, 1.05 * max(ax.dataLim.y1, 1e-6) if ax.has_data() else 1)
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.grid(alpha=0.25, linewidth=0.6)
    return figure


def as_image(figure: Figure) -> str:
    """A figure as HTML."""
    file = io.BytesIO()
    figure.savefig(file, format="png")
    picture = b64encode(file.getvalue()).decode("ascii")
    return f'<img alt="Throughput and latency" src="data:image/png;base64,{picture}">'
