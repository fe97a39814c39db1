"""The requests of a load test, and what they sum up to in a second."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

__all__ = ["PERCENTILES", "Request", "Second", "latency_percentiles", "second_of"]

PERCENTILES = (50, 95, 99)


class Request(NamedTuple):
    """One request: when it was due, seconds to its answer, the photo's number, and the error."""

    due: float
    seconds: float
    photo: int
    error: str

    @property
    def ended(self) -> float:
        """When the answer was there."""
        return self.due + self.seconds


@dataclass(frozen=True)
class Second:
    """What arrived in one second of the test.

    Parameters
    ----------
    second : int
        Its number, from 1.
    requests : int
        That were answered with scores.
    errors : int
        Those that were not.
    p50, p95, p99 : float
        Percentiles of the latency in milliseconds; NaN where there was no score.
    """

    second: int
    requests: int
    errors: int
    p50: float
    p95: float
    p99: float


def second_of(number: int, arrived: Sequence[Request]) -> Second:
    """Sum up the requests whose answers arrived in a second."""
    scored = [request for request in arrived if not request.error]
    return Second(number, len(scored), len(arrived) - len(scored), *latency_percentiles(scored))


def latency_percentiles(scored: Sequence[Request]) -> list[float]:
    """The `PERCENTILES` of the latency in ms; NaN without requests."""
    if not scored:
        return [math.nan] * len(PERCENTILES)
    latencies = [1000 * request.seconds for request in scored]
    return [float(value) for value in np.percentile(latencies, PERCENTILES)]
