"""From a scoring request to its answer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from typing import Any

import numpy as np
import orjson
from anyio import to_thread
from fastapi import HTTPException, Request, Response
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect

from ..limits import Limits
from .answers import answer_text, error_text, readable_answer
from .batching import Batcher, Result
from .bodies import Buffer, Reservation, read_body
from .model import ServedModel
from .requests import EncodedPhoto, Parameters, RefusedRequestError, ScoringEntry, read_json

__all__ = ["ScoringEndpoint"]

# What takes longer than a fraction of a millisecond is done beside the event loop.
_LARGE_BODY = 2**20
_MANY_PHOTOS = 32


class ScoringEndpoint:
    """Answers scoring requests with one model.

    Parameters
    ----------
    model : ServedModel
    limits : Limits

    Attributes
    ----------
    batcher : Batcher
        Must be started before the first request.
    """

    def __init__(self, model: ServedModel, limits: Limits) -> None:
        self._labels = model.labels
        self._limits = limits
        self._buffer = Buffer(limits.buffered_bytes)
        self.batcher = Batcher(model, limits)

    async def answer(self, request: Request) -> Response:
        """Answer a request by its content type.

        Raises
        ------
        RefusedRequestError, OverloadedError, ClientDisconnect
        """
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        with self._buffer.reserve() as reservation:
            if kind == "multipart/form-data":
                return await self._answer_upload(request, reservation)
            body = bytearray()
            async for part in read_body(request, self._limits, reservation):
                body += part
            if kind.startswith("image/") or kind == "application/octet-stream":
                return await self._answer_image(request, bytes(body))
            return await self._answer_json(request, body)

    async def _answer_json(self, request: Request, body: bytearray) -> Response:
        if len(body) > _LARGE_BODY:
            entries = await to_thread.run_sync(read_json, body, self._limits)
        else:
            entries = read_json(body, self._limits)
        body.clear()
        asked = [entry.parameters for entry in entries if isinstance(entry, ScoringEntry)]
        results = await self._score(
            request, [entry.photo for entry in entries if isinstance(entry, ScoringEntry)]
        )
        if not any(isinstance(result, np.ndarray) for result in results):
            reasons = iter(results)
            return _refusal(
                [str(next(reasons)) if isinstance(e, ScoringEntry) else e for e in entries]
            )
        if len(entries) > _MANY_PHOTOS:
            scored = await to_thread.run_sync(self._texts, asked, results)
        else:
            scored = self._texts(asked, results)
        texts = iter(scored)
        answer = [next(texts) if isinstance(e, ScoringEntry) else error_text(e) for e in entries]
        return _json(answer)

    def _texts(self, asked: Sequence[Parameters], results: Sequence[Result]) -> list[str]:
        return [
            error_text(result)
            if isinstance(result, str)
            else answer_text(result, parameters, self._labels)
            for parameters, result in zip(asked, results, strict=True)
        ]

    async def _answer_image(self, request: Request, photo: bytes) -> Response:
        [result] = await self._score(request, [photo])
        if isinstance(result, str):
            return _refusal([result])
        return _json(readable_answer(result, self._labels))

    async def _answer_upload(self, request: Request, reservation: Reservation) -> Response:
        names, photos = await self._read_files(request, reservation)
        results = await self._score(request, photos)
        if all(isinstance(result, str) for result in results):
            return _refusal([str(result) for result in results])
        return _json(
            [
                {"file": name}
                | (
                    {"error": result}
                    if isinstance(result, str)
                    else readable_answer(result, self._labels)
                )
                for name, result in zip(names, results, strict=True)
            ]
        )

    async def _read_files(
        self, request: Request, reservation: Reservation
    ) -> tuple[list[str], list[bytes]]:
        most = self._limits.photos_a_request
        async with aclosing(read_body(request, self._limits, reservation)) as parts:
            parser = MultiPartParser(request.headers, parts, max_files=most, max_fields=most)
            parser.spool_max_size = self._limits.body_bytes  # nothing is written to the disk
            try:
                form = await parser.parse()
            except MultiPartException as error:
                raise RefusedRequestError(
                    400, f"The upload is not valid: {error.message}"
                ) from None
        try:
            files = [file for _, file in form.multi_items() if isinstance(file, UploadFile)]
            if not files:
                raise RefusedRequestError(400, "The upload has no file: curl -F photo=@photo.jpg")
            return [file.filename or "" for file in files], [await file.read() for file in files]
        finally:
            await form.close()

    async def _score(self, request: Request, photos: Sequence[EncodedPhoto]) -> list[Result]:
        """The raw scores of photos, or why there are none; dropped when the client goes away."""
        if not photos:
            return []
        loop = asyncio.get_running_loop()
        done = loop.create_future()

        def settle() -> None:
            if not done.done():
                done.set_result(None)

        job = self.batcher.submit(photos, lambda: loop.call_soon_threadsafe(settle))
        gone = asyncio.ensure_future(_disconnected(request))
        try:
            await asyncio.wait((done, gone), return_when=asyncio.FIRST_COMPLETED)
            if not done.done():
                raise ClientDisconnect
        finally:
            gone.cancel()
            if not done.done():
                self.batcher.cancel(job)
                self._count("dropped", len(photos))
        if job.failure is not None:
            self._count("failed", len(photos))
            raise HTTPException(500, "The network failed; the service's log says more.")
        unreadable = sum(isinstance(result, str) for result in job.results)
        self._count("unreadable", unreadable)
        self._count("scored", len(photos) - unreadable)
        return job.results

    def _count(self, result: str, photos: int) -> None:
        self.batcher.metrics.photos.labels(result).inc(photos)


async def _disconnected(request: Request) -> None:
    """Wait until the client is gone."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _json(value: Any) -> Response:
    content = orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)
    return Response(content, media_type="application/json")


def _refusal(reasons: Sequence[str]) -> Response:
    """The answer when no photo of a request could be scored."""
    if len(reasons) == 1:
        detail = f"The photo could not be scored: {reasons[0]}"
    else:
        detail = f"None of the {len(reasons)} photos could be scored; the first: {reasons[0]}"
    content = {
        "detail": detail,
        "photos": [{"error": reason} for reason in reasons],
    }
    return Response(orjson.dumps(content), 422, media_type="application/json")
