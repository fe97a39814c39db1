"""What a service itself says of a load test: its queue, its batches, its times."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass, field

import httpx
from prometheus_client.parser import text_string_to_metric_families

from ..addresses import is_loopback
from ..client import http_client

__all__ = ["MetricsPoller", "ServiceMetrics"]

_SECONDS_BETWEEN_LOOKS = 1.0
_PROCESS = "process_start_time_seconds"
_QUEUE = "imgcls_queue_photos"


@dataclass(frozen=True)
class ServiceMetrics:
    """The service's own figures; of one replica where it has several.

    Parameters
    ----------
    queue_mean, queue_most : float
        Photos that waited to be decoded, seen once a second.
    batch_photos : float
        That went through the network at once, on average.
    request_ms, decode_ms, network_ms : float
        Milliseconds that the service took for a request, for decoding a photo, and in the network
        for a batch, on average.
    cores : float
        That its process kept busy on average.
    memory_mb : float
        That its process held at the end, in MB.
    """

    queue_mean: float
    queue_most: float
    batch_photos: float
    request_ms: float
    decode_ms: float
    network_ms: float
    cores: float
    memory_mb: float


@dataclass
class _Look:
    at: float
    values: dict[str, float] = field(default_factory=dict)


class MetricsPoller:
    """Looks at a service's ``/metrics`` once a second, in a thread.

    Parameters
    ----------
    url : str
        Of the service: ``http://…/api/v1/service/<name>/score``.
    key : str or None
        Its key.
    """

    def __init__(self, url: str, key: str | None) -> None:
        self._url = url.partition("/api/")[0] + "/metrics"
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._looks: list[_Look] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="imgcls-metrics", daemon=True)

    def start(self) -> None:
        """Begin to look, if that was not done before."""
        if self._thread.ident is None:
            self._thread.start()

    def finish(self) -> ServiceMetrics | None:
        """Look a last time; the figures since `start`, or None for a service that tells none."""
        self._over.set()
        if self._thread.ident is not None:
            self._thread.join()
        looks = self._of_one_process()
        if len(looks) < 2:
            return None
        first, last = looks[0], looks[-1]

        def grown(name: str) -> float:
            return last.values.get(name, 0.0) - first.values.get(name, 0.0)

        def mean(name: str) -> float:
            count = grown(f"{name}_count")
            return grown(f"{name}_sum") / count if count else float("nan")

        queue = [look.values.get(_QUEUE, 0.0) for look in looks]
        return ServiceMetrics(
            queue_mean=sum(queue) / len(queue),
            queue_most=max(queue),
            batch_photos=mean("imgcls_batch_photos"),
            request_ms=1000 * mean("imgcls_request_seconds"),
            decode_ms=1000 * mean("imgcls_decode_seconds"),
            network_ms=1000 * mean("imgcls_inference_seconds"),
            cores=grown("process_cpu_seconds_total") / (last.at - first.at),
            memory_mb=last.values.get("process_resident_memory_bytes", float("nan")) / 1e6,
        )

    @property
    def waiting(self) -> float | None:
        """Photos that waited when it was looked last."""
        looks = self._looks
        return looks[-1].values.get(_QUEUE) if looks else None

    def _of_one_process(self) -> list[_Look]:
        """Looks with the figures of this package's service, all of the process seen first."""
        looks = [look for look in self._looks if _QUEUE in look.values]
        return [x for x in looks if x.values.get(_PROCESS) == looks[0].values.get(_PROCESS)]

    def _watch(self) -> None:
        over = False
        while not over:
            over = self._over.wait(_SECONDS_BETWEEN_LOOKS if self._looks else 0)
            self._look()

    def _look(self) -> None:
        look = _Look(time.monotonic())
        try:
            client = http_client(is_loopback(httpx.URL(self._url).host), os.getpid())
            answer = client.get(self._url, headers=self._headers, timeout=5)
            if answer.status_code == 200:
                for family in text_string_to_metric_families(answer.text):
                    samples = (s for s in family.samples if s.labels.keys() <= {"replica"})
                    look.values |= {sample.name: sample.value for sample in samples}
        # Other services may answer anything there, an overloaded one nothing: no figures then.
        except (httpx.HTTPError, ValueError):
            pass
        self._looks.append(look)
