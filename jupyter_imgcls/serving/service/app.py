"""The web service over one classifier, as an ASGI application."""

from __future__ import annotations

import hmac
import logging
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from fastapi_offline import FastAPIOffline
from starlette.requests import ClientDisconnect

from ...data.decoding.limits import set_decoding_limits
from ..limits import Limits
from .documentation import DESCRIPTION, NEEDS_KEY, SCORE_DOCUMENTATION
from .endpoint import ScoringEndpoint
from .metrics import CONTENT_TYPE_LATEST, Measured
from .model import ServedModel
from .page import page_response
from .requests import OverloadedError, RefusedRequestError

__all__ = ["create_app"]

_log = logging.getLogger(__name__)

_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]{0,62}")
_CLIENT_IS_GONE = 499  # nobody reads it; it is counted
_BEARER = HTTPBearer(auto_error=False, description="The service key, made at deployment.")


def create_app(
    model: ServedModel,
    name: str,
    key: str | None,
    limits: Limits | None = None,
    replica: str | None = None,
) -> FastAPI:
    """Make the service.

    Its threads start and end with the application's lifespan.

    Parameters
    ----------
    model : ServedModel
    name : str
        Part of the service's URLs, ``/api/v1/service/<name>/score``: letters, digits, and inside
        also ``. _ -``.
    key : str or None
        What clients send as ``Authorization: Bearer <key>``; None for a service on a loopback
        address that anybody on the machine may use.
    limits : Limits, optional
    replica : str, optional
        Which one this is, where a service has several: each counts for itself, and its counts and
        times say so.

    Raises
    ------
    ValueError
        If the name cannot be part of a URL, or the key cannot be sent in a header.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} cannot be the name of a service: use letters, digits and '-'.")
    limits = limits or Limits()
    may_use = [Depends(_Guard(key))]
    scoring = ScoringEndpoint(model, limits)
    batcher = scoring.batcher

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        before = set_decoding_limits(pixels=limits.pixels, seconds=limits.decoding_seconds)
        batcher.start()
        yield
        batcher.close()
        set_decoding_limits(pixels=before.pixels, seconds=before.seconds)
        scored, dropped = (batcher.metrics.photos_so_far(what) for what in ("scored", "dropped"))
        _log.info("Ended; photos: %d scored, %d dropped", scored, dropped)

    app = FastAPIOffline(
        title=f"Image classifier {name}",
        description=DESCRIPTION,
        version=model.describe()["versions"]["jupyter_imgcls"],
        lifespan=lifespan,
        redoc_url=None,
    )
    path = f"/api/v1/service/{name}"

    @app.post(f"{path}/score", **SCORE_DOCUMENTATION, dependencies=may_use)
    async def score(request: Request) -> Response:
        """Score photos: a JSON list of them in base64, uploaded files, or one image file."""
        return await scoring.answer(request)

    @app.get(path, dependencies=may_use, responses=NEEDS_KEY)
    async def describe() -> dict[str, Any]:
        """What is served: labels, input size, versions, limits."""
        return {"name": name, **model.describe(), "limits": vars(limits)}

    @app.get(
        "/metrics",
        dependencies=may_use,
        responses=NEEDS_KEY,
        response_class=PlainTextResponse,
    )
    async def metrics() -> Response:
        """Counts and times, for Prometheus; on a cluster those of the replica that answers."""
        return Response(batcher.metrics.text(replica), media_type=CONTENT_TYPE_LATEST)

    @app.get("/healthz")
    @app.get("/readyz")
    async def health() -> JSONResponse:
        """Whether the service works."""
        alive = batcher.alive
        return JSONResponse({"status": "ok" if alive else "stopped"}, 200 if alive else 503)

    @app.get("/", include_in_schema=False)
    async def page() -> Response:
        return page_response(name, has_key=key is not None)

    @app.exception_handler(RefusedRequestError)
    async def refused(_: Request, error: RefusedRequestError) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, error.status)

    @app.exception_handler(OverloadedError)
    async def overloaded(_: Request, error: OverloadedError) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, 503, {"Retry-After": str(error.seconds)})

    @app.exception_handler(ClientDisconnect)
    async def gone(_: Request, __: ClientDisconnect) -> Response:
        return Response(status_code=_CLIENT_IS_GONE)

    app.add_middleware(Measured, metrics=batcher.metrics, score_path=f"{path}/score")
    return app


class _Guard:
    """Lets in who knows the service's key.

    Parameters
    ----------
    key : str or None
        None lets everybody in.
    """

    def __init__(self, key: str | None) -> None:
        if key is not None and not (key.isascii() and key.isprintable() and key.strip() == key):
            raise ValueError("The key must be printable ASCII without spaces around it.")
        if key == "":
            raise ValueError("The key is empty: give one, or None for a service without a key.")
        self._key = None if key is None else key.encode()

    async def __call__(
        self, given: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]
    ) -> None:
        """Refuse a request with status 401 unless it has the key."""
        if self._key is None:
            return
        # In constant time, so that nobody finds out the key byte by byte.
        if given is None or not hmac.compare_digest(given.credentials.encode(), self._key):
            what = "needs a key" if given is None else "does not know this key"
            raise HTTPException(
                401,
                f"The service {what}: send the header 'Authorization: Bearer <service key>'.",
                # Closed, so that who has no key cannot send thousands of requests at once.
                {"WWW-Authenticate": "Bearer", "Connection": "close"},
            )
