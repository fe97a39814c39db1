"""One photo of ResultsUI: the picture, what is known of it, and the scores of all classes."""

from __future__ import annotations

import io

import bqplot
import ipywidgets
import numpy as np

from ...data import Image
from ...errors import UnreadableImageError
from ...style import ACCENT, ALERT, QUIET
from ..base.frame import Frame
from ..base.theme import ErrorMessage, text
from .matches import Results
from .matrix import short_names

__all__ = ["PhotoView"]

_PIXELS = 640
_MOST_BARS = 24
_MOST_WORDS = 5  # classes


class PhotoView:
    """The parts that show one photo, for ResultsUI to place.

    Attributes
    ----------
    picture, details, bars : ipywidgets.Widget
    """

    def __init__(self, results: Results, problem: ErrorMessage, frame: Frame) -> None:
        self._results = results
        self._problem = problem
        self._frame = frame
        self._image = ipywidgets.Image(format="jpeg")
        # A box of a fixed height, so that nothing jumps from photo to photo.
        self.picture = ipywidgets.Box(
            [self._image], layout=ipywidgets.Layout(flex="1 1 240px", min_width="0")
        )
        for name in ("imgcls-main", "imgcls-photo"):
            self.picture.add_class(name)
        self.details = ipywidgets.HTML(layout=ipywidgets.Layout(width="auto"))
        names = results.names
        self._scores = bqplot.Bars(
            x=short_names(names),
            y=np.zeros(len(names)),
            orientation="horizontal",
            scales={"x": bqplot.OrdinalScale(reverse=True), "y": bqplot.LinearScale(min=0, max=1)},
            colors=[QUIET],
            padding=0.25,
        )
        scales = self._scores.scales
        self.bars = bqplot.Figure(
            marks=[self._scores],
            axes=[
                bqplot.Axis(scale=scales["x"], side="left", grid_lines="none"),
                bqplot.Axis(scale=scales["y"], tick_format=".0%", num_ticks=5),
            ],
            fig_margin={"top": 4, "bottom": 24, "left": 84, "right": 24},
            min_aspect_ratio=0.1,
            max_aspect_ratio=100,
            layout=ipywidgets.Layout(
                width="auto", min_width="0", height=f"{44 + 24 * min(len(names), _MOST_BARS)}px"
            ),
            display_toolbar=False,
            animation_duration=0,
        )

    def show(self, row: int) -> None:
        """Show the photo in a row of the dataset."""
        image = self._results.dataset.images[row]
        names, scores = self._results.names, self._results.scores[row]
        predicted = int(self._results.predicted[row])
        truth = ", ".join(label.name for label in image.labels) or "no label"
        right = bool(image.labels) and image.labels[0].name == names[predicted]
        verdict = "" if not image.labels else ", correct" if right else ", wrong"
        with self._scores.hold_sync():
            self._scores.y = scores
            colour = ACCENT if right else ALERT
            self._scores.colors = [colour if i == predicted else QUIET for i in range(len(names))]
        lines = {
            "True": truth,
            "Predicted": f"{names[predicted]} ({scores[predicted]:.1%}){verdict}",
            "Name": image.name,
            "Number": str(row),
            "Path": image.storage_path,
        }
        cells = "".join(
            f"<tr><th scope='row'>{key}</th><td>{text(words)}</td></tr>"
            for key, words in lines.items()
        )
        self.details.value = f"<table class='imgcls-table'>{cells}</table>"
        best = np.argsort(-scores, kind="stable")[:_MOST_WORDS]
        told = ", ".join(f"{names[i]} {scores[i]:.1%}" for i in best)
        self._frame.describe(self.bars, f"Scores: {told}")
        self._frame.describe(self._image, image.name)
        self._frame.said = f"{image.name}: {truth}, predicted {names[predicted]}{verdict}"
        try:
            self._image.value = _jpeg(image)
            self._image.layout.display = ""
        except UnreadableImageError as error:
            self._image.layout.display = "none"
            self._problem.say(str(error))


def _jpeg(image: Image) -> bytes:
    """The photo, upright and small, for the browser."""
    buffer = io.BytesIO()
    image.thumbnail(_PIXELS).save(buffer, "JPEG", quality=85)
    return buffer.getvalue()
