"""Waiting for work that a thread does."""

from __future__ import annotations

import threading
import time

from .answering import PageAnswerer

__all__ = ["wait_and_answer"]

_SECONDS_BETWEEN_ANSWERS = 0.02


def wait_and_answer(event: threading.Event, timeout: float | None) -> bool:
    """Wait for an event, as its own method does; in a cell, answer the page meanwhile.

    Parameters
    ----------
    event : threading.Event
    timeout : float or None
        In seconds; None: as long as it takes.

    Returns
    -------
    bool
        Whether it is set.
    """
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
