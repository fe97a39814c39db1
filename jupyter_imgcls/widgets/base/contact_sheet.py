"""A picture of some photos side by side, for viewers of notebooks that run no widgets."""

from __future__ import annotations

import io
from collections.abc import Sequence

from PIL import Image

from ...data.decoding.decode import open_rgb
from ...errors import UnreadableImageError

__all__ = ["STILL_PHOTOS", "contact_sheet"]

STILL_PHOTOS = 12
_COLUMNS = 6
_SIDE = 112
_GAP = 8


def contact_sheet(paths: Sequence[str]) -> bytes:
    """Make a JPEG of photos in rows of six, below 100 KB for `STILL_PHOTOS` of them.

    A photo that cannot be read leaves its place empty.
    """
    step = _SIDE + _GAP
    rows = max(1, -(-len(paths) // _COLUMNS))
    sheet = Image.new("RGB", (_COLUMNS * step + _GAP, rows * step + _GAP), "white")
    for number, path in enumerate(paths):
        left = _GAP + number % _COLUMNS * step
        top = _GAP + number // _COLUMNS * step
        try:
            photo = _small(path)
        except UnreadableImageError:
            photo = Image.new("RGB", (_SIDE, _SIDE), "#dddddd")
        sheet.paste(photo, (left + (_SIDE - photo.width) // 2, top + (_SIDE - photo.height) // 2))
    buffer = io.BytesIO()
    sheet.save(buffer, "JPEG", quality=80)
    return buffer.getvalue()


def _small(path: str) -> Image.Image:
    with open_rgb(path, min_size=(_SIDE, _SIDE)) as photo:
        photo.thumbnail((_SIDE, _SIDE))
        return photo
