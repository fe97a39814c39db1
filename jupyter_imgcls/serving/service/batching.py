"""Photos of many requests go through the network together.

Threads decode while others run the network. A photo waits for others only while the network is
busy, or a few milliseconds while others are being decoded. Requests take turns, so that one of a
thousand photos does not hold up those of one. All state is guarded by one lock.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from ...errors import UnreadableImageError
from ..limits import Limits
from .metrics import Metrics
from .model import ServedModel
from .requests import EncodedPhoto, OverloadedError, file_of

__all__ = ["Batcher", "Job", "Result"]

_log = logging.getLogger(__name__)

_LONGEST_RETRY = 30  # seconds
_BYTES_A_BATCH = 2**25

Result = NDArray[np.float32] | str
"""Raw scores of a photo, float32 (classes,), or why there are none."""


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


_Prepared = tuple[Job, int, NDArray[np.float32]]


class Batcher:
    """The threads that decode and score, and the queue before them.

    Parameters
    ----------
    model : ServedModel
    limits : Limits
    """

    def __init__(self, model: ServedModel, limits: Limits) -> None:
        self._model = model
        self._limits = limits
        self.metrics = Metrics(lambda: self._waiting)
        lock = threading.Lock()
        self._lock = lock
        self._can_decode = threading.Condition(lock)
        self._can_score = threading.Condition(lock)
        self._jobs: deque[Job] = deque()  # those with photos to decode; the first has its turn
        self._ready: deque[_Prepared] = deque()
        self._waiting = 0
        self._decoding = 0
        self._scoring = 0
        self._closing = False
        self._seconds_a_photo = 0.01
        # Decoded photos are large: their memory is used again, and there is a limit to them.
        most = _BYTES_A_BATCH // (4 * math.prod(model.shape))
        self._batch_photos = max(1, min(limits.batch_photos, most))
        self._ahead = 2 * self._batch_photos * model.workers
        self._free: list[NDArray[np.float32]] = []
        loops = [self._score_batches] * model.workers + [self._decode_photos] * model.cores
        self._threads = [threading.Thread(target=loop, daemon=True) for loop in loops]

    def start(self) -> None:
        """Begin to work."""
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Finish what was submitted, and end."""
        with self._lock:
            self._closing = True
            self._can_decode.notify_all()
            self._can_score.notify_all()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()

    @property
    def alive(self) -> bool:
        """Whether it works."""
        return not self._closing and all(thread.is_alive() for thread in self._threads)

    def submit(self, photos: Sequence[EncodedPhoto], on_done: Callable[[], object]) -> Job:
        """Put the photos of a request into the queue.

        Parameters
        ----------
        photos : sequence of EncodedPhoto
            One at least.
        on_done : callable
            Called in another thread, once, when all have a result; it must not wait for anything.

        Raises
        ------
        OverloadedError
            If too many photos wait already; none of these is taken then.
        """
        job = Job(photos, on_done)
        with self._lock:
            waiting = self._waiting + len(photos)
            if waiting > self._limits.waiting_photos:
                raise OverloadedError(self.seconds_to_wait())
            self._waiting = waiting
            self._jobs.append(job)
            self._can_decode.notify(len(photos))
        return job

    def seconds_to_wait(self) -> int:
        """After how many seconds the photos that wait now will be scored, about."""
        seconds = math.ceil(self._waiting * self._seconds_a_photo / self._model.workers)
        return min(max(1, seconds), _LONGEST_RETRY)

    def cancel(self, job: Job) -> None:
        """Drop a job whose results nobody wants any more."""
        with self._lock:
            self._waiting -= job.waiting
            if job.waiting:
                self._jobs.remove(job)
            job.drop()
            # Those that end when there is nothing left wait for this, too.
            self._can_decode.notify_all()
            self._can_score.notify_all()

    # -- threads --------------------------------------------------------------------------------

    def _decode_photos(self) -> None:
        while (taken := self._next_photo()) is not None:
            job, place, photo, array = taken
            started = time.perf_counter()
            reason = self._prepare(photo, array)
            self.metrics.decode_seconds.observe(time.perf_counter() - started)
            with self._lock:
                self._decoding -= 1
                if reason is None and not job.cancelled:
                    self._ready.append((job, place, array))
                else:
                    self._free.append(array)
                    self._can_decode.notify()
                if reason is not None:
                    job.settle(place, reason)
                self._can_score.notify()

    def _next_photo(self) -> tuple[Job, int, EncodedPhoto, NDArray[np.float32]] | None:
        """The photo whose turn it is; waits for one, and gives None at the end."""
        with self._lock:
            while not self._jobs or len(self._ready) + self._decoding >= self._ahead:
                if self._closing and not self._jobs:
                    return None
                self._can_decode.wait()
            job = self._jobs.popleft()
            place, photo = job.take()
            if job.waiting:
                self._jobs.append(job)
            self._waiting -= 1
            self._decoding += 1
            if self._closing:
                self._can_decode.notify_all()  # this may have been the last
            array = self._free.pop() if self._free else np.empty(self._model.shape, np.float32)
        return job, place, photo, array

    def _prepare(self, photo: EncodedPhoto, array: NDArray[np.float32]) -> str | None:
        """Decode a photo; gives the reason if that cannot be done."""
        try:
            self._model.preprocessing.into(file_of(photo), array)
        except UnreadableImageError as error:
            # A client cannot do what is advised to a program.
            return error.reason.partition(": raise it with")[0]
        except Exception:  # noqa: BLE001 -- one photo must not end the thread that decodes all
            _log.exception("A photo could not be decoded")
            return "it cannot be decoded"
        return None

    def _score_batches(self) -> None:
        memory = np.empty((self._batch_photos, *self._model.shape), np.float32)
        while (taken := self._next_batch()) is not None:
            batch, alone = taken
            started = time.perf_counter()
            failure, scores = None, np.empty((0, 0), np.float32)
            try:
                scores = self._model.raw_scores(_stack(batch, memory), alone)
            except Exception as error:  # noqa: BLE001 -- the requests of this batch are told
                _log.exception("The network could not score %d photos", len(batch))
                failure = error
            seconds = time.perf_counter() - started
            self.metrics.inference_seconds.observe(seconds)
            self.metrics.batch_photos.observe(len(batch))
            with self._lock:
                self._scoring -= 1
                self._seconds_a_photo += 0.1 * (seconds / len(batch) - self._seconds_a_photo)
                for row, (job, place, array) in enumerate(batch):
                    self._free.append(array)
                    job.failure = failure or job.failure
                    job.settle(place, "" if failure else _checked(scores[row]))

    def _next_batch(self) -> tuple[list[_Prepared], bool] | None:
        """The photos to be scored next, and whether that is all there is to do.

        Waits for some, and gives None at the end.
        """
        batch: list[_Prepared] = []
        with self._lock:
            while not batch:
                while not self._ready:
                    if self._closing and not self._jobs and not self._decoding:
                        self._can_score.notify_all()
                        return None
                    self._can_score.wait()
                self._wait_for_others()
                # Those that have nothing to do take their share.
                idle = self._model.workers - self._scoring
                share = math.ceil(len(self._ready) / idle)
                count = min(share, self._batch_photos)
                for job, place, array in (self._ready.popleft() for _ in range(count)):
                    if job.cancelled:
                        self._free.append(array)
                    else:
                        batch.append((job, place, array))
                self._can_decode.notify(count)
            alone = not (self._scoring or self._decoding or self._ready or self._jobs)
            self._scoring += 1
            if self._ready:
                self._can_score.notify()
        return batch, alone

    def _wait_for_others(self) -> None:
        until = time.monotonic() + self._limits.delay
        while self._decoding and len(self._ready) < self._batch_photos:
            left = until - time.monotonic()
            if left <= 0 or not self._can_score.wait(left):
                return


def _stack(batch: list[_Prepared], memory: NDArray[np.float32]) -> NDArray[np.float32]:
    if len(batch) == 1:
        return batch[0][2][None]
    images = memory[: len(batch)]
    for row, (_, _, array) in zip(images, batch, strict=True):
        row[:] = array
    return images


def _checked(scores: NDArray[np.float32]) -> Result:
    return scores if np.isfinite(scores).all() else "the network gives no numbers for it"
