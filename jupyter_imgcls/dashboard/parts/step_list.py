"""The list of steps at the top of the page, which also says who is at the browser."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import anywidget
import traitlets

from ...widgets.base.assets import asset

__all__ = ["Status", "StepList"]


class Status(NamedTuple):
    """Where a step stands.

    Attributes
    ----------
    state : {"open", "done", "again", "locked"}
        ``"again"``: it was done, but what it was done with has changed.
    note : str
        What came of it, or what it waits for.
    """

    state: Literal["open", "done", "again", "locked"]
    note: str


class StepList(anywidget.AnyWidget):
    """The steps with their state, to choose one from.

    Parameters
    ----------
    on_visitor : callable, optional
        Is called with the number that the browser keeps for itself, once a page shows the widget.

    Attributes
    ----------
    steps : list of list of str
        Trait, to set: name, state and note of each step; see `Status`.
    current : int
        Trait, to read, set and observe: the step that is shown.
    """

    _esm = asset("steps.js")
    _css = asset("steps.css")

    steps: Any = traitlets.List(traitlets.List(traitlets.Unicode())).tag(sync=True)
    current = traitlets.Int(0, min=0).tag(sync=True)
    asks_visitor = traitlets.Bool(default_value=False).tag(sync=True)

    def __init__(self, on_visitor: Callable[[object], None] | None = None) -> None:
        super().__init__(asks_visitor=on_visitor is not None)
        self._on_visitor = on_visitor
        self.on_msg(self._receive)

    def _receive(self, _widget: object, content: dict[str, Any], _buffers: object) -> None:
        if content.get("kind") == "visitor" and self._on_visitor is not None:
            self._on_visitor(content.get("id"))
