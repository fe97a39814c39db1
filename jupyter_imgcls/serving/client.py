"""Asking a service for the scores of photos."""

from __future__ import annotations

import base64
import io
import json
import logging
import os
import random
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from PIL import Image

from ..data.decoding.decode import decode_rgb
from ..download import download_file
from ..errors import ServiceError, UnreadableImageError
from ..scoring import Photos, PhotoSource, as_sources
from .addresses import is_loopback

__all__ = ["describe_service", "http_client", "photo_file", "score"]

_log = logging.getLogger(__name__)

# Scoring changes nothing, so that asking again is always safe, also when a replica died meanwhile.
_TRY_AGAIN = {429, 500, 502, 503, 504}
_LOST = (httpx.NetworkError, httpx.RemoteProtocolError, httpx.ConnectTimeout)
_LONGEST_PAUSE = 10.0
_MAX_PHOTO_BYTES = 64 * 2**20
# A request is kept small enough to be answered soon, and well below what a service accepts.
_PHOTOS_A_REQUEST = 32
_BYTES_A_REQUEST = 16 * 2**20
_one_at_a_time = threading.Lock()


def score(
    photos: Photos,
    url: str,
    key: str | None = None,
    image_resize_dims: Sequence[int] | None = None,
    parameters: Mapping[str, Any] | None = None,
    *,
    timeout: float = 60.0,
    retries: int = 6,
) -> str:
    """Have photos scored by a service.

    Parameters
    ----------
    photos : path, URL, bytes, ndarray, Image, dataset, or a sequence of the former
        One photo or many. ``http:`` and ``https:`` URLs are fetched here and not by the service.
    url : str
        Of the service: ``http://…/api/v1/service/<name>/score``.
    key : str, optional
        Its key, if it has one.
    image_resize_dims : sequence of int, optional
        (width, height) in pixels to which photos are brought before they are sent, so that less
        is sent. Without it, files are sent as they are.
    parameters : mapping, optional
        What the service is asked to do: ``{"addSoftmax": True}`` for probabilities.
    timeout : float
        Seconds to wait for an answer.
    retries : int
        How often to ask again, after 0.1, 0.2, 0.4, … seconds, when the service is overloaded or
        the connection breaks.

    Returns
    -------
    str
        A JSON list of strings, one for each photo: see `Classifier.parse_serialized_result`.

    Raises
    ------
    ServiceError
        If the service cannot be reached, refuses the request, or does not answer as a service does.
    UnreadableImageError
        If a file of a photo cannot be read.
    DownloadError
        If the URL of a photo cannot be fetched.
    """
    size = _checked_size(image_resize_dims)
    answers = []
    for body, count in _bodies(as_sources(photos), size, dict(parameters or {})):
        response = _ask("POST", url, key, timeout, retries, body)
        answer = _answer(response, url)
        if not isinstance(answer, list) or len(answer) != count:
            raise ServiceError(
                f"{url} does not answer as a scoring service does: {response.text[:200]}"
            )
        answers.append((response.text, answer))
    if len(answers) == 1:
        return answers[0][0]
    return json.dumps([entry for _, answer in answers for entry in answer])


def describe_service(url: str, key: str | None = None, timeout: float = 10.0) -> dict[str, Any]:
    """What a service says of itself: its ``labels``, input size and versions.

    Parameters
    ----------
    url, key, timeout
        See `score`.

    Raises
    ------
    ServiceError
        As for `score`.
    """
    answer = _answer(_ask("GET", url.removesuffix("/score"), key, timeout, retries=2), url)
    if not isinstance(answer, dict):
        raise ServiceError(f"{url} does not answer as a scoring service does.")
    return answer


def _checked_size(dims: Sequence[int] | None) -> tuple[int, int] | None:
    if dims is None:
        return None
    if len(dims) != 2 or not all(0 < side <= 10_000 for side in dims):
        raise ServiceError(
            f"image_resize_dims is [width, height] in pixels, 1 to 10,000 each, not {dims!r}."
        )
    return int(dims[0]), int(dims[1])


def _bodies(
    sources: Sequence[PhotoSource], size: tuple[int, int] | None, parameters: dict[str, Any]
) -> Iterator[tuple[bytes, int]]:
    """Bodies of requests, with the number of photos in each."""
    if not sources:
        raise ServiceError("There is no photo to score.")
    entries: list[dict[str, Any]] = []
    length = 0
    for source in sources:
        encoded = base64.b64encode(photo_file(source, size)).decode("ascii")
        if entries and (
            len(entries) == _PHOTOS_A_REQUEST or length + len(encoded) > _BYTES_A_REQUEST
        ):
            yield _json(entries), len(entries)
            entries, length = [], 0
        entries.append({"image_in_base64": encoded, "parameters": parameters})
        length += len(encoded)
    yield _json(entries), len(entries)


def _json(entries: list[dict[str, Any]]) -> bytes:
    try:
        return json.dumps(entries).encode()
    except (TypeError, ValueError) as error:
        raise ServiceError(f"The parameters cannot be sent as JSON: {error}.") from error


def photo_file(source: PhotoSource, size: tuple[int, int] | None) -> bytes:
    """The file of a photo, as it is sent."""
    if isinstance(source, np.ndarray):
        photo = Image.fromarray(source)
    else:
        content = source if isinstance(source, bytes) else _read(source)
        if size is None:
            return content
        try:
            photo = Image.fromarray(decode_rgb(content, min_size=size[::-1]))
        except UnreadableImageError as error:
            name = error.source if isinstance(source, bytes) else os.fspath(source)
            raise UnreadableImageError(name, error.reason) from error
    if size is not None:
        photo = photo.resize(size, Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    # Without loss, so that it is scored as it would be here.
    photo.save(buffer, "png", compress_level=1)
    return buffer.getvalue()


def _read(source: str | os.PathLike[str]) -> bytes:
    text = os.fspath(source)
    if text.startswith(("http://", "https://")):
        with tempfile.TemporaryDirectory(prefix="imgcls-") as folder:
            file = Path(folder) / "photo"
            download_file(text, file, max_bytes=_MAX_PHOTO_BYTES, progress=False)
            return file.read_bytes()
    try:
        return Path(text).read_bytes()
    except OSError as error:
        raise UnreadableImageError(text, error.strerror or str(error)) from error


def _ask(
    method: str, url: str, key: str | None, timeout: float, retries: int, body: bytes | None = None
) -> httpx.Response:
    """Send a request, again where that may help."""
    headers = {"Content-Type": "application/json"}
    if key:
        # Other characters would break the header, and then stand in the error message.
        if not key.isascii() or not key.isprintable() or " " in key:
            raise ServiceError("The service key has characters that no key has: copy it again.")
        headers["Authorization"] = f"Bearer {key}"
    for attempt in range(retries + 1):
        pause = 0.1 * 2**attempt * random.uniform(0.8, 1.2)
        try:
            client = http_client(is_loopback(httpx.URL(url).host), os.getpid())
            response = client.request(method, url, content=body, headers=headers, timeout=timeout)
        except _LOST as error:
            problem = str(error) or type(error).__name__
        except httpx.TimeoutException as error:
            raise ServiceError(f"{url} does not answer within {timeout:g} seconds.") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ServiceError(f"{url} cannot be asked: {error}.") from error
        else:
            if response.status_code not in _TRY_AGAIN:
                return response
            problem = _reason(response)
            wanted = response.headers.get("Retry-After", "")
            pause = max(pause, float(wanted)) if wanted.isdigit() else pause
        if attempt == retries:
            raise ServiceError(f"{url} does not serve: {problem}")
        _log.info("%s: %s; asking again", url, problem)
        time.sleep(min(pause, _LONGEST_PAUSE))
    raise AssertionError("unreachable")


def http_client(loopback: bool, process: int) -> httpx.Client:
    """One client a process (`process` makes it so after a fork): its connections are kept."""
    # Threads that come together would each make one, and leave its connection open.
    with _one_at_a_time:
        return _new_client(loopback, process)


@lru_cache(maxsize=4)
def _new_client(loopback: bool, process: int) -> httpx.Client:
    # A proxy that the environment names cannot reach the loopback addresses of this machine.
    return httpx.Client(trust_env=not loopback)


def _answer(response: httpx.Response, url: str) -> Any:
    status = response.status_code
    if status in (401, 403):
        raise ServiceError(f"{url} refuses the key: give the key of this service.")
    if status == 404:
        raise ServiceError(f"There is no service at {url}.")
    if status != 200:
        raise ServiceError(f"{url} refuses the request: {_reason(response)}")
    try:
        return response.json()
    except ValueError as error:
        raise ServiceError(
            f"{url} does not answer as a scoring service does: {response.text[:200]}"
        ) from error


def _reason(response: httpx.Response) -> str:
    """What the service says is wrong."""
    try:
        said = response.json()
    except ValueError:
        said = response.text
    if isinstance(said, dict):
        said = said.get("error") or said.get("detail") or said
    return f"{response.status_code} {response.reason_phrase}: {str(said)[:300]}"
