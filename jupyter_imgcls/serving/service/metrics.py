"""What a service tells Prometheus of itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["CONTENT_TYPE_LATEST", "Measured", "Metrics"]

_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)
_PHOTOS = (1, 2, 4, 8, 16, 32, 64)


class Metrics:
    """The counts and times of one service.

    Parameters
    ----------
    waiting : callable
        Gives the number of photos that wait at the moment.
    """

    def __init__(self, waiting: Callable[[], int]) -> None:
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self.requests = Counter(
            "imgcls_requests", "Requests answered", ["endpoint", "status"], registry=registry
        )
        self.request_seconds = Histogram(
            "imgcls_request_seconds",
            "From the headers of a scoring request to its answer",
            buckets=_SECONDS,
            registry=registry,
        )
        self.photos = Counter(
            "imgcls_photos", "Photos by what became of them", ["result"], registry=registry
        )
        self.batch_photos = Histogram(
            "imgcls_batch_photos", "Photos in a batch", buckets=_PHOTOS, registry=registry
        )
        self.decode_seconds = Histogram(
            "imgcls_decode_seconds", "Decoding of a photo", buckets=_SECONDS, registry=registry
        )
        self.inference_seconds = Histogram(
            "imgcls_inference_seconds",
            "The network, for a batch of photos",
            buckets=_SECONDS,
            registry=registry,
        )
        queue = Gauge(
            "imgcls_queue_photos", "Photos accepted and not yet decoded", registry=registry
        )
        queue.set_function(waiting)

    def photos_so_far(self, result: str) -> int:
        """How many photos came to this result, such as ``"scored"``."""
        return int(self._registry.get_sample_value("imgcls_photos_total", {"result": result}) or 0)

    def text(self, replica: str | None = None) -> bytes:
        """All of them, in the text format of Prometheus; with a label `replica` if it is given."""
        registry = CollectorRegistry()
        registry.register(_Labelled(self._registry, {"replica": replica} if replica else {}))
        return generate_latest(registry)


class _Labelled(Collector):
    def __init__(self, registry: CollectorRegistry, labels: dict[str, str]) -> None:
        self._registry = registry
        self._labels = labels

    def collect(self) -> Iterator[Metric]:
        for metric in self._registry.collect():
            metric.samples = [s._replace(labels=s.labels | self._labels) for s in metric.samples]
            yield metric


class Measured:
    """Counts the answers of an application and times those to scoring requests.

    Parameters
    ----------
    app : ASGI application
    metrics : Metrics
    score_path : str
        Path of scoring requests.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, score_path: str) -> None:
        self._app = app
        self._metrics = metrics
        self._score_path = score_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        # On a cluster the service lies below a prefix (root_path).
        scoring = scope["path"].removeprefix(scope.get("root_path", "")) == self._score_path
        status = 500  # if nothing is answered, the server answers that

        async def counted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, counted)
        finally:
            endpoint = "score" if scoring else "other"
            self._metrics.requests.labels(endpoint, str(status)).inc()
            if scoring:
                self._metrics.request_seconds.observe(time.perf_counter() - started)
