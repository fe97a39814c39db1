"""Small parts that the steps are made of, and words for what went wrong."""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable, Iterable
from typing import Any

import ipywidgets

from ...errors import ImgclsError
from ...text import as_text
from ...widgets.base import theme
from ...widgets.base.theme import ErrorMessage, text

__all__ = ["bars", "box", "button", "guarded", "html", "in_words", "note"]

_log = logging.getLogger(__name__)


def html(markup: str = "") -> ipywidgets.HTML:
    """HTML as wide as there is room."""
    return ipywidgets.HTML(markup, layout=ipywidgets.Layout(width="auto", margin="0"))


def note(words: str, kind: str = "hint") -> str:
    """Words set apart: a ``"hint"``, or something to look after (``"warn"``)."""
    return f'<div class="ds-{kind}" role="status">{text(words)}</div>'


def box(*children: ipywidgets.Widget, gap: int = 12, card: bool = False) -> ipywidgets.VBox:
    """Children below each other."""
    made = ipywidgets.VBox(children, layout=ipywidgets.Layout(grid_gap=f"{gap}px", width="auto"))
    if card:
        made.add_class("ds-card")
    return made


def button(
    words: str, do: Callable[[], None], problem: ErrorMessage, *, style: str = ""
) -> ipywidgets.Button:
    """A button whose trouble is shown in `problem`.

    Parameters
    ----------
    style : str
        ``"primary"`` for the one thing to do in a step.
    """
    made = theme.button(words, guarded(do, problem), width="auto", flex="0 0 auto")
    made.button_style = style
    if style == "primary":
        made.add_class("ds-big")
    return made


def guarded(handler: Callable[..., None], problem: ErrorMessage) -> Callable[..., None]:
    """`handler`, with what it raises shown in the page: nothing else would show it."""

    def guarded_handler(*arguments: Any) -> None:
        problem.say("")
        try:
            handler(*arguments)
        except Exception as error:  # noqa: BLE001 - shown to the user
            problem.say(in_words(error))

    return guarded_handler


def in_words(error: BaseException) -> str:
    """What went wrong, for someone who knows photos and not programs."""
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return "The disk is full: delete something, then try again."
    if isinstance(error, MemoryError):
        return "There is not enough memory: close other programs, or take fewer photos."
    if isinstance(error, ImgclsError):
        return as_text(str(error))
    _log.error("A step of the dashboard failed", exc_info=error)
    return as_text(f"Unexpected error: {type(error).__name__}: {error}")


def bars(rows: Iterable[tuple[str, str, float, str]]) -> str:
    """A table with a bar in each row, as HTML.

    Parameters
    ----------
    rows : iterable of tuple
        Name, figure, length of the bar in [0, 1], and its colour.
    """
    cells = (
        f'<span title="{text(name)}">{text(name)}</span><span class="ds-number">{text(figure)}'
        f'</span><div class="ds-track" aria-hidden="true"><i style="width:{100 * share:.1f}%;'
        f'background:{colour}"></i></div>'
        for name, figure, share, colour in rows
    )
    return f'<div class="ds-counts">{"".join(cells)}</div>'
