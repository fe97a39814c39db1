"""Long work beside the page: how far it is, a button to stop it, and what went wrong."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import nullcontext

import ipywidgets

from ...classifiers.run import Stopped
from ...text import counted
from ...widgets.base.theme import ErrorMessage, text
from ..work import Work
from .controls import button, html, in_words

__all__ = ["Task"]


class Task(ipywidgets.VBox):
    """Runs one piece of work at a time in a thread, and shows it.

    Parameters
    ----------
    work : Work
        Its `busy` says what is under way, so that no two tasks work on the same photos.
    """

    def __init__(self, work: Work) -> None:
        self._work = work
        self._stop_asked = threading.Event()
        self._thread: threading.Thread | None = None
        self.problem = ErrorMessage()
        self._words = html()
        self._bar = ipywidgets.FloatProgress(
            min=0.0, max=1.0, layout=ipywidgets.Layout(flex="1 1 160px", width="auto")
        )
        self._stop = button("Stop", self.stop, self.problem)
        line = ipywidgets.Layout(flex_flow="row wrap", align_items="center", grid_gap="8px 12px")
        self._line = ipywidgets.HBox([self._bar, self._stop], layout=line)
        super().__init__(
            [self.problem, self._words, self._line], layout=ipywidgets.Layout(grid_gap="4px")
        )
        self._line.layout.display = self.layout.display = "none"

    def run(self, words: str, do: Callable[[Task], None], *, alone: bool = False) -> None:
        """Begin, and return at once.

        Parameters
        ----------
        words : str
            What is being done, for the page.
        do : callable
            The work; is called in the thread with this task.
        alone : bool
            Whether no other page of this person may do such work meanwhile; they show it.
        """
        if self._work.busy:
            self.problem.say(f"Wait until this is done: {self._work.busy}.")
            return
        self._stop_asked.clear()
        self._work.busy = words
        self.problem.say("")
        self.say(words)
        self._stop.disabled = False
        self._line.layout.display = self.layout.display = ""
        self._thread = threading.Thread(
            target=self._do, args=(words, do, alone), name="imgcls-dashboard", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Ask the work to end, which it does at its next step."""
        self._stop_asked.set()
        self._stop.disabled = True
        self.say("Stopping …")

    def wait(self, seconds: float | None = None) -> bool:
        """Whether the work has ended, after so many seconds at most."""
        if self._thread is not None:
            self._thread.join(seconds)
        return self._thread is None or not self._thread.is_alive()

    def say(self, words: str) -> None:
        """Show what is being done now, or came of it."""
        self._bar.value = 0.0
        self._words.value = f'<div role="status">{text(words)}</div>' if words else ""
        self._work.running.say(words)

    def count(self, words: str) -> Callable[[int, int], None]:
        """Show what is being done now; gives what is to be told how many photos are done."""
        self.check_stop()

        def tell(done: int, of: int) -> None:
            self.check_stop()
            self._bar.max, self._bar.value = float(of or 1), float(done)
            said = f"{words}: {done:,} of {counted(of, 'photo')}"
            self._words.value = f'<div role="status">{text(said)}</div>'
            self._work.running.say(said)

        self.say(words)
        return tell

    @property
    def stop_asked(self) -> bool:
        """Whether the work is to end."""
        return self._stop_asked.is_set() or self._work.running.stop_asked

    def resume(self) -> None:
        """Go on after a stop that ended a part of the work only."""
        self._stop_asked.clear()
        self._work.running.forget_stop()

    def check_stop(self) -> None:
        """Leave the work when asked to stop."""
        if self.stop_asked:
            raise Stopped

    def _do(self, words: str, do: Callable[[Task], None], alone: bool) -> None:
        try:
            with self._work.running.here(words) if alone else nullcontext():
                do(self)
        except Stopped:
            self.say("Stopped. Nothing was changed.")
        except BaseException as error:  # noqa: BLE001 - shown, for a thread's shows nowhere
            self.say("")
            self.problem.say(in_words(error))
        finally:
            self._line.layout.display = "none"
            self._work.busy = ""
