"""ROC and precision-recall curves; a class has the same colour in both."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..style import PALETTE
from ..text import shown_name
from .metrics import defined_mean
from .plot_style import DASHES, axes, dress, fonts

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

    from .evaluated import Evaluated

__all__ = ["graph_pr_curve", "graph_roc_curve", "thinned"]

_NAMED_CURVES = 10
_WORST_CURVES = 5
_CURVE_POINTS = 600
_GRID = np.linspace(0, 1, 501)


def graph_roc_curve(ce: Evaluated, ax: Axes | None = None) -> Axes:
    """ROC curves: averages, and each class against the rest, with the areas under them.

    With more than ten classes, all are drawn faintly and the five of the smallest area are named.

    Parameters
    ----------
    ce : ClassificationEvaluation
        What to show.
    ax : matplotlib Axes, optional
        Where to draw; default: the current axes.

    Returns
    -------
    Axes
    """
    ax = axes(ax)
    ax.plot([0, 1], [0, 1], color=ax.xaxis.label.get_color(), alpha=0.35, lw=1, ls=":")

    def curve(label: str | None) -> tuple[NDArray[Any], NDArray[Any]]:
        return ce.compute_roc_curve(label)[:2]

    def at_grid(x: NDArray[Any], y: NDArray[Any]) -> NDArray[Any]:
        return np.interp(_GRID, x, y)

    areas = _Areas(ce.compute_auc("micro"), ce.compute_auc(None))
    _graph_curves(ax, ce, curve, at_grid, areas, "default", ("AUC", "lower right"))
    dress(ax, "ROC curve", "False positive rate", "True positive rate", unit=True)
    return ax


def graph_pr_curve(ce: Evaluated, ax: Axes | None = None) -> Axes:
    """Precision-recall curves, drawn as steps, with their average precision.

    Parameters and choice of curves as in `graph_roc_curve`.
    """
    ax = axes(ax)

    def curve(label: str | None) -> tuple[NDArray[Any], NDArray[Any]]:
        precisions, recalls, _ = ce.compute_precision_recall_curve(label)
        return recalls[::-1], precisions[::-1]

    def at_grid(x: NDArray[Any], y: NDArray[Any]) -> NDArray[Any]:
        # The precision of the highest threshold that reaches the recall, as in average precision.
        return np.asarray(y[np.searchsorted(x, _GRID)])

    areas = _Areas(ce.compute_average_precision("micro"), ce.compute_average_precision(None))
    _graph_curves(ax, ce, curve, at_grid, areas, "steps-pre", ("Average precision", "lower left"))
    dress(ax, "Precision-recall curve", "Recall", "Precision", unit=True)
    return ax


class _Areas(NamedTuple):
    micro: float
    classes: NDArray[np.float64]


def _graph_curves(
    ax: Axes,
    ce: Evaluated,
    curve: Callable[[str | None], tuple[NDArray[Any], NDArray[Any]]],
    at_grid: Callable[[NDArray[Any], NDArray[Any]], NDArray[Any]],
    areas: _Areas,
    drawstyle: Any,
    legend: tuple[str, Literal["lower left", "lower right"]],
) -> None:
    """Draw the averages and the classes; `curve` gives x rising."""
    drawn = np.flatnonzero(~np.isnan(areas.classes))
    named = drawn
    if len(drawn) > _NAMED_CURVES:
        named = drawn[np.argsort(areas.classes[drawn], kind="stable")[:_WORST_CURVES]]
    ink = ax.xaxis.label.get_color()
    handles: list[Line2D] = []
    texts: list[str] = []
    total = np.zeros_like(_GRID)
    for number in drawn:
        x, y = curve(ce.labels[number].name)
        total += at_grid(x, y)
        style: dict[str, Any] = {"color": ink, "alpha": 0.15, "lw": 0.8}
        if number in named:
            turn = number if len(named) == len(drawn) else len(handles)
            dashes = DASHES[turn // len(PALETTE) % len(DASHES)]
            style = {"color": PALETTE[turn % len(PALETTE)], "lw": 1.6, "ls": dashes, "zorder": 3}
        (line,) = ax.plot(*thinned(x, y), drawstyle=drawstyle, **style)
        if number in named:
            handles.append(line)
            texts.append(f"{areas.classes[number]:.3f}  {shown_name(ce.labels[number].name)}")
    averages = [("micro average", curve(None), areas.micro, "-", drawstyle)]
    if len(drawn):
        macro = (_GRID, total / len(drawn))
        averages.append(("macro average", macro, defined_mean(areas.classes), "--", "default"))
    for position, (name, (x, y), area, dashes, step) in enumerate(averages):
        (line,) = ax.plot(*thinned(x, y), color=ink, lw=2, ls=dashes, drawstyle=step, zorder=4)
        handles.insert(position, line)
        texts.insert(position, f"{area:.3f}  {name}")
    title, place = legend
    if len(named) < len(drawn):
        title += f", lowest {len(named)} of {len(drawn)} classes"
    box = ax.legend(handles, texts, title=title, loc=place, fontsize=8, title_fontsize=8)
    box.get_frame().set(edgecolor="none", alpha=0.8)
    for text in box.get_texts():
        text.set_parse_math(False)  # a class may be called 'under $5'
        text.set_fontfamily(fonts())


def thinned(x: NDArray[Any], y: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """A curve of at most 600 points that looks the same; a million would take many megabytes."""
    if len(x) <= _CURVE_POINTS:
        return x, y
    # Equal steps along the curve, not along the thresholds: most of those crowd in one corner.
    length = np.concatenate([[0], np.cumsum(np.abs(np.diff(x)) + np.abs(np.diff(y)))])
    kept = np.searchsorted(length, np.linspace(0, length[-1], _CURVE_POINTS))
    kept = np.unique(np.concatenate([[0], kept, [len(x) - 1]]))
    return x[kept], y[kept]
