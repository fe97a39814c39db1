"""The look that the widgets made of ipywidgets and bqplot share, and text that is never HTML.

Colours come from the host's own CSS variables, so that a widget follows its light or dark theme;
what stands behind a comma is for hosts that lack them.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from html import escape

import bqplot
import ipywidgets

from ...errors import ImgclsError
from ...text import shown_name

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

_CSS = """
.imgcls { color: var(--jp-ui-font-color1, inherit);
  font: 13px/1.4 var(--jp-ui-font-family, system-ui, sans-serif); padding: 4px 0 8px; }
.imgcls .widget-html-content { font-size: 13px; line-height: 1.4; }
.imgcls .bqplot, .imgcls .bqplot .classic {
  --bq-background: transparent; --bq-plotarea-background-fill: transparent;
  --bq-font: 11px var(--jp-ui-font-family, system-ui, sans-serif);
  --bq-axislabel-font: 12px var(--jp-ui-font-family, system-ui, sans-serif);
  --bq-axis-tick-text-fill: var(--jp-ui-font-color2, currentColor);
  --bq-axislabel-fill: var(--jp-ui-font-color2, currentColor);
  --bq-grid-color: var(--jp-border-color2, #8883);
  --bq-axis-border-color: var(--jp-border-color1, #8886); }
.imgcls .bqplot .axis .tick line { shape-rendering: crispEdges; }
.imgcls .imgcls-grid { background: none; }
.imgcls-title { font-weight: 600; }
.imgcls-muted { color: var(--jp-ui-font-color2, currentColor); }
.imgcls-legend { display: flex; flex-wrap: wrap; gap: 4px 16px; align-items: center; }
.imgcls-legend i { display: inline-block; width: 16px; height: 3px; border-radius: 2px;
  margin-right: 8px; vertical-align: middle; }
.imgcls-tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(96px, 1fr));
  gap: 8px 16px; }
.imgcls-tiles span { display: block; color: var(--jp-ui-font-color2, currentColor);
  font-size: 12px; }
.imgcls-tiles b { font-size: 16px; font-weight: 400; font-variant-numeric: tabular-nums;
  white-space: nowrap; }
.imgcls-error { border-left: 4px solid var(--jp-error-color1, #d32f2f); padding: 8px 12px;
  background: var(--jp-layout-color2, #8882); white-space: pre-wrap; overflow-wrap: anywhere; }
.imgcls-bar .widget-label { text-align: left; }
.imgcls-log { max-height: 132px; overflow: auto; padding: 8px 12px;
  background: var(--jp-layout-color2, #8882); font: 12px/1.5 var(--jp-code-font-family, monospace);
  white-space: pre-wrap; }
.imgcls-caption { font-size: 11px; line-height: 1.3; overflow-wrap: anywhere; }
.imgcls-photo { border-radius: 4px; background: var(--jp-layout-color2, #8882); }
.imgcls-photo img { width: 100%; height: 100%; object-fit: scale-down; }
.imgcls-table { border-spacing: 0; }
.imgcls-table th { padding: 2px 16px 2px 0; text-align: left; vertical-align: top;
  font-weight: 400; color: var(--jp-ui-font-color2, currentColor); }
.imgcls-table td { padding: 2px 0; overflow-wrap: anywhere; }
.imgcls-thumbnail { border-radius: 4px; object-fit: contain;
  background: var(--jp-layout-color2, #8882); }
/* ipywidgets takes the outline of lists and fields away, as !important. */
.imgcls :focus-visible {
  outline: 2px solid var(--jp-brand-color1, #1976d2) !important; outline-offset: 1px; }
.imgcls button:disabled { cursor: not-allowed; }
"""


def stylesheet() -> ipywidgets.HTML:
    """The style sheet; the first child of every widget with the class ``imgcls``."""
    return ipywidgets.HTML(f"<style>{_CSS}</style>", layout=ipywidgets.Layout(display="none"))


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
