"""Waiting for work that a thread does."""

from __future__ import annotations

import threading
import time

from .answering import PageAnswerer

__all__ = ["Awaited"]

_SECONDS_BETWEEN_ANSWERS = 0.02


class Awaited:
    """Work of a thread: when it has ended, it sets `_ended`, and before that what went wrong.

    Attributes
    ----------
    error : BaseException or None
        What went wrong.
    """

    def __init__(self) -> None:
        self.error: BaseException | None = None
        self._ended = threading.Event()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the end; in a cell, widgets such as its Stop button answer meanwhile.

        Parameters
        ----------
        timeout : float, optional
            In seconds; default: as long as it takes.

        Returns
        -------
        bool
            Whether it has ended.

        Raises
        ------
        Exception
            What went wrong, if it failed.
        """
        ended = _wait_and_answer(self._ended, timeout)
        if ended and self.error is not None:
            raise self.error
        return ended


def _wait_and_answer(event: threading.Event, timeout: float | None) -> bool:
    answerer = PageAnswerer.find()
    if answerer is None:
        return event.wait(timeout)
    deadline = float("inf") if timeout is None else time.monotonic() + timeout
    while True:
        left = max(deadline - time.monotonic(), 0)
        if event.wait(min(_SECONDS_BETWEEN_ANSWERS, left)):
            return True
        answerer.answer()
        if left == 0:
            return False
