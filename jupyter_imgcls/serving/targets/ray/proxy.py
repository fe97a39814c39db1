"""What Ray's HTTP proxy does for our services: no request is lost with a replica.

Where a replica dies, Ray Serve answers the requests that it worked on with status 500 and a plain
text. Scoring changes nothing, so another replica can be asked.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["OtherReplica", "middlewares"]

_log = logging.getLogger(__name__)
_TRIES = 3
_ANSWER = "The service has lost a process, and starts it again: send the request again."


def middlewares() -> list[Middleware]:
    """What Ray Serve puts around its proxy: see `local.environment`."""
    return [Middleware(OtherReplica)]


class OtherReplica:
    """Asks again where Ray Serve answers for a replica that has died.

    Parameters
    ----------
    app : ASGI application
        Ray Serve's proxy.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        received: list[Message] = []
        for _ in range(_TRIES):
            again = iter(list(received))

            async def replayed(again: Iterator[Message] = again) -> Message:
                for message in again:
                    return message
                message = await receive()
                received.append(message)
                return message

            answer = _Answer(send)
            try:
                await self._app(dict(scope), replayed, answer)
            except Exception:
                if answer.has_begun:
                    raise
                _log.warning("A replica was lost while it worked on a request", exc_info=True)
            if answer.has_begun:
                return
        body = json.dumps({"detail": _ANSWER}).encode()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"retry-after", b"1"),
        ]
        await send({"type": "http.response.start", "status": 503, "headers": headers})
        await send({"type": "http.response.body", "body": body})


class _Answer:
    """Passes an answer on, unless the proxy made it for a replica that it lost."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._is_of_proxy = False
        self.has_begun = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            kinds = [value for name, value in message["headers"] if name.lower() == b"content-type"]
            is_json = any(kind.startswith(b"application/json") for kind in kinds)
            self._is_of_proxy = message["status"] >= 500 and not is_json
        if not self._is_of_proxy:
            self.has_begun = True
            await self._send(message)
