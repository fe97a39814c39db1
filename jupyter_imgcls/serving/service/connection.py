"""HTTP connections that do not wait for ever, neither for a request nor for who reads no answer."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from starlette.responses import JSONResponse
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

__all__ = ["PatientConnection"]

# Of the address and the headers; and of what is none of them, nor a body.
_MOST_HEADER_BYTES = _MOST_OTHER_BYTES = 64 * 2**10
# Requests that a client sends before it has the answer to the first.
_MOST_AT_ONCE = 32
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
        self._header_bytes = self._other_bytes = 0
        self._in_message, self._in_headers = False, True
        self._refusal: str | None = None

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
        self._other_bytes = len(data) + (self._other_bytes if self._in_message else 0)
        super().data_received(data)
        # A part of a header, or extensions of chunks: the parser tells only what is complete.
        if self._other_bytes > _MOST_OTHER_BYTES and not self.transport.is_closing():
            self.send_400_response("The request has too much beside its body.")

    def on_message_begin(self) -> None:
        """Wait for a request's headers."""
        super().on_message_begin()
        self._in_message, self._header_bytes = True, 0
        self._wait()

    def on_url(self, url: bytes) -> None:
        """Count its bytes."""
        super().on_url(url)
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count its bytes."""
        super().on_header(name, value)
        self._count(len(name) + len(value))

    def _count(self, n_bytes: int) -> None:
        self._header_bytes += n_bytes
        self._other_bytes -= n_bytes
        if self._header_bytes > _MOST_HEADER_BYTES:
            self._refuse("The request's address and headers are too long.")

    def _refuse(self, reason: str) -> None:
        self._refusal = reason
        raise ValueError(reason)  # the parser stops, and uvicorn answers with 400

    def on_body(self, body: bytes) -> None:
        """Take a part of a body."""
        self._other_bytes -= len(body)
        super().on_body(body)

    def on_headers_complete(self) -> None:
        """The application has it from here on."""
        self._in_headers = False
        self._stop_waiting()
        if len(self.pipeline) >= _MOST_AT_ONCE:
            self._refuse("Too many requests at once: wait for the answers.")
        self.app = self.config.loaded_app if len(self.connections) <= self.most else _TOO_MANY
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The next thing to arrive is another request."""
        self._in_message, self._in_headers = False, True
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """What is left of a request that was answered early must arrive soon, too."""
        super().on_response_complete()
        if not self._in_headers:
            self._wait()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no request in JSON, as all others, and close the connection."""
        body = json.dumps({"detail": self._refusal or msg}).encode()
        head = (
            "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()

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
