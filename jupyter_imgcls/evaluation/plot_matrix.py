"""The confusion matrix as a picture."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..style import ACCENT
from ..text import shown_name
from .plot_style import axes, contrast, dress, fonts

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .evaluated import Evaluated

__all__ = ["graph_confusion_matrix"]

_FRAMED_CLASSES = 10


def graph_confusion_matrix(ce: Evaluated, ax: Axes | None = None) -> Axes:
    """Photos by true class (rows) and prediction (columns), shaded by the share of the row.

    Cells show counts, and shares where there is room for them.

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
    from matplotlib.colors import LinearSegmentedColormap, to_rgb

    ax = axes(ax)
    counts, shares = ce.compute_confusion_matrix(), ce.compute_confusion_matrix("true")
    classes = len(counts)
    accent = to_rgb(ACCENT)
    # From clear to the accent colour, so that an empty cell has the ground's colour, also in the
    # dark.
    shades = LinearSegmentedColormap.from_list("share", [(*accent, 0.0), (*accent, 1.0)])
    ax.imshow(shares, cmap=shades, vmin=0, vmax=1, interpolation="none")
    cell = _cell_points(ax, classes)
    if cell >= 8:
        ax.set_xticks(np.arange(classes + 1) - 0.5, minor=True)
        ax.set_yticks(np.arange(classes + 1) - 0.5, minor=True)
        ax.grid(which="minor", color=ax.get_facecolor(), linewidth=min(2, cell / 16))
    widest = len(str(counts.max()))
    readable = cell >= 5 * max(widest, 2)
    if readable:
        _write_cells(ax, counts, shares, cell, widest)
    _name_classes(ax, [shown_name(label.name, 16) for label in ce.labels], cell)
    title = "Confusion matrix" if readable else "Confusion matrix (shade: share of the row)"
    dress(ax, title, "Predicted", "True")
    ax.tick_params(which="both", length=0)
    ax.spines[:].set_visible(classes > _FRAMED_CLASSES)
    return ax


def _cell_points(ax: Axes, classes: int) -> float:
    """Side of one cell in points (1/72 inch)."""
    box = ax.get_window_extent()
    return float(min(box.width, box.height)) / classes * 72 / float(ax.figure.dpi)


def _write_cells(
    ax: Axes, counts: NDArray[Any], shares: NDArray[Any], cell: float, widest: int
) -> None:
    from matplotlib.colors import to_rgb

    with_share = cell >= 34
    size = float(np.clip(cell / (1 + 0.7 * max(widest, 2)), 5, 12))
    ink = ax.yaxis.label.get_color()
    accent, ground = np.array(to_rgb(ACCENT)), np.array(to_rgb(ax.get_facecolor()))
    for row, column in _cells(len(counts)):
        count, share = counts[row, column], shares[row, column]
        if not count and not with_share and row != column:
            continue  # a field of zeros hides the few mistakes
        shade = share * accent + (1 - share) * ground
        dark_enough = contrast(to_rgb("white"), shade) > contrast(to_rgb(ink), shade)
        colour = "white" if dark_enough else ink
        faint = 1.0 if count else 0.35
        style: dict[str, Any] = {"ha": "center", "color": colour, "alpha": faint}
        style["in_layout"] = False  # it stays in its cell; asking each slows the layout down
        if with_share and count:
            ax.text(column, row, f"{count}", va="bottom", fontsize=size, weight="bold", **style)
            ax.text(column, row + 0.06, f"{share:.0%}", va="top", fontsize=size * 0.75, **style)
        else:
            ax.text(column, row, f"{count}", va="center", fontsize=size, **style)


def _cells(classes: int) -> Iterator[tuple[int, int]]:
    return ((row, column) for row in range(classes) for column in range(classes))


def _name_classes(ax: Axes, names: list[str], cell: float) -> None:
    size = float(np.clip(cell * 0.8, 5, 10))
    step = int(np.ceil(size * 1.1 / cell))  # of very many classes every n-th is named
    ticks = np.arange(0, len(names), step)
    shown = [names[tick] for tick in ticks]
    plain: dict[str, Any] = {"fontsize": size, "parse_math": False, "fontfamily": fonts()}
    ax.set_yticks(ticks, shown, **plain)
    if max(len(name) for name in shown) * size * 0.6 < cell * step:
        ax.set_xticks(ticks, shown, **plain)
    else:
        turned: dict[str, Any] = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
        if cell * step < 14:
            turned = {"rotation": 90, "ha": "right", "va": "center", "rotation_mode": "anchor"}
        ax.set_xticks(ticks, shown, **plain, **turned)
