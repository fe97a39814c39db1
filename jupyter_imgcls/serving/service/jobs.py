"""The photos of a request, on their way through the service."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from ...errors import DeploymentError
from .requests import EncodedPhoto

__all__ = ["Job", "OverloadedError", "Result"]

Result = NDArray[np.float32] | str
"""Raw scores of a photo, float32 (classes,), or why there are none."""


class OverloadedError(DeploymentError):
    """The queue is full.

    Parameters
    ----------
    seconds : int
        After which it is worth asking again.
    """

    def __init__(self, seconds: int) -> None:
        super().__init__("The service is busy: its queue is full.")
        self.seconds = seconds


class Job:
    """The photos of one request.

    Attributes
    ----------
    results : list of Result
        One for each photo, when it is done.
    failure : Exception or None
        Why the network gave no scores, if it did not.
    """

    def __init__(self, photos: Sequence[EncodedPhoto], on_done: Callable[[], object]) -> None:
        self.results: list[Result] = [""] * len(photos)
        self.failure: Exception | None = None
        self._photos = deque(enumerate(photos))
        self._left = len(photos)
        self._on_done = on_done
        self.cancelled = False

    def take(self) -> tuple[int, EncodedPhoto]:
        """The next photo to decode, and its place."""
        return self._photos.popleft()

    @property
    def waiting(self) -> int:
        """Photos that are not taken yet."""
        return len(self._photos)

    def settle(self, place: int, result: Result) -> None:
        """Put in a result; with the last one it is done."""
        self.results[place] = result
        self._left -= 1
        if self._left == 0 and not self.cancelled:
            self._on_done()

    def drop(self) -> None:
        """Forget the photos that wait; nobody is told any more."""
        self.cancelled = True
        self._photos.clear()
