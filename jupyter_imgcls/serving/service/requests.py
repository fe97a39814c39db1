"""What clients send, checked: photos as base64 in JSON, and what is asked of each."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from ...errors import DeploymentError, ServiceError, UnreadableImageError
from ..limits import Limits

__all__ = [
    "EncodedPhoto",
    "OverloadedError",
    "Parameters",
    "RefusedRequestError",
    "ScoringEntry",
    "file_of",
    "read_json",
]

EncodedPhoto = bytes | str
"""The content of an image file, or that in base64."""

# Brackets and commas take up to 30 times as much memory when they are parsed as in the text, so
# they are counted before, in a body where that matters. A photo's entry has one brace, its
# parameters another, and a few commas.
_COUNTED_FROM = 2**20
_OPENINGS_A_PHOTO = 4
_COMMAS_A_PHOTO = 16

_SOURCE = "the photo"

# Each scan of a progressive JPEG goes over all pixels again, however few bytes it has. Programs
# write up to 11, and a preview in the file has some, too.
_JPEG, _SCAN = b"\xff\xd8\xff", b"\xff\xda"
_MOST_SCANS = 100


class RefusedRequestError(ServiceError):
    """A request that is wrong as a whole.

    Parameters
    ----------
    status : int
        Of the HTTP answer.
    reason : str
        What is wrong, and what to do.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class OverloadedError(DeploymentError):
    """The queue is full.

    Parameters
    ----------
    seconds : int
        After which it is worth asking again.
    """

    def __init__(self, seconds: int) -> None:
        super().__init__("The service is busy: its queue is full.")
        self.seconds = seconds


@dataclass(frozen=True)
class Parameters:
    """What is asked for a photo, under the names of the article and of its clients.

    Parameters
    ----------
    add_softmax : bool
        ``addSoftmax``: probabilities instead of the network's raw outputs.
    top_k : int, optional
        ``topK``: only so many classes, the best first.
    threshold : float, optional
        ``threshold``: only classes whose probability is at least this, from 0 to 1.
    """

    add_softmax: bool = False
    top_k: int | None = None
    threshold: float | None = None

    @classmethod
    def read(cls, given: object) -> Parameters:
        """From JSON.

        Raises
        ------
        ServiceError
            If one is unknown or has a wrong value.
        """
        if given is None or given == {}:
            return _NO_PARAMETERS
        if not isinstance(given, dict):
            raise ServiceError('"parameters" must be an object like {"addSoftmax": true}')
        values: dict[str, Any] = {}
        for name, value in given.items():
            if name not in _PARAMETERS:
                known = ", ".join(_PARAMETERS)
                raise ServiceError(f"unknown parameter {name[:50]!r}: known are {known}")
            attribute, is_right, right = _PARAMETERS[name]
            if not is_right(value):
                raise ServiceError(f"the parameter {name} must be {right}")
            values[attribute] = value
        return cls(**values)


_NO_PARAMETERS = Parameters()


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _is_share(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


_PARAMETERS: Mapping[str, tuple[str, Callable[[object], bool], str]] = {
    "addSoftmax": ("add_softmax", lambda value: isinstance(value, bool), "true or false"),
    "topK": ("top_k", _is_count, "a whole number from 1"),
    "threshold": ("threshold", _is_share, "a probability from 0 to 1"),
}


@dataclass(frozen=True)
class ScoringEntry:
    """One photo of a request.

    Parameters
    ----------
    photo : str
        In base64.
    parameters : Parameters
    """

    photo: str
    parameters: Parameters


def read_json(body: bytes | bytearray, limits: Limits) -> list[ScoringEntry | str]:
    """The photos of a JSON request.

    Parameters
    ----------
    body : bytes
    limits : Limits

    Returns
    -------
    list of ScoringEntry or str
        For each photo, what is asked, or why that cannot be understood.

    Raises
    ------
    RefusedRequestError
        If it is not a JSON list of 1 to ``limits.photos_a_request`` entries.
    """
    most = limits.photos_a_request
    if len(body) > _COUNTED_FROM and (
        body.count(b"[") + body.count(b"{") > _OPENINGS_A_PHOTO * (most + 1)
        or body.count(b",") > _COMMAS_A_PHOTO * (most + 1)
    ):
        raise RefusedRequestError(413, f"Too many values: send up to {most:,} photos.")
    try:
        entries = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RefusedRequestError(
            400,
            f"The body is not JSON ({error}). Send a JSON list of photos, or an image file with "
            "its content type, such as image/jpeg.",
        ) from None
    if not isinstance(entries, list):
        raise RefusedRequestError(
            400,
            'The body must be a JSON list like [{"image_in_base64": "...", "parameters": {}}], '
            f"not a single {_kind(entries)}.",
        )
    if not entries:
        raise RefusedRequestError(400, "The list is empty: send at least one photo.")
    if len(entries) > most:
        raise RefusedRequestError(
            413, f"{len(entries):,} photos in a request: send up to {most:,} at once."
        )
    return [_read_entry(entry) for entry in entries]


def _read_entry(entry: object) -> ScoringEntry | str:
    if not isinstance(entry, dict):
        return f'it is a {_kind(entry)}, not an object like {{"image_in_base64": "..."}}'
    photo = entry.get("image_in_base64")
    if not isinstance(photo, str):
        return '"image_in_base64" is missing, or not text'
    unknown = entry.keys() - {"image_in_base64", "parameters"}
    if unknown:
        return f"unknown entry {min(unknown)[:50]!r} beside image_in_base64: known is parameters"
    try:
        return ScoringEntry(photo, Parameters.read(entry.get("parameters")))
    except ServiceError as error:
        return str(error)


def _kind(value: object) -> str:
    if isinstance(value, str):
        return "text"
    if isinstance(value, bool) or value is None:
        return "true, false or null"
    if isinstance(value, dict):
        return "object"
    return "list" if isinstance(value, list) else "number"


def file_of(photo: EncodedPhoto) -> bytes:
    """The image file of a photo.

    Parameters
    ----------
    photo : bytes or str
        The file itself; or it in base64, plain, as a ``data:`` URL, or as the text of a Python
        bytes object (``b'...'``) as the article's client sends it. Lines may be broken.

    Raises
    ------
    UnreadableImageError
        If the text is not base64, or the file is made to take hours to decode.
    """
    content = photo if isinstance(photo, bytes) else _decoded(photo)
    if content.startswith(_JPEG) and content.count(_SCAN) > _MOST_SCANS:
        raise UnreadableImageError(_SOURCE, f"a JPEG of more than {_MOST_SCANS} scans")
    return content


def _decoded(text: str) -> bytes:
    if text.startswith(("b'", 'b"')) and text[-1:] == text[1] and len(text) > 2:
        text = text[2:-1]
    elif text[:5].lower() == "data:":
        kind, _, text = text.partition(",")
        if not kind.lower().endswith(";base64"):
            raise UnreadableImageError(_SOURCE, "the data: URL is not in base64")
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        pass
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except ValueError as error:
        raise UnreadableImageError(_SOURCE, f"it is not base64: {error}") from None
