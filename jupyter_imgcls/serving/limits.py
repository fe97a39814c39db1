"""How much a service takes on before it refuses."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Limits"]


@dataclass(frozen=True)
class Limits:
    """What a request, and all requests together, may ask for.

    Parameters
    ----------
    photos_a_request : int
        More are refused with status 413.
    body_bytes : int
        Of one request; a longer body is refused with status 413 as soon as that is known.
    pixels : int
        Width times height of a photo, checked before it is decoded.
    decoding_seconds : float
        For a photo; one that takes longer is refused.
    waiting_photos : int
        Accepted and not yet decoded; beyond them a request is refused with status 503.
    buffered_bytes : int
        Bodies of all requests that are being received or worked on; beyond, status 503.
    connections : int
        Open ones, with or without a request; a request on one beyond them gets status 503.
    batch_photos : int
        That go through the network at once; fewer if they are larger than 32 MiB together.
    delay : float
        Seconds that a photo waits at most for others to share its batch, and only while others
        are being decoded.
    patience : float
        Seconds for a request's headers to arrive. The body has as long again, and more the longer
        it is: see `bytes_a_second`. Then the request is refused with status 408.
    bytes_a_second : float
        A body may arrive, and an answer be read, this slowly on average.
    """

    photos_a_request: int = 1000
    body_bytes: int = 64 * 2**20
    pixels: int = 64_000_000
    decoding_seconds: float = 10.0
    waiting_photos: int = 2000
    buffered_bytes: int = 256 * 2**20
    connections: int = 2500
    batch_photos: int = 16
    delay: float = 0.005
    patience: float = 10.0
    bytes_a_second: float = 4096.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value < 0 or (value == 0 and name != "delay"):
                raise ValueError(f"The limit {name} must be above 0, not {value}.")
        if self.waiting_photos < self.photos_a_request:
            raise ValueError("waiting_photos must not be smaller than photos_a_request.")
