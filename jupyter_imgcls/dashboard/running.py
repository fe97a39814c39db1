"""A long work that one of a person's pages does, for the other pages to show and to stop.

A page that is loaded again has a new kernel, while the work goes on in the old one.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from ..errors import ImgclsError
from ..files import write_whole

__all__ = ["Running"]

_SECONDS_TO_WAIT = 3.0
_SECONDS_BETWEEN = 0.5


class Running:
    """The work is held by a lock, which the system takes from a process that ends.

    Parameters
    ----------
    folder : Path
        The person's, for one dashboard.
    """

    def __init__(self, folder: Path) -> None:
        self._lock = FileLock(folder / ".running.lock")
        self._words = folder / ".running.json"
        self._stop = folder / ".running.stop"
        self._said = 0.0
        self._is_here = False

    @contextmanager
    def here(self, words: str) -> Iterator[None]:
        """Work in this kernel, and nowhere else meanwhile.

        Raises
        ------
        ImgclsError
            If another page of this person works.
        """
        self._words.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._lock.acquire(timeout=_SECONDS_TO_WAIT)
        except Timeout:
            raise ImgclsError(
                "Another page of yours trains already: wait until it is done, or stop it."
            ) from None
        try:
            self._stop.unlink(missing_ok=True)
            self._is_here, self._said = True, 0.0
            self.say(words)
            yield
        finally:
            self._is_here = False
            self._words.unlink(missing_ok=True)
            self._lock.release()

    def say(self, words: str) -> None:
        """Tell the other pages how far the work here is; not more often than they look."""
        now = time.monotonic()
        if self._is_here and now - self._said > _SECONDS_BETWEEN:
            self._said = now
            write_whole(self._words, json.dumps(words).encode())

    @property
    def stop_asked(self) -> bool:
        """Whether another page asked to stop the work here."""
        return self._is_here and self._stop.exists()

    def forget_stop(self) -> None:
        """Go on after a stop that ended a part of the work here only."""
        if self._is_here:
            self._stop.unlink(missing_ok=True)

    def elsewhere(self) -> str:
        """How far another page is, in words; ``""`` where none works."""
        if self._is_here or not self._words.exists():
            return ""
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            with suppress(OSError, ValueError):  # ended at this moment
                return str(json.loads(self._words.read_bytes()))
            return ""
        # Its process was killed.
        self._words.unlink(missing_ok=True)
        self._lock.release()
        return ""

    def stop_elsewhere(self) -> None:
        """Ask the other page to stop."""
        self._stop.touch()
