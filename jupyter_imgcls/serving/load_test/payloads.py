"""The requests of a load test: photos of mixed sizes, encoded once and before the clock starts."""

from __future__ import annotations

import base64
import io
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from ...data.decoding.decode import open_rgb
from ...errors import ServiceError, UnreadableImageError
from ...scoring import Photos, PhotoSource, as_sources
from ..client import photo_file

__all__ = ["MIXED_SIZES", "SentPhoto", "photos_to_send"]

MIXED_SIZES: tuple[int | None, ...] = (None, 640, 224)
"""As people send them: as they are, for a page, and at the size of a network's input."""

_MOST_PHOTOS = 60
_MOST_BYTES = 256 * 2**20
_JPEG_QUALITY = 90


@dataclass(frozen=True)
class SentPhoto:
    """One of the requests.

    Parameters
    ----------
    name : str
        Path of the photo, or its number where it has none.
    side : int or None
        Pixels that its longer side was brought to; None for a file as it is.
    body : bytes
        The request's body.
    """

    name: str
    side: int | None
    body: bytes


def photos_to_send(photos: Photos, sizes: Sequence[int | None] = MIXED_SIZES) -> list[SentPhoto]:
    """Encode photos.

    Parameters
    ----------
    photos : path, URL, bytes, ndarray, Image, dataset, or a sequence of the former
        Of more than 60, every so manieth is taken.
    sizes : sequence of int or None
        Longer sides in pixels to which the photos are brought, in turn; None leaves one as it is.
        None is made larger.

    Raises
    ------
    ServiceError
        If there is no photo or no size.
    UnreadableImageError
        If a photo cannot be read.
    """
    sources = as_sources(photos)
    if not sources:
        raise ServiceError("There is no photo to send.")
    if not sizes or any(side is not None and side < 1 for side in sizes):
        raise ServiceError(f"sizes are longer sides in pixels, or None, not {sizes!r}.")
    taken = range(0, len(sources), -(-len(sources) // _MOST_PHOTOS))
    sent: list[SentPhoto] = []
    for turn in range(max(len(taken), len(sizes))):
        number = taken[turn % len(taken)]
        photo = _encode(sources[number], number, sizes[turn % len(sizes)])
        if sent and sum(len(other.body) for other in sent) + len(photo.body) > _MOST_BYTES:
            break
        sent.append(photo)
    return sent


def _encode(source: PhotoSource, number: int, side: int | None) -> SentPhoto:
    named = isinstance(source, str | os.PathLike)
    name = os.fspath(source) if named else f"photo {number}"  # type: ignore[arg-type]
    content = photo_file(source, None)
    if side is not None:
        try:
            with open_rgb(content, min_size=(side, side)) as photo:
                photo.thumbnail((side, side), Image.Resampling.BICUBIC)
        except UnreadableImageError as error:
            raise UnreadableImageError(name, error.reason) from error
        buffer = io.BytesIO()
        photo.save(buffer, "jpeg", quality=_JPEG_QUALITY)
        content = buffer.getvalue()
    entry = {"image_in_base64": base64.b64encode(content).decode("ascii"), "parameters": {}}
    return SentPhoto(name, side, json.dumps([entry]).encode())
