"""Small JPEG pictures of photos, made by a few threads: newest request first, results kept."""

from __future__ import annotations

import functools
import io
import logging
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from PIL import Image

from ...data.decoding.decode import open_rgb
from ...errors import UnreadableImageError
from ...text import as_text

__all__ = ["Thumbnail", "ThumbnailPool", "shared_pool"]

_log = logging.getLogger(__name__)

CACHE_BYTES = 16 * 2**20
"""About 4,000 thumbnails."""

LARGEST_KEPT = 512
"""Pictures of more pixels a side are looked at once; they would push the thumbnails out."""


@dataclass(frozen=True)
class Thumbnail:
    """A photo made small, or why it cannot be.

    Attributes
    ----------
    jpeg : bytes or None
        The picture, upright.
    reason : str or None
        Why there is none, in the user's words.
    """

    jpeg: bytes | None
    reason: str | None = None


@dataclass
class _Request:
    paths: Sequence[str]
    size: int
    done: Callable[[list[Thumbnail]], None]
    results: dict[int, Thumbnail] = field(default_factory=dict)
    taken: int = 0


class ThumbnailPool:
    """Answers requests for thumbnails.

    Parameters
    ----------
    workers : int, optional
        Number of threads; by default one a processor, four at most. They start when they are
        first needed and end with the process.
    cache_bytes : int
        How much memory finished thumbnails may take.
    """

    def __init__(self, workers: int | None = None, cache_bytes: int = CACHE_BYTES) -> None:
        self._workers = workers or min(4, os.cpu_count() or 1)
        self._cache_bytes = cache_bytes
        self._cached = 0
        self._cache: OrderedDict[tuple[str, int], bytes] = OrderedDict()
        self._requests: OrderedDict[Hashable, _Request] = OrderedDict()
        self._threads: list[threading.Thread] = []
        self._changed = threading.Condition()
        self._closed = False

    @property
    def cached_bytes(self) -> int:
        """Bytes of the thumbnails that are kept."""
        return self._cached

    def request(
        self,
        key: Hashable,
        paths: Sequence[str],
        size: int,
        done: Callable[[list[Thumbnail]], None],
    ) -> None:
        """Ask for thumbnails; requests that came before wait until these are made.

        Parameters
        ----------
        key : hashable
            Name of the request, for `cancel`; of one with the same name only this one stays.
        paths : sequence of str
            The photos, at least one.
        size : int
            Longer side in pixels at most.
        done : callable
            Called once, in a thread of the pool, with one `Thumbnail` for each of `paths`.
        """
        with self._changed:
            self._requests.pop(key, None)
            self._requests[key] = _Request(paths, size, done)
            while len(self._threads) < self._workers:
                name = f"thumbnails-{len(self._threads)}"
                thread = threading.Thread(target=self._work, name=name, daemon=True)
                self._threads.append(thread)
                thread.start()
            self._changed.notify_all()

    def cancel(self, keys: Iterable[Hashable]) -> None:
        """Drop requests; `done` is not called for those that are not finished."""
        with self._changed:
            for key in keys:
                self._requests.pop(key, None)

    def close(self) -> None:
        """Drop all requests and end the threads."""
        with self._changed:
            self._closed = True
            self._requests.clear()
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while True:
            with self._changed:
                while (job := self._next()) is None:
                    if self._closed:
                        return
                    self._changed.wait()
            key, request, place = job
            thumbnail = self._thumbnail(request.paths[place], request.size)
            with self._changed:
                request.results[place] = thumbnail
                finished = len(request.results) == len(request.paths)
                wanted = self._requests.get(key) is request
                if finished and wanted:
                    del self._requests[key]
            if finished and wanted:
                try:
                    request.done([request.results[i] for i in range(len(request.paths))])
                except Exception:  # noqa: BLE001 -- the thread must live on
                    _log.exception("Thumbnails were made but could not be handed over.")

    def _next(self) -> tuple[Hashable, _Request, int] | None:
        for key in reversed(self._requests):
            request = self._requests[key]
            if request.taken < len(request.paths):
                request.taken += 1
                return key, request, request.taken - 1
        return None

    def _thumbnail(self, path: str, size: int) -> Thumbnail:
        with self._changed:
            jpeg = self._cache.get((path, size))
            if jpeg is not None:
                self._cache.move_to_end((path, size))
                return Thumbnail(jpeg)
        try:
            jpeg = make_jpeg(path, size)
        except UnreadableImageError as error:
            return Thumbnail(None, error.reason)
        except Exception as error:  # noqa: BLE001 -- the cell of the photo shows it
            _log.exception("No thumbnail of %s.", path)
            return Thumbnail(None, as_text(f"it cannot be shown: {error}"))
        if size <= LARGEST_KEPT:
            self._keep((path, size), jpeg)
        return Thumbnail(jpeg)

    def _keep(self, key: tuple[str, int], jpeg: bytes) -> None:
        with self._changed:
            if key not in self._cache:
                self._cache[key] = jpeg
                self._cached += len(jpeg)
            while self._cached > self._cache_bytes:
                _, dropped = self._cache.popitem(last=False)
                self._cached -= len(dropped)


def make_jpeg(path: str, size: int) -> bytes:
    """Make a JPEG of a photo, upright, its longer side at most `size` pixels.

    Raises
    ------
    UnreadableImageError
        If the file cannot be read as an image.
    """
    # A width of `size` is enough for most: they are wider than high.
    with open_rgb(path, min_size=(1, size)) as picture:
        pixels = np.asarray(picture)
    scale = size / max(pixels.shape[:2])
    if scale < 1:
        height, width = (max(1, round(side * scale)) for side in pixels.shape[:2])
        # 15 times as fast as Pillow's, and as good where pictures get smaller.
        pixels = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=80)
    return buffer.getvalue()


@functools.cache
def shared_pool() -> ThumbnailPool:
    """The pool that all widgets of this process share."""
    return ThumbnailPool()
