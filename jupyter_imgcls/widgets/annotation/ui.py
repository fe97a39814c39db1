"""`AnnotationUI`: look at the photos of a dataset and correct their labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import traitlets
from numpy.typing import ArrayLike, NDArray

from ...context import Context
from ...data import ClassificationDataset
from ...data.journal import Journal
from ...style import NO_CLASS, PALETTE
from ...text import as_text
from ..base.assets import asset
from ..image_grid.grid import MOST_ROWS, Badge, ImageGrid
from .details import details
from .edits import Edits
from .filter import SHOWN, done, excluded, matching

__all__ = ["AnnotationUI"]

_EXCLUDED: Badge = ("excluded", NO_CLASS)


class AnnotationUI(ImageGrid):
    """Look at the photos of a dataset and correct their labels.

    Every edit goes through the dataset's label journal and is on disk before the page shows it as
    done. Edits made in code or by another kernel appear here within a second.

    Parameters
    ----------
    dataset : ClassificationDataset
        The photos. Its labels become those of its journal, if it has one from before.
    context : Context, optional
        Where the journal is; default: the global context.
    grid_size : tuple of int, optional
        (rows, columns) of photos to be seen at once; default: as many as fit.
    img_indices : array_like of int, optional
        Rows of the photos to look at, in that order; default: all.
    **traits
        Values for the traits.

    Attributes
    ----------
    show : {"all", "unlabelled", "labelled", "edited", "excluded"}
        Which photos are shown. Read, set, and observe it, like all traits here.
    shown_class : str
        Show photos of this class only; "" for any.
    name_part : str
        Show photos whose file name contains this, whatever its case.
    skip_labelled : bool
        Whether the keys that give a label go on to the next photo without one.
    several : bool
        Whether a photo may have several labels: giving one then keeps the others, and giving it
        again takes it away.
    columns : int
        Photos side by side; 0 for as many as fit.
    can_write : bool
        Whether the page offers to write the labels into files, or to move the photos.
    journal : Journal
        The edits: undo, redo, history, `commit`.
    ui : AnnotationUI
        The same object, as in the article.
    selected, active, thumbnail_size, height
        See `ImageGrid`. `order` is set by the filters.

    Raises
    ------
    StorageError
        If the journal cannot be opened.
    DatasetError
        If the dataset has a journal of another context.
    """

    _esm = asset("annotation.js")
    _css = asset("annotation.css")

    show: Any = traitlets.Enum(SHOWN, default_value="all").tag(sync=True)
    shown_class = traitlets.Unicode().tag(sync=True)
    name_part = traitlets.Unicode().tag(sync=True)
    skip_labelled = traitlets.Bool(default_value=False).tag(sync=True)
    several = traitlets.Bool(default_value=False).tag(sync=True)
    columns = traitlets.Int(0, min=0, max=100).tag(sync=True)
    can_write = traitlets.Bool(default_value=True).tag(sync=True)

    def __init__(
        self,
        dataset: ClassificationDataset,
        context: Context | None = None,
        grid_size: tuple[int, int] | None = None,
        img_indices: ArrayLike | None = None,
        **traits: Any,
    ) -> None:
        known = Journal.of(dataset) if context is None else None
        self.journal = known or Journal.open(dataset, context)
        self._edits = Edits(self.journal, self._tell_progress)
        self._problems_told = 0
        if grid_size is not None:
            rows, columns = grid_size
            size = int(traits.get("thumbnail_size", 128))
            traits = {"columns": columns, "height": max(160, rows * (size + 28) + 10), **traits}
        super().__init__(dataset, badge=self._label_badge, **traits)
        self._is_filtering = False
        if img_indices is not None:
            self.order = img_indices
        self._base = self.order
        self._filter()
        self.observe(self._on_order, "order")
        self.observe(self._filter, ["show", "shown_class", "name_part"])
        self.observe(self._on_shown, "shown")
        self.journal.listeners.append(self._on_edits)
        self.journal.watch()

    @property
    def ui(self) -> AnnotationUI:
        """The same object, as in the article."""
        return self

    def close(self) -> None:
        """Finish what was asked for, and take the widget off the page; the journal stays open."""
        self._edits.close()
        if self._on_edits in self.journal.listeners:
            self.journal.listeners.remove(self._on_edits)
        super().close()

    # -- to the page ----------------------------------------------------------------------------

    def _on_order(self, change: Any) -> None:
        """Keep an order that the user sets, whatever is filtered from it."""
        if not self._is_filtering:
            self._base = change["new"]
            self._filter()

    def _filter(self, _change: Any = None) -> None:
        match = matching(self.journal, self.show, self.shown_class, self.name_part)
        self._is_filtering = True
        try:
            if self._base is not None:
                self.order = self._base[match[self._base]]
            else:
                self.order = None if match.all() else np.flatnonzero(match)
        finally:
            self._is_filtering = False

    def _label_badge(self, row: int) -> Badge | None:
        excluded = self.journal.is_excluded(self.dataset.images[row])
        return _EXCLUDED if excluded else self._class_badge(row)

    def _on_shown(self, change: Any) -> None:
        if change["new"]:
            self._on_edits(None)  # what was changed meanwhile

    def _on_edits(self, rows: frozenset[int] | None) -> None:
        if not self.shown:
            return
        few = None if rows is None or len(rows) > MOST_ROWS else sorted(rows)
        self.refresh(few)
        flags = done(self.journal)
        news = self.journal.problems[self._problems_told :]
        self._problems_told += len(news)
        state = {"kind": "changed", "what": "labels", **self._state(flags, news)}
        if few is None:
            self.send(state, [_packed(flags)])
        else:
            self.send({**state, "rows": few, "done": flags[few].tolist()})

    def _tell_progress(self, done: int, of: int) -> None:
        self.send({"kind": "changed", "what": "progress", "done": done, "of": of})

    def _state(self, flags: NDArray[np.bool_], problems: list[str]) -> dict[str, Any]:
        counts = self.dataset.count_labels()
        out = excluded(self.journal)
        if self._base is not None:
            flags, out = flags[self._base], out[self._base]
        folder = self.dataset.source[1]
        return {
            "classes": [
                {"name": name, "count": count, "color": PALETTE[number % len(PALETTE)]}
                for number, (name, count) in enumerate(counts.items())
            ],
            "labelled": int((flags & ~out).sum()),
            "of": int((~out).sum()),
            "excluded": int(out.sum()),
            "trouble": as_text(str(self.journal.watch_error or " ".join(problems))),
            "can_undo": self.journal.can_undo,
            "can_redo": self.journal.can_redo,
            "unfinished": len(self.journal.unfinished),
            "folder": as_text(folder) if Path(folder).is_dir() else "",
        }

    # -- from the page --------------------------------------------------------------------------

    def _act(self, content: dict[str, Any], buffers: list[Any]) -> None:
        kind = content["kind"]
        if kind == "labels":
            flags = done(self.journal)
            self._reply(content, [_packed(flags)], **self._state(flags, self.journal.problems))
        elif kind == "details":
            (row,) = self._rows(content)
            self._reply(content, **details(self.journal, self.dataset.images[row]))
        elif kind == "stop":
            self._edits.stop()
        elif kind == "filter":
            self._filter()
            self._reply(content)
        elif kind in self._edits:
            values = content["values"]
            if buffers:
                values["rows"] = np.frombuffer(buffers[0], "<u4").tolist()
            self._edits.ask(kind, values, lambda answer: self._reply(content, **answer))
        else:
            super()._act(content, buffers)


def _packed(flags: NDArray[np.bool_]) -> bytes:
    """Eight photos a byte, the first in its lowest bit."""
    return np.packbits(flags, bitorder="little").tobytes()
