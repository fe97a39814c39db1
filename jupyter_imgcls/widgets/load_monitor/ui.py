"""Watching a load test, and stopping it."""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

import ipywidgets
import traitlets

from ..base.frame import Frame, Key
from ..base.still import StillPicture
from ..base.theme import ErrorMessage, button, rows, stylesheet, text, tiles
from .curves import CHART_HEIGHT, LoadCurves, Second

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["LoadMonitor"]

_SECONDS_BETWEEN_LOOKS = 0.25
_UNKNOWN = "-"
_ENDED = ("finished", "stopped", "failed")
_WORDS = {
    "waiting": "Waiting to begin",
    "warming up": "Warming up",
    "running": "Measuring",
    "stopping": "Waiting for the last answers",
    "finished": "Finished",
    "stopped": "Stopped; what was measured is kept",
    "failed": "Failed",
}
_BAR_STYLES = {"finished": "success", "stopped": "warning", "failed": "danger"}
_KEYS = [Key("", "Tab, Enter", "go to the button, press it")]


class _Plan(Protocol):
    @property
    def users(self) -> int: ...

    @property
    def rate(self) -> float | None: ...

    @property
    def duration(self) -> float: ...

    @property
    def warm_up(self) -> float: ...


class _Run(Protocol):
    """See `jupyter_imgcls.serving.load_test.LoadTestRun`."""

    @property
    def plan(self) -> _Plan: ...

    @property
    def state(self) -> str: ...

    @property
    def time(self) -> float: ...

    @property
    def seconds(self) -> Sequence[Second]: ...

    @property
    def figures(self) -> tuple[float, Mapping[int, float]]: ...

    @property
    def errors(self) -> Mapping[str, int]: ...

    @property
    def waiting(self) -> float | None: ...

    @property
    def error(self) -> BaseException | None: ...

    def stop(self) -> None: ...

    def plot(self, figure: Figure | None = None) -> Figure: ...


class LoadMonitor(StillPicture, ipywidgets.VBox):
    """Charts and figures of a load test under way, with a button to stop it.

    `Deployment.load_test` shows one in a notebook. It can be shown before, during and after the
    test. The button only asks; it answers while a cell waits for the test, too.

    Parameters
    ----------
    run : LoadTestRun
        As `jupyter_imgcls.serving.load_test.start_load_test` returns it.

    Attributes
    ----------
    state : str
        Trait, read-only: `LoadTestRun.state`.
    height : int
        Trait, to read, set and observe: of the charts in CSS pixels, 160 to 2000.
    """

    state = traitlets.Unicode("waiting", read_only=True)
    height = traitlets.Int(CHART_HEIGHT, min=160, max=2000)

    def __init__(self, run: _Run) -> None:
        self._run = run
        self._lock = threading.RLock()
        self._headline = ipywidgets.HTML()
        self._bar = ipywidgets.FloatProgress(
            min=0.0,
            max=run.plan.warm_up + run.plan.duration,
            layout=ipywidgets.Layout(width="auto", height="20px", margin="0 2px"),
        )
        self._stop = button("Stop", self._ask_to_stop, "stop", width="96px")
        self._reason = ipywidgets.HTML(layout=ipywidgets.Layout(align_self="center"))
        self._problem = ErrorMessage()
        self._numbers = ipywidgets.HTML(layout=ipywidgets.Layout(width="auto"))
        self._errors = ipywidgets.HTML(layout=ipywidgets.Layout(display="none"))
        self._curves = LoadCurves(run.plan.duration)
        self._frame = Frame("Load test", _KEYS, lambda _: None, self.height)
        self._frame.describe(self._bar, "Time of the load test")
        super().__init__(
            [
                stylesheet(),
                ipywidgets.HBox([self._headline, self._frame]),
                self._bar,
                rows(self._stop, self._reason),
                self._problem,
                self._numbers,
                self._errors,
                self._curves,
            ],
            layout=ipywidgets.Layout(grid_gap="8px"),
        )
        self.add_class("imgcls")
        traitlets.link((self, "height"), (self._frame, "height"))
        self._draw()
        # Draws beside the test, which so never waits for the page.
        self._follower = threading.Thread(
            target=self._follow, name="imgcls-load-monitor", daemon=True
        )
        self._follower.start()

    def join(self) -> None:
        """Wait until the end of the test is drawn."""
        self._follower.join()

    def _follow(self) -> None:
        pause = threading.Event()
        while self.state not in _ENDED:
            pause.wait(_SECONDS_BETWEEN_LOOKS)
            self._draw()

    def _ask_to_stop(self) -> None:
        self._run.stop()
        self._draw()

    def _draw(self) -> None:
        # What a thread or a handler raises shows nowhere in a page: the problem shows it.
        with self._lock, self._problem.showing():
            # Looked up first: what is read after it is as complete as the state says.
            state = self._run.state
            ended = state in _ENDED
            self._draw_button(state)
            self._draw_progress(state)
            self._draw_numbers(ended)
            self._curves.show(list(self._run.seconds))
            for chart, words in self._curves.words().items():
                self._frame.describe(chart, words)
            if ended and self.state != state:
                self._refresh_still()
            self.set_trait("state", state)
            if self._run.error is not None:
                raise self._run.error

    def _draw_button(self, state: str) -> None:
        why_not = "The test has ended." if state in _ENDED else ""
        if state == "stopping":
            why_not = "The test is ending."
        self._stop.disabled = bool(why_not)
        self._stop.tooltip = why_not or "End the test, and keep what was measured"
        self._reason.value = f'<span class="imgcls-muted">{text(why_not)}</span>'

    def _draw_progress(self, state: str) -> None:
        plan = self._run.plan
        load = f"{plan.users} users" if plan.rate is None else f"{plan.rate:g} requests/s sent"
        time = min(max(self._run.time, 0.0), plan.duration)
        words = f" · {load} · {time:.0f} of {plan.duration:g} s"
        self._headline.value = (
            f'<span class="imgcls-title">{text(_WORDS[state])}</span> '
            f'<span class="imgcls-muted">{text(words)}</span>'
        )
        self._frame.said = _WORDS[state]  # read out: not each second
        self._bar.value = min(self._run.time + plan.warm_up, self._bar.max)
        self._bar.bar_style = _BAR_STYLES.get(state, "")

    def _draw_numbers(self, ended: bool) -> None:
        run = self._run
        throughput, percentiles = run.figures
        errors = dict(run.errors)
        known = bool(run.seconds)
        named = {f"p{q}": f"{ms:.0f} ms" for q, ms in percentiles.items() if not math.isnan(ms)}
        self._numbers.value = tiles(
            {
                "Requests/s": f"{throughput:.1f}" if known else _UNKNOWN,
                **{f"p{q}": named.get(f"p{q}", _UNKNOWN) for q in (50, 95, 99)},
                "Errors": str(sum(errors.values())),
                "Queue": _UNKNOWN if ended or run.waiting is None else f"{run.waiting:.0f}",
            }
        )
        lines = "\n".join(f"{kind}: {count}" for kind, count in errors.items())
        self._errors.value = f'<div class="imgcls-log" tabindex="0">{text(lines)}</div>'
        self._errors.layout.display = "" if errors else "none"

    def draw_still(self, figure: Figure) -> None:
        """Draw the charts on an empty matplotlib figure."""
        self._run.plot(figure)
