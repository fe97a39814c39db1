"""HTTP connections that do not wait for ever, neither for a request nor for who reads no answer."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.responses import JSONResponse
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

__all__ = ["PatientConnection"]

_MOST_HEADER_BYTES = 64 * 2**10
_TOO_MANY = JSONResponse(
    {"detail": "The service is busy: it has too many connections."},
    503,
    {"Retry-After": "1", "Connection": "close"},
)


class PatientConnection(HttpToolsProtocol):
    """uvicorn's connection, closed if a request's headers are too long or take too long.

    It is also closed if the client does not read its answer. uvicorn itself waits without end, and
    keeps all it has got and has to send. Nor does it say when to come back, where there are too
    many connections. The attributes are those of `Limits`.
    """

    most = 2500
    patience = 10.0
    bytes_a_second = 4096.0

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._timer: asyncio.TimerHandle | None = None
        self._reader_timer: asyncio.TimerHandle | None = None
        self._header_bytes = 0
        self._in_headers = True

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first request."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._stop_waiting()
        self._stop_watching()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what has arrived."""
        if self._in_headers:
            self._header_bytes += len(data)
        super().data_received(data)
        if self._in_headers and self._header_bytes > _MOST_HEADER_BYTES:
            self.transport.close()

    def on_message_begin(self) -> None:
        """Wait for a request's headers."""
        super().on_message_begin()
        self._wait()

    def on_headers_complete(self) -> None:
        """The application has it from here on."""
        self._in_headers, self._header_bytes = False, 0
        self._stop_waiting()
        self.app = self.config.loaded_app if len(self.connections) <= self.most else _TOO_MANY
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The next thing to arrive is another request."""
        self._in_headers = True
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """What is left of a request that was answered early must arrive soon, too."""
        super().on_response_complete()
        if not self._in_headers:
            self._wait()

    def pause_writing(self) -> None:
        """See that the client reads what waits to be sent."""
        super().pause_writing()
        self._watch()

    def resume_writing(self) -> None:
        """The client has read it."""
        self._stop_watching()
        super().resume_writing()

    def _watch(self) -> None:
        unread = self.transport.get_write_buffer_size()
        self._reader_timer = self.loop.call_later(self.patience, self._check_reader, unread)

    def _check_reader(self, unread: int) -> None:
        if self.transport.get_write_buffer_size() > unread - self.patience * self.bytes_a_second:
            self.transport.abort()  # closing would wait for the client
        else:
            self._watch()

    def _stop_watching(self) -> None:
        if self._reader_timer is not None:
            self._reader_timer.cancel()
            self._reader_timer = None

    def _wait(self) -> None:
        self._stop_waiting()
        self._timer = self.loop.call_later(self.patience, self._give_up)

    def _give_up(self) -> None:
        if self.cycle is not None and not self.cycle.response_complete:
            self._wait()  # the answer to an earlier request is still to be sent
        else:
            self.transport.close()

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
