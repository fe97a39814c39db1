"""Dataclasses from JSON data that somebody else may have written."""

from __future__ import annotations

import json
from typing import TypeVar

__all__ = ["validated"]

T = TypeVar("T")


def validated(kind: type[T], values: object) -> T:
    """Make a dataclass of JSON data; types are checked, unknown fields ignored.

    Raises
    ------
    ValueError
        If a field is missing or has another type; the message names the first one.
    """
    from pydantic import TypeAdapter, ValidationError

    try:
        # By way of JSON, in which a list is also a tuple, and nothing else is converted.
        made = TypeAdapter(kind).validate_json(json.dumps(values), strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise ValueError(f"{place}: {first['msg']}" if place else first["msg"]) from error
    return made
