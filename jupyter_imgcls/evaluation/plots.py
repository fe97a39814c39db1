"""Plots of an evaluation in matplotlib; each draws into the given axes and returns them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from ..style import ACCENT, ALERT
from .plot_curves import graph_pr_curve, graph_roc_curve
from .plot_matrix import graph_confusion_matrix
from .plot_style import axes, dress

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .evaluated import Evaluated

__all__ = [
    "basic_plot",
    "graph_confusion_matrix",
    "graph_pr_curve",
    "graph_reliability",
    "graph_roc_curve",
]


def basic_plot(
    x: ArrayLike,
    y: ArrayLike,
    xlabel: str = "",
    ylabel: str = "",
    title: str = "",
    ax: Axes | None = None,
) -> Axes:
    """One line through the points (x, y).

    Parameters
    ----------
    x, y : array_like, shape (n,)
        The points.
    xlabel, ylabel, title : str
        Texts of the plot.
    ax : matplotlib Axes, optional
        Where to draw; default: the current axes.

    Returns
    -------
    Axes
    """
    ax = axes(ax)
    ax.plot(x, y, color=ACCENT, linewidth=2)
    dress(ax, title, xlabel, ylabel)
    return ax


def graph_reliability(ce: Evaluated, ax: Axes | None = None) -> Axes:
    """Reliability diagram: how often predictions of some confidence are right.

    Bars under the diagonal are overconfident. The number on a bar counts its photos.

    Parameters
    ----------
    ce : ClassificationEvaluation
        What to show.
    ax : matplotlib Axes, optional
        Where to draw; default: the current axes.

    Returns
    -------
    Axes

    References
    ----------
    C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger: On Calibration of Modern Neural Networks.
    ICML 2017, figure 1.
    """
    ax = axes(ax)
    curve = ce.compute_reliability_curve()
    filled = curve.count > 0
    ink = ax.xaxis.label.get_color()
    width = curve.edges[1]
    left, accuracy = curve.edges[:-1][filled], curve.accuracy[filled]
    ax.bar(left, accuracy, width * 0.92, align="edge", color=ACCENT, alpha=0.55, lw=0)
    ax.plot([0, 1], [0, 1], color=ink, alpha=0.5, lw=1, ls=":")
    points: dict[str, Any] = {"color": ALERT, "markersize": 5, "linestyle": "none", "marker": "o"}
    ax.plot(curve.confidence[filled], accuracy, **points)
    for x, y, count in zip(left, accuracy, curve.count[filled], strict=True):
        ax.annotate(
            f"{count}",
            (x + width * 0.46, y),
            xytext=(0, 6),
            textcoords="offset points",
            ha="center",
            fontsize=7,
        )
    dress(ax, "Reliability", "Confidence (score of the prediction)", "Share correct", unit=True)
    ax.set_ylim(0, 1.1)
    return ax
