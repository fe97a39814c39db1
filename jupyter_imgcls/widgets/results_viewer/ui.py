"""ResultsUI: where is the classifier right, and where is it wrong."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import ipywidgets
import traitlets
from numpy.typing import ArrayLike

from ...context import Context
from ...data import ClassificationDataset, Label
from ...data.journal import Journal
from ...errors import ImgclsError
from ...style import PALETTE
from ...text import shown_name
from ..base.frame import Frame, Key
from ..base.still import StillPicture
from ..base.theme import ErrorMessage, button, free_of_busy_cells, rows, stylesheet, text
from ..image_grid import Badge, ImageGrid
from .labels import LabelEditor
from .matches import ORDERS, Results
from .matrix import ConfusionMatrix
from .photo import PhotoView
from .still import draw_results

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["ResultsUI"]

_ALL = -1


class ResultsUI(StillPicture, ipywidgets.VBox):
    """Look at photos with their ground truth, prediction and scores, and correct labels.

    The photos that match the filters are in a grid; one of them is seen large, with the scores of
    all classes. A click on a cell of the confusion matrix, or on a class beside or below it,
    filters by it, and a second click clears that. Labels are changed through the dataset's journal
    and are on disk at once; a photo whose label was changed stays in the grid until a filter
    changes.

    Parameters
    ----------
    dataset : ClassificationDataset
        The photos that were scored. Its labels become those of its journal, if it has one from
        before.
    context : Context, optional
        Where the journal is; default: where it is open already, else the global context.
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
    height : int (trait)
        Height of the large photo in CSS pixels, 160 to 2000. That of the grid is ``grid.height``.
    rows : tuple of int
        Rows of the photos that match the filters, in order.
    grid : ImageGrid
        The photos that match; ``grid.selected`` are those that a label is given to.
    journal : Journal
        The edits: undo, redo, history, `commit`.
    ui : ResultsUI
        The same object, as in the article.

    Raises
    ------
    EvaluationError
        If scores, predictions and dataset do not fit together.
    StorageError
        If the journal cannot be opened.
    DatasetError
        If the dataset has a journal of another context.
    """

    row = traitlets.Int(_ALL)
    which: Any = traitlets.Enum(["all", "correct", "wrong"], default_value="all")
    truth = traitlets.Int(_ALL)
    prediction = traitlets.Int(_ALL)
    order: Any = traitlets.Enum(list(ORDERS), default_value="dataset")
    height = traitlets.Int(320, min=160, max=2000)
    _what_to_do = "Run the cell again, so that the scores go by the new name."

    def __init__(
        self,
        dataset: ClassificationDataset,
        context: Context | None = None,
        pred_scores: ArrayLike | None = None,
        pred_labels: Sequence[str] | None = None,
        labels: Sequence[str | Label] | None = None,
    ) -> None:
        if pred_scores is None:
            raise ImgclsError("ResultsUI needs pred_scores: those of classifier.score(dataset).")
        self.results = Results(dataset, pred_scores, pred_labels, labels)
        journal = Journal.of(dataset) if context is None else None
        self.journal = journal or Journal.open(dataset, context)
        self.rows: tuple[int, ...] = ()
        self._known = {label.name for label in dataset.labels} & set(self.results.names)
        # Handlers may run in several threads. It is taken after the journal's lock, never before.
        self._lock = threading.RLock()
        super().__init__(layout=ipywidgets.Layout(grid_gap="8px"))
        self.add_class("imgcls")
        self._build()
        self.observe(self._filter, ["which", "truth", "prediction", "order"])
        self.observe(self._show, "row")
        self.grid.observe(self._on_shown, "shown")
        self.journal.listeners.append(self._on_edits)
        self.journal.watch()
        self._draw_counts()
        self._filter()

    @property
    def ui(self) -> ResultsUI:
        """The same object, as in the article."""
        return self

    def close(self) -> None:
        """Take the widget off the page; the journal stays open."""
        journal = getattr(self, "journal", None)  # not there if the widget could not be made
        if journal is not None and self._on_edits in journal.listeners:
            journal.listeners.remove(self._on_edits)
        super().close()

    def draw_still(self, figure: Figure) -> None:
        """Draw the confusion matrix and the first photos on an empty matplotlib figure."""
        draw_results(figure, self.results, self.rows)

    # -- parts ----------------------------------------------------------------------------------

    def _build(self) -> None:
        self._problem = ErrorMessage()
        self._labels = LabelEditor(self.journal, self.results.names, self._problem, self._say)
        self._frame = Frame(
            "Results", self._keys(), self._press, self.height, self._guarded(self._choose_class)
        )
        traitlets.link((self, "height"), (self._frame, "height"))
        self._summary = ipywidgets.HTML(layout=ipywidgets.Layout(flex="1 1 auto"))
        head = ipywidgets.HBox(
            [self._summary, self._labels.undo, self._labels.redo, self._frame],
            layout=ipywidgets.Layout(align_items="center", grid_gap="4px"),
        )
        # The large photo, which all views share, is the one to label.
        self.grid = ImageGrid(
            self.results.dataset, badge=self._badge, linked=True, height=320, thumbnail_size=112
        )
        self.grid.layout = ipywidgets.Layout(flex="1 1 360px", min_width="0")
        self.grid.observe(self._guarded(self._on_grid), ["active", "selected"])
        self.children = [
            stylesheet(),
            head,
            self._problem,
            rows(self._build_filters(), self.grid, self._build_detail(), gap=16),
        ]

    def _build_filters(self) -> ipywidgets.VBox:
        classes = [
            ("All classes", _ALL),
            *((shown_name(name, 60), i) for i, name in enumerate(self.results.names)),
        ]
        which = ipywidgets.ToggleButtons(
            options=[("All", "all"), ("Correct", "correct"), ("Wrong", "wrong")],
            style={"button_width": "76px"},
            tooltips=["All photos", "Correctly classified photos", "Wrongly classified photos"],
        )
        orders = [(words, key) for key, words in ORDERS.items()]
        fields: dict[str, tuple[str, list[Any]]] = {
            "truth": ("True", classes),
            "prediction": ("Predicted", classes),
            "order": ("Order", orders),
        }
        wide = ipywidgets.Layout(width="auto")
        lists = {
            trait: ipywidgets.Dropdown(
                options=options, description=name, layout=wide, style={"description_width": "64px"}
            )
            for trait, (name, options) in fields.items()
        }
        for trait, widget in {"which": which, **lists}.items():
            ipywidgets.link((self, trait), (widget, "value"))
            free_of_busy_cells(widget)
        self._matrix = ConfusionMatrix(self.results.names, self._guarded(self._choose_cell))
        clear = button("Clear the filters", self._guarded(self._clear), "times", width="auto")
        return ipywidgets.VBox(
            [which, *lists.values(), clear, self._matrix],
            layout=ipywidgets.Layout(width="244px", flex="0 0 auto"),
        )

    def _build_detail(self) -> ipywidgets.VBox:
        self._photo = PhotoView(self.results, self._problem, self._frame)
        self._count = ipywidgets.HTML()
        self._position = ipywidgets.IntSlider(
            min=1,
            max=1,
            readout=False,
            continuous_update=False,
            layout=ipywidgets.Layout(flex="1 1 64px", width="auto", min_width="64px"),
        )
        self._position.observe(self._guarded(self._move_to), "value")
        free_of_busy_cells(self._position)
        self._frame.describe(self._position, "Photo")
        step = self._guarded(self._step)
        back, forth = (
            button(name, partial(step, by), width="88px", flex="0 0 auto")
            for name, by in {"Previous": -1, "Next": 1}.items()
        )
        facts = ipywidgets.VBox(
            [
                self._photo.details,
                ipywidgets.HBox([self._labels.choice]),
                self._labels.note,
                self._photo.bars,
            ],
            layout=ipywidgets.Layout(flex="1 1 220px", min_width="0", grid_gap="4px"),
        )
        self._one = rows(self._photo.picture, facts, gap=16)
        return ipywidgets.VBox(
            [ipywidgets.HBox([back, self._position, forth]), self._count, self._one],
            layout=ipywidgets.Layout(flex="1 1 480px", min_width="0", grid_gap="4px"),
        )

    def _keys(self) -> list[Key]:
        moves = Key("ArrowLeft ArrowRight", "← →", "previous / next photo")
        return [moves, *self._labels.keys]

    def _badge(self, row: int) -> Badge | None:
        if not self.results.readable[row]:
            return None
        name = self.results.names[self.results.predicted[row]]
        labels = self.results.dataset.labels_of_row(row)
        mark = "" if not labels else "✓ " if labels[0].name == name else "✗ "
        return mark + shown_name(name), PALETTE[self._labels.classes.index(name) % len(PALETTE)]

    # -- what happens ---------------------------------------------------------------------------

    def _guarded(self, handler: Callable[..., None]) -> Callable[..., None]:
        """`handler`, alone at a time, with what goes wrong shown here: nothing else would."""

        def guarded(*arguments: Any) -> None:
            with self._lock, self._problem.showing():
                handler(*arguments)

        return guarded

    def _press(self, key: str) -> None:
        if key.startswith("Arrow"):
            self._guarded(self._step)(-1 if key == "ArrowLeft" else 1)
        else:
            self._labels.press(key)

    def _on_shown(self, change: Any) -> None:
        if change["new"]:
            self._on_edits(None)  # what was changed meanwhile

    def _on_edits(self, changed: frozenset[int] | None) -> None:
        if not self.grid.shown:
            return
        with self._lock, self._problem.showing():
            if changed is None:
                self._labels.show_classes()
                self._frame.key_list = [list(key) for key in self._keys()]
            self._draw_counts()
            self.grid.refresh()
            if changed and not changed & set(self._labels.rows):
                # Undone elsewhere: show what it was.
                self._go(next((row for row in self.rows if row in changed), self.row))
            self._show()
            gone = self._known - {label.name for label in self.results.dataset.labels}
            if gone:
                self._problem.say(
                    f"{', '.join(sorted(gone))}: renamed or merged since this was shown. "
                    f"{self._what_to_do}"
                )

    def _filter(self, _: Any = None) -> None:
        with self._lock:
            chosen = self.results.rows(
                self.which,
                None if self.truth == _ALL else self.truth,
                None if self.prediction == _ALL else self.prediction,
                self.order,
            )
            self.rows = tuple(chosen.tolist())
            self.grid.order = chosen
            self._position.max = max(len(self.rows), 1)
            if self.row not in self.rows:
                self.row = self.rows[0] if self.rows else _ALL
            self._show()

    def _set_filter(self, truth: int, prediction: int) -> None:
        with self.hold_trait_notifications():
            self.which, self.truth, self.prediction = "all", truth, prediction

    def _clear(self) -> None:
        self._set_filter(_ALL, _ALL)

    def _choose_cell(self, truth: int, prediction: int) -> None:
        again = (self.truth, self.prediction) == (truth, prediction)
        self._set_filter(*((_ALL, _ALL) if again else (truth, prediction)))

    def _choose_class(self, side: str, label: str) -> None:
        column = self._matrix.class_of(label)
        self._choose_cell(*((column, _ALL) if side == "row" else (_ALL, column)))

    def _on_grid(self, change: dict[str, Any]) -> None:
        if change["name"] == "active" and self.grid.active != _ALL:
            self.row = self.grid.active
        self._labels.show(self._to_label())

    def _move_to(self, change: dict[str, Any]) -> None:
        if self.rows:
            self._go(self.rows[change["new"] - 1])

    def _step(self, by: int) -> None:
        if self.row in self.rows:
            place = self.rows.index(self.row) + by
            self._go(self.rows[min(max(place, 0), len(self.rows) - 1)])

    def _go(self, row: int) -> None:
        """Show another photo, which is then the one to label, whatever was selected."""
        self.row = row
        if row not in self.grid.selected or len(self.grid.selected) > 1:
            self.grid.selected = [] if row == _ALL else [row]

    # -- what is seen ---------------------------------------------------------------------------

    def _to_label(self) -> list[int]:
        selected: list[int] = self.grid.selected.tolist()
        return selected or [row for row in [self.row] if row != _ALL]

    def _say(self, words: str) -> None:
        self._frame.said = words

    def _draw_counts(self) -> None:
        self._matrix.show(self.results.confusion_matrix())
        self._frame.describe(self._matrix, self._matrix.words())
        correct, of = self.results.counts()
        share = f" ({correct / of:.1%})" if of else ""
        self._summary.value = (
            f'<span class="imgcls-title">{text(f"{correct} of {of} correct")}</span>{share}'
        )

    def _show(self, _: Any = None) -> None:
        with self._lock:
            shown = self.row != _ALL and bool(self.rows)
            self._one.layout.display = "" if shown else "none"
            self.grid.active = self.row if shown else _ALL
            self._labels.show(self._to_label())
            if not shown:
                self._count.value = "No photos match: clear the filters."
                self._say(self._count.value)
                return
            if self.row in self.rows:
                place = self.rows.index(self.row) + 1
                self._position.value = place
                self._count.value = f"Photo {place} of {len(self.rows)}"
            self._photo.show(self.row)
