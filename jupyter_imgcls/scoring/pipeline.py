"""Photos become batches in threads, a little ahead of whoever uses them."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import UnreadableImageError
from .preprocessing import PhotoSource, Preprocessing

__all__ = ["Batch", "available_cores", "decode_ahead"]


@dataclass(frozen=True)
class Batch:
    """Some photos as a network takes them.

    Parameters
    ----------
    images : ndarray of float32, shape (n, 3, H, W)
        Normalized; zeros for a photo that cannot be read. Its memory is used again for a later
        batch: it is valid until the next one is asked for.
    problems : dict of int to str
        Why a photo of this batch cannot be read, by its place in the batch.
    """

    images: NDArray[np.float32]
    problems: dict[int, str]


def available_cores() -> int:
    """CPU cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def decode_ahead(
    batches: Iterable[Sequence[PhotoSource]],
    preprocessing: Preprocessing,
    *,
    threads: int | None = None,
    ahead: int = 2,
) -> Generator[Batch, None, None]:
    """Decode and prepare photos in threads, in order, while the caller works on earlier ones.

    The memory needed is that of ``ahead + 1`` batches, however many there are. Close the generator
    (`contextlib.closing`) to stop early: what is not begun is dropped, and the threads end.

    Parameters
    ----------
    batches : iterable of sequence of str, Path, bytes or ndarray
        Taken one at a time, when its turn comes.
    preprocessing : Preprocessing
    threads : int, optional
        One a core by default; decoding holds no lock of Python's.
    ahead : int
        Batches being decoded while the caller works on one.

    Yields
    ------
    Batch
    """
    pool = ThreadPoolExecutor(threads or available_cores(), thread_name_prefix="decode")
    coming: deque[tuple[NDArray[np.float32], list[Future[str | None]]]] = deque()
    free: list[NDArray[np.float32]] = []

    def begin(photos: Sequence[PhotoSource]) -> None:
        if free and len(free[-1]) >= len(photos):
            images = free.pop()
        else:
            size = (preprocessing.height, preprocessing.width)
            images = np.empty((len(photos), 3, *size), np.float32)
        jobs = [
            pool.submit(_prepare, preprocessing, photo, row)
            for photo, row in zip(photos, images, strict=False)
        ]
        coming.append((images, jobs))

    def finish() -> Iterator[Batch]:
        images, jobs = coming.popleft()
        reasons = [job.result() for job in jobs]
        yield Batch(
            images[: len(jobs)],
            {place: reason for place, reason in enumerate(reasons) if reason is not None},
        )
        free.append(images)

    try:
        for photos in batches:
            begin(photos)
            if len(coming) > ahead:
                yield from finish()
        while coming:
            yield from finish()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _prepare(
    preprocessing: Preprocessing, photo: PhotoSource, row: NDArray[np.float32]
) -> str | None:
    try:
        preprocessing.into(photo, row)
    except UnreadableImageError as error:
        row.fill(0)
        return error.reason
    return None
