"""ResultsUI: where is the classifier right, and where is it wrong."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import bqplot
import ipywidgets
import numpy as np
import traitlets
from numpy.typing import ArrayLike

from ..context import Context
from ..data import ClassificationDataset, Image, Label
from ..errors import ImgclsError, UnreadableImageError
from ..evaluation.plot_style import ACCENT, ALERT
from .results import ORDERS, Results
from .theme import text as as_text

__all__ = ["ResultsUI"]

_PHOTO_SIDE = 480
_QUIET = "#9aa5b1"
_MATRIX = "#7db3d5"  # light enough for black figures
_ALL = -1


class ResultsUI(ipywidgets.VBox):
    """Look at photos with their ground truth, prediction and scores, and correct labels.

    Parameters
    ----------
    dataset : ClassificationDataset
        The photos that were scored.
    context : Context, optional
        As in the article; not needed.
    pred_scores : array_like of float, shape (n, classes)
        For example `ClassificationEvaluation.scores`.
    pred_labels : sequence of str, optional
        Name of the predicted class of each photo; default: the class of highest score.
    labels : sequence of str or Label, optional
        Class of each column of the scores; default: the classes of the dataset.

    Attributes
    ----------
    row : int (trait)
        Row in the dataset of the photo that is shown; set it to show another one that matches the
        filters. -1 when none matches.
    which : {"all", "correct", "wrong"} (trait)
    truth, prediction : int (traits)
        Column of the class that is filtered by; -1 for all.
    order : {"loss", "margin", "score", "dataset"} (trait)
    rows : tuple of int
        Rows of the photos that match the filters, in order.
    ui : ResultsUI
        The same object, as in the article.

    Raises
    ------
    EvaluationError
        If scores, predictions and dataset do not fit together.
    """

    row = traitlets.Int(_ALL)
    which: Any = traitlets.Enum(["all", "correct", "wrong"], default_value="all")
    truth = traitlets.Int(_ALL)
    prediction = traitlets.Int(_ALL)
    order: Any = traitlets.Enum(list(ORDERS), default_value="dataset")

    def __init__(
        self,
        dataset: ClassificationDataset,
        context: Context | None = None,
        pred_scores: ArrayLike | None = None,
        pred_labels: Sequence[str] | None = None,
        labels: Sequence[str | Label] | None = None,
    ) -> None:
        super().__init__()
        if pred_scores is None:
            raise ImgclsError("ResultsUI needs pred_scores: those of classifier.score(dataset).")
        self.results = Results(dataset, pred_scores, pred_labels, labels)
        self.rows: tuple[int, ...] = ()
        self._build()
        self.observe(self._filter, ["which", "truth", "prediction", "order"])
        self.observe(self._show, "row")
        self._draw_matrix()
        self._filter()

    @property
    def ui(self) -> ResultsUI:
        """The same object, as in the article."""
        return self

    # -- parts ----------------------------------------------------------------------------------

    def _build(self) -> None:
        names = self.results.names
        classes = [("All classes", _ALL), *((name, i) for i, name in enumerate(names))]
        wide = ipywidgets.Layout(width="100%")
        which = ipywidgets.ToggleButtons(
            options=[("All", "all"), ("Correct", "correct"), ("Wrong", "wrong")],
            style={"button_width": "72px"},
            tooltips=["All photos", "Correctly classified photos", "Wrongly classified photos"],
        )
        truth = ipywidgets.Dropdown(options=classes, description="True", layout=wide)
        prediction = ipywidgets.Dropdown(options=classes, description="Predicted", layout=wide)
        order = ipywidgets.Dropdown(
            options=[(text, key) for key, text in ORDERS.items()], description="Order", layout=wide
        )
        for widget, trait in (
            (which, "which"),
            (truth, "truth"),
            (prediction, "prediction"),
            (order, "order"),
        ):
            ipywidgets.link((self, trait), (widget, "value"))
        clear = ipywidgets.Button(description="Clear the filters", icon="times", layout=wide)
        clear.on_click(self._guarded(lambda _: self._clear()))
        self._matrix, matrix = self._build_matrix()
        self._count = ipywidgets.HTML()
        self._summary = ipywidgets.HTML()
        filters = ipywidgets.VBox(
            [self._summary, which, truth, prediction, order, clear, matrix],
            layout=ipywidgets.Layout(width="300px", flex="0 0 auto", padding="0 16px 0 0"),
        )

        self._position = ipywidgets.IntSlider(
            min=1, max=1, readout=False, continuous_update=False, layout=ipywidgets.Layout(flex="1")
        )
        self._position.observe(self._guarded(self._move_to), "value")
        back, forth = (
            ipywidgets.Button(
                description=text, layout=ipywidgets.Layout(width="96px", flex="0 0 auto")
            )
            for text in ("Image −1", "Image +1")  # noqa: RUF001 - the minus sign, as it is read
        )
        back.on_click(self._guarded(lambda _: self._step(-1)))
        forth.on_click(self._guarded(lambda _: self._step(1)))
        self._photo = ipywidgets.Image(
            format="jpeg", layout=ipywidgets.Layout(max_width="100%", align_self="flex-start")
        )
        self._details = ipywidgets.HTML()
        self._label = ipywidgets.Dropdown(
            options=names,
            description="Label",
            layout=ipywidgets.Layout(width="260px"),
            style={"description_width": "72px"},
        )
        self._label.observe(self._guarded(self._relabel), "value")
        self._bars, bars = self._build_bars()
        self._message = ipywidgets.HTML()
        self._one = ipywidgets.VBox(
            [
                self._photo,
                ipywidgets.HBox([self._details], layout=ipywidgets.Layout(margin="8px 0 0 0")),
                self._label,
                bars,
            ]
        )
        viewer = ipywidgets.VBox(
            [
                ipywidgets.HBox([back, self._position, forth]),
                self._count,
                self._one,
                self._message,
            ],
            layout=ipywidgets.Layout(flex="1 1 320px", min_width="280px"),
        )
        self.children = [
            ipywidgets.HBox([filters, viewer], layout=ipywidgets.Layout(flex_flow="row wrap"))
        ]

    def _build_matrix(self) -> tuple[Any, Any]:
        names = self.results.names
        mark = bqplot.GridHeatMap(
            color=np.zeros((len(names), len(names))),
            row=names,
            column=names,
            scales={
                "row": bqplot.OrdinalScale(reverse=True),
                "column": bqplot.OrdinalScale(),
                "color": bqplot.ColorScale(colors=["#f1f5f8", _MATRIX], min=0, max=1),
            },
            display_format=".0%",
            font_style={"font-size": "11px", "fill": "black"},
            stroke="white",
        )
        mark.on_element_click(self._guarded(self._choose_cell))
        axes = [
            bqplot.Axis(scale=mark.scales["row"], side="left", label="True", label_offset="60px"),
            bqplot.Axis(
                scale=mark.scales["column"],
                label="Predicted",
                label_offset="44px",
                tick_rotate=-30,
                tick_style={"text-anchor": "end"},
            ),
        ]
        figure = bqplot.Figure(
            marks=[mark],
            axes=axes,
            fig_margin={"top": 8, "bottom": 64, "left": 72, "right": 8},
            layout=ipywidgets.Layout(width="284px", height="284px"),
            padding_y=0.0,
            display_toolbar=False,
            background_style={"fill": "transparent"},
        )
        return mark, figure

    def _build_bars(self) -> tuple[Any, Any]:
        names = self.results.names
        mark = bqplot.Bars(
            x=names,
            y=np.zeros(len(names)),
            orientation="horizontal",
            scales={"x": bqplot.OrdinalScale(reverse=True), "y": bqplot.LinearScale(min=0, max=1)},
            colors=[_QUIET],
            padding=0.25,
        )
        axes = [
            bqplot.Axis(scale=mark.scales["x"], side="left", grid_lines="none"),
            bqplot.Axis(scale=mark.scales["y"], tick_format=".0%", num_ticks=5),
        ]
        figure = bqplot.Figure(
            marks=[mark],
            axes=axes,
            fig_margin={"top": 4, "bottom": 32, "left": 96, "right": 24},
            layout=ipywidgets.Layout(width="100%", height=f"{64 + 24 * min(len(names), 24)}px"),
            display_toolbar=False,
            background_style={"fill": "transparent"},
        )
        return mark, figure

    # -- what happens ---------------------------------------------------------------------------

    def _guarded(self, handler: Callable[..., None]) -> Callable[..., None]:
        """`handler`, with what goes wrong shown here: nothing else would show it."""

        @wraps(handler)
        def guarded(*arguments: Any) -> None:
            self._say("")
            try:
                handler(*arguments)
            except Exception as error:  # noqa: BLE001 - shown to the user
                self._say(f"{type(error).__name__}: {error}")

        return guarded

    def _say(self, text: str) -> None:
        self._message.value = f"<span role='alert' style='color:{ALERT}'>{as_text(text)}</span>"

    def _filter(self, _: Any = None) -> None:
        chosen = self.results.rows(
            self.which,
            None if self.truth == _ALL else self.truth,
            None if self.prediction == _ALL else self.prediction,
            self.order,
        )
        self.rows = tuple(chosen.tolist())
        with self._position.hold_trait_notifications():
            self._position.max = max(len(self.rows), 1)
        if self.row not in self.rows:
            self.row = self.rows[0] if self.rows else _ALL
        self._show()

    def _clear(self) -> None:
        with self.hold_trait_notifications():
            self.which, self.truth, self.prediction = "all", _ALL, _ALL

    def _choose_cell(self, _: Any, event: dict[str, Any]) -> None:
        cell = event["data"]
        row, column = int(cell["rowNum"]), int(cell["columnNum"])
        with self.hold_trait_notifications():
            self.which, self.truth, self.prediction = "all", row, column

    def _move_to(self, change: dict[str, Any]) -> None:
        if self.rows:
            self.row = self.rows[change["new"] - 1]

    def _step(self, by: int) -> None:
        if self.row in self.rows:
            place = self.rows.index(self.row) + by
            self.row = self.rows[min(max(place, 0), len(self.rows) - 1)]

    def _relabel(self, change: dict[str, Any]) -> None:
        dataset = self.results.dataset
        if self.row == _ALL or change["new"] is None:
            return
        image = dataset.images[self.row]
        if image.labels and image.labels[0].name == change["new"]:
            return
        dataset.change_label_for_image(image, change["new"])
        self._draw_matrix()
        self._show()

    # -- what is seen ---------------------------------------------------------------------------

    def _draw_matrix(self) -> None:
        matrix = self.results.confusion_matrix()
        # Shares of the true class, so that a small class is seen as well as a large one.
        self._matrix.color = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
        correct, of = self.results.counts()
        share = f" ({correct / of:.1%})" if of else ""
        self._summary.value = f"<b>{correct} of {of} correct</b>{share}"

    def _show(self, _: Any = None) -> None:
        if self.row == _ALL or not self.rows:
            self._one.layout.display = "none"
            self._count.value = "No photos match: clear the filters."
            return
        self._one.layout.display = ""
        if self.row in self.rows:
            place = self.rows.index(self.row)
            self._position.value = place + 1
            self._count.value = f"Photo {place + 1} of {len(self.rows)}"
        image = self.results.dataset.images[self.row]
        names, scores = self.results.names, self.results.scores[self.row]
        predicted = int(self.results.predicted[self.row])
        truth = image.labels[0].name if image.labels else "no label"
        right = truth == names[predicted]
        self._bars.y = scores
        self._bars.colors = [
            (ACCENT if right else ALERT) if i == predicted else _QUIET for i in range(len(names))
        ]
        lines = {
            "True": truth,
            "Predicted": f"{names[predicted]} ({scores[predicted]:.1%}), "
            + ("correct" if right else "wrong"),
            "Name": image.name,
            "Number": str(self.row),
            "Path": image.storage_path,
        }
        cells = "".join(
            f"<tr><td style='padding-right:16px;opacity:.7'>{key}</td>"
            f"<td style='overflow-wrap:anywhere'>{as_text(text)}</td></tr>"
            for key, text in lines.items()
        )
        self._details.value = f"<table style='line-height:1.5'>{cells}</table>"
        self._label.value = truth if truth in names else None
        try:
            self._photo.value = _jpeg(image)
            self._photo.layout.display = ""
        except UnreadableImageError as error:
            self._photo.layout.display = "none"
            self._say(str(error))


def _jpeg(image: Image) -> bytes:
    """The photo, upright and small, for the browser."""
    buffer = io.BytesIO()
    image.thumbnail(_PHOTO_SIDE).save(buffer, "JPEG", quality=85)
    return buffer.getvalue()
