"""The look that the widgets made of ipywidgets and bqplot share, and text that is never HTML.

Their style is ``js/widgets/shared/containers.css``; its colours and sizes are those of the widgets
written in TypeScript.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from html import escape

import bqplot
import ipywidgets

from ...errors import ImgclsError
from ...text import shown_name
from .assets import asset

__all__ = [
    "ErrorMessage",
    "axis",
    "button",
    "figure",
    "free_of_busy_cells",
    "legend",
    "rows",
    "stylesheet",
    "text",
    "tiles",
]


def stylesheet() -> ipywidgets.HTML:
    """The style sheet; the first child of every widget with the class ``imgcls``."""
    css = asset("containers.css").read_text(encoding="utf-8")
    return ipywidgets.HTML(f"<style>{css}</style>", layout=ipywidgets.Layout(display="none"))


class ErrorMessage(ipywidgets.HTML):
    """What went wrong in a handler or a thread, which nothing else in a page would show."""

    def __init__(self) -> None:
        super().__init__(layout=ipywidgets.Layout(display="none"))

    def say(self, words: str) -> None:
        """Show words; none hides what was shown."""
        self.value = f'<div class="imgcls-error" role="alert">{text(words)}</div>' if words else ""
        self.layout.display = "" if words else "none"

    @contextmanager
    def showing(self) -> Generator[None]:
        """Show what the ``with`` block raises, instead of what was shown before."""
        self.say("")
        try:
            yield
        except Exception as error:  # noqa: BLE001 - shown to the user
            known = isinstance(error, ImgclsError)
            self.say(str(error) if known else f"{type(error).__name__}: {error}")


def text(words: object, longest: int = 2000) -> str:
    """Words, such as a class's name, as HTML that shows exactly them.

    Parameters
    ----------
    words : object
        What to show; its `str`.
    longest : int
        Longer text loses its middle.
    """
    # Set apart, a dollar or a backslash does not begin a formula for the host's MathJax.
    shown = escape(shown_name(str(words), longest))
    return shown.replace("$", "<span>$</span>").replace("\\", "<span>\\</span>")


def tiles(values: dict[str, str]) -> str:
    """Named values as HTML, both given as text."""
    pairs = (
        f"<div><span>{text(name)}</span><b>{text(value)}</b></div>"
        for name, value in values.items()
    )
    return f'<div class="imgcls-tiles">{"".join(pairs)}</div>'


def legend(title: str, colours: dict[str, str]) -> str:
    """A chart's title and what its colours mean, as HTML."""
    marks = (
        f'<span><i style="background:{c}"></i>{text(name)}</span>' for name, c in colours.items()
    )
    return (
        f'<div class="imgcls-legend"><span class="imgcls-title">{text(title)}</span>'
        f"{''.join(marks)}</div>"
    )


def axis(scale: bqplot.Scale, label: str, **options: object) -> bqplot.Axis:
    """An axis with faint grid lines."""
    return bqplot.Axis(scale=scale, label=label, grid_lines="solid", **options)


def figure(marks: list[bqplot.Mark], axes: list[bqplot.Axis], height: int) -> bqplot.Figure:
    """A chart of some height in pixels, which a `Frame` lets one drag, as wide as there is room."""
    chart = bqplot.Figure(
        marks=marks,
        axes=axes,
        display_toolbar=False,
        fig_margin={"top": 8, "bottom": 40, "left": 52, "right": 16},
        min_aspect_ratio=0.1,
        max_aspect_ratio=100,
        animation_duration=0,
        layout=ipywidgets.Layout(width="auto", min_width="0", height=f"{height}px"),
    )
    chart.add_class("imgcls-main")
    return chart


def rows(*children: ipywidgets.Widget, gap: int = 8) -> ipywidgets.HBox:
    """Children beside each other, below each other where there is no room."""
    layout = ipywidgets.Layout(flex_flow="row wrap", grid_gap=f"8px {gap}px")
    return ipywidgets.HBox(children, layout=layout)


def button(
    name: str, do: Callable[[], None], icon: str = "", tooltip: str | None = None, **layout: str
) -> ipywidgets.Button:
    """A button that answers also while a cell is busy."""
    made = ipywidgets.Button(
        description=name, icon=icon, tooltip=tooltip, layout=ipywidgets.Layout(**layout)
    )
    made.on_click(lambda _: do())
    free_of_busy_cells(made)
    return made


def free_of_busy_cells(widget: ipywidgets.Widget) -> None:
    """Let a widget answer while a cell is busy, on kernels that can (ipykernel 7.3 and later).

    They run what the page asks in a thread of its own if the request says so, but pages of today do
    not; this hook of theirs, which is private, makes them.
    """
    if hasattr(widget.comm, "_reply_subshell_for"):
        widget.comm._reply_subshell_for = lambda data, default: default
