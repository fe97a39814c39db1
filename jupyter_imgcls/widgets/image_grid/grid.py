"""`ImageGrid`: a million photos to look through and to select from."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from typing import Any, cast

import anywidget
import numpy as np
import traitlets
from numpy.typing import ArrayLike, NDArray

from ...data import ClassificationDataset
from ...data.types import NO_LABEL
from ...style import PALETTE
from ...text import as_text
from ..base.assets import asset
from ..base.contact_sheet import STILL_PHOTOS, contact_sheet
from ..base.row_numbers import RowNumbers
from ..base.still import with_still
from ..base.theme import free_of_busy_cells
from ..base.thumbnails import Thumbnail, shared_pool

__all__ = ["MOST_ROWS", "Badge", "ImageGrid"]

_log = logging.getLogger(__name__)

Badge = tuple[str, str]
"""Text and colour (``#rrggbb``) of the mark on a photo."""

# The view that is reporting its choice; None when a program chooses. Each thread has its own.
_source: ContextVar[str | None] = ContextVar("source", default=None)

_LARGEST = 1600
# What one message describes photo by photo; the page asks again for what it shows of more.
MOST_ROWS = 512


class ImageGrid(anywidget.AnyWidget):
    """A grid of photos; only those in sight are decoded, as thumbnails.

    Parameters
    ----------
    dataset : ClassificationDataset
        The photos. Files are asked for by row number, so no other file can be had.
    caption : callable, optional
        Text under a photo, given its row; the file's name by default.
    badge : callable, optional
        `Badge` on a photo, given its row, or None for no badge; its class by default.
    linked : bool
        Whether all views show the same selection and active photo. By default each view (an output
        or a browser) has its own, so that two people can work on one notebook.
    **traits
        Values for the traits below.

    Attributes
    ----------
    selected : ndarray of int64, shape (n,)
        Rows of the selected photos, in the view that acted last. Read and observe it; set it to
        select in all views.
    order : ndarray of int64 or None
        Rows of the photos that are shown, in that order; None for all, as in the dataset. Set it to
        sort and to filter. Photos that are no longer shown are no longer selected.
    active : int
        Row of the photo that keys act on, -1 for none, in the view that acted last. Read and
        observe it; set it to go there in all views.
    thumbnail_size : int
        Side of a cell in CSS pixels, 64 to 320.
    height : int
        Height of the photos' part in CSS pixels, 160 to 2000.

    Raises
    ------
    StorageError
        If the front end is missing.

    Notes
    -----
    Photos, `order` and `selected` travel as binary messages and are not saved in a notebook.
    """

    _esm = asset("image_grid.js")
    _css = asset("image_grid.css")

    active = traitlets.Int(-1).tag(sync=True)
    thumbnail_size = traitlets.Int(128, min=64, max=320).tag(sync=True)
    height = traitlets.Int(420, min=160, max=2000).tag(sync=True)
    # Whether a page shows it. A cell that is run again leaves its old widget behind, which would
    # else follow each edit.
    shown = traitlets.Bool(True)
    selected = RowNumbers()
    order = RowNumbers(allow_none=True, default_value=None)

    def __init__(
        self,
        dataset: ClassificationDataset,
        caption: Callable[[int], str] | None = None,
        badge: Callable[[int], Badge | None] | None = None,
        linked: bool = False,
        **traits: Any,
    ) -> None:
        unknown = sorted(set(traits) - set(self.trait_names()))
        if unknown:
            raise TypeError(
                f"{type(self).__name__} has no {unknown[0]!r}; its docstring lists what it has."
            )
        self.dataset = dataset
        self._caption = caption or dataset.paths.name
        self._badge = badge or self._class_badge
        self._linked = linked
        self._views: set[str | None] = set()
        super().__init__(**traits)
        free_of_busy_cells(self)
        self.on_msg(self._answer)

    @traitlets.default("selected")
    def _nothing_selected(self) -> NDArray[np.int64]:
        return np.empty(0, np.int64)

    def refresh(self, rows: Sequence[int] | None = None) -> None:
        """Show captions and badges as they are now.

        Parameters
        ----------
        rows : sequence of int, optional
            The photos whose caption or badge changed; default: any of them, and their number.
        """
        if rows is not None and len(rows) <= MOST_ROWS:
            told = {"rows": [int(row) for row in rows], "photos": self._describe(rows)}
            self.send({"kind": "changed", "what": "photos", **told})
        else:
            self.send({"kind": "changed", "what": "captions", **self._numbers()})

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """The widget, and a picture of the first photos for viewers that run no widgets."""
        bundle = super()._repr_mimebundle_(**options)
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle or {}, {})
        shown = range(len(self.dataset)) if self.order is None else self.order
        paths = [self.dataset.paths[int(row)] for row in shown[:STILL_PHOTOS]]
        return with_still(data, contact_sheet(paths), "image/jpeg"), metadata

    # -- to the page ----------------------------------------------------------------------------

    @traitlets.observe("order")
    def _on_order(self, _change: Any) -> None:
        if self.order is not None:
            shown = np.zeros(len(self.dataset), dtype=bool)
            shown[self.order] = True
            with _reported_by("all"):  # each view does the same with its own selection
                self.selected = self.selected[shown[self.selected]]
        self.send({"kind": "changed", "what": "order", **self._numbers()}, self._order_buffer())

    @traitlets.observe("selected")
    def _on_selected(self, _change: Any) -> None:
        self._send_choice("selected", [_binary(self.selected)])

    @traitlets.observe("active")
    def _on_active(self, _change: Any) -> None:
        self._send_choice("active", [], row=self.active)

    def _send_choice(self, what: str, buffers: list[bytes], **content: Any) -> None:
        source = _source.get()
        # What an observer chooses in turn is news to the view, too.
        _source.set(None)
        if source is None or self._linked:
            self.send({"kind": "changed", "what": what, "source": source, **content}, buffers)

    @traitlets.validate("active")
    def _check_active(self, proposal: Any) -> int:
        row = int(proposal["value"])
        if not -1 <= row < len(self.dataset):
            raise traitlets.TraitError(
                f"'active' is row {row}; the dataset has {len(self.dataset)} photos."
            )
        return row

    def _numbers(self) -> dict[str, Any]:
        return {"total": len(self.dataset), "ordered": self.order is not None}

    def _order_buffer(self) -> list[bytes]:
        return [] if self.order is None else [_binary(self.order)]

    def _class_badge(self, row: int) -> Badge | None:
        number = self.dataset.table.first_label[row]
        if number == NO_LABEL:
            return None
        names = [label.name for label in self.dataset.labels_of_row(row)]
        return ", ".join(names), PALETTE[number % len(PALETTE)]

    # -- from the page --------------------------------------------------------------------------

    def _answer(self, _widget: Any, content: dict[str, Any], buffers: list[Any]) -> None:
        try:
            self._act(content, buffers)
        except Exception as error:  # noqa: BLE001 -- nobody but the page can show it
            _log.exception("The grid could not answer.")
            self._reply(content, error=as_text(str(error)) or type(error).__name__)

    def _act(self, content: dict[str, Any], buffers: list[Any]) -> None:
        kind = content["kind"]
        if kind == "state":
            self._views.add(content.get("view"))
            self.shown = True
            self._reply(content, [_binary(self.selected), *self._order_buffer()], **self._numbers())
        elif kind == "captions":
            self._reply(content, photos=self._describe(self._rows(content)))
        elif kind == "photos":
            self._send_photos(content)
        elif kind == "close":
            self._views.discard(content.get("view"))
            self.shown = bool(self._views)
        elif kind == "cancel":
            shared_pool().cancel((self.model_id, request) for request in content["ids"])
        elif kind == "select":
            with _reported_by(content.get("view")):
                self.selected = _chosen_rows(content, buffers)
        elif kind == "activate":
            with _reported_by(content.get("view")):
                self.active = content["row"]
        else:
            raise ValueError(f"unknown request {kind!r:.40}")

    def _send_photos(self, content: dict[str, Any]) -> None:
        rows = self._rows(content)
        size = min(max(int(content["size"]), 16), _LARGEST)
        photos = self._describe(rows)

        def done(thumbnails: list[Thumbnail]) -> None:
            for photo, thumbnail in zip(photos, thumbnails, strict=True):
                photo["problem"] = thumbnail.reason
            pictures = [thumbnail.jpeg or b"" for thumbnail in thumbnails]
            self._reply(content, pictures, photos=photos)

        paths = [self.dataset.paths[row] for row in rows]
        # Some hosts, such as Shiny, tell by the context whose page is to be answered.
        context = copy_context()
        shared_pool().request(
            (self.model_id, content["id"]), paths, size, lambda made: context.run(done, made)
        )

    def _rows(self, content: dict[str, Any]) -> list[int]:
        rows = cast("list[int]", content["rows"])
        total = len(self.dataset)
        if not 0 < len(rows) <= MOST_ROWS or not all(
            type(row) is int and 0 <= row < total for row in rows
        ):
            raise ValueError(f"the dataset has photos 0 to {total - 1}, not {rows!r:.80}")
        return rows

    def _describe(self, rows: Sequence[int]) -> list[dict[str, Any]]:
        photos = []
        for row in rows:
            badge = self._badge(row)
            text, color = (as_text(badge[0]), badge[1]) if badge else (None, None)
            photos.append({"caption": as_text(self._caption(row)), "badge": text, "color": color})
        return photos

    def _reply(self, content: dict[str, Any], buffers: Sequence[bytes] = (), **answer: Any) -> None:
        if "id" in content:
            self.send({"kind": "answer", "id": content["id"], **answer}, list(buffers))


@contextmanager
def _reported_by(view: str | None) -> Iterator[None]:
    token = _source.set(view)
    try:
        yield
    finally:
        _source.reset(token)


def _chosen_rows(content: dict[str, Any], buffers: Sequence[Any]) -> ArrayLike:
    """The rows that a message names: as JSON when they are few, else in a buffer."""
    rows: ArrayLike = np.frombuffer(buffers[0], "<u4") if buffers else content["rows"]
    return rows


def _binary(rows: ArrayLike) -> bytes:
    return np.asarray(rows).astype("<u4").tobytes()
