"""What a person sees of a widget and does with it, found as on a page: by kind and by name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

import bqplot
import ipywidgets

from jupyter_imgcls.widgets.base.frame import Frame
from jupyter_imgcls.widgets.base.theme import ErrorMessage

Found = TypeVar("Found")


def parts(widget: Any) -> Iterator[Any]:
    """A widget, and all that it shows: children, charts, and what is drawn in them."""
    yield widget
    if isinstance(widget, bqplot.Figure):
        yield from widget.marks
        yield from widget.axes
    for child in getattr(widget, "children", ()):
        yield from parts(child)


def every(widget: Any, kind: type[Found]) -> list[Found]:
    """The parts of a kind, as they stand in the widget."""
    return [part for part in parts(widget) if isinstance(part, kind)]


def one(widget: Any, kind: type[Found]) -> Found:
    """The first part of a kind."""
    return every(widget, kind)[0]


def named(widget: Any, name: str) -> Any:
    """The button or field of this name."""
    found = [part for part in parts(widget) if getattr(part, "description", None) == name]
    assert len(found) == 1, f"{len(found)} parts are called {name!r}"
    return found[0]


def text(widget: Any) -> str:
    """All text that is shown as HTML."""
    return "".join(part.value for part in every(widget, ipywidgets.HTML))


def is_shown(widget: Any, part: Any) -> bool:
    """Whether a part of a widget is on the screen: neither it nor what it stands in is hidden."""
    if widget.layout.display == "none":
        return False
    return widget is part or any(is_shown(child, part) for child in getattr(widget, "children", ()))


def problem(widget: Any) -> str:
    """What the widget says went wrong."""
    return one(widget, ErrorMessage).value


def send(part: Any, content: Any) -> None:
    """Send a message as the page does."""
    part._handle_custom_msg(content, [])


def press(widget: Any, key: str) -> None:
    """Press a key where the widget has the focus."""
    send(one(widget, Frame), {"kind": "key", "key": key})
