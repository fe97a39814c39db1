"""The bodies of requests as they arrive: not too long, not too many, not too slow."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager

import anyio
from starlette.requests import ClientDisconnect, Request

from ..limits import Limits
from .requests import OverloadedError, RefusedRequestError

__all__ = ["Buffer", "Reservation", "read_body"]

_RETRY = 1  # seconds: bodies come and go fast


class Reservation:
    """The bytes that one request takes of the `Buffer`."""

    def __init__(self, buffer: Buffer) -> None:
        self._buffer = buffer
        self.size = 0

    def add(self, size: int) -> None:
        """Take more.

        Raises
        ------
        OverloadedError
            If there is no room.
        """
        if self._buffer.taken + size > self._buffer.size:
            raise OverloadedError(_RETRY)
        self._buffer.taken += size
        self.size += size


class Buffer:
    """How many bytes the bodies of all requests may take, and take.

    Parameters
    ----------
    size : int
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.taken = 0

    @contextmanager
    def reserve(self) -> Iterator[Reservation]:
        """Room for a request, for as long as it lasts."""
        reservation = Reservation(self)
        try:
            yield reservation
        finally:
            self.taken -= reservation.size


async def read_body(
    request: Request, limits: Limits, reservation: Reservation
) -> AsyncGenerator[bytes, None]:
    """The parts of a request's body as they arrive.

    Raises
    ------
    RefusedRequestError
        If it is longer than allowed (413), or comes too slowly (408).
    OverloadedError
        If there is no room for it.
    ClientDisconnect
        If the client is gone.
    """
    declared = request.headers.get("content-length", "0")
    _check_length(int(declared) if declared.isdecimal() else 0, limits)
    until = time.monotonic() + limits.patience
    more = True
    while more:
        try:
            late = until + reservation.size / limits.bytes_a_second
            with anyio.fail_after(late - time.monotonic()):
                message = await request.receive()
        except TimeoutError:
            raise RefusedRequestError(
                408,
                f"The body arrives too slowly: {reservation.size:,} bytes within "
                f"{late - until + limits.patience:.0f} seconds.",
            ) from None
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        part: bytes = message.get("body", b"")
        _check_length(reservation.size + len(part), limits)
        reservation.add(len(part))
        more = message.get("more_body", False)
        if part:
            yield part


def _check_length(length: int, limits: Limits) -> None:
    if length > limits.body_bytes:
        raise RefusedRequestError(
            413,
            f"The body is longer than {limits.body_bytes / 2**20:.3g} MiB: send fewer photos at "
            "once, or smaller ones.",
        )
