"""Watching a journal's file for the edits of other kernels."""

from __future__ import annotations

import logging
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

__all__ = ["Watch"]

_log = logging.getLogger(__name__)


class Watched(Protocol):
    """What is watched: a `Journal`."""

    file: Path
    listeners: list[Callable[[frozenset[int] | None], None]]

    def refresh(self) -> None:
        """Bring the edits of other kernels here."""


class Watch:
    """A thread that refreshes a journal every so many seconds.

    It ends with `stop`, with the journal, which it does not keep alive, or with the process.

    Attributes
    ----------
    error : Exception or None
        Why the last refresh failed.
    """

    def __init__(self, journal: Watched, seconds: float) -> None:
        self.error: Exception | None = None
        self._stop = threading.Event()
        self._journal = weakref.ref(journal)
        weakref.finalize(journal, self._stop.set)
        name = f"watch-{journal.file.stem}"
        threading.Thread(target=self._run, args=(seconds,), name=name, daemon=True).start()

    def stop(self) -> None:
        """End the thread, after the refresh that it may be at."""
        self._stop.set()

    def _run(self, seconds: float) -> None:
        while not self._stop.wait(seconds):
            journal = self._journal()
            if journal is None:
                return
            before = repr(self.error)
            try:
                journal.refresh()
                self.error = None
            except Exception as error:  # noqa: BLE001 -- told by `Journal.watch_error`
                if self._stop.is_set():
                    return
                if repr(error) != before:  # once, not every second
                    _log.exception("The edits of other kernels cannot be brought here.")
                self.error = error
            if repr(self.error) != before:
                self._tell(journal)
            del journal

    def _tell(self, journal: Watched) -> None:
        for listener in list(journal.listeners):
            try:
                listener(None)
            except Exception:  # noqa: BLE001 -- a listener may be what hinders
                _log.exception("A listener of the journal failed.")
