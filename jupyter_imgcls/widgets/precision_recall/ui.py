"""Choosing a threshold on the precision-recall curve."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import bqplot
import ipywidgets
import numpy as np
import traitlets
from numpy.typing import ArrayLike

from ...data import ClassificationDataset
from ...errors import EvaluationError
from ...evaluation import ClassificationEvaluation
from ...evaluation.plot_curves import thinned
from ...style import ACCENT, ALERT, PALETTE
from ..base.frame import Frame, Key
from ..base.still import StillPicture
from ..base.theme import (
    ErrorMessage,
    axis,
    button,
    figure,
    free_of_busy_cells,
    legend,
    rows,
    stylesheet,
    tiles,
)
from .operating_points import OperatingPoints
from .wrong_side import WrongSideView

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["PrecisionRecallUI"]

_KEYS = [
    Key("ArrowLeft ArrowRight", "← →", "next higher, next lower threshold"),
    Key("Home End", "Home, End", "highest, lowest threshold"),
    Key("b", "B", "the threshold of the highest F1"),
    Key("", "Click, drag", "choose a point on the curve"),
]
_MICRO = "All classes (micro average)"


class PrecisionRecallUI(StillPicture, ipywidgets.VBox):
    """The precision-recall curve, on which a click or a drag picks an operating point.

    Arrow keys, the slider and the buttons step along the measured points; `?` lists the keys. It
    begins at the point of the highest F1.

    Parameters
    ----------
    precisions, recalls : array_like of float, shape (n,), optional
        A curve, in [0, 1] or in percent, in either order.
    thresholds : array_like of float, shape (n,) or (n - 1,), optional
        Of its points; that of scikit-learn's last point, which has none, may be missing.
    evaluation : ClassificationEvaluation, optional
        Instead of a curve: those of all its classes and their micro average, to choose from, with
        the number of photos on the wrong side of the threshold.
    dataset : ClassificationDataset, optional
        The test set of `evaluation`, to show those photos.

    Attributes
    ----------
    threshold : float
        Trait, to read, set and observe: scores from it on count as the class. One that was not
        measured becomes the measured one that decides the same.
    class_name : str
        Trait, to read, set and observe: the class whose curve is shown; ``""`` for the micro
        average.
    height : int
        Trait, to read, set and observe: of the chart in CSS pixels, 160 to 2000.
    precision, recall, f1 : float
        Traits, read-only: at the threshold, in [0, 1].
    ui : PrecisionRecallUI
        The object itself, as the article displays it.

    Raises
    ------
    EvaluationError
        If the curve's numbers do not fit each other, or the dataset is not that of the evaluation.

    Examples
    --------
    >>> from jupyter_imgcls.widgets.precision_recall.ui import PrecisionRecallUI
    >>> ui = PrecisionRecallUI([1.0, 0.8, 0.5], [0.4, 0.8, 1.0], [0.9, 0.6, 0.2])
    >>> ui.threshold, ui.recall
    (0.6, 0.8)
    >>> ui.threshold = 0.15
    >>> ui.threshold, ui.recall
    (0.2, 1.0)
    """

    threshold = traitlets.Float()
    class_name = traitlets.Unicode("")
    precision = traitlets.Float(read_only=True)
    recall = traitlets.Float(read_only=True)
    f1 = traitlets.Float(read_only=True)
    height = traitlets.Int(300, min=160, max=2000)

    def __init__(
        self,
        precisions: ArrayLike | None = None,
        recalls: ArrayLike | None = None,
        thresholds: ArrayLike | None = None,
        *,
        evaluation: ClassificationEvaluation | None = None,
        dataset: ClassificationDataset | None = None,
    ) -> None:
        self._evaluation = evaluation
        self._points = _points_of(precisions, recalls, thresholds, evaluation, dataset)
        self._legend = ipywidgets.HTML()
        self._frame = Frame("Precision and recall", _KEYS, self._press, self.height)
        self._make_chart()
        self._numbers = ipywidgets.HTML(layout=ipywidgets.Layout(width="auto"))
        self._problem = ErrorMessage()
        self._slider = ipywidgets.IntSlider(
            min=0,
            max=len(self._points) - 1,
            readout=False,
            tooltip="Left: higher precision. Right: higher recall.",
            layout=ipywidgets.Layout(flex="1 1 auto", width="auto", min_width="96px"),
        )
        self._slider.observe(self._slid, "value")
        free_of_busy_cells(self._slider)
        self._frame.describe(
            self._slider, "Operating point, from higher precision to higher recall"
        )
        steps = [
            self._button("Higher precision", "chevron-left", "Next higher threshold", -1),
            self._slider,
            self._button("Higher recall", "chevron-right", "Next lower threshold", 1),
            self._button("best F1", "bullseye", "The threshold of the highest F1", 0),
            self._frame,
        ]
        self._classes = ipywidgets.Dropdown(
            options=[(_MICRO, "")],
            description="Class",
            style={"description_width": "48px"},
            layout=ipywidgets.Layout(width="auto", max_width="360px"),
        )
        self._wrong = None if evaluation is None else WrongSideView(evaluation, dataset)
        super().__init__(layout=ipywidgets.Layout(grid_gap="8px"))
        self.add_class("imgcls")
        traitlets.link((self, "height"), (self._frame, "height"))
        self.observe(self._move, "threshold")
        self.observe(self._change_class, "class_name")
        side = [
            self._numbers,
            ipywidgets.HBox(
                steps, layout=ipywidgets.Layout(flex_flow="row wrap", align_items="center")
            ),
        ]
        if evaluation is not None:
            untested = {label.name for label in evaluation.untested_labels}
            names = [label.name for label in evaluation.labels if label.name not in untested]
            self._classes.options = [(_MICRO, ""), *((name, name) for name in names)]
            self._classes.observe(self._chose_class, "value")
            free_of_busy_cells(self._classes)
            side.insert(0, self._classes)
        beside = ipywidgets.VBox(
            side, layout=ipywidgets.Layout(flex="1 1 260px", min_width="0", grid_gap="12px")
        )
        parts = [stylesheet(), rows(self._chart, beside, gap=24), self._problem]
        self.children = [*parts, self._wrong] if self._wrong else parts
        self._show_curve()

    @property
    def ui(self) -> PrecisionRecallUI:
        """The object itself."""
        return self

    @traitlets.validate("threshold")
    def _measured(self, proposal: dict[str, Any]) -> float:
        if not math.isfinite(proposal["value"]):
            raise traitlets.TraitError("threshold must be a number, not infinite or NaN.")
        return float(self._points.thresholds[self._points.at(proposal["value"])])

    @traitlets.validate("class_name")
    def _known(self, proposal: dict[str, Any]) -> str:
        names = [value for _, value in self._classes.options]
        if proposal["value"] not in names:
            raise traitlets.TraitError(f"There is no curve of a class {proposal['value']!r}.")
        return str(proposal["value"])

    # -- showing --------------------------------------------------------------------------------

    def _make_chart(self) -> None:
        scales = {
            "x": bqplot.LinearScale(min=0, max=101, allow_padding=False),
            "y": bqplot.LinearScale(min=0, max=103, allow_padding=False),
        }
        ticks = np.arange(0, 101, 20)
        axes = [
            axis(scales["x"], "Recall, %", tick_values=ticks),
            axis(scales["y"], "Precision, %", side="left", tick_values=ticks),
        ]
        self._line = bqplot.Lines(
            x=[], y=[], scales=scales, interpolation="step-before", stroke_width=2
        )
        # A click adds a point, a drag moves the one there is; the nearest measured one follows.
        self._dot = bqplot.Scatter(
            x=[],
            y=[],
            scales=scales,
            colors=[ALERT],
            default_size=160,
            stroke="white",
            interactions={"click": "add"},
            enable_move=True,
            drag_size=1.4,
        )
        self._dot.observe(self._put, ["x", "y"])
        self._dot.on_drag(self._dragged)
        self._dot.on_drag_end(self._dragged)
        free_of_busy_cells(self._dot)
        chart = figure([self._line, self._dot], axes, self.height)
        self._frame.describe(chart, "Precision by recall: the slider goes along this curve")
        self._chart = ipywidgets.VBox(
            [self._legend, chart], layout=ipywidgets.Layout(flex="2 1 320px", min_width="0")
        )

    def _show_curve(self) -> None:
        """Show another curve, at its best F1."""
        points = self._points
        colour, name = ACCENT, "micro average" if self._evaluation is not None else "measured"
        if self.class_name:
            names = [label.name for label in self._evaluation.labels]  # type: ignore[union-attr]
            colour, name = PALETTE[names.index(self.class_name) % len(PALETTE)], self.class_name
        self._legend.value = legend("Precision and recall", {name: colour, "chosen": ALERT})
        recalls, precisions = thinned(points.recalls, points.precisions)
        with self._line.hold_sync():
            self._line.x, self._line.y = 100 * recalls, 100 * precisions
            self._line.colors = [colour]
        self._slider.max = len(points) - 1
        self._choose(int(points.f1.argmax()))
        self._show_point()

    def _move(self, _change: object) -> None:
        with self._problem.showing():
            self._show_point()

    def _show_point(self) -> None:
        points, number = self._points, self._points.at(self.threshold)
        self.set_trait("precision", float(points.precisions[number]))
        self.set_trait("recall", float(points.recalls[number]))
        self.set_trait("f1", float(points.f1[number]))
        self._slider.value = number
        self._place_dot()
        numbers = {
            "Precision": f"{self.precision:.1%}",
            "Recall": f"{self.recall:.1%}",
            "F1": f"{self.f1:.1%}",
            "Threshold": f"{self.threshold:.3f}",
        }
        self._numbers.value = tiles(numbers)
        self._frame.said = ", ".join(f"{name} {value}" for name, value in numbers.items())
        if self._wrong is not None and self._evaluation is not None:
            names = [label.name for label in self._evaluation.labels]
            column = names.index(self.class_name) if self.class_name else None
            self._wrong.show(self.threshold, column)

    def _place_dot(self) -> None:
        with self._dot.hold_sync(), self._dot.hold_trait_notifications():
            self._dot.x = np.array([100 * self.recall])
            self._dot.y = np.array([100 * self.precision])

    def draw_still(self, figure: Figure) -> None:
        """Draw the curve and the chosen point on an empty matplotlib figure."""
        ax = figure.subplots()
        ax.plot(
            self._line.x, self._line.y, color=self._line.colors[0], drawstyle="steps-pre", zorder=2
        )
        ax.plot(self._dot.x, self._dot.y, "o", color=ALERT, zorder=3)
        ax.set(xlabel="Recall, %", ylabel="Precision, %", xlim=(0, 102), ylim=(0, 103))
        ax.grid(alpha=0.25, linewidth=0.6)
        ax.spines[["top", "right"]].set_visible(False)
        ax.set_title(
            f"Threshold {self.threshold:.3f}: precision {self.precision:.1%}, "
            f"recall {self.recall:.1%}, F1 {self.f1:.1%}",
            fontsize=11,
        )

    # -- choosing -------------------------------------------------------------------------------

    def _choose(self, number: int) -> None:
        self.threshold = float(self._points.thresholds[number])

    def _slid(self, change: dict[str, Any]) -> None:
        self._choose(change["new"])

    def _put(self, _change: object) -> None:
        with self._problem.showing():
            recall, precision = self._dot.x[-1], self._dot.y[-1]
            was_clicked = len(self._dot.x) > 1
            if was_clicked:
                self._pick(recall, precision)
            # Where a drag left it comes late, maybe after another choice: `_dragged` has seen it.
            if was_clicked or (recall, precision) != (100 * self.recall, 100 * self.precision):
                self._place_dot()

    def _dragged(self, _mark: object, event: dict[str, Any]) -> None:
        with self._problem.showing():
            self._pick(event["point"]["x"], event["point"]["y"])

    def _pick(self, recall: float, precision: float) -> None:
        self._choose(self._points.nearest(recall / 100, precision / 100))

    def _press(self, key: str) -> None:
        step = {"ArrowLeft": -1, "ArrowRight": 1, "Home": -len(self._points), "b": 0}
        self._step(step.get(key, len(self._points)))

    def _step(self, by: int) -> None:
        """Go on along the points; 0 goes to the best one."""
        with self._problem.showing():
            number = self._points.at(self.threshold) + by
            if by == 0:
                number = int(self._points.f1.argmax())
            self._choose(min(max(number, 0), len(self._points) - 1))

    def _button(self, name: str, icon: str, tooltip: str, step: int) -> ipywidgets.Button:
        return button(name, lambda: self._step(step), icon, tooltip, width="auto")

    def _chose_class(self, change: dict[str, Any]) -> None:
        self.class_name = change["new"]

    def _change_class(self, change: dict[str, Any]) -> None:
        with self._problem.showing():
            self._classes.value = change["new"]
            if self._evaluation is not None:
                self._points = _curve_of(self._evaluation, change["new"])
            self._show_curve()


def _points_of(
    precisions: ArrayLike | None,
    recalls: ArrayLike | None,
    thresholds: ArrayLike | None,
    evaluation: ClassificationEvaluation | None,
    dataset: ClassificationDataset | None,
) -> OperatingPoints:
    curve = (precisions, recalls, thresholds)
    if evaluation is None:
        if precisions is None or recalls is None or thresholds is None:
            raise EvaluationError("Give precisions, recalls and thresholds, or an evaluation.")
        if dataset is not None:
            raise EvaluationError("The photos are shown with an evaluation: give it, no curve.")
        return OperatingPoints.create(precisions, recalls, thresholds)
    if any(values is not None for values in curve):
        raise EvaluationError(
            "Give precisions, recalls and thresholds, or an evaluation, not both."
        )
    if dataset is not None and list(dataset.paths) != list(evaluation.paths):
        raise EvaluationError(
            f"The dataset {dataset.name!r} is not the test set of the evaluation: its photos are "
            "others, or in another order. Give the dataset that was evaluated."
        )
    return _curve_of(evaluation, "")


def _curve_of(evaluation: ClassificationEvaluation, class_name: str) -> OperatingPoints:
    return OperatingPoints.create(*evaluation.compute_precision_recall_curve(class_name or None))
