"""Load tests: how many requests a service answers, and how fast."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from tqdm.auto import tqdm

from ...errors import require_extra
from ...kernel.answering import PageAnswerer
from ...kernel.waiting import Awaited
from ...scoring import Photos, as_sources
from ..client import score
from .generator import Plan, generate_load
from .measurements import PERCENTILES, Request, Second, second_of
from .payloads import MIXED_SIZES, SentPhoto, photos_to_send
from .report import LoadSweep, LoadTestResult, draw_seconds
from .service_metrics import MetricsPoller

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["LoadState", "LoadTestRun", "load_sweep", "load_test", "start_load_test"]

_log = logging.getLogger(__name__)

LoadState = Literal["waiting", "warming up", "running", "stopping", "finished", "stopped", "failed"]

_SECONDS_BETWEEN_LOOKS = 0.25


class LoadTestRun(Awaited):
    """A load test in a thread of its own, so that nothing waits for it unless it wants to.

    Parameters
    ----------
    plan : Plan
        What load to make.
    photos : sequence of SentPhoto
        What to send.

    Attributes
    ----------
    plan : Plan
        As given.
    time : float
        Seconds since the end of the warm-up; below zero before.
    seconds : list of Second
        What arrived in each full second so far. Do not change it.
    result : LoadTestResult or None
        When it has ended, unless it failed.
    error : BaseException or None
        What went wrong, when `state` is ``"failed"``.
    errors : dict of str to int
        How many requests were not scored so far, by kind of error.
    """

    def __init__(self, plan: Plan, photos: Sequence[SentPhoto]) -> None:
        super().__init__()
        self.plan = plan
        self.time = -plan.warm_up
        self.seconds: list[Second] = []
        self.result: LoadTestResult | None = None
        self.errors: dict[str, int] = {}
        self._photos = photos
        self._requests: list[Request] = []
        self._arrived: list[Request] = []
        self._watch = MetricsPoller(plan.url, plan.key)
        self._stop_asked = threading.Event()
        self._thread = threading.Thread(target=self._run, name="imgcls-load", daemon=True)

    @property
    def state(self) -> LoadState:
        """Where the test stands, or how it ended."""
        if self._ended.is_set():
            stopped = "stopped" if self._stop_asked.is_set() else "finished"
            return "failed" if self.error is not None else stopped  # type: ignore[return-value]
        if self._thread.ident is None:
            return "waiting"
        if self._stop_asked.is_set() or self.time >= self.plan.duration:
            return "stopping"
        return "running" if self.time >= 0 else "warming up"

    @property
    def figures(self) -> tuple[float, dict[int, float]]:
        """Requests a second, and percentiles of the latency in ms: last second, or in the end all.

        NaN where nothing was scored.
        """
        if self.result is not None:
            return self.result.throughput, self.result.percentiles
        if not self.seconds:
            return math.nan, dict.fromkeys(PERCENTILES, math.nan)
        last = self.seconds[-1]
        return last.requests, {q: getattr(last, f"p{q}") for q in PERCENTILES}

    @property
    def waiting(self) -> float | None:
        """Photos that waited in the service when it was asked last, if it says so."""
        return self._watch.waiting

    def start(self) -> LoadTestRun:
        """Begin, in the thread."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Ask the test to end; returns at once. What was sent is still waited for."""
        self._stop_asked.set()

    def plot(self, figure: Figure | None = None) -> Figure:
        """Draw throughput and latency over the seconds so far, on a new figure by default."""
        return draw_seconds(figure, list(self.seconds))

    def __repr__(self) -> str:
        last = f": {self.seconds[-1]}" if self.seconds else ""
        return f"<LoadTestRun {self.state}{last}>"

    # -- the thread -----------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._measure()
        except BaseException as error:  # noqa: BLE001 - kept for wait(), in the user's thread
            self.error = error
        finally:
            self._watch.finish()
        self._ended.set()

    def _measure(self) -> None:
        bodies = [photo.body for photo in self._photos]
        arriving: list[Request] = []  # in the second under way
        duration = cores = 0.0
        for report in generate_load(self.plan, bodies, self._stop_asked):
            self.time = report["time"]
            if self.time >= 0:
                self._watch.start()
            if not self._stop_asked.is_set():
                duration = min(max(self.time, 0.0), self.plan.duration)
            for request in (Request(*answered) for answered in report["answered"]):
                if request.due >= 0:
                    self._requests.append(request)
                    if request.error:
                        self.errors[request.error] = self.errors.get(request.error, 0) + 1
                if request.ended >= 0:
                    arriving.append(request)
            full = int(min(self.time, duration))
            while len(self.seconds) < full:
                end = len(self.seconds) + 1
                self.seconds.append(second_of(end, [r for r in arriving if r.ended < end]))
                self._arrived += [r for r in arriving if r.ended < end]
                arriving = [r for r in arriving if r.ended >= end]
            cores = report.get("cores", 0.0)
        self._arrived += [request for request in arriving if request.ended <= duration]
        plan = self.plan
        self.result = LoadTestResult(
            plan.users,
            plan.rate,
            duration,
            [request for request in self._requests if request.due <= duration],
            self._arrived,
            self._photos,
            self._watch.finish(),
            cores,
        )


def start_load_test(
    url: str,
    key: str | None = None,
    images: Photos = (),
    users: int = 8,
    duration: float = 10.0,
    rate: float | None = None,
    warm_up: float = 2.0,
    *,
    sizes: Sequence[int | None] = MIXED_SIZES,
    timeout: float = 30.0,
) -> LoadTestRun:
    """Measure how many requests a service answers, and how fast, in the background.

    Locust sends the requests, one photo each, from a process of its own. `users` make a closed
    loop: each waits for its answer and asks again at once (after 0.1 s if there was an error).
    With `rate` the loop is open: requests come at random times, as from independent people,
    whether others were answered or not, and their latency counts from when they were due.

    Parameters
    ----------
    url : str
        Of the service: ``http://…/api/v1/service/<name>/score``.
    key : str, optional
        Its key, if it has one.
    images : path, URL, bytes, ndarray, Image, dataset, or a sequence of the former
        Photos to send in turn; of more than 60, a sample.
    users : int
        1 to 1000.
    duration : float
        Seconds to measure, at least 1.
    rate : float, optional
        Requests a second, in place of `users`.
    warm_up : float
        Seconds under load before the measurement.
    sizes : sequence of int or None
        Longer sides in pixels to which the photos are brought, in turn; None leaves one as it is.
    timeout : float
        Seconds to wait for an answer.

    Returns
    -------
    LoadTestRun
        For `jupyter_imgcls.widgets.load_monitor.LoadMonitor`, `LoadTestRun.stop` and
        `LoadTestRun.wait`.

    Raises
    ------
    MissingExtraError
        If Locust is not installed.
    ServiceError
        If a value is out of range, or the service does not score the first photo.
    UnreadableImageError
        If a photo cannot be read.

    Notes
    -----
    Throughput counts the scored answers that arrive in the measured time; latencies are those of
    scored requests sent in it. That the latency of an open loop counts from when a request was due
    avoids what G. Tene calls coordinated omission (How not to measure latency, 2015).
    """
    require_extra("load", "locust", "Load tests need Locust")
    plan = Plan(url, key, users, rate, duration, warm_up, timeout)
    photos = photos_to_send(images, sizes)
    # A wrong URL or key is told at once and in clear words.
    score(as_sources(images)[0], url, key, timeout=timeout, retries=1)
    return LoadTestRun(plan, photos).start()


def load_test(
    url: str, key: str | None = None, images: Photos = (), *, progress: bool = True, **options: Any
) -> LoadTestResult:
    """Measure how many requests a service answers, and how fast.

    Parameters
    ----------
    url, key, images, options
        See `start_load_test`: ``users=8``, ``duration=10``, ``rate=None``, ``warm_up=2``, and more.
    progress : bool
        Show how it goes: in a notebook charts with a Stop button, elsewhere a line.

    Returns
    -------
    LoadTestResult
        Of the time until then, if it was stopped or interrupted.

    Raises
    ------
    ServiceError, UnreadableImageError
        See `start_load_test`; and if the load cannot be made.
    """
    run = start_load_test(url, key, images, **options)
    try:
        if progress and PageAnswerer.find() is not None:
            _show_charts(run)
        elif progress:
            _show_line(run)
        run.wait()
    except KeyboardInterrupt:
        _log.info("Interrupted: the load test ends, and keeps what it has measured.")
        run.stop()
        run.wait()
    except BaseException:
        run.stop()
        raise
    assert run.result is not None
    return run.result


def load_sweep(
    url: str,
    key: str | None = None,
    images: Photos = (),
    users: Sequence[int] = (1, 2, 4, 8, 16),
    *,
    progress: bool = True,
    **options: Any,
) -> LoadSweep:
    """Run load tests with more and more users, one after the other.

    Parameters
    ----------
    users : sequence of int
        Of each test.
    url, key, images, options
        See `start_load_test`.
    progress : bool
        Show a line.

    Raises
    ------
    ServiceError, UnreadableImageError
        As for `load_test`.
    """
    results = []
    for number in (bar := tqdm(users, unit="test", disable=not progress)):
        bar.set_description(f"{number} users")
        results.append(load_test(url, key, images, users=number, progress=False, **options))
    return LoadSweep(results)


def _show_charts(run: LoadTestRun) -> None:
    """Follow a test in the notebook."""
    from IPython.display import display

    # The only thing of the widgets that serving needs, and in a notebook only.
    from ...widgets.load_monitor import LoadMonitor

    monitor = LoadMonitor(run)
    display(monitor)  # type: ignore[no-untyped-call]
    run.wait()
    monitor.join()


def _show_line(run: LoadTestRun) -> None:
    """Follow a test on one line of the terminal."""
    total = run.plan.warm_up + run.plan.duration
    form = "{desc}: {bar}| {n:.0f} of {total:.0f} s{postfix}"
    with tqdm(total=total, bar_format=form) as bar:
        while not run.wait(_SECONDS_BETWEEN_LOOKS):
            bar.set_description_str(run.state.capitalize(), refresh=False)
            if run.seconds:
                last = run.seconds[-1]
                words = f"{last.requests} requests/s, p95 {last.p95:.0f} ms, {last.errors} errors"
                bar.set_postfix_str(words, refresh=False)
            bar.n = min(run.time + run.plan.warm_up, total)
            bar.refresh()
