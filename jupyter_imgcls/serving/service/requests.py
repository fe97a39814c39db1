"""What clients send, checked: photos as base64 in JSON, and what is asked of each."""

from __future__ import annotations

import base64
from typing import Annotated

import orjson
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
)
from pydantic.alias_generators import to_camel
from pydantic.json_schema import SkipJsonSchema
from pydantic_core import ErrorDetails

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


class _FromClient(BaseModel):
    # "1" is no number and 1 is not true; misspelt names are errors. Names are as in JavaScript.
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, alias_generator=to_camel)


class Parameters(_FromClient):
    """The parameters of a photo, named by clients as in the article: ``addSoftmax``."""

    add_softmax: bool = Field(
        default=False, description="Probabilities instead of the network's raw outputs."
    )
    top_k: Annotated[int, Field(ge=1)] | SkipJsonSchema[None] = Field(
        default=None, description="Only so many classes, the best first."
    )
    threshold: Annotated[float, Field(ge=0, le=1)] | SkipJsonSchema[None] = Field(
        default=None, description="Only classes of at least this probability, the best first."
    )


class ScoringEntry(_FromClient):
    """One photo of a request."""

    photo: str = Field(
        alias="image_in_base64",
        description="An image file in base64: plain, as a data: URL, or as b'...'.",
    )
    parameters: Annotated[
        Parameters, BeforeValidator(lambda given: {} if given is None else given)
    ] = Parameters()


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
    try:
        return ScoringEntry.model_validate(entry)
    except ValidationError as error:
        # Without the input, which may be megabytes of base64.
        [first, *_] = error.errors(include_url=False, include_context=False, include_input=False)
        return _reason(first)


_RIGHT_VALUES = {
    "addSoftmax": "true or false",
    "topK": "a whole number from 1",
    "threshold": "a probability from 0 to 1",
}


def _reason(error: ErrorDetails) -> str:
    """What is wrong with an entry, in the words of its sender."""
    where = error["loc"][:2]
    name = str(where[-1])[:50]
    if where[0] == "image_in_base64":
        return '"image_in_base64" is missing, or not text'
    if where == ("parameters",):
        return '"parameters" must be an object like {"addSoftmax": true}'
    if where[0] != "parameters":
        return f"unknown entry {name!r} beside image_in_base64: known is parameters"
    if error["type"] == "extra_forbidden":
        return f"unknown parameter {name!r}: known are {', '.join(_RIGHT_VALUES)}"
    return f"the parameter {name} must be {_RIGHT_VALUES[name]}"


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
        If the text is not base64.
    """
    return photo if isinstance(photo, bytes) else _decoded(photo)


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
