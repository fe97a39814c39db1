"""`Dashboard`: the steps from photos to a classifier, as one page."""

from __future__ import annotations

import logging
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ipywidgets
import traitlets

from ..errors import DatasetError
from .parts.step_list import Status, StepList
from .storage import FOLDER, ROOT, asks_visitor, hide_paths, own_context, personal_context

if TYPE_CHECKING:
    from ..context import Context
    from .steps.base import Step
    from .work import Work

__all__ = ["Dashboard"]

_log = logging.getLogger(__name__)
_NAMES = ("Photos", "Labels", "Train", "Results", "Try", "Keep")


class Dashboard(ipywidgets.VBox):
    """The whole workflow as one page, for a cell of a notebook and for voila alike.

    It is there at once, and gets ready in a thread. Labels, uploads and models are those of the
    global storage context, so they are the same in notebooks. Where several people may see the
    page, each browser has a storage of its own: a folder of ``people`` below the given one.

    Parameters
    ----------
    folder : str or Path, optional
        The photos, or a folder that holds folders of photos: one of these can be chosen, and
        nothing outside. It is only read. Default: what ``imgcls dashboard`` was given; else one of
        the folders in the current folder can be chosen.
    share : bool, optional
        Whether each browser has a storage of its own. Default: in voila, unless it is ``imgcls
        dashboard`` without ``--share``.

    Attributes
    ----------
    state : {"starting", "ready", "failed"}
        Trait, read-only.
    current : int
        Trait, to read, set and observe: the step that is shown, from 0.
    work : Work
        What the steps share, once it is ready.
    panels : list of Step
        The steps, once it is ready.
    """

    state: Any = traitlets.Enum(["starting", "ready", "failed"], "starting", read_only=True)
    current = traitlets.Int(0, min=0, max=len(_NAMES) - 1)

    def __init__(self, folder: str | Path | None = None, share: bool | None = None) -> None:
        given = folder if folder is not None else os.environ.get(FOLDER)
        root = given if given is not None else os.environ.get(ROOT, ".")
        # As `imgcls dashboard` has it, so that both find what the other one keeps.
        self._root = Path(root).expanduser().resolve()
        self._given = given is not None
        self.work: Work
        self.panels: list[Step] = []
        self._lock = threading.RLock()
        self._to_draw = threading.Event()
        self._begun = False
        self._shared = asks_visitor() if share is None else share
        self.steps = StepList(self._came if self._shared else None)
        self.steps.steps = [[name, "locked", ""] for name in _NAMES]
        self._said = ipywidgets.HTML('<div role="status">Getting ready …</div>')
        self._panel = ipywidgets.VBox([self._said], layout=ipywidgets.Layout(width="auto"))
        self._foot = ipywidgets.HBox(
            layout=ipywidgets.Layout(
                flex_flow="row wrap",
                justify_content="space-between",
                align_items="center",
                grid_gap="8px",
            )
        )
        super().__init__(
            [ipywidgets.HTML("<h1>Image classification</h1>"), self.steps, self._panel, self._foot],
            layout=ipywidgets.Layout(grid_gap="16px", width="auto"),
        )
        self.add_class("imgcls-dashboard")
        if not self._shared:
            self._start(None)

    # -- getting ready --------------------------------------------------------------------------

    def _came(self, visitor: object) -> None:
        """A page shows this; only the first one says who it is."""
        if not self._begun:
            self._start(visitor)

    def _start(self, visitor: object) -> None:
        self._begun = True
        thread = threading.Thread(
            target=self._get_ready, args=(visitor,), name="imgcls-dashboard", daemon=True
        )
        thread.start()

    def _get_ready(self, visitor: object) -> None:
        try:
            if self._shared:
                hide_paths(self._root)
            if not self._root.is_dir():
                raise DatasetError(f"There is no folder {self._root}.")
            context = personal_context(visitor) if self._shared else own_context()
            self._build(context)
        except Exception as error:  # noqa: BLE001 - shown, for a thread's shows nowhere
            from .parts.controls import in_words, note

            self._said.value = note(in_words(error), "warn")
            self._panel.children = [self._said]
            self.set_trait("state", "failed")

    def _build(self, context: Context) -> None:
        # Here and not at the top, for what they import takes seconds, and the page is seen first.
        from ..widgets.base.theme import stylesheet
        from .parts.controls import button, guarded, html
        from .steps.keep import KeepStep
        from .steps.labels import LabelsStep
        from .steps.photos import PhotosStep
        from .steps.results import ResultsStep
        from .steps.train import TrainStep
        from .steps.try_photo import TryStep
        from .work import Work
        from .working import mark_work

        self.work = Work(context, self._root)
        photos = PhotosStep(self.work)
        self.panels = [
            photos,
            LabelsStep(self.work),
            TrainStep(self.work),
            ResultsStep(self.work, lambda: self._go(2)),
            TryStep(self.work),
            KeepStep(self.work),
        ]
        self._why = html()
        self._why.layout.flex = "1 1 160px"
        self._back = button("Back", lambda: self._go(self.current - 1), photos.problem)
        self._next = button("Next", lambda: self._go(self.current + 1), photos.problem)
        for item in (self._back, self._next):
            item.add_class("ds-big")
        self._foot.children = [self._back, self._why, self._next]
        self.add_class("imgcls")
        self._style = stylesheet()
        self.steps.observe(lambda change: self._go(change["new"]), "current")
        self.observe(lambda change: self._go(change["new"]), "current")
        self.work.observe(self._draw, ["dataset", "trained", "edits", "busy", "threshold"])
        self.work.observe(self._draw_elsewhere, "elsewhere")
        self.work.observe(lambda change: mark_work(bool(change["new"])), "busy")
        self._draw()
        known = Path(str(self.work.kept.read().get("photos", "")))
        if self._given or known.is_absolute():
            begin = guarded(photos.open_folder, photos.problem)
            begin(known if known.is_absolute() and known.is_dir() else self._root)
        self.work.watch()
        self.set_trait("state", "ready")

    def _draw_elsewhere(self, change: dict[str, str]) -> None:
        if bool(change["old"]) != bool(change["new"]):
            self._draw()

    # -- going from step to step ----------------------------------------------------------------

    def _go(self, number: int) -> None:
        with self._lock:
            states = self._states()
            if not 0 <= number < len(states) or states[number].state == "locked":
                number = self.current
            self.current = number
            self.steps.current = number
        self._draw()

    def _states(self) -> list[Status]:
        return [panel.status() for panel in self.panels]

    def _draw(self, _change: object = None) -> None:
        """Draw, or let the thread that draws just now do so again.

        Without waiting: an edit is told by a thread that has the journal's lock, for which the
        thread that draws may wait.
        """
        self._to_draw.set()
        while self._to_draw.is_set() and self._lock.acquire(blocking=False):
            try:
                self._to_draw.clear()
                self._draw_now()
            finally:
                self._lock.release()

    def _draw_now(self) -> None:
        try:
            states = self._states()
            if states[self.current].state == "locked":
                self.current = self.steps.current = 0
            # The others are taken away and not hidden: without a size no chart can be drawn.
            shown = (self._style, self.panels[self.current])
            if self._panel.children != shown:
                self._panel.children = shown
            self.panels[self.current].show()
        except Exception as error:  # noqa: BLE001 - shown to the user
            from .parts.controls import in_words

            self.panels[self.current].problem.say(in_words(error))
            return
        self.steps.steps = [
            [panel.name, status.state, status.note]
            for panel, status in zip(self.panels, states, strict=True)
        ]
        self._draw_foot(states)

    def _draw_foot(self, states: list[Status]) -> None:
        from ..widgets.base.theme import text

        last = self.current == len(states) - 1
        self._back.layout.visibility = "hidden" if self.current == 0 else "visible"
        self._next.layout.visibility = "hidden" if last else "visible"
        if last:
            self._why.value = ""
            return
        following = states[self.current + 1]
        self._next.description = f"Next: {self.panels[self.current + 1].name}"
        self._next.disabled = following.state == "locked"
        ready = following.state != "locked" and states[self.current].state == "done"
        self._next.button_style = "primary" if ready else ""
        why = following.note if self._next.disabled else ""
        self._why.value = f'<div style="text-align:right">{text(why)}</div>' if why else ""
