"""Watch a journal for the edits of other kernels."""

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
    """What a `Watch` uses of a `Journal`."""

    file: Path
    listeners: list[Callable[[frozenset[int] | None], None]]

    def refresh(self) -> None:
        """Load the edits of other kernels."""


class Watch:
    """A thread that refreshes a journal every so many seconds.

    It ends with `stop`, with the process, or when the journal is garbage-collected.

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
        """Stop the thread after its current refresh."""
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
            except Exception as error:  # noqa: BLE001 -- shown by `Journal.watch_error`
                if self._stop.is_set():
                    return
                if repr(error) != before:  # once, not every second
                    _log.exception("Could not load the edits of other kernels.")
                self.error = error
            if repr(self.error) != before:
                self._notify(journal)
            del journal

    def _notify(self, journal: Watched) -> None:
        for listener in list(journal.listeners):
            try:
                listener(None)
            except Exception:  # noqa: BLE001 -- a listener may raise anything
                _log.exception("A journal listener failed.")
