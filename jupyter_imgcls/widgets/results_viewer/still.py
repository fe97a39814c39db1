"""The still picture of ResultsUI: the confusion matrix, and the first photos that match."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import UnreadableImageError
from ...text import shown_name
from .matches import Results

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw_results"]

_PHOTOS = (2, 3)
_PIXELS = 96


def draw_results(figure: Figure, results: Results, rows: Sequence[int]) -> None:
    """Draw on an empty figure; the photos are those in `rows` of the dataset, six at most."""
    parts: Any = figure.subfigures(1, 2, width_ratios=[1, 1.4])
    ax = parts[0].subplots()
    counts = results.confusion_matrix()
    correct, of = results.counts()
    ax.imshow(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1), "Blues", vmin=0, vmax=1.4)
    if len(counts) <= 8:
        for (row, column), count in np.ndenumerate(counts):
            ax.text(column, row, str(count), ha="center", va="center", fontsize=9)
    names = [_plain(name) for name in results.names]
    ax.set_xticks(range(len(names)), names, rotation=35, ha="right", fontsize=8)
    ax.set_yticks(range(len(names)), names, fontsize=8)
    ax.set(xlabel="Predicted", ylabel="True")
    ax.set_title(f"{correct} of {of} correct", fontsize=11)
    places = parts[1].subplots(*_PHOTOS).ravel()
    for ax in places:
        ax.set_axis_off()
    for ax, row in zip(places, rows, strict=False):
        image = results.dataset.images[row]
        labels = image.labels
        predicted = results.names[results.predicted[row]]
        sign = "=" if labels and labels[0].name == predicted else "≠"  # that fonts have
        true = _plain(labels[0].name) if labels else "no label"
        ax.set_title(f"{true} {sign} {_plain(predicted)}", fontsize=8)
        try:
            ax.imshow(np.asarray(image.thumbnail(_PIXELS)))
        except UnreadableImageError:
            ax.text(0.5, 0.5, "unreadable", ha="center", va="center", fontsize=8)


def _plain(name: str) -> str:
    return shown_name(name, 12).replace("$", r"\$")
