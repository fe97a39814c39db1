"""What a widget made of ipywidgets cannot do itself: keys, a height to drag, words read out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import anywidget
import ipywidgets
import traitlets

from .assets import asset
from .theme import free_of_busy_cells

__all__ = ["Frame", "Key"]


class Key(NamedTuple):
    """One line of the list of keys.

    Attributes
    ----------
    names : str
        The keys as browsers call them, with spaces between: ``"ArrowLeft ArrowRight"``,
        ``"Control+z"`` (which is Command-Z too); ``""`` for what the browser does by itself.
    shown : str
        What the list calls them.
    what : str
        What they do.
    """

    names: str
    shown: str
    what: str


class Frame(anywidget.AnyWidget):
    """A child of a widget of the class ``imgcls``, to which it gives keys, a height and a voice.

    It is a small button ``?``, which lists the keys, as the key ``?`` does. The widget can have the
    focus, and while it has it, the keys of `key_list` are sent here; those typed into a field, and
    those that move a focused slider, are left alone. Children of the class ``imgcls-main`` can be
    dragged to another height. What ipywidgets and bqplot keep from a screen reader is told here:
    what a chart or picture shows and a slider sets (`describe`), and news (`said`).

    Parameters
    ----------
    name : str
        What a screen reader calls the widget.
    keys : sequence of Key
        For the list.
    on_key : callable
        Called with the name of a key that was pressed.
    height : int
        Of the main part in CSS pixels, 160 to 2000.
    on_tick : callable, optional
        Called with ``"row"`` or ``"column"`` and the text of a tick that was clicked on an axis of
        a bqplot figure of the class ``imgcls-ticks``, of which bqplot tells nothing.

    Attributes
    ----------
    height : int
        Trait, to read, set and observe.
    key_list : list of list of str
        Trait, to set.
    said : str
        Trait, to set: read out at once, and not seen. Only what is worth an interruption.
    parts : list of list of str
        Trait, to read: what `describe` was told.
    """

    _esm = asset("frame.js")
    _css = asset("frame.css")

    name = traitlets.Unicode().tag(sync=True)
    key_list: Any = traitlets.List(traitlets.List(traitlets.Unicode())).tag(sync=True)
    height = traitlets.Int(320, min=160, max=2000).tag(sync=True)
    said = traitlets.Unicode("").tag(sync=True)
    parts: Any = traitlets.List(traitlets.List(traitlets.Unicode())).tag(sync=True)

    def __init__(
        self,
        name: str,
        keys: Sequence[Key],
        on_key: Callable[[str], None],
        height: int = 320,
        on_tick: Callable[[str, str], None] | None = None,
    ) -> None:
        self._on_key = on_key
        self._on_tick = on_tick
        layout = ipywidgets.Layout(flex="0 0 auto", margin="0 0 0 auto", width="auto")
        lines = [list(key) for key in keys]
        super().__init__(name=name, key_list=lines, height=height, layout=layout)
        free_of_busy_cells(self)
        self.on_msg(self._receive)

    def describe(self, part: ipywidgets.DOMWidget, words: str) -> None:
        """Give a part of the widget its words for who does not see it; again, to change them.

        Parameters
        ----------
        part : ipywidgets.DOMWidget
            A chart, a picture, a slider or a progress bar.
        words : str
            What it shows, or what is set with it.
        """
        kind = f"imgcls-{part.model_id}"
        part.add_class(kind)
        self.parts = [list(pair) for pair in {**dict(self.parts), kind: words}.items()]

    def _receive(self, _widget: object, content: dict[str, Any], _buffers: object) -> None:
        if content["kind"] == "key":
            self._on_key(content["key"])
        elif content["kind"] == "tick" and self._on_tick is not None:
            self._on_tick(content["side"], content["text"])
