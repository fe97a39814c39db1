"""The confusion matrix of ResultsUI, whose cells and labels can be clicked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import bqplot
import ipywidgets
import numpy as np
from numpy.typing import NDArray

from ...text import shown_name

__all__ = ["ConfusionMatrix", "short_names"]

_COLOURS = ["rgba(0, 114, 178, 0.04)", "rgba(0, 114, 178, 0.6)"]  # over either theme's ground
_MOST_FIGURES = 8  # classes, above which the shares would not fit their cells
_MOST_WORDS = 8  # mistakes
_SIDE = "244px"


class ConfusionMatrix(bqplot.Figure):
    """Shares of each true class (rows) by prediction (columns).

    Parameters
    ----------
    names : sequence of str
        The classes.
    on_cell : callable
        Called with row and column of a cell that was clicked.
    """

    def __init__(self, names: list[str], on_cell: Callable[[int, int], None]) -> None:
        self._shown = short_names(names)
        self._cells = bqplot.GridHeatMap(
            color=np.zeros((len(names), len(names))),
            row=self._shown,
            column=self._shown,
            scales={
                "row": bqplot.OrdinalScale(reverse=True),
                "column": bqplot.OrdinalScale(),
                "color": bqplot.ColorScale(colors=_COLOURS, min=0, max=1),
            },
            display_format=".0%" if len(names) <= _MOST_FIGURES else None,
            font_style={"font-size": "11px", "fill": "var(--imgcls-text)"},
            stroke="var(--imgcls-line-soft)",
        )
        self._cells.on_element_click(lambda _, event: on_cell(*_place(event)))
        scales = self._cells.scales
        super().__init__(
            marks=[self._cells],
            axes=[
                bqplot.Axis(
                    scale=scales["row"],
                    side="left",
                    label="True",
                    label_offset="68px",
                    grid_lines="none",
                ),
                bqplot.Axis(
                    scale=scales["column"],
                    label="Predicted",
                    label_offset="52px",
                    grid_lines="none",
                    tick_rotate=-35,
                    tick_style={"text-anchor": "end"},
                ),
            ],
            fig_margin={"top": 4, "bottom": 72, "left": 84, "right": 8},
            layout=ipywidgets.Layout(width=_SIDE, height=_SIDE),
            padding_x=0.0,
            padding_y=0.0,
            display_toolbar=False,
            animation_duration=0,
        )
        self.add_class("imgcls-ticks")

    def show(self, counts: NDArray[np.intp]) -> None:
        """Show numbers of photos, of shape (classes, classes)."""
        # Shares of the true class, so that a small class is seen as well as a large one.
        self._cells.color = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        self._counts = counts

    def words(self) -> str:
        """What it shows, for who does not see it: the most frequent mistakes."""
        wrong = np.where(np.eye(len(self._counts), dtype=bool), 0, self._counts)
        worst = np.argsort(-wrong, axis=None, kind="stable")[:_MOST_WORDS]
        mistakes = [
            f"{self._shown[row]} taken for {self._shown[column]}: {wrong[row, column]}"
            for row, column in zip(*np.unravel_index(worst, wrong.shape), strict=True)
            if wrong[row, column]
        ]
        return f"Confusion matrix; {', '.join(mistakes) or 'no mistake'}"

    def class_of(self, label: str) -> int:
        """Number of the class that a tick's text stands for."""
        return self._shown.index(label)


def short_names(names: list[str], longest: int = 10) -> list[str]:
    """Names that fit beside a chart, each still another one."""
    short: list[str] = []
    for name in names:
        shown = shown_name(name, longest)
        if shown in short:
            shown = f"{shown} ({len(short) + 1})"
        short.append(shown)
    return short


def _place(event: dict[str, Any]) -> tuple[int, int]:
    return int(event["data"]["rowNum"]), int(event["data"]["columnNum"])
