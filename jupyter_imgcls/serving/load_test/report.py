"""Results of a load test: figures, tables and plots."""

from __future__ import annotations

import html
import io
import math
from base64 import b64encode
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ...evaluation.plot_style import dress
from ...style import ACCENT, ALERT, PALETTE
from .measurements import PERCENTILES, Request, Second, latency_percentiles, second_of
from .service_metrics import ServiceMetrics

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from .payloads import SentPhoto

__all__ = ["LoadSweep", "LoadTestResult", "draw_seconds"]

_BUSY_GENERATOR = 0.8
_COLOURS = {50: ACCENT, 95: PALETTE[4], 99: ALERT}


@dataclass(frozen=True)
class LoadTestResult:
    """What a load test found. The warm-up is in none of it.

    Parameters
    ----------
    users : int
        That asked at the same time.
    rate : float or None
        Requests a second that were sent in place of them.
    duration : float
        Seconds; fewer than wanted if it was stopped.
    requests : list of Request
        Those that were sent in this time.
    arrived : list of Request
        Those whose answers arrived in this time.
    photos : sequence of SentPhoto
        What was sent.
    server : ServiceMetrics or None
        What the service says of itself.
    cores : float
        That the load itself kept busy, which on one machine the service then lacks.
    """

    users: int
    rate: float | None
    duration: float
    requests: Sequence[Request] = field(repr=False)
    arrived: Sequence[Request] = field(repr=False)
    photos: Sequence[SentPhoto] = field(repr=False)
    server: ServiceMetrics | None
    cores: float

    @property
    def throughput(self) -> float:
        """Requests a second that were answered with scores."""
        scored = sum(not request.error for request in self.arrived)
        return scored / self.duration if self.duration else 0.0

    @cached_property
    def percentiles(self) -> dict[int, float]:
        """50th, 95th and 99th percentile of the latency in ms, of requests that were scored."""
        scored = [request for request in self.requests if not request.error]
        return dict(zip(PERCENTILES, latency_percentiles(scored), strict=True))

    @cached_property
    def errors(self) -> dict[str, int]:
        """How many requests were not scored, by kind of error, the most frequent first."""
        return dict(Counter(r.error for r in self.requests if r.error).most_common())

    @cached_property
    def seconds(self) -> list[Second]:
        """Each full second of the test."""
        arrived: list[list[Request]] = [[] for _ in range(int(self.duration))]
        for request in self.arrived:
            if request.ended < len(arrived):
                arrived[int(request.ended)].append(request)
        return [second_of(number, some) for number, some in enumerate(arrived, 1)]

    @property
    def frame(self) -> pd.DataFrame:
        """A row a request.

        Columns: ``due`` (seconds from the end of the warm-up), ``latency_ms``, ``photo``, ``side``
        (pixels to which the longer side was brought; <NA> for a file as it is), ``sent_kb``, and
        ``error`` ("" for none).
        """
        import pandas as pd

        photos = [self.photos[request.photo] for request in self.requests]
        return pd.DataFrame(
            {
                "due": [request.due for request in self.requests],
                "latency_ms": [1000 * request.seconds for request in self.requests],
                "photo": [photo.name for photo in photos],
                "side": pd.array([photo.side for photo in photos], dtype="Int64"),
                "sent_kb": [len(photo.body) / 1000 for photo in photos],
                "error": [request.error for request in self.requests],
            }
        )

    @property
    def over_time(self) -> pd.DataFrame:
        """A row a second: ``requests``, ``errors``, ``p50``, ``p95``, ``p99`` (ms)."""
        import pandas as pd

        names = list(Second.__dataclass_fields__)
        rows = [asdict(second) for second in self.seconds]
        return pd.DataFrame(rows, columns=names).set_index("second")

    @property
    def by_size(self) -> pd.DataFrame:
        """A row for each size of the photos: number of requests and their latencies (ms)."""
        import pandas as pd

        frame = self.frame[lambda frame: frame["error"] == ""]
        side = frame["side"].astype("string").fillna("as it is")
        latency = frame["latency_ms"].groupby(side)
        columns = {f"p{q}": latency.quantile(q / 100) for q in PERCENTILES}
        return pd.DataFrame({"requests": latency.size(), **columns})

    def summary(self) -> dict[str, str]:
        """The figures in words, by name."""
        load = f"{self.users} users" if self.rate is None else f"{self.rate:g} requests/s sent"
        rows = {
            "Load": f"{load} for {self.duration:.3g} s",
            "Throughput": f"{self.throughput:.1f} requests/s",
            **{f"Latency, p{q}": f"{ms:.0f} ms" for q, ms in self.percentiles.items()},
            "Errors": f"{sum(self.errors.values())} of {len(self.requests)} requests",
            **{f"  {kind}": str(count) for kind, count in self.errors.items()},
        }
        if (server := self.server) is not None:
            rows |= {
                "Photos in a batch": f"{server.batch_photos:.1f} on average",
                "Queue": f"{server.queue_mean:.1f} photos on average, "
                f"{server.queue_most:.0f} at most",
                "In the service": f"{server.request_ms:.0f} ms a request, {server.decode_ms:.1f} ms"
                f" to decode a photo, {server.network_ms:.0f} ms a batch in the network",
                "Service": f"{server.cores:.2f} cores, {server.memory_mb:.0f} MB",
            }
        busy = " - it was busy, and may have held up the test" * (self.cores > _BUSY_GENERATOR)
        return {**rows, "Load generator": f"{self.cores:.2f} cores{busy}"}

    def to_dict(self) -> dict[str, Any]:
        """The figures, for JSON."""
        return {
            "users": self.users,
            "rate": self.rate,
            "duration": self.duration,
            "requests": len(self.requests),
            "throughput": self.throughput,
            "latency_ms": {f"p{q}": _plain(ms) for q, ms in self.percentiles.items()},
            "errors": self.errors,
            "server": self.server
            and {name: _plain(value) for name, value in asdict(self.server).items()},
            "generator_cores": self.cores,
        }

    def plot(self, figure: Figure | None = None) -> Figure:
        """Draw throughput and latency over time.

        Parameters
        ----------
        figure : matplotlib Figure, optional
            Where to draw; a new one by default.
        """
        return draw_seconds(figure, self.seconds)

    def __str__(self) -> str:
        return _as_text(self.summary())

    def _repr_html_(self) -> str:
        rows = "".join(
            f'<tr><th style="text-align:left">{html.escape(name)}</th>'
            f'<td style="text-align:left">{html.escape(value)}</td></tr>'
            for name, value in self.summary().items()
        )
        return f"<table>{rows}</table>{_as_image(self.plot())}"


@dataclass(frozen=True)
class LoadSweep:
    """Load tests with more and more users.

    Parameters
    ----------
    results : sequence of LoadTestResult
        One for each number of users.
    """

    results: Sequence[LoadTestResult]

    @property
    def table(self) -> pd.DataFrame:
        """A row for each number of users: throughput, latency percentiles (ms), errors, batches."""
        import pandas as pd

        rows = [
            {
                "users": result.users,
                "throughput": result.throughput,
                **{f"p{q}": ms for q, ms in result.percentiles.items()},
                "errors": sum(result.errors.values()),
                "batch_photos": result.server.batch_photos if result.server else math.nan,
            }
            for result in self.results
        ]
        return pd.DataFrame(rows).set_index("users")

    @property
    def frame(self) -> pd.DataFrame:
        """A row a request, as in `LoadTestResult.frame`, with the number of ``users`` in front."""
        import pandas as pd

        frames = {result.users: result.frame for result in self.results}
        return pd.concat(frames, names=["users", None]).reset_index(0).reset_index(drop=True)

    def to_dict(self) -> dict[str, Any]:
        """The figures, for JSON."""
        return {"tests": [result.to_dict() for result in self.results]}

    def plot(self, figure: Figure | None = None) -> Figure:
        """Draw throughput and latency over users, on a new figure by default."""
        latencies = {q: [result.percentiles[q] for result in self.results] for q in PERCENTILES}
        throughputs = [result.throughput for result in self.results]
        users = [result.users for result in self.results]
        return _draw_load(figure, "Users", (users, throughputs), (users, latencies))

    def __str__(self) -> str:
        return str(self.table.to_string(float_format="{:.1f}".format))

    def _repr_html_(self) -> str:
        table = self.table.to_html(float_format="{:.1f}".format)
        return f"{table}{_as_image(self.plot())}"


def _as_text(rows: dict[str, str]) -> str:
    width = max(map(len, rows))
    return "\n".join(f"{name:{width}}  {value}" for name, value in rows.items())


def _plain(value: float) -> float | None:
    """A number for JSON, which has no NaN."""
    return None if math.isnan(value) else value


def draw_seconds(figure: Figure | None, seconds: Sequence[Second]) -> Figure:
    """Draw throughput and latency over time."""
    scored = [second for second in seconds if second.requests]
    latencies = {q: [getattr(second, f"p{q}") for second in scored] for q in _COLOURS}
    return _draw_load(
        figure,
        "Second",
        ([second.second for second in seconds], [second.requests for second in seconds]),
        ([second.second for second in scored], latencies),
    )


def _draw_load(
    figure: Figure | None,
    xlabel: str,
    throughput: tuple[Sequence[float], Sequence[float]],
    latency: tuple[Sequence[float], Mapping[int, Sequence[float]]],
) -> Figure:
    """Draw throughput and latency percentiles side by side, each as x and values."""
    if figure is None:
        from matplotlib.figure import Figure as NewFigure

        figure = NewFigure(figsize=(9, 3.2), dpi=100, layout="constrained", facecolor="white")
    left, right = figure.subplots(1, 2)
    left.plot(*throughput, "o-", ms=3, color=ACCENT)
    for q, values in latency[1].items():
        right.plot(latency[0], values, "o-", ms=3, color=_COLOURS[q], label=f"p{q}")
    right.legend(fontsize=8, frameon=False)
    dress(left, "Throughput", xlabel, "Requests/s")
    dress(right, "Latency", xlabel, "ms")
    for ax in (left, right):
        ax.set_ylim(0, 1.05 * max(ax.dataLim.y1, 1e-6) if ax.has_data() else 1)
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.grid(alpha=0.25, linewidth=0.6)
    return figure


def _as_image(figure: Figure) -> str:
    """A figure as HTML."""
    file = io.BytesIO()
    figure.savefig(file, format="png")
    picture = b64encode(file.getvalue()).decode("ascii")
    return f'<img alt="Throughput and latency" src="data:image/png;base64,{picture}">'
