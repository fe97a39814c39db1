"""Choose the reader for an image file.

Files are untrusted, so only these formats are read, each by the reader that matches its first
bytes. Pillow's own `open` would try dozens, some of which start other programs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import IO, Any, cast

from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Jpeg2KImagePlugin,
    JpegImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)
from PIL.Image import Image

__all__ = ["RefusedError", "open_image"]

# The plain JPEG reader: Pillow's other one also parses the second picture of 3-D photos.
_READERS: tuple[tuple[bytes, Callable[[IO[bytes]], Image]], ...] = (
    (b"\xff\xd8\xff", JpegImagePlugin.JpegImageFile),
    (b"\x89PNG\r\n\x1a\n", PngImagePlugin.PngImageFile),
    (b"GIF8", GifImagePlugin.GifImageFile),
    (b"BM", BmpImagePlugin.BmpImageFile),
    (b"II*\0", TiffImagePlugin.TiffImageFile),
    (b"MM\0*", TiffImagePlugin.TiffImageFile),
    (b"II+\0", TiffImagePlugin.TiffImageFile),
    (b"MM\0+", TiffImagePlugin.TiffImageFile),
    (b"\0\0\0\x0cjP  \r\n\x87\n", Jpeg2KImagePlugin.Jpeg2KImageFile),
    (b"\xff\x4f\xff\x51", Jpeg2KImagePlugin.Jpeg2KImageFile),
    *((b"P" + kind, PpmImagePlugin.PpmImageFile) for kind in (b"1", b"2", b"3", b"4", b"5", b"6")),
)
_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}


class RefusedError(Exception):
    """Why a file is not read, in plain words."""


def open_image(file: IO[bytes]) -> Image:
    """Read an image file's header with the reader for its first bytes.

    Parameters
    ----------
    file : binary file
        Positioned at its start; must stay open until the pixels are loaded.

    Returns
    -------
    PIL.Image.Image
        Its pixels are not decoded yet.

    Raises
    ------
    RefusedError
        If the format is unknown or not supported. A reader may raise any exception.
    """
    start = file.read(16)
    file.seek(0)
    for signature, reader in _READERS:
        if start.startswith(signature):
            return reader(file)
    if start.startswith(b"RIFF") and start[8:12] == b"WEBP":
        return WebPImagePlugin.WebPImageFile(file)
    if start[4:8] == b"ftyp" and start[8:12] in (b"avif", b"avis"):
        return _open_avif(file)
    if start[4:8] == b"ftyp" and start[8:12] in _HEIF_BRANDS:
        return _open_heif(file)
    raise RefusedError("not an image that can be read")


def _open_avif(file: IO[bytes]) -> Image:
    try:
        from PIL import AvifImagePlugin
    except ImportError:
        raise RefusedError("AVIF photos need Pillow 11.3: pip install -U pillow") from None
    return AvifImagePlugin.AvifImageFile(file)


def _open_heif(file: IO[bytes]) -> Image:
    try:
        import pillow_heif
    except ImportError:
        raise RefusedError(
            "HEIC photos need pillow-heif: pip install 'jupyter_imgcls[heic]', or save as JPEG"
        ) from None
    opener: Any = pillow_heif.HeifImageFile
    return cast("Image", opener(file))
